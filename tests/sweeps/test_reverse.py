"""The reverse sweep against one unit, one sequence, one step at a time."""

import numpy as np
from tests.sweeps.loop import Layer
from tests.sweeps.test_unroll import every_cell, every_mask

from throughtime.cells import gru, lstm
from throughtime.machine.products import PANELS


def assert_same(found, expected, tolerance=1e-13):
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, atol=tolerance * max(1, np.abs(b).max()))


@every_mask
@every_cell
def test_gradients_are_the_loops(cell, resets, lengths):
    layer = Layer(cell, resets=resets, lengths=lengths)
    assert_same(layer.reversed(layer.dy, layer.dlast), layer.back(layer.dy, layer.dlast))


@every_cell
def test_nothing_crosses_a_cut_that_is_no_reset(cell):
    layer = Layer(cell, lengths=(5, 3, 4))
    cut = np.zeros((layer.T, layer.B), bool)
    cut[2, 0] = cut[1, 1] = True
    assert_same(layer.reversed(layer.dy, layer.dlast, cut), layer.back(layer.dy, layer.dlast, cut))
    early = layer.dy.copy()
    early[2:, 0] = 0
    da, dinitial, _ = layer.reversed(early, np.zeros_like(layer.dlast), cut)
    full, dinitial_full, _ = layer.reversed(layer.dy, layer.dlast, cut)
    np.testing.assert_allclose(da[:2, 0], full[:2, 0], atol=1e-14)
    np.testing.assert_allclose(dinitial[:, 0], dinitial_full[:, 0], atol=1e-14)


def test_gradients_are_linear_in_what_comes_from_above_and_behind():
    layer = Layer(lstm, lengths=(5, 3, 1))
    zero, none = np.zeros_like(layer.dy), np.zeros_like(layer.dlast)
    parts = zip(layer.reversed(layer.dy, none), layer.reversed(zero, layer.dlast), strict=True)
    assert_same(layer.reversed(layer.dy, layer.dlast), [a + b for a, b in parts])


def test_losses_beyond_a_sequences_end_count_for_nothing():
    layer = Layer(gru, lengths=(5, 2, 3))
    wild = layer.dy.copy()
    wild[2:, 1] = wild[3:, 2] = np.nan
    assert_same(layer.reversed(wild, layer.dlast), layer.reversed(layer.dy, layer.dlast), 0)
    da = layer.reversed(wild, layer.dlast)[0]
    assert (da[2:, 1] == 0).all()


@every_mask
@every_cell
def test_gradients_in_the_place_of_kept_values_are_the_same_bits(cell, resets, lengths):
    layer = Layer(cell, H=37, dtype=np.float32, resets=resets, lengths=lengths)
    found = layer.reversed(layer.dy, layer.dlast, in_place=True)
    for here, apart in zip(found, layer.reversed(layer.dy, layer.dlast), strict=True):
        np.testing.assert_array_equal(here, apart)


@every_mask
@every_cell
def test_gradients_with_weights_in_panels_follow_float64(cell, resets, lengths):
    layer = Layer(cell, dtype=np.float32, resets=resets, lengths=lengths)
    found = layer.reversed(layer.dy, layer.dlast, recurrence=PANELS)
    assert_same(found, layer.back(layer.dy, layer.dlast), 1e-5)


@every_cell
def test_float32_follows_float64(cell):
    layer = Layer(cell, dtype=np.float32)
    found = layer.reversed(layer.dy, layer.dlast)
    assert {array.dtype for array in found} == {np.dtype(np.float32)}
    assert_same(found, layer.back(layer.dy, layer.dlast), 1e-5)
