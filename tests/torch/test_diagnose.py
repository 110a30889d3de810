"""`diagnose` against `gradient_flow` on the same weights, and against autograd, one output step at a time."""

import numpy as np
import pytest
from tests.conftest import require_torch

import throughtime as tt

torch = require_torch()
from tests.networks import autograd  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence  # noqa: E402

import throughtime.torch as tt_torch  # noqa: E402

T, B, I, H = 9, 3, 2, 5
KINDS = {"tanh": nn.RNN, "relu": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}
ROUNDING = {torch.float64: 1e-11, torch.float32: 1e-6}


def make_layer(kind, num_layers=1, dtype=torch.float64, **more):
    torch.manual_seed(0)
    settings = {"nonlinearity": kind} if kind in ("tanh", "relu") else {}
    layer = KINDS[kind](I, H, num_layers, dtype=dtype, **settings, **more)
    with torch.no_grad():
        for name, weight in layer.named_parameters():
            if name.startswith("weight_hh"):
                weight *= 1.5  # so that late lags are not all but 0
    return layer


def same_layer(layer):
    """A layer of throughtime with the same weights."""
    match layer:
        case nn.LSTM():
            kind, more = tt.LSTM, {}
        case nn.GRU():
            kind, more = tt.GRU, {}
        case _:
            kind, more = tt.RNN, {"nonlinearity": layer.nonlinearity}
    dtype = str(layer.weight_hh_l0.dtype).removeprefix("torch.")
    ours = kind(layer.input_size, layer.hidden_size, layer.num_layers, dtype=dtype, seed=0, **more)
    for name, weight in layer.state_dict().items():
        ours.params[name][...] = weight.numpy()
    return ours


def draw(*shape, dtype=torch.float64, seed=1):
    return torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(seed))


class Model(nn.Module):
    """A layer with a readout for each step."""

    def __init__(self, layer):
        super().__init__()
        self.rnn = layer
        self.readout = nn.Linear(H, 2, dtype=layer.weight_hh_l0.dtype)

    def forward(self, x, hx=None):
        return self.readout(self.rnn(x, hx)[0]).tanh()


def unroll(layer, x, state=None):
    """States (t, layer, part), each a tensor of its own (B, H), as autograd sees them."""
    kind = layer.nonlinearity if isinstance(layer, nn.RNN) else type(layer).__name__.lower()
    parts = 2 if kind == "lstm" else 1
    if state is None:
        state = [torch.zeros(layer.num_layers, x.shape[1], H, dtype=x.dtype)] * parts
    now = [tuple(part[k] for part in state) for k in range(layer.num_layers)]
    states = []
    for y in x:
        for k in range(layer.num_layers):
            ax = y @ getattr(layer, f"weight_ih_l{k}").T + getattr(layer, f"bias_ih_l{k}")
            ah = now[k][0] @ getattr(layer, f"weight_hh_l{k}").T + getattr(layer, f"bias_hh_l{k}")
            now[k] = autograd.CELLS[kind](ax, ah, now[k])
            y = now[k][0]
        states.append(list(now))
    return states


def norms_by_autograd(states, losses):
    """(part, layer, lag): the mean over (t, b) of the norms, where losses[t] is (B,); None for a step without one."""
    n, layers, parts = len(states), len(states[0]), len(states[0][0])
    found = [[[[] for _ in range(n)] for _ in range(layers)] for _ in range(parts)]
    for t, loss in enumerate(losses):
        if loss is None:
            continue
        for back in range(t + 1):
            for k in range(layers):
                for s in range(parts):
                    (gradient,) = torch.autograd.grad(
                        loss.sum(), states[t - back][k][s], retain_graph=True, materialize_grads=True
                    )
                    found[s][k][back] += gradient.double().norm(dim=1).tolist()
    return np.array(
        [[[np.mean(each) if each else np.nan for each in layer] for layer in part] for part in found]
    )


def close(flow, truth, rtol):
    for s, part in enumerate(flow.norms):
        np.testing.assert_allclose(flow.norms[part], truth[s][:, : len(flow.lags)], rtol=rtol)


