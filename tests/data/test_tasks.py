"""Tasks of long dependencies: what is drawn is what the definitions say."""

import numpy as np
import pytest

import throughtime as tt
from throughtime.data.tasks import TASKS, find_task
from throughtime.targets import IGNORED

LENGTH, BATCH = 40, 2000


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("name", TASKS)
def test_task_fits_a_model_of_its_sizes(name, rng):
    task = TASKS[name]
    drawn = task.examples(rng, 3, LENGTH)
    model = tt.SequenceModel(task.input_size, 4, task.output_size, loss=task.loss, at=task.at, seed=0)
    found = tt.bptt(model, drawn.inputs, drawn.targets, lengths=drawn.lengths)
    assert np.isfinite(found.loss)
    outputs, _ = model.forward(drawn.inputs, lengths=drawn.lengths)
    assert task.wrong(outputs, drawn.targets).shape == (3,)


@pytest.mark.parametrize("name", TASKS)
def test_task_is_drawn_alike_from_the_same_seed_and_afresh_each_time(name):
    task = TASKS[name]
    first, again = (task.examples(np.random.default_rng(5), 4, LENGTH) for _ in range(2))
    np.testing.assert_array_equal(first.inputs, again.inputs)
    np.testing.assert_array_equal(first.targets, again.targets)
    rng = np.random.default_rng(5)
    one, other = (task.examples(rng, 4, LENGTH) for _ in range(2))
    assert one.inputs.shape != other.inputs.shape or (one.inputs != other.inputs).any()


