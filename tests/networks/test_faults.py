"""Faults planted in a training step are found where they arise, and named for what they are."""

import numpy as np
import pytest
from tests.cells.samples import linear, rich

import throughtime as tt
from throughtime.networks.faults import examine
from throughtime.training.metrics import to_json

T, B, I, H, O = 9, 4, 3, 5, 2
CELLS = ["rnn", "lstm", "gru", rich]
LENGTHS = np.array([9, 3, 7, 1])


def sequence_model(cell="gru", **settings):
    settings = {"num_layers": 2, "seed": 0, **settings}
    return tt.SequenceModel(I, H, O, cell, **settings)


def batch(seed=0, steps=T):
    rng = np.random.default_rng(seed)
    x, targets = rng.standard_normal((steps, B, I)), rng.standard_normal((steps, B, O))
    return x.astype(np.float32), targets.astype(np.float32)


def norm_of(grads):
    return float(np.sqrt(sum((g.astype(np.float64) ** 2).sum() for g in grads.values())))


def place(fault):
    assert fault.first is not None
    return fault.first.phase, fault.first.operation, fault.first.t, fault.first.b, fault.first.layer


# ------------------------------------------------------------------ a sound step


@pytest.mark.compiled
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("truncation", [tt.Full(), tt.Chunk(4), tt.Chunk(2, 5), tt.Window(2)])
@pytest.mark.parametrize("lengths", [None, LENGTHS])
@pytest.mark.parametrize("at", ["every", "last"])
def test_a_sound_step_has_no_bad_value_and_the_loss_and_norm_of_bptt(cell, truncation, lengths, at):
    model = sequence_model(cell, dtype="float64", at=at)
    x, targets = (array.astype(np.float64) for array in batch())
    targets = targets if at == "every" else targets[0]
    reset = np.random.default_rng(1).random((T, B)) < 0.2
    result = tt.bptt(model, x, targets, truncation=truncation, lengths=lengths, reset=reset)
    fault = examine(model, x, targets, truncation=truncation, lengths=lengths, reset=reset)
    assert fault.first is None
    assert fault.loss == pytest.approx(result.loss, rel=1e-12)
    assert fault.norm == pytest.approx(norm_of(result.grads), rel=1e-10)


@pytest.mark.parametrize(("embedding", "tied"), [(None, False), (6, False), (H, True)])
def test_a_language_models_sound_step_has_the_loss_and_norm_of_bptt(embedding, tied):
    model = tt.LanguageModel(7, H, "lstm", 2, embedding_size=embedding, tied=tied, dtype="float64", seed=0)
    ids = np.random.default_rng(0).integers(0, 7, (T + 1, B))
    targets = ids[1:].copy()
    targets[2:4, 1] = -100
    result = tt.bptt(model, ids[:-1], targets, reduction="sum")
    fault = examine(model, ids[:-1], targets, reduction="sum")
    assert fault.first is None
    assert fault.loss == pytest.approx(result.loss, rel=1e-12)
    assert fault.norm == pytest.approx(norm_of(result.grads), rel=1e-10)


def test_nothing_is_changed():
    model = sequence_model("lstm")
    x, targets = batch()
    params = {name: array.copy() for name, array in model.params.items()}
    x_before, targets_before = x.copy(), targets.copy()
    examine(model, x, targets)
    assert all((model.params[name] == params[name]).all() for name in params)
    assert (x == x_before).all()
    assert (targets == targets_before).all()


# ------------------------------------------------------------------ bad data


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_nan_in_one_input(cell, lengths):
    model = sequence_model(cell)
    x, targets = batch()
    x[6, 2, 1] = np.nan
    x[8, 0, 0] = np.inf
    fault = examine(model, x, targets, lengths=lengths)
    assert place(fault) == ("forward", "input", 6, 2, 0)
    assert fault.cause == "bad input or mask"
    assert "inputs[6, 2, 1] is nan" in fault.because


def test_nan_beyond_an_end_is_no_fault():
    model = sequence_model()
    x, targets = batch()
    x[5:, 1] = targets[5:, 1] = np.nan
    assert examine(model, x, targets, lengths=LENGTHS).first is None


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("part", [0, -1])
def test_infinite_initial_state(cell, part):
    model = sequence_model(cell)
    x, targets = batch()
    names = model.layers.cell.states
    state = [np.zeros((2, B, H), np.float32) for _ in names]
    state[part][1, 3, 0] = -np.inf
    fault = examine(model, x, targets, state=tuple(state) if len(state) > 1 else state[0])
    assert place(fault) == ("forward", f"initial state {names[part]}", 0, 3, 1)
    assert fault.cause == "bad input or mask"


