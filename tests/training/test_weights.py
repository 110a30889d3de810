import numpy as np

import throughtime as tt
from throughtime.storage import save_sealed
from throughtime.training.weights import put_weights, read_weights


def test_weights_round_trip_in_any_memory_order(tmp_path):
    model = tt.LanguageModel(7, 4, cell="lstm", seed=0)
    assert model.params["rnn.weight_ih_l0"].flags.f_contiguous
    save_sealed(tmp_path / "w.safetensors", model.params, {"model": model.settings})
    other = tt.LanguageModel(7, 4, cell="lstm", seed=1)
    file = tmp_path / "w.safetensors"
    put_weights(file, read_weights(file, model.settings), other)
    for name, array in model.params.items():
        np.testing.assert_array_equal(other.params[name], array)


def test_weights_can_be_read_by_pytorch(tmp_path, torch):
    from safetensors.torch import load_file

    model = tt.LanguageModel(7, 4, cell="lstm", seed=0)
    save_sealed(tmp_path / "w.safetensors", model.params, {})
    weight = load_file(tmp_path / "w.safetensors")["rnn.weight_ih_l0"]
    np.testing.assert_array_equal(weight.numpy(), model.params["rnn.weight_ih_l0"])
