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
    """

    inputs: Ids
    targets: Ids
    lengths: NDArray[np.int64] | None
    fresh: bool

    @property
    def tokens(self) -> int:
        """How many targets count."""
        return int(np.count_nonzero(self.targets != IGNORED))
