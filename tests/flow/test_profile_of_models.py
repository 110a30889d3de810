"""Profiles of whole models, readout and loss included: against autograd, one output's own loss at a time."""

from typing import NamedTuple

import numpy as np
import pytest
from tests.conftest import require_torch

import throughtime as tt

T, B, V, I, H, O = 6, 4, 7, 3, 5, 3
LENGTHS = np.array([T, 2, 5, 1])


class Case(NamedTuple):
    """What `gradient_flow` is asked besides inputs and targets."""

    origins: object = None
    state: object = None
    reset: np.ndarray | None = None
    lengths: np.ndarray | None = None

    def asked(self):
        return self._asdict()


def case_of(name, model):
    """Steps, a mask of origins, a given state, resets inside, unequal lengths; and everything at once."""
    rng = np.random.default_rng(5)
    mask, reset = rng.random((T, B)) < 0.7, rng.random((T, B)) < 0.25
    if model.at == "last":  # a loss at each sequence's end alone: one of them is left out
        mask = np.ones((T, B), bool)
        mask[:, 2] = False
    parts = [rng.standard_normal((model.layers.num_layers, B, H)) for _ in model.layers.cell.states]
    state = tuple(parts) if len(parts) > 1 else parts[0]
    match name:
        case "every step":
            return Case()
        case "some steps":
            return Case(origins=np.array([1, 2, 5]))
        case "a mask":
            return Case(origins=mask)
        case "a state":
            return Case(state=state)
        case "resets":
            return Case(reset=reset)
        case "lengths":
            return Case(lengths=LENGTHS)
    return Case(mask, state, reset, LENGTHS)


CASES = ["every step", "some steps", "a mask", "a state", "resets", "lengths", "all at once"]


# ------------------------------------------------------------------ the oracle


def loss_of(kind, outputs, target):
    """E_t of one step of one sequence, by the definition; None for no loss. Undivided, whatever else there is."""
    torch = require_torch()
    if kind == "softmax":
        return None if target == -100 else outputs.logsumexp(0) - outputs[target]
    t = torch.tensor(target)
    if kind == "squared":
        return ((outputs - t) ** 2).sum()
    counts = t != -100
    if not counts.any():
        return None
    p = outputs.sigmoid()
    return -(t * p.log() + (1 - t) * (1 - p).log())[counts].sum()


def norms_by_autograd(model, inputs, targets, case):
    """||dE_t/d(state at t - l)|| as (part, num_layers, l, t, b), each loss by a backward pass of its own; NaN for none."""
    torch = require_torch()
    from tests.networks import autograd

    params = {name: torch.tensor(np.ascontiguousarray(array)) for name, array in model.params.items()}
    read_out = params["embedding.weight" if getattr(model, "tied", False) else "readout.weight"]
    table = params.get("embedding.weight", torch.eye(V, dtype=torch.float64))
    kind = {"rnn_tanh": "tanh"}.get(model.layers.cell.name, model.layers.cell.name)
    layers, parts = range(model.layers.num_layers), range(len(model.layers.cell.states))
    given = case.state
    if given is None:
        given = np.zeros((len(parts), len(layers), B, H))
    elif not isinstance(given, tuple):
        given = (given,)
    now = [tuple(autograd.leaf(given[s][k]) for s in parts) for k in layers]
    reset = np.zeros((T, B), bool) if case.reset is None else case.reset
    lengths = np.full(B, T) if case.lengths is None else case.lengths

    states, outputs = [], []
    for t in range(T):
        y = torch.tensor(inputs[t]) if inputs.ndim == 3 else table[torch.tensor(inputs[t])]
        for k in layers:
            keep = torch.tensor(~reset[t])[:, None]
            entering = tuple(torch.where(keep, part, 0.0) for part in now[k])
            ax = y @ params[f"rnn.weight_ih_l{k}"].T + params[f"rnn.bias_ih_l{k}"]
            ah = entering[0] @ params[f"rnn.weight_hh_l{k}"].T + params[f"rnn.bias_hh_l{k}"]
            now[k] = autograd.CELLS[kind](ax, ah, entering)
            y = now[k][0]
        states.append(list(now))
        outputs.append(y @ read_out.T + params["readout.bias"])

    chosen = np.ones((T, B), bool)
    if case.origins is not None:
        chosen = case.origins
        if chosen.dtype != bool:
            chosen = np.isin(np.arange(T), chosen)[:, None] & np.ones((T, B), bool)
    found = np.full((len(parts), len(layers), T, T, B), np.nan)
    for t, b in np.argwhere(chosen):
        at_end = t == lengths[b] - 1
        if t >= lengths[b] or (model.at == "last" and not at_end):
            continue
        loss = loss_of(model.loss, outputs[t][b], targets[b] if model.at == "last" else targets[t, b])
        if loss is None:
            continue
        for back in range(t + 1):
            if reset[t - back + 1 : t + 1, b].any():
                break
            wanted = [states[t - back][k][s] for s in parts for k in layers]
            grads = torch.autograd.grad(loss, wanted, retain_graph=True, materialize_grads=True)
            norms = torch.stack(grads)[:, b].norm(dim=1).numpy()
            found[:, :, back, t, b] = norms.reshape(len(parts), len(layers))
    return found


