"""A trial, and what came of it, in words."""

from throughtime.study.lengths import show_lengths
from throughtime.study.plan import Planned
from throughtime.study.summary import Horizons
from throughtime.study.trial import Result
from throughtime.training.rows import clock

_ENDED = {
    "success": "succeeded",
    "steps": "met the cap on updates",
    "time": "met the cap on time",
    "finished": "finished",
    "diverged": "diverged",
}


def planned_in_words(planned: Planned) -> str:
    """Which trial of a study it is."""
    trial = planned.trial
    length = "" if trial.span is None else f", length {show_lengths(trial.span)}"
    return f"{planned.way}: {trial.subject}{length}, seed {trial.seed}"


def ended_in_words(result: Result) -> str:
    """How it ended, when, and how good it was."""
    said = f"{_ENDED[result.ended]} after {result.steps:,} updates in {clock(result.seconds)}"
    if result.error_rate is not None:
        said += f", {result.error_rate:.1%} wrong"
    if result.val_bits_per_char is not None:
        said += f", {result.val_bits_per_char:.3f} bits per character"
    elif result.val_loss is not None:
        said += f", {result.val_loss:.4f} nats per token"
    return said


def ended_in_a_word(result: Result) -> str:
    """The same for a table: a cap is called a cap."""
    return {"steps": "capped: updates", "time": "capped: time"}.get(result.ended, result.ended)


def horizon_in_words(lags: float | None, censored: bool) -> str:
    """A horizon for a table."""
    if lags is None:
        return "-"
    return f"at least {lags:g}" if censored else f"{lags:g}"


def horizons_in_words(horizons: Horizons) -> str:
    """The median of some for a table."""
    return horizon_in_words(horizons.median, horizons.censored)
