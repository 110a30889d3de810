"""Among scikit-learn's own: pipelines, searches, copies, files, other processes."""

import copy
import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from joblib import dump, load
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.compose import TransformedTargetRegressor
from sklearn.model_selection import GridSearchCV, KFold, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import throughtime as tt
from throughtime.cells import rnn_tanh
from throughtime.sklearn import SequenceClassifier, SequenceRegressor

SMALL = {"hidden_size": 8, "max_iter": 4, "random_state": 0}


@pytest.fixture
def table():
    X = np.random.default_rng(0).normal(3, 5, size=(60, 6))
    return X, np.where(X.mean(axis=1) > 3, "above", "below")


@pytest.fixture
def ragged():
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(length, 2)) for length in rng.integers(2, 9, size=60)]
    return X, np.array([x.sum() for x in X])


def test_estimators_are_known_for_what_they_are():
    assert is_classifier(SequenceClassifier())
    assert is_regressor(SequenceRegressor())


def test_classifier_works_in_a_pipeline(table):
    X, y = table
    pipeline = make_pipeline(StandardScaler(), SequenceClassifier(hidden_size=8, max_iter=30, random_state=0))
    assert pipeline.fit(X, y).score(X, y) > 0.9
    pipeline.set_params(sequenceclassifier__cell="lstm")
    assert pipeline.fit(X, y).named_steps["sequenceclassifier"].model_.layers.cell.name == "lstm"


def test_regressor_works_with_scaled_targets(table):
    X, _ = table
    y = 1e4 * X.mean(axis=1, keepdims=True)[:, 0]
    regressor = SequenceRegressor(hidden_size=8, max_iter=60, random_state=0)
    scaled = TransformedTargetRegressor(
        make_pipeline(StandardScaler(), regressor), transformer=StandardScaler()
    )
    assert scaled.fit(X, y).score(X, y) > 0.9


@pytest.mark.slow  # two processes start
def test_search_gives_the_same_scores_in_one_process_and_in_two(ragged):
    X, y = ragged
    grid = {"optimizer": [tt.RMSprop(5e-3)], "truncation": [tt.Window(1)]}
    searches = [
        GridSearchCV(SequenceRegressor(**SMALL), grid, cv=2, n_jobs=n_jobs).fit(X, y) for n_jobs in (1, 2)
    ]
    for split in ("split0_test_score", "split1_test_score"):
        alone, shared = (search.cv_results_[split] for search in searches)
        assert np.isfinite(alone).all()
        np.testing.assert_array_equal(alone, shared)
    np.testing.assert_array_equal(*(search.predict(X) for search in searches))


def test_cross_validation_takes_sequences_of_unequal_lengths(ragged):
    X, y = ragged
    assert np.isfinite(cross_val_score(SequenceRegressor(**SMALL), X, y, cv=3)).all()
    assert cross_val_predict(SequenceRegressor(**SMALL), X, y, cv=3).shape == (60,)


@pytest.mark.parametrize("at", ["last", "every"])
@pytest.mark.parametrize("container", [list, pd.Series])
def test_cross_validation_takes_lists_whose_lengths_are_equal_by_chance(container, at):
    rng = np.random.default_rng(0)
    X = container([rng.normal(size=length).tolist() for length in [6] * 6 + [4] * 6])
    y = X if at == "every" else np.arange(12.0)
    assert np.isfinite(cross_val_score(SequenceRegressor(at=at, **SMALL), X, y, cv=KFold(2))).all()


def test_same_random_state_gives_the_same_bits(ragged):
    X, y = ragged
    settings = {"hidden_size": 8, "max_iter": 4, "num_layers": 2, "dropout": 0.3}
    first, second, third = (
        SequenceRegressor(random_state=state, **settings).fit(X, y).predict(X)
        for state in (7, np.random.RandomState(7), 8)
    )
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, third)


def test_dropout_acts_in_learning_alone(ragged):
    X, y = ragged
    settings = {"num_layers": 2, "optimizer": tt.SGD(1e-30), "shuffle": False, **SMALL}
    with_it, without = (SequenceRegressor(dropout=p, **settings).fit(X, y) for p in (0.5, 0.0))
    assert with_it.loss_ != without.loss_
    np.testing.assert_array_equal(with_it.predict(X), without.predict(X))


COPIES = {
    "pickle": lambda estimator, _: pickle.loads(pickle.dumps(estimator)),
    "deepcopy": lambda estimator, _: copy.deepcopy(estimator),
    "joblib": lambda estimator, path: load(dump(estimator, path / "estimator.joblib")[0]),
}


@pytest.mark.parametrize("way", COPIES)
@pytest.mark.parametrize("cell", ["gru", "lstm", "rnn"])
def test_copy_predicts_and_goes_on_in_the_same_bits(cell, way, ragged, tmp_path):
    X, y = ragged
    regressor = SequenceRegressor(cell=cell, num_layers=2, dropout=0.2, clip_norm="auto", **SMALL).fit(X, y)
    other = COPIES[way](regressor, tmp_path)
    np.testing.assert_array_equal(other.predict(X), regressor.predict(X))
    assert other.model_.layers.cell is regressor.model_.layers.cell  # nothing is compiled anew
    np.testing.assert_array_equal(other.partial_fit(X, y).predict(X), regressor.partial_fit(X, y).predict(X))


def test_copy_does_not_share_weights(ragged):
    X, y = ragged
    regressor = SequenceRegressor(**SMALL).fit(X, y)
    before = regressor.predict(X)
    copy.deepcopy(regressor).partial_fit(X, y)
    np.testing.assert_array_equal(regressor.predict(X), before)


def test_clone_keeps_a_cell_of_ones_own(ragged):
    cell = tt.Cell("at_home", rnn_tanh.forward, rnn_tanh.backward, gates=["n"])
    assert clone(SequenceRegressor(cell=cell)).cell is cell


@pytest.mark.slow  # a process starts
def test_pickle_predicts_the_same_bits_in_a_fresh_process(ragged, tmp_path):
    X, y = ragged
    regressor = SequenceRegressor(**SMALL).fit(X, y)
    path = tmp_path / "regressor.pickle"
    path.write_bytes(pickle.dumps((regressor, X)))
    code = (
        f"import pickle; r, X = pickle.load(open({str(path)!r}, 'rb')); print(r.predict(X).tobytes().hex())"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == regressor.predict(X).tobytes().hex()
    assert found.stderr == ""
