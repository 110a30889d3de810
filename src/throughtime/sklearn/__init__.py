"""Recurrent networks as scikit-learn's estimators."""

from throughtime.extras import require

require("sklearn", "sklearn")
