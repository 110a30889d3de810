"""A lag curve in one line of text."""

import math
from collections.abc import Sequence

from throughtime.flow.words import half_life_in_words
from throughtime.training.events import Probed

WIDTH = 24
_BLOCKS, _PLAIN = "▁▂▃▄▅▆▇█", "._-~=+*#"


def lag_line(probed: Probed, plain: bool = False) -> str:
    """What a probe has found: the curve from lag 0 to the last, and its half-life.

    Parameters
    ----------
    probed : Probed
    plain : bool
        Without characters beyond ASCII.

    Examples
    --------
    >>> flow = {"norms": {"h": [[0.5**l for l in range(13)]]}, "half_life": 1.0}
    >>> lag_line(Probed(10, flow))
    'gradient by lag, log scale: 0 ██▇▇▆▅▅▄▄▃▂▂▁ 12, half-life 1'
    """
    half_life = half_life_in_words(probed.half_life, unit=False)
    curve = sparkline(probed.relative, plain)
    return f"gradient by lag, log scale: 0 {curve} {len(probed.relative) - 1}, half-life {half_life}"


def sparkline(values: Sequence[float], plain: bool = False) -> str:
    """Numbers of at least 0 as up to 24 blocks: a block lower stands for about three times (the root of ten) less.

    The highest is the largest number shown; what is 10,000 times less, or NaN, is left blank.

    Examples
    --------
    >>> sparkline([1, 0.4, 0.3, 0.01, 1e-9, 0.0])
    '██▇▄  '
    """
    last = len(values) - 1
    shown = [values[round(i * last / (WIDTH - 1))] for i in range(WIDTH)] if last >= WIDTH else list(values)
    largest = max((value for value in shown if value > 0), default=0.0)
    return "".join(_block(value / largest if largest else 0.0, plain) for value in shown)


def _block(share: float, plain: bool) -> str:
    lower = math.floor(-2 * math.log10(share)) if share > 0 else len(_BLOCKS)
    return (_PLAIN if plain else _BLOCKS)[-1 - lower] if lower < len(_BLOCKS) else " "
