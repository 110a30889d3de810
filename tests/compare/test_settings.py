"""What variants have in common, and what sets each apart."""

from tests.compare.conftest import variant

import throughtime as tt
from throughtime.compare.settings import apart, common


def entries(*variants):
    return [{"settings": each.settings(10)} for each in variants]


RELU = {"nonlinearity": "relu", "init": "default,weight_hh=identity,bias=zero"}


def test_common_tells_what_is_equal_in_all():
    found = common(entries(variant("a", clip=tt.ClipNorm(2.0)), variant("b", "gru", clip=tt.ClipNorm(2.0))))
    assert found == {
        "hidden size": "6",
        "layers": "1",
        "start": "default",
        "batch size": "4",
        "truncation": "chunk:10",
        "new steps per update": "10",
        "optimiser": "adam",
        "learning rate": "0.02",
        "schedule": "constant",
        "clipping": "norm 2",
    }


def test_common_tells_that_there_is_no_clipping_and_that_sentences_are_whole():
    found = common(entries(variant("a", by="sentence", seq_len=None)))
    assert found["clipping"] == "none"
    assert found["new steps per update"] == "whole sentences"
    assert found["cell"] == "rnn tanh"


def test_apart_tells_the_start_of_a_relu_network():
    assert apart(entries(variant("tanh"), variant("relu", model=RELU), variant("gru", "gru"))) == [
        "cell rnn tanh, start default",
        "cell rnn relu, start default,weight_hh=identity,bias=zero",
        "cell gru, start default",
    ]


def test_apart_tells_settings_of_training():
    a = variant("a", clip=tt.ClipNorm(1.0), optimizer=tt.SGD(0.5), truncation=tt.Window(3))
    b = variant("b", optimizer=tt.Adam(0.5), model={"tied": True, "embedding_size": 6})
    assert apart(entries(a, b)) == [
        "embedding size none, tied no, truncation window:3, clipping norm 1, optimiser sgd",
        "embedding size 6, tied yes, truncation chunk:10, clipping none, optimiser adam",
    ]


def test_apart_is_silent_where_nothing_differs():
    assert apart(entries(variant("a"), variant("b"))) == ["", ""]
    assert apart([]) == []
    assert common([]) == {}
