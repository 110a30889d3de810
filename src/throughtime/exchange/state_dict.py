"""A PyTorch state_dict in a file of safetensors, read without PyTorch."""

from pathlib import Path

from safetensors import SafetensorError, safe_open

from throughtime.errors import WeightsError
from throughtime.machine.arrays import Array

_DTYPES = {"F32": "float32", "F64": "float64"}
# A zip archive, or a pickle of protocol 2 on, as torch.save writes them.
_PICKLES = (b"PK", b"\x80")
_CONVERT = (
    "from safetensors.torch import save_file; save_file({name: tensor.clone() for name, tensor in torch.load(FILE, "
    "weights_only=True).items()}, 'weights.safetensors')"
)


def read_state_dict(path: Path) -> dict[str, Array]:
    """Tensors by name, all of them float32 or all of them float64.

    Raises
    ------
    WeightsError
        The file is missing, no file of safetensors, or its tensors are of another type.
    """
    remedy = "Name the file that save_file or save_model of safetensors.torch has written."
    try:
        with path.open("rb") as file:
            begin = file.read(2)
    except OSError as error:
        raise WeightsError(
            f"{path} cannot be read ({error.strerror}); expected weights as a file of safetensors. {remedy}"
        ) from None
    if begin.startswith(_PICKLES):
        raise WeightsError(
            f"{path} is a pickle, as torch.save writes it, which may run any code; expected a file of safetensors. Convert its "
            f"state_dict, in Python: import torch; {_CONVERT.replace('FILE', repr(str(path)))}"
        )
    try:
        with safe_open(path, "np") as opened:
            kinds = {name: opened.get_slice(name).get_dtype() for name in opened.keys()}  # noqa: SIM118  # it is no mapping
            if len({*kinds.values()}) != 1 or not {*kinds.values()} <= _DTYPES.keys():
                raise _of_another_type(path, kinds)
            return {name: opened.get_tensor(name) for name in kinds}
    except SafetensorError as error:
        raise WeightsError(f"{path} is no file of safetensors ({error}); expected one. {remedy}") from None


def _of_another_type(path: Path, kinds: dict[str, str]) -> WeightsError:
    if not kinds:
        return WeightsError(
            f"{path} holds no tensor; expected a model's state_dict. Save model.state_dict()."
        )
    usual = max(_DTYPES, key=lambda dtype: list(kinds.values()).count(dtype))
    name = next(name for name, kind in kinds.items() if kind != usual)
    return WeightsError(
        f"{path} has {name} of type {kinds[name]}; expected all of float32, or all of float64. Save the state_dict of "
        "model.float(), without what is no weight."
    )
