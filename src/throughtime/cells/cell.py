"""What a recurrent cell is: its equations for one step of one unit, forward and backward."""

import math
import re
import types
from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from typing import Any

from throughtime.errors import CellError
from throughtime.machine.jit import equation, python_function
from throughtime.machine.streams import ROWS

Equation = Callable[..., Any]

# A layer's own parameters, beside which the cell's stand.
_TAKEN = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")

ACTIVATIONS = ("tanh", "sigmoid", "relu", "identity")


class Cell:
    """A recurrent cell: two functions, and the names of what passes through them.

    All that runs over time, batches and units (products with the weights, truncation, gradients of weights,
    profiles) is written once, for any cell. The equations are scalar: they see one unit at one step.

    ``forward(a, state, *parameters) -> state, kept``
        From the unit's pre-activations `a` and its previous `state`, the new state and the values to keep for the
        way back: as many as there are pre-activations, which they overwrite.

    ``backward(dstate, kept, state_prev, state, *parameters) -> da, dstate_prev, *dparameters``
        From the gradient of the new state, the gradients of `a`, of the previous state along paths without a weight
        matrix (the recurrent weights are the sweep's business), and of each parameter. Linear in `dstate`.

    Everything is a tuple of numbers, `parameters` and `dparameters` apart, which are passed one by one. The functions
    may use `tanh`, `sigmoid`, `relu`, their `_slope`s and `exp` of `throughtime.cells`, arithmetic and comparisons, and
    scalar functions of your own that are decorated with its `equation`.
    A constant must take its operand's type, ``type(x)(1) - x``: a bare ``1 - x`` would make a float32 cell float64.

    Parameters
    ----------
    name : str
        An identifier; compiled code is cached under it.
    forward, backward : function
        As above.
    gates : sequence of str
        One name for each block of H rows in the weights, in order; `a` has one value for each.
    states : sequence of str
        The parts of the state. The first, h, is the output and what the recurrent weights multiply.
    apart : int
        How many of the last gates need the input's half and the recurrent half of their pre-activation apart, as the
        GRU's candidate does: `a` is then (sums of the first gates, input halves, recurrent halves).
    parameters : mapping of str to float
        Per-unit parameters that are learned, with their values at the start (a leak rate, say).
    direct : bool
        Whether gradients reach the previous state along paths without a weight matrix. False declares that
        `dstate_prev` is always zero, so that W_hh is the only path back in time: what Omega asks
        (`throughtime.networks.omega`), and `throughtime.check_cell` confirms.
    activations : mapping of str to str
        For each gate whose own activation is kept under its name, which: "tanh", "sigmoid", "relu" or "identity". What
        saturation is measured by (`throughtime.flow.saturation`), and `throughtime.check_cell` confirms; a gate that is
        left out is not looked at.
    total : function, optional
        ``total(dstate, kept, state_prev, state, *parameters) -> dstate``: to the gradient of each part of the state adds
        what that part passes on through the others within the step, as an LSTM's c does through its h. Without it a
        profile shows h alone where a state has several parts.

    Raises
    ------
    CellError
        A name that is no identifier or is taken, a count that makes no sense, or an equation that is no function.

    Examples
    --------
    A leaky integrator, h = 0.9 h_prev + 0.1 tanh(a):

    >>> from throughtime.cells import Cell, tanh, tanh_slope
    >>> def forward(a, state):
    ...     (h_prev,) = state
    ...     n = tanh(a[0])
    ...     alpha = type(n)(0.1)
    ...     return (h_prev + alpha * (n - h_prev),), (n,)
    >>> def backward(dstate, kept, state_prev, state):
    ...     (dh,), (n,) = dstate, kept
    ...     alpha = type(n)(0.1)
    ...     return (alpha * dh * tanh_slope(n),), (dh - alpha * dh,)
    >>> Cell("leaky", forward, backward, gates=("n",))
    Cell('leaky', gates=('n',), states=('h',))
    """

    def __init__(
        self,
        name: str,
        forward: Equation,
        backward: Equation,
        gates: Sequence[str],
        states: Sequence[str] = ("h",),
        apart: int = 0,
        parameters: Mapping[str, float] | None = None,
        direct: bool = True,
        activations: Mapping[str, str] | None = None,
        total: Equation | None = None,
    ) -> None:
        self.name = name
        self.gates = tuple(gates)
        self.states = tuple(states)
        self.apart = apart
        self.parameters = dict(parameters or {})
        self.direct = direct
        self.activations = dict(activations or {})
        for kind, names in (
            ("name", (name,)),
            ("gates", self.gates),
            ("states", self.states),
            ("parameters", tuple(self.parameters)),
        ):
            _require_names(name, kind, names)
        if not isinstance(apart, int) or apart not in range(len(self.gates) + 1):
            raise CellError(
                f"cell {name!r} has apart={apart!r}; expected 0 to {len(self.gates)}, its number of gates. "
                "Give the number of last gates whose two halves stay apart."
            )
        _require_room(self)
        _require_starts(self)
        _require_activations(self)
        self.forward = _compiled(name, "forward", forward)
        self.backward = _compiled(name, "backward", backward)
        self.total = None if total is None else _compiled(name, "total", total)

    @property
    def preactivations(self) -> int:
        """How many values `a` has, and `kept`: the gates, those kept apart counted twice."""
        return len(self.gates) + self.apart

    def __deepcopy__(self, memo: dict[int, Any]) -> "Cell":
        return self  # it does not change, and for a copy all would be compiled once more

    def __repr__(self) -> str:
        parts = [repr(self.name), f"gates={self.gates}", f"states={self.states}"]
        parts += [f"apart={self.apart}"] if self.apart else []
        parts += [f"parameters={self.parameters}"] if self.parameters else []
        parts += [] if self.direct else ["direct=False"]
        return f"Cell({', '.join(parts)})"


