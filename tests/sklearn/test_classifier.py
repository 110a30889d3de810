"""SequenceClassifier: labels, classes, parts of the data, and what is told."""

import re

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

import throughtime as tt
from throughtime.sklearn import SequenceClassifier

SMALL = {"hidden_size": 8, "max_iter": 3, "random_state": 0}


def sums(n=60, seed=0, low=3, high=9):
    """Sequences of unequal lengths; whether the sum is above zero."""
    rng = np.random.default_rng(seed)
    X = [rng.normal(size=length) for length in rng.integers(low, high, size=n)]
    return X, np.array([int(x.sum() > 0) for x in X])


@pytest.mark.parametrize(
    "labels",
    [np.array([7, -3]), np.array(["down", "up"]), np.array([True, False]), np.array(["b", 1], object)[:1]],
)
def test_classifier_takes_labels_of_any_type(labels):
    X, y = sums()
    y = labels[y % len(labels)]
    classifier = SequenceClassifier(**SMALL).fit(X, y)
    np.testing.assert_array_equal(classifier.classes_, np.unique(y))
    assert classifier.predict(X).dtype == y.dtype
    assert set(classifier.predict(X)) <= set(y)


def test_classifier_gives_probabilities_in_the_order_of_its_classes():
    X, y = sums()
    names = np.array(["zebra", "ant"])[y]
    classifier = SequenceClassifier(hidden_size=8, max_iter=30, random_state=0).fit(X, names)
    proba = classifier.predict_proba(X)
    assert classifier.classes_.tolist() == ["ant", "zebra"]
    assert proba.dtype == np.float32
    np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_array_equal(classifier.predict(X), classifier.classes_[proba.argmax(axis=1)])
    np.testing.assert_allclose(classifier.predict_log_proba(X), np.log(proba), rtol=1e-4, atol=1e-6)
    assert classifier.score(X, names) > 0.9


def test_classifier_labels_each_step():
    X, _ = sums(200)
    y = [np.where(np.cumsum(x) > 0, "up", "down") for x in X]
    classifier = SequenceClassifier(at="every", hidden_size=16, max_iter=20, random_state=0).fit(
        X[:150], y[:150]
    )
    predicted = classifier.predict(X[150:])
    assert [len(one) for one in predicted] == [len(one) for one in y[150:]]
    right = np.concatenate(predicted) == np.concatenate(y[150:])
    assert classifier.score(X[150:], y[150:]) == pytest.approx(right.mean())
    assert right.mean() > 0.9
    assert [one.shape for one in classifier.predict_proba(X[150:152])] == [(len(x), 2) for x in X[150:152]]
    weights = np.arange(50)
    by_hand = np.average(right, weights=np.repeat(weights, [len(x) for x in X[150:]]))
    assert classifier.score(X[150:], y[150:], sample_weight=weights) == pytest.approx(by_hand)


def test_classifier_at_every_step_takes_and_gives_arrays():
    X = np.random.default_rng(0).normal(size=(40, 6, 2))
    y = (X.sum(axis=2) > 0).astype(int)
    classifier = SequenceClassifier(at="every", **SMALL).fit(X, y)
    assert classifier.predict(X).shape == (40, 6)
    assert classifier.predict_proba(X).shape == (40, 6, 2)


def test_partial_fit_knows_classes_that_have_not_come_yet():
    X, y = sums()
    classifier = SequenceClassifier(**SMALL)
    classifier.partial_fit(X[:10], np.zeros(10, int), classes=[2, 1, 0])
    assert classifier.classes_.tolist() == [0, 1, 2]
    classifier.partial_fit(X, y).partial_fit(X, y, classes=[0, 1, 2])
    assert classifier.predict_proba(X).shape == (60, 3)
    assert len(classifier.loss_curve_) == 3
    assert classifier.n_iter_ == 1


