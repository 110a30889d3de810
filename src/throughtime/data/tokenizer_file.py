"""A tokenizer.json read, if it is one that throughtime has written."""

import json
import os
from pathlib import Path

import tokenizers

from throughtime.data.vocabularies import Unit, unit_of
from throughtime.errors import RunError


def read_tokenizer(path: str | os.PathLike[str]) -> tuple[tokenizers.Tokenizer, Unit]:
    """The tokenizer in a file, and what its tokens are, as `Tokenizer.load` has it.

    Raises
    ------
    RunError
        The file is missing, unreadable, damaged, or a tokenizer of another kind.
    """
    remedy = "Train again, or name a run directory that `throughtime train` wrote."
    try:
        content = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise RunError(f"{path} does not exist; expected a tokenizer.json. {remedy}") from None
    except IsADirectoryError:
        raise RunError(f"{path} is a directory; expected a tokenizer.json. Name the file in it.") from None
    except (OSError, ValueError) as error:
        raise RunError(f"{path} cannot be read ({error}); expected a tokenizer.json. {remedy}") from None
    try:
        backend = tokenizers.Tokenizer.from_str(content)
    except Exception as error:  # noqa: BLE001  # `tokenizers` raises Exception itself
        raise RunError(
            f"{path} is damaged ({' '.join(str(error).split())}); expected a tokenizer.json. {remedy}"
        ) from None
    unit = unit_of(json.loads(content))
    if unit is None:
        raise RunError(f"{path} is another program's; expected a tokenizer.json of throughtime. {remedy}")
    return backend, unit
