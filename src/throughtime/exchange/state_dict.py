"""A PyTorch state_dict in a file of safetensors, read without PyTorch."""

import hashlib
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, deserialize

from throughtime.errors import WeightsError
from throughtime.exchange.header import read_metadata
from throughtime.machine.arrays import Array

_DTYPES = {"F32": "<f4", "F64": "<f8"}
# A zip archive, or a pickle of protocol 2 on, as torch.save writes them.
_PICKLES = (b"PK", b"\x80")
_CONVERT = (
    "import torch; from safetensors.torch import save_file; found = torch.load(FILE, map_location='cpu', weights_only=True); "
    "state_dict = found.get('model_state_dict', found.get('state_dict', found)); save_file({name: "
    "tensor.contiguous().clone() for name, tensor in state_dict.items() if torch.is_tensor(tensor)}, 'weights.safetensors')"
)


def read_state_dict(path: Path) -> tuple[dict[str, Array], str]:
    """Tensors, and what tells the file from others.

    Returns
    -------
    tensors : dict of str to ndarray
        By name, all of them float32 or all of them float64, and finite. A tensor of two names has both, also where
        safetensors' `save_model` has written it once.
    sha256 : str
        Of the bytes that were read.

    Raises
    ------
    WeightsError
        The file is missing, no file of safetensors, or its tensors are of another type, not finite, or oddly named.
    """
    remedy = "Name the file that save_file or save_model of safetensors.torch has written."
    try:
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise WeightsError(
            f"{path} cannot be read ({reason}); expected weights as a file of safetensors. {remedy}"
        ) from None
    if content.startswith(_PICKLES):
        raise WeightsError(
            f"{path} is a pickle, as torch.save writes it, which may run any code; expected a file of safetensors. Convert its "
            "state_dict, of a checkpoint often checkpoint['model_state_dict'], of a whole model model.state_dict(); in Python: "
            f"{_CONVERT.replace('FILE', repr(str(path)))}"
        )
    try:
        found = dict(deserialize(content))  # type: ignore[no-untyped-call]
    except SafetensorError as error:
        raise WeightsError(f"{path} is no file of safetensors ({error}); expected one. {remedy}") from None
    kinds = {name: entry["dtype"] for name, entry in found.items()}
    if len({*kinds.values()}) != 1 or not {*kinds.values()} <= _DTYPES.keys():
        raise _of_another_type(path, kinds)
    tensors = {
        name: np.frombuffer(entry["data"], _DTYPES[entry["dtype"]]).reshape(entry["shape"])
        for name, entry in found.items()
    }
    # What `save_model` notes of a name that it leaves out: the one under which the tensor is.
    left_out = {
        name: kept for name, kept in read_metadata(content).items() if kept in tensors and name not in tensors
    }
    tensors |= {name: tensors[kept] for name, kept in left_out.items()}
    for name, array in tensors.items():
        if not name.isprintable():
            raise WeightsError(
                f"{path} has a tensor called {name!r}; expected a name that can be shown. Save the state_dict under plain names."
            )
        if not np.isfinite(array).all():
            raise WeightsError(
                f"{path} has {name}, which is not finite; expected finite numbers. Give weights from before they diverged."
            )
    return tensors, hashlib.sha256(content).hexdigest()


def _of_another_type(path: Path, kinds: dict[str, str]) -> WeightsError:
    if not kinds:
        return WeightsError(
            f"{path} holds no tensor; expected a model's state_dict. Save model.state_dict()."
        )
    usual = max(_DTYPES, key=lambda dtype: list(kinds.values()).count(dtype))
    name = next(name for name, kind in kinds.items() if kind != usual)
    return WeightsError(
        f"{path} has {name!r} of type {kinds[name]}; expected all of float32, or all of float64. Save the state_dict of "
        "model.float(), without what is no weight."
    )