def test_partial_fit_over_and_over_is_fit():
    X, y = sums()
    whole = SequenceClassifier(**SMALL).fit(X, y)
    parts = SequenceClassifier(**SMALL)
    for _ in range(3):
        parts.partial_fit(X, y, classes=[0, 1])
    assert parts.loss_curve_ == whole.loss_curve_
    np.testing.assert_array_equal(parts.predict_proba(X), whole.predict_proba(X))


@pytest.mark.parametrize(
    ("first", "then", "words"),
    [
        ([0, 1], [0, 2], r"classes=\[0, 2\] found; expected \[0, 1\]"),
        ([0, 1, 2], [0, 1], r"classes=\[0, 1\] found; expected \[0, 1, 2\]"),
    ],
)
def test_partial_fit_refuses_other_classes_than_at_first(first, then, words):
    X, y = sums()
    classifier = SequenceClassifier(**SMALL).partial_fit(X, y, classes=first)
    with pytest.raises(tt.ArgumentError, match=words):
        classifier.partial_fit(X, y, classes=then)


@pytest.mark.parametrize(
    ("classes", "words"),
    [
        (None, "classes is None in the first call to partial_fit; "),
        ([5, 6], r"label [01] of target 0 is none of the 2 classes; "),
    ],
)
def test_partial_fit_refuses_to_begin_without_the_classes(classes, words):
    X, y = sums()
    with pytest.raises(tt.ArgumentError, match=words):
        SequenceClassifier(**SMALL).partial_fit(X, y, classes=classes)


def test_warm_start_goes_on_and_refuses_another_class():
    X, y = sums()
    classifier = SequenceClassifier(warm_start=True, **SMALL).fit(X, y)
    first = classifier.model_
    classifier.fit(X, y)
    assert classifier.model_ is first
    assert classifier.n_iter_ == 3
    assert len(classifier.loss_curve_) == 6
    assert classifier.loss_curve_[3] < classifier.loss_curve_[0]
    with pytest.raises(tt.ArgumentError, match="label 2 of target 0 is none of the 2 classes"):
        classifier.fit(X, y + 2)


def test_fit_begins_anew_without_warm_start():
    X, y = sums()
    classifier = SequenceClassifier(**SMALL).fit(X, y + 5)
    again = SequenceClassifier(**SMALL).fit(X, y)
    classifier.fit(X, y)
    assert classifier.loss_curve_ == again.loss_curve_
    assert classifier.classes_.tolist() == [0, 1]


def test_early_stopping_keeps_the_weights_that_were_best_on_what_is_held_out():
    X, y = sums(200)
    settings = {"hidden_size": 8, "early_stopping": True, "n_iter_no_change": 3, "random_state": 0}
    classifier = SequenceClassifier(max_iter=60, learning_rate_init=0.05, **settings).fit(X, y)
    scores = classifier.validation_scores_
    assert len(scores) == classifier.n_iter_ < 60
    best = int(np.argmax(scores))
    assert classifier.best_validation_score_ == scores[best]
    assert best < classifier.n_iter_ - 1
    shorter = SequenceClassifier(max_iter=best + 1, learning_rate_init=0.05, **settings).fit(X, y)
    np.testing.assert_array_equal(classifier.predict_proba(X), shorter.predict_proba(X))


def test_learning_ends_where_the_loss_gets_no_better():
    X, y = sums()
    classifier = SequenceClassifier(
        hidden_size=8, max_iter=50, n_iter_no_change=2, tol=10, random_state=0
    ).fit(X, y)
    assert classifier.n_iter_ == 4  # the first is better than nothing; then more than two that are not


def test_fit_says_nothing_unless_asked(capfd):
    X, y = sums()
    SequenceClassifier(**SMALL).fit(X, y).predict(X)
    SequenceClassifier(early_stopping=True, verbose=0, **SMALL).fit(X, y)
    assert capfd.readouterr() == ("", "")
    SequenceClassifier(verbose=True, early_stopping=True, **SMALL).fit(X, y)
    out, err = capfd.readouterr()
    assert re.fullmatch(r"(Iteration \d, loss = \d\.\d{8}\nValidation score: \d\.\d{6}\n){3}", out)
    assert err == ""


