"""The numbers that can be measured in."""

from torch import Tensor

from throughtime.errors import ArgumentError, DtypeError


def require_numbers(name: str, *tensors: Tensor) -> str:
    """The one type of some tensors, "float32" or "float64".

    Raises
    ------
    ArgumentError, DtypeError
        Another device, another type, or more than one.
    """
    devices = {tensor.device.type for tensor in tensors} - {"cpu"}
    if devices:
        raise ArgumentError(
            f"{name} is on {devices.pop()}; expected the CPU. Move the module and its inputs with .cpu()."
        )
    types = sorted({str(tensor.dtype).removeprefix("torch.") for tensor in tensors})
    if len(types) > 1 or types[0] not in ("float32", "float64"):
        raise DtypeError(
            f"{name} has numbers of {' and '.join(types)}; expected float32 or float64. Convert the module and its inputs with "
            ".float()."
        )
    return types[0]
