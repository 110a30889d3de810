"""A trial on a task of long dependencies: trained until it succeeds, or its means are spent."""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from throughtime.data.tasks import Examples, Lengths, Task, find_task
from throughtime.errors import ArgumentError, DivergedError
from throughtime.flow.profile import gradient_flow
from throughtime.machine.conditions import computing
from throughtime.machine.workspace import Workspace
from throughtime.networks.faults import not_finite
from throughtime.networks.omega import check_omega, decayed
from throughtime.networks.sequence_model import SequenceModel
from throughtime.networks.validation import require_count
from throughtime.optim import Clip
from throughtime.study.trial import Corpora, Ended, Result, Trial, Watch
from throughtime.truncation import Auto, Truncation, parse_truncation

# Sequences that are scored at a time; of a range of lengths fewer, as all of these have one length.
_AT_ONCE, _AT_ONE_LENGTH = 1000, 50
# More wrong answers than this share are no success (Pascanu et al. 2013).
_MAY_BE_WRONG = 0.01


@dataclass(frozen=True, kw_only=True)
class TaskTrial(Trial):
    """A trial on a task. Defaults are Pascanu, Mikolov and Bengio's (2013).

    To a schedule, the updates between two tests are an epoch, and the share of wrong answers is the validation loss.

    Parameters
    ----------
    task : str
        One of `throughtime.data.tasks.TASKS`.
    length : int or (int, int)
        Of a range, each batch has a length of its own.
    test_length : as `length`, optional
        Where it differs.
    max_seconds : float, optional
        After which the trial ends without success, as after `max_steps` updates.
    eval_every : int
        Updates between tests.
    test_size : int
        Fresh sequences of a test, of which less than 1% may be wrong.
    others : as `Trial` has them

    Raises
    ------
    ArgumentError
        A setting is bad, or two contradict each other.
    """

    task: str
    length: int | Lengths = 50
    test_length: int | Lengths | None = None
    truncation: str = "full"
    max_seconds: float | None = None
    eval_every: int = 1000
    test_size: int = 10_000

    def __post_init__(self) -> None:
        super().__post_init__()
        task = find_task(self.task)
        if self.test_length == self.length:
            object.__setattr__(self, "test_length", None)  # equal trials are told alike
        for length in (self.length, self.tested):
            task.require_lengths(length)
        for name in ("eval_every", "test_size"):
            require_count(name, getattr(self, name))
        if self.max_seconds is not None and not self.max_seconds > 0:
            raise ArgumentError(
                f"max_seconds={self.max_seconds} found; expected a number above 0. Leave it out for no limit."
            )
        check_omega(self.omega, self.make_model().layers.cell, self.make_truncation())

    @property
    def subject(self) -> str:
        return self.task

    @property
    def span(self) -> int | Lengths:
        return self.length

    @property
    def tested(self) -> int | Lengths:
        """The length of what is tested."""
        return self.length if self.test_length is None else self.test_length

    def make_model(self) -> SequenceModel:
        """The network before its first update."""
        task = find_task(self.task)
        return SequenceModel(
            task.input_size,
            self.hidden_size,
            task.output_size,
            self.cell,
            self.num_layers,
            task.loss,
            task.at,
            self.nonlinearity,
            dropout=self.dropout,
            init=self.init,
            seed=np.random.default_rng([self.seed, 0]),
        )

    def make_truncation(self) -> Truncation:
        """How far back the gradient goes within a sequence."""
        truncation = parse_truncation(self.truncation)
        if isinstance(truncation, Auto):
            raise ArgumentError(
                f"truncation {self.truncation} found; expected full, window:K or chunk:K, as a task's sequences are no stream "
                "that could be looked back over. Use full."
            )
        return truncation

    def run(self, corpora: Corpora) -> Result:
        return run_task(self)