def test_an_initial_state_that_is_reset_may_be_anything():
    model = sequence_model("lstm")
    x, targets = batch()
    state = np.zeros((2, B, H), np.float32), np.full((2, B, H), np.nan, np.float32)
    reset = np.zeros((T, B), bool)
    reset[0] = True
    fault = examine(model, x, targets, state=state, reset=reset)
    assert (fault.first, fault.cause) == (None, "unclear")


def test_states_come_before_the_output_that_is_made_of_them():
    model = sequence_model(rich)
    x, targets = batch()
    model.params["rnn.rho_l1"][:] = 1e30
    state = np.full((2, B, H), 1e30, np.float32), np.full((2, B, H), 1e30, np.float32)
    assert place(examine(model, x, targets, state=state)) == ("forward", "state m", 0, 0, 1)


@pytest.mark.parametrize(("loss", "bad"), [("softmax", O), ("logistic", 1.5), ("squared", np.nan)])
@pytest.mark.parametrize("at", ["every", "last"])
def test_a_target_that_the_loss_cannot_take(loss, bad, at):
    model = sequence_model("lstm", loss=loss, at=at)
    x, _ = batch()
    shape = (T, B) if at == "every" else (B,)
    targets = np.zeros(shape, np.int64) if loss == "softmax" else np.zeros((*shape, O), np.float32)
    targets[(4, 2) if at == "every" else 2] = bad
    fault = examine(model, x, targets)
    assert place(fault) == ("loss", "target", 4 if at == "every" else T - 1, 2, None)
    assert fault.cause == "bad input or mask"


@pytest.mark.parametrize("at", ["every", "last"])
def test_a_mask_that_leaves_no_target(at):
    model = sequence_model("gru", loss="softmax", at=at)
    x, _ = batch()
    fault = examine(model, x, np.full((T, B) if at == "every" else B, -100))
    assert place(fault) == ("loss", "loss", None, None, None)
    assert fault.cause == "bad input or mask"
    assert "no target counts" in fault.because


def test_a_token_outside_the_vocabulary():
    model = tt.LanguageModel(7, H, seed=0)
    ids = np.zeros((T, B), np.int64)
    ids[5, 1] = 7
    fault = examine(model, ids, np.zeros_like(ids))
    assert place(fault) == ("forward", "input", 5, 1, 0)
    assert fault.cause == "bad input or mask"
    assert fault.first.value == 7
    assert place(examine(model, ids, np.zeros_like(ids), lengths=LENGTHS))[2:4] == (
        5,
        1,
    )  # beyond an end, too


# ------------------------------------------------------------------ bad parameters


@pytest.mark.parametrize("cell", CELLS)
def test_an_infinite_recurrent_weight_of_the_upper_layer(cell):
    model = sequence_model(cell)
    x, targets = batch()
    model.params["rnn.weight_hh_l1"][2, 3] = np.inf
    fault = examine(model, x, targets)
    assert place(fault) == ("forward", "recurrent projection", 0, 0, 1)  # 0 * inf
    assert fault.cause == "bad parameters"
    assert "rnn.weight_hh_l1" in fault.because
    assert fault.growth is None


def test_a_nan_row_of_the_embedding_is_found_at_the_first_token_that_reads_it():
    model = tt.LanguageModel(7, H, "lstm", embedding_size=4, seed=0)
    ids = np.zeros((T, B), np.int64)
    ids[3, 2] = ids[6, 0] = 5
    model.params["embedding.weight"][5, 1] = np.nan
    fault = examine(model, ids, np.zeros_like(ids))
    assert place(fault) == ("forward", "embedding", 3, 2, 0)
    assert fault.cause == "bad parameters"
    assert "embedding.weight" in fault.because


def test_a_nan_bias_of_a_gate_is_found_at_that_gate():
    model = sequence_model("lstm")
    x, targets = batch()
    model.params["rnn.bias_hh_l1"][H + 2] = np.nan  # the second gate, f
    assert place(examine(model, x, targets)) == ("forward", "pre-activation of gate f", 0, 0, 1)


# ------------------------------------------------------------------ explosion


