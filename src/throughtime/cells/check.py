"""The contract of a cell's equations, held to the equations themselves."""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from throughtime.cells.cell import Cell
from throughtime.errors import CellError, GradientError
from throughtime.machine.jit import python_function, result_type

Numbers = tuple[float, ...]

POINTS = 40
# Five-point differences: rounding costs eps / step, curvature step^4. Slopes are then good to about 1e-11, so relative
# errors are not measured against anything smaller than this.
_STEP, _SMALLEST = 1e-4, 1e-5


class Point(NamedTuple):
    """Where the equations are compared."""

    a: Numbers
    state_prev: Numbers
    parameters: Numbers
    dstate: Numbers


def check_equations(cell: Cell, tolerance: float = 1e-6, seed: int = 0) -> dict[str, float]:
    """Hold a cell's two functions to the contract of `Cell`, one unit at one step.

    As plain Python first, whose errors can be read: what they return, that backward is linear in dstate, that a cell
    declared without a direct path has none, that gates have the activations which it declares, and that backward is the
    derivative of forward, by central differences in float64 at random points. Then compiled: float32 stays float32.
    `throughtime.check_cell` does this, and then runs whole layers.

    Parameters
    ----------
    tolerance : float
        The most that max|a - b| / max|b| over the points may be, for each gradient.
    seed : int
        Of the points.

    Returns
    -------
    dict of str to float
        That relative error, by gradient: da_i, dh_prev, ...

    Raises
    ------
    CellError
        The functions do not take or return what the contract says.
    GradientError
        backward is not the derivative of forward.

    Examples
    --------
    >>> from throughtime.cells import lstm
    >>> sorted(check_equations(lstm))
    ['da_f', 'da_g', 'da_i', 'da_o', 'dc_prev', 'dh_prev']
    """
    rng = np.random.default_rng(seed)
    points = [_random_point(cell, rng) for _ in range(POINTS)]
    _require_finite_start(cell, points[0].parameters)
    _require_linear(cell, points)
    _require_no_other_path(cell, points)
    _require_declared_activations(cell, points)
    errors = _compare(cell, points)
    for name, error in errors.items():
        if not error <= tolerance:
            raise GradientError(
                f"cell {cell.name!r}: {name} differs from central differences by {error:.1e}, relative; "
                f"expected at most {tolerance:.0e}. Check backward against forward."
            )
    _require_float32(cell, points[0])
    return errors


def passes_on(cell: Cell, seed: int = 0) -> bool:
    """Whether a state's gradient reaches the state before it without the recurrent weights, as through a gate.

    By trial at random points, as a cell need not declare that it has no such path.

    Examples
    --------
    >>> from throughtime.cells import gru, rnn_tanh
    >>> passes_on(gru), passes_on(rnn_tanh)
    (True, False)
    """
    if not cell.direct:
        return False
    rng = np.random.default_rng(seed)
    first = cell.preactivations
    last = first + len(cell.states)
    points = (_random_point(cell, rng) for _ in range(POINTS))
    return any(any(_backward(cell, point, point.dstate)[first:last]) for point in points)


def _random_point(cell: Cell, rng: np.random.Generator) -> Point:
    near = rng.uniform(0.9, 1.1, len(cell.parameters)) * list(cell.parameters.values())
    a, state_prev, dstate = (
        tuple(map(float, rng.standard_normal(n)))
        for n in (cell.preactivations, len(cell.states), len(cell.states))
    )
    return Point(a, state_prev, tuple(map(float, near)), dstate)


# ------------------------------------------------------------------ what goes in and comes out


def _preactivation_names(cell: Cell) -> list[str]:
    summed = len(cell.gates) - cell.apart
    both = [f"{half}_{gate}" for half in ("ax", "ah") for gate in cell.gates[summed:]]
    return [f"a_{gate}" for gate in cell.gates[:summed]] + both


def _gradient_names(cell: Cell) -> list[str]:
    da = [f"d{name}" for name in _preactivation_names(cell)]
    return da + [f"d{name}_prev" for name in cell.states] + [f"d{name}" for name in cell.parameters]


def _forward(cell: Cell, a: Numbers, state_prev: Numbers, parameters: Numbers) -> tuple[Numbers, Numbers]:
    """The new state, and the values kept."""
    result = _call(cell, "forward", a, state_prev, *parameters)
    state, kept = _entries(cell, "forward returns", result, ["state", "kept"])
    kept_names = _preactivation_names(cell)
    return (
        _numbers(cell, "forward returns state", state, list(cell.states)),
        _numbers(cell, "forward returns kept", kept, kept_names),
    )


