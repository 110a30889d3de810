"""What `diagnose` refuses, in one line that says what to do; and what its remedies tell a PyTorch user to type."""

import numpy as np
import pytest
from tests.conftest import require_torch

import throughtime as tt

torch = require_torch()
from torch import nn  # noqa: E402

import throughtime.torch as tt_torch  # noqa: E402
from throughtime.flow.findings import Evidence  # noqa: E402
from throughtime.flow.findings.command import command  # noqa: E402
from throughtime.torch.diagnosis.remedies import InPyTorch  # noqa: E402

X = torch.zeros(4, 2, 3)


def total(out):
    return (out[0] if isinstance(out, tuple) else out).sum()


def refusal(kind, *arguments, **more):
    with pytest.raises(kind) as caught:
        tt_torch.diagnose(*arguments, **more)
    said = str(caught.value)
    assert "\n" not in said
    assert "; expected " in said
    return said


class Composed(nn.Module):
    def __init__(self, forward, **parts):
        super().__init__()
        for name, part in parts.items():
            setattr(self, name, part)
        self._forward = forward

    def forward(self, *given):
        return self._forward(self, *given)

    def advance(self, x, h):
        return self.cell(x, h)


def looped(advance, cell=None):
    """A model that calls advance(self, x_t, state, earlier states) for each step."""

    def forward(self, x):
        states = [x.new_zeros(2, 3)]
        for x_t in x:
            states.append(advance(self, x_t, states[-1], states))
        return torch.stack(states[1:])

    return Composed(forward, cell=cell or nn.GRUCell(3, 3))


def test_only_pytorch_s_modules_are_diagnosed():
    assert "throughtime.gradient_flow" in refusal(tt.ArgumentError, tt.GRU(3, 4), X, total)


def test_layer_must_be_one_that_is_named():
    two = Composed(lambda self, x: self.b(self.a(x)[0])[0], a=nn.GRU(3, 3), b=nn.LSTM(3, 3))
    assert "2 recurrent layers found, 'a', 'b'; expected one. Name it, as layer='a'" in refusal(
        tt.ArgumentError, two, X, total
    )
    assert "layer='c' found; expected one of 'a', 'b'" in refusal(tt.ArgumentError, two, X, total, layer="c")
    assert "has no nn.RNN" in refusal(tt.ArgumentError, nn.Linear(3, 3), X, total)
    assert "Leave out the layer" in refusal(tt.ArgumentError, two, X, total, "a", layer="a")


@pytest.mark.parametrize("found", ["bidirectional", "proj_size"])
def test_layers_with_other_equations_are_refused(found):
    layer = nn.LSTM(3, 4, 2, bidirectional=True) if found == "bidirectional" else nn.LSTM(3, 4, proj_size=2)
    assert found in refusal(tt.ArgumentError, layer, X, total)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_types_are_float32_and_float64(dtype):
    said = refusal(tt.DtypeError, nn.GRU(3, 4, dtype=dtype), X.to(dtype), total)
    assert str(dtype).removeprefix("torch.") in said
    assert ".float()" in said
    step = looped(lambda self, x, h, _: self.advance(x, h), nn.GRUCell(3, 3, dtype=dtype))
    assert ".float()" in refusal(tt.DtypeError, step, X.to(dtype), total, "advance")


def test_other_devices_are_refused():
    assert ".cpu()" in refusal(tt.ArgumentError, nn.GRU(3, 4, device="meta"), X, total)


def test_loss_must_be_a_tensor_that_depends_on_the_layer():
    assert "item()" in refusal(tt.ArgumentError, nn.GRU(3, 4), X, lambda out: out[0].sum().item())
    for loss in (lambda out: torch.zeros(()), lambda out: total(out).detach()):
        assert "does not depend on what the GRU itself gives" in refusal(
            tt.ArgumentError, nn.GRU(3, 4), X, loss
        )


def test_loss_must_be_a_function():
    assert "lambda" in refusal(tt.ArgumentError, nn.GRU(3, 4), X, torch.tensor(1.0))


