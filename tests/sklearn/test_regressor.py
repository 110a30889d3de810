"""SequenceRegressor: targets of all shapes, and what a network learns from padded batches."""

import numpy as np
import pandas as pd
import pytest

import throughtime as tt
from throughtime.cells import rnn_relu
from throughtime.sklearn import SequenceRegressor
from throughtime.sklearn.passes import Updates
from throughtime.sklearn.sequences import read_sequences

SMALL = {"hidden_size": 8, "max_iter": 3, "random_state": 0}


def ragged(n=40, features=2, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(length, features)) for length in rng.integers(2, 9, size=n)]


@pytest.mark.parametrize("shape", [(), (1,), (3,)])
def test_regressor_predicts_targets_of_the_shape_that_it_saw(shape):
    X = ragged()
    y = np.stack([np.full(shape, x.sum()) for x in X])
    regressor = SequenceRegressor(**SMALL).fit(X, y)
    assert regressor.predict(X).shape == y.shape
    assert regressor.predict(X).dtype == np.float32
    with pytest.raises(tt.ShapeError, match="y has targets of shape"):
        regressor.partial_fit(X, np.zeros((40, 2)))


@pytest.mark.parametrize("shape", [(), (1,), (2,)])
def test_regressor_predicts_each_step(shape):
    X = ragged()
    y = [np.cumsum(x, axis=0)[:, : shape[0]] if shape else np.cumsum(x[:, 0]) for x in X]
    regressor = SequenceRegressor(at="every", **SMALL).fit(X, y)
    assert [one.shape for one in regressor.predict(X)] == [one.shape for one in y]
    equal = np.stack([x[:2] for x in X])
    assert regressor.predict(equal).shape == (40, 2, *shape)


def test_score_at_every_step_is_over_all_steps():
    X = ragged()
    y = [np.cumsum(x[:, 0]) for x in X]
    regressor = SequenceRegressor(at="every", **SMALL).fit(X, y)
    weights = np.arange(40)
    by_step = np.repeat(weights, [len(x) for x in X])
    truth, predicted = np.concatenate(y), np.concatenate(regressor.predict(X))
    for w, given in ((np.ones(len(truth)), None), (by_step, weights)):
        residual = np.average((truth - predicted) ** 2, weights=w)
        spread = np.average((truth - np.average(truth, weights=w)) ** 2, weights=w)
        assert regressor.score(X, y, sample_weight=given) == pytest.approx(1 - residual / spread, rel=1e-5)


@pytest.mark.parametrize("at", ["last", "every"])
def test_score_refuses_weights_of_another_number(at):
    X = ragged()
    y = [x[:, 0] for x in X] if at == "every" else [x.sum() for x in X]
    regressor = SequenceRegressor(at=at, **SMALL).fit(X, y)
    for weights in (np.ones(39), np.ones(sum(map(len, X))), 1.0):
        with pytest.raises(tt.ShapeError, match=r"sample_weight has shape .*; expected \(40,\)"):
            regressor.score(X, y, sample_weight=weights)


def test_prediction_of_lists_is_a_list_whatever_their_lengths():
    regressor = SequenceRegressor(at="every", **SMALL).fit([[1, 2], [3, 4]], [[1, 2], [3, 4]])
    for X in ([[1, 2], [3, 4]], [[1, 2, 3], [4, 5, 6]], [[1, 2], [3]]):
        predicted = regressor.predict(X)
        assert isinstance(predicted, list)
        assert [len(one) for one in predicted] == [len(x) for x in X]


