"""The outcomes in words and as the rows of a table: numbers that were measured, and nothing beyond them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from throughtime.compare.outcome import Outcome
from throughtime.training.evaluate import perplexity
from throughtime.training.rows import clock, horizon


@dataclass(frozen=True)
class Unit:
    """What all scores of a comparison are told in.

    Attributes
    ----------
    held_out : bool
        Whether they are of the validation text, or of the training text, where nothing was held out.
    bits : bool
        Whether they are bits per character, or perplexities.
    """

    held_out: bool
    bits: bool

    @property
    def heading(self) -> str:
        """Of a column."""
        return ("" if self.held_out else "training ") + ("bits/char" if self.bits else "perplexity")

    def loss(self, outcome: Outcome) -> float | None:
        """What outcomes are ranked by, in nats per token."""
        return outcome.val_loss if self.held_out else outcome.train_loss

    def bits_per_char(self, outcome: Outcome) -> float | None:
        """None where not every character is scored."""
        return outcome.val_bits_per_char if self.held_out else outcome.train_bits_per_char

    def score(self, outcome: Outcome) -> str:
        """A variant's score, or a dash."""
        loss, bits = self.loss(outcome), self.bits_per_char(outcome)
        if loss is None:
            return "-"
        return f"{bits:.3f}" if self.bits and bits is not None else f"{perplexity(loss):.4g}"

    def ranked(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """The finished variants that have a score, from best to worst."""
        scored = [
            (loss, each)
            for each in outcomes
            if each.state == "finished" and (loss := self.loss(each)) is not None
        ]
        return [each for _, each in sorted(scored, key=lambda pair: pair[0])]


def unit_of(outcomes: Sequence[Outcome]) -> Unit:
    """Bits per character where every score has them, otherwise perplexity; of the validation text where there is one."""
    trained = [each for each in outcomes if each.train_loss is not None]
    held_out = not trained or any(each.val_loss is not None for each in outcomes)
    unit = Unit(held_out, bits=True)
    scored = [each for each in outcomes if unit.loss(each) is not None]
    return replace(unit, bits=all(unit.bits_per_char(each) is not None for each in scored))


def headings(unit: Unit) -> tuple[str, ...]:
    """Of the table's columns."""
    return ("variant", "parameters", unit.heading, "horizon", "half-life", "time")


def row(outcome: Outcome, unit: Unit) -> tuple[str, ...]:
    """A line of the table, by `headings`."""
    o = outcome
    return (
        o.variant,
        f"{o.parameters:,}",
        unit.score(o),
        _from_to(_lags(o.horizon_first, o.censored_first), _lags(o.horizon_last, o.censored_last)),
        _from_to(
            _half_life(o.probe_first, o.half_life_first, o.falls_first),
            _half_life(o.probe_last, o.half_life_last, o.falls_last),
        ),
        _time(o),
    )


def readings(outcomes: Sequence[Outcome]) -> list[str]:
    """What the numbers say, a sentence each."""
    said = (_scores, _updates, _reach, _clipping, _diverged)
    return [line for read in said for line in read(outcomes)]


def updates_made(outcomes: Sequence[Outcome]) -> list[int]:
    """How many updates the variants have made that were trained: every number that occurs, in order."""
    return sorted({each.steps for each in outcomes if each.steps is not None})


def _scores(outcomes: Sequence[Outcome]) -> list[str]:
    unit = unit_of(outcomes)
    ranked = unit.ranked(outcomes)
    if len(ranked) < 2:
        return []
    text = "held-out text" if unit.held_out else "training text, in the last tenth of the updates"
    said = "bits per character" if unit.bits else "perplexity"
    listed = ", ".join(f"{each.variant} {unit.score(each)}" for each in ranked)
    return [
        f"On the {text}, from best to worst in {said}: {listed}. One run each: another seed may swap neighbours."
    ]


def _updates(outcomes: Sequence[Outcome]) -> list[str]:
    if len(updates_made(outcomes)) < 2:
        return []
    listed = ", ".join(f"{each.variant} {each.steps:,}" for each in outcomes if each.steps is not None)
    return [f"Not all have learned for as long. Updates made: {listed}."]


def _reach(outcomes: Sequence[Outcome]) -> list[str]:
    measured = [each for each in outcomes if each.horizon_last is not None]
    lines = []
    ended = [each for each in measured if each.state == "finished"]
    if ended:
        ended.sort(key=lambda each: (each.horizon_last or 0, bool(each.censored_last)))
        listed = ", ".join(f"{each.variant} {_at_least(each)}" for each in ended)
        lines.append(
            f"How many lags back a loss still reaches (99% of its gradient), at the last probe: {listed}."
        )
    steady = [each.variant for each in ended if each.falls_last is False]
    if steady:
        lines.append(f"Within the lags measured, the gradient does not fall off in {', '.join(steady)}.")
    broken = [each for each in measured if each.state == "diverged"]
    if broken:
        listed = ", ".join(f"{each.variant} {_at_least(each)} at step {each.probe_last}" for each in broken)
        lines.append(f"The same in what diverged, at the last probe before: {listed}.")
    return lines


def _at_least(outcome: Outcome) -> str:
    return f"{'at least ' if outcome.censored_last else ''}{outcome.horizon_last}"


def _clipping(outcomes: Sequence[Outcome]) -> list[str]:
    clipped = [each for each in outcomes if each.clipped_share]
    if not clipped:
        return []
    listed = ", ".join(f"{each.variant} {each.clipped_share:.1%}" for each in clipped)
    return [f"Updates whose gradient clipping shortened: {listed}."]


def _diverged(outcomes: Sequence[Outcome]) -> list[str]:
    lines = []
    for each in outcomes:
        if each.state == "diverged":
            at = "" if each.diverged_at is None else f" at step {each.diverged_at:,}"
            kept = each.best_step
            scored = "" if kept is None else f"; its weights of step {kept:,} are the ones scored"
            lines.append(f"{each.variant} diverged{at}{scored}.")
    return lines


def _time(outcome: Outcome) -> str:
    if outcome.state == "diverged":
        return "diverged" if outcome.diverged_at is None else f"diverged at {outcome.diverged_at:,}"
    return "-" if outcome.seconds is None else clock(outcome.seconds)


def _lags(lags: int | None, censored: bool | None) -> str:
    return "-" if lags is None else horizon(lags, bool(censored))


def _half_life(probe: int | None, half_life: float | None, falls: bool | None) -> str:
    if probe is None:
        return "-"
    if half_life is not None:
        return f"{half_life:.3g}" if half_life < 1000 else f"{half_life:,.0f}"
    return "infinite" if falls is False else "-"


def _from_to(first: str, last: str) -> str:
    return first if first == last else f"{first} to {last}"