# ------------------------------------------------------------------ fused layers


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_fused_layer_is_gradient_flow_on_the_same_weights_bit_for_bit(kind, num_layers, dtype):
    layer, x, dy = make_layer(kind, num_layers, dtype), draw(T, B, I, dtype=dtype), draw(T, B, H, dtype=dtype)
    found = tt_torch.diagnose(layer, x, lambda returned: (returned[0] * dy).sum())
    exact = tt.gradient_flow(same_layer(layer), x.numpy(), dy.numpy())
    assert found.record() == exact.record()
    for part, norms in exact.norms.items():
        assert (found.norms[part] == norms).all()
        assert (found.percentiles[part] == exact.percentiles[part]).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_fused_layer_is_autograd_one_output_at_a_time(kind, num_layers, dtype):
    model, x, target = (
        Model(make_layer(kind, num_layers, dtype)),
        draw(T, B, I, dtype=dtype),
        draw(T, B, 2, dtype=dtype),
    )
    model.readout.to(dtype)
    flow = tt_torch.diagnose(model, x, lambda y: (y - target).square().sum(2))
    states = unroll(model.rnn, x)
    losses = [(model.readout(now[-1][0]).tanh() - target[t]).square().sum(1) for t, now in enumerate(states)]
    close(flow, norms_by_autograd(states, losses), ROUNDING[dtype])


def test_mean_of_losses_has_the_same_relative_curve_as_each_step_s_own():
    model, x, target = Model(make_layer("gru")), draw(T, B, I), draw(T, B, 2)
    each = tt_torch.diagnose(model, x, lambda y: nn.functional.mse_loss(y, target, reduction="none").sum(2))
    flat = tt_torch.diagnose(model, x, lambda y: (y - target).square().sum(2).flatten())
    mean = tt_torch.diagnose(model, x, lambda y: (y - target).square().sum(2).mean())
    assert (each.norms["h"] == flat.norms["h"]).all()
    np.testing.assert_allclose(mean.norms["h"] * T * B, each.norms["h"], rtol=1e-12)
    np.testing.assert_allclose(mean.curve().relative, each.curve().relative, rtol=1e-12)
    assert mean.origins.tolist() == [B * (T - l) for l in range(T)]


@pytest.mark.parametrize("kind", ["gru", "lstm"])
def test_last_state_read_by_the_loss_belongs_to_the_last_step(kind):
    """A classifier on h_n[-1], and one on all parts of the state of all layers."""
    layer, x, weights = make_layer(kind, 2), draw(T, B, I), draw(2, 2, B, H)
    states = unroll(layer, x)
    on_top = tt_torch.diagnose(layer, x, lambda out: (h_of(out[1])[-1] * weights[0, 0]).sum())
    loss = (states[-1][-1][0] * weights[0, 0]).sum(1)
    close(on_top, norms_by_autograd(states, [*[None] * (T - 1), loss]), 1e-11)
    given = np.zeros((T, B, H))
    given[-1] = weights[0, 0]
    assert (
        on_top.norms["h"].tolist()
        == tt.gradient_flow(same_layer(layer), x.numpy(), given).norms["h"].tolist()
    )

    def of_all(out):
        parts = out[1] if kind == "lstm" else (out[1],)
        last = sum((part * w).sum() for part, w in zip(parts, weights, strict=False))
        return out[0].sin().sum() + last

    losses = [now[-1][0].sin().sum(1) for now in states]
    for s in range(len(states[0][0])):
        losses[-1] = losses[-1] + sum((states[-1][k][s] * weights[s, k]).sum(1) for k in range(2))
    close(tt_torch.diagnose(layer, x, of_all), norms_by_autograd(states, losses), 1e-11)


def h_of(state):
    return state[0] if isinstance(state, tuple) else state


@pytest.mark.parametrize("kind", KINDS)
def test_initial_state_is_the_model_s(kind):
    model, x = Model(make_layer(kind, 2)), draw(T, B, I)
    hx = tuple(draw(2, B, H, seed=7 + s) for s in range(2 if kind == "lstm" else 1))
    flow = tt_torch.diagnose(
        model, {"x": x, "hx": hx if kind == "lstm" else hx[0]}, lambda y: y.square().sum(2)
    )
    states = unroll(model.rnn, x, hx)
    losses = [model.readout(now[-1][0]).tanh().square().sum(1) for now in states]
    close(flow, norms_by_autograd(states, losses), 1e-11)


