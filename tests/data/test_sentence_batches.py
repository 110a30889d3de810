from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from throughtime.data.batch import IGNORED, Batch
from throughtime.data.sentence_batches import SentenceBatches, Sentences
from throughtime.errors import ArgumentError, TextError


def _sentences(n: int, seed: int = 0) -> list[np.ndarray]:
    """Sentences that hold ids of their own, so that each can be found again."""
    lengths = np.random.default_rng(seed).integers(0, 12, n)
    ends = np.cumsum(lengths)
    return [np.arange(end - length, end) + 3 for length, end in zip(lengths, ends, strict=True)]


def _read_back(batch: Batch) -> list[tuple[int, ...]]:
    """The sentences of a batch, checked for their edges and padding."""
    assert batch.fresh
    assert batch.lengths is not None
    assert batch.inputs.dtype == batch.targets.dtype == np.int32
    assert batch.inputs.shape == batch.targets.shape == (batch.lengths.max(), len(batch.lengths))
    assert batch.tokens == batch.lengths.sum()
    sentences = []
    for b, length in enumerate(batch.lengths):
        inputs, targets = batch.inputs[:, b].tolist(), batch.targets[:, b].tolist()
        assert inputs[0] == 1
        assert targets[length - 1] == 2
        assert inputs[1:length] == targets[: length - 1]
        assert set(inputs[length:]) <= {2}
        assert set(targets[length:]) <= {IGNORED}
        sentences.append(tuple(inputs[1:length]))
    return sentences


@given(st.integers(1, 40), st.integers(1, 9), st.none() | st.integers(0, 3), st.integers(0, 5))
def test_an_epoch_shows_each_sentence_once(n: int, B: int, seed: int | None, number: int) -> None:
    sentences = _sentences(n)
    batches = SentenceBatches(sentences, B, seed)
    shown = list(batches.epoch(number))
    assert len(shown) == len(batches)
    assert sorted(len(batch.inputs.T) for batch in shown)[1:] == [B] * (len(batches) - 1)
    assert Counter(s for batch in shown for s in _read_back(batch)) == Counter(
        tuple(s.tolist()) for s in sentences
    )
    assert batches.tokens == sum(batch.tokens for batch in shown)


def _order(batches: SentenceBatches, number: int) -> list[tuple[int, ...]]:
    return [sentence for batch in batches.epoch(number) for sentence in _read_back(batch)]


def test_the_order_follows_from_the_seed_and_the_epoch() -> None:
    sentences = _sentences(60)
    one, same, other = (SentenceBatches(sentences, 4, seed) for seed in (5, 5, 6))
    assert _order(one, 3) == _order(same, 3)  # also with no epoch before it
    assert _order(one, 0) == _order(one, 0)
    assert _order(one, 0) != _order(one, 1)
    assert _order(one, 0) != _order(other, 0)
    assert [batch.inputs.tolist() for batch in one] == [batch.inputs.tolist() for batch in one.epoch(0)]


def test_an_epoch_can_be_taken_up_at_any_batch() -> None:
    batches = SentenceBatches(_sentences(30), 4, seed=2)
    whole = [batch.inputs.tolist() for batch in batches.epoch(1)]
    for start in (0, 3, len(whole)):
        assert [batch.inputs.tolist() for batch in batches.epoch(1, start)] == whole[start:]


def test_long_and_short_batches_come_in_another_order_each_epoch() -> None:
    batches = SentenceBatches(_sentences(60), 4, seed=0)
    lengths = [[len(batch.inputs) for batch in batches.epoch(number)] for number in (0, 1)]
    assert lengths[0] != sorted(lengths[0])
    assert lengths[0] != lengths[1]


def test_sentences_of_one_length_find_new_neighbours_each_epoch() -> None:
    batches = SentenceBatches([[i, i] for i in range(3, 23)], 5, seed=0)
    together = [{frozenset(_read_back(batch)) for batch in batches.epoch(number)} for number in (0, 1)]
    assert together[0] != together[1]


def test_a_batch_holds_similar_lengths() -> None:
    spans = [(batch.lengths.min(), batch.lengths.max()) for batch in SentenceBatches(_sentences(50), 5, seed=1)
             if batch.lengths is not None]  # fmt: skip
    spans.sort()
    assert all(before[1] <= after[0] for before, after in pairwise(spans))


def test_without_a_seed_the_shortest_come_first() -> None:
    lengths = [len(sentence) for sentence in _order(SentenceBatches(_sentences(30), 4, seed=None), 2)]
    assert lengths == sorted(lengths)


def test_another_tokenizers_ids_are_used() -> None:
    (batch,) = SentenceBatches([[5], [6, 7]], 2, None, start_id=8, end_id=9)
    assert batch.inputs.T.tolist() == [[8, 5, 9], [8, 6, 7]]
    assert batch.targets.T.tolist() == [[5, 9, IGNORED], [6, 7, 9]]


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ArgumentError, match="batch_size is 0; expected at least 1"):
        SentenceBatches([[3]], 0, 0)
    with pytest.raises(ArgumentError, match="seed is -1; expected at least 0"):
        SentenceBatches([[3]], 1, -1)
    with pytest.raises(TextError, match="0 sentences; expected at least 1"):
        SentenceBatches([], 1, 0)


@given(st.lists(st.lists(st.integers(0, 9), max_size=3)), st.integers(-3, 9), st.integers(-3, 9))
def test_sentences_are_a_sequence_over_one_array(many: list[list[int]], begin: int, end: int) -> None:
    sentences = Sentences.of(many)
    assert [ids.tolist() for ids in sentences] == many
    assert sentences.sizes.tolist() == [len(ids) for ids in many]
    part = sentences[begin:end]
    assert [ids.tolist() for ids in part] == many[begin:end]
    assert part.ids.tolist() == [token for ids in many[begin:end] for token in ids]
    assert all(np.shares_memory(ids, sentences.ids) for ids in part if len(ids))
    for beyond in (len(many), -len(many) - 1):
        with pytest.raises(IndexError):
            sentences[beyond]


def test_sentences_are_not_taken_in_steps() -> None:
    with pytest.raises(IndexError, match="steps of 2"):
        Sentences.of([[1], [2]])[::2]