def exploding(steps, radius, dtype="float32"):
    """One layer h = W h_prev + x, W = radius * Q."""
    model = tt.SequenceModel(H, H, H, linear, bias=False, dtype=dtype, seed=0)
    q, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((H, H)))
    model.params["rnn.weight_hh_l0"][...] = radius * q
    model.params["rnn.weight_ih_l0"][...] = model.params["readout.weight"][...] = np.eye(H)
    x = np.zeros((steps, B, H), model.dtype)
    return model, x


@pytest.mark.parametrize("radius", [0.5, 1.0, 1.5])
def test_growth_of_a_linear_cell_is_its_radius_to_the_power_of_the_steps(radius):
    model, x = exploding(40, radius)
    fault = examine(model, x, np.ones_like(x))
    assert fault.first is None
    assert fault.growth.steps == 40
    # The weights are rounded to float32, what is made of them is not.
    assert fault.growth.log10 == pytest.approx(40 * np.log10(radius), abs=40 * 1e-7)
    assert fault.growth.per_step == pytest.approx(radius, rel=2e-7)


def test_growth_is_that_of_autograds_jacobians():
    """Two layers of LSTM: h and c of both, against the product of numerical Jacobians."""
    model = sequence_model("lstm", dtype="float64")
    model.params["rnn.weight_hh_l0"] *= 8
    x, targets = (array[:, :1].astype(np.float64) for array in batch())
    fault = examine(model, x, targets)
    parts, eps = (2, 2, 1, H), 1e-6

    def last(flat):
        state = flat.reshape(parts)
        return np.stack(model.forward(x, (state[0], state[1]))[1]).ravel()

    columns = [(last(eps * unit) - last(-eps * unit)) / (2 * eps) for unit in np.eye(int(np.prod(parts)))]
    norm = np.linalg.norm(np.array(columns), 2)
    directions = np.random.default_rng(0).standard_normal((4, *parts))
    best = max(np.linalg.norm(np.array(columns) @ (d / np.linalg.norm(d)).ravel()) for d in directions)
    assert 10**fault.growth.log10 == pytest.approx(best, rel=1e-6)
    assert best <= norm


