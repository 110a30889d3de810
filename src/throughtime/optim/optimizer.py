"""What all optimisers share: the checks, the state and its names; a subclass adds one equation."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from throughtime.errors import ArgumentError, DtypeError, ShapeError
from throughtime.machine.arrays import Array
from throughtime.optim.memory import check_floating, flat, flat_like
from throughtime.optim.settings import positive


class Optimizer(ABC):
    """Updates parameters in place from their gradients.

    Parameters
    ----------
    lr : float
        Learning rate, finite and above 0. May be set between steps, as schedules do.

    Attributes
    ----------
    state : dict of str to array
        What must be kept to resume: "<slot>.<parameter>" for each slot of each parameter, of the parameter's shape
        and dtype, and what the optimiser counts. Empty until the first step.

    Notes
    -----
    A subclass names its `slots` and gives `_update`, which sees one parameter at a time as a row of numbers.
    """

    name: ClassVar[str]
    slots: ClassVar[tuple[str, ...]] = ()
    counters: ClassVar[tuple[str, ...]] = ()

    def __init__(self, lr: float) -> None:
        self.lr = lr
        self.state: dict[str, Array] = {}

    @property
    def lr(self) -> float:
        """The learning rate of the next step."""
        return self._lr

    @lr.setter
    def lr(self, value: float) -> None:
        self._lr = positive("lr", value, 0.001)

    def settings(self) -> dict[str, Any]:
        """Return the keyword arguments that make this optimiser again, fit for JSON."""
        return {"lr": self.lr}

    def load(self, state: Mapping[str, Array]) -> None:
        """Take over a copy of another's `state`, to resume where it stopped.

        The next step checks that it fits the parameters.
        """
        self.state = {name: np.array(array) for name, array in state.items()}

    def step(self, params: Mapping[str, Array], grads: Mapping[str, Array]) -> None:
        """Update every parameter in place.

        Parameters
        ----------
        params : dict of str to array
            float32 or float64 arrays of any shape, C- or F-contiguous.
        grads : dict of str to array
            dE/dparam under the same names, of the same shapes and dtypes.

        Raises
        ------
        ArgumentError
            The names differ, the state belongs to other parameters, or a parameter cannot be updated in place.
        ShapeError, DtypeError
            A gradient or a state does not have its parameter's shape or dtype. Nothing has been changed then.
        """
        _check_names(params, grads)
        rows = []
        for name, param in params.items():
            p = flat(f"parameter {name!r}", param)
            _check_like(f"gradient of {name!r}", grads[name], param)
            rows.append((name, param, p))
        self._prepare_state(params)
        self._begin()
        for name, param, p in rows:
            slots = [flat_like(self.state[f"{slot}.{name}"], param) for slot in self.slots]
            self._update(p, flat_like(grads[name], param), *slots)

    def _begin(self) -> None:
        """Advance what counts the steps, once for all parameters."""

    @abstractmethod
    def _update(self, p: Array, g: Array, *slots: Array) -> None:
        """Update one parameter and its slots in place; all are rows of the same size and dtype."""

    def _prepare_state(self, params: Mapping[str, Array]) -> None:
        entries = {f"{slot}.{name}": param for slot in self.slots for name, param in params.items()}
        if not self.state:
            self.state = {name: np.zeros_like(param) for name, param in entries.items()}
            self.state.update({name: np.zeros(1, np.int64) for name in self.counters})
            return
        differing = sorted(self.state.keys() ^ {*entries, *self.counters})
        if differing:
            raise ArgumentError(
                f"the optimizer's state and the parameters differ in {differing[0]!r}; expected the state of "
                f"{self.name} for these parameters. Make a new optimizer, or load the state saved with them."
            )
        for name in self.counters:
            counter = self.state[name]
            if counter.shape != (1,) or counter.dtype != np.int64:
                raise DtypeError(
                    f"state {name!r} is {counter.dtype} of shape {counter.shape}; expected int64 of shape (1,). "
                    "Load the state that was saved."
                )
        for name, param in entries.items():
            _check_like(f"state {name!r}", self.state[name], param)
        for name, param in entries.items():
            # What was loaded may lie in another memory order; where it does not, this is no copy.
            self.state[name] = np.asarray(self.state[name], order="C" if param.flags.c_contiguous else "F")


def _check_names(params: Mapping[str, Array], grads: Mapping[str, Array]) -> None:
    if params.keys() == grads.keys():
        return
    for name in params:
        if name not in grads:
            raise ArgumentError(
                f"parameter {name!r} has no gradient; expected one for each parameter. "
                "Pass the gradients of this model, zeros where there is none."
            )
    extra = next(name for name in grads if name not in params)
    raise ArgumentError(
        f"gradient {extra!r} has no parameter; expected the names of the parameters. Pass the gradients of this model."
    )


def _check_like(what: str, array: Array, param: Array) -> None:
    check_floating(what, array)
    if array.shape != param.shape:
        raise ShapeError(
            f"{what} has shape {array.shape}; expected {param.shape}, the parameter's. "
            "Pass what was computed for this model."
        )
    if array.dtype != param.dtype:
        raise DtypeError(
            f"{what} has dtype {array.dtype}; expected {param.dtype}, the parameter's. "
            "Pass what was computed for this model, or convert it."
        )
