"""One batch of token ids, as training and evaluation take it."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from throughtime.targets import IGNORED

Ids: TypeAlias = NDArray[np.int32]


@dataclass(frozen=True, eq=False, slots=True)
class Batch:
    """Token ids of B sequences over T steps, time-major.

    Attributes
    ----------
    inputs : int32 array (T, B)
        The token read at each step. Every entry is a real id, also where the target is ignored.
    targets : int32 array (T, B)
        The token to predict at that step, or -100 where there is none.
    lengths : int64 array (B,), or None
        How many steps of each sequence are real; None: all T.
    fresh : bool
        True: the state starts at zero. False: it continues that of the batch before, sequence by sequence.
    carry : int or None
        After how many of its steps the next batch begins: the state to carry over is the one there. None: after all
        of them, as ever where no batch looks back. 0: where this one began itself.
    """

    inputs: Ids
    targets: Ids
    lengths: NDArray[np.int64] | None
    fresh: bool
    carry: int | None = None

    @property
    def advance(self) -> int:
        """After how many of its steps the next batch begins."""
        return len(self.inputs) if self.carry is None else self.carry

    @property
    def tokens(self) -> int:
        """How many targets count."""
        return int(np.count_nonzero(self.targets != IGNORED))
