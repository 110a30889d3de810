"""Optional packages, and what to type where one is missing."""

from importlib import import_module

from throughtime.errors import MissingError


def require(package: str, extra: str) -> None:
    """Nothing, where `package` is installed.

    Raises
    ------
    MissingError
        It is not; the message names the extra of throughtime that brings it.
    """
    try:
        import_module(package)
    except ModuleNotFoundError as error:
        if error.name != package:  # it is installed, and something that it needs is not
            raise
        raise MissingError(
            f"{package} is not installed; expected it for what was asked. Type: pip install 'throughtime[{extra}]'."
        ) from None
