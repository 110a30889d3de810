"""Recurrent networks as scikit-learn's estimators.

from throughtime.sklearn import SequenceClassifier, SequenceRegressor
"""

from throughtime.extras import require

require("sklearn", "sklearn")
from throughtime.sklearn.classifier import SequenceClassifier  # noqa: E402
from throughtime.sklearn.regressor import SequenceRegressor  # noqa: E402

__all__ = ["SequenceClassifier", "SequenceRegressor"]
