"""What each unit has of its own, to rows and back."""

import numpy as np
import pytest
from tests.cells.samples import rich

import throughtime as tt
from throughtime.cells import gru, lstm
from throughtime.networks.units import join_units, split_units

H = 3


@pytest.mark.parametrize("cell", [lstm, gru, rich], ids=lambda cell: cell.name)
@pytest.mark.parametrize("bias", [True, False])
def test_split_units_is_the_transpose_of_join_units(cell, bias):
    """join_units is linear, and gradients go back through its transpose: <u, join p> = <split u, p>."""
    params = tt.Recurrent(cell, 2, H, num_layers=2, bias=bias, dtype="float64", seed=0).params
    unit = join_units(cell, params, 1)
    assert unit.shape == (cell.preactivations + len(cell.parameters), H)
    u = np.random.default_rng(1).standard_normal(unit.shape)
    grads = split_units(cell, u, 1, bias)
    assert set(grads) == {name for name in params if name.endswith("_l1") and params[name].ndim == 1}
    given = u.copy()
    if not bias:
        given[: cell.preactivations] = 0
    assert (given * unit).sum() == pytest.approx(sum((grads[name] * params[name]).sum() for name in grads))


def test_biases_of_a_gate_whose_halves_stay_apart_are_not_summed():
    params = {
        "weight_hh_l0": np.zeros((3, 1)),
        "bias_ih_l0": np.array([1.0, 2, 3]),
        "bias_hh_l0": np.array([10.0, 20, 30]),
    }
    assert join_units(gru, params, 0).ravel().tolist() == [11, 22, 3, 30]
