"""Steps that `diagnose` knows by nothing but their name: against fused layers, autograd, and closed forms."""

import math

import numpy as np
import pytest
from tests.conftest import require_torch

torch = require_torch()
from tests.torch.test_diagnose import B, H, I, Loop, T, as_cell, draw, make_layer, norms_by_autograd  # noqa: E402
from torch import nn  # noqa: E402

import throughtime.torch as tt_torch  # noqa: E402


class WrittenOut(nn.Module):
    """The equations of a layer's cell, as a user writes them: no module but parameters."""

    def __init__(self, layer, returns="state"):
        super().__init__()
        self.kind = type(layer).__name__
        self.w_x, self.w_h, self.b_x, self.b_h = layer.parameters()
        self.returns = returns

    def step(self, x, state):
        h = state[0] if self.kind == "LSTM" else state
        a, r = x @ self.w_x.T + self.b_x, h @ self.w_h.T + self.b_h
        match self.kind:
            case "RNN":
                new = h = (a + r).tanh()
            case "GRU":
                (a_r, a_z, a_n), (r_r, r_z, r_n) = a.chunk(3, -1), r.chunk(3, -1)
                z = (a_z + r_z).sigmoid()
                n = (a_n + (a_r + r_r).sigmoid() * r_n).tanh()
                new = h = (1 - z) * n + z * h
            case "LSTM":
                i, f, g, o = (a + r).chunk(4, -1)
                c = f.sigmoid() * state[1] + i.sigmoid() * g.tanh()
                h = o.sigmoid() * c.tanh()
                new = h, c
        return {"state": new, "both": (h, new), "readout": (3 * h, new)}[self.returns]

    def forward(self, x):
        zeros = x.new_zeros(*x.shape[1:-1], H)
        state, outputs = (zeros, zeros) if self.kind == "LSTM" else zeros, []
        for x_t in x:
            found = self.step(x_t, state)
            state = found if self.returns == "state" else found[1]
            y = (state[0] if self.kind == "LSTM" else state) if self.returns == "state" else found[0]
            outputs.append(y)
        return torch.stack(outputs)


@pytest.mark.parametrize("returns", ["state", "both", "readout"])
@pytest.mark.parametrize("kind", ["tanh", "gru", "lstm"])
def test_step_written_out_is_the_fused_layer(kind, returns):
    layer, x, dy = make_layer(kind), draw(T, B, I), draw(T, B, H)
    scale = 3 if returns == "readout" else 1
    found = tt_torch.diagnose(WrittenOut(layer, returns), x, lambda y: y * dy / scale, step="step")
    exact = tt_torch.diagnose(layer, x, lambda out: out[0] * dy)
    assert list(found.norms) == list(exact.norms)
    assert found.origins.tolist() == exact.origins.tolist()
    for part in exact.norms:
        np.testing.assert_allclose(found.norms[part], exact.norms[part], rtol=1e-12)
        np.testing.assert_allclose(found.percentiles[part], exact.percentiles[part], rtol=1e-12)


@pytest.mark.parametrize("kind", ["tanh", "gru", "lstm"])
def test_pytorch_s_cells_may_be_named_as_a_step(kind):
    layer, x, dy = make_layer(kind), draw(T, B, I), draw(T, B, H)
    loop = Loop(as_cell(layer))
    by_sweeps = tt_torch.diagnose(loop, x, lambda y: y * dy)
    for step in ("cell", loop.cell):
        found = tt_torch.diagnose(loop, x, lambda y: y * dy, step)
        for part in by_sweeps.norms:
            np.testing.assert_allclose(found.norms[part], by_sweeps.norms[part], rtol=1e-12)
    one = tt_torch.diagnose(loop, x[:, 0], lambda y: y * dy[:, 0], "cell")
    np.testing.assert_allclose(
        one.norms["h"], tt_torch.diagnose(loop, x[:, 0], lambda y: y * dy[:, 0]).norms["h"], rtol=1e-12
    )


