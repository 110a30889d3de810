"""A gradient flow as text: the lag curve, what it amounts to, and the findings."""

import math
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from throughtime.flow.profile import GradientFlow
    from throughtime.training.diagnosis import Diagnosis
    from throughtime.training.run import Run

_WIDTH = 88
# A curve's bar is so long at phi_0, and ends where a millionth is left.
_BAR, _DECADES = 48, 6
_LABEL = 12


def describe(found: "Diagnosis", run: "Run") -> Iterator[str]:
    """All of it, line by line."""
    flow, training = found.flow, found.training
    layers = f"{flow.num_layers} x {flow.hidden_size}" if flow.num_layers > 1 else f"{flow.hidden_size}"
    course = (
        "imported" if training is None else f"{training.steps:,} updates, truncation {training.truncation}"
    )
    yield f"{run.path}: {flow.name} {layers}, {course}"
    losses = int(flow.origins[0])
    followed = "the loss of 1 step" if losses == 1 else f"the losses of {losses:,} steps, each"
    yield f"Measured on {found.text}: {followed} followed back by itself."
    if flow.curve().phi[0] > 0:
        for layer in reversed(range(flow.num_layers)):
            yield ""
            yield from _curve(flow, layer)
        yield ""
        yield from _measures(found)
    yield ""
    yield from tell_findings(found)


def tell_findings(found: "Diagnosis") -> Iterator[str]:
    """The findings, each with its command."""
    from throughtime.flow.words import TOO_SHORT

    if not found.findings and not found.evidence.curve.too_short:
        yield "Nothing stands out: no illness that throughtime knows of was found."
    elif not found.findings:
        yield from textwrap.wrap(TOO_SHORT, _WIDTH)
    for number, finding in enumerate(found.findings):
        if number:
            yield ""
        yield f"{finding.severity.upper()}: {finding.name}"
        for text in (finding.evidence, finding.meaning, finding.remedy):
            yield from textwrap.wrap(text, _WIDTH, initial_indent="  ", subsequent_indent="  ")
        if finding.command is not None:
            yield f"    {finding.command}"  # whole, to be copied


def _curve(flow: "GradientFlow", layer: int) -> Iterator[str]:
    """One layer's curve at a few lags, as bars on a log scale."""
    name = f", layer {layer}" if flow.num_layers > 1 else ""
    yield f"lag   gradient     share of lag 0, from 1 down to a millionth{name}"
    relative = flow.curve(layer=layer).relative
    for lag in _lags(len(relative) - 1):
        share = float(relative[lag])
        if not math.isnan(share):
            yield f"{lag:4d}  {share:9.3g}  {_bar(share)}".rstrip()


def _lags(last: int) -> list[int]:
    """0, 1, 2, 5, 10, 20, 50 and so on, and the last."""
    lags, size = [0], 1
    while size <= last:
        lags += [size * digit for digit in (1, 2, 5) if size * digit < last]
        size *= 10
    return [*lags, last] if last else lags


def _bar(share: float) -> str:
    if share <= 0:
        return ""
    length = round(_BAR * (1 + math.log10(share) / _DECADES))
    return "#" * _BAR + ">" if length > _BAR else "#" * length


def _measures(found: "Diagnosis") -> Iterator[str]:
    """What the curves amount to, a line each."""
    from throughtime.flow.findings.numbers import percent
    from throughtime.flow.words import half_life_in_words, horizon_in_words, underflow_in_words

    flow, training = found.flow, found.training
    curve = flow.curve()
    horizon = curve.horizon()
    half_lives = {state: half_life_in_words(flow.curve(state).half_life) for state in flow.norms}
    others = [f"; of {state}, {shown}" for state, shown in half_lives.items() if state != "h"]
    yield from _line("half-life", half_lives["h"] + "".join(others))
    holds = f"{horizon_in_words(horizon, horizon.censored)} hold{'s' if horizon == 1 else ''}"
    yield from _line("horizon", f"{holds} 99% of the gradient; the mean lag is {curve.mean_lag:.3g}")
    if training is not None:
        last = training.longest
        beyond = "" if last is None else f", {percent(curve.mass_beyond(last))} beyond its last lag, {last}"
        yield from _line(
            "truncation", f"{training.truncation} leaves out {percent(found.evidence.lost)}{beyond}"
        )
    for layer, conditions in enumerate(flow.conditions):
        if conditions is not None:
            label = "weights" if flow.num_layers == 1 else f"weights {layer}"
            yield from _line(
                label,
                f"{conditions.norm_says} {conditions.radius_says[:1].upper()}{conditions.radius_says[1:]}",
            )
    for layer, saturation in enumerate(flow.saturation):
        gates = [_gate(name, each.record()) for name, each in saturation.gates.items()]
        if gates:
            yield from _line("units" if flow.num_layers == 1 else f"units {layer}", "; ".join(gates))
    if found.chain:
        sizes = ", ".join(_power(size) for size in found.chain.values())
        yield from _line(
            "Jacobians",
            f"the most that {', '.join(map(str, found.chain))} steps of the top layer leave of any gradient: {sizes}",
        )
    if found.exponents is not None:
        rates = ", ".join(f"{rate:.3f}" for rate in found.exponents.exponents)
        yield from _line(
            "Lyapunov",
            f"{rates} a step, the first of the top layer's exponents: below 0 a difference of the state dies out, above 0 "
            "it grows, and with it the gradient.",
        )
    yield from _line("underflow", underflow_in_words(flow.underflow[-1], flow.dtype))


def _power(log: float) -> str:
    """e^log in three digits, however large or small."""
    if abs(log) < 600:
        return f"{math.exp(log):.3g}"
    return f"1e{log / math.log(10):+.0f}" if math.isfinite(log) else "0"


def _gate(name: str, record: dict[str, str | float | None]) -> str:
    """One gate's saturation."""
    from throughtime.flow.findings.numbers import percent

    def share(key: str) -> str:
        value = record[key]
        return "-" if not isinstance(value, float) else percent(value)

    match record["kind"]:
        case "tanh":
            return f"{name} saturated {share('saturated')} of the time"
        case "sigmoid":
            return f"{name} shut {share('left')}, open {share('right')}"
    return f"{name} dead in {share('dead')} of the units"


def _line(label: str, text: str) -> list[str]:
    return textwrap.wrap(f"{label:<{_LABEL}}{text}", _WIDTH, subsequent_indent=" " * _LABEL)
