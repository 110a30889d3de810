"""A model's parameters as a safetensors file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from throughtime.errors import RunError
from throughtime.machine.arrays import Array
from throughtime.networks.language_model import LanguageModel
from throughtime.storage import load_sealed

_REMEDY = "Train again, or name another run."


def read_weights(path: Path, settings: dict[str, Any]) -> dict[str, Array]:
    """The parameters of a file.

    Parameters
    ----------
    settings : dict
        Of the model, as config.json has them.

    Raises
    ------
    RunError
        The file is missing, unreadable, damaged (a DamagedError), or of a model with other settings.
    """
    try:
        arrays, about = load_sealed(path)
    except FileNotFoundError:
        raise RunError(f"{path.parent} holds no {path.name}; expected a trained model. {_REMEDY}") from None
    except OSError as error:
        raise RunError(
            f"{path} cannot be read ({error.strerror}); expected a trained model's weights. {_REMEDY}"
        ) from None
    made = about.get("model") if isinstance(about, dict) else None
    if not isinstance(made, dict):
        raise RunError(f"{path} is no run's; expected a trained model's weights. {_REMEDY}")
    for name in settings:
        if made.get(name) != settings[name]:
            raise RunError(
                f"{path} is of a model with {name} {made.get(name)!r}, and config.json has {settings[name]!r}; expected "
                "the same. Put back the config.json that was written beside it."
            )
    return arrays


def put_weights(path: Path, arrays: Mapping[str, Array], model: LanguageModel) -> None:
    """Copy the parameters that were read from a file into a model.

    Raises
    ------
    RunError
        They are another model's.
    """
    odd = sorted(set(arrays) ^ set(model.params))
    if odd:
        raise RunError(
            f"{path} and config.json differ in the parameter {odd[0]}; expected the weights of the model that "
            f"config.json describes. {_REMEDY}"
        )
    for name, own in model.params.items():
        found = arrays[name]
        if found.shape != own.shape or found.dtype != own.dtype:
            raise RunError(
                f"{path} has {name} of shape {found.shape} and dtype {found.dtype}; expected {own.shape} and "
                f"{own.dtype}, as config.json says. {_REMEDY}"
            )
    model.load_params(arrays)
