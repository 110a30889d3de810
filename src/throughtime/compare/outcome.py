"""What came of one variant, as one flat record."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from throughtime.compare.course import Course

State = Literal["to come", "finished", "diverged"]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A variant's numbers; None where there are none, or not yet.

    Attributes
    ----------
    variant : str
    state : "to come", "finished" or "diverged"
    parameters : int
        How many numbers the model learns.
    steps, tokens : int or None
        Updates made, and predictions learned from.
    best_step : int or None
        The evaluation whose weights were kept.
    val_loss, val_perplexity, val_bits_per_char : float or None
        Of the weights that were kept.
    train_loss, train_bits_per_char : float or None
        Mean over the last tenth of the updates, in nats per token; in bits where every token is a character.
    clipped_share : float or None
        The share of updates whose gradient was clipped.
    seconds : float or None
        Of training, evaluations and probes included.
    probe_first, probe_last : int or None
        The steps at which the gradient's way back was measured first and last.
    horizon_first, horizon_last : int or None
        The lag within which 99% of phi lies then; at least so many where `censored_first`, `censored_last`.
    half_life_first, half_life_last : float or None
        Lags after which phi has halved; None where `falls_first`, `falls_last` is false, or it cannot be told.
    diverged_at : int or None
        Of a variant that diverged, the update that was not made.
    stopped : str or None
        Why, in one line.
    """

    variant: str
    state: State = "to come"
    parameters: int
    steps: int | None = None
    tokens: int | None = None
    best_step: int | None = None
    val_loss: float | None = None
    val_perplexity: float | None = None
    val_bits_per_char: float | None = None
    train_loss: float | None = None
    train_bits_per_char: float | None = None
    clipped_share: float | None = None
    seconds: float | None = None
    probe_first: int | None = None
    probe_last: int | None = None
    horizon_first: int | None = None
    horizon_last: int | None = None
    censored_first: bool | None = None
    censored_last: bool | None = None
    half_life_first: float | None = None
    half_life_last: float | None = None
    falls_first: bool | None = None
    falls_last: bool | None = None
    diverged_at: int | None = None
    stopped: str | None = None

    @classmethod
    def of(
        cls, variant: str, parameters: int, course: Course, seconds: float, stopped: str | None, by_char: bool
    ) -> "Outcome":
        """The outcome of a run.

        Parameters
        ----------
        variant : str
        parameters : int
        course : Course
            What its files say.
        seconds : float
            The time it took.
        stopped : str or None
            Why it diverged, if it did.
        by_char : bool
            Whether every token is a character.
        """
        best, probes, train_loss = course.best or {}, course.probes, course.train_loss
        return cls(
            variant=variant,
            state="finished" if stopped is None else "diverged",
            parameters=parameters,
            steps=course.steps,
            tokens=course.tokens,
            best_step=best.get("step"),
            val_loss=best.get("val_loss"),
            val_perplexity=best.get("val_perplexity"),
            val_bits_per_char=best.get("val_bits_per_char"),
            train_loss=train_loss,
            train_bits_per_char=train_loss / math.log(2) if by_char and train_loss is not None else None,
            clipped_share=course.clipped_share,
            seconds=round(seconds, 3),
            diverged_at=None if stopped is None else course.diverged_at,
            stopped=stopped,
            **(_reach(probes[0], "first") | _reach(probes[-1], "last") if probes else {}),
        )

    def record(self) -> dict[str, Any]:
        """Fit for JSON."""
        return asdict(self)

    @classmethod
    def read(cls, record: Mapping[str, Any]) -> "Outcome":
        """What `record` gave, among other entries."""
        return cls(**{each.name: record[each.name] for each in fields(cls)})


def _reach(probe: Mapping[str, Any], when: str) -> dict[str, Any]:
    names = {
        "step": "probe",
        "horizon": "horizon",
        "censored": "censored",
        "half_life": "half_life",
        "falls": "falls",
    }
    return {f"{ours}_{when}": probe.get(theirs) for theirs, ours in names.items()}
