"""`throughtime generate`: a trained model writes."""

import sys
from typing import Annotated

import typer

from throughtime.cli.ranges import AT_LEAST_ZERO, PROBABILITY, whole


def generate(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run directory of throughtime train.")],
    prompt: Annotated[str, typer.Option(help="How the text begins.", show_default=False)] = "",
    length: Annotated[
        int, typer.Option(help="Tokens to add: characters, words or byte pairs.", callback=whole(1))
    ] = 500,
    temperature: Annotated[
        float,
        typer.Option(
            help="Below 1 safer, above 1 wilder; 0 takes the likeliest token always.", callback=AT_LEAST_ZERO
        ),
    ] = 1.0,
    top_k: Annotated[
        int | None,
        typer.Option(help="Draw from the K likeliest tokens.", show_default="all", callback=whole(1)),
    ] = None,
    top_p: Annotated[
        float | None,
        typer.Option(
            help="Draw from the likeliest tokens that together have this probability.",
            show_default="1",
            callback=PROBABILITY,
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            help="The same seed gives the same text.",
            show_default="another text each time",
            callback=whole(0),
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object when the text is whole.")
    ] = False,
) -> None:
    """Let a trained model write, token by token."""
    from throughtime.training.generate import stream
    from throughtime.training.metrics import to_json
    from throughtime.training.run import load

    loaded = load(run)
    pieces = stream(
        loaded.model,
        loaded.require_tokenizer(),
        prompt,
        length,
        temperature,
        top_k,
        top_p,
        seed,
        loaded.by,
    )
    if as_json:
        found = {
            "text": "".join(pieces),
            "prompt": prompt,
            "length": length,
            "temperature": temperature,
            "top_k": top_k,
            "top_p": top_p,
            "seed": seed,
            "run": run,
        }
        print(to_json(found))
        return
    for piece in pieces:
        sys.stdout.write(piece)
        sys.stdout.flush()
    print()
