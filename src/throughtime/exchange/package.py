"""What is handed to another program: a directory with a model's files and its tokenizer."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from throughtime.data.tokenizer import Tokenizer
from throughtime.errors import ArgumentError
from throughtime.networks.network import Network
from throughtime.storage import write_directory
from throughtime.training.directory import TOKENIZER, require_free
from throughtime.training.run import Run


def unpacked(model: Network | Run) -> tuple[Network, Tokenizer | None]:
    """A model, and the tokenizer that goes with it.

    Raises
    ------
    ArgumentError
        It is neither a model nor a run.
    """
    if isinstance(model, Run):
        return model.model, model.tokenizer
    if not isinstance(model, Network):
        raise ArgumentError(
            f"a {type(model).__name__} found; expected a LanguageModel, a SequenceModel or a run. Load a run with "
            "throughtime.load."
        )
    return model, None


def require_place(path: Path, files: Iterable[str], tokenizer: Tokenizer | None) -> None:
    """Raise RunError unless a package can be written there: a place that is free, or holds just such a package."""
    names = _names(files, tokenizer)
    if path.is_dir() and {entry.name for entry in path.iterdir()} == names:
        return
    require_free(path)


def write_package(path: Path, files: Mapping[str, bytes], tokenizer: Tokenizer | None) -> tuple[str, ...]:
    """Write files and a tokenizer as a directory that appears whole or not at all; return their names."""
    content = dict(files)
    if tokenizer is not None:
        content[TOKENIZER] = tokenizer.to_json().encode()
    write_directory(path, content)
    return tuple(content)


def _names(files: Iterable[str], tokenizer: Tokenizer | None) -> set[str]:
    return {*files} if tokenizer is None else {*files, TOKENIZER}
