"""`throughtime eval`: how well a trained model predicts a text."""

from dataclasses import asdict
from typing import Annotated

import typer


def evaluate(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run directory of throughtime train.")],
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE", help="A text in UTF-8, also .gz, or a directory of texts; - is standard input."
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="The numbers as one JSON object.")] = False,
) -> None:
    """Score a trained model on a text: its loss and perplexity.

    Bits per character are told where every character is scored: not for words with unknowns.
    """
    from throughtime.data.corpus import read
    from throughtime.training.evaluate import evaluate as score
    from throughtime.training.metrics import to_json
    from throughtime.training.run import load

    loaded = load(run)
    found = score(loaded.model, loaded.require_tokenizer(), read(file), loaded.by)
    if as_json:
        print(to_json({**asdict(found), "run": run, "file": file}))
        return
    print(f"loss           {found.loss:.4f} nats per token")
    print(f"perplexity     {found.perplexity:.4g}")
    if found.bits_per_char is not None:
        print(f"bits per char  {found.bits_per_char:.4f}")
    print(
        f"tokens         {found.tokens:,}"
        + (f", of which unknown {found.unknown:,}" if found.unknown else "")
    )
