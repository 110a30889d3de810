"""Layers swapped inside a model, where they are."""

import subprocess
import sys

import pytest
from tests.conftest import require_torch

import throughtime as tt

torch = require_torch()

from torch import nn  # noqa: E402

import throughtime.torch as tt_torch  # noqa: E402
from throughtime.torch import accelerate, restore  # noqa: E402


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(11, 8)
        self.encoder = nn.GRU(8, 12, num_layers=2, batch_first=True, bidirectional=True)
        self.head = nn.Sequential(nn.Linear(24, 6), nn.ReLU())
        self.blocks = nn.ModuleList([nn.LSTM(6, 6, batch_first=True), nn.RNN(6, 6, batch_first=True)])

    def forward(self, ids):
        y = self.head(self.encoder(self.embedding(ids))[0])
        for block in self.blocks:
            y = block(y)[0]
        return y


def test_accelerate_swaps_layers_in_place_and_says_which():
    torch.manual_seed(0)
    model, ids = Tagger(), torch.randint(0, 11, (4, 9))
    before, encoder, weights = model(ids), model.encoder, list(model.parameters())
    done = accelerate(model)
    assert model.encoder is encoder
    assert [type(layer) for layer in (model.encoder, *model.blocks)] == [
        tt_torch.GRU,
        tt_torch.LSTM,
        tt_torch.RNN,
    ]
    assert all(a is b for a, b in zip(model.parameters(), weights, strict=True))
    assert list(done.swapped) == ["encoder", "blocks.0", "blocks.1"]
    assert done.left == {}
    assert str(done).splitlines()[1] == "'blocks.0' LSTM(6, 6, batch_first=True): computed by throughtime"
    torch.testing.assert_close(model(ids), before, rtol=1e-5, atol=1e-6)
    assert accelerate(model).swapped == {}


def test_accelerate_keeps_hooks_and_the_optimizers_hold():
    model = nn.Sequential(nn.GRU(3, 4))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    called = []
    model[0].register_forward_hook(lambda *_: called.append(1))
    accelerate(model)
    weight = model[0].weight_hh_l0.detach().clone()
    model(torch.randn(5, 2, 3))[0].sum().backward()
    optimizer.step()
    assert called == [1]
    assert not torch.equal(weight, model[0].weight_hh_l0)


def test_accelerate_takes_a_layer_itself():
    layer = nn.GRU(3, 4)
    done = accelerate(layer)
    assert type(layer) is tt_torch.GRU
    assert str(done) == "the model itself GRU(3, 4): computed by throughtime"


def test_accelerate_leaves_what_it_cannot_compute_and_says_why():
    class Masked(nn.LSTM):
        def forward(self, x):
            return super().forward(x * 2)

    model = nn.ModuleDict(
        {
            "projected": nn.LSTM(3, 4, proj_size=2),
            "short": nn.GRU(3, 4, dtype=torch.bfloat16),
            "away": nn.RNN(3, 4, device="meta"),
            "own": Masked(3, 4),
            "replaced": nn.GRU(3, 4),
            "head": nn.Linear(3, 3),
        }
    )
    model["replaced"].forward = lambda x: (x, x)
    kinds = [type(layer) for layer in model.values()]
    done = accelerate(model)
    assert [type(layer) for layer in model.values()] == kinds
    assert done.swapped == {}
    assert done.left == {
        "projected": "proj_size is set",
        "short": "its type is torch.bfloat16",
        "away": "a tensor lies on meta",
        "own": "Masked is a class of its own, which may compute otherwise",
        "replaced": "its forward has been replaced",
    }
    assert "'projected' left alone: proj_size is set" in str(done)


def test_accelerate_of_a_model_without_layers_says_so():
    assert str(accelerate(nn.Linear(2, 2))) == "no nn.RNN, nn.GRU or nn.LSTM found"


def test_accelerate_refuses_what_is_no_model():
    with pytest.raises(tt.ArgumentError, match=r"a list found; expected a torch\.nn\.Module"):
        accelerate([nn.GRU(3, 4)])


def test_restore_gives_layers_back():
    model = Tagger()
    accelerate(model)
    assert restore(model) == ["encoder", "blocks.0", "blocks.1"]
    assert [type(layer) for layer in (model.encoder, *model.blocks)] == [nn.GRU, nn.LSTM, nn.RNN]
    assert restore(model) == []


def test_layers_are_swept_though_their_class_is_wrapped_by_a_tool():
    """A decorator that keeps what it wraps, as profilers and checkers of types put around a forward."""
    code = """
import functools, torch
own = torch.nn.GRU.forward
@functools.wraps(own)
def watched(*given, **named):
    return own(*given, **named)
torch.nn.GRU.forward = watched
from throughtime.torch import GRU
from throughtime.torch.layers import sweep
made, forward = [], sweep.forward
sweep.forward = lambda *given, **named: (made.append(1), forward(*given, **named))[1]
GRU(3, 4)(torch.randn(30, 2, 3))
print(len(made))
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "1"