@pytest.mark.parametrize("at", ["last", "every"])
@pytest.mark.parametrize("cell", ["gru", "lstm", "rnn"])
def test_prediction_of_a_sequence_does_not_depend_on_its_company(cell, at):
    X = ragged()
    y = [x[:, 0] for x in X] if at == "every" else [x.sum() for x in X]
    regressor = SequenceRegressor(cell=cell, at=at, num_layers=2, **SMALL).fit(X, y)
    together = regressor.predict(X)
    for i in (0, 7, 39):
        np.testing.assert_allclose(regressor.predict([X[i]])[0], together[i], rtol=1e-5, atol=1e-6)
    backwards = regressor.predict(X[::-1])
    for i in range(40):
        np.testing.assert_allclose(backwards[39 - i], together[i], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("at", ["last", "every"])
@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_prediction_in_parts_is_that_in_one(cell, at, monkeypatch):
    X = ragged()
    y = [x[:, 0] for x in X] if at == "every" else [x.sum() for x in X]
    regressor = SequenceRegressor(at=at, cell=cell, num_layers=2, **SMALL).fit(X, y)
    whole = regressor.predict(X)
    monkeypatch.setattr("throughtime.sklearn.passes._AT_ONCE", 20)
    monkeypatch.setattr("throughtime.sklearn.passes._SIDE_BY_SIDE", 7)
    for one, other in zip(regressor.predict(X), whole, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_prediction_pads_little_and_looks_at_few_steps_at_once(monkeypatch):
    X = [np.ones(3)] * 50 + [np.ones(1000)]
    regressor = SequenceRegressor(**SMALL).fit(X[:2], [0, 1])
    monkeypatch.setattr("throughtime.sklearn.passes._AT_ONCE", 200)
    forward, sizes = regressor.model_.forward, []

    def counted(x, *args, **kwargs):
        sizes.append(x.shape[0] * x.shape[1])
        return forward(x, *args, **kwargs)

    monkeypatch.setattr(regressor.model_, "forward", counted)
    regressor.predict(X)
    assert max(sizes) <= 200
    assert sum(sizes) < 1.1 * sum(map(len, X))


@pytest.mark.parametrize("at", ["last", "every"])
def test_an_epoch_is_the_updates_that_one_would_make_by_hand(at):
    X = ragged(12)
    y = [x[:, 0] for x in X] if at == "every" else np.array([x.sum() for x in X])
    settings = {"hidden_size": 5, "at": at, "dtype": "float64", "shuffle": False, "random_state": 3}
    regressor = SequenceRegressor(
        max_iter=1, batch_size=12, learning_rate_init=0.02, clip_norm=0.1, **settings
    )
    regressor.fit(X, y)

    seed = int(np.random.RandomState(3).randint(np.iinfo(np.int32).max))
    model = tt.SequenceModel(2, 5, 1, cell="gru", at=at, dtype="float64", seed=seed)
    model.params["readout.bias"][...] = np.mean(np.concatenate(y) if at == "every" else y)
    T, lengths = max(map(len, X)), np.array([len(x) for x in X])
    x, targets = np.full((T, 12, 2), 7.0), np.full((T, 12, 1), 5.0)
    for i, one in enumerate(X):
        x[: len(one), i] = one
        targets[: len(one), i, 0] = y[i]
    r = tt.bptt(model, x, targets if at == "every" else targets[0], lengths=lengths)
    tt.ClipNorm(0.1).apply(r.grads)
    tt.Adam(0.02).step(model.params, r.grads)
    assert regressor.loss_ == pytest.approx(r.loss, rel=1e-12)
    for name, array in model.params.items():
        np.testing.assert_allclose(regressor.model_.params[name], array, rtol=1e-9, atol=1e-12, err_msg=name)


def test_loss_is_the_mean_over_all_targets_also_where_batches_differ_in_size():
    X = ragged(7)
    y = [x[:, 0] for x in X]
    frozen = SequenceRegressor(at="every", optimizer=tt.SGD(1e-30), dtype="float64", max_iter=1, batch_size=3)
    regressor = frozen.fit(X, y)
    errors = np.concatenate(regressor.predict(X)) - np.concatenate(y)
    assert regressor.loss_ == pytest.approx(np.mean(errors**2), rel=1e-12)


def test_readout_begins_at_the_mean_of_the_targets():
    X = ragged()
    y = np.column_stack([np.full(40, 1000.0), np.arange(40.0)])
    regressor = SequenceRegressor(optimizer=tt.SGD(1e-30), max_iter=1).fit(X, y)
    np.testing.assert_allclose(regressor.model_.params["readout.bias"], [1000, 19.5])


@pytest.mark.parametrize("truncation", ["window:1", tt.Window(1)])
def test_truncation_is_a_spelling_or_an_object_and_changes_what_is_learned(truncation):
    X = ragged()
    y = [x.sum() for x in X]
    cut = SequenceRegressor(truncation=truncation, **SMALL).fit(X, y)
    named = SequenceRegressor(truncation="window:1", **SMALL).fit(X, y)
    whole = SequenceRegressor(truncation=None, **SMALL).fit(X, y)
    np.testing.assert_array_equal(cut.predict(X), named.predict(X))
    assert np.abs(cut.predict(X) - whole.predict(X)).max() > 1e-3


def test_optimizer_given_as_an_object_is_copied():
    X = ragged()
    optimizer = tt.Adam(0.01)
    regressor = SequenceRegressor(optimizer=optimizer, **SMALL)
    first = regressor.fit(X, [x.sum() for x in X]).predict(X)
    assert optimizer.state == {}
    np.testing.assert_array_equal(regressor.fit(X, [x.sum() for x in X]).predict(X), first)
    named = SequenceRegressor(optimizer="adam", learning_rate_init=0.01, **SMALL).fit(X, [x.sum() for x in X])
    np.testing.assert_array_equal(named.predict(X), first)


@pytest.mark.parametrize(
    ("setting", "by_hand"),
    [
        ({"learning_rate_init": 1e-30}, lambda regressor: setattr(regressor._optimizer, "lr", 1e-30)),
        ({"clip_norm": 1e-3}, lambda regressor: setattr(regressor, "_clip", tt.ClipNorm(1e-3))),
        ({"optimizer": tt.Adam(0.5)}, lambda regressor: setattr(regressor._optimizer, "lr", 0.5)),
    ],
)
def test_partial_fit_goes_by_what_was_set_since_and_keeps_what_was_learned(setting, by_hand):
    X = ragged()
    y = np.array([x.sum() for x in X])
    changed, same = (SequenceRegressor(**SMALL).partial_fit(X, y) for _ in range(2))
    changed.set_params(**setting)
    by_hand(same)
    updates = Updates(same.model_, same._optimizer, same._clip, tt.Full(), 1)
    updates.epoch(read_sequences(X, same.model_.dtype), y[:, None].astype(np.float32), 32, same._random)
    changed.partial_fit(X, y)
    for name, array in same.model_.params.items():
        np.testing.assert_array_equal(changed.model_.params[name], array, err_msg=name)


def test_partial_fit_begins_another_optimizer_anew():
    X = ragged()
    y = np.array([x.sum() for x in X])
    regressor = SequenceRegressor(clip_norm="auto", **SMALL).partial_fit(X, y)
    average = regressor._clip.average
    regressor.set_params(optimizer="rmsprop", clip_norm="auto:3").partial_fit(X, y)
    assert "step" not in regressor._optimizer.state
    assert regressor._clip.multiple == 3
    assert regressor._clip.average != average
    assert regressor._clip.state["updates"] == 4


def test_threads_change_no_more_than_rounding():
    X = ragged()
    y = [x.sum() for x in X]
    one, two = (
        SequenceRegressor(threads=threads, dtype="float64", **SMALL).fit(X, y).predict(X)
        for threads in (1, 2)
    )
    np.testing.assert_allclose(one, two, rtol=1e-8)


def test_cell_may_be_an_object():
    X = ragged()
    regressor = SequenceRegressor(cell=rnn_relu, **SMALL).fit(X, [x.sum() for x in X])
    assert regressor.model_.layers.cell is rnn_relu


def test_learning_that_diverges_ends_in_one_line_and_the_weights_before():
    X = np.full((8, 5, 1), 1e30, np.float32)
    regressor = SequenceRegressor(cell="rnn", nonlinearity="relu", hidden_size=4, random_state=0)
    with pytest.raises(tt.DivergedError, match=r"the loss is .*; expected finite numbers") as caught:
        regressor.fit(X, np.zeros(8))
    assert "\n" not in str(caught.value)
    assert all(np.isfinite(array).all() for array in regressor.model_.params.values())


@pytest.mark.parametrize(
    ("y", "words"),
    [
        ([np.nan] * 40, "target 0 is nan; expected finite numbers within the range of float32"),
        ([0.0] * 39 + [1e300], "target 39 is inf"),
        (np.zeros((40, 2, 2)), r"y has targets of shape \(2, 2\)"),
        (np.zeros((40, 2, 1)), r"shape \(2, 1\); expected a number, .* with at='every'"),
        ([np.zeros(len(x)) for x in ragged()], "y is ragged: .* Use at='every'"),
        (pd.Series([np.zeros(len(x)) for x in ragged()]), "y is ragged: .* Use at='every'"),
        (np.full(40, 1j), "y is complex; expected real targets"),
        (["a"] * 40, "could not convert"),
        (None, "requires y to be passed"),
    ],
)
def test_fit_refuses_targets(y, words):
    with pytest.raises(ValueError, match=words) as caught:
        SequenceRegressor(**SMALL).fit(ragged(), y)
    assert "\n" not in str(caught.value)


def test_gradient_flow_is_that_of_the_model_in_the_estimators_layout():
    X = np.random.default_rng(0).normal(size=(6, 30, 2)).astype(np.float32)
    y = X[:, :, 0]
    regressor = SequenceRegressor(cell="rnn", at="every", **SMALL).fit(X, y)
    time_major = X.transpose(1, 0, 2), y.T[:, :, None]
    chosen = np.random.default_rng(1).random((6, 30)) < 0.5
    for given, same in ((None, None), (5, 5), ([29], [29]), (chosen, chosen.T)):
        flow = regressor.gradient_flow(X, y, max_lag=12, origins=given)
        expected = tt.gradient_flow(
            regressor.model_, *map(np.ascontiguousarray, time_major), max_lag=12, origins=same
        )
        np.testing.assert_array_equal(flow.norms["h"], expected.norms["h"])
        np.testing.assert_array_equal(flow.origins, expected.origins)


def test_gradient_flow_takes_sequences_of_unequal_lengths():
    X = ragged()
    regressor = SequenceRegressor(**SMALL).fit(X, [x.sum() for x in X])
    flow = regressor.gradient_flow(X, [x.sum() for x in X])
    lengths = np.array([len(x) for x in X])
    assert flow.origins.tolist() == [int((lengths > lag).sum()) for lag in flow.lags]
