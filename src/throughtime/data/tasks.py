"""Tasks whose answer lies far back: endless fresh sequences of the literature's tests of long dependencies.

Definitions follow Pascanu, Mikolov and Bengio (2013), who took most of them from Hochreiter and Schmidhuber (1997) and
Martens and Sutskever (2011); copy memory is Arjovsky, Shah and Bengio's (2016).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

import numpy as np

from throughtime.errors import ArgumentError
from throughtime.machine.arrays import Array
from throughtime.targets import IGNORED

Lengths: TypeAlias = tuple[int, int]


@dataclass(frozen=True, eq=False, slots=True)
class Examples:
    """A batch of a task.

    Attributes
    ----------
    inputs : (T, B) of int, or (T, B, I) of float32
        Symbols, or numbers.
    targets : (B,), (B, 1) or (T, B)
        What `throughtime.bptt` takes, for a model of the task's loss and place.
    lengths : (B,) of int, or None
        Where sequences differ.
    """

    inputs: Array
    targets: Array
    lengths: Array | None


@dataclass(frozen=True)
class Task:
    """One task.

    Attributes
    ----------
    name : str
    about : str
        What is asked, in a sentence.
    input_size, output_size : int
    loss, at : str
        As `throughtime.SequenceModel` has them.
    shortest : int
        The least length for which it can be made.
    draw : callable
        draw(rng, batch, length) -> Examples.
    """

    name: str
    about: str
    input_size: int
    output_size: int
    loss: str
    at: str
    shortest: int
    draw: Callable[[np.random.Generator, int, int], Examples]

    def examples(self, rng: np.random.Generator, batch: int, length: int | Lengths) -> Examples:
        """A fresh batch. Of a range of lengths one is drawn for all of it.

        Raises
        ------
        ArgumentError
            Too short a length for this task, or an empty range.
        """
        low, high = self.require_lengths(length)
        return self.draw(rng, batch, int(rng.integers(low, high + 1)))

    def require_lengths(self, length: int | Lengths) -> Lengths:
        """A length, or a range of them, as a range.

        Raises
        ------
        ArgumentError
            It is too short for this task, or empty.
        """
        low, high = (length, length) if isinstance(length, int | np.integer) else length
        if not self.shortest <= low <= high:
            found = f"length {low}" if low == high else f"lengths {low} to {high}"
            raise ArgumentError(
                f"{found} found; expected at least {self.shortest} for {self.name}, and a range from its shortest up. "
                "Give another length, or a range as 50-200."
            )
        return low, high

    def wrong(self, outputs: Array, targets: Array) -> Array:
        """(B,) of bool: whether a sequence's answer is wrong.

        A class is wrong where it is not the likeliest; of several in a sequence all must be right. A number is wrong where
        its squared error is above 0.04, as in Pascanu et al. An output that is not finite is wrong.

        Parameters
        ----------
        outputs : as `SequenceModel.forward` gives them
        targets : as `Examples` has them
        """
        if self.loss == "squared":
            wrong: Array = ((outputs - targets) ** 2).max(axis=-1) > _SQUARED_ERROR
        elif self.loss == "logistic":
            wrong = ((outputs > 0) != (targets > 0.5)).any(axis=-1)
        else:
            missed = (outputs.argmax(axis=-1) != targets) & (targets != IGNORED)
            wrong = missed if missed.ndim == 1 else missed.any(axis=0)
        finite = np.isfinite(outputs).all(axis=-1)  # what is no number is no answer
        return wrong | ~(finite if finite.ndim == 1 else finite.all(axis=0))


_SQUARED_ERROR = 0.04


def _within(rng: np.random.Generator, length: int, batch: int, start: float, stop: float) -> Array:
    """(batch,): steps in [start * length, stop * length)."""
    low = int(start * length)
    return rng.integers(low, max(low + 1, int(stop * length)), batch)


def _order(places: tuple[tuple[float, float], ...]) -> Callable[[np.random.Generator, int, int], Examples]:
    """Symbols 0 and 1, in places that vary, among distractors 2 to 5: the class is their sequence as a binary number."""

    def draw(rng: np.random.Generator, batch: int, length: int) -> Examples:
        inputs = rng.integers(2, 6, (length, batch))
        targets = np.zeros(batch, np.int64)
        for start, stop in places:
            symbols = rng.integers(0, 2, batch)
            inputs[_within(rng, length, batch, start, stop), np.arange(batch)] = symbols
            targets = 2 * targets + symbols
        return Examples(inputs, targets, None)

    return draw


def _marked(
    answer: Callable[[Array, Array], Array], binary: bool = False
) -> Callable[[np.random.Generator, int, int], Examples]:
    """Two of many numbers are marked, one in the first tenth, one between it and the middle; lengths vary by a tenth."""

    def draw(rng: np.random.Generator, batch: int, length: int) -> Examples:
        lengths = length + rng.integers(0, length // 10 + 1, batch)
        numbers = _numbers(rng, (int(lengths.max()), batch), binary)
        marks = np.zeros_like(numbers)
        each = np.arange(batch)
        tenth, half = np.maximum(lengths // 10, 1), np.maximum(lengths // 2, 2)
        first, second = rng.integers(0, tenth), rng.integers(tenth, half)
        marks[first, each] = marks[second, each] = 1
        targets = answer(numbers[first, each], numbers[second, each])
        inputs = np.stack([numbers, marks], axis=2)
        return Examples(inputs, targets[:, None], None if (lengths == lengths[0]).all() else lengths)

    return draw


def _marked_in_halves(rng: np.random.Generator, batch: int, length: int) -> Examples:
    """One number is marked in each half of the sequence, and asked for is their sum."""
    numbers = _numbers(rng, (length, batch), binary=False)
    marks = np.zeros_like(numbers)
    each, half = np.arange(batch), length // 2
    first, second = rng.integers(0, half, batch), rng.integers(half, length, batch)
    marks[first, each] = marks[second, each] = 1
    targets = numbers[first, each] + numbers[second, each]
    return Examples(np.stack([numbers, marks], axis=2), targets[:, None], None)


def _numbers(rng: np.random.Generator, shape: tuple[int, ...], binary: bool) -> Array:
    return rng.integers(0, 2, shape).astype(np.float32) if binary else rng.random(shape, np.float32)


def _permutation(rng: np.random.Generator, batch: int, length: int) -> Examples:
    inputs = rng.integers(2, 100, (length, batch))
    inputs[0] = rng.integers(0, 2, batch)
    return Examples(inputs, inputs[0].copy(), None)


def _memory(
    symbols: int, count: int, everywhere: bool
) -> Callable[[np.random.Generator, int, int], Examples]:
    """`count` of `symbols` symbols, `length` blanks of which the last is the cue, then blanks where they are repeated."""
    blank, cue = symbols, symbols + 1

    def draw(rng: np.random.Generator, batch: int, length: int) -> Examples:
        told = rng.integers(0, symbols, (count, batch))
        inputs = np.full((length + 2 * count, batch), blank)
        inputs[:count] = told
        inputs[count + length - 1] = cue
        targets = np.full_like(inputs, blank if everywhere else IGNORED)
        targets[-count:] = told
        return Examples(inputs, targets, None)

    return draw


_ORDER = ((0.1, 0.2), (0.5, 0.6))
_ORDER_3BIT = ((0.1, 0.2), (0.3, 0.4), (0.6, 0.7))

TASKS: Mapping[str, Task] = MappingProxyType(
    {
        task.name: task
        for task in (
            Task(
                "temporal-order",
                "Of two symbols far apart, which ones came, and in what order?",
                *(6, 4, "softmax", "last", 10),
                _order(_ORDER),
            ),
            Task(
                "temporal-order-3bit",
                "Of three symbols far apart, which ones came, and in what order?",
                *(6, 8, "softmax", "last", 10),
                _order(_ORDER_3BIT),
            ),
            Task(
                "adding",
                "What is the mean of the two marked numbers?",
                *(2, 1, "squared", "last", 10),
                _marked(lambda a, b: (a + b) / 2),
            ),
            Task(
                "adding-classic",
                "What is the sum of the two marked numbers, one in each half?",
                *(2, 1, "squared", "last", 2),
                _marked_in_halves,
            ),
            Task(
                "multiplication",
                "What is the product of the two marked numbers?",
                *(2, 1, "squared", "last", 10),
                _marked(np.multiply),
            ),
            Task(
                "delayed-xor",
                "Do the two marked bits differ?",
                *(2, 1, "logistic", "last", 10),
                _marked(lambda a, b: (a != b).astype(np.float32), binary=True),
            ),
            Task(
                "random-permutation",
                "Which of two symbols came first, before all the others?",
                *(100, 100, "softmax", "last", 2),
                _permutation,
            ),
            Task(
                "memorisation",
                "What were the five bits, told long ago?",
                *(4, 2, "softmax", "every", 1),
                _memory(2, 5, everywhere=False),
            ),
            Task(
                "copy-memory",
                "What were the ten symbols, told long ago? Until asked, answer blank.",
                *(10, 9, "softmax", "every", 1),
                _memory(8, 10, everywhere=True),
            ),
        )
    }
)
"""The tasks by name."""


def find_task(name: str) -> Task:
    """The task of that name.

    Raises
    ------
    ArgumentError
        There is none.
    """
    if name not in TASKS:
        raise ArgumentError(f"task {name!r} found; expected one of {', '.join(TASKS)}. Use temporal-order.")
    return TASKS[name]
