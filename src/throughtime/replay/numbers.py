"""Numbers as the pages write them."""

import math


def percent(share: float) -> str:
    """A share in percent, to three digits, or as a power of ten if it is tiny.

    >>> percent(0.54416), percent(0.00473), percent(1.19e-5), percent(2e-16), percent(0.0)
    ('54.4%', '0.473%', '0.00119%', '2·10⁻¹⁴%', '0%')
    """
    if share == 0.0:
        return "0%"
    if share < 1e-6:
        return f"{power_of_ten(100 * share, 0)}%"
    digits = max(0, 2 - math.floor(math.log10(100 * share)))
    return f"{100 * share:.{digits}f}%"


def power_of_ten(value: float, digits: int = 1) -> str:
    """A number as a multiple of a power of ten.

    >>> power_of_ten(1.94e-15), power_of_ten(4.6e19, digits=0), power_of_ten(0.0)
    ('1.9·10⁻¹⁵', '5·10¹⁹', '0')
    """
    if value == 0.0:
        return "0"
    number, power = f"{value:.{digits}e}".split("e")
    return f"{number}·10{superscript(int(power))}"


def superscript(power: int) -> str:
    """A whole number in raised digits.

    >>> superscript(-12)
    '⁻¹²'
    """
    return str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
