"""`throughtime eval`: how well a trained model predicts a text."""

from dataclasses import asdict
from typing import Annotated

import typer

from throughtime.cli.ranges import whole


def evaluate(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run directory of throughtime train.")],
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE", help="A text in UTF-8, also .gz, or a directory of texts; - is standard input."
        ),
    ],
    threads: Annotated[
        int, typer.Option(help="Share the text out among so many threads.", callback=whole(1))
    ] = 1,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object when the verb succeeds.")
    ] = False,
) -> None:
    """Score a trained model on a text: its loss and perplexity.

    Bits per character are told where every character is scored: not for words with unknowns.
    """
    from throughtime.data.corpus import read
    from throughtime.training.evaluate import evaluate as score
    from throughtime.training.metrics import to_json
    from throughtime.training.run import load

    loaded = load(run)
    tokenizer = loaded.require_tokenizer()
    found = score(loaded.model, tokenizer, read(file), loaded.by, threads=threads)
    if as_json:
        print(to_json({**asdict(found), "run": run, "file": file}))
        return
    print(f"loss           {found.loss:.4f} nats per token")
    print(f"perplexity     {found.perplexity:.4g}")
    if found.bits_per_char is not None:
        print(f"bits per char  {found.bits_per_char:.4f}")
    elif found.unknown:
        what = "word" if tokenizer.unit == "word" else "character"
        print(f"bits per char  - ({found.unknown:,} unknown {what}{'' if found.unknown == 1 else 's'})")
    print(
        f"tokens         {found.tokens:,}"
        + (f", of which unknown {found.unknown:,}" if found.unknown else "")
    )
