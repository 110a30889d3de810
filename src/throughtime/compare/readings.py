"""The outcomes in words and as the rows of a table: numbers that were measured, and nothing beyond them."""

from collections.abc import Sequence

from throughtime.compare.outcome import Outcome
from throughtime.training.rows import clock, horizon

COLUMNS = ("variant", "parameters", "validation", "horizon", "half-life", "time")


def unit_of(outcomes: Sequence[Outcome]) -> str:
    """What validation is told in: bits per character where every one has them, otherwise perplexity."""
    scored = [each for each in outcomes if each.val_loss is not None]
    return "perplexity" if any(each.val_bits_per_char is None for each in scored) else "bits/char"


def score(outcome: Outcome, unit: str) -> str:
    """A variant's validation in the unit of all."""
    if outcome.val_loss is None:
        return "-"
    return f"{outcome.val_perplexity:.4g}" if unit == "perplexity" else f"{outcome.val_bits_per_char:.3f}"


def row(outcome: Outcome, unit: str) -> tuple[str, ...]:
    """A line of the table, by `COLUMNS`."""
    o = outcome
    return (
        o.variant,
        f"{o.parameters:,}",
        score(o, unit),
        _from_to(_lags(o.horizon_first, o.censored_first), _lags(o.horizon_last, o.censored_last)),
        _from_to(
            _half_life(o.probe_first, o.half_life_first, o.falls_first),
            _half_life(o.probe_last, o.half_life_last, o.falls_last),
        ),
        f"diverged at {o.diverged_at:,}"
        if o.state == "diverged"
        else "-"
        if o.seconds is None
        else clock(o.seconds),
    )


def readings(outcomes: Sequence[Outcome]) -> list[str]:
    """What the numbers say, a sentence each."""
    return [*_validation(outcomes), *_reach(outcomes), *_clipping(outcomes), *_diverged(outcomes)]


def _validation(outcomes: Sequence[Outcome]) -> list[str]:
    scored = [each for each in outcomes if each.state == "finished" and each.val_loss is not None]
    if len(scored) < 2:
        return []
    ranked = sorted(scored, key=lambda each: each.val_loss or 0.0)
    unit = unit_of(outcomes)
    said = "bits per character" if unit == "bits/char" else "perplexity"
    listed = ", ".join(f"{each.variant} {score(each, unit)}" for each in ranked)
    return [
        f"On the held-out text, from best to worst in {said}: {listed}. One run each: another seed may swap neighbours."
    ]


def _reach(outcomes: Sequence[Outcome]) -> list[str]:
    measured = [each for each in outcomes if each.horizon_last is not None]
    if not measured:
        return []
    measured.sort(key=lambda each: (each.horizon_last or 0, bool(each.censored_last)))
    listed = ", ".join(
        f"{each.variant} {'at least ' if each.censored_last else ''}{each.horizon_last}" for each in measured
    )
    lines = [f"How many lags back a loss still reaches (99% of its gradient), at the last probe: {listed}."]
    steady = [each.variant for each in measured if each.falls_last is False]
    if steady:
        lines.append(f"Within the lags measured, the gradient does not fall off in {', '.join(steady)}.")
    return lines


def _clipping(outcomes: Sequence[Outcome]) -> list[str]:
    clipped = [each for each in outcomes if each.clipped_share]
    if not clipped:
        return []
    listed = ", ".join(f"{each.variant} {each.clipped_share:.1%}" for each in clipped)
    return [f"Updates whose gradient clipping shortened: {listed}."]


def _diverged(outcomes: Sequence[Outcome]) -> list[str]:
    return [
        f"{each.variant} diverged at step {each.diverged_at:,}"
        + (
            "."
            if each.best_step is None
            else f"; its weights of step {each.best_step:,} are the ones scored."
        )
        for each in outcomes
        if each.state == "diverged"
    ]


def _lags(lags: int | None, censored: bool | None) -> str:
    return "-" if lags is None else horizon(lags, bool(censored))


def _half_life(probe: int | None, half_life: float | None, falls: bool | None) -> str:
    if probe is None:
        return "-"
    if half_life is not None:
        return f"{half_life:.3g}" if half_life < 1000 else f"{half_life:,.0f}"
    return "infinite" if falls is False else "-"


def _from_to(first: str, last: str) -> str:
    return first if first == last == "-" else f"{first} to {last}"
