"""What the options of `throughtime train` mean: the arguments of `fit` and of the model, refused where they make no sense."""

from typing import TYPE_CHECKING, Any

from throughtime.cli.contradictions import refuse_contradictions
from throughtime.cli.train_options import TrainOptions
from throughtime.errors import ArgumentError

if TYPE_CHECKING:
    from throughtime.networks.language_model import LanguageModel
    from throughtime.optim import Clip, Optimizer, Schedule
    from throughtime.truncation import Auto, Truncation

# Words are capped, as in the series: most of a text's words occur once.
_WORDS = 8000
# By optimiser, where its own default is not the one for a model of this kind.
_LR = {"adam": 2e-3, "adamw": 2e-3}


def fit_settings(options: TrainOptions) -> dict[str, Any]:
    """The arguments of `fit` that need no text.

    Raises
    ------
    ArgumentError
        A spelling means nothing.
    """
    return {
        "optimizer": _optimizer(options),
        "truncation": _truncation(options.truncation),
        "clip": _clip(options.clip_norm, options.clip_value),
        "schedule": _schedule(options.schedule),
        "by": options.by,
        "batch_size": options.batch_size,
        "seq_len": options.seq_len,
        "epochs": options.epochs,
        "max_steps": options.max_steps,
        "val_fraction": options.val_fraction,
        "eval_every": options.eval_every,
        "flow_every": options.flow_every,
        "reduction": options.reduction,
        "seed": options.seed,
        "omega": options.omega,
        "average": options.average,
        "patience": options.patience,
        "checkpoint_every": options.checkpoint_every,
        "keep_checkpoints": options.keep_checkpoints,
        "on_incident": options.on_incident,
        "threads": options.threads,
        "precision": options.precision,
    }


def refuse_slips(options: TrainOptions) -> None:
    """Raise for what is wrong with the options, before a text is read.

    Raises
    ------
    ArgumentError
        As `fit_settings`, and all that contradicts each other, or that the plan, the tokenizer and the model refuse.
    """
    from throughtime.data.parts import split
    from throughtime.data.tokenizer import Tokenizer
    from throughtime.networks.omega import check_omega
    from throughtime.training.plan import Plan

    refuse_contradictions(options)
    split(range(1 << 40), options.val_fraction)  # of the longest text
    plan = Plan.of(**fit_settings(options))
    Tokenizer.train("a", options.unit, vocabulary(options))
    model = make_model(options, vocab_size=4)
    if plan.omega:
        check_omega(plan.omega, model.layers.cell, plan.within_update)


def make_model(options: TrainOptions, vocab_size: int) -> "LanguageModel":
    """The model that the options describe.

    Raises
    ------
    ArgumentError
        As `fit_settings`.
    """
    from throughtime.networks.language_model import LanguageModel

    o = options
    embedded = o.input_ == "embedding" or o.tied or o.embedding_size is not None
    return LanguageModel(
        vocab_size,
        o.hidden_size,
        o.cell,
        o.num_layers,
        (o.hidden_size if o.embedding_size is None else o.embedding_size) if embedded else None,
        o.tied,
        nonlinearity=o.nonlinearity or "tanh",
        dropout=o.dropout,
        init=o.init,
        seed=o.seed,
    )


def vocabulary(options: TrainOptions) -> int | None:
    """At most how many tokens; None leaves it to the tokenizer."""
    return _WORDS if options.vocab_size is None and options.unit == "word" else options.vocab_size


def _optimizer(options: TrainOptions) -> "Optimizer":
    from throughtime.optim import optimizer_from_name

    lr = _LR.get(options.optimizer) if options.lr is None else options.lr
    more = {"momentum": options.momentum, "weight_decay": options.weight_decay}
    return optimizer_from_name(options.optimizer, lr, **{k: v for k, v in more.items() if v is not None})


def _truncation(spec: str | None) -> "Truncation | Auto | None":
    from throughtime.truncation import parse_truncation

    if spec is None:
        return None
    try:
        return parse_truncation(spec)
    except ArgumentError as error:
        raise ArgumentError(
            f"--truncation {spec} found; expected full, window:K with K of at least 0, chunk:K with K of at least 1, "
            "chunk:K1,K2 with K2 of at least K1, or auto:TOLERANCE with one above 0, such as auto:0.1. Spell it like one of "
            "these."
        ) from error


def _schedule(spec: str) -> "Schedule":
    from throughtime.optim import schedule_from_spec

    try:
        return schedule_from_spec(spec)
    except ArgumentError as error:
        raise ArgumentError(f"--schedule {spec}: {error}") from error


def _clip(norm: str | None, value: float | None) -> "Clip | None":
    from throughtime.optim import ClipValue, clip_norm_from_spec

    if norm is None:
        return None if value is None else ClipValue(value)
    try:
        return clip_norm_from_spec(norm)
    except ArgumentError as error:
        raise ArgumentError(
            f"--clip-norm {norm} found; expected a finite number above 0, auto, or auto:MULTIPLE with one above 1. Use auto, "
            "or a number such as 1."
        ) from error
