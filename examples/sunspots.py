"""A year's sunspots forecast from the 22 years before, against what is simple: last year's number, and a linear model.

The 309 yearly numbers from 1700 to 2008 come with statsmodels. All models see the same 22 lags, about two cycles of the
sun, of the square root of the numbers (they are counts, which scatter the more the higher they are). What comes after
1920 is looked at once, at the end: how long the network learns is chosen by cross-validation within the years before.

    pip install 'throughtime[sklearn]' statsmodels
    python examples/sunspots.py
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from statsmodels.datasets import sunspots

from throughtime.sklearn import SequenceRegressor

LAGS, UNTIL = 22, 1920
SEEDS = range(5)


def read():
    """Windows (n, LAGS) of the scaled root, the same of the year after (n,), and that year (n,)."""
    data = sunspots.load_pandas().data
    root = np.sqrt(data["SUNACTIVITY"].to_numpy()) / 5  # from 0 to about 3
    windows = sliding_window_view(root, LAGS + 1)
    return windows[:, :-1], windows[:, -1], data["YEAR"].to_numpy(int)[LAGS:]


def error(predicted, y):
    """Root of the mean squared error, in sunspots."""
    spots = (5 * np.maximum(predicted, 0)) ** 2
    return float(np.sqrt(np.mean((spots - (5 * y) ** 2) ** 2)))


def choose(X, y):
    """The network whose number of epochs does best on years that come after those it has learned from."""
    search = GridSearchCV(
        SequenceRegressor(random_state=0),
        {"max_iter": [10, 20, 40, 80]},
        cv=TimeSeriesSplit(3),
        scoring="neg_mean_squared_error",
    )
    return search.fit(X, y).best_estimator_


def forecast():
    """Errors by model on the years after UNTIL; the network's are several, one for each start of its weights."""
    X, y, years = read()
    past, later = years <= UNTIL, years > UNTIL
    network = choose(X[past], y[past])
    found = {
        "last year's number": [error(X[later, -1], y[later])],
        "linear, same lags": [error(LinearRegression().fit(X[past], y[past]).predict(X[later]), y[later])],
        f"GRU, {network.max_iter} epochs": [
            error(network.set_params(random_state=seed).fit(X[past], y[past]).predict(X[later]), y[later])
            for seed in SEEDS
        ],
    }
    return found, int(later.sum())


def main():
    """Print each model's error."""
    found, count = forecast()
    print(f"error of a forecast one year ahead, {count} years after {UNTIL}, in sunspots:")
    for name, errors in found.items():
        span = f"   ({len(errors)} starts: {min(errors):.1f} to {max(errors):.1f})" if len(errors) > 1 else ""
        print(f"  {name:20s} {np.mean(errors):5.1f}{span}")


if __name__ == "__main__":
    main()
