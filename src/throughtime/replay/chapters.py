"""The chapters: the numbers of `measures` and `slips` in the words of the catalogue, with the drawings."""

import math

import numpy as np
from rich.text import Text

from throughtime.replay.drawing import Curve, bar, decades, plot, side_by_side, triangle
from throughtime.replay.measures import (
    ENLARGING,
    SATURATING,
    TAU,
    Activations,
    Fading,
    Forward,
    LeftOut,
    ThreeWays,
    Training,
    TwoTruncations,
)
from throughtime.replay.numbers import percent, power_of_ten, superscript
from throughtime.replay.page import Page
from throughtime.replay.setting import Setting

PARAMETERS = ("U", "V", "W")


def show_forward(page: Page, setting: Setting, found: Forward) -> None:
    """The forward equations on the sentence."""
    page.title("forward.title")
    page.say("forward.about")
    page.equations(
        f"sₜ = tanh(U xₜ + W sₜ₋₁)     U {setting.H}×{setting.V}, W {setting.H}×{setting.H}, s₋₁ = 0",
        f"oₜ = softmax(V sₜ)           V {setting.V}×{setting.H}",
        "Eₜ = −log oₜ[yₜ]             E = Σₜ Eₜ",
    )
    page.say("forward.shapes")
    units = len(found.first_steps[0].s)
    page.say("forward.units", units=units, H=setting.H)
    rows = []
    for step in found.first_steps:
        t = "₀₁"[step.t]
        before = "₋₁" if step.t == 0 else "₀"
        for what, numbers in ((f"U x{t}", step.Ux), (f"W s{before}", step.Ws), (f"s{t} = tanh(…)", step.s)):
            rows.append([what, *(f"{number:+.4f}" for number in numbers)])
    page.table(["", *(f"{unit}" for unit in range(units))], rows)

    page.say("forward.words")
    of, T = page.text, setting.T
    rows = [
        [
            str(t),
            found.words[t],
            found.words[t + 1],
            f"{found.probabilities[t]:.6f}",
            f"{found.losses[t]:.4f}",
        ]
        for t in range(T)
    ]
    if T > 9:
        rows[6:-2] = [["…", of("forward.more", number=T - 8), "", "", ""]]
    page.table(["t", of("forward.reads"), of("forward.predicts"), "oₜ[yₜ]", "Eₜ"], rows, left=3)
    page.conclude(
        "forward.conclusion",
        loss=f"{found.loss:.2f}",
        T=T,
        per_word=f"{found.loss_per_word:.3f}",
        ln_V=f"{found.ln_V:.3f}",
    )


def show_three_ways(page: Page, found: ThreeWays) -> None:
    """The gradients by the loop, the engine and finite differences."""
    page.title("gradients.title")
    page.say("gradients.about")
    page.equations(
        "∂E/∂V    = Σₜ (oₜ − yₜ) ⊗ sₜ",
        "e(t,t)   = Vᵀ(oₜ − yₜ) ∘ (1 − sₜ²)",
        "e(t,k−1) = Wᵀ e(t,k) ∘ (1 − sₖ₋₁²)",
        "∂E/∂W    = Σₜ Σₖ e(t,k) ⊗ sₖ₋₁          k = t, t−1, …, max(0, t−τ)",
        "∂E/∂U    = Σₜ Σₖ e(t,k) ⊗ xₖ",
    )
    page.say("gradients.ways", entries=found.entries, tau=TAU, terms=TAU + 1)
    of = page.text
    rows = [
        [
            of("gradients.whole") if comparison.tau is None else f"τ = {comparison.tau}",
            f"∂E/∂{name}",
            f"{comparison.norm:.4f}",
            power_of_ten(comparison.engine),
            power_of_ten(comparison.differences),
        ]
        for which in range(2)
        for name in PARAMETERS
        for comparison in [found.comparisons[name][which]]
    ]
    headings = ["", "", *(of(f"gradients.{key}") for key in ("norm", "engine", "differences"))]
    page.table(headings, rows, left=2)
    page.say("gradients.relative")
    page.conclude(
        "gradients.conclusion", article_ms=f"{found.article_ms:.1f}", engine_ms=f"{found.engine_ms:.1f}"
    )


