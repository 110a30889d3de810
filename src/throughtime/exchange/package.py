"""What is handed to another program: a directory with a model's files and its tokenizer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from throughtime.data.tokenizer import Tokenizer
from throughtime.errors import ArgumentError, RunError
from throughtime.networks.network import Network
from throughtime.storage import write_whole
from throughtime.training.directory import TOKENIZER, require_place, unusable
from throughtime.training.run import Run

# By the name of a file: whether bytes that were found under it are of an earlier export.
Origins = Mapping[str, Callable[[bytes], bool]]
# Left by Python where `model.py` was imported.
_BYTECODE = "__pycache__"


@dataclass(frozen=True)
class Exported:
    """What an export has written.

    Attributes
    ----------
    path : Path
        The directory.
    files : tuple of str
        Its files.
    error : float or None
        Of ONNX graphs: the largest difference between onnxruntime and the model that was found, as a share of the largest
        value.
    rounded : bool
        Whether float64 became float32: onnxruntime's recurrent operators know no other type.
    """

    path: Path
    files: tuple[str, ...]
    error: float | None = None
    rounded: bool = False


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


def require_ours(path: Path, origins: Origins, tokenizer: Tokenizer | None) -> None:
    """Raise RunError unless a package can be written there: in a directory with nothing but files of an earlier export.

    Names prove nothing: a file's own content must. Hidden files are nobody's concern, as none is touched.

    Parameters
    ----------
    path : Path
    origins : mapping of str to callable
        Of all files but the tokenizer.
    tokenizer : Tokenizer or None
        What will be written; one of an earlier export must not outlive its model.
    """
    require_place(path)
    if not path.is_dir():
        return
    try:
        taken = sorted(entry for entry in path.iterdir() if not entry.name.startswith("."))
        ours = {entry.name for entry in taken if entry.name in origins and _is_of(entry, origins[entry.name])}
    except OSError as error:
        raise unusable(path, error) from None
    # A tokenizer does not tell where it is from, but by what it lies beside.
    ours |= {_BYTECODE, TOKENIZER} if ours and tokenizer is not None else {_BYTECODE}
    foreign = next((entry.name for entry in taken if entry.name not in ours), None)
    if foreign is not None:
        raise RunError(
            f"{path} already holds {foreign}, which no such export has written; expected a new or empty directory, or one of "
            "an earlier export. Name another one, or move this one away."
        )


def write_package(path: Path, files: Mapping[str, bytes], tokenizer: Tokenizer | None) -> tuple[str, ...]:
    """Write files and a tokenizer, each whole or not at all; return their names.

    The last of the files is written last: where it is new, all are.

    Raises
    ------
    RunError
        The directory cannot be made.
    OSError
        A file cannot be written; the one of that name is as it was.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unusable(path, error) from None
    beside = {} if tokenizer is None else {TOKENIZER: tokenizer.to_json().encode()}
    *others, last = files.items()
    for name, content in (*others, *beside.items(), last):
        write_whole(path / name, content)
    return (*files, *beside)


def _is_of(file: Path, origin: Callable[[bytes], bool]) -> bool:
    return file.is_file() and origin(file.read_bytes())