def _backward(cell: Cell, point: Point, dstate: Numbers) -> Numbers:
    """Every gradient, in the order of `_gradient_names`."""
    state, kept = _forward(cell, *point[:3])
    result = _call(cell, "backward", dstate, kept, point.state_prev, state, *point.parameters)
    gradients = [f"d{name}" for name in cell.parameters]
    da, dstate_prev, *dparameters = _entries(
        cell, "backward returns", result, ["da", "dstate_prev", *gradients]
    )
    da_names = [f"d{name}" for name in _preactivation_names(cell)]
    state_names = [f"d{name}_prev" for name in cell.states]
    return (
        *_numbers(cell, "backward returns da", da, da_names),
        *_numbers(cell, "backward returns dstate_prev", dstate_prev, state_names),
        *_numbers(cell, "backward returns dparameters", tuple(dparameters), gradients),
    )


def _call(cell: Cell, role: str, *arguments: Any) -> Any:
    function = python_function(getattr(cell, role))
    try:
        return function(*arguments)
    except Exception as error:
        first = ["a", "state"] if role == "forward" else ["dstate", "kept", "state_prev", "state"]
        sizes = {"a": cell.preactivations, "kept": cell.preactivations}
        takes = [f"{name} of {sizes.get(name, len(cell.states))}" for name in first] + list(cell.parameters)
        reason = " ".join(str(error).split())
        raise CellError(
            f"cell {cell.name!r}: {role} raised {type(error).__name__}: {reason}; expected it to take "
            f"({', '.join(takes)}). Give it these arguments, and unpack just what each holds."
        ) from error


def _entries(cell: Cell, what: str, value: Any, names: list[str]) -> tuple[Any, ...]:
    if isinstance(value, tuple) and len(value) == len(names):
        return value
    found = f"a tuple of {len(value)}" if isinstance(value, tuple) else f"a {type(value).__name__}"
    comma = "," if len(names) == 1 else ""
    raise CellError(
        f"cell {cell.name!r}: {what} {found}; expected a tuple of {len(names)}, ({', '.join(names)}{comma}). "
        "Return one value for each name, in this order."
    )


def _numbers(cell: Cell, what: str, value: Any, names: list[str]) -> Numbers:
    entries = _entries(cell, what, value, names)
    for name, entry in zip(names, entries):
        if not isinstance(entry, int | float | np.number):
            raise CellError(
                f"cell {cell.name!r}: {what} with a {type(entry).__name__} for {name}; expected a number. "
                "The equations see one unit: scalars only."
            )
    return entries


# ------------------------------------------------------------------ what they mean


def _require_finite_start(cell: Cell, parameters: Numbers) -> None:
    """Sequences start from a zero state, and padding is zero."""
    state, kept = _forward(cell, (0.0,) * cell.preactivations, (0.0,) * len(cell.states), parameters)
    if not all(map(math.isfinite, state + kept)):
        raise CellError(
            f"cell {cell.name!r}: forward makes {state} of a zero state and zero pre-activations; expected finite "
            "numbers, for sequences start there. Guard the division or the logarithm."
        )


def _require_linear(cell: Cell, points: list[Point]) -> None:
    for point, other in pairwise(points):
        # One of them large, so that clipping shows.
        u, v = point.dstate, tuple(1e6 * d for d in other.dstate)
        mixed = _backward(cell, point, tuple(2 * x - 3 * y for x, y in zip(u, v)))
        apart = zip(_backward(cell, point, u), _backward(cell, point, v))
        for name, found, (x, y) in zip(_gradient_names(cell), mixed, apart):
            if not abs(found - (2 * x - 3 * y)) <= 1e-9 * (2 * abs(x) + 3 * abs(y) + 1e6 * _SMALLEST):
                raise CellError(
                    f"cell {cell.name!r}: backward is not linear in dstate: {name} of 2u - 3v is {found:.6g}; expected "
                    f"{2 * x - 3 * y:.6g}. Take clipping and the like out of it."
                )


def _require_no_other_path(cell: Cell, points: list[Point]) -> None:
    """What `direct=False` declares."""
    if cell.direct:
        return
    for point in points:
        gradients = dict(zip(_gradient_names(cell), _backward(cell, point, point.dstate)))
        for name in (f"d{state}_prev" for state in cell.states):
            if gradients[name] != 0:
                raise CellError(
                    f"cell {cell.name!r}: backward returns {name}={gradients[name]:.6g}; expected 0, as direct=False declares "
                    "that W_hh is the only path back in time. Leave direct out."
                )


# The derivative of each activation, from its value.
_SLOPES: dict[str, Callable[[float], float]] = {
    "tanh": lambda y: 1 - y * y,
    "sigmoid": lambda y: y * (1 - y),
    "relu": lambda y: float(y > 0),
    "identity": lambda y: 1.0,
}


