"""Numbers as findings tell them, and round ones to try."""

import math


def percent(share: float) -> str:
    """A share in percent, with a digit where it is below ten.

    Examples
    --------
    >>> percent(0.5), percent(0.034), percent(0.00002), percent(0.9999), percent(0.0)
    ('50%', '3.4%', 'under 0.1%', 'over 99%', '0%')
    """
    if 0 < share < 0.001:
        return "under 0.1%"
    if 0.99 < share < 1:
        return "over 99%"
    return f"{100 * share:.{1 if 0 < share < 0.1 else 0}f}%"


def lags(number: float) -> str:
    """A number of lags, in words.

    Examples
    --------
    >>> lags(1), lags(3.217), lags(120.0)
    ('1 lag', '3.2 lags', '120 lags')
    """
    shown = f"{number:.2g}" if number < 10 else f"{number:.0f}"
    return f"{shown} lag{'' if shown == '1' else 's'}"


def factor(number: float) -> str:
    """How many times as large something is, to two digits.

    Examples
    --------
    >>> factor(2.345), factor(149.0), factor(3.7e15)
    ('2.3', '149', '4e+15')
    """
    return f"{number:.2g}" if number < 100 else f"{number:,.0f}" if number < 1e6 else f"{number:.0e}"


def rounded_up(number: float) -> int:
    """The next multiple of 5, of 50 beyond 100, of 500 beyond 1000: at least 5.

    Examples
    --------
    >>> rounded_up(1), rounded_up(43.2), rounded_up(101), rounded_up(1200)
    (5, 45, 150, 1500)
    """
    step = 5
    while number > 20 * step:
        step *= 10
    return step * max(1, math.ceil(number / step))


def plain(number: float) -> float:
    """A number with one digit: what one would type.

    Examples
    --------
    >>> plain(0.5371), plain(12.9), plain(0.000134)
    (0.5, 10.0, 0.0001)
    """
    return float(f"{number:.0e}")
