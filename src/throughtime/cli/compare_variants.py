"""The variants of `throughtime compare`: ready sets, and those spelled out by the user."""

import shlex
from collections.abc import Callable
from dataclasses import fields, replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import typer
from typer.main import get_command

from throughtime.cli.compare_options import CompareOptions
from throughtime.cli.parameters import key_of, spelled, takes
from throughtime.cli.train_options import TrainOptions
from throughtime.cli.usage import UsageError, explain
from throughtime.errors import ArgumentError, InputError

if TYPE_CHECKING:
    from throughtime.compare.variant import Variant

# The options in which a variant differs from what is said for all, by the names of the fields.
Own: TypeAlias = dict[str, Any]

# What a variant may have of its own. The rest is one for all, or they would not learn from the same for as long.
OWN = frozenset({
    "cell", "nonlinearity", "hidden_size", "num_layers", "input_", "embedding_size", "tied", "dropout", "init",
    "seq_len", "truncation", "reduction", "omega", "clip_norm", "clip_value",
    "optimizer", "lr", "momentum", "weight_decay", "schedule", "average", "on_incident", "precision",
})  # fmt: skip
_SEQ_LEN = 50  # where neither --seq-len nor --truncation says otherwise
_WINDOWS = (1, 5, 20)


class Fork(NamedTuple):
    """A variant as options: all of them, and those in which it differs from what is said for all."""

    name: str
    options: TrainOptions
    own: Own


def forks(options: CompareOptions, typed: list[str]) -> list[Fork]:
    """The variants that the options ask for, in order.

    Raises
    ------
    ArgumentError
        A set is unknown, an option contradicts it, or a variant cannot be read.
    """
    sets = [name for spec in options.vary or () for name in spec.split(",")]
    if not sets and not options.variant:
        sets = ["cells"]
    found: list[tuple[str, Own]] = []
    for name in sets:
        if name not in _SETS:
            raise ArgumentError(
                f"--vary {name} found; expected one of {', '.join(_SETS)}. Name one, or spell variants out: --variant "
                '"NAME: OPTIONS".'
            )
        make, settled = _SETS[name]
        for option in settled:
            if option in typed and not options.variant:
                raise ArgumentError(
                    f"{spelled(option)} found with --vary {name}; expected it to be left open, as this is what varies. "
                    'Leave it out, or spell variants out: --variant "NAME: OPTIONS".'
                )
        found += make(options).items()
    found += [_spelled_out(text) for text in options.variant or ()]
    common = TrainOptions(**{each.name: getattr(options, each.name) for each in fields(TrainOptions)})
    return [Fork(name, replace(common, **own), own) for name, own in found]


def make_variant(fork: Fork) -> "Variant":
    """A variant from its options.

    Raises
    ------
    ArgumentError
        As `throughtime train` would refuse them.
    """
    from throughtime.cli.train_settings import fit_settings, make_model, refuse_slips
    from throughtime.compare.variant import Variant

    name, options, own = fork
    try:
        refuse_slips(options)
        model = make_model(options, vocab_size=4).settings
        del model["vocab_size"]  # the text's
        return Variant(
            name=name,
            model={**model, "seed": options.seed},
            training=fit_settings(options),
            options={key_of(option): value for option, value in own.items()},
        )
    except InputError as error:
        raise ArgumentError(f"variant {name}: {error}") from error


# ------------------------------------------------------------ ready sets


def _cells(o: CompareOptions) -> dict[str, Own]:
    relu: dict[str, Own] = {"relu": {"cell": "rnn", "nonlinearity": "relu"}}
    if "weight_hh" not in o.init:  # a start that was asked for stays
        # Le, Jaitly and Hinton (2015): a ReLU network begins as a copy of its state. Over a stream such a state adds up, and
        # training often diverges; weights that turn it serve there.
        starts = {"relu": "weight_hh=orthogonal", "relu-identity": "weight_hh=identity,bias=zero"}
        relu = {name: {**relu["relu"], "init": f"{o.init},{start}"} for name, start in starts.items()}
    return {
        "tanh": {"cell": "rnn", "nonlinearity": "tanh"},
        "sigmoid": {"cell": "rnn", "nonlinearity": "sigmoid"},
        **relu,
        "lstm": {"cell": "lstm", "nonlinearity": None},
        "gru": {"cell": "gru", "nonlinearity": None},
    }