class Attending(nn.Module):
    """A decoder that feeds its output back, looks at a memory by its state, and normalises between steps."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(3)
        self.into, self.again = nn.Linear(I + H + 1, H), nn.Linear(H, H)
        self.norm, self.readout = nn.LayerNorm(H), nn.Linear(H, 1)
        self.double()

    def step(self, read, h, slow):
        new = (self.into(read) + self.again(h)).tanh()
        slow = 0.9 * slow + 0.1 * new.square()
        return {"h": new * (1 + slow), "slow": slow}

    def forward(self, x, memory):
        h, slow, y = x.new_zeros(B, H), x.new_zeros(B, H), x.new_zeros(B, 1)
        self.states, outputs = [], []
        for x_t in x:
            weights = torch.einsum("bh,nbh->nb", h, memory).softmax(0)
            read = torch.cat([x_t, torch.einsum("nb,nbh->bh", weights, memory), y], 1)
            found = self.step(read, h=h, slow=slow)
            self.states.append([(found["h"], found["slow"])])
            h, slow = self.norm(found["h"]), found["slow"]
            y = self.readout(h)
            outputs.append(y)
        return torch.stack(outputs)


def test_all_that_leads_from_one_step_to_the_next_is_followed_as_autograd_does():
    """Feedback of the output, attention by the state, and what is done to a state between two calls."""
    model, x, memory, target = Attending(), draw(T, B, I), draw(4, B, H), draw(T, B, 1)
    flow = tt_torch.diagnose(model, (x, memory), lambda y: (y - target).square(), step=model.step)
    losses = list((model(x, memory) - target).square().sum(2))
    truth = norms_by_autograd(model.states, losses)
    # The one that is handed on as it is comes first; the other goes through the norm.
    np.testing.assert_allclose(flow.norms["h"], truth[1], rtol=1e-11)
    np.testing.assert_allclose(flow.norms["c"], truth[0], rtol=1e-11)


class Odd(nn.Module):
    """Three parts to the state, one of them not of the others' width."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(4)
        self.a, self.b = nn.Linear(I + 3 + H, H), nn.Linear(H, 3)
        self.double()

    def step(self, x, state):
        h, m, k = state
        h = torch.sin(self.a(torch.cat([x, m, h], 1)))
        m = 0.5 * m + self.b(h).relu()
        return h, (h, m, k + h)

    def forward(self, x):
        state = (x.new_zeros(B, H), x.new_zeros(B, 3), x.new_zeros(B, H))
        self.states, outputs = [], []
        for x_t in x:
            _, state = self.step(x_t, state)
            self.states.append([state])
            outputs.append((state[0], state[2]))
        return outputs


def test_a_state_of_any_parts_is_measured_as_autograd_has_it():
    model, x = Odd(), draw(T, B, I)
    flow = tt_torch.diagnose(
        model, x, lambda out: torch.stack([(h.sum(1) + k.square().sum(1)) for h, k in out]), step="step"
    )
    losses = [h.sum(1) + k.square().sum(1) for h, k in model(x)]
    truth = norms_by_autograd(model.states, losses)
    assert list(flow.norms) == ["h", "s1", "s2"]
    for s, part in enumerate(flow.norms):
        np.testing.assert_allclose(flow.norms[part][0], truth[s][0], rtol=1e-11)


class Scaled(nn.Module):
    """h = a h_prev + x."""

    def __init__(self, a, dtype):
        super().__init__()
        self.a = nn.Parameter(torch.tensor(a, dtype=dtype))

    def step(self, x, h):
        return self.a * h + x

    def forward(self, x):
        h = torch.zeros_like(x[0])
        for x_t in x:
            h = self.step(x_t, h)
        return h


def test_step_may_write_into_its_arguments():
    class InPlace(Scaled):
        def step(self, x, h):
            return h.mul_(self.a).add_(x)

    x = torch.ones(7, 2, 3, dtype=torch.float64)
    found, expected = (
        tt_torch.diagnose(kind(0.5, torch.float64), x, lambda h: h.square().sum(), "step")
        for kind in (InPlace, Scaled)
    )
    assert (found.norms["h"] == expected.norms["h"]).all()
    assert (x == 1).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("a", [1e-3, 1e3])
def test_step_is_right_from_1e_minus_300_to_1e300(a, dtype):
    x = torch.zeros(101, 2, 3, dtype=dtype)
    flow = tt_torch.diagnose(Scaled(a, dtype), x, lambda h: h.sum(), "step", max_lag=100)
    exact = np.sqrt(3) * np.array([float(a) ** l for l in range(99)])
    np.testing.assert_allclose(flow.norms["h"][0, :99], exact, rtol=1e-12 if dtype == torch.float64 else 1e-5)
    assert flow.percentiles["h"][1, 0, 98] == pytest.approx(exact[98], rel=1e-5)
    tiny = np.finfo(flow.dtype).tiny
    expected = (a ** np.arange(99.0) < tiny).astype(float)
    np.testing.assert_array_equal(flow.underflow[0, :99], expected)


@pytest.mark.parametrize("scale", [1e-36, 1e36])
def test_losses_of_different_sequences_keep_their_own_scale(scale):
    weights = torch.tensor([1.0, scale])[:, None]
    flow = tt_torch.diagnose(
        Scaled(0.5, torch.float32), torch.zeros(20, 2, 3), lambda h: (h * weights).sum(), "step"
    )
    both = np.sqrt(3) * 0.5**flow.lags
    low, high = sorted((1.0, scale))
    np.testing.assert_allclose(flow.norms["h"][0], both * (low + high) / 2, rtol=1e-6)
    np.testing.assert_allclose(flow.percentiles["h"][0, 0], both * (low + 0.1 * (high - low)), rtol=1e-5)


