"""`throughtime train`: a language model from a text."""

import sys
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from throughtime.networks.language_model import LanguageModel
    from throughtime.optim import Clip, Optimizer
    from throughtime.training.events import Finished

_TEXT, _MODEL, _TRAINING, _OUTPUT = "Text", "Model", "Training", "Output"

# Words are capped, as in the series: most of a text's words occur once.
_WORDS = 8000
# By optimiser, where its own default is not the one for a model of this kind.
_LR = {"adam": 2e-3, "adamw": 2e-3}


def train(
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FILES|-]...",
            help="Texts in UTF-8, - for standard input. Without any: Python's help topics.",
        ),
    ] = None,
    unit: Annotated[
        Literal["char", "word"], typer.Option(help="What a token is.", rich_help_panel=_TEXT)
    ] = "char",
    vocab_size: Annotated[
        int | None,
        typer.Option(help="At most so many tokens.", rich_help_panel=_TEXT, show_default="all; 8000 words"),
    ] = None,
    by: Annotated[
        Literal["stream", "sentence"],
        typer.Option(
            help="Read on from chunk to chunk, or each sentence as an example of its own.",
            rich_help_panel=_TEXT,
        ),
    ] = "stream",
    val_fraction: Annotated[
        float, typer.Option(help="Share of the text's end that is held out.", rich_help_panel=_TEXT)
    ] = 0.1,
    cell: Annotated[
        Literal["rnn", "lstm", "gru"], typer.Option(help="The recurrent unit.", rich_help_panel=_MODEL)
    ] = "lstm",
    nonlinearity: Annotated[
        Literal["tanh", "relu", "sigmoid"] | None,
        typer.Option(help="Of the plain RNN.", rich_help_panel=_MODEL, show_default="tanh"),
    ] = None,
    hidden_size: Annotated[int, typer.Option(help="Units of a layer.", rich_help_panel=_MODEL)] = 256,
    num_layers: Annotated[int, typer.Option(help="Layers.", rich_help_panel=_MODEL)] = 1,
    input_: Annotated[
        Literal["onehot", "embedding"] | None,
        typer.Option("--input", help="How tokens are read.", rich_help_panel=_MODEL, show_default="onehot"),
    ] = None,
    embedding_size: Annotated[
        int | None,
        typer.Option(help="Of a learned embedding.", rich_help_panel=_MODEL, show_default="hidden size"),
    ] = None,
    tied: Annotated[
        bool, typer.Option("--tied", help="Use the embedding as the readout, too.", rich_help_panel=_MODEL)
    ] = False,
    dropout: Annotated[
        float, typer.Option(help="Probability of dropout between layers.", rich_help_panel=_MODEL)
    ] = 0.0,
    init: Annotated[
        str,
        typer.Option(
            metavar="[default|article][,TARGET=START]...",
            help="How weights start: as PyTorch's, or as the article's; then, say, weight_hh=orthogonal,bias_f=1.",
            rich_help_panel=_MODEL,
        ),
    ] = "default",
    batch_size: Annotated[
        int, typer.Option(help="Streams or sentences side by side.", rich_help_panel=_TRAINING)
    ] = 32,
    seq_len: Annotated[
        int | None,
        typer.Option(help="Steps per update, by stream.", rich_help_panel=_TRAINING, show_default="50"),
    ] = None,
    truncation: Annotated[
        str | None,
        typer.Option(
            metavar="full|window:K|chunk:K",
            help="How far back the gradient goes: all of the update's steps, K lags from each step, or chunks of K.",
            rich_help_panel=_TRAINING,
            show_default="chunk:50; full by sentence",
        ),
    ] = None,
    reduction: Annotated[
        Literal["mean", "sum"],
        typer.Option(help="Of the loss over an update: sum is the article's.", rich_help_panel=_TRAINING),
    ] = "mean",
    optimizer: Annotated[
        Literal["sgd", "momentum", "nesterov", "rmsprop", "adam", "adamw"],
        typer.Option(help="The rule of an update.", rich_help_panel=_TRAINING),
    ] = "adam",
    lr: Annotated[
        float | None,
        typer.Option(
            help="Learning rate.",
            rich_help_panel=_TRAINING,
            show_default="adam, adamw, rmsprop 0.002; others 0.005",
        ),
    ] = None,
    schedule: Annotated[
        Literal["constant", "halve"],
        typer.Option(
            help="Of the learning rate: halve it whenever the validation loss rises.",
            rich_help_panel=_TRAINING,
        ),
    ] = "constant",
    clip_norm: Annotated[
        float | None,
        typer.Option(
            help="Scale a gradient down to this norm.", rich_help_panel=_TRAINING, show_default="off"
        ),
    ] = None,
    clip_value: Annotated[
        float | None,
        typer.Option(
            help="Hold each entry of a gradient within +- this.",
            rich_help_panel=_TRAINING,
            show_default="off",
        ),
    ] = None,
    epochs: Annotated[int, typer.Option(help="Times through the text.", rich_help_panel=_TRAINING)] = 10,
    max_steps: Annotated[
        int | None,
        typer.Option(help="Stop after so many updates.", rich_help_panel=_TRAINING, show_default="no limit"),
    ] = None,
    eval_every: Annotated[
        int | None,
        typer.Option(
            help="Updates between evaluations.",
            rich_help_panel=_TRAINING,
            show_default="about 20 evaluations",
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option(help="The same seed gives the same run.", rich_help_panel=_TRAINING)
    ] = 0,
    out: Annotated[
        str | None,
        typer.Option(
            metavar="RUN",
            help="A new directory for the run.",
            rich_help_panel=_OUTPUT,
            show_default="under runs/",
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress.", rich_help_panel=_OUTPUT)] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="The result as one JSON object.", rich_help_panel=_OUTPUT)
    ] = False,
) -> None:
    """Train a language model on text, and keep it in a run directory."""
    from throughtime.data.corpus import builtin, read
    from throughtime.data.tokenizer import Tokenizer
    from throughtime.initial import parse_initialisation
    from throughtime.optim import schedule_from_spec
    from throughtime.training.directory import WEIGHTS, free_name
    from throughtime.training.display import display
    from throughtime.training.fit import fit
    from throughtime.training.metrics import to_json
    from throughtime.truncation import parse_truncation

    reach = None if truncation is None else parse_truncation(truncation)
    parse_initialisation(init)  # a slip is told before the text is read
    rule = _optimizer(optimizer, lr)
    clip = _clip(clip_norm, clip_value)
    corpus = read(files) if files else builtin()
    if vocab_size is None and unit == "word":
        vocab_size = _WORDS
    tokenizer = Tokenizer.train(corpus.text, unit, vocab_size)
    model = _model(
        tokenizer.vocab_size,
        hidden_size,
        cell,
        nonlinearity,
        num_layers,
        input_,
        embedding_size,
        tied,
        dropout,
        init,
        seed,
    )
    path = out if out is not None else str(free_name("runs", f"{_short(files)}-{cell}"))
    with display(sys.stderr, quiet) as show:
        try:
            run = fit(
                model,
                corpus,
                tokenizer=tokenizer,
                optimizer=rule,
                truncation=reach,
                clip=clip,
                schedule=schedule_from_spec(schedule),
                by=by,
                batch_size=batch_size,
                seq_len=seq_len,
                epochs=epochs,
                max_steps=max_steps,
                val_fraction=val_fraction,
                eval_every=eval_every,
                reduction=reduction,
                seed=seed,
                out=path,
                on_event=show,
            )
        except KeyboardInterrupt as stop:
            if Path(path, WEIGHTS).exists():
                raise KeyboardInterrupt(f"interrupted; the run so far lies in {path}") from stop
            raise
    assert run.finished is not None
    if as_json:
        print(to_json(run.finished.record()))
    else:
        _say_what_next(run.finished, path)


def _short(files: list[str] | None) -> str:
    """What to call a corpus in the name of its run."""
    if not files:
        return "help-topics"
    return "stdin" if files[0] == "-" else PurePath(files[0]).stem


def _model(
    vocab_size: int,
    hidden_size: int,
    cell: str,
    nonlinearity: str | None,
    num_layers: int,
    input_: str | None,
    embedding_size: int | None,
    tied: bool,
    dropout: float,
    init: str,
    seed: int,
) -> "LanguageModel":
    from throughtime.errors import ArgumentError
    from throughtime.networks.language_model import LanguageModel

    if nonlinearity is not None and cell != "rnn":
        raise ArgumentError(
            f"--nonlinearity {nonlinearity} found with --cell {cell}; expected it with --cell rnn only, as the others "
            "have their own. Leave it out."
        )
    if input_ == "onehot" and (tied or embedding_size is not None):
        raise ArgumentError(
            f"--input onehot found with {'--tied' if tied else '--embedding-size'}; expected --input embedding. "
            "Leave one of the two out."
        )
    if dropout and num_layers == 1:
        raise ArgumentError(
            f"--dropout {dropout:g} found with one layer; expected at least two, as dropout acts between layers. "
            "Add --num-layers 2."
        )
    embedded = input_ == "embedding" or tied or embedding_size is not None
    return LanguageModel(
        vocab_size,
        hidden_size,
        cell,
        num_layers,
        (hidden_size if embedding_size is None else embedding_size) if embedded else None,
        tied,
        nonlinearity=nonlinearity or "tanh",
        dropout=dropout,
        init=init,
        seed=seed,
    )


def _optimizer(name: str, lr: float | None) -> "Optimizer":
    from throughtime.optim import optimizer_from_name

    return optimizer_from_name(name, _LR.get(name) if lr is None else lr)


def _clip(norm: float | None, value: float | None) -> "Clip | None":
    from throughtime.errors import ArgumentError
    from throughtime.optim import ClipNorm, ClipValue

    if norm is not None and value is not None:
        raise ArgumentError(
            f"--clip-norm {norm:g} found with --clip-value {value:g}; expected one of the two. Leave one out."
        )
    for option, bound in (("--clip-norm", norm), ("--clip-value", value)):
        if bound is not None and not 0 < bound < float("inf"):
            raise ArgumentError(
                f"{option} is {bound:g}; expected a finite number above 0. Give one such as 1, or leave it out."
            )
    return ClipNorm(norm) if norm is not None else ClipValue(value) if value is not None else None


def _say_what_next(finished: "Finished", path: str) -> None:
    import shlex

    from throughtime.training.display import clock

    print(
        f"{finished.steps:,} step{'' if finished.steps == 1 else 's'} in {clock(finished.seconds)}, {finished.tokens_per_second:,.0f} tokens a second."
    )
    if finished.val_loss is not None:
        bits = finished.val_bits_per_char
        score = (
            f"perplexity {finished.val_perplexity:.4g}" if bits is None else f"{bits:.3f} bits per character"
        )
        print(f"Validation: {score}, at step {finished.best_step:,}, whose weights are kept.")
    program, shown = _program(), shlex.quote(path)
    print(f"The run lies in {shown}. Try next:")
    print(f"  {program} generate {shown} --length 500 --temperature 0.7")
    print(f"  {program} eval {shown} FILE")


def _program() -> str:
    """What to type for this program: its name where a shell finds it, otherwise what was typed this time."""
    import shutil

    if shutil.which("throughtime"):
        return "throughtime"
    called = Path(sys.argv[0])
    return str(called) if called.name == "throughtime" else f"{sys.executable} -m throughtime"
