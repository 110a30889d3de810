"""The forward sweep against one unit, one sequence, one step at a time."""

import numpy as np
import pytest
from tests.cells.samples import rich
from tests.sweeps.loop import Layer

from throughtime.cells import gru, lstm, rnn_tanh

CELLS = [rnn_tanh, lstm, gru, rich]
every_cell = pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name)
every_mask = pytest.mark.parametrize(
    ("resets", "lengths"), [(False, None), (True, None), (False, (5, 2, 1)), (True, (1, 5, 4))]
)


@every_mask
@every_cell
def test_states_and_kept_values_are_the_loops(cell, resets, lengths):
    layer = Layer(cell, resets=resets, lengths=lengths)
    kept, recurrent, entering, states = layer.unrolled()
    expected, entered, expected_kept = layer.run()
    np.testing.assert_allclose(states, expected, atol=1e-14)
    for (t, b, j), values in expected_kept.items():
        halves = recurrent[t, b, layer.G - layer.P :, j] if layer.P else ()
        np.testing.assert_allclose([*kept[t, b, :, j], *halves], values, atol=1e-14)
        np.testing.assert_allclose(entering[:, t, b, j], entered[t, b, j], atol=1e-14)


@pytest.mark.parametrize(("T", "H"), [(1, 1), (9, 8), (2, 33)])
@every_cell
def test_any_number_of_steps_and_units_is_computed_alike(cell, T, H):
    layer = Layer(cell, T=T, B=2, H=H)
    np.testing.assert_allclose(layer.unrolled()[-1], layer.run()[0], atol=1e-13)


@every_cell
def test_float32_follows_float64(cell):
    layer = Layer(cell, dtype=np.float32)
    assert layer.unrolled()[-1].dtype == np.float32
    np.testing.assert_allclose(layer.unrolled()[-1], layer.run()[0], atol=5e-6)


def test_state_enters_as_zero_where_it_is_reset_and_nowhere_else():
    layer = Layer(lstm, resets=True)
    _, _, entering, states = layer.unrolled()
    assert layer.reset.any()
    assert (entering[:, :-1][:, layer.reset] == 0).all()
    np.testing.assert_array_equal(entering[:, :-1][:, ~layer.reset], states[:, :-1][:, ~layer.reset])


def test_sequences_do_not_touch_each_other():
    layer = Layer(gru, lengths=(5, 5, 2))
    before = layer.unrolled()[-1]
    layer.ax[:, 1] += 1
    layer.initial[:, 1] -= 1
    after = layer.unrolled()[-1]
    np.testing.assert_array_equal(after[:, :, [0, 2]], before[:, :, [0, 2]])
    assert not np.isclose(after[:, 1:, 1], before[:, 1:, 1]).any()