def _require_declared_activations(cell: Cell, points: list[Point]) -> None:
    """What is kept of a gate must change with its pre-activation as its declared activation does."""
    for index, gate in enumerate(cell.gates):
        activation = cell.activations.get(gate)
        if activation is None:
            continue
        for point in points:

            def kept(x: float, point: Point = point, index: int = index) -> float:
                a = (*point.a[:index], x, *point.a[index + 1 :])
                return _forward(cell, a, point.state_prev, point.parameters)[1][index]

            slope, expected = _slope(kept, point.a[index]), _SLOPES[activation](kept(point.a[index]))
            if slope is not None and not abs(slope - expected) <= 1e-6:
                raise CellError(
                    f"cell {cell.name!r}: what is kept of gate {gate} changes by {slope:.4g} with its pre-activation; expected "
                    f"{expected:.4g}, as activations declares it {activation}. Keep the activation's value, or leave {gate} out."
                )


def _compare(cell: Cell, points: list[Point]) -> dict[str, float]:
    """The worst relative error of each gradient over all points."""
    names = _gradient_names(cell)
    differences, sizes, kinks = (
        np.zeros(len(names)),
        np.full(len(names), _SMALLEST),
        np.zeros(len(names), int),
    )
    for point in points:
        exact = _backward(cell, point, point.dstate)
        inputs = point.a + point.state_prev + point.parameters
        for i, value in enumerate(inputs):
            slope = _slope(_along(cell, point, i), value)
            if slope is None:
                kinks[i] += 1
                continue
            difference = abs(exact[i] - slope)
            differences[i] = max(differences[i], difference) if math.isfinite(difference) else math.inf
            sizes[i] = max(sizes[i], abs(slope))
    for name, found in zip(names, kinks):
        if found > POINTS / 2:
            raise GradientError(
                f"cell {cell.name!r}: forward has a kink or a jump at {found} of {POINTS} points, so that {name} cannot be "
                f"compared; expected at most {POINTS // 2}. Check forward for rounding and for narrow steps."
            )
    return dict(zip(names, (differences / sizes).tolist()))


def _along(cell: Cell, point: Point, i: int) -> Callable[[float], float]:
    """dstate . state as a function of the i-th input alone."""
    inputs = point.a + point.state_prev + point.parameters
    A, S = len(point.a), len(point.state_prev)

    def value(x: float) -> float:
        moved = (*inputs[:i], x, *inputs[i + 1 :])
        state, _ = _forward(cell, moved[:A], moved[A : A + S], moved[A + S :])
        return sum(d * s for d, s in zip(point.dstate, state))

    return value


def _slope(f: Callable[[float], float], x: float) -> float | None:
    """Derivative by central differences; None where two steps disagree, as beside the kink of a ReLU."""

    def difference(step: float) -> float:
        near, far = f(x + step) - f(x - step), f(x + 2 * step) - f(x - 2 * step)
        return (8 * near - far) / (12 * step)

    wide, narrow = difference(_STEP), difference(_STEP / 2)
    return narrow if abs(wide - narrow) <= 1e-7 * max(1.0, abs(narrow)) else None


def _require_float32(cell: Cell, point: Point) -> None:
    a, state_prev, parameters, dstate = (tuple(map(np.float32, part)) for part in point)
    state, kept = (tuple(map(np.float32, part)) for part in _forward(cell, *point[:3]))
    calls = {
        "forward": (
            (a, state_prev, *parameters),
            [list(cell.states), [f"kept {name}" for name in _preactivation_names(cell)]],
        ),
        "backward": (
            (dstate, kept, state_prev, state, *parameters),
            [
                [f"d{name}" for name in _preactivation_names(cell)],
                [f"d{name}_prev" for name in cell.states],
                *(f"d{name}" for name in cell.parameters),
            ],
        ),
    }
    for role, (arguments, names) in calls.items():
        for name, dtype in _leaves(names, _result_type(cell, role, *arguments)):
            if dtype.kind == "f" and dtype != np.float32:
                raise CellError(
                    f"cell {cell.name!r}: {role} returns {name} as {dtype} where all that it is given is float32; expected "
                    "float32. Give constants their operand's type: type(x)(1) - x, not 1 - x."
                )


def _result_type(cell: Cell, role: str, *arguments: Any) -> Any:
    try:
        return result_type(getattr(cell, role), *arguments)
    except TypeError as error:
        raise CellError(
            f"cell {cell.name!r}: {role} does not compile: {error}; expected arithmetic, comparisons and the functions of "
            "throughtime.cells. Rewrite what is named."
        ) from error


def _leaves(names: Any, types: Any) -> list[tuple[str, Any]]:
    """Pairs of the strings and the dtypes that are nested in the same way."""
    if types is None:  # the compiler is off
        return []
    if isinstance(names, str):
        return [(names, types)]
    return [leaf for name, kind in zip(names, types) for leaf in _leaves(name, kind)]
