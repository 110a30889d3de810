"""A model's weights as a PyTorch state_dict, with the module that they load into."""

import os
from pathlib import Path

import numpy as np
from safetensors.numpy import save

import throughtime
from throughtime.exchange.header import read_metadata
from throughtime.exchange.module_source import FIRST_LINE, module_source
from throughtime.exchange.package import Exported, require_ours, unpacked, write_package
from throughtime.networks.language_model import LanguageModel
from throughtime.networks.network import Network
from throughtime.training.run import Run

WEIGHTS, SOURCE = "model.safetensors", "model.py"
_PRODUCER = "exported_by"
_ORIGINS = {
    WEIGHTS: lambda content: _PRODUCER in read_metadata(content),
    SOURCE: lambda content: content.startswith(FIRST_LINE.encode()),
}


def export_torch(model: Network | Run, directory: str | os.PathLike[str]) -> Exported:
    """Write a model for PyTorch: `model.safetensors`, its state_dict, and `model.py`, whose `load()` gives the module.

    Parameters
    ----------
    model : LanguageModel, SequenceModel or Run
        Of a run the tokenizer is written, too.
    directory : path
        A new or empty one, or one that an earlier export has written. Each file appears whole or not at all.

    Raises
    ------
    ArgumentError
        PyTorch has no layer of the model's cell.
    RunError
        The directory holds something else.

    Examples
    --------
    >>> import tempfile
    >>> import throughtime as tt
    >>> model = tt.SequenceModel(1, 8, 1, cell="gru", seed=0)
    >>> with tempfile.TemporaryDirectory() as place:
    ...     export_torch(model, place + "/model").files
    ('model.safetensors', 'model.py')
    """
    network, tokenizer = unpacked(model)
    path = Path(directory)
    source = module_source(network)
    require_ours(path, _ORIGINS, tokenizer)
    weights = dict(network.params)
    if isinstance(network, LanguageModel) and network.tied:
        weights["readout.weight"] = weights["embedding.weight"]  # a state_dict has both names
    # The format knows only C order.
    ordered = {name: np.require(array, requirements="C") for name, array in weights.items()}
    # One entry alone: the format writes several in any order.
    about = {_PRODUCER: f"throughtime {throughtime.__version__}"}
    content = {WEIGHTS: save(ordered, metadata=about), SOURCE: source.encode()}
    return Exported(path, write_package(path, content, tokenizer))
