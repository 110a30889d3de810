"""What the header of a safetensors file says beside its tensors."""

import json
from typing import Any

_LENGTH_BYTES = 8  # of the header, little-endian


def read_metadata(content: bytes) -> dict[str, str]:
    """The metadata of a safetensors file; empty where it has none, or is no such file."""
    size = int.from_bytes(content[:_LENGTH_BYTES], "little")
    try:
        header: Any = json.loads(content[_LENGTH_BYTES : _LENGTH_BYTES + size])
        return dict(header["__metadata__"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}