def test_predict_refuses_tables_of_another_length_with_the_remedy():
    X = np.random.default_rng(0).normal(size=(20, 6))
    classifier = SequenceClassifier(**SMALL).fit(X, np.arange(20) % 2)
    assert classifier.n_features_in_ == 6
    with pytest.raises(tt.ShapeError, match=r"X has 5 features, but .* is expecting 6 .* pass \(n, T, 1\)\."):
        classifier.predict(X[:, :5])
    assert classifier.predict(X[:, :5, None]).shape == (20,)
    assert classifier.predict([X[0, :5], X[1, :2]]).shape == (2,)
    with pytest.raises(tt.ShapeError, match=r"X has 2 features a step; expected 1"):
        classifier.predict(X.reshape(20, 3, 2))


def test_nested_lists_have_columns_where_scikit_learn_sees_some_and_are_held_to_no_length():
    X = np.random.default_rng(0).normal(size=(20, 6))
    classifier = SequenceClassifier(**SMALL).fit(X.tolist(), np.arange(20) % 2)
    assert classifier.n_features_in_ == 6
    with pytest.raises(tt.ShapeError, match="X has 5 features"):
        classifier.predict(X[:, :5])
    assert classifier.predict(X[:, :5].tolist()).shape == (20,)
    one_by_one = SequenceClassifier(**SMALL).fit(X.reshape(20, 3, 2).tolist(), np.arange(20) % 2)
    assert one_by_one.n_features_in_ == 2


def test_predict_takes_another_length_where_fit_saw_sequences():
    X = np.random.default_rng(0).normal(size=(20, 6, 2))
    classifier = SequenceClassifier(**SMALL).fit(X, np.arange(20) % 2)
    assert classifier.n_features_in_ == 2
    assert classifier.predict(X[:, :3]).shape == (20,)
    with pytest.raises(tt.ShapeError, match=r"X has 1 features a step; expected 2, .* Pass \(n, T, 2\)"):
        classifier.predict(X[:, :, 0])
    ragged = SequenceClassifier(**SMALL).fit([np.ones(3), np.zeros(4)], [0, 1])
    assert ragged.predict(np.ones((2, 9))).shape == (2,)