def test_batch_first_and_unbatched_inputs_are_the_same_sequences():
    first, layer, x = make_layer("lstm", batch_first=True), make_layer("lstm"), draw(T, B, I)
    expected = tt_torch.diagnose(layer, x, lambda out: out[0].square())
    found = tt_torch.diagnose(first, x.transpose(0, 1), lambda out: out[0].square())
    assert found.record() == expected.record()
    one = tt_torch.diagnose(layer, x[:, :1], lambda out: out[0].square())
    for unbatched in (layer, first):
        hx = torch.zeros(1, H, dtype=x.dtype)
        assert (
            tt_torch.diagnose(unbatched, (x[:, 0], (hx, hx)), lambda out: out[0].square()).record()
            == one.record()
        )


@pytest.mark.parametrize("reads", ["output", "both"])
@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_of_both_directions_the_forward_one_is_measured(kind, batch_first, reads):
    both, one = make_layer(kind, bidirectional=True, batch_first=batch_first), make_layer(kind)
    one.load_state_dict(both.state_dict(), strict=False)
    x, dy, dh = draw(T, B, I), draw(T, B, 2 * H), draw(2, B, H, seed=2) * (reads == "both")

    def loss(returned):
        y, state = returned
        h = state[0] if kind == "lstm" else state
        return ((y.transpose(0, 1) if batch_first else y) * dy).sum() + (h * dh).sum()

    found = tt_torch.diagnose(both, x.transpose(0, 1) if batch_first else x, loss)
    dy_forward = dy[..., :H].clone()
    dy_forward[-1] += dh[0]
    exact = tt.gradient_flow(same_layer(one), x.numpy(), dy_forward.numpy())
    assert found.hidden_size == H
    for part, norms in exact.norms.items():
        np.testing.assert_allclose(found.norms[part], norms, rtol=1e-12)


@pytest.mark.parametrize("enforce_sorted", [True, False])
def test_packed_sequences_are_measured_within_their_lengths(enforce_sorted):
    class Packed(nn.Module):
        def __init__(self, layer):
            super().__init__()
            self.rnn = layer

        def forward(self, x, lengths):
            packed = pack_padded_sequence(x, lengths, enforce_sorted=enforce_sorted)
            y, state = self.rnn(packed)
            return pad_packed_sequence(y)[0], state

    lengths = torch.tensor([T, 6, 2] if enforce_sorted else [6, 2, T])
    layer, x, weight = make_layer("gru", 2), draw(T, B, I), draw(B, H)
    flow = tt_torch.diagnose(
        Packed(layer), (x, lengths), lambda out: out[0].square().sum() + (out[1][-1] * weight).sum()
    )
    ours = same_layer(layer)
    y, _, _ = ours.forward(x.numpy(), lengths=lengths.numpy())
    dy = 2 * y
    for b, n in enumerate(lengths):
        dy[n - 1, b] += weight[b].numpy()
    exact = tt.gradient_flow(ours, x.numpy(), dy, lengths=lengths.numpy())
    assert flow.origins.tolist() == exact.origins.tolist()
    np.testing.assert_allclose(flow.norms["h"], exact.norms["h"], rtol=1e-11)


def test_packed_batch_that_the_model_is_given_is_one_argument():
    layer, x = make_layer("gru"), draw(T, B, I)
    packed = pack_padded_sequence(x, torch.tensor([T] * B))
    found = tt_torch.diagnose(layer, packed, lambda out: out[0].data.square())
    expected = tt_torch.diagnose(layer, x, lambda out: out[0].square())
    np.testing.assert_allclose(found.norms["h"], expected.norms["h"], rtol=1e-13)


def test_lags_and_origins_mean_what_they_mean_elsewhere():
    layer, x, dy = make_layer("gru"), draw(T, B, I), draw(T, B, H)
    for how in ({"max_lag": 3, "origins": 2}, {"origins": [4, T - 1]}, {"max_lag": 2}):
        found = tt_torch.diagnose(layer, x, lambda out: out[0] * dy, **how)
        assert found.record() == tt.gradient_flow(same_layer(layer), x.numpy(), dy.numpy(), **how).record()


