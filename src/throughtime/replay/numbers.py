"""Numbers as the pages write them."""

import math


def percent(share: float) -> str:
    """A share in percent, to three digits; 0 for what is exactly 0.

    >>> percent(0.54416), percent(0.00473), percent(1.19e-5), percent(0.0)
    ('54.4%', '0.473%', '0.00119%', '0%')
    """
    if share == 0.0:
        return "0%"
    digits = max(0, 2 - math.floor(math.log10(100 * share)))
    return f"{100 * share:.{min(digits, 6)}f}%"


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