def _clipping(o: CompareOptions) -> dict[str, Own]:
    unclipped: Own = {"clip_norm": None, "clip_value": None}
    given = o.clip_norm is not None or o.clip_value is not None
    clipped = {"clip_norm": o.clip_norm if given else "1", "clip_value": o.clip_value}
    return {"unclipped": unclipped, "clipped": clipped}


def _starts(o: CompareOptions) -> dict[str, Own]:
    starts = {"default": "default", "article": "article", "orthogonal": "weight_hh=orthogonal"}
    match o.cell:
        case "rnn":
            starts["identity"] = "weight_hh=identity,bias=zero"
        case "lstm":
            starts["forget-bias"] = "bias_f=1"
    return {name: {"init": init} for name, init in starts.items()}


def _truncations(o: CompareOptions) -> dict[str, Own]:
    """Each learns from as many new steps in an update."""
    if o.by == "sentence":
        specs, steps = [*(f"window:{k}" for k in _WINDOWS), "full"], None
    else:
        steps = o.seq_len or _SEQ_LEN
        specs = [
            *(f"window:{k}" for k in _WINDOWS if k < steps - 1),
            f"chunk:{steps}",
            f"chunk:{steps},{2 * steps}",
        ]
    return {
        spec.translate({ord(":"): "-", ord(","): "-"}): {
            "truncation": spec,
            "seq_len": steps if spec.startswith("window") else None,
        }
        for spec in specs
    }


# What makes a set, and the options that it settles.
_SETS: dict[str, tuple[Callable[[CompareOptions], dict[str, Own]], tuple[str, ...]]] = {
    "cells": (_cells, ("cell", "nonlinearity")),
    "clipping": (_clipping, ()),
    "starts": (_starts, ("init",)),
    "truncations": (_truncations, ("truncation",)),
}


# ------------------------------------------------------------ spelled out


def _spelled_out(text: str) -> tuple[str, Own]:
    """Read ``NAME: OPTIONS``."""
    from throughtime.compare.variant import require_name

    name, _, rest = (part.strip() for part in text.partition(":"))
    require_name(name)
    try:
        words = shlex.split(rest)
    except ValueError as error:
        raise ArgumentError(
            f"variant {name}: {rest} found ({error}); expected options of throughtime train. Close the quotes."
        ) from None
    options, typed = _parse(name, words)
    for option in typed:
        if option not in OWN:
            what = "a text" if option == "files" else spelled(option)
            raise ArgumentError(
                f"variant {name}: {what} found; expected it outside of --variant, as it is one for all. Variants may differ "
                f"in {', '.join(spelled(each) for each in sorted(OWN))}."
            )
    return name, {option: getattr(options, option) for option in typed}


def _parse(name: str, words: list[str]) -> tuple[TrainOptions, list[str]]:
    """What the parser of `throughtime train` makes of words: the options, and which of them were there."""

    @takes(TrainOptions)
    def train(options: TrainOptions, typed: list[str]) -> tuple[TrainOptions, list[str]]:
        """Give back what was parsed."""
        return options, typed

    made = typer.Typer(add_completion=False, rich_markup_mode=None)
    made.command("train", add_help_option=False)(train)
    command: Any = get_command(made)
    try:
        with command.make_context("train", list(words)) as context:
            found: tuple[TrainOptions, list[str]] = command.invoke(context)
            return found
    except UsageError as error:
        line = explain(error, ["train", *words], SimpleNamespace(commands={"train": command}))
        raise ArgumentError(f"variant {name}: {line}") from None
    except ArgumentError as error:
        raise ArgumentError(f"variant {name}: {error}") from None
