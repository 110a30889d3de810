"""Trials and results as tests need them, without training."""

from throughtime.study.plan import Planned
from throughtime.study.run import Found
from throughtime.study.task_trial import TaskTrial
from throughtime.study.trial import Result


def result(ended="success", **more):
    """A result with what is not said set to something plain."""
    plain = {
        "steps": 3000,
        "seconds": 2.0,
        "horizon_before": 9,
        "horizon_before_censored": False,
        "horizon_after": 19,
        "horizon_after_censored": False,
        "lags": 19,
        "error_rate": 0.004 if ended == "success" else 0.5,
    }
    return Result(ended=ended, **plain | more)


def found(way, length, *results, task="temporal-order", **settings):
    """What trials of one way and length have found, seed by seed."""
    return [
        Found(Planned(way, TaskTrial(task=task, length=length, seed=seed, **settings)), each)
        for seed, each in enumerate(results)
    ]
