"""scikit-learn's own checks of an estimator's manners."""

from sklearn.utils.estimator_checks import parametrize_with_checks

from throughtime.sklearn import SequenceClassifier, SequenceRegressor

SMALL = {"hidden_size": 8, "max_iter": 20, "learning_rate_init": 0.03}


def expected_failures(estimator):
    """What is not as the checks have it, and why."""
    if isinstance(estimator, SequenceRegressor) and estimator.dtype == "float32":
        return {
            "check_regressor_multioutput": "it wants float64; predictions have the network's dtype, as those of scikit-learn's "
            "own networks have that of X, so that none claims digits that it has not"
        }
    return {}


@parametrize_with_checks(
    [SequenceClassifier(**SMALL), SequenceRegressor(**SMALL), SequenceRegressor(**SMALL, dtype="float64")],
    expected_failed_checks=expected_failures,
)
def test_estimator_passes_scikit_learns_check(estimator, check):
    check(estimator)
