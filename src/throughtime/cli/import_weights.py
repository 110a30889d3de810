"""`throughtime import`: a PyTorch language model as a run."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from throughtime.exchange import Imported


def import_weights(
    weights: Annotated[
        str,
        typer.Argument(metavar="WEIGHTS", help="The model's state_dict; a file of safetensors."),
    ],
    tokenizer: Annotated[
        str,
        typer.Option(
            help="A file of the model's symbols in the order of their ids, as JSON, a list or an object, or one a line; or a run's "
            "tokenizer.json.",
            metavar="FILE",
            show_default=False,
        ),
    ],
    out: Annotated[
        str | None,
        typer.Option(
            help="A new or empty directory for the run.",
            metavar="RUN",
            show_default="runs/ and the file's name, or its directory's of a model.safetensors",
        ),
    ] = None,
    unit: Annotated[
        Literal["char", "word"] | None,
        typer.Option(help="What a symbol is.", show_default="char if each of them is one character"),
    ] = None,
    nonlinearity: Annotated[
        Literal["tanh", "relu"] | None,
        typer.Option(help="Of nn.RNN alone, whose weights do not tell it.", show_default=False),
    ] = None,
    embedding: Annotated[
        str | None,
        typer.Option(
            help="The name of its weight, where it is not found.", metavar="NAME", show_default=False
        ),
    ] = None,
    readout: Annotated[
        str | None,
        typer.Option(
            help="The name of its weight, where it is not found.", metavar="NAME", show_default=False
        ),
    ] = None,
    end_of_line: Annotated[
        str,
        typer.Option(
            help="The word that stands for the end of a line, if it is among the symbols.", metavar="WORD"
        ),
    ] = "<eos>",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object when the verb succeeds.")
    ] = False,
) -> None:
    """Make a run of a PyTorch language model's weights.

    The model has an embedding or one-hot input, nn.LSTM, nn.GRU or nn.RNN, and a linear readout, under whatever names.
    The run is one for generate, eval, flow and export. Pickles (.pt, .pth) are not read: the error says how to convert one.
    """
    from throughtime.exchange import import_torch
    from throughtime.training.directory import free_name
    from throughtime.training.metrics import to_json

    found = import_torch(
        weights,
        tokenizer,
        out or free_name("runs", _name_of(Path(weights))),
        unit=unit,
        nonlinearity=nonlinearity,
        embedding=embedding,
        readout=readout,
        end_of_line=end_of_line,
    )
    if as_json:
        model = found.run.model.settings
        record = {"model": model, "unit": found.run.require_tokenizer().unit, "names": found.names}
        print(to_json({"run": str(found.run.path), **record, "notes": found.notes}))
    else:
        _tell(found)


def _name_of(weights: Path) -> str:
    """What to call the run of a file: as the file, or where that has the name of all exports, as what holds it."""
    if weights.name != "model.safetensors":
        return weights.stem
    holder = weights.absolute().parent
    return (holder.parent if holder.name == "torch" else holder).name  # RUN/torch is where an export goes


def _tell(found: "Imported") -> None:
    from throughtime.cli.stopping import program

    model, run = found.run.model, found.run
    layers = "1 layer" if model.layers.num_layers == 1 else f"{model.layers.num_layers} layers"
    read = "one-hot input" if model.embedding_size is None else f"an embedding of {model.embedding_size}"
    cell = (
        f"{model.settings['cell']} ({model.settings['nonlinearity']})"
        if model.settings["cell"] == "rnn"
        else model.settings["cell"]
    )
    unit = {"char": "characters", "word": "words", "bpe": "byte pairs"}[run.require_tokenizer().unit]
    print(
        f"{cell}, {layers} of {model.layers.hidden_size}, {read}, {model.vocab_size:,} {unit}, {model.dtype}:"
    )
    width = max(map(len, found.names))
    for ours, theirs in found.names.items():
        print(f"  {ours:<{width}}  from {theirs}")
    for note in found.notes:
        print(f"Note: {note}")
    shown = shlex.quote(str(run.path))
    print(f"The run lies in {shown}. Try next:")
    print(f"  {program()} generate {shown} --length 500 --temperature 0.7")
    print(f"  {program()} eval {shown} FILE")
    print(f"  {program()} flow {shown} FILE")