def assert_is_autograd(model, inputs, targets, case):
    """Lag by lag, layer by layer, part by part: which origins there are, the mean of their norms, the percentiles."""
    truth = norms_by_autograd(model, inputs, targets, case)
    flow = tt.gradient_flow(model, inputs, targets, T - 1, **case.asked())
    there = ~np.isnan(truth[0, 0]).reshape(T, -1)
    assert there[0].any()
    assert flow.origins.tolist() == there.sum(axis=1).tolist()
    assert tuple(flow.norms) == model.layers.cell.states
    for s, part in enumerate(flow.norms):
        for k in range(model.layers.num_layers):
            for back in np.flatnonzero(there.any(axis=1)):
                norms = truth[s, k, back].ravel()[there[back]]
                assert flow.norms[part][k, back] == pytest.approx(norms.mean(), rel=1e-9)
                np.testing.assert_allclose(
                    flow.percentiles[part][:, k, back], np.percentile(norms, [10, 50, 90]), rtol=1e-9
                )
            assert np.isnan(flow.norms[part][k, ~there.any(axis=1)]).all()


def with_strong_recurrence(model):
    for name, array in model.params.items():
        if "weight_hh" in name or name == "readout.weight":
            array *= 1.5  # so that late lags are not all but 0
    return model


# ------------------------------------------------------------------ models beside it


@pytest.mark.oracle
@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("reads", ["one-hot", "embedding", "tied"])
@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_profile_of_a_language_model_is_autograd_one_loss_at_a_time(cell, num_layers, reads, name):
    require_torch()
    size = {"one-hot": None, "embedding": 3, "tied": H}[reads]
    model = with_strong_recurrence(
        tt.LanguageModel(
            V, H, cell, num_layers, embedding_size=size, tied=reads == "tied", dtype="float64", seed=1
        )
    )
    rng = np.random.default_rng(2)
    ids, targets = rng.integers(0, V, (T, B)), rng.integers(0, V, (T, B))
    targets[rng.random((T, B)) < 0.2] = -100
    assert_is_autograd(model, ids, targets, case_of(name, model))


