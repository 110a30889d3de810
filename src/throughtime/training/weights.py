"""A model's parameters as a safetensors file."""

from pathlib import Path

from throughtime.errors import RunError
from throughtime.networks.language_model import LanguageModel
from throughtime.storage import load_sealed


def load_weights(path: Path, model: LanguageModel) -> None:
    """Copy the parameters of a file into a model.

    Raises
    ------
    RunError
        The file is missing, unreadable, damaged (a DamagedError), or holds another model's parameters.
    """
    remedy = "Train again, or name another run."
    try:
        arrays, _ = load_sealed(path)
    except FileNotFoundError:
        raise RunError(f"{path.parent} holds no {path.name}; expected a trained model. {remedy}") from None
    except OSError as error:
        raise RunError(
            f"{path} cannot be read ({error.strerror}); expected a trained model's weights. {remedy}"
        ) from None
    odd = sorted(set(arrays) ^ set(model.params))
    if odd:
        raise RunError(
            f"{path} and config.json differ in the parameter {odd[0]}; expected the weights of the model that "
            f"config.json describes. {remedy}"
        )
    for name, own in model.params.items():
        found = arrays[name]
        if found.shape != own.shape or found.dtype != own.dtype:
            raise RunError(
                f"{path} has {name} of shape {found.shape} and dtype {found.dtype}; expected {own.shape} and "
                f"{own.dtype}, as config.json says. {remedy}"
            )
    model.load_params(arrays)