def test_names_of_columns_are_kept_and_forgotten():
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(20, 3)), columns=["mon", "tue", "wed"])
    y = np.arange(20) % 2
    classifier = SequenceClassifier(**SMALL).fit(X, y)
    assert classifier.feature_names_in_.tolist() == ["mon", "tue", "wed"]
    with pytest.raises(ValueError, match="feature names"):
        classifier.predict(X.rename(columns={"mon": "sun"}))
    classifier.fit(X.to_numpy()[:, :, None], y)
    assert not hasattr(classifier, "feature_names_in_")


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"cell": "lstn"}, "cell 'lstn' found"),
        ({"hidden_size": 0}, "hidden_size=0 found"),
        ({"num_layers": 1.5}, "num_layers=1.5 found"),
        ({"at": "first"}, "at='first' found"),
        ({"truncation": "windw:3"}, "truncation 'windw:3' found"),
        ({"truncation": "auto:0.1"}, "truncation Auto"),
        ({"truncation": 4}, "truncation 4 found"),
        ({"optimizer": "adan"}, "optimizer 'adan' is unknown"),
        ({"optimizer": tt.Adam}, "optimizer <class .* found"),
        ({"learning_rate_init": 0}, "lr is 0"),
        ({"clip_norm": -1}, "clip of the norm '-1' found"),
        ({"batch_size": 0}, "batch_size=0 found"),
        ({"max_iter": 0}, "max_iter=0 found"),
        ({"tol": -1}, "tol=-1 found; expected a number of at least 0"),
        ({"n_iter_no_change": 0}, "n_iter_no_change=0 found"),
        ({"validation_fraction": 1}, "validation_fraction=1 found; expected a number above 0 and below 1"),
        ({"validation_fraction": 0}, "validation_fraction=0 found; expected a number above 0 and below 1"),
        ({"validation_fraction": 0.01, "early_stopping": True}, "holds out 1 of 60 sequences"),
        ({"validation_fraction": 0.99, "early_stopping": True}, "holds out 60 of 60 sequences"),
        ({"shuffle": "no"}, "shuffle='no' found; expected True or False"),
        ({"shuffle": 1}, "shuffle=1 found; expected True or False"),
        ({"early_stopping": "x"}, "early_stopping='x' found; expected True or False"),
        ({"warm_start": "x"}, "warm_start='x' found; expected True or False"),
        ({"verbose": "x"}, "verbose='x' found; expected True or False"),
        ({"verbose": -1}, "verbose=-1 found; expected True or False"),
        ({"threads": 0}, "threads=0 found"),
        ({"dtype": "float16"}, "dtype 'float16' found"),
        ({"init": "no"}, "no"),
        ({"dropout": 2}, "dropout"),
    ],
)
def test_fit_refuses_a_parameter_in_one_line(setting, words):
    X, y = sums()
    with pytest.raises((ValueError, TypeError), match=words) as caught:
        SequenceClassifier(**{**SMALL, **setting}).fit(X, y)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("y", "words"),
    [
        (np.zeros(59, int), "y has 59 targets for 60 sequences"),
        (np.linspace(0, 1, 60), "Unknown label type"),
        (np.full(60, np.nan), "label 0 is nan"),
        (None, "requires y to be passed"),
        (["a", 1] * 30, "label 1 is of type int among objects; expected strings alone"),
        (np.array(["a", 1] * 30, object), "label 1 is of type int among objects"),
        (["a", np.nan] * 30, "label 1 is of type float among objects"),
        ([None] * 60, "label 0 is of type NoneType among objects"),
        (np.full(60, 1j), "y is complex"),
        (np.zeros((60, 9), int), r"y has targets of shape \(9,\); expected one label .* with at='every'"),
        (
            np.zeros((60, 9, 1), int),
            r"y has targets of shape \(9, 1\); expected one label .* with at='every'",
        ),
        ([np.zeros(len(x), int) for x in sums()[0]], "y is ragged: .* Use at='every'"),
    ],
)
def test_fit_refuses_targets(y, words):
    with pytest.raises((ValueError, TypeError), match=words) as caught:
        SequenceClassifier(**SMALL).fit(sums()[0], y)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("odd", [["a", 1], ["a", np.nan], [1, 1]])
def test_fit_at_every_step_refuses_numbers_among_strings(odd):
    with pytest.raises(tt.DtypeError, match=r"label \d is of type (int|float) among objects"):
        SequenceClassifier(at="every", **SMALL).fit([np.ones(2), np.ones(2)], [["a", "b"], odd])


@pytest.mark.parametrize(
    ("X", "y", "words"),
    [
        (np.eye(1), [0], "holds out 1 of 1 sequences"),
        (np.eye(30), [0] * 29 + [1], "the smallest has 1 of 30 sequences"),
        (np.eye(30), np.arange(30) % 4, "4 classes, .* are to share 3 held out"),
    ],
)
def test_early_stopping_refuses_too_few_sequences(X, y, words):
    with pytest.raises(tt.ArgumentError, match=words) as caught:
        SequenceClassifier(early_stopping=True, **SMALL).fit(X, y)
    assert "\n" not in str(caught.value)


