"""Saturation beside counting by hand."""

import json

import numpy as np
import pytest

import throughtime as tt
from throughtime.cells import Cell, gru, lstm, rnn_relu, rnn_sigmoid, rnn_tanh
from throughtime.flow.saturation import measure_saturation
from throughtime.networks.layer import Recurrent


def as_kept(*units):
    """(T, 1, 1, H) from each unit's course."""
    return np.array(units).T[:, None, None, :]


def test_tanh_is_saturated_beyond_nine_tenths_on_either_side():
    h = measure_saturation(rnn_tanh, as_kept([0.91, -0.95, 0.9, 0.0], [-0.99, -0.91, -0.9, 0.95])).gates["h"]
    assert h.kind == "tanh"
    assert h.left.tolist() == [0.25, 0.5]
    assert h.right.tolist() == [0.25, 0.25]
    assert h.saturated.tolist() == [0.5, 0.75]
    np.testing.assert_allclose(h.mean, [0.215, -0.4625], rtol=1e-15)
    assert h.dead is None


def test_sigmoid_is_left_saturated_below_a_tenth_and_right_above_nine():
    h = measure_saturation(rnn_sigmoid, as_kept([0.09, 0.05, 0.1, 0.9], [0.91, 0.95, 0.5, 0.99])).gates["h"]
    assert h.left.tolist() == [0.5, 0.0]
    assert h.right.tolist() == [0.0, 0.75]
    np.testing.assert_allclose(h.mean, [0.285, 0.8375], rtol=1e-15)


def test_a_relu_unit_is_dead_if_it_is_zero_at_every_step():
    h = measure_saturation(rnn_relu, as_kept([0, 0, 0], [0, 1e-30, 0], [2, 0, 1])).gates["h"]
    assert h.dead.tolist() == [True, False, False]
    assert h.left is h.right is h.saturated is None
    assert h.record() == {
        "kind": "relu",
        "left": None,
        "right": None,
        "saturated": None,
        "mean": pytest.approx(1 / 3),
        "dead": pytest.approx(1 / 3),
    }


def test_only_steps_that_count_are_counted():
    kept = as_kept([0.95, 0.95, 0.0, 0.0], [0.0, 0.95, 0.0, 0.95])
    counted = np.array([True, True, False, True])[:, None]
    assert measure_saturation(rnn_tanh, kept, counted).gates["h"].right.tolist() == [2 / 3, 2 / 3]
    dead = measure_saturation(rnn_relu, as_kept([0, 0, 5, 0]), counted).gates["h"].dead
    assert dead.tolist() == [True]


def test_with_nothing_counted_there_is_no_number():
    found = measure_saturation(rnn_tanh, as_kept([0.95]), np.zeros((1, 1), bool))
    assert np.isnan(found.gates["h"].saturated).all()
    assert found.record() == {
        "h": {"kind": "tanh", "left": None, "right": None, "saturated": None, "mean": None, "dead": None}
    }


def test_a_gate_whose_activation_is_unknown_or_the_identity_is_left_out():
    known = Cell(
        "known_in_part",
        lstm.forward,
        lstm.backward,
        lstm.gates,
        lstm.states,
        activations={"f": "sigmoid", "g": "identity"},
    )
    kept = np.full((3, 1, 4, 2), 0.95)
    assert list(measure_saturation(known, kept).gates) == ["f"]
    silent = Cell("silent", lstm.forward, lstm.backward, lstm.gates, lstm.states)
    assert measure_saturation(silent, kept).record() == {}


