"""Where the model itself cuts the gradient off, `diagnose` sees what training does: nothing beyond."""

import numpy as np
import pytest
from tests.conftest import require_torch

import throughtime as tt

torch = require_torch()
from tests.torch.test_diagnose import B, H, I, Loop, T, as_cell, draw, make_layer  # noqa: E402
from tests.torch.test_diagnose_errors import Composed, refusal  # noqa: E402
from torch import nn  # noqa: E402
from torch.utils.checkpoint import checkpoint  # noqa: E402

import throughtime.torch as tt_torch  # noqa: E402

WARM = 4


class Warmed(Loop):
    """The first steps only warm the state up; with `read`, their outputs are read, too."""

    def __init__(self, cell, how, read=False):
        super().__init__(cell)
        self.how, self.read = how, read

    def step(self, x, hx):
        return self.cell(x, hx)

    def forward(self, x):
        hx, outputs = torch.zeros(x.shape[1], H, dtype=x.dtype), []
        for t, x_t in enumerate(x):
            with torch.set_grad_enabled(self.how == "detach" or t >= WARM):
                hx = self.step(x_t, hx.detach() if t == WARM else hx)
            if self.read or t >= WARM:
                outputs.append(hx)
        return torch.stack(outputs)


def of_the_rest(layer, x, **more):
    """The flow of the steps behind the warm-up, of a layer that begins in its state."""
    with torch.no_grad():
        _, hx = layer(x[:WARM])
    return tt_torch.diagnose(layer, (x[WARM:], hx), lambda out: out[0].square(), **more)


@pytest.mark.parametrize("how", ["no_grad", "detach"])
def test_steps_that_only_warm_the_state_up_are_none_that_a_gradient_reaches(how):
    layer, x = make_layer("gru"), draw(T, B, I)
    model, truth = Warmed(as_cell(layer), how), of_the_rest(layer, x)
    swept = tt_torch.diagnose(model, x, lambda y: y.square())
    assert swept.record() == truth.record()
    stepped = tt_torch.diagnose(model, x, lambda y: y.square(), "step")
    within = T - WARM
    assert stepped.origins.tolist() == [*truth.origins.tolist(), *[0] * WARM]
    np.testing.assert_allclose(stepped.norms["h"][:, :within], truth.norms["h"], rtol=1e-12)


def test_chunk_that_only_warms_the_state_up_is_left_out():
    class Chunks(nn.Module):
        def __init__(self, layer):
            super().__init__()
            self.rnn = layer

        def forward(self, x):
            with torch.no_grad():
                _, hx = self.rnn(x[:WARM])
            return self.rnn(x[WARM:], hx)[0]

    layer, x = make_layer("lstm", 2), draw(T, B, I)
    found = tt_torch.diagnose(Chunks(layer), x, lambda y: y.square())
    assert found.record() == of_the_rest(layer, x).record()


def test_state_that_is_detached_behind_steps_with_losses_is_refused():
    model = Warmed(as_cell(make_layer("gru")), "detach", read=True)
    said = refusal(tt.ArgumentError, model, draw(T, B, I), lambda y: y.square())
    assert f"detached between calls {WARM - 1} and {WARM}" in said


def test_losses_of_steps_without_gradients_are_none():
    layer, x = make_layer("gru"), draw(T, B, I)
    found = tt_torch.diagnose(Warmed(as_cell(layer), "no_grad", read=True), x, lambda y: y.square())
    assert found.record() == of_the_rest(layer, x).record()


@pytest.mark.parametrize("by", [torch.no_grad, torch.inference_mode])
def test_layer_that_runs_with_gradients_off_is_refused(by):
    def forward(self, x):
        with by():
            y = self.rnn(x)[0]
        return y.clone()

    said = refusal(tt.ArgumentError, Composed(forward, rnn=nn.GRU(3, 4)), torch.ones(4, 2, 3), torch.sum)
    assert "'rnn' was called with gradients off" in said
    assert f"{by.__name__}()" in said


def test_layer_in_a_checkpoint_that_turns_gradients_off_is_refused():
    def forward(self, x):
        return checkpoint(self.rnn, x, use_reentrant=True)[0]

    x = torch.ones(4, 2, 3, requires_grad=True)
    said = refusal(tt.ArgumentError, Composed(forward, rnn=nn.GRU(3, 4)), x, torch.sum)
    assert "use_reentrant=True" in said
