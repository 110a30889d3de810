import numpy as np
import pytest

import throughtime as tt
from throughtime.exchange.recurrent import find_recurrent

H = 3


def layer(k: int = 0, gates: int = 4, I: int = H, place: str = "rnn.") -> dict[str, np.ndarray]:
    shapes = {"weight_ih": (gates * H, I), "weight_hh": (gates * H, H), "bias_ih": (gates * H,)}
    return {f"{place}{what}_l{k}": np.zeros(shape, np.float32) for what, shape in shapes.items()}


@pytest.mark.parametrize(("gates", "cell"), [(4, "lstm"), (3, "gru"), (1, "rnn")])
def test_rows_tell_the_cell(gates, cell):
    found = find_recurrent(layer(0, gates, 5) | layer(1, gates) | {"fc.weight": np.zeros((2, 3))})
    assert (found.cell, found.input_size, found.hidden_size, len(found.names)) == (cell, 5, H, 2)
    assert found.names[1]["bias_ih"] == "rnn.bias_ih_l1"
    assert "bias_hh" not in found.names[1]


def test_modules_that_a_number_tells_apart_are_layers_in_its_order():
    found = find_recurrent(layer(place="rnn10.") | layer(place="rnn9.", I=5))
    assert found.input_size == 5
    assert found.notes == [
        "rnn9.weight_ih, rnn10.weight_ih are taken for layers, each reading the one named before it."
    ]
    assert find_recurrent(layer(0) | layer(1)).notes == []


def test_numbers_without_end_are_no_layers_and_may_be_names():
    digits = "9" * 5000
    with pytest.raises(tt.WeightsError, match="no weight_ih_l0 found"):
        find_recurrent({f"rnn.weight_ih_l{digits}": np.zeros((12, 3))})
    assert len(find_recurrent(layer(place=f"{digits}.") | layer(place="9.")).names) == 2


REFUSED = {
    "none": ({}, "no weight_ih_l0 found; expected the weights of nn.RNN"),
    "bidirectional": (
        layer() | {"rnn.weight_ih_l0_reverse": np.zeros((12, 3))},
        "rnn.weight_ih_l0_reverse found, of a bidirectional network; expected one direction",
    ),
    "projected": (
        layer() | {"rnn.weight_hr_l0": np.zeros((2, 3))},
        "rnn.weight_hr_l0 found, of an LSTM with proj_size; expected one without",
    ),
    "two modules": (
        layer(place="encoder.") | layer(place="decoder."),
        "encoder.weight_ih and decoder.weight_ih found, of several recurrent modules; expected one",
    ),
    "gap": (layer(0) | layer(2), "rnn.weight_ih found of the layers 0, 2; expected all from 0 on"),
    "half a layer": (
        layer(0) | {"rnn.weight_hh_l1": np.zeros((12, 3))},
        "no weight_ih of layer 1 found; expected weight_ih and weight_hh of each",
    ),
    "another cell": (layer(gates=5), r"rnn.weight_hh_l0 has shape \(15, 3\); expected \(G\*H, H\)"),
    "another width": (layer(0) | layer(1, I=4), r"rnn.weight_ih_l1 has shape \(12, 4\); expected \(12, 3\)"),
    "no input": (layer(I=0), r"rnn.weight_ih_l0 has shape \(12, 0\); expected \(12, I\) with I at least 1"),
    "another shape": ({**layer(0), "rnn.weight_hh_l0": np.zeros(12)}, r"has shape \(12,\); expected \(G"),
}


@pytest.mark.parametrize(("tensors", "message"), REFUSED.values(), ids=REFUSED)
def test_layers_of_another_kind_are_refused(tensors, message):
    with pytest.raises(tt.WeightsError, match=message) as caught:
        find_recurrent(tensors)
    assert "\n" not in str(caught.value)
