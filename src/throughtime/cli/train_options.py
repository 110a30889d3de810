"""The options of `throughtime train`: each declared here, once."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import typer

from throughtime.cli.config import take_config
from throughtime.cli.ranges import AT_LEAST_ZERO, POSITIVE, SHARE, whole


def _panel(title: str) -> Callable[..., Any]:
    """What declares an option of one group of the help text: what it does, its name if not the field's, its default."""

    def declare(text: str, *names: str, default: str | bool = True, **more: Any) -> Any:
        return typer.Option(*names, help=text, rich_help_panel=title, show_default=default, **more)

    return declare


_text, _model, _gradient, _update, _duration, _run = map(
    _panel, ("Text", "Model", "Gradient", "Updates", "Duration", "Run")
)


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """What the command line says, or a file of --config, or the defaults."""

    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FILES|-]...",
            help="Texts in UTF-8, also .gz, or directories of them; - for standard input. Without any: Python's help topics.",
        ),
    ] = None

    unit: Annotated[
        Literal["char", "word", "bpe"],
        _text("What a token is: a character, a word, or a frequent run of bytes."),
    ] = "char"
    vocab_size: Annotated[
        int | None,
        _text("At most so many tokens.", default="all; 8000 words or bpe", callback=whole(4)),
    ] = None
    by: Annotated[
        Literal["stream", "sentence"],
        _text("Read on from chunk to chunk, or each sentence as an example of its own."),
    ] = "stream"
    val_fraction: Annotated[float, _text("Share of the text's end that is held out.", callback=SHARE)] = 0.1

    cell: Annotated[Literal["rnn", "lstm", "gru"], _model("The recurrent unit.")] = "lstm"
    nonlinearity: Annotated[
        Literal["tanh", "relu", "sigmoid"] | None, _model("Of the plain RNN.", default="tanh")
    ] = None
    hidden_size: Annotated[int, _model("Units of a layer.", callback=whole(1))] = 256
    num_layers: Annotated[int, _model("Layers.", callback=whole(1))] = 1
    input_: Annotated[
        Literal["onehot", "embedding"] | None, _model("How tokens are read.", "--input", default="onehot")
    ] = None
    embedding_size: Annotated[
        int | None, _model("Of a learned embedding.", default="hidden size", callback=whole(1))
    ] = None
    tied: Annotated[bool, _model("Use the embedding as the readout, too.", "--tied")] = False
    dropout: Annotated[float, _model("Probability of dropout between layers.", callback=SHARE)] = 0.0
    init: Annotated[
        str,
        _model(
            "How weights start: as PyTorch's, or as the article's; then, say, weight_hh=orthogonal,bias_f=1.",
            metavar="[default|article][,TARGET=START]...",
        ),
    ] = "default"

    batch_size: Annotated[int, _gradient("Streams or sentences side by side.", callback=whole(1))] = 32
    seq_len: Annotated[
        int | None, _gradient("Steps per update, by stream.", default="50", callback=whole(1))
    ] = None
    truncation: Annotated[
        str | None,
        _gradient(
            "How far back the gradient goes: all of the update's steps; K lags from each step; chunks of K; "
            "K2 steps for each K1 new ones; or as far as holds its relative bias within a tolerance.",
            metavar="full|window:K|chunk:K|chunk:K1,K2|auto:TOLERANCE[,LONGEST]",
            default="chunk:50; full by sentence",
        ),
    ] = None
    reduction: Annotated[
        Literal["mean", "sum"], _gradient("Of the loss over an update: sum is the article's.")
    ] = "mean"
    omega: Annotated[
        float,
        _gradient(
            "Weight of the penalty that holds the plain RNN's gradient up over time.",
            default="off",
            callback=AT_LEAST_ZERO,
        ),
    ] = 0.0
    clip_norm: Annotated[
        str | None,
        _gradient(
            "Scale a gradient down to this norm; auto: to a multiple of its running average.",
            metavar="NORM|auto[:MULTIPLE]",
            default="off",
        ),
    ] = None
    clip_value: Annotated[
        float | None,
        _gradient("Hold each entry of a gradient within +- this.", default="off", callback=POSITIVE),
    ] = None
    threads: Annotated[int, _gradient("Share a batch out among so many threads.", callback=whole(1))] = 1
    precision: Annotated[
        Literal["full", "bf16"],
        _gradient(
            "full: products in float32. bf16: their operands rounded to bfloat16, about twice as fast from some 128 units "
            "on, under Linux on processors with AMX; elsewhere as full."
        ),
    ] = "full"

    optimizer: Annotated[
        Literal["sgd", "momentum", "nesterov", "rmsprop", "adam", "adamw"], _update("The rule of an update.")
    ] = "adam"
    lr: Annotated[
        float | None,
        _update("Learning rate.", default="adam, adamw, rmsprop 0.002; others 0.005", callback=POSITIVE),
    ] = None
    momentum: Annotated[
        float | None,
        _update(
            "Of momentum and nesterov: the share of the velocity that stays.", default="0.9", callback=SHARE
        ),
    ] = None
    weight_decay: Annotated[
        float | None,
        _update(
            "Of adamw: the share that a weight loses at each update, times the learning rate.",
            default="0.01",
            callback=AT_LEAST_ZERO,
        ),
    ] = None
    schedule: Annotated[
        str,
        _update(
            "Of the learning rate: constant, halve (whenever the validation loss rises), exponential:0.95 (an epoch), "
            "cosine or cosine:0.1 (down to that share), warmup:500 (updates).",
            metavar="PART[,PART]...",
        ),
    ] = "constant"
    average: Annotated[
        int | None,
        _update(
            "Average the weights once N evaluations have brought no better one (NT-ASGD).",
            metavar="N",
            default="off",
            callback=whole(1),
        ),
    ] = None
    on_incident: Annotated[
        Literal["stop", "skip", "rollback"],
        _update(
            "Where the loss or the gradient explodes: stop; leave the update out; or go back to the last checkpoint "
            "with half the learning rate."
        ),
    ] = "stop"
    seed: Annotated[int, _update("The same seed gives the same run.", callback=whole(0))] = 0

    epochs: Annotated[
        int | None,
        _duration(
            "Times through the text.",
            default="10; with --max-steps as many as it takes",
            callback=whole(1),
        ),
    ] = None
    max_steps: Annotated[
        int | None, _duration("Stop after so many updates.", default="no limit", callback=whole(1))
    ] = None
    patience: Annotated[
        int | None,
        _duration(
            "Stop after N evaluations without a better one.",
            metavar="N",
            default="no limit",
            callback=whole(1),
        ),
    ] = None
    eval_every: Annotated[
        int | None,
        _duration("Updates between evaluations.", default="about 20 evaluations", callback=whole(1)),
    ] = None

    flow_every: Annotated[
        int | None,
        _duration(
            "Updates between probes of how far the gradient flows back in time; 0 for none.",
            default="as often as 5% of training allows",
            callback=whole(0),
        ),
    ] = None

    out: Annotated[str | None, _run("A new directory for the run.", metavar="RUN", default="under runs/")] = (
        None
    )
    resume: Annotated[bool, _run("Go on where the run in --out stopped.", "--resume")] = False
    config: Annotated[
        str | None,
        _run(
            "Options from a TOML file, such as a run's options.toml; the command line's win.",
            metavar="FILE",
            default=False,
            callback=take_config,
            is_eager=True,  # the other options look their defaults up in it
        ),
    ] = None
    checkpoint_every: Annotated[
        int | None, _run("Updates between checkpoints.", default="with each evaluation", callback=whole(1))
    ] = None
    keep_checkpoints: Annotated[
        int, _run("How many checkpoints stay, the best one apart.", callback=whole(1))
    ] = 3
    tensorboard: Annotated[bool, _run("Event files in RUN/tensorboard.", "--tensorboard")] = False
    quiet: Annotated[bool, _run("No progress; only what should be known.", "--quiet")] = False
    as_json: Annotated[bool, _run("Print one JSON object when training succeeds.", "--json")] = False
