"""The type of an array in signatures: shapes and types of elements are said in the docstrings."""

from typing import Any, TypeAlias

import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]
