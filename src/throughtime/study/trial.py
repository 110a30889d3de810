"""One trial: one network, one task, one seed, trained until it succeeds or its means are spent."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from throughtime.data.tasks import Examples, Lengths, Task, find_task
from throughtime.errors import ArgumentError, DivergedError
from throughtime.flow.curve import Horizon
from throughtime.flow.profile import gradient_flow
from throughtime.machine.conditions import computing
from throughtime.machine.workspace import Workspace
from throughtime.networks.faults import not_finite
from throughtime.networks.omega import check_omega, decayed
from throughtime.networks.sequence_model import SequenceModel
from throughtime.networks.validation import require_count
from throughtime.optim import Clip, ClipValue, Optimizer, clip_norm_from_spec, optimizer_from_name
from throughtime.truncation import Auto, Truncation, parse_truncation

# Sequences that are scored at a time.
_AT_ONCE = 1000
# More wrong answers than this share are no success (Pascanu et al. 2013).
_MAY_BE_WRONG = 0.01


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What a trial is: plain data, fit for JSON and to be sent to another process.

    Defaults are Pascanu, Mikolov and Bengio's (2013).

    Parameters
    ----------
    task : str
        One of `throughtime.data.tasks.TASKS`.
    length : int or (int, int)
        Of a range, each batch has a length of its own.
    test_length : as `length`, optional
        Where it differs.
    cell, nonlinearity, hidden_size, num_layers, init : as `throughtime.SequenceModel` has them
    optimizer, lr, momentum, clip_norm, clip_value, omega, truncation : as `throughtime train` spells them
    batch_size : int
    max_steps : int
        Updates after which the trial ends without success.
    max_seconds : float, optional
        The same by the clock.
    eval_every : int
        Updates between tests.
    test_size : int
        Fresh sequences of a test, of which less than 1% may be wrong.
    seed : int

    Raises
    ------
    ArgumentError
        A setting is bad, or two contradict each other.
    """

    task: str
    length: int | Lengths = 50
    test_length: int | Lengths | None = None
    cell: str = "rnn"
    nonlinearity: str = "tanh"
    hidden_size: int = 50
    num_layers: int = 1
    init: str = "default"
    optimizer: str = "sgd"
    lr: float = 0.01
    momentum: float | None = None
    clip_norm: str | None = None
    clip_value: float | None = None
    omega: float = 0.0
    truncation: str = "full"
    batch_size: int = 20
    max_steps: int = 100_000
    max_seconds: float | None = None
    eval_every: int = 1000
    test_size: int = 10_000
    seed: int = 0

    def __post_init__(self) -> None:
        task = find_task(self.task)
        for length in (self.length, self.tested):
            task.require_lengths(length)
        for name in ("batch_size", "max_steps", "eval_every", "test_size"):
            require_count(name, getattr(self, name))
        if self.max_seconds is not None and not self.max_seconds > 0:
            raise ArgumentError(
                f"max_seconds={self.max_seconds} found; expected a number above 0. Leave it out for no limit."
            )
        model = self.make_model()
        self.make_optimizer()
        self.make_clip()
        truncation = self.make_truncation()
        if self.omega:
            check_omega(self.omega, model.layers.cell, truncation)

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
            init=self.init,
            seed=np.random.default_rng([self.seed, 0]),
        )

    def make_optimizer(self) -> Optimizer:
        """The rule of an update."""
        more = {} if self.momentum is None else {"momentum": self.momentum}
        return optimizer_from_name(self.optimizer, self.lr, **more)

    def make_clip(self) -> Clip | None:
        """How a gradient is clipped, if it is."""
        if self.clip_norm is not None and self.clip_value is not None:
            raise ArgumentError(
                f"clip_norm={self.clip_norm} and clip_value={self.clip_value} found; expected one of them. Leave one out."
            )
        if self.clip_norm is not None:
            return clip_norm_from_spec(self.clip_norm)
        return None if self.clip_value is None else ClipValue(self.clip_value)

    def make_truncation(self) -> Truncation:
        """How far back the gradient goes within a sequence."""
        truncation = parse_truncation(self.truncation)
        if isinstance(truncation, Auto):
            raise ArgumentError(
                f"truncation {self.truncation} found; expected full, window:K or chunk:K, as a task's sequences are no stream "
                "that could be looked back over. Use full."
            )
        return truncation

    def record(self) -> dict[str, Any]:
        """All settings, fit for JSON."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Result:
    """What came of a trial.

    Attributes
    ----------
    ended : str
        "success"; "steps" or "time", where a cap was met; "diverged", where loss, gradient or a weight was not finite.
    steps : int
        Updates made.
    seconds : float
    error_rate : float
        Of the last test, over as many of its sequences as it took to tell.
    horizon_before, horizon_after : int
        Of the top layer's h on a batch of test sequences, before the first update and after the last; None where there is no
        gradient, or none that is finite.
    horizon_before_censored, horizon_after_censored : bool
        Whether it is only known to be at least this.
    """

    ended: str
    steps: int
    seconds: float
    error_rate: float
    horizon_before: int | None
    horizon_before_censored: bool
    horizon_after: int | None
    horizon_after_censored: bool

    @property
    def success(self) -> bool:
        """Whether fewer than 1% of fresh sequences were answered wrong."""
        return self.ended == "success"


def run_trial(trial: Trial, watch: Callable[[int, float], None] = lambda steps, error_rate: None) -> Result:
    """Train from the first update to the end.

    Parameters
    ----------
    trial : Trial
    watch : callable
        Called after each test with the updates made and the share of wrong answers; what it raises ends the trial.

    Returns
    -------
    Result
        The same numbers for the same trial, version and processor, times and what `max_seconds` cuts short apart.

    Examples
    --------
    >>> trial = Trial(
    ...     task="random-permutation",
    ...     length=5,
    ...     cell="gru",
    ...     optimizer="adam",
    ...     lr=0.01,
    ...     test_size=500,
    ...     eval_every=100,
    ... )
    >>> run_trial(trial).success
    True
    """
    start = time.perf_counter()
    task, model = find_task(trial.task), trial.make_model()
    optimizer, clip, truncation = trial.make_optimizer(), trial.make_clip(), trial.make_truncation()
    training, testing, probing = (np.random.default_rng([trial.seed, part]) for part in (1, 2, 3))
    workspace = Workspace()
    probe = task.examples(probing, trial.batch_size, trial.tested)
    before = _horizon(model, probe)
    ended, steps, error_rate = "steps", 0, 1.0
    # What overflows is found where it matters.
    with computing(), np.errstate(over="ignore", invalid="ignore"):
        while steps < trial.max_steps:
            drawn = task.examples(training, trial.batch_size, trial.length)
            found = model.bptt(
                drawn.inputs,
                drawn.targets,
                lengths=drawn.lengths,
                truncation=truncation,
                workspace=workspace,
                omega=decayed(trial.omega, steps),
            )
            norm = _clipped(clip, found.grads)
            if not (np.isfinite(found.loss) and np.isfinite(norm)):
                ended = "diverged"
                break
            optimizer.step(model.params, found.grads)
            steps += 1
            if steps % trial.eval_every and steps < trial.max_steps:
                continue
            if not_finite(model.params):
                ended = "diverged"
                break
            error_rate, success = _test(model, task, trial, testing)
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
        error_rate=error_rate,
        horizon_before=None if before is None else int(before),
        horizon_before_censored=before is not None and before.censored,
        horizon_after=None if after is None else int(after),
        horizon_after_censored=after is not None and after.censored,
    )


def _test(model: SequenceModel, task: Task, trial: Trial, rng: np.random.Generator) -> tuple[float, bool]:
    """The share of wrong answers to fresh sequences, as many as it takes to tell; and whether they are few enough."""
    wrong = seen = 0
    while seen < trial.test_size and wrong < _MAY_BE_WRONG * trial.test_size:
        drawn = task.examples(rng, min(_AT_ONCE, trial.test_size - seen), trial.tested)
        outputs, _ = model.forward(drawn.inputs, lengths=drawn.lengths)
        wrong += int(np.count_nonzero(task.wrong(outputs, drawn.targets)))
        seen += drawn.inputs.shape[1]
    return wrong / seen, wrong < _MAY_BE_WRONG * trial.test_size


def _clipped(clip: Clip | None, grads: dict[str, Any]) -> float:
    """The norm of the gradient before it is clipped; 0 where none is."""
    return 0.0 if clip is None else clip.apply(grads).norm


def _horizon(model: SequenceModel, drawn: Examples) -> Horizon | None:
    """How far back the gradient reaches; None where there is none, or it is not finite."""
    try:
        flow = gradient_flow(
            model, drawn.inputs, drawn.targets, max_lag=len(drawn.inputs), lengths=drawn.lengths
        )
        return flow.horizon()
    except DivergedError:
        return None
