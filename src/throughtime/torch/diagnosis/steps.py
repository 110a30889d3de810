"""The way back through recorded steps, of which nothing is known but what they compute: PyTorch differentiates them.

The gradients of many output steps go back at once, each apart, as in `throughtime.sweeps.lags`. Here it is one call of the
step after the other, with all output steps whose gradient comes through it.
"""

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from throughtime.errors import ArgumentError
from throughtime.flow.measure import Measured, mean, percentiles
from throughtime.flow.origins import choose_origins, lags_to_measure
from throughtime.flow.words import counted
from throughtime.machine.arrays import Array
from throughtime.torch.diagnosis.batched import gradients
from throughtime.torch.diagnosis.numbers import require_numbers
from throughtime.torch.diagnosis.parts import Part
from throughtime.torch.diagnosis.recorded import Call

# A row's largest entry may drift between these before it is brought back to about 1.
_LOW, _HIGH = 2.0**-20, 2.0**20


class Steps:
    """A step's calls, each of which reads what the one before it gave.

    Parameters
    ----------
    calls : list of Call
    part : Part

    Raises
    ------
    ArgumentError, DtypeError
        Nothing, or not only what the call before gave, is handed on; or it is no row of numbers for each sequence.

    Attributes
    ----------
    state : list of int
        The places among a call's results of those on which the next call depends; first the ones that are handed on as they
        are.
    units : list of int
        How many numbers each of these holds for a sequence.
    B : int
    dtype : str
    """

    def __init__(self, calls: list[Call], part: Part) -> None:
        self.calls, self.part = calls, part
        self.state = self._handed_on()
        parts = [calls[0].made[q] for q in self.state]
        self.dtype = require_numbers(f"the state of {part}", *parts)
        shapes = {tuple(tensor.shape) for tensor in parts}
        if any(len(shape) in (0, 3) for shape in shapes) or len({shape[:-1][:1] for shape in shapes}) > 1:
            raise ArgumentError(
                f"the state of {part} has shape {' and '.join(map(str, sorted(shapes)))}; expected (batch, units) or (units,). "
                "Reshape it in the step."
            )
        self._batched = parts[0].ndim > 1
        self.B = len(parts[0]) if self._batched else 1
        self.units = [tensor.numel() // self.B for tensor in parts]

    @property
    def names(self) -> list[str]:
        """Of the parts of the state: h, and c where there are two, as an LSTM has them; else s1, s2 and so on."""
        rest = len(self.state) - 1
        return ["h", "c"] if rest == 1 else ["h", *(f"s{k + 1}" for k in range(rest))]

    def measure(self, max_lag: int | None, origins: Any) -> Measured:
        """Take the gradients of output steps back over lags, as `throughtime.flow.measure` does."""
        T = len(self.calls)
        last = lags_to_measure(max_lag, T, origins)
        wanted = choose_origins(origins, T, self.B, last)
        seen = _Seen(self.names, last, T, self.B)
        rows = _Rows(self.B, self.dtype)
        for k in reversed(range(T)):
            call = self.calls[k]
            self._begin(rows, k, wanted[k])
            rows.forget(k + last)
            if not len(rows.steps):
                continue
            before, entering = self._through(call, rows.gradients)
            seen.look(k, rows, [before[q] for q in self.state])
            links = [each for each in call.arguments if each.sources]
            if k == 0 or not links:
                rows.forget(-1)
                continue
            earlier = self.calls[k - 1].leaves
            found = gradients([each.given for each in links], earlier, entering)
            rows.gradients = {
                q: earlier[q].new_zeros(len(rows.steps), *earlier[q].shape) if gradient is None else gradient
                for q, gradient in enumerate(found)
                if gradient is not None or q in self.state
            }
            rows.rescale()
        return seen.measured()

    def _handed_on(self) -> list[int]:
        passed: set[int] = set()
        reached: set[int] = set()
        for k, (before, call) in enumerate(pairwise(self.calls), start=1):
            earlier = {source for each in call.arguments for source in each.sources if source[0] != k - 1}
            if earlier or call.hidden:
                what = f"what call {min(earlier)[0]} gave" if earlier else "what it was not handed"
                raise ArgumentError(
                    f"call {k} of {self.part} reads {what}; expected only what call {k - 1} gave, among its arguments. Make all "
                    "that a step needs of earlier ones a part of the state."
                )
            reached |= {q for each in call.arguments for _, q in each.sources}
            shown = {id(tensor): q for q, tensor in enumerate(before.shown)}
            passed |= {shown[id(each.given)] for each in call.arguments if id(each.given) in shown}
        if not reached:
            raise ArgumentError(
                f"{self.part} was called {counted(len(self.calls), 'time')}, and no call reads what the one before it gave; expected one call "
                "for each step of time, with the state handed on. Look for detach(), or name another step."
            )
        return [*sorted(passed), *sorted(reached - passed)]

    def _begin(self, rows: "_Rows", k: int, wanted: Array) -> None:
        """The gradient of call k's own losses joins the rows."""
        call = self.calls[k]
        given = {
            q: gradient
            for q, gradient in enumerate(call.direct)
            if gradient is not None and (call.made[q].requires_grad or q in self.state)
        }
        if not wanted.any() or not given:
            return
        for q, gradient in given.items():
            if self._batched and gradient.shape[:1] != (self.B,):
                raise ArgumentError(
                    f"result {q} of {self.part} has shape {tuple(gradient.shape)}, and the loss reads it; expected one row for each "
                    f"of {self.B} sequences. Make it so, or compute the loss from the others."
                )
        rows.add(k, given, wanted)

    def _through(
        self, call: Call, arrived: dict[int, Tensor]
    ) -> tuple[dict[int, Tensor], list[Tensor | None]]:
        """From the gradient of a call's results, each on its own, the total one of its state, and that of its arguments.

        The total is as autograd has it: a part's own path through other results, as an LSTM's c through its h, is in it.
        """
        n = len(next(iter(arrived.values())))
        results = [q for q in arrived if call.made[q].requires_grad]
        state = [q for q in self.state if call.made[q].requires_grad]
        links = [each.leaf for each in call.arguments if each.sources]
        found = gradients(
            [call.made[q] for q in results],
            [*(call.made[q] for q in state), *links],
            [arrived[q] for q in results],
        )
        total = dict(zip(state, found, strict=False))
        whole = {}
        for q in self.state:
            gradient = total.get(q) if q in state else arrived.get(q)
            whole[q] = torch.zeros(n, *call.made[q].shape) if gradient is None else gradient
        return whole, found[len(state) :]


class _Rows:
    """The gradients under way: by result (n, *shape), one for each of n output steps, and each sequence with its own scale.

    A row, the gradient of one loss, stands for its numbers times 2^exponent, as in `throughtime.sweeps.meet`.

    Attributes
    ----------
    steps : list of int
        The output steps, the latest first.
    gradients : dict of int to Tensor
        By place among the results of the call that they have come to.
    exponents : (n, B) of int
    counted : (n, B) of bool
        Whether a sequence has a loss at the step, and it is wanted.
    """

    def __init__(self, B: int, dtype: str) -> None:
        self.B, self.dtype = B, dtype
        self.steps: list[int] = []
        self.gradients: dict[int, Tensor] = {}
        self.exponents = np.zeros((0, B), np.int64)
        self.counted = np.zeros((0, B), np.bool_)

    def add(self, step: int, direct: dict[int, Tensor], wanted: Array) -> None:
        """One step more."""
        own = {q: gradient[None] for q, gradient in direct.items()}
        largest = self._largest(own)
        counted = wanted & (largest[0] != 0)
        if not counted.any():
            return
        exponents = self._scale(own, largest)
        n = len(self.steps)
        joined = {}
        for q in {*self.gradients, *own}:
            like = own[q] if q in own else self.gradients[q]
            nothing = like.new_zeros
            old = self.gradients.get(q, nothing(n, *like.shape[1:]))
            joined[q] = torch.cat([old, own.get(q, nothing(1, *like.shape[1:]))])
        self.gradients = joined
        self.steps = [*self.steps, step]
        self.exponents = np.concatenate([self.exponents, exponents])
        self.counted = np.concatenate([self.counted, counted[None]])

    def forget(self, last: int) -> None:
        """Those of later steps than `last`."""
        gone = sum(step > last for step in self.steps)
        self.steps = self.steps[gone:]
        self.exponents, self.counted = self.exponents[gone:], self.counted[gone:]
        self.gradients = {q: gradient[gone:] for q, gradient in self.gradients.items()} if self.steps else {}

    def rescale(self) -> None:
        """Bring each row back to about 1, once some have drifted away."""
        largest = self._largest(self.gradients)
        if ((largest < _LOW) | (largest > _HIGH)).any():
            self.exponents = self.exponents + self._scale(self.gradients, largest)

    def _largest(self, gradients: dict[int, Tensor]) -> Array:
        """(n, B) of float64: the magnitude of each row's largest entry."""
        sizes = []
        for gradient in gradients.values():
            low, high = gradient.reshape(len(gradient), self.B, -1).aminmax(dim=2)
            sizes.append(torch.maximum(-low, high).double().numpy())
        found: Array = np.max(sizes, axis=0)
        return found

    def _scale(self, gradients: dict[int, Tensor], largest: Array) -> Array:
        """Scale rows by powers of 2, so that their largest entry is about 1; return the exponents (n, B)."""
        exponents: Array = np.frexp(np.where(np.isfinite(largest), largest, 0))[1].astype(np.int64)
        half = exponents // 2  # a factor for all of 2^127 would be no normal number
        for q, gradient in gradients.items():
            rows = gradient.reshape(*largest.shape, -1)
            for part in (half, exponents - half):
                rows = rows * torch.from_numpy(np.ldexp(1.0, -part)).to(rows.dtype)[:, :, None]
            gradients[q] = rows.reshape(gradient.shape)
        return exponents


class _Seen:
    """What the rows showed at each lag."""

    def __init__(self, names: list[str], last: int, T: int, B: int) -> None:
        self._names = names
        self._norms = np.zeros((len(names), last + 1, T, B))
        self._lost = np.zeros((last + 1, T, B))
        self._there = np.zeros((last + 1, T, B), np.bool_)

    def look(self, k: int, rows: _Rows, state: Iterable[Tensor]) -> None:
        """Measure the gradients that have come to call k."""
        steps = np.array(rows.steps)
        with np.errstate(over="ignore"):
            for s, gradient in enumerate(state):
                values = gradient.reshape(len(steps), rows.B, -1)
                norms = torch.linalg.vector_norm(values, dim=2, dtype=torch.float64).numpy()
                self._norms[s, steps - k, steps] = np.ldexp(norms, rows.exponents)
                if s == 0 and (rows.exponents < 0).any():
                    smallest = np.finfo(rows.dtype).minexp - rows.exponents
                    bound = torch.from_numpy(np.ldexp(1.0, np.minimum(smallest, 1000))).to(values.dtype)
                    lost = (values.abs() < bound[:, :, None]) & (values != 0)
                    self._lost[steps - k, steps] = lost.sum(dim=2).numpy() / values.shape[2]
        self._there[steps - k, steps] = rows.counted

    def measured(self) -> Measured:
        last = self._norms.shape[1] - 1
        found = Measured.nothing(self._names, 1, last)
        for lag, there in enumerate(self._there):
            found.origins[lag] = there.sum()
            if not there.any():
                continue
            for s, name in enumerate(self._names):
                norms = self._norms[s, lag][there]
                found.norms[name][0, lag] = mean(norms)
                found.percentiles[name][:, 0, lag] = percentiles(norms)
            found.underflow[0, lag] = self._lost[lag][there].mean()
        return found
