"""A model's parameters as a safetensors file."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from throughtime.errors import RunError
from throughtime.machine.arrays import Array
from throughtime.networks.language_model import LanguageModel
from throughtime.training.directory import write_whole


def save_weights(path: Path, params: Mapping[str, Array], about: Mapping[str, Any]) -> None:
    """Write parameters, and a few facts about them, as one file that appears whole or not at all."""
    # The format knows only C order. Its header keeps several entries in random order, so the facts are one entry:
    # the same weights give the same bytes.
    arrays = {name: np.ascontiguousarray(array) for name, array in params.items()}
    write_whole(path, save(arrays, metadata={"throughtime": json.dumps(about, sort_keys=True)}))


def load_weights(path: Path, model: LanguageModel) -> None:
    """Copy the parameters of a file into a model.

    Raises
    ------
    RunError
        The file is missing, unreadable, damaged, or holds another model's parameters.
    """
    remedy = "Train again, or name another run."
    try:
        arrays = load(path.read_bytes())
    except FileNotFoundError:
        raise RunError(f"{path.parent} holds no {path.name}; expected a trained model. {remedy}") from None
    except OSError as error:
        raise RunError(
            f"{path} cannot be read ({error.strerror}); expected a trained model's weights. {remedy}"
        ) from None
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise RunError(
            f"{path} is damaged ({reason}); expected a safetensors file of weights. {remedy}"
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