def test_dropout_between_layers_is_off_and_the_module_comes_out_as_it_was():
    class Whole(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm, self.rnn = nn.BatchNorm1d(I), nn.GRU(I, H, 2, dropout=0.5)
            self.drop, self.readout = nn.Dropout(0.5), nn.Linear(H, 1)
            self.register_buffer("seen", torch.zeros(()))
            self.state = None

        def forward(self, x):
            self.seen += 1
            y, self.state = self.rnn(self.norm(x.flatten(0, 1)).view_as(x))
            return self.readout(self.drop(y)) + 0 * torch.rand(())  # it draws, if to no effect

    torch.manual_seed(0)
    model, x = Whole(), torch.randn(T, B, I, requires_grad=True)
    model(x).sum().backward()
    model.readout.eval()  # modes differ from part to part
    before = {name: value.clone() for name, value in model.state_dict().items()}
    gradients = {name: weight.grad.clone() for name, weight in model.named_parameters()}
    modes = [part.training for part in model.modules()]
    keys = [set(part.__dict__) for part in model.modules()]
    state, of_x, drawn = model.state, x.grad.clone(), torch.get_rng_state()
    flow = tt_torch.diagnose(model, x, lambda y: y.square())
    again = tt_torch.diagnose(model, x, lambda y: y.square())

    def broken(y):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        tt_torch.diagnose(model, x, broken)
    assert flow.record() == again.record()
    assert [part.training for part in model.modules()] == modes
    assert [set(part.__dict__) for part in model.modules()] == keys
    assert model.state is state
    assert "forward" not in model.rnn.__dict__
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in model.modules())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(torch.equal(weight.grad, gradients[name]) for name, weight in model.named_parameters())
    assert torch.equal(x.grad, of_x)
    assert torch.equal(torch.get_rng_state(), drawn)


def test_frozen_weights_are_no_obstacle():
    model, x = Model(make_layer("gru")), draw(T, B, I)
    expected = tt_torch.diagnose(model, x, lambda y: y.square())
    model.requires_grad_(False)
    assert tt_torch.diagnose(model, x, lambda y: y.square()).record() == expected.record()
    with torch.no_grad():
        assert tt_torch.diagnose(model, x, lambda y: y.square()).record() == expected.record()


# ------------------------------------------------------------------ layers in a loop


class Loop(nn.Module):
    """A cell, or a layer called one step at a time, in a loop of the user's own."""

    def __init__(self, cell):
        super().__init__()
        self.cell = cell

    def forward(self, x, hx=None, keep=None):
        outputs = []
        for t, x_t in enumerate(x):
            if keep is not None and hx is not None:
                hx = tuple(part * keep[t] for part in hx) if isinstance(hx, tuple) else hx * keep[t]
            if isinstance(self.cell, nn.RNNBase):
                y, hx = self.cell(x_t[None], hx)
                y = y[0]
            else:
                hx = self.cell(x_t, hx)
                y = hx[0] if isinstance(hx, tuple) else hx
            outputs.append(y)
        return torch.stack(outputs)


def as_cell(layer):
    """PyTorch's cell with a layer's weights."""
    more = {"nonlinearity": layer.nonlinearity} if isinstance(layer, nn.RNN) else {}
    cell = getattr(nn, f"{type(layer).__name__}Cell")(I, H, dtype=torch.float64, **more)
    cell.load_state_dict({name.removesuffix("_l0"): value for name, value in layer.state_dict().items()})
    return cell


