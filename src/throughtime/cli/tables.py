"""Tables of the command line."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

# In a file or a pipe nothing is cut, however long the names are.
_WIDE = 1000


def table_console() -> "Console":
    """Where tables are printed: as wide as the terminal, or as the table itself in a file or a pipe."""
    from rich.console import Console

    console = Console()
    return console if console.is_terminal else Console(width=_WIDE)
