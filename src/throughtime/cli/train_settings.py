"""What the options of `throughtime train` mean: the arguments of `fit` and of the model, refused where they make no sense."""

from typing import TYPE_CHECKING, Any

from throughtime.cli.train_options import TrainOptions
from throughtime.errors import ArgumentError

if TYPE_CHECKING:
    from throughtime.networks.language_model import LanguageModel
    from throughtime.optim import Clip, Optimizer

# Words are capped, as in the series: most of a text's words occur once.
_WORDS = 8000
# By optimiser, where its own default is not the one for a model of this kind.
_LR = {"adam": 2e-3, "adamw": 2e-3}


def fit_settings(options: TrainOptions) -> dict[str, Any]:
    """The arguments of `fit` that need no text.

    Raises
    ------
    ArgumentError
        A spelling means nothing, a number is out of range, or two options contradict each other.
    """
    from throughtime.optim import schedule_from_spec
    from throughtime.truncation import parse_truncation

    return {
        "optimizer": _optimizer(options),
        "truncation": None if options.truncation is None else parse_truncation(options.truncation),
        "clip": _clip(options.clip_norm, options.clip_value),
        "schedule": schedule_from_spec(options.schedule),
        "by": options.by,
        "batch_size": options.batch_size,
        "seq_len": options.seq_len,
        "epochs": options.epochs,
        "max_steps": options.max_steps,
        "val_fraction": options.val_fraction,
        "eval_every": options.eval_every,
        "reduction": options.reduction,
        "seed": options.seed,
        "omega": options.omega,
        "average": options.average,
        "patience": options.patience,
        "checkpoint_every": options.checkpoint_every,
        "keep_checkpoints": options.keep_checkpoints,
        "on_incident": options.on_incident,
        "threads": options.threads,
    }


def refuse_slips(options: TrainOptions) -> None:
    """Raise for what is wrong with the options, before a text is read.

    Raises
    ------
    ArgumentError
        As `fit_settings`, and all that the plan, the tokenizer and the model refuse.
    """
    from throughtime.data.parts import split
    from throughtime.data.tokenizer import Tokenizer
    from throughtime.networks.omega import check_omega
    from throughtime.training.plan import Plan

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
    if o.nonlinearity is not None and o.cell != "rnn":
        raise ArgumentError(
            f"--nonlinearity {o.nonlinearity} found with --cell {o.cell}; expected it with --cell rnn only, as the "
            "others have their own. Leave it out."
        )
    if o.input_ == "onehot" and (o.tied or o.embedding_size is not None):
        raise ArgumentError(
            f"--input onehot found with {'--tied' if o.tied else '--embedding-size'}; expected --input embedding. "
            "Leave one of the two out."
        )
    if o.dropout and o.num_layers == 1:
        raise ArgumentError(
            f"--dropout {o.dropout:g} found with one layer; expected at least two, as dropout acts between layers. "
            "Add --num-layers 2."
        )
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
    return optimizer_from_name(options.optimizer, lr)


def _clip(norm: str | None, value: float | None) -> "Clip | None":
    from throughtime.optim import ClipValue, clip_norm_from_spec

    if norm is not None and value is not None:
        raise ArgumentError(
            f"--clip-norm {norm} found with --clip-value {value:g}; expected one of the two. Leave one out."
        )
    if norm is not None:
        return clip_norm_from_spec(norm)
    if value is None:
        return None
    if not 0 < value < float("inf"):
        raise ArgumentError(
            f"--clip-value is {value:g}; expected a finite number above 0. Give one such as 1, or leave it out."
        )
    return ClipValue(value)
