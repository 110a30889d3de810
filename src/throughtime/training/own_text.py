"""The text that a run was trained on, found again."""

from pathlib import Path
from typing import Any

from throughtime.data.cache import open_tokens
from throughtime.data.corpus import Corpus, builtin, read
from throughtime.data.tokens import Tokens
from throughtime.errors import RunError


def corpus_of(path: Path, record: dict[str, Any]) -> Corpus | Tokens:
    """The text of a run: its tokens, where they were kept, or its files, read again.

    Whether it is the same text is for the caller to check, by its sha256.

    Parameters
    ----------
    path : Path
        The run directory, for the error message.
    record : dict
        The `corpus` of its config.json.

    Raises
    ------
    RunError
        The text was given from Python, or is another Python's built-in one.
    TextError
        A file is no longer there.
    """
    kept = None if record["tokens_key"] is None else open_tokens(record["tokens_key"])
    if kept is not None:
        return kept
    if record["files"] is not None:
        return read(record["files"])
    topics = builtin()
    if topics.sha256 == record["sha256"]:
        return topics
    raise RunError(
        f"{path} was trained on {record['name']}, which cannot be read again; expected the same text. "
        "Give it once more, from Python as resume(path, corpus)."
    )