@pytest.mark.parametrize(
    ("name", "places"),
    [("temporal-order", [(4, 8), (20, 24)]), ("temporal-order-3bit", [(4, 8), (12, 16), (24, 28)])],
)
def test_temporal_order_asks_for_the_symbols_in_their_order(name, places, rng):
    drawn = TASKS[name].examples(rng, BATCH, LENGTH)
    assert drawn.inputs.shape == (LENGTH, BATCH)
    told = drawn.inputs < 2
    assert (told.sum(axis=0) == len(places)).all()
    expected = np.zeros(BATCH, int)
    for start, stop in places:
        here = told[start:stop]
        assert (here.sum(axis=0) == 1).all()
        assert {*here.argmax(axis=0)} == set(range(stop - start))  # anywhere within
        expected = 2 * expected + np.where(here, drawn.inputs[start:stop], 0).sum(axis=0)
    np.testing.assert_array_equal(drawn.targets, expected)
    assert {*drawn.inputs[~told]} == {2, 3, 4, 5}
    assert np.bincount(drawn.targets).min() > BATCH / TASKS[name].output_size * 0.7


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("adding", lambda a, b: (a + b) / 2),
        ("multiplication", lambda a, b: a * b),
        ("delayed-xor", lambda a, b: a != b),
    ],
)
def test_marked_numbers_are_one_in_the_first_tenth_and_one_before_the_middle(name, answer, rng):
    drawn = TASKS[name].examples(rng, BATCH, LENGTH)
    numbers, marks = drawn.inputs[..., 0], drawn.inputs[..., 1]
    assert {*drawn.lengths} == set(range(LENGTH, LENGTH + 5))
    steps, sequences = np.nonzero(marks.T)[::-1]
    assert (np.bincount(sequences) == 2).all()
    first, second = steps[::2], steps[1::2]
    assert first.min() == 0
    assert (first < drawn.lengths // 10).all()
    assert (second >= drawn.lengths // 10).all()
    assert (second < drawn.lengths // 2).all()
    each = np.arange(BATCH)
    np.testing.assert_allclose(
        drawn.targets[:, 0], answer(numbers[first, each], numbers[second, each]), rtol=1e-6
    )
    if name != "delayed-xor":
        assert 0 <= numbers.min() < 0.01 < 0.99 < numbers.max() < 1
        assert drawn.inputs.dtype == np.float32
    else:
        assert {*numbers.ravel()} == {0, 1}


def test_constant_guesses_score_as_the_literature_says(rng):
    drawn = TASKS["adding"].examples(rng, 40_000, LENGTH)
    wrong = TASKS["adding"].wrong(np.full_like(drawn.targets, 0.5), drawn.targets)
    assert wrong.mean() == pytest.approx(0.36, abs=0.01)
    classic = TASKS["adding-classic"].examples(rng, 40_000, LENGTH)
    assert ((classic.targets - 1) ** 2).mean() == pytest.approx(1 / 6, abs=0.003)


def test_classic_adding_marks_one_number_in_each_half(rng):
    drawn = TASKS["adding-classic"].examples(rng, BATCH, LENGTH)
    marks = drawn.inputs[..., 1]
    assert (marks[:20].sum(axis=0) == 1).all()
    assert (marks[20:].sum(axis=0) == 1).all()
    np.testing.assert_allclose(drawn.targets[:, 0], (drawn.inputs[..., 0] * marks).sum(axis=0), rtol=1e-6)
    assert drawn.lengths is None


def test_random_permutation_asks_for_the_first_symbol(rng):
    drawn = TASKS["random-permutation"].examples(rng, BATCH, LENGTH)
    assert {*drawn.inputs[0]} == {0, 1}
    np.testing.assert_array_equal(drawn.targets, drawn.inputs[0])
    assert drawn.inputs[1:].min() == 2
    assert drawn.inputs[1:].max() == 99


@pytest.mark.parametrize(("name", "symbols", "count"), [("memorisation", 2, 5), ("copy-memory", 8, 10)])
def test_memory_asks_for_what_was_told_once_the_cue_has_come(name, symbols, count, rng):
    drawn = TASKS[name].examples(rng, BATCH, LENGTH)
    blank, cue = symbols, symbols + 1
    assert len(drawn.inputs) == LENGTH + 2 * count
    assert drawn.inputs[:count].max() == symbols - 1
    np.testing.assert_array_equal(drawn.targets[-count:], drawn.inputs[:count])
    assert (np.argmax(drawn.inputs == cue, axis=0) == LENGTH + count - 1).all()
    rest = np.delete(drawn.inputs[count:], LENGTH - 1, axis=0)
    assert (rest == blank).all()
    before = {*drawn.targets[:-count].ravel()}
    assert before == ({IGNORED} if name == "memorisation" else {blank})


def test_copy_memorys_blind_guess_has_the_known_loss(rng):
    """Blank until the cue, and then one of eight: 10 ln 8 / (T + 20)."""
    task = TASKS["copy-memory"]
    drawn = task.examples(rng, 4, 100)
    logits = np.full((120, 4, 9), -50.0)
    logits[:-10, :, 8] = 50
    logits[-10:, :, :8] = 50
    top = logits.max(axis=2, keepdims=True)
    log_p = logits - top - np.log(np.exp(logits - top).sum(axis=2, keepdims=True))
    loss = -np.take_along_axis(log_p, drawn.targets[..., None], axis=2).mean()
    assert loss == pytest.approx(10 * np.log(8) / 120)


def test_sequence_of_several_answers_is_wrong_if_one_of_them_is():
    task = TASKS["memorisation"]
    targets = np.full((3, 2), IGNORED)
    targets[1:] = [[0, 1], [1, 1]]
    outputs = np.zeros((3, 2, 2))
    outputs[1:, 0] = [[1, 0], [0, 1]]
    outputs[1:, 1] = [[0, 1], [1, 0]]
    np.testing.assert_array_equal(task.wrong(outputs, targets), [False, True])


def test_numbers_are_wrong_from_a_fifth_on():
    task = TASKS["adding"]
    wrong = task.wrong(np.array([[0.5], [0.5], [0.5]]), np.array([[0.69], [0.71], [0.29]]))
    np.testing.assert_array_equal(wrong, [False, True, True])


def test_lengths_of_a_range_are_drawn_batch_by_batch(rng):
    found = {len(TASKS["temporal-order"].examples(rng, 1, (20, 23)).inputs) for _ in range(100)}
    assert found == {20, 21, 22, 23}


@pytest.mark.parametrize("length", [9, (9, 30), (30, 20)])
def test_length_that_is_too_short_or_a_range_that_is_empty_is_refused(length, rng):
    with pytest.raises(
        tt.ArgumentError, match=r"found; expected at least 10 for temporal-order, and a range"
    ):
        TASKS["temporal-order"].examples(rng, 1, length)


def test_task_that_does_not_exist_is_answered_with_those_that_do():
    with pytest.raises(tt.ArgumentError, match=r"task 'order' found; expected one of temporal-order, "):
        find_task("order")
    assert find_task("adding") is TASKS["adding"]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["adding", "delayed-xor", "temporal-order", "memorisation"])
def test_output_that_is_not_finite_is_wrong(name, value):
    task = find_task(name)
    drawn = task.examples(np.random.default_rng(0), 3, 10)
    steps = drawn.targets.shape[:-1] if task.at == "every" else ()
    right = np.zeros((*steps, 3, task.output_size), np.float32)
    if task.loss == "squared":
        right += drawn.targets
    elif task.loss == "logistic":
        right += 2 * drawn.targets - 1
    else:
        np.put_along_axis(right, np.maximum(drawn.targets, 0)[..., None], 1.0, axis=-1)
    assert not task.wrong(right, drawn.targets).any()
    right[..., 1, 0] = value
    assert task.wrong(right, drawn.targets).tolist() == [False, True, False]