@pytest.mark.parametrize("as_it_is", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_cells_and_layers_in_a_loop_are_the_layer_in_one_call(kind, as_it_is):
    layer, x, dy = make_layer(kind), draw(T, B, I), draw(T, B, H)
    loop = Loop(layer if as_it_is else as_cell(layer))
    found = tt_torch.diagnose(loop, x, lambda y: y * dy)
    assert found.record() == tt_torch.diagnose(layer, x, lambda out: out[0] * dy).record()
    unbatched = tt_torch.diagnose(loop, x[:, 0], lambda y: y * dy[:, 0])
    assert unbatched.record() == tt_torch.diagnose(layer, x[:, :1], lambda out: out[0] * dy[:, :1]).record()


def test_loop_that_reads_the_state_is_the_layer_in_one_call():
    layer, x, weights = make_layer("lstm", batch_first=True), draw(T, B, I), draw(T, B, H)

    def forward(x):
        state, read = None, []
        for x_t in x:
            _, state = layer(x_t[:, None], state)
            read.append(state[0][-1])
        return torch.stack(read), state[1]

    loop = nn.ModuleDict({"rnn": layer})
    loop.forward = forward
    found = tt_torch.diagnose(loop, x, lambda out: (out[0] * weights).sum() + out[1].sum())
    expected = tt_torch.diagnose(
        layer, x.transpose(0, 1), lambda out: (out[0].transpose(0, 1) * weights).sum() + out[1][1].sum()
    )
    assert found.record() == expected.record()


def test_state_that_a_loop_sets_to_zero_is_a_reset():
    layer, x, dy = make_layer("lstm"), draw(T, B, I), draw(T, B, H)
    reset = np.random.default_rng(0).random((T, B)) < 0.25
    keep = torch.from_numpy(~reset).double()[:, :, None]
    found = tt_torch.diagnose(Loop(as_cell(layer)), {"x": x, "keep": keep}, lambda y: y * dy)
    reset[0] = False
    exact = tt.gradient_flow(same_layer(layer), x.numpy(), dy.numpy(), reset=reset)
    assert reset.any()
    assert found.origins.tolist() == exact.origins.tolist()
    np.testing.assert_allclose(found.norms["c"], exact.norms["c"], rtol=1e-12)


def test_two_calls_of_a_shared_layer_are_two_batches_of_sequences():
    layer = make_layer("gru")

    class Twins(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn = layer

        def forward(self, a, b):
            return self.rnn(a)[0], self.rnn(b)[0]

    a, b = draw(T, B, I), draw(T, B, I, seed=2)
    both = tt_torch.diagnose(
        Twins(), (a, b), lambda out: out[0].square().sum() + out[1].square().sum(), max_lag=8
    )
    apart = [tt_torch.diagnose(layer, x, lambda out: out[0].square(), max_lag=8) for x in (a, b)]
    assert both.origins.tolist() == (2 * apart[0].origins).tolist()
    mean = (apart[0].norms["h"] + apart[1].norms["h"]) / 2
    np.testing.assert_allclose(both.norms["h"], mean, rtol=1e-13)


def test_layer_behind_which_another_mixes_steps_is_measured_from_what_arrives_at_its_outputs():
    encoder, decoder = make_layer("gru"), nn.GRU(H, H, dtype=torch.float64)
    model, x = nn.ModuleDict({"encoder": encoder, "decoder": decoder}), draw(T, B, I)
    model.forward = lambda x: model["decoder"](model["encoder"](x)[0])[0]
    flow = tt_torch.diagnose(model, x, lambda y: y.square(), layer="encoder")
    y = encoder(x)[0].detach().requires_grad_()
    (dy,) = torch.autograd.grad(decoder(y)[0].square().sum(), y)
    np.testing.assert_allclose(
        flow.norms["h"], tt.gradient_flow(same_layer(encoder), x.numpy(), dy.numpy()).norms["h"], rtol=1e-11
    )


def test_layers_of_throughtime_are_diagnosed_as_pytorch_s():
    GRU = tt_torch.GRU
    layer = make_layer("gru")
    ours = GRU(I, H, dtype=torch.float64)
    ours.load_state_dict(layer.state_dict())
    x, dy = draw(T, B, I), draw(T, B, H)
    found, expected = (tt_torch.diagnose(each, x, lambda out: out[0] * dy) for each in (ours, layer))
    assert found.record() == expected.record()


def test_layer_under_two_names_goes_by_either():
    layer, x = make_layer("gru"), draw(T, B, I)
    model = nn.ModuleDict({"a": layer, "b": layer, "inner": Model(layer)})
    model.forward = lambda x: model["b"](x)[0]
    expected = tt_torch.diagnose(layer, x, lambda out: out[0].square()).record()
    for name in (None, "a", "b", "inner.rnn"):
        assert tt_torch.diagnose(model, x, lambda y: y.square(), layer=name).record() == expected


def test_step_of_a_module_under_two_names_goes_by_either():
    loop, x = Loop(as_cell(make_layer("gru"))), draw(T, B, I)
    model = nn.ModuleDict({"a": loop, "b": loop})
    model.forward = lambda x: model["b"](x).tanh()
    first, second = (tt_torch.diagnose(model, x, lambda y: y.square(), f"{name}.cell") for name in "ab")
    assert first.record() == second.record()
