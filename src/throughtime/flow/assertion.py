"""For a user's own tests: that a model's gradient reaches as far back as its task needs, and does not explode."""

import math
from typing import Any

import numpy as np

from throughtime.errors import ArgumentError
from throughtime.flow.curve import Curve
from throughtime.flow.profile import gradient_flow
from throughtime.machine.arrays import Array
from throughtime.networks.layer import Recurrent, State
from throughtime.networks.network import Network

_LEAST_LAGS = 100  # so that a short demand is judged by more than the curve's beginning
_GROWTH = 10.0
_COLUMNS, _ROWS, _DECADES = 40, 10, 15
_EIGHTHS = " ▏▎▍▌▋▊▉"


def assert_horizon(
    model: Network | Recurrent,
    inputs: Array,
    targets: Array,
    lag: int,
    eps: float = 0.01,
    *,
    origins: Any = None,
    state: State | None = None,
    reset: Array | None = None,
    lengths: Array | None = None,
) -> None:
    """Raise AssertionError unless horizon(eps) is at least `lag`, and phi nowhere above tenfold phi_0.

    Both of the top layer's h, over twice as many lags as demanded, or 100 if that is more, as far as the sequences go. A
    horizon that is only bounded from below counts as its bound.

    Parameters
    ----------
    model, inputs, targets, origins, state, reset, lengths : as `throughtime.gradient_flow` has them
    lag : int
        1 or more.
    eps : float
        The share of the sum of phi that may lie beyond the horizon.

    Raises
    ------
    AssertionError
        Its first line has the numbers and a remedy; the curve follows.
    ArgumentError
        `lag` is no whole number of at least 1, eps not between 0 and 1, or no sequence has a step so long before a target.
    ShapeError, DtypeError, TokenError
        As `gradient_flow`.

    Examples
    --------
    >>> import numpy as np
    >>> import throughtime as tt
    >>> model = tt.SequenceModel(1, 16, 1, cell="rnn", seed=0)
    >>> x = np.random.default_rng(0).normal(size=(60, 4, 1)).astype(np.float32)
    >>> assert_horizon(model, x, x, lag=2)
    >>> assert_horizon(model, x, x, lag=50)
    Traceback (most recent call last):
    AssertionError: horizon(0.01) is 6; expected at least 50. The half-life is 1.1... lags; at lag 50 ...
    """
    if isinstance(lag, bool) or not isinstance(lag, int | np.integer) or lag < 1:
        raise ArgumentError(f"lag={lag!r} found; expected a whole number of at least 1. Pass lag=50.")
    last = max(2 * int(lag), _LEAST_LAGS)
    if isinstance(origins, int | np.integer):  # a number of steps, which lie after all lags
        last = max(int(lag), min(last, len(inputs) - int(origins)))
    flow = gradient_flow(
        model,
        inputs,
        targets,
        last,
        origins,
        state=state,
        reset=reset,
        lengths=lengths,
    )
    check_horizon(flow.curve(), int(lag), eps)


def check_horizon(curve: Curve, lag: int, eps: float = 0.01) -> None:
    """Raise what `assert_horizon` raises, for a curve already measured.

    Examples
    --------
    >>> check_horizon(Curve(0.9 ** np.arange(101)), 40)
    >>> check_horizon(Curve(0.5 ** np.arange(13)), 8)
    Traceback (most recent call last):
    AssertionError: horizon(0.01) is 6; expected at least 8. The half-life is 1 lags; at lag 8 ...
    phi_l / phi_0, on a log scale from 1e-04 to 1e+00:
      lag  0  1.00e+00  ████████████████████████████████████████
      lag  1  5.00e-01  █████████████████████████████████████
    ...
    """
    last = int(curve.lags[-1])
    if last < lag:
        raise ArgumentError(
            f"lag={lag} found, where no target has more than {last} steps before it; expected at most {last}. Pass longer "
            "sequences without a reset, or demand less."
        )
    horizon = curve.horizon(eps)
    highest = int(np.nanargmax(curve.phi))
    if curve.relative[highest] > _GROWTH:
        raise AssertionError(
            f"phi at lag {highest} is {curve.relative[highest]:.3g} times phi_0; expected at most {_GROWTH:g} times, as "
            "gradients that grow on their way back explode. Try an orthogonal start, smaller recurrent weights, or an "
            f"LSTM or GRU; clipping only bounds the step.\n{_chart(curve, lag)}"
        )
    if horizon >= lag:
        return
    if horizon.censored:
        raise AssertionError(
            f"horizon({eps:g}) is {horizon}; expected at least {lag}, which {last} lags are too few to tell. Pass sequences "
            f"of more than {max(2 * lag, 2 * last)} steps.\n{_chart(curve, lag)}"
        )
    raise AssertionError(
        f"horizon({eps:g}) is {horizon}; expected at least {lag}. {_fading(curve, lag)} Try an LSTM with forget bias "
        f"{max(1.0, math.log(max(lag, 2))):.1f}, whose memory cell carries a gradient so far from the start.\n"
        f"{_chart(curve, lag)}"
    )


def _fading(curve: Curve, lag: int) -> str:
    if curve.phi[0] == 0:
        return "No target has a gradient at lag 0."
    there = f"at lag {lag} phi is {curve.relative[lag]:.3g} phi_0."
    if math.isfinite(curve.half_life):
        return f"The half-life is {curve.half_life:.3g} lags; {there}"
    return f"The curve does not fall; {there}"


def _chart(curve: Curve, marked: int) -> str:
    """Bars for some of the lags, evenly apart, and for the marked one."""
    spread = curve.lags[np.linspace(0, len(curve.lags) - 1, _ROWS + 1).round().astype(int)]
    lags = np.union1d(spread, [marked])
    lags = lags[np.isin(lags, curve.lags)]
    values = curve.relative[lags]
    if not (values > 0).any():
        return "phi_0 is 0: there is no curve to draw."
    logs = np.log10(values, where=values > 0, out=np.full(len(values), -np.inf))
    top = math.ceil(logs.max())
    bottom = max(math.floor(logs[logs > -np.inf].min()), top - _DECADES)
    bottom = min(bottom, top - 1)
    width = len(str(lags[-1]))
    lines = [f"phi_l / phi_0, on a log scale from 1e{bottom:+03d} to 1e{top:+03d}:"]
    for lag, value, log in zip(lags, values, logs, strict=True):
        eighths = round(max(0.0, (log - bottom) / (top - bottom)) * _COLUMNS * 8)
        bar = "█" * (eighths // 8) + _EIGHTHS[eighths % 8]
        note = "  <- demanded" if lag == marked else ""
        lines.append(f"  lag {lag:>{width}}  {value:.2e}  {bar}".rstrip() + note)
    return "\n".join(lines)
