import dataclasses

import numpy as np
import pytest

from throughtime.data.batch import IGNORED, Batch


def _batch() -> Batch:
    return Batch(np.array([[3, 4]], np.int32), np.array([[5, IGNORED]], np.int32), lengths=None, fresh=True)


def test_tokens_counts_the_targets_that_are_scored() -> None:
    assert _batch().tokens == 1


def test_a_batch_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        _batch().fresh = False  # type: ignore[misc]
