"""`check_cell`, which every cell must pass: its equations, then whole layers of it."""

from contextlib import suppress

import numpy as np

from throughtime.cells.cell import Cell
from throughtime.cells.check import check_equations
from throughtime.errors import CellError, GradientError
from throughtime.machine.arrays import Array
from throughtime.networks.gradients import bptt, check_gradients
from throughtime.networks.sequence_model import SequenceModel
from throughtime.truncation import Chunk, Full, Truncation, Window

_T, _B, _I, _H, _O = 5, 2, 2, 3, 2
# What float32 leaves of a gradient through so few steps.
_FLOAT32 = 1e-4


def check_cell(cell: Cell, tolerance: float = 1e-6) -> dict[str, float]:
    """Hold a cell to its contract: two functions that are each other's derivative, and layers that learn by them.

    The equations first, as `throughtime.cells.check_equations` has it. Then two layers in float64, with resets and
    sequences of unequal length: the gradients of every truncation against central differences, the lag-parallel sweep
    against the reverse sweep, and float32 against float64.

    Parameters
    ----------
    cell : Cell
    tolerance : float
        The most that a relative error, max|a - b| / max|b|, may be in float64.

    Returns
    -------
    dict of str to float
        The worst relative error of each comparison: da_... by gradient; full, window:1, chunk:2 by truncation; lags;
        float32.

    Raises
    ------
    CellError
        The functions do not take or return what the contract says.
    GradientError
        A gradient is wrong.

    Examples
    --------
    >>> from throughtime.cells import gru
    >>> errors = check_cell(gru)
    >>> list(errors)
    ['da_r', 'da_z', 'dax_n', 'dah_n', 'dh_prev', 'full', 'window:1', 'chunk:2', 'lags', 'float32']
    >>> max(errors[name] for name in errors if name != "float32") < 1e-6
    True
    """
    if not isinstance(cell, Cell):
        raise CellError(
            f"cell of type {type(cell).__name__} found; expected a throughtime.Cell. Make one from two functions."
        )
    errors = check_equations(cell, tolerance)
    for truncation in (Full(), Window(1), Chunk(2)):
        errors[str(truncation)] = _against_differences(cell, truncation, tolerance)
    errors["lags"] = _lags_against_reverse(cell)
    errors["float32"] = _float32_against_float64(cell)
    for name, allowed in (("lags", tolerance), ("float32", _FLOAT32)):
        if not errors[name] <= allowed:
            raise GradientError(
                f"cell {cell.name!r}: gradients of the {name} comparison differ by {errors[name]:.1e}, relative; expected "
                f"at most {allowed:.0e}. Look for numbers that grow out of range, and for functions that remember."
            )
    return errors


class _Trial:
    """Two layers of a cell, and one call's arguments."""

    def __init__(self, cell: Cell, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.model = SequenceModel(
            _I, _H, _O, cell=cell, num_layers=2, loss="squared", dtype="float64", seed=rng
        )
        self.inputs, self.targets = rng.standard_normal((_T, _B, _I)), rng.standard_normal((_T, _B, _O))
        self.state = tuple(rng.standard_normal((2, _B, _H)) for _ in cell.states)
        self.reset = np.zeros((_T, _B), bool)
        self.reset[2, 0] = True
        self.lengths = np.array([_T, _T - 2])

    def gradients(self, truncation: Truncation) -> dict[str, Array]:
        return bptt(
            self.model, self.inputs, self.targets, self.state, truncation, "mean", self.reset, self.lengths
        ).grads

    def against_differences(self, truncation: Truncation, tolerance: float) -> float:
        errors = check_gradients(
            self.model,
            self.inputs,
            self.targets,
            self.state,
            truncation,
            "mean",
            self.reset,
            self.lengths,
            tolerance=tolerance,
        )
        return max(errors.values())


def _against_differences(cell: Cell, truncation: Truncation, tolerance: float) -> float:
    # A kink may lie within a difference's step; a wrong equation is wrong for the next seed too.
    for seed in (0, 1):
        with suppress(GradientError):
            return _Trial(cell, seed).against_differences(truncation, tolerance)
    return _Trial(cell, 2).against_differences(truncation, tolerance)


def _lags_against_reverse(cell: Cell) -> float:
    trial = _Trial(cell, 0)
    return _worst(trial.gradients(Window(_T - 1)), trial.gradients(Full()))


def _float32_against_float64(cell: Cell) -> float:
    trial = _Trial(cell, 0)
    exact = trial.gradients(Full())
    trial.model = trial.model.astype("float32")
    trial.inputs, trial.targets = trial.inputs.astype(np.float32), trial.targets.astype(np.float32)
    trial.state = tuple(part.astype(np.float32) for part in trial.state)
    return _worst(trial.gradients(Full()), exact)


def _worst(found: dict[str, Array], expected: dict[str, Array]) -> float:
    """The largest of the parameters' relative errors; infinite where a gradient is not finite."""
    errors = []
    for name, gradient in expected.items():
        difference = np.abs(found[name] - gradient).max()
        errors.append(float(difference / max(np.abs(gradient).max(), np.finfo(gradient.dtype).tiny)))
    return max(errors) if np.isfinite(errors).all() else np.inf
