"""What an examination found, as a line, as a report and as JSON."""

from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

from throughtime.networks.faults.growth import Growth

Phase: TypeAlias = Literal["forward", "loss", "backward"]
Cause: TypeAlias = Literal["explosion", "bad input or mask", "bad parameters", "learning rate", "unclear"]

_PHASES: dict[Phase, str] = {"forward": "the forward pass", "loss": "the loss", "backward": "the way back"}


@dataclass(frozen=True)
class Place:
    """Where a value is.

    Attributes
    ----------
    phase : "forward", "loss" or "backward"
    operation : str
        As "gate f", "recurrent projection", "dE/dh through weight_hh".
    t, b, layer : int or None
        Time step, sequence and layer, from 0; None where the operation belongs to none. Where a sum over all sequences
        is bad, b is the one that has most of it.
    value : float
    sequences : int
        How many sequences are bad there.
    """

    phase: Phase
    operation: str
    t: int | None
    b: int | None
    layer: int | None
    value: float
    sequences: int = 1

    def __str__(self) -> str:
        where = [
            f"{name} {number}"
            for name, number in (("sequence", self.b), ("step", self.t), ("layer", self.layer))
            if number is not None
        ]
        more = f" (and of {self.sequences - 1} more)" if self.sequences > 1 else ""
        return f"{self.operation}{' of ' if where else ''}{', '.join(where)}{more}"


@dataclass(frozen=True)
class Movement:
    """How far the weights are from those before.

    Attributes
    ----------
    parameter : str
        The weight that moved most.
    share : float
        Of its own length: ||now - before|| / ||before||.
    row : float
        The greatest length by which a row of any weight moved, divided by `updates`.
    updates : int or None
        How many updates lie between.
    """

    parameter: str
    share: float
    row: float
    updates: int | None

    def __str__(self) -> str:
        count = {None: "", 1: " in one update"}.get(self.updates, f" in {self.updates} updates")
        each = " in each" if self.updates is not None and self.updates > 1 else ""
        share = f"{self.parameter} moved by {self.share:.3g} times its own length{count}"
        return f"{share}, a row of the weights by {self.row:.3g}{each}"


@dataclass(frozen=True)
class Fault:
    """What went wrong in a training step.

    Attributes
    ----------
    first : Place or None
        The first bad value; None where all are finite.
    cause : str
        "explosion", "bad input or mask", "bad parameters", "learning rate", or "unclear".
    because : str
        What speaks for it.
    remedy : str
    growth, growth_before : Growth or None
        Of the Jacobian product up to there, with the present weights and with those before.
    moved : Movement or None
        None without weights before.
    largest : Place or None
        The greatest |dE/da|.
    loss, norm, usual_norm, lr : float or None
        The loss and the gradient's norm of this step, the norm's running median, and the learning rate.
    """

    first: Place | None
    cause: Cause
    because: str
    remedy: str
    growth: Growth | None = None
    growth_before: Growth | None = None
    moved: Movement | None = None
    largest: Place | None = None
    loss: float | None = None
    norm: float | None = None
    usual_norm: float | None = None
    lr: float | None = None

    @property
    def line(self) -> str:
        """One line: what was found and why; what was expected; what to do."""
        return f"{self._found}, {self.cause}: {self.because}; expected {self._expected}. {self.remedy}"

    @property
    def _found(self) -> str:
        if self.first is not None:
            return f"{self.first} is {self.first.value:g}"
        if self.norm is not None and self.usual_norm is not None:
            return f"a gradient of norm {self.norm:.3g}"
        return (
            f"a loss of {self.loss:.3g} with every value finite" if self.loss is not None else "no bad value"
        )

    @property
    def _expected(self) -> str:
        if self.first is not None:
            return "finite numbers"
        return "a smaller one" if self.usual_norm is None else f"about {self.usual_norm:.3g}, the median"

    def __str__(self) -> str:
        first = (
            "none: every value is finite" if self.first is None else f"{self.first} is {self.first.value:g}"
        )
        # What speaks for these two are the rows above them.
        shown = self.cause in ("explosion", "learning rate")
        rows = [
            ("first bad value", first),
            ("arose in", None if self.first is None else _PHASES[self.first.phase]),
            ("greatest dE/da", _where(self.largest)),
            ("loss", _number(self.loss)),
            ("gradient norm", _number(self.norm)),
            ("its median", _number(self.usual_norm)),
            ("learning rate", _number(self.lr)),
            ("Jacobian product", _span(self.growth)),
            ("with earlier weights", _span(self.growth_before)),
            ("weights", None if self.moved is None else str(self.moved)),
            ("cause", self.cause if shown else f"{self.cause}: {self.because}"),
            ("remedy", self.remedy),
        ]
        return "\n".join(f"{name:<21} {text}" for name, text in rows if text is not None)

    def record(self) -> dict[str, Any]:
        """Everything, by name, as JSON has it; numbers that are not finite are to become null there."""
        found = asdict(self)
        for name, growth in (("growth", self.growth), ("growth_before", self.growth_before)):
            if growth is not None:
                found[name]["per_step"] = growth.per_step
        return {"line": self.line, **found}


def _number(number: float | None) -> str | None:
    return None if number is None else f"{number:.6g}"


def _where(place: Place | None) -> str | None:
    return None if place is None else f"{place.value:.3g} at {place}"


def _span(growth: Growth | None) -> str | None:
    if growth is None:
        return None
    return f"{growth}, sequence {growth.sequence}, steps {growth.stop - 1} back to {growth.start}"
