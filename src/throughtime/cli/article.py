"""`throughtime article`: the article replayed on a text."""

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Language(StrEnum):
    """Languages of the replay's words."""

    en = "en"
    vi = "vi"


def article(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="A text in UTF-8; - is standard input.")
    ] = None,
    lang: Annotated[Language, typer.Option(help="Language of the explanations.")] = Language.en,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print one JSON object when the verb succeeds; the page goes to stderr."),
    ] = False,
) -> None:
    """Replay the article on a text: its equations, gradients, truncations and slips, with numbers.

    Without FILE it reads Python's help topics.
    """
    from rich.console import Console

    from throughtime.data import corpus
    from throughtime.replay import replay

    text = None if file is None else corpus.read([file])
    for stream in (sys.stdout, sys.stderr):  # a terminal without these letters shows question marks
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    found = replay(text, lang.value, Console(stderr=as_json))
    if as_json:
        print(json.dumps(found))
