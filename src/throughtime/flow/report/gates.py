"""Charts of saturation: how much of the time gates are stuck at their ends."""

from collections.abc import Mapping, Sequence

from throughtime.flow.drawing import Axis, Bar, Group, Series, bars, lines
from throughtime.flow.drawing.numbers import is_number
from throughtime.flow.report.content import Record
from throughtime.flow.report.lags import layer_name
from throughtime.flow.report.page import chart

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
_PARTS = ("at the low end", "at the high end", "units that are always off")
_READ = (
    "The low end is below −0.9 for a state or candidate and below 0.1 (closed) for a gate, the high end above 0.9 (for a "
    "gate: open). Hardly any gradient passes through a unit while it is at an end."
)

_OPEN = (
    "A forget gate that stays open keeps its memory, and an update gate that stays open keeps the old state: there, the "
    "high end is what lets gradients travel far."
)


def saturation_chart(record: Record) -> str:
    """The gates of each layer at one measurement, the top layer first."""
    layers = record.get("saturation") or []
    groups = [
        Group(
            "Share of the time" if len(layers) == 1 else layer_name(k, len(layers)).capitalize(),
            [
                Bar(name, [gate.get(part) for part in ("left", "right", "dead")])
                for name, gate in _named(gates)
            ],
        )
        for k, gates in reversed(list(enumerate(layers)))
        if gates
    ]
    if not groups:
        return ""
    dead = any(is_number(share) for group in groups for bar in group.bars for share in bar.shares[2:])
    ends = any(is_number(share) for group in groups for bar in group.bars for share in bar.shares[:2])
    said = []
    if ends:
        said += ["How much of the time each gate's units spend at the flat ends of their range.", _READ]
        said += [_OPEN] if any(len(gates) > 1 for gates in layers) else []
    if dead:
        said.append("A ReLU unit that is always off lets nothing through: it learns nothing any more.")
    title = "Saturation of the gates" if ends else "Dead units"
    return chart(title, bars(groups, _PARTS if dead else _PARTS[:2], title=title, description=said[0]), *said)


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
    title = "Saturation while training"
    said = "The share of the time that the top layer's gates are at either end of their range, from start to finish."
    axis = Axis("time at the ends (%)", from_zero=True, highest=100.0)
    return chart(title, lines(series, Axis("training step"), axis, title=title, description=said), said)


def _named(gates: Mapping[str, Mapping[str, float | None]]) -> list[tuple[str, Mapping[str, float | None]]]:
    """Gates under the names that people know; those of a cell of one's own under its names."""
    known = _NAMES.get(tuple(gates), {})
    return [(known.get(name, name), gate) for name, gate in gates.items()]


def _stuck(gate: Mapping[str, float | None]) -> float | None:
    dead = gate.get("dead")
    return gate.get("saturated") if dead is None else dead


def _percent(share: float | None) -> float | None:
    return 100 * share if is_number(share) else None
