"""Charts of saturation: how much of the time units are stuck at their ends."""

from collections.abc import Mapping, Sequence

from throughtime.flow.drawing import Axis, Bar, Group, Series, bars, lines
from throughtime.flow.drawing.numbers import is_number
from throughtime.flow.report.content import STEP, Record
from throughtime.flow.report.lags import layer_name
from throughtime.flow.report.page import chart, details, table

_NAMES = {
    ("h",): {"h": "state h"},
    ("i", "f", "g", "o"): {
        "i": "input gate i",
        "f": "forget gate f",
        "g": "candidate g",
        "o": "output gate o",
    },
    ("r", "z", "n"): {"r": "reset gate r", "z": "update gate z", "n": "candidate n"},
}
_PARTS = {"left": "at the low end", "right": "at the high end", "dead": "units that are always off"}
_ENDS = "How much of the time each layer's units spend at the flat ends of their range."
_READ = (
    "The low end is below −0.9 for a state or candidate and below 0.1 (closed) for a gate, the high end above 0.9 (for a "
    "gate: open). Hardly any gradient passes through a unit while it is at an end."
)
_OPEN = (
    "A forget gate that stays open keeps its memory, and an update gate that stays open keeps the old state: there, the "
    "high end is what lets gradients travel far."
)
_OFF = "How many of the units were off at every step that was looked at."
_SATURATING = (
    "Saturation while training",
    "The share of the time that the top layer spends at either end of its range, from the first measurement to the last.",
    "time at the ends (%)",
)
_DYING = (
    "Dead units while training",
    "The share of the top layer's units that were always off, from the first measurement to the last.",
    "units always off (%)",
)
_DEAD = "A ReLU unit that is always off lets nothing through: it learns nothing any more."


def saturation_chart(record: Record) -> str:
    """The gates of each layer at one measurement, the top layer first."""
    layers = record.get("saturation") or []
    found = [(layer, gates) for layer, gates in reversed(list(enumerate(layers))) if gates]
    measured = {
        part: name
        for part, name in _PARTS.items()
        if any(is_number(gate.get(part)) for _, gates in found for gate in gates.values())
    }
    if not measured:
        return ""
    ends = "left" in measured or "right" in measured
    whole = "Share of the time" if ends else "Share of the units"
    groups = [
        Group(
            whole if len(layers) == 1 else layer_name(layer, len(layers)).capitalize(),
            [Bar(name, [gate.get(part) for part in measured]) for name, gate in _named(gates)],
        )
        for layer, gates in found
    ]
    gated = any(len(gates) > 1 for _, gates in found)
    said = [_ENDS, _READ] if ends else [_OFF]
    said += [_OPEN] * (ends and gated) + [_DEAD] * ("dead" in measured)
    title = f"Saturation of the {'gates' if gated else 'state'}" if ends else "Dead units"
    parts = list(measured.values())
    rows = [
        (f"{group.label}: {bar.label}", *map(_told, bar.shares)) for group in groups for bar in group.bars
    ]
    svg = bars(groups, parts, title=title, description=said[0])
    return chart(title, svg, *said, more=details("The numbers", table(["part", *parts], rows)))


def saturation_course(probes: Sequence[Record]) -> str:
    """The top layer's gates over training."""
    found = [
        (probe["step"], dict(_named(probe["saturation"][-1]))) for probe in probes if probe.get("saturation")
    ]
    names = list(dict.fromkeys(name for _, gates in found for name in gates))
    if len(found) < 2 or not names:
        return ""
    steps = [step for step, _ in found]
    series = [
        Series(name, steps, [_percent(_stuck(gates.get(name, {}))) for _, gates in found]) for name in names
    ]
    dead = any(is_number(gate.get("dead")) for _, gates in found for gate in gates.values())
    title, said, unit = _DYING if dead else _SATURATING
    axis = Axis(unit, from_zero=True, highest=100.0)
    return chart(title, lines(series, STEP, axis, title=title, description=said), said)


def _named(gates: Mapping[str, Mapping[str, float | None]]) -> list[tuple[str, Mapping[str, float | None]]]:
    """Gates under the names that people know; those of a cell of one's own under its names."""
    known = _NAMES.get(tuple(gates), {})
    return [(known.get(name, name), gate) for name, gate in gates.items()]


def _stuck(gate: Mapping[str, float | None]) -> float | None:
    dead = gate.get("dead")
    return gate.get("saturated") if dead is None else dead


def _told(share: float | None) -> str:
    return f"{100 * share:.1f}%" if is_number(share) else "–"


def _percent(share: float | None) -> float | None:
    return 100 * share if is_number(share) else None