def test_layer_must_run():
    model = Composed(lambda self, x: self.b(x), a=nn.GRU(3, 3), b=nn.Linear(3, 3))
    assert "'a' was not called" in refusal(tt.ArgumentError, model, X, total)


def test_input_that_is_computed_from_the_layer_s_own_output_is_refused_and_followed_by_its_step():
    model = looped(lambda self, x, h, _: self.cell(x + h.tanh(), h))
    said = refusal(tt.ArgumentError, model, X, total)
    assert "the input of call 1 of 'cell' is computed from what it gave before" in said
    assert "step='cell'" in said
    flow = tt_torch.diagnose(model, X, total, "cell")
    assert (flow.norms["h"] > 0).all()


def test_state_that_a_layer_was_not_left_in_is_refused():
    assert "begins in a state that call 0 did not leave" in refusal(
        tt.ArgumentError, looped(lambda self, x, h, _: self.cell(x, 2 * h + 1)), X, total
    )
    assert "detached between calls 0 and 1" in refusal(
        tt.ArgumentError, looped(lambda self, x, h, _: self.cell(x, h.detach())), X, total
    )


def test_lower_layers_of_a_layer_in_a_loop_are_read_at_the_end_alone():
    def forward(self, x):
        h, lower = None, []
        for x_t in x:
            _, h = self.rnn(x_t[None], h)
            lower.append(h[0])
        return torch.stack(lower)

    said = refusal(tt.ArgumentError, Composed(forward, rnn=nn.GRU(3, 3, 2)), X, total)
    assert "the loss reads h of layer 0 of call 0" in said


def test_calls_with_batches_of_different_sizes_are_refused():
    model = Composed(lambda self, x: self.rnn(x)[0].sum() + self.rnn(x[:, :1])[0].sum(), rnn=nn.GRU(3, 3))
    assert "batches of 1 and 2" in refusal(tt.ArgumentError, model, X, lambda out: out)


def test_layer_that_computes_something_else_is_found_out():
    class Doubled(nn.GRU):
        def forward(self, x, hx=None):
            y, h = super().forward(x, hx)
            return 2 * y, h

    assert "differ by" in refusal(tt.ArgumentError, Doubled(3, 4), X + 1, total)


@pytest.mark.parametrize("gain", [8, 20])
@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM])
def test_chaotic_layers_are_no_other_layers(kind, gain):
    """Their recurrence multiplies rounding until outputs have nothing in common."""
    torch.manual_seed(0)
    layer = kind(8, 16)
    with torch.no_grad():
        layer.weight_hh_l0 *= gain
    flow = tt_torch.diagnose(layer, torch.randn(150, 2, 8), lambda out: out[0][-1].square().sum())
    assert [finding.name for finding in flow.findings] == ["exploding"]


def test_step_must_be_a_part_of_the_module():
    model = looped(lambda self, x, h, _: self.advance(x, h))
    assert "no such function in Composed" in refusal(tt.ArgumentError, model, X, total, "retreat")
    assert "is no part of the Composed" in refusal(tt.ArgumentError, model, X, total, lambda x, h: h)
    assert "step of type int" in refusal(tt.ArgumentError, model, X, total, 3)