def show_left_out(page: Page, setting: Setting, found: LeftOut) -> None:
    """What each truncation leaves out, as bars."""
    page.title("truncation.title")
    page.say("truncation.about")
    page.equations(page.text("truncation.measure"))
    largest = max(found.W) or 1.0
    page.draw(
        [
            Text.assemble(f"τ ={tau:3}  ", bar(share / largest, 40), f" {percent(share)}")
            for tau, share in zip(found.taus, found.W, strict=True)
        ]
    )
    if TAU in found.taus and setting.T > TAU + 1:
        page.conclude("truncation.conclusion", tau=TAU, share=percent(found.W[found.taus.index(TAU)]))
    else:
        page.conclude("truncation.short", T=setting.T)


def show_activations(page: Page, found: Activations) -> None:
    """The article's figure: two panels."""
    page.title("activations.title")
    page.say("activations.about")
    panels: list[list[Text]] = []
    for name in ("tanh", "sigmoid"):
        curves = [
            Curve(found.a, getattr(found, f"{name}_derivative"), "○", "yellow"),
            Curve(found.a, getattr(found, name), "●", "cyan"),
        ]
        edges = (found.a[0], found.a[-1])
        lines = plot(
            curves,
            edges,
            (-1.0, 1.0),
            len(found.a),
            13,
            "{:+.1f}".format,
            (-1, -0.5, 0, 0.5, 1),
            (-6, -3, 0, 3, 6),
        )
        panels.append([Text(f"      {name}", "bold"), *lines])
    page.draw(side_by_side(panels[0], panels[1], gap=3))
    legend = Text.assemble(
        "      ",
        ("● ", "cyan"),
        page.text("activations.function"),
        "     ",
        ("○ ", "yellow"),
        page.text("activations.derivative"),
    )
    page.draw([legend])
    page.conclude("activations.conclusion")


def show_fading(page: Page, found: Fading) -> None:
    """The profile by lag, on a logarithmic scale."""
    page.title("fading.title")
    page.say("fading.about", sentences=found.sentences)
    lags = found.lags
    usual = Curve(lags, _log10(found.usual), "●", "cyan")
    saturated = Curve(lags, _log10(found.saturated), "▼", "yellow")
    enlarged = Curve(lags, _log10(found.enlarged), "▲", "red")
    dots = np.linspace(0, lags[-1], 2 * len(lags) - 1)
    reference = Curve(dots.tolist(), (dots * math.log10(found.expected_factor)).tolist(), "·", "dim")
    curves = [reference, enlarged, saturated, usual]
    ticks = decades(min(min(curve.y) for curve in curves), max(max(curve.y) for curve in curves))
    between = 18 // (len(ticks) - 1)
    lines = plot(
        curves,
        (0, lags[-1]),
        (ticks[-1], ticks[0]),
        columns=3 * lags[-1] + 1,
        rows=between * (len(ticks) - 1) + 1,
        y_label=lambda power: "1" if power == 0 else f"10{superscript(round(power))}",
        y_ticks=ticks,
        x_ticks=[lag for lag in lags if lag % 5 == 0],
    )
    of = page.text
    page.draw([*lines, Text(f"       {of('fading.lag')}", "dim")])
    legend = [
        (enlarged, of("fading.enlarged", times=f"{ENLARGING:g}", factor=f"{found.enlarged_factor:.2f}")),
        (
            usual,
            of("fading.usual", factor=f"{found.usual_factor:.2f}", expected=f"{found.expected_factor:.2f}"),
        ),
        (
            saturated,
            of(
                "fading.saturated",
                edge=f"{SATURATING:g}",
                factor=f"{found.saturated_factor:.2f}",
                share=percent(found.saturated_share),
            ),
        ),
        (reference, of("fading.reference")),
    ]
    page.draw([Text.assemble((f"{curve.mark} ", curve.style), words) for curve, words in legend])
    page.say("fading.why")
    lag = min(10, lags[-1])
    page.conclude("fading.conclusion", lag=lag, share=percent(found.usual[lag]))
    if found.saturated_factor < found.usual_factor < 1 < found.enlarged_factor:  # not so in a tiny network
        page.conclude("fading.no_cure")


