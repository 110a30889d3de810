"""What `diagnose` leaves as it was, whatever a model does as it runs."""

from collections import deque

import pytest
from tests.conftest import require_torch

torch = require_torch()
from tests.torch.test_diagnose import B, H, I, T, draw, make_layer  # noqa: E402
from tests.torch.test_diagnose_step import WrittenOut  # noqa: E402
from torch import nn  # noqa: E402

import throughtime.torch as tt_torch  # noqa: E402


class Remembering(nn.Module):
    """It writes into all kinds of attributes."""

    def __init__(self, layer):
        super().__init__()
        self.rnn = layer
        self.state = torch.zeros(1, B, H, dtype=torch.float64)
        self.history, self.recent = [1], deque([1], maxlen=3)
        self.cache, self.seen = {"a": 1}, {1}
        self.register_buffer("count", torch.zeros(()))

    def forward(self, x):
        y, state = self.rnn(x, self.state.clone())
        self.state.copy_(state.detach())
        self.history.append(2)
        self.recent.append(2)
        self.cache["b"] = 2
        self.seen.add(2)
        self.count += 1
        self.register_buffer("late", torch.zeros(()))
        return y

    def remembered(self):
        return [self.history, self.recent, self.cache, self.seen]


def test_attributes_that_a_model_writes_into_are_as_they_were():
    model = Remembering(make_layer("gru"))
    before = model.remembered()
    state, buffers = model.state, set(model._buffers)
    tt_torch.diagnose(model, draw(T, B, I), lambda y: y.square())
    assert model.state is state
    assert not state.any()
    assert all(now is then for now, then in zip(model.remembered(), before, strict=True))
    assert before == [[1], deque([1]), {"a": 1}, {1}]
    assert set(model._buffers) == buffers
    assert model.count == 0


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_weights_that_a_hook_makes_anew_stay_those_of_the_layer():
    """An RNN keeps its weights in a list beside, and computes with these."""
    layer = nn.utils.weight_norm(make_layer("gru"), "weight_hh_l0")
    tt_torch.diagnose(layer, draw(T, B, I), lambda out: out[0].square())
    assert layer._flat_weights[1] is layer.weight_hh_l0


@pytest.mark.parametrize("step", [None, "step"])
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_modes_around_it_are_no_obstacle(mode, step):
    layer = WrittenOut(make_layer("gru")) if step else make_layer("gru")
    expected = tt_torch.diagnose(layer, draw(T, B, I), loss, step).record()
    with mode():
        assert tt_torch.diagnose(layer, draw(T, B, I), loss, step).record() == expected
        made_inside = draw(T, B, I)
        assert not torch.is_grad_enabled()
    assert tt_torch.diagnose(layer, {"x" if step else "input": made_inside}, loss, step).record() == expected


def test_indices_made_in_inference_mode_are_read():
    model = nn.Sequential(nn.Embedding(7, I), nn.GRU(I, H))
    with torch.inference_mode():
        indices = torch.arange(T)[:, None] % 7
    expected = tt_torch.diagnose(model, indices.clone(), loss).record()
    assert tt_torch.diagnose(model, indices, loss).record() == expected


def loss(out):
    return (out[0] if isinstance(out, tuple) else out).square()