@pytest.mark.oracle
@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("at", ["every", "last"])
@pytest.mark.parametrize("loss", ["softmax", "logistic", "squared"])
@pytest.mark.parametrize(("cell", "num_layers"), [("lstm", 2), ("gru", 1), ("rnn", 2)])
def test_profile_of_a_sequence_model_is_autograd_one_loss_at_a_time(cell, num_layers, loss, at, name):
    require_torch()
    model = with_strong_recurrence(
        tt.SequenceModel(I, H, O, cell, num_layers, loss, at, dtype="float64", seed=1)
    )
    rng = np.random.default_rng(2)
    x = rng.standard_normal((T, B, I))
    shape = (T, B) if at == "every" else (B,)
    if loss == "softmax":
        targets = rng.integers(0, O, shape)
        targets[..., 3] = -100
    else:
        targets = rng.random((*shape, O))
        if loss == "logistic":
            targets[..., 0, 1] = -100  # one of the outputs
            targets[..., 3, :] = -100
    assert_is_autograd(model, x, targets, case_of(name, model))


# ------------------------------------------------------------------ the same without an oracle, and tiny


@pytest.mark.kernels
def test_profile_of_a_model_does_not_depend_on_how_many_other_losses_there_are():
    model = tt.SequenceModel(1, 2, 1, cell="rnn", dtype="float64", seed=0)
    rng = np.random.default_rng(0)
    x, targets = rng.standard_normal((3, 2, 1)), rng.standard_normal((3, 2, 1))
    mask = np.zeros((3, 2), bool)
    mask[2, 1] = True
    among = tt.gradient_flow(model, x, targets, origins=mask)
    alone = tt.gradient_flow(model, x[:, 1:], targets[:, 1:], origins=[2])
    np.testing.assert_allclose(among.norms["h"], alone.norms["h"], rtol=1e-14)
    y, _ = model.forward(x)
    undivided = 2 * (y - targets)[2, 1] @ model.params["readout.weight"]
    assert among.norms["h"][0, 0] == pytest.approx(np.linalg.norm(undivided), rel=1e-14)


@pytest.mark.kernels
def test_chosen_origins_keep_their_own_targets():
    """A chosen loss that is met exactly has no gradient, whatever the others' targets are."""
    model = tt.SequenceModel(1, 2, 1, cell="gru", dtype="float64", seed=0)
    x = np.random.default_rng(0).standard_normal((4, 1, 1))
    targets, _ = model.forward(x)
    missed = targets + 1.0
    missed[2] = targets[2]
    met = tt.gradient_flow(model, x, missed, origins=[2]).norms["h"][0]
    assert (met[:3] < 1e-14).all()
    assert (tt.gradient_flow(model, x, missed, origins=[1, 3]).norms["h"] > 1e-3).all()


@pytest.mark.kernels
def test_dropout_does_not_act_in_a_profile():
    models = [tt.LanguageModel(4, 3, "gru", 2, dropout=rate, dtype="float64", seed=0) for rate in (0.0, 0.5)]
    ids = np.random.default_rng(0).integers(0, 4, (4, 2))
    without, with_dropout = (tt.gradient_flow(model, ids, ids) for model in models)
    assert without.norms["h"].tolist() == with_dropout.norms["h"].tolist()


# ------------------------------------------------------------------ models that are broken


@pytest.mark.parametrize("cell", ["rnn", "lstm"])
@pytest.mark.parametrize("broken", ["rnn.weight_hh_l0", "rnn.weight_ih_l1", "readout.weight"])
def test_flow_of_weights_that_are_no_numbers_says_that_the_gradient_is_not_finite(broken, cell):
    model = tt.LanguageModel(V, 4, cell, 2, seed=0)
    model.params[broken][...] = np.nan
    ids = np.random.default_rng(0).integers(0, V, (8, 2))
    with np.errstate(invalid="ignore"):
        flow = tt.gradient_flow(model, ids, ids)
    for ask in (
        lambda: flow.half_life,
        lambda: flow.mean_lag,
        flow.curve,
        flow.horizon,
        lambda: flow.mass_beyond(2),
        lambda: flow.relative_bias(2),
        lambda: flow.findings,
    ):
        with pytest.raises(
            tt.DivergedError, match=r"^the gradient of layer 1 is not a number at lag 0; expected "
        ):
            ask()
