"""The lag-parallel sweep against the reverse sweep, and against closed forms."""

import numpy as np
import pytest
from tests.cells.samples import linear, rich
from tests.sweeps.loop import Layer
from tests.sweeps.test_reverse import assert_same
from tests.sweeps.test_unroll import every_cell, every_mask


@every_mask
@every_cell
def test_all_lags_together_are_the_reverse_sweep(cell, resets, lengths):
    layer = Layer(cell, resets=resets, lengths=lengths)
    dy = np.where((np.arange(layer.T)[:, None] < layer.steps)[:, :, None], layer.dy, 0)
    da, dinitial, dunit, _ = layer.lagged(dy, layer.T)
    assert_same((da, dinitial, dunit), layer.reversed(dy, np.zeros_like(layer.dlast)))


@pytest.mark.parametrize("last", [0, 1, 3])
@every_cell
def test_lags_up_to_a_window_are_one_cut_reverse_sweep_for_each_loss(cell, last):
    layer = Layer(cell, resets=True)
    total = [0, 0, 0]
    for t in range(layer.T):
        one = np.zeros_like(layer.dy)
        one[t] = layer.dy[t]
        cut = layer.reset.copy()
        if t >= last:
            cut[t - last] = True
        found = layer.reversed(one, np.zeros_like(layer.dlast), cut)
        total = [a + b for a, b in zip(total, found, strict=True)]
    assert_same(layer.lagged(layer.dy, last)[:3], total)


@every_cell
def test_row_t_at_lag_l_is_what_the_loss_of_step_t_leaves_at_step_t_minus_l(cell):
    """By differences: the h that entered step t - l + 1 is that of step t - l."""
    layer = Layer(cell, T=4, B=1, H=2)
    reached = layer.lagged(layer.dy, layer.T - 1)[-1]
    t, back, step = 3, 2, 1e-6
    states = layer.run()[0]
    rest = Layer(cell, T=back, B=1, H=2)
    rest.weight, rest.unit, rest.ax = layer.weight, layer.unit, layer.ax[t - back + 1 :]
    for j in range(layer.H):
        losses = []
        for sign in (1, -1):
            rest.initial = states[:, t - back + 1].copy()
            rest.initial[0, 0, j] += sign * step
            losses.append((rest.run()[0][0, -1] * layer.dy[t]).sum())
        expected = (losses[0] - losses[1]) / (2 * step)
        assert reached[back, t, 0, j] == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_linear_cell_with_a_scaled_rotation_decays_geometrically():
    """dE_t/dh_{t-l} = (a Q)^l dy_t with Q orthogonal: its norm is a^l times that of dy_t."""
    layer, a = Layer(linear, T=8, B=2, H=4), 0.8
    q, _ = np.linalg.qr(np.random.default_rng(1).standard_normal((4, 4)))
    layer.weight = a * q
    norms = np.linalg.norm(layer.lagged(layer.dy, layer.T - 1)[-1], axis=-1)
    for back in range(layer.T):
        np.testing.assert_allclose(norms[back, back:], a**back * norms[0, back:], rtol=1e-12)


def test_steps_beyond_a_sequences_end_are_no_origins():
    """Nothing of what was left there is touched: NaN in the trace stays where it is."""
    layer = Layer(rich, lengths=(5, 2, 1))
    dy = np.where((np.arange(layer.T)[:, None] < layer.steps)[:, :, None], layer.dy, 0)
    expected = layer.lagged(dy, 2)[:3]
    layer.ax[2:, 1] = layer.ax[1:, 2] = np.nan
    assert_same(layer.lagged(dy, 2)[:3], expected, 0)


@every_cell
def test_float32_follows_float64(cell):
    layer = Layer(cell, dtype=np.float32)
    found = layer.lagged(layer.dy, layer.T)[:3]
    assert {array.dtype for array in found} == {np.dtype(np.float32)}
    assert_same(found, layer.back(layer.dy, np.zeros_like(layer.dlast)), 1e-5)