@pytest.mark.parametrize("cell", [lstm, gru], ids=lambda cell: cell.name)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_layers_gates_are_where_their_biases_put_them(cell, dtype):
    T, B, H = 6, 3, 4
    layer = Recurrent(cell, 1, H, dtype=dtype, seed=0)
    for array in layer.params.values():
        array[...] = 0
    expected = {}
    for index, gate in enumerate(cell.gates):
        push = (-1) ** index * 3.0
        layer.params["bias_ih_l0"][index * H : index * H + 2] = push  # of the first two of the four units
        expected[gate] = (0.5, 0.0) if push < 0 else (0.0, 0.5)
    _, _, trace = layer.forward(np.zeros((T, B, 1), dtype))
    record = measure_saturation(cell, trace.layers[0].kept).record()
    assert {gate: (found["left"], found["right"]) for gate, found in record.items()} == expected
    for found in record.values():
        low = found["left"] > 0
        pushed = (
            np.tanh(-3.0 if low else 3.0)
            if found["kind"] == "tanh"
            else 1 / (1 + np.exp(3.0 if low else -3.0))
        )
        rest = 0.0 if found["kind"] == "tanh" else 0.5
        assert found["mean"] == pytest.approx((pushed + rest) / 2, rel=1e-5)
    assert json.loads(json.dumps(record, allow_nan=False)) == record


def test_values_beyond_an_end_are_not_looked_at():
    layer = Recurrent(rnn_tanh, 1, 2, seed=0)
    layer.params["weight_ih_l0"][...] = 5
    x = np.ones((8, 2, 1), np.float32)
    lengths = np.array([8, 3])
    _, _, trace = layer.forward(x, lengths=lengths)
    counted = np.arange(8)[:, None] < lengths
    assert measure_saturation(rnn_tanh, trace.layers[0].kept, counted).record()["h"]["right"] == 1.0
    assert measure_saturation(rnn_tanh, trace.layers[0].kept).record()["h"]["right"] < 1


@pytest.mark.parametrize("cell", ["gru", "lstm", "rnn"])
@pytest.mark.parametrize("num_layers", [1, 2])
def test_flow_counts_no_step_beyond_a_sequences_end(cell, num_layers):
    """Two sequences of 7 and 2 steps, side by side and each by itself; what pads the second is loud."""
    model = tt.SequenceModel(1, 3, 1, cell, num_layers, dtype="float64", seed=0)
    for name, array in model.params.items():
        if "weight_ih" in name or "weight_hh" in name:
            array *= 6
    rng = np.random.default_rng(0)
    x = rng.standard_normal((7, 2, 1))
    x[2:, 1] = 50.0
    dy = np.ones((7, 2, 1))
    flow = tt.gradient_flow(model, x, dy, lengths=np.array([7, 2]))
    long, short = (tt.gradient_flow(model, x[:n, [b]], dy[:n, [b]]) for b, n in ((0, 7), (1, 2)))
    everything = tt.gradient_flow(model, x, dy)
    for k in range(num_layers):
        for gate, found in flow.saturation[k].gates.items():
            first, second = (each.saturation[k].gates[gate] for each in (long, short))
            for what in ("mean", "left", "right", "saturated"):
                wanted = (7 * getattr(first, what) + 2 * getattr(second, what)) / 9
                np.testing.assert_allclose(getattr(found, what), wanted, rtol=1e-13, atol=1e-15)
            if k == 0:  # or the test would tell nothing
                assert np.abs(everything.saturation[k].gates[gate].mean - found.mean).max() > 0.01


def test_flow_of_a_layer_counts_no_step_beyond_a_sequences_end():
    layer = Recurrent(rnn_tanh, 1, 2, seed=0)
    layer.params["weight_ih_l0"][...] = 5
    x = np.ones((8, 2, 1), np.float32)
    dy = np.ones((8, 2, 2), np.float32)
    assert tt.gradient_flow(layer, x, dy, lengths=np.array([8, 3])).saturation[0].record()["h"]["right"] == 1
    x[3:, 1] = 0
    x[3:, 1, 0] = -1  # beyond its end, and at the other end of tanh
    cut = tt.gradient_flow(layer, x, dy, lengths=np.array([8, 3])).saturation[0].record()["h"]
    whole = tt.gradient_flow(layer, x, dy).saturation[0].record()["h"]
    assert (cut["left"], cut["right"]) == (0, 1)
    assert whole["left"] == 5 / 16
