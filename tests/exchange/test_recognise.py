import numpy as np
import pytest

import throughtime as tt
from throughtime.exchange.recognise import recognise


def weights(**settings) -> dict[str, np.ndarray]:
    return tt.LanguageModel(**{"vocab_size": 9, "hidden_size": 6, "seed": 0, **settings}).params


def test_a_plain_rnn_needs_to_be_told_its_nonlinearity():
    rnn = weights(cell="rnn")
    assert recognise(rnn, "relu").settings["nonlinearity"] == "relu"
    for given, found in ((None, "no nonlinearity"), ("sigmoid", "nonlinearity 'sigmoid'")):
        with pytest.raises(tt.ArgumentError, match=f"{found} found for the weights of a plain RNN, which"):
            recognise(rnn, given)
    with pytest.raises(
        tt.ArgumentError, match="'tanh' found with the weights of a gru; expected it for a plain"
    ):
        recognise(weights(cell="gru"), "tanh")


@pytest.mark.parametrize("tied", [False, True])
def test_a_table_is_tied_where_the_bits_are_the_same(tied):
    model = weights(embedding_size=6)
    if tied:
        model["readout.weight"][...] = model["embedding.weight"]
    found = recognise(model)
    assert found.settings["tied"] is tied
    assert ("readout.weight" in found.params) is not tied


def test_without_any_bias_none_is_made():
    found = recognise(weights(bias=False))
    assert found.settings["bias"] is False
    assert not any("bias" in name for name in found.params)