# What spoils a fit, and where: in a parameter, in X, in y, in what is to be held out.
SPOILT = {
    "setting": lambda c: c.set_params(cell="foo").fit(np.ones((4, 5)), list("abca")),
    "X": lambda c: c.fit(pd.DataFrame(np.full((4, 5), np.nan)), list("abca")),
    "y": lambda c: c.fit(np.ones((4, 5)), list("abc")),
    "labels": lambda c: c.fit(np.ones((4, 5)), [0.1, 0.2, 0.3, 0.4]),
    "names": lambda c: c.fit(pd.DataFrame(np.ones((4, 2)), columns=["a", 1]), list("abca")),
    "share": lambda c: c.set_params(early_stopping=True).fit(np.ones((4, 5)), list("abca")),
}


@pytest.mark.parametrize("way", SPOILT)
def test_fit_that_fails_leaves_the_estimator_as_it_was(way):
    X, y = pd.DataFrame(np.random.default_rng(0).normal(size=(20, 3)), columns=list("uvw")), np.arange(20) % 2
    fresh = SequenceClassifier(**SMALL)
    with pytest.raises((ValueError, TypeError)):
        SPOILT[way](fresh)
    assert {name for name in vars(fresh) if name not in fresh.get_params()} == set()
    with pytest.raises(NotFittedError):
        fresh.predict(X)

    learned = SequenceClassifier(**SMALL).fit(X, y)
    before, predicted = dict(vars(learned)), learned.predict(X)
    with pytest.raises((ValueError, TypeError)):
        SPOILT[way](learned)
    after = {name: value for name, value in vars(learned).items() if name not in learned.get_params()}
    assert all(before[name] is value for name, value in after.items())
    np.testing.assert_array_equal(learned.predict(X), predicted)


def test_partial_fit_that_fails_leaves_the_estimator_as_it_was():
    X, y = sums()
    classifier, other = SequenceClassifier(**SMALL), SequenceClassifier(**SMALL)
    with pytest.raises(tt.ArgumentError, match="is none of the 2 classes"):
        classifier.partial_fit(X, y, classes=[5, 6])
    classifier.partial_fit(X, y, classes=[0, 1])
    with pytest.raises(tt.ShapeError, match="y has 59 targets"):
        classifier.partial_fit(X, y[1:])
    assert classifier.n_iter_ == 1
    other.partial_fit(X, y, classes=[0, 1])
    np.testing.assert_array_equal(
        classifier.partial_fit(X, y).predict_proba(X), other.partial_fit(X, y).predict_proba(X)
    )


@pytest.mark.parametrize(
    ("classes", "words"),
    [
        ([0, 1, np.nan], "class 2 is nan; expected a class"),
        (["a", 1], "class 1 is of type int among objects"),
        ([[0, 1], [1, 0]], r"classes has shape \(2, 2\); expected \(n_classes,\)"),
        (2, r"classes has shape \(\); expected \(n_classes,\)"),
    ],
)
def test_partial_fit_refuses_classes(classes, words):
    X, y = sums()
    with pytest.raises((ValueError, TypeError), match=words):
        SequenceClassifier(**SMALL).partial_fit(X, y, classes=classes)


def test_fit_at_every_step_refuses_targets_of_other_lengths():
    X, _ = sums()
    y = [np.zeros(len(x), int) for x in X]
    y[3] = y[3][:-1]
    with pytest.raises(tt.ShapeError, match="targets of sequence 3 have shape"):
        SequenceClassifier(at="every", **SMALL).fit(X, y)


def test_partial_fit_refuses_early_stopping():
    X, y = sums()
    with pytest.raises(tt.ArgumentError, match="early_stopping=True found"):
        SequenceClassifier(early_stopping=True, **SMALL).partial_fit(X, y, classes=[0, 1])


@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_log_proba"])
def test_classifier_that_has_not_learned_says_so(method):
    with pytest.raises(NotFittedError):
        getattr(SequenceClassifier(), method)(np.ones((2, 3)))