@pytest.mark.parametrize("truncation", [tt.Full(), tt.Window(7)])
def test_a_linear_cell_that_overflows_forward(truncation):
    model, x = exploding(260, 1.5)
    x[0] = np.random.default_rng(3).standard_normal((B, H)) * [[1], [1], [50], [1]]
    w = model.params["rnn.weight_hh_l0"]
    h = np.zeros((B, H), np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        for t in range(260):
            h = h @ w.T + x[t]
            if not np.isfinite(h).all():
                break
    b = int(np.flatnonzero(~np.isfinite(h).all(axis=1))[0])
    fault = examine(model, x, np.zeros_like(x), truncation=truncation)
    assert b == 2
    assert place(fault) == ("forward", "recurrent projection", t, b, 0)
    assert fault.cause == "explosion"
    assert fault.growth.sequence == b
    assert fault.growth.log10 == pytest.approx((t + 1) * np.log10(1.5), rel=1e-6)


def test_a_linear_cell_that_overflows_on_the_way_back_alone():
    steps = 260
    model, x = exploding(steps, 1.5)
    targets = np.zeros_like(x)
    targets[-1] = np.random.default_rng(3).standard_normal((B, H)) * [[1], [30], [1], [1]]
    with np.errstate(over="ignore", invalid="ignore"):
        result = tt.bptt(model, x, targets, reduction="sum")
    assert np.isfinite(result.loss)
    assert not np.isfinite(norm_of(result.grads))
    w = model.params["rnn.weight_hh_l0"]
    dh = np.zeros((B, H), np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        for t in range(steps - 1, -1, -1):
            delta = dh + (-2 * targets[t])  # outputs are zero, the readout the identity
            dh = delta @ w
            if not np.isfinite(dh).all():
                break
    b = int(np.flatnonzero(~np.isfinite(dh).all(axis=1))[0])
    fault = examine(model, x, targets, reduction="sum")
    assert b == 1
    assert place(fault) == ("backward", "dE/dh through weight_hh", t, b, 0)
    assert fault.cause == "explosion"
    assert (fault.growth.start, fault.growth.stop) == (t, steps)
    assert fault.growth.log10 == pytest.approx((steps - t) * np.log10(1.5), rel=1e-6)
    assert np.isfinite(fault.loss)


@pytest.mark.compiled
def test_a_truncation_that_ends_before_the_overflow_leaves_a_sound_step():
    model, x = exploding(260, 1.5)
    targets = np.zeros_like(x)
    targets[-1] = 1
    assert examine(model, x, targets, truncation=tt.Window(7)).first is None
    assert examine(model, x, targets, truncation=tt.Chunk(50)).first is None


def test_a_finite_jump_has_its_growth_and_cause():
    model, x = exploding(60, 1.3)
    fault = examine(model, x, np.ones_like(x), usual_norm=0.5, before=dict(model.params), updates=3)
    assert fault.first is None
    assert fault.cause == "explosion"
    assert "a gradient of norm" in fault.line
    assert "0.5, the median" in fault.line
    assert fault.growth_before == fault.growth


def test_what_no_gradient_crosses_may_overflow():
    model, x = exploding(3, 1.0)
    model.params["rnn.weight_hh_l0"][...] *= np.float32(2e38)
    targets = np.full_like(x, 100)
    assert examine(model, x, targets, truncation=tt.Chunk(1), reduction="sum").first is None
    for truncation in (tt.Full(), tt.Window(1), tt.Chunk(1, 2)):
        fault = examine(model, x, targets, truncation=truncation, reduction="sum")
        assert place(fault) == ("backward", "dE/dh through weight_hh", 2, 0, 0)
    targets[2] = 0  # now the last step has no gradient
    for truncation in (tt.Full(), tt.Window(2), tt.Chunk(1, 2)):
        fault = examine(model, x, targets, truncation=truncation, reduction="sum")
        assert place(fault) == ("backward", "dE/dh through weight_hh", 1, 0, 0)


def test_the_bad_value_nearest_to_the_end_is_first_whichever_loss_it_comes_from():
    model, x = exploding(6, 1.0)
    model.params["rnn.weight_hh_l0"][...] *= np.float32(1e15)
    targets = np.full_like(x, 100)
    for truncation in (
        tt.Full(),
        tt.Window(3),
        tt.Chunk(1, 4),
    ):  # a loss's gradient overflows on the third step back
        fault = examine(model, x, targets, truncation=truncation, reduction="sum")
        assert place(fault)[:3] == ("backward", "dE/dh through weight_hh", 3)


def test_a_gradient_of_a_weight_that_overflows_belongs_to_the_sequence_that_has_most_of_it():
    model, x = exploding(5, 1.0)
    x[3, 2] = 1e25
    fault = examine(model, x, np.zeros_like(x), reduction="sum")
    assert place(fault) == ("backward", "gradient of readout.weight", 4, 2, None)
    assert fault.cause == "bad input or mask"
    assert fault.growth.sequence == 2


def test_what_would_follow_an_end_may_overflow():
    model, x = exploding(3, 1.0)
    model.params["rnn.weight_hh_l0"][...] *= np.float32(2e38)
    x[0, 1] = 100
    lengths = np.array([3, 1, 3, 3])
    assert examine(model, x, np.zeros_like(x), lengths=lengths).first is None
    assert place(examine(model, x, np.zeros_like(x))) == ("forward", "recurrent projection", 1, 1, 0)


@pytest.mark.parametrize(("radius", "ratio", "cause"), [(1.1, 50, "explosion"), (1.1, 1e6, "unclear")])
def test_a_growth_below_a_thousand_is_an_explosion_where_it_accounts_for_the_jump(radius, ratio, cause):
    model, x = exploding(50, radius)  # 1.1^50 = 117
    fault = examine(model, x, np.ones_like(x), norm=ratio, usual_norm=1.0)
    assert fault.cause == cause


def test_inputs_that_are_finite_but_huge():
    model = sequence_model("gru")
    x, targets = batch()
    fault = examine(model, 1e12 * x, targets, before=copies(model.params))
    assert fault.cause == "bad input or mask"
    assert "inputs reach" in fault.because


def test_weights_that_are_huge_from_the_start():
    model = sequence_model("gru")
    x, targets = batch()
    model.params["rnn.weight_ih_l0"] *= np.float32(1e6)
    fault = examine(model, x, targets)
    assert fault.cause == "bad parameters"
    assert "rnn.weight_ih_l0 has a row of length" in fault.because


def test_a_step_with_nothing_wrong_is_not_blamed():
    model = sequence_model("gru")
    fault = examine(model, *batch(), before=copies(model.params), norm=float("nan"))
    assert fault.cause == "unclear"
    assert "the weights have not moved" in fault.because
    assert "run again step by step every value is finite" in fault.because


def test_growth_begins_at_a_sequences_end():
    model, x = exploding(40, 1.5)
    fault = examine(model, x, np.ones_like(x), lengths=np.array([30, 2, 3, 4]))
    assert (fault.growth.start, fault.growth.stop, fault.growth.sequence) == (0, 30, 0)
    assert fault.growth.log10 == pytest.approx(30 * np.log10(1.5), rel=1e-6)


def test_growth_ends_at_a_reset():
    model, x = exploding(40, 1.5)
    reset = np.zeros((40, B), bool)
    reset[25] = True
    fault = examine(model, x, np.ones_like(x), reset=reset)
    assert (fault.growth.start, fault.growth.stop) == (26, 40)
    assert fault.growth.log10 == pytest.approx(14 * np.log10(1.5), rel=1e-6)


# ------------------------------------------------------------------ learning rate


def copies(params):
    return {name: array.copy() for name, array in params.items()}


def train(model, optimizer, inputs, targets, updates):
    """Losses, all weights on the way, and the norm with which something went wrong, or None."""
    losses, norms, history = [], [], [copies(model.params)]
    for _ in range(updates):
        with np.errstate(over="ignore", invalid="ignore"):
            result = tt.bptt(model, inputs, targets)
        norm = norm_of(result.grads)
        losses.append(result.loss)
        norms.append(norm)
        if not np.isfinite([result.loss, norm]).all() or norm > 100 * np.median(norms):
            return losses, history, norm
        optimizer.step(model.params, result.grads)
        history.append(copies(model.params))
    return losses, history, None


@pytest.mark.compiled
@pytest.mark.parametrize(
    ("cell", "nonlinearity"), [("rnn", "relu"), ("rnn", "tanh"), ("gru", "tanh"), ("lstm", "tanh")]
)
def test_a_learning_rate_a_thousand_times_too_high(cell, nonlinearity):
    """It learns at 0.05 and diverges at 50; seen from weights one or two updates ago, or from the first."""
    x = np.random.default_rng(0).standard_normal((10, 4, 1)).astype(np.float32)
    targets = (0.3 * np.cumsum(x, axis=0)).astype(np.float32)

    def model():
        return tt.SequenceModel(1, 6, 1, cell, nonlinearity=nonlinearity, seed=0)

    losses, _, norm = train(model(), tt.SGD(0.05), x, targets, 30)
    assert norm is None
    assert losses[-1] < 0.9 * losses[0]

    high = model()
    _, history, norm = train(high, tt.SGD(50.0), x, targets, 30)
    assert norm is not None
    for updates in {1, min(2, len(history) - 1), len(history) - 1}:
        before = history[-1 - updates]
        fault = examine(high, x, targets, before=before, updates=updates, lr=50.0, norm=norm)
        assert fault.cause == "learning rate", str(fault)
        assert fault.moved.updates == updates


@pytest.mark.compiled
def test_a_language_models_learning_rate_a_thousand_times_too_high():
    """Its states are bounded and its loss is finite: nothing overflows, and yet it is told."""
    ids = np.random.default_rng(0).integers(0, 6, (13, 3))

    def model():
        return tt.LanguageModel(6, 8, "lstm", seed=0)

    losses, _, _ = train(model(), tt.Adam(0.02), ids[:-1], ids[1:], 20)
    assert losses[-1] < 0.9 * losses[0]
    high = model()
    losses, history, _ = train(high, tt.Adam(20.0), ids[:-1], ids[1:], 20)
    assert max(losses) > 5 * losses[0]
    for updates in (1, 3, len(history) - 1):  # the weights of three updates ago are ruined as well
        before = history[-1 - updates]
        fault = examine(high, ids[:-1], ids[1:], before=before, updates=updates, lr=20.0)
        assert fault.first is None
        assert fault.cause == "learning rate", str(fault)


@pytest.mark.compiled
@pytest.mark.parametrize(
    ("radius_before", "updates", "cause"),
    [
        (1.0, 1, "learning rate"),
        (1.0, None, "learning rate"),
        (1.0, 1000, "explosion"),
        (1.2, 1, "explosion"),
    ],
)
def test_an_explosion_that_came_with_a_few_updates_is_the_learning_rates(radius_before, updates, cause):
    model, x = exploding(60, 1.3)
    before = exploding(60, radius_before)[0].params
    fault = examine(model, x, np.ones_like(x), before=before, updates=updates)
    assert fault.cause == cause
    assert fault.growth_before.log10 == pytest.approx(60 * np.log10(radius_before), abs=1e-4)
    assert fault.moved.parameter == "rnn.weight_hh_l0"
    assert fault.moved.share == pytest.approx(1.3 / radius_before - 1, rel=1e-5)
    assert fault.moved.row == pytest.approx((1.3 - radius_before) / (updates or 1), rel=1e-5)


def test_an_explosion_stays_one_after_the_long_update_that_it_led_to():
    model, x = exploding(60, 1.5)
    before = copies(model.params)
    model.params["readout.weight"] += 100
    fault = examine(model, x, np.ones_like(x), before=before, updates=1)
    assert fault.moved.share > 10
    assert fault.cause == "explosion"


def test_long_updates_of_weights_ruined_before_are_the_learning_rates():
    model, x = exploding(5, 4000.0)
    fault = examine(model, x, np.ones_like(x), before=exploding(5, 2000.0)[0].params, updates=1)
    assert fault.growth_before.log10 == pytest.approx(5 * np.log10(2000), rel=1e-6)
    assert fault.cause == "learning rate"


def test_without_weights_before_the_report_says_so():
    model, x = exploding(60, 1.5)
    fault = examine(model, x, np.ones_like(x))
    assert fault.cause == "explosion"
    assert "no earlier weights" in fault.because


# ------------------------------------------------------------------ dropout, reports, errors


def test_dropouts_masks_act():
    model = sequence_model("gru", dropout=0.5)
    x, targets = batch()
    model.params["rnn.weight_ih_l1"][:] = 3e38
    mask = np.zeros((T, B, H), np.float32)
    assert examine(model, x, targets, masks=[mask]).first is None
    mask[4, 2] = 1e3
    assert place(examine(model, x, targets, masks=[mask])) == ("forward", "input projection", 4, 2, 1)


def test_masks_of_another_shape_are_refused():
    x, targets = batch()
    with pytest.raises(tt.ShapeError, match=r"expected 1 of \(T=9, batch=4, hidden_size=5\)"):
        examine(sequence_model(), x, targets, masks=[])


def test_arguments_that_do_not_fit_are_refused():
    x, targets = batch()
    with pytest.raises(tt.ShapeError):
        examine(sequence_model(), x[:, :, :1], targets)
    with pytest.raises(tt.ShapeError):
        examine(sequence_model(), x, targets[:-1])
    with pytest.raises(tt.DtypeError):
        examine(sequence_model(), x, targets.astype(np.float64))
    with pytest.raises(tt.ArgumentError):
        examine(sequence_model(), x, targets, reduction="none")


def test_the_report_names_the_place_and_the_evidence():
    model, x = exploding(60, 1.5)
    x[50, 2, 0] = np.inf
    fault = examine(model, x, np.zeros_like(x), before=dict(model.params), updates=4, lr=0.1, usual_norm=2.0)
    assert "\n" not in fault.line
    assert fault.line.startswith(
        "input of sequence 2, step 50, layer 0 is inf, bad input or mask: inputs[50, 2, 0]"
    )
    assert "; expected finite numbers. " in fault.line
    report = str(fault)
    for part in (
        "sequence 2, step 50, layer 0",
        "the forward pass",
        "bad input or mask",
        "learning rate",
        "0.1",
    ):
        assert part in report
    assert '"cause": "bad input or mask"' in to_json(fault.record())


def test_a_target_that_is_ignored_is_not_read_out():
    model = sequence_model("rnn", loss="softmax", num_layers=1, nonlinearity="relu")
    x, _ = batch()
    targets = np.zeros((T, B), np.int64)
    targets[4, 2] = -100
    x[4, 2] = 3e38
    model.params["rnn.weight_hh_l0"][:] = 0
    model.params["rnn.weight_ih_l0"][:] = 0.3
    model.params["readout.weight"][:] = 3
    assert examine(model, x, targets).first is None
    targets[4, 2] = 0
    assert place(examine(model, x, targets)) == ("forward", "readout", 4, 2, None)