def test_lags_and_origins_of_a_step():
    layer, x, dy = make_layer("lstm"), draw(T, B, I), draw(T, B, H)
    sequences = np.zeros((T, B), bool)
    sequences[3:, 1] = True
    for how in (
        {"max_lag": 3, "origins": 2},
        {"origins": [4, T - 1]},
        {"max_lag": 2},
        {"origins": sequences},
    ):
        found = tt_torch.diagnose(WrittenOut(layer), x, lambda y: y * dy, "step", **how)
        exact = tt_torch.diagnose(layer, x, lambda out: out[0] * dy, **how)
        assert found.origins.tolist() == exact.origins.tolist()
        np.testing.assert_allclose(found.norms["c"], exact.norms["c"], rtol=1e-12)


class Alone(torch.autograd.Function):
    """Twice, with a way back that goes through NumPy: no transform can take it many at a time."""

    @staticmethod
    def forward(ctx, x):
        return 2 * x

    @staticmethod
    def backward(ctx, gradient):
        return torch.from_numpy(2 * gradient.numpy())


def test_step_whose_gradients_cannot_be_taken_many_at_a_time_is_measured_one_by_one():
    class Doubling(Scaled):
        def step(self, x, h):
            return Alone.apply(h) * self.a + x

    x = torch.zeros(7, 2, 3, dtype=torch.float64)
    flow = tt_torch.diagnose(Doubling(0.25, torch.float64), x, lambda h: h.sum(), "step")
    np.testing.assert_allclose(flow.norms["h"][0], math.sqrt(3) * 0.5**flow.lags, rtol=1e-13)


def test_step_that_fails_for_another_reason_than_many_at_a_time_says_so(monkeypatch):
    """As where there is not the memory for many: one by one would hide it, and take ever so long."""
    grad = torch.autograd.grad

    def short_of_memory(made, of, given=None, **how):
        if how.get("is_grads_batched") and len(given[0]) > 3:
            raise RuntimeError("can't allocate memory")
        return grad(made, of, given, **how)

    monkeypatch.setattr(torch.autograd, "grad", short_of_memory)
    with pytest.raises(RuntimeError, match="can't allocate memory"):
        tt_torch.diagnose(WrittenOut(make_layer("tanh")), draw(T, B, I), lambda y: y, "step")


def test_step_that_does_nothing_with_its_state_has_no_gradient_beyond_lag_0():
    class Forgetful(Scaled):
        def step(self, x, h):
            return self.a * x if h.ndim else h

    x = torch.ones(7, 2, 3, dtype=torch.float64)
    flow = tt_torch.diagnose(Forgetful(0.5, torch.float64), x, lambda h: h.sum(), "step")
    assert flow.origins.tolist() == [2] * 7
    assert flow.norms["h"][0].tolist() == pytest.approx([math.sqrt(3)] + [0.0] * 6)
    assert flow.half_life == 0


def test_detached_stretches_are_measured_each_by_itself():
    class Stretches(Scaled):
        def forward(self, x):
            h, outputs = torch.zeros_like(x[0]), []
            for t, x_t in enumerate(x):
                h = self.step(x_t, h.detach() if t == 4 else h)
                outputs.append(h)
            return torch.stack(outputs)

    x = torch.zeros(7, 2, 3, dtype=torch.float64)
    flow = tt_torch.diagnose(Stretches(0.5, torch.float64), x, lambda h: h, "step")
    assert flow.origins.tolist() == [14, 10, 6, 2, 0, 0, 0]
    np.testing.assert_allclose(flow.norms["h"][0, :4], math.sqrt(3) * 0.5 ** flow.lags[:4], rtol=1e-13)


def test_a_step_s_flow_has_the_whole_report(tmp_path):
    layer, x = make_layer("tanh"), draw(80, B, I)
    flow = tt_torch.diagnose(WrittenOut(layer), x, lambda y: y, "step")
    assert (flow.name, flow.cell, flow.hidden_size, flow.dtype) == ("step", None, H, "float64")
    assert flow.conditions == [None]
    (finding,) = flow.findings
    assert (finding.name, finding.severity, finding.command) == ("vanishing", "caution", None)
    assert "is not known here" in finding.evidence
    flow.to_html(tmp_path / "flow.html")
    assert "step" in (tmp_path / "flow.html").read_text()
    assert f"step, {H} units" in flow._repr_html_()
    pytest.importorskip("matplotlib")
    assert flow.plot().axes[0].get_title().startswith(f"step, {H} units")