def test_step_must_hand_its_state_on():
    assert "no call reads what the one before it gave" in refusal(
        tt.ArgumentError, looped(lambda self, x, h, _: self.advance(x, h.detach())), X, total, "advance"
    )
    assert "reads what call 0 gave" in refusal(
        tt.ArgumentError,
        looped(lambda self, x, h, past: self.advance(x + past[len(past) // 2], h)),
        X,
        total,
        "advance",
    )


def test_step_whose_state_goes_past_its_arguments_is_refused():
    class Stateful(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell = nn.GRUCell(3, 3)

        def advance(self, x, h):
            self.slow = 0.5 * self.slow + h
            return self.cell(x, self.slow)

        def forward(self, x):
            h = self.slow = x.new_zeros(2, 3)
            for x_t in x:
                h = self.advance(x_t, h)
            return h

    assert "reads what it was not handed" in refusal(tt.ArgumentError, Stateful(), X, total, "advance")


def test_state_of_a_step_must_be_rows():
    model = looped(lambda self, x, h, _: self.advance(x, h))
    model.advance = lambda x, h: h[:, None] + x[:, None, :] if h.ndim == 2 else h + x[:, None]
    assert "has shape (2, 1, 3)" in refusal(tt.ArgumentError, model, X, total, "advance")


def test_results_of_a_step_that_the_loss_reads_must_be_rows():
    class Summed(nn.Module):
        def step(self, x, h):
            h = h.tanh() + x
            return h.sum(), h

        def forward(self, x):
            h, sums = torch.zeros_like(x[0]), []
            for x_t in x:
                y, h = self.step(x_t, h)
                sums.append(y)
            return torch.stack(sums)

    assert "result 0 of 'step' has shape ()" in refusal(tt.ArgumentError, Summed(), X, total, "step")


def test_results_of_a_step_must_be_computed_from_the_state_that_it_returns():
    class Beside(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn = nn.GRU(3, 3)

        def step(self, x, h):
            y, h = self.rnn(x[None], h[None])
            return y[0], h[0]

        def forward(self, x):
            h, outputs = torch.zeros_like(x[0]), []
            for x_t in x:
                y, h = self.step(x_t, h)
                outputs.append(y)
            return torch.stack(outputs)

    assert "is not computed from the state that it returns" in refusal(
        tt.ArgumentError, Beside(), X, total, "step"
    )
    assert (tt_torch.diagnose(Beside(), X, total).norms["h"] > 0).all()


def test_origins_without_a_loss_are_refused():
    model = looped(lambda self, x, h, _: self.advance(x, h))
    said = refusal(tt.ArgumentError, model, X, lambda y: y[-1].sum(), "advance", origins=[0])
    assert "a place among the origins" in said


@pytest.mark.parametrize("step", [None, "advance"])
def test_gradient_that_is_not_a_number_is_looked_for_as_pytorch_s_users_do(step):
    model = looped(lambda self, x, h, _: self.advance(x, h))
    flow = tt_torch.diagnose(model, X * float("nan"), total, step)
    with pytest.raises(tt.DivergedError) as caught:
        flow.curve()
    assert "torch.autograd.detect_anomaly()" in str(caught.value)
    assert "throughtime" not in str(caught.value)


# ------------------------------------------------------------------ remedies


def evidence(layer, x=None, **more):
    x = torch.randn(70, 2, 3, generator=torch.Generator().manual_seed(0)) if x is None else x
    return Evidence(tt_torch.diagnose(layer, x, total, **more))


def carried_out(code, **names):
    """What the code leaves, if it is Python."""
    scope = {"nn": nn, **names}
    exec(code, scope)
    return scope


def test_vanishing_is_told_with_code_that_a_pytorch_user_types():
    torch.manual_seed(0)
    model = Composed(lambda self, x: self.rnn(x)[0], rnn=nn.RNN(3, 8, 2))
    x = torch.randn(70, 2, 3, generator=torch.Generator().manual_seed(0))
    before = tt_torch.diagnose(model, x, total)
    (finding,) = before.findings
    assert finding.name == "vanishing"
    assert finding.command == (
        "nn.init.orthogonal_(model.rnn.weight_hh_l0); nn.init.orthogonal_(model.rnn.weight_hh_l1)"
    )
    assert "throughtime" not in str(finding)
    assert "--" not in str(finding)
    carried_out(finding.command, model=model)
    for weight in (model.rnn.weight_hh_l0, model.rnn.weight_hh_l1):
        np.testing.assert_allclose((weight @ weight.T).detach(), np.eye(8), atol=1e-6)
    assert tt_torch.diagnose(model, x, total).half_life > 1.5 * before.half_life


def test_what_is_orthogonal_already_gets_another_cell():
    torch.manual_seed(0)
    model = Composed(lambda self, x: self.rnn(x)[0], rnn=nn.RNN(3, 8, 2))
    x = 3 * torch.randn(70, 2, 3)
    (first,) = tt_torch.diagnose(model, x, total).findings
    carried_out(first.command, model=model)
    (then,) = tt_torch.diagnose(model, x, total).findings
    assert first.name == then.name == "vanishing"
    assert "the recurrent weights are orthogonal" in then.evidence
    assert "orthogonal" not in then.remedy
    assert then.remedy.endswith("or a GRU. Or use ReLUs, and start as the identity.")
    assert then.command.startswith("model.rnn = nn.LSTM(..., hidden_size=8, num_layers=2); ")


def test_cells_have_no_layers_in_their_names():
    loop = looped(lambda self, x, h, _: self.cell(x, h), nn.RNNCell(3, 3))
    x = torch.randn(70, 2, 3, generator=torch.Generator().manual_seed(0))
    (finding,) = tt_torch.diagnose(loop, x, total).findings
    assert finding.command == "nn.init.orthogonal_(model.cell.weight_hh)"
    carried_out(finding.command, model=loop)


@pytest.mark.parametrize("bias", ["f", "z"])
def test_a_shut_gate_is_opened_by_its_bias(bias):
    layer = (nn.LSTM if bias == "f" else nn.GRU)(3, 4)
    with torch.no_grad():
        layer.bias_ih_l0[4:8] = -8
    found = evidence(layer)
    (finding,) = found.flow.findings
    assert finding.name.startswith("shut-")
    carried_out(finding.command, model=layer)
    assert layer.bias_ih_l0[4:8].tolist() == [1.0] * 4
    assert layer.bias_hh_l0[4:8].tolist() == [0.0] * 4
    assert (layer.bias_ih_l0[:4] != 1).all()
    assert (layer.bias_ih_l0[8:] != 1).all()


@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_a_gate_that_forgets_is_opened_by_the_code_that_is_told(kind, num_layers):
    torch.manual_seed(0)
    layer, x = kind(3, 8, num_layers), torch.randn(120, 2, 3)
    (finding,) = tt_torch.diagnose(layer, x, lambda out: out[0][-1].sum()).findings
    assert finding.name == "forgetting"
    carried_out(finding.command, model=layer)
    assert tt_torch.diagnose(layer, x, lambda out: out[0][-1].sum()).findings == []
    assert tt_torch.diagnose(kind(3, 8), x, total).findings == []  # a loss at each step


def test_code_for_every_change_that_findings_ask_for():
    found = evidence(nn.RNN(3, 4, nonlinearity="relu"))
    code = {
        "tanh": command(found, {"nonlinearity": "tanh", "init": "weight_hh=orthogonal"}),
        "lstm": command(found, {"cell": "lstm", "nonlinearity": None, "omega": None, "init": "bias_f=1"}),
        "relu": command(
            found, {"by": "sentence", "init": "weight_hh=identity,bias=0", "clip-norm": 1, "lr": 2e-4}
        ),
        "default": command(found, {"init": "default"}),
        "lr": command(found, {"lr": 1e-3}),
    }
    assert code == {
        "tanh": "model = nn.RNN(..., hidden_size=4, nonlinearity='tanh'); nn.init.orthogonal_(model.weight_hh_l0)",
        "lstm": "model = nn.LSTM(..., hidden_size=4); model.bias_ih_l0.data[4:8].fill_(1); "
        "model.bias_hh_l0.data[4:8].fill_(0)",
        "relu": "nn.init.eye_(model.weight_hh_l0); model.bias_ih_l0.data.fill_(0); model.bias_hh_l0.data.fill_(0); "
        "nn.utils.clip_grad_norm_(model.parameters(), 1.0)",
        "default": "model.reset_parameters()",
        "lr": None,
    }
    layer = nn.RNN(3, 4, nonlinearity="relu")
    carried_out(code["relu"].rpartition(";")[0], model=layer)
    assert torch.equal(layer.weight_hh_l0.detach(), torch.eye(4))
    assert "model.double()" in InPyTorch("model").in_float64
