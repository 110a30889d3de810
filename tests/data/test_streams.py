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
def test_batches_can_be_had_one_by_one(size: tuple[int, int, int]) -> None:
    B, T, more = size
    batches = StreamBatches(np.arange(B + 1 + more), B, T)
    assert batches.tokens == sum(batch.tokens for batch in batches)
    assert len(list(batches)) == len(batches)
    for i, one in enumerate(batches):
        for batch in (batches[i], batches[i - len(batches)], batches.chunk(i, i * T)):
            np.testing.assert_array_equal(one.inputs, batch.inputs)
            np.testing.assert_array_equal(one.targets, batch.targets)
            assert (one.fresh, one.carry) == (batch.fresh, None)
            assert batch.advance == len(batch.inputs)
    for beyond in (len(batches), -len(batches) - 1):
        with pytest.raises(IndexError):
            batches[beyond]


@given(sizes, st.lists(st.integers(0, 30), min_size=1))
def test_looking_back_scores_every_transition_once_and_finds_its_state(
    size: tuple[int, int, int], look_backs: list[int]
) -> None:
    B, T, more = size
    chunks = StreamBatches(np.arange(B + 1 + more), B, T)
    begin = 0  # a batch's first step, from the one before it
    for index, plain in enumerate(chunks):
        batch = chunks.chunk(index, begin, look_backs[index % len(look_backs)])
        assert batch.fresh == (begin == 0)
        before = index * T - begin
        np.testing.assert_array_equal(batch.inputs[before:], plain.inputs)
        np.testing.assert_array_equal(batch.targets[before:], plain.targets)
        assert (batch.targets[:before] == IGNORED).all()
        # Stream by stream a run, except where a shorter one repeats its last input.
        first = chunks[0].inputs[0] + begin
        within = plain.targets[-1] != IGNORED
        np.testing.assert_array_equal(
            batch.inputs[:, within], (first + np.arange(len(batch.inputs))[:, None])[:, within]
        )
        if index + 1 == len(chunks):
            assert batch.carry is None
            return
        wanted = (index + 1) * T - look_backs[index % len(look_backs)]
        begin, last = begin + batch.advance, begin
        assert begin == max(last, wanted)  # no state is known of what lies before


@pytest.mark.parametrize(
    ("index", "begin", "look_back", "found"),
    [
        (1, 4, 0, "chunk 1 from step 4"),
        (1, -1, 0, "chunk 1 from step -1"),
        (2, 0, 0, "chunk 2 from step 0"),
        (-1, 0, 0, "chunk -1 from step 0"),
        (1, 3, -1, "look_back=-1"),
    ],
)
def test_a_chunk_begins_within_the_streams_by_its_first_step(
    index: int, begin: int, look_back: int, found: str
) -> None:
    batches = StreamBatches(np.arange(7), 1, 3)
    assert batches.chunk(1, 3, 0).inputs.ravel().tolist() == [3, 4, 5]
    with pytest.raises(
        ArgumentError, match=rf"{found}.* found; expected one of 2 chunks, .* look_back of at least 0\. Begin"
    ):
        batches.chunk(index, begin, look_back)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.int64])
def test_ids_of_any_width_are_taken_as_they_are(dtype: type) -> None:
    ids = np.arange(10, dtype=dtype)
    batches = StreamBatches(ids, 2, 3)
    assert batches.ids is ids
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


def test_ids_of_another_shape_or_dtype_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"\(1, 3\)"):
        StreamBatches([[1, 2, 3]], 1, 1)
    with pytest.raises(DtypeError, match="float64"):
        StreamBatches([1.0, 2.0], 1, 1)