def _require_names(cell: str, kind: str, names: tuple[str, ...]) -> None:
    wrong = [name for name in names if not (isinstance(name, str) and re.fullmatch(r"[A-Za-z_]\w*", name))]
    if wrong or len(set(names)) < len(names) or (not names and kind != "parameters"):
        raise CellError(
            f"cell {cell!r} has {kind} {names}; expected identifiers, each once"
            f"{'' if kind == 'parameters' else ', at least one'}. Name each {kind.rstrip('s')}."
        )
    taken = [name for name in names if name in _TAKEN]
    if kind == "parameters" and taken:
        raise CellError(
            f"cell {cell!r} has a parameter {taken[0]!r}; expected none of {', '.join(_TAKEN)}, which every layer has. "
            "Choose another name."
        )


def _require_room(cell: Cell) -> None:
    """A sweep's loop over units holds so many rows at once, and no more."""
    rows = max(cell.preactivations + len(cell.parameters), len(cell.states))
    if rows > ROWS:
        raise CellError(
            f"cell {cell.name!r} has {cell.preactivations} pre-activations, {len(cell.parameters)} parameters and "
            f"{len(cell.states)} states; expected at most {ROWS} pre-activations and parameters, and as many states. "
            "Split the cell into layers."
        )


def _require_starts(cell: Cell) -> None:
    for name, start in cell.parameters.items():
        if isinstance(start, bool) or not isinstance(start, Real) or not math.isfinite(start):
            raise CellError(
                f"cell {cell.name!r} has parameter {name}={start!r}; expected a finite number. Give the value it starts with."
            )


def _require_activations(cell: Cell) -> None:
    for gate, activation in cell.activations.items():
        if gate not in cell.gates or activation not in ACTIVATIONS:
            raise CellError(
                f"cell {cell.name!r} has activations {cell.activations}; expected gates of {cell.gates} with one of "
                f"{', '.join(ACTIVATIONS)} each. Leave out what is none of these."
            )


def _compiled(cell: str, role: str, function: Any) -> Equation:
    function = python_function(function)
    if not isinstance(function, types.FunctionType):
        raise CellError(
            f"cell {cell!r} has {role} of type {type(function).__name__}; expected a Python function. "
            "Define it with def."
        )
    return equation(function)