def run_task(trial: TaskTrial, watch: Watch = lambda steps, error_rate: None) -> Result:
    """Train from the first update to the end.

    Parameters
    ----------
    trial : TaskTrial
    watch : callable
        Called after each test with the updates made and the share of wrong answers; what it raises ends the trial.

    Returns
    -------
    Result
        The same numbers for the same trial, version and processor, times and what `max_seconds` cuts short apart.

    Examples
    --------
    >>> trial = TaskTrial(
    ...     task="random-permutation",
    ...     length=5,
    ...     cell="gru",
    ...     optimizer="adam",
    ...     lr=0.01,
    ...     test_size=500,
    ...     eval_every=100,
    ... )
    >>> run_task(trial).success
    True
    """
    start = time.perf_counter()
    task, model = find_task(trial.task), trial.make_model()
    optimizer, clip, truncation = trial.make_optimizer(), trial.make_clip(), trial.make_truncation()
    schedule = trial.make_schedule()
    training, testing, probing = (np.random.default_rng([trial.seed, part]) for part in (1, 2, 3))
    workspace = Workspace()
    probe = task.examples(probing, trial.batch_size, task.require_lengths(trial.tested)[1])
    before = _horizon(model, probe)
    ended: Ended = "steps"
    steps, error_rate = 0, 1.0
    # What overflows is found where it matters.
    with computing(), np.errstate(over="ignore", invalid="ignore"):
        while steps < trial.max_steps:
            drawn = task.examples(training, trial.batch_size, trial.length)
            found = model.bptt(
                drawn.inputs,
                drawn.targets,
                lengths=drawn.lengths,
                training=True,
                truncation=truncation,
                workspace=workspace,
                omega=decayed(trial.omega, steps),
            )
            norm = _clipped(clip, found.grads)
            if not (np.isfinite(found.loss) and np.isfinite(norm)):
                ended = "diverged"
                break
            optimizer.lr = trial.lr * schedule.factor(steps, trial.max_steps, trial.eval_every)
            optimizer.step(model.params, found.grads)
            steps += 1
            if steps % trial.eval_every and steps < trial.max_steps:
                continue
            if not_finite(model.params):
                ended = "diverged"
                break
            error_rate, success = _test(model, task, trial, testing)
            schedule.evaluated(error_rate)
            watch(steps, error_rate)
            if success:
                ended = "success"
                break
            if trial.max_seconds is not None and time.perf_counter() - start > trial.max_seconds:
                ended = "time"
                break
    after = _horizon(model, probe)
    return Result(
        ended=ended,
        steps=steps,
        seconds=time.perf_counter() - start,
        horizon_before=before,
        horizon_before_censored=False,
        horizon_after=after,
        horizon_after_censored=False,
        lags=len(probe.inputs) - 1,
        error_rate=error_rate,
    )


def _test(model: SequenceModel, task: Task, trial: TaskTrial, rng: np.random.Generator) -> tuple[float, bool]:
    """The share of wrong answers to fresh sequences, as many as it takes to tell; and whether they are few enough."""
    wrong = seen = 0
    at_once = _AT_ONCE if isinstance(trial.tested, int) else _AT_ONE_LENGTH
    while seen < trial.test_size and wrong < _MAY_BE_WRONG * trial.test_size:
        drawn = task.examples(rng, min(at_once, trial.test_size - seen), trial.tested)
        outputs, _ = model.forward(drawn.inputs, lengths=drawn.lengths)
        wrong += int(np.count_nonzero(task.wrong(outputs, drawn.targets)))
        seen += drawn.inputs.shape[1]
    return wrong / seen, wrong < _MAY_BE_WRONG * trial.test_size


def _clipped(clip: Clip | None, grads: dict[str, Any]) -> float:
    """The norm of the gradient before it is clipped; 0 where none is."""
    return 0.0 if clip is None else clip.apply(grads).norm


def _horizon(model: SequenceModel, drawn: Examples) -> int | None:
    """How far back the gradient reaches; None where there is none, or it is not finite."""
    try:
        flow = gradient_flow(
            model, drawn.inputs, drawn.targets, max_lag=len(drawn.inputs), lengths=drawn.lengths
        )
        return int(flow.horizon())
    except DivergedError:
        return None