def show_two_truncations(page: Page, setting: Setting, found: TwoTruncations) -> None:
    """Both truncations: which pairs (t, k) they keep, and how far they are from the whole and from each other."""
    page.title("two.title")
    of, T = page.text, min(setting.T, 10)
    page.say("two.about", tau=found.tau, T=T)
    loop = triangle(T, lambda t, k: t - k <= found.tau)
    scan = triangle(T, lambda t, k: k >= T - found.tau)
    left = [Text(of("two.article"), "bold"), *loop]
    right = [Text(of("two.scan"), "bold"), *scan]
    page.draw(side_by_side(left, right, gap=6))
    legend = Text.assemble(
        ("■ ", "green"), (of("two.kept"), "dim"), ("     · ", "dim"), (of("two.left_out"), "dim")
    )
    page.draw([legend])

    def whole(part: int, of_all: int) -> str:
        return of("two.of", part=part, whole=of_all)

    rows = [
        [
            f"{of('two.missing')} ∂E/∂{name}",
            percent(found.article[name]),
            percent(found.scan[name]),
            percent(found.between[name]),
        ]
        for name in PARAMETERS
    ]
    rows.append([of("two.losses"), *(whole(kept, setting.T) for kept in found.losses_kept), ""])
    rows.append([of("two.paths"), *(whole(kept, found.paths) for kept in found.paths_kept), ""])
    page.table([f"T = {setting.T}", of("two.loop"), of("two.scan"), of("two.difference")], rows)
    if found.tau < setting.T:
        page.conclude("two.conclusion", tau=found.tau)
    else:
        page.conclude("two.short", T=setting.T)


def show_training(page: Page, setting: Setting, found: Training) -> None:
    """The falling loss, and a sentence by the trained network."""
    page.title("training.title")
    repeated = found.steps > len(setting.sentences)
    ln_V = math.log(setting.V)
    page.say(
        "training.repeated" if repeated else "training.about",
        steps=found.steps,
        rate=f"{found.learning_rate:g}",
        tau=TAU,
        group=found.group,
        ln_V=f"{ln_V:.2f}",
    )
    read = [(number + 1) * found.group for number in range(len(found.losses))]
    losses = [found.start, *found.losses]
    top, bottom = math.ceil(2 * max(ln_V, *losses)) / 2, math.floor(2 * min(losses)) / 2
    bottom = min(bottom, top - 0.5)
    halves = round(2 * (top - bottom))
    page.draw(
        plot(
            [
                Curve(np.linspace(0, read[-1], 33).tolist(), [ln_V] * 33, "-", "dim"),
                Curve([0, *read], losses, "●", "cyan"),
            ],
            (0, read[-1]),
            (bottom, top),
            columns=65,
            rows=halves * max(1, 14 // halves) + 1,
            y_label="{:.1f}".format,
            y_ticks=[bottom + half / 2 for half in range(halves + 1)],
            x_ticks=[read[-1] * quarter // 4 for quarter in range(5)],
        )
    )
    page.draw([Text(" " * 6 + page.text("training.steps"), "dim")])
    page.say("training.writes")
    page.gap()
    for sentence in found.written:
        page.line("·", "dim", sentence or page.text("training.silence"))
    page.conclude(
        "training.by_heart" if repeated else "training.conclusion",
        first=f"{found.start:.2f}",
        last=f"{found.losses[-1]:.2f}",
        seconds=f"{found.seconds:.1f}",
    )


def _log10(curve: list[float]) -> list[float]:
    return [math.log10(value) for value in curve]
