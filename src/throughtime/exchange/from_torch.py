"""A PyTorch language model as a run."""

import os
from dataclasses import dataclass
from pathlib import Path

import throughtime
from throughtime.data.tokenizer import Tokenizer
from throughtime.data.vocabularies import Unit
from throughtime.errors import WeightsError
from throughtime.exchange.recognise import recognise
from throughtime.exchange.state_dict import read_state_dict
from throughtime.exchange.vocabulary import END_OF_LINE, read_vocabulary
from throughtime.networks.language_model import LanguageModel
from throughtime.training.directory import TOKENIZER, held, require_free, save_config
from throughtime.training.entries import IMPORTED
from throughtime.training.kept import Kept
from throughtime.training.metrics import Metrics
from throughtime.training.run import Run, load


@dataclass(frozen=True)
class Imported:
    """What `import_torch` has made.

    Attributes
    ----------
    run : Run
    names : dict of str to str
        What each parameter of the model is called in the file.
    notes : list of str
        What a user should know, a line each.
    """

    run: Run
    names: dict[str, str]
    notes: list[str]


def import_torch(
    weights: str | os.PathLike[str],
    vocabulary: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    unit: Unit | None = None,
    nonlinearity: str | None = None,
    embedding: str | None = None,
    readout: str | None = None,
    end_of_line: str = END_OF_LINE,
) -> Imported:
    """Make a run of a PyTorch language model: embedding or one-hot input, nn.LSTM, nn.GRU or nn.RNN, and a linear readout.

    Weights are known by their shapes and usual names, below whatever prefix; not a bit of them is changed. Dropout is not
    in a state_dict: the model has none. The run is one for `generate`, `eval` and `flow`; to train the model further, give
    it to `fit`.

    Parameters
    ----------
    weights : path
        A state_dict in a file of safetensors.
    vocabulary : path
        The model's symbols in the order of their ids: as JSON, a list or an object; or one a line. Or a tokenizer.json.
    out : path
        A new or empty directory for the run.
    unit : "char" or "word", optional
        What a symbol is; by default a character if each of them is one. See `throughtime.Tokenizer.of`.
    nonlinearity : "tanh" or "relu", optional
        Of nn.RNN, whose weights do not tell it.
    embedding, readout : str, optional
        The names of their weights, where these cannot be told apart.
    end_of_line : str
        The word that the model has read at the end of each line, if it is among the symbols.

    Raises
    ------
    WeightsError
        The weights are no such model's, or the vocabulary is not theirs.
    TextError, ArgumentError
        The vocabulary is none, or an argument does not fit.
    RunError
        The directory is taken.
    """
    path, source = Path(out), Path(weights)
    require_free(path)
    tensors, sha256 = read_state_dict(source)
    found = recognise(tensors, nonlinearity, embedding, readout)
    tokenizer, notes = read_vocabulary(vocabulary, unit, end_of_line)
    if tokenizer.vocab_size != found.settings["vocab_size"]:
        raise WeightsError(
            f"{vocabulary} has {tokenizer.vocab_size} symbols; expected {found.settings['vocab_size']}, as the model has. Give "
            "all of the model's symbols, special ones too, in the order of their ids."
        )
    model = LanguageModel(**found.settings, seed=0)
    model.load_params(found.params)
    _write(path, model, tokenizer, {"file": str(source), "sha256": sha256})
    return Imported(load(path), found.names, [*found.notes, *notes])


def _write(path: Path, model: LanguageModel, tokenizer: Tokenizer, imported: dict[str, str]) -> None:
    """Write the run's directory, its config.json last: whatever has it is whole."""
    config = {
        "throughtime": throughtime.__version__,
        "model": model.settings,
        "tokenizer": {"unit": tokenizer.unit, "vocab_size": tokenizer.vocab_size},
        "training": None,
        "corpus": None,
        "machine": None,
        IMPORTED: imported,
    }
    with held(path), Metrics(path):  # without a record: nothing was trained here
        require_free(path, mine=True)  # another run may have taken it since
        Kept(model, path).keep(0, None)
        tokenizer.save(path / TOKENIZER)
        save_config(path, config)
