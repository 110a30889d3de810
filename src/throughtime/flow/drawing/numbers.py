"""Numbers as charts write them."""

import math
from collections.abc import Iterable
from typing import TypeGuard


def is_number(value: float | None) -> TypeGuard[float]:
    """Whether it can be drawn: neither None, as JSON has it for NaN and infinity, nor one of these."""
    return value is not None and math.isfinite(value)


def numbers(values: Iterable[float | None]) -> list[float]:
    """Those that can be drawn."""
    return [float(value) for value in values if is_number(value)]


def power_of_ten(exponent: int) -> str:
    """A power of ten with its exponent in raised digits.

    >>> power_of_ten(-3), power_of_ten(0)
    ('10⁻³', '1')
    """
    if exponent == 0:
        return "1"
    return "10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def short(value: float, digits: int = 3) -> str:
    """A number to so many digits, as a multiple of a power of ten where it is far from 1.

    >>> short(1234567.0), short(0.25), short(12345), short(3.2e-7), short(1e300), short(0)
    ('1.23·10⁶', '0.25', '12,345', '3.2·10⁻⁷', '10³⁰⁰', '0')
    """
    if value == 0 or 1e-3 <= abs(value) < 1e6:
        return f"{value:,.0f}" if abs(value) >= 10 ** (digits - 1) else f"{value:.{digits}g}"
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    mantissa = mantissa.rstrip("0").rstrip(".")
    power = power_of_ten(int(exponent))
    return {"1": power, "-1": f"−{power}"}.get(mantissa, f"{mantissa}·{power}")


def told(value: float | None) -> str:
    """A number in short, or a dash for what is none.

    >>> told(0.25), told(None)
    ('0.25', '–')
    """
    return short(value) if is_number(value) else "–"
