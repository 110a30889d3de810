"""One setting forked into variants, trained alike, their learning curves and lag curves laid over each other.

`compare` trains them one after another; `train_variant` trains one, wherever it is called.
"""

from throughtime.compare.comparison import Comparison, compare
from throughtime.compare.outcome import Outcome
from throughtime.compare.train import train_variant
from throughtime.compare.variant import Variant

__all__ = ["Comparison", "Outcome", "Variant", "compare", "train_variant"]
