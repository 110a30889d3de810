"""What all optimisers share: the checks, the state and its names. A subclass adds its equations, as one kernel."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np

from throughtime.errors import ArgumentError, DtypeError, ShapeError
from throughtime.machine.arrays import Array
from throughtime.machine.denormals import flush_to_zero
from throughtime.optim.memory import check_floating, flat, flat_like
from throughtime.optim.settings import positive
from throughtime.optim.structured import Gradient, Structured, as_array

_STEP = "step"


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
        and dtype; and "step", int64 of shape (1,), if the equations count the steps. Empty until the first step.

    Notes
    -----
    A subclass names its `slots`, gives its equations as a compiled `kernel(p, g, *slots, *coefficients)` over one
    parameter at a time, all rows of one size and dtype, and gives the `coefficients` of one step.
    """

    name: ClassVar[str]
    slots: ClassVar[tuple[str, ...]] = ()
    counts_steps: ClassVar[bool] = False
    kernel: Callable[..., None]

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

    @property
    def structured(self) -> bool:
        """Whether a step is minus its one coefficient times the gradient, so that a structured one need not be made whole."""
        return False

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """Return the keyword arguments that make this optimiser again, fit for JSON."""

    @abstractmethod
    def coefficients(self) -> tuple[float, ...]:
        """Return the numbers of this step's equations, in the kernel's order."""

    def load(self, state: Mapping[str, Array]) -> None:
        """Take over a copy of another's `state`, to resume where it stopped.

        The next step checks that it fits the parameters.
        """
        self.state = {name: np.array(array) for name, array in state.items()}

    def step(self, params: Mapping[str, Array], grads: Mapping[str, Gradient]) -> None:
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
            A gradient or a state does not have its parameter's shape or dtype.

        Notes
        -----
        Whatever is raised, it is raised before anything has changed.
        """
        _check_names(params, grads)
        rows = {name: flat("parameter", name, param) for name, param in params.items()}
        for name, param in params.items():
            _check_like("gradient", name, grads[name], param)
        self._prepare_state(params)
        if self.counts_steps:
            self.state[_STEP] += 1
        # In the arrays' own type: a float64 coefficient would promote a float32 kernel.
        numbers = self.coefficients()
        typed = {dtype: tuple(map(dtype.type, numbers)) for dtype in {row.dtype for row in rows.values()}}
        with flush_to_zero():  # the running means of a parameter that has no gradient decay into denormals
            for name, param in params.items():
                grad = grads[name]
                if self.structured and isinstance(grad, Structured):
                    (rate,) = numbers
                    grad.add_to(param, -rate)
                    continue
                slots = [flat_like(self.state[f"{slot}.{name}"], param) for slot in self.slots]
                self.kernel(rows[name], flat_like(as_array(grad), param), *slots, *typed[param.dtype])

    def _prepare_state(self, params: Mapping[str, Array]) -> None:
        """Allocate the state at the first step; afterwards, or when it was loaded, hold it against the parameters."""
        entries = {f"{slot}.{name}": param for slot in self.slots for name, param in params.items()}
        if not self.state:
            self.state = {name: np.zeros_like(param) for name, param in entries.items()}
            if self.counts_steps:
                self.state[_STEP] = np.zeros(1, np.int64)
            return
        expected = {*entries, _STEP} if self.counts_steps else {*entries}
        if self.state.keys() != expected:
            raise ArgumentError(
                f"the optimizer's state and the parameters differ in {min(self.state.keys() ^ expected)!r}; expected "
                f"the state of {self.name} for these parameters. Make a new optimizer, or load the state saved with "
                "these parameters."
            )
        if self.counts_steps:
            _check_counter(self.state[_STEP])
        for name, param in entries.items():
            _check_like("state", name, self.state[name], param)
        for name, param in entries.items():
            # What was loaded may lie in another memory order; where it does not, this is no copy.
            self.state[name] = np.asarray(self.state[name], order="C" if param.flags.c_contiguous else "F")


def _check_names(params: Mapping[str, Array], grads: Mapping[str, Gradient]) -> None:
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
        f"gradient {extra!r} has no parameter; expected the names of the parameters. "
        "Pass the gradients of this model."
    )


def _check_like(kind: str, name: str, array: Gradient, param: Array) -> None:
    if not isinstance(array, Structured):
        check_floating(kind, name, array)
    if array.shape != param.shape:
        raise ShapeError(
            f"{kind} {name!r} has shape {array.shape}; expected {param.shape}, the parameter's. "
            "Pass what was computed for this model."
        )
    if array.dtype != param.dtype:
        raise DtypeError(
            f"{kind} {name!r} has dtype {array.dtype}; expected {param.dtype}, the parameter's. "
            "Pass what was computed for this model, or convert it."
        )


def _check_counter(counter: Array) -> None:
    if counter.shape != (1,) or counter.dtype != np.int64 or counter[0] < 0:
        raise DtypeError(
            f"state {_STEP!r} is {counter.tolist()} of dtype {counter.dtype}; expected one int64, the steps made. "
            "Load the state as it was saved."
        )
