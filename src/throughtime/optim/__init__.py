"""Optimisers, gradient clipping, learning-rate schedules and averaged weights."""

from collections.abc import Callable
from functools import partial
from inspect import signature

from throughtime.errors import ArgumentError
from throughtime.optim.adam import Adam
from throughtime.optim.adamw import AdamW
from throughtime.optim.average import AveragedWeights, NonMonotone
from throughtime.optim.clip import Clip, ClipNorm, ClipResult, ClipValue, global_norm
from throughtime.optim.clip_auto import ClipAuto
from throughtime.optim.grammar import clip_norm_from_spec, schedule_from_spec
from throughtime.optim.momentum import Momentum
from throughtime.optim.optimizer import Optimizer
from throughtime.optim.rmsprop import RMSprop
from throughtime.optim.schedule import (
    Constant,
    Cosine,
    Exponential,
    HalveOnRise,
    Product,
    Schedule,
    WarmUp,
)
from throughtime.optim.sgd import SGD

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "AveragedWeights",
    "Clip",
    "ClipAuto",
    "ClipNorm",
    "ClipResult",
    "ClipValue",
    "Constant",
    "Cosine",
    "Exponential",
    "HalveOnRise",
    "Momentum",
    "NonMonotone",
    "Optimizer",
    "Product",
    "RMSprop",
    "Schedule",
    "WarmUp",
    "clip_norm_from_spec",
    "global_norm",
    "optimizer_from_name",
    "schedule_from_spec",
]

_BY_NAME: dict[str, Callable[..., Optimizer]] = {
    "sgd": SGD,
    "momentum": Momentum,
    "nesterov": partial(Momentum, nesterov=True),
    "rmsprop": RMSprop,
    "adam": Adam,
    "adamw": AdamW,
}


def optimizer_from_name(name: str, lr: float | None = None, **more: float) -> Optimizer:
    """Return the optimiser of the command line's spelling.

    Parameters
    ----------
    name : str
        "sgd", "momentum", "nesterov", "rmsprop", "adam" or "adamw".
    lr : float, optional
        Learning rate; None takes the optimiser's own.
    **more
        Its other arguments, such as momentum or weight_decay.

    Raises
    ------
    ArgumentError
        There is no optimiser of this name, it has no such argument, the learning rate is not above 0, or another argument is
        out of range.

    Examples
    --------
    >>> optimizer_from_name("adam", 0.01).settings()
    {'lr': 0.01, 'betas': [0.9, 0.999], 'eps': 1e-08}
    """
    if name not in _BY_NAME:
        raise ArgumentError(
            f"optimizer {name!r} is unknown; expected one of {', '.join(_BY_NAME)}. Choose one of these."
        )
    known = signature(_BY_NAME[name]).parameters
    for argument in more:
        if argument not in known:
            having = [each for each, make in _BY_NAME.items() if argument in signature(make).parameters]
            raise ArgumentError(
                f"{argument} found with optimizer {name}; expected it with {' or '.join(having) or 'none'} only. Leave it out."
            )
    return _BY_NAME[name](**more) if lr is None else _BY_NAME[name](lr, **more)
