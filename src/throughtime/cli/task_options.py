"""The options of `throughtime task`: each declared here, once."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import typer

from throughtime.cli.engine import RAY
from throughtime.cli.ranges import AT_LEAST_ZERO, POSITIVE, SHARE, whole
from throughtime.study.lengths import parse_lengths


def lengths(context: typer.Context, param: typer.CallbackParam, value: str | None) -> str | None:
    """The callback of an option that takes a length, or a range of them.

    Raises
    ------
    ArgumentError
        It is neither.
    """
    if value is not None:
        parse_lengths(value, f"--{str(param.name).replace('_', '-')}")
    return value


def _option(panel: str, text: str, *names: str, default: str | bool = True, **more: Any) -> Any:
    return typer.Option(*names, help=text, rich_help_panel=panel, show_default=default, **more)


@dataclass(frozen=True, kw_only=True)
class TaskOptions:
    """What the command line says, or the defaults: those of Pascanu, Mikolov and Bengio (2013)."""

    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="temporal-order, adding or another: a name that is none gets the list."
        ),
    ]
    length: Annotated[
        str,
        _option(
            "Task",
            "Steps of a sequence, for adding, multiplication and delayed-xor up to a tenth more; for memorisation and copy-memory "
            "those between telling and asking. Of a range each batch has a length of its own.",
            metavar="N|N-N",
            callback=lengths,
        ),
    ] = "50"
    test_length: Annotated[
        str | None,
        _option("Task", "Of what is tested.", default="as --length", metavar="N|N-N", callback=lengths),
    ] = None
    seeds: Annotated[int, _option("Task", "So many trials, from so many seeds.", callback=whole(1))] = 5
    seed: Annotated[int, _option("Task", "The first of them.", callback=whole(0))] = 0
    jobs: Annotated[
        int | None,
        _option("Task", "Trials at a time, each on one thread.", default="a core each", callback=whole(1)),
    ] = None
    ray: Annotated[
        str | None, _option("Task", RAY, default="this machine's processes", metavar="ADDRESS|local")
    ] = None

    cell: Annotated[Literal["rnn", "lstm", "gru"], _option("Model", "The recurrent unit.")] = "rnn"
    nonlinearity: Annotated[Literal["tanh", "relu", "sigmoid"], _option("Model", "Of the plain RNN.")] = (
        "tanh"
    )
    hidden_size: Annotated[int, _option("Model", "Units of a layer.", callback=whole(1))] = 50
    num_layers: Annotated[int, _option("Model", "Layers.", callback=whole(1))] = 1
    dropout: Annotated[float, _option("Model", "Probability of dropout between layers.", callback=SHARE)] = (
        0.0
    )
    init: Annotated[
        str,
        _option(
            "Model",
            "How weights start, as throughtime train has it.",
            metavar="[default|article][,TARGET=START]...",
        ),
    ] = "default"

    batch_size: Annotated[int, _option("Updates", "Fresh sequences for each.", callback=whole(1))] = 20
    truncation: Annotated[
        str,
        _option("Updates", "How far back the gradient goes.", metavar="full|window:K|chunk:K|chunk:K1,K2"),
    ] = "full"
    optimizer: Annotated[
        Literal["sgd", "momentum", "nesterov", "rmsprop", "adam", "adamw"], _option("Updates", "The rule.")
    ] = "sgd"
    lr: Annotated[float, _option("Updates", "Learning rate.", callback=POSITIVE)] = 0.01
    momentum: Annotated[
        float | None, _option("Updates", "Of momentum and nesterov.", default="0.9", callback=SHARE)
    ] = None
    weight_decay: Annotated[
        float | None,
        _option(
            "Updates",
            "Of adamw: the share that a weight loses at each update, times the learning rate.",
            default="0.01",
            callback=AT_LEAST_ZERO,
        ),
    ] = None
    schedule: Annotated[
        str,
        _option(
            "Updates",
            "Of the learning rate, as throughtime train has it; an epoch is what lies between two tests.",
            metavar="PART[,PART]...",
        ),
    ] = "constant"
    clip_norm: Annotated[
        str | None,
        _option(
            "Updates", "Scale a gradient down to this norm.", default="off", metavar="NORM|auto[:MULTIPLE]"
        ),
    ] = None
    clip_value: Annotated[
        float | None,
        _option("Updates", "Hold each entry of a gradient within +- this.", default="off", callback=POSITIVE),
    ] = None
    omega: Annotated[
        float,
        _option(
            "Updates",
            "Weight of the penalty that holds the plain RNN's gradient up over time.",
            default="off",
            callback=AT_LEAST_ZERO,
        ),
    ] = 0.0

    max_steps: Annotated[int, _option("Duration", "Updates of a trial at most.", callback=whole(1))] = 100_000
    max_seconds: Annotated[
        float | None,
        _option("Duration", "Seconds of a trial at most.", default="no limit", callback=POSITIVE),
    ] = None
    eval_every: Annotated[int, _option("Duration", "Updates between tests.", callback=whole(1))] = 1000
    test_size: Annotated[
        int,
        _option("Duration", "Fresh sequences of a test; success is less than 1% wrong.", callback=whole(1)),
    ] = 10_000

    quiet: Annotated[bool, _option("Output", "No progress.", "--quiet")] = False
    as_json: Annotated[bool, _option("Output", "Print one JSON object at the end.", "--json")] = False
