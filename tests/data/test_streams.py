import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from throughtime.data.batch import IGNORED
from throughtime.data.streams import StreamBatches
from throughtime.errors import ArgumentError, DtypeError, ShapeError, TextError

sizes = st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(0, 60))


@given(sizes)
def test_every_transition_is_predicted_once(size: tuple[int, int, int]) -> None:
    B, T, more = size
    N = B + 1 + more
    seen: list[tuple[int, int]] = []
    for batch in StreamBatches(np.arange(N), B, T):
        assert batch.inputs.dtype == batch.targets.dtype == np.int32
        assert batch.inputs.shape == batch.targets.shape
        assert batch.inputs.shape[1] == B
        assert 1 <= len(batch.inputs) <= T
        assert batch.inputs.min() >= 0
        assert batch.inputs.max() < N
        scored = batch.targets != IGNORED
        seen += zip(batch.inputs[scored].tolist(), batch.targets[scored].tolist(), strict=True)
        assert batch.tokens == scored.sum() > 0
    assert sorted(seen) == [(i, i + 1) for i in range(N - 1)]


@given(sizes)
def test_each_stream_is_contiguous_over_its_chunks(size: tuple[int, int, int]) -> None:
    B, T, more = size
    batches = list(StreamBatches(np.arange(B + 1 + more), B, T))
    inputs = np.concatenate([batch.inputs for batch in batches])
    targets = np.concatenate([batch.targets for batch in batches])
    assert [batch.fresh for batch in batches] == [True] + [False] * (len(batches) - 1)
    assert all(len(batch.inputs) == T for batch in batches[:-1])
    assert all(batch.lengths is None for batch in batches)
    assert (targets[:-1] == inputs[1:])[targets[1:] != IGNORED].all()
    unscored = targets == IGNORED
    assert not unscored[:-1].any()  # at most the last step
    assert not (unscored[:, :-1] & ~unscored[:, 1:]).any()  # of the last streams


@given(sizes)
def test_epochs_are_alike_and_batches_can_be_had_one_by_one(size: tuple[int, int, int]) -> None:
    B, T, more = size
    batches = StreamBatches(np.arange(B + 1 + more), B, T)
    assert batches.tokens == sum(batch.tokens for batch in batches)
    first, again = list(batches.epoch(0)), list(batches.epoch(1))
    assert len(first) == len(again) == len(batches)
    for i, (one, other) in enumerate(zip(first, again, strict=True)):
        for batch in (other, batches[i], batches[i - len(batches)]):
            np.testing.assert_array_equal(one.inputs, batch.inputs)
            np.testing.assert_array_equal(one.targets, batch.targets)
            assert one.fresh == batch.fresh
    for beyond in (len(batches), -len(batches) - 1):
        with pytest.raises(IndexError):
            batches[beyond]


@given(sizes, st.integers(0, 30))
def test_looking_back_scores_every_transition_once_and_finds_its_state(
    size: tuple[int, int, int], look_back: int
) -> None:
    B, T, more = size
    N = B + 1 + more
    batches = list(StreamBatches(np.arange(N), B, T, look_back))
    plain = list(StreamBatches(np.arange(N), B, T))
    assert len(batches) == len(plain)
    begin = 0  # a batch's first step, from the carries of those before it
    for index, (batch, chunk) in enumerate(zip(batches, plain, strict=True)):
        assert begin == max(0, index * T - look_back)
        assert batch.fresh == (begin == 0)
        before = index * T - begin
        np.testing.assert_array_equal(batch.inputs[before:], chunk.inputs)
        np.testing.assert_array_equal(batch.targets[before:], chunk.targets)
        assert (batch.targets[:before] == IGNORED).all()
        # Stream by stream a run, except where a shorter one repeats its last input.
        first = plain[0].inputs[0] + begin
        within = chunk.targets[-1] != IGNORED
        np.testing.assert_array_equal(
            batch.inputs[:, within], (first + np.arange(len(batch.inputs))[:, None])[:, within]
        )
        if index + 1 < len(batches):
            begin += len(batch.inputs) if batch.carry is None else batch.carry
        else:
            assert batch.carry is None


@given(sizes)
def test_without_looking_back_the_last_state_is_carried(size: tuple[int, int, int]) -> None:
    B, T, more = size
    assert all(batch.carry is None for batch in StreamBatches(np.arange(B + 1 + more), B, T, look_back=0))


@given(sizes, st.integers(0, 5), st.integers(0, 70))
def test_an_epoch_can_be_taken_up_at_any_batch(
    size: tuple[int, int, int], look_back: int, start: int
) -> None:
    B, T, more = size
    batches = StreamBatches(np.arange(B + 1 + more), B, T, look_back)
    whole, rest = list(batches.epoch(3)), list(batches.epoch(3, start))
    assert [batch.inputs.tolist() for batch in rest] == [batch.inputs.tolist() for batch in whole[start:]]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.int64])
def test_ids_of_any_width_are_taken_as_they_are(dtype: type) -> None:
    ids = np.arange(10, dtype=dtype)
    batches = StreamBatches(ids, 2, 3)
    assert batches._ids is ids
    assert batches[0].inputs.dtype == batches[0].targets.dtype == np.int32


def test_a_short_text_is_refused_with_the_size_that_would_do() -> None:
    with pytest.raises(
        TextError, match=r"the text has 4 tokens; expected at least 5 .* batch_size of at most 3"
    ):
        StreamBatches([0, 1, 2, 3], batch_size=4, seq_len=2)
    assert len(StreamBatches([0, 1, 2, 3, 4], batch_size=4, seq_len=2)) == 1
    assert len(StreamBatches([0, 1, 2, 3], batch_size=3, seq_len=2)) == 1


@pytest.mark.parametrize("ids", [[], [7]])
def test_a_text_too_short_for_any_batch_size_is_told_so(ids: list[int]) -> None:
    with pytest.raises(TextError, match=rf"the validation part has {len(ids)} tokens.*Give a longer text\.$"):
        StreamBatches(ids, 1, 1, name="the validation part")


@pytest.mark.parametrize(("batch_size", "seq_len", "name"), [(0, 1, "batch_size"), (1, 0, "seq_len")])
def test_sizes_below_one_are_refused(batch_size: int, seq_len: int, name: str) -> None:
    with pytest.raises(ArgumentError, match=f"{name} is 0; expected at least 1"):
        StreamBatches([1, 2, 3], batch_size, seq_len)


def test_looking_ahead_is_refused() -> None:
    with pytest.raises(ArgumentError, match="look_back is -1; expected at least 0"):
        StreamBatches([1, 2, 3], 1, 1, -1)


def test_ids_of_another_shape_or_dtype_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"\(1, 3\)"):
        StreamBatches([[1, 2, 3]], 1, 1)
    with pytest.raises(DtypeError, match="float64"):
        StreamBatches([1.0, 2.0], 1, 1)
