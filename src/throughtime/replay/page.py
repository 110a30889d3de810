"""What a page of the replay is made of: a title, prose, equations, a remark, a table, a drawing."""

from collections.abc import Sequence

from rich import box
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from throughtime.replay.catalogue import Catalogue

WIDTH = 80  # lines longer than this are hard to read, however wide the terminal is
INDENT = 3


class Page:
    """Writes chapters to a console in the words of a catalogue.

    Parameters
    ----------
    console : rich.console.Console
    catalogue : Catalogue
    """

    def __init__(self, console: Console, catalogue: Catalogue) -> None:
        self.console = console
        self.text = catalogue
        self._chapters = 0

    @property
    def width(self) -> int:
        """Columns to write in."""
        return min(self.console.width, WIDTH)

    def title(self, key: str) -> None:
        """Open a chapter under the next number."""
        self._chapters += 1
        title = Text(f"{self._chapters}  {self.text(key)}", style="bold")
        self._put("")
        self._put(Rule(title, align="left", style="dim"))

    def heading(self, key: str, **values: object) -> None:
        """Open a part of a chapter."""
        self._put("")
        self._put(Text(self.text(key, **values), style="bold"))

    def gap(self) -> None:
        """Leave a line empty."""
        self._put("")

    def say(self, key: str, **values: object) -> None:
        """Write a paragraph."""
        self._put("")
        self._put(Text(self.text(key, **values)))

    def conclude(self, key: str, **values: object) -> None:
        """Write what is to be kept in mind."""
        self._put("")
        mark = Table.grid(padding=(0, 1))
        mark.add_row(Text("→", style="bold green"), Text(self.text(key, **values), style="bold"))
        self._put(mark)

    def line(self, mark: str, mark_style: str, text: str, style: str = "") -> None:
        """Write a line with a mark before it; what does not fit goes on under the text, not under the mark."""
        row = Table.grid(padding=(0, 1))
        row.add_row(Text(mark, style=mark_style), Text(text, style=style))
        self._indented(row)

    def equations(self, *lines: str) -> None:
        """Write equations, each on a line of its own."""
        self._put("")
        for line in lines:
            self._indented(Text(line, style="cyan"))

    def table(self, headings: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> None:
        """Write a table of texts: its first `left` columns to the left, the others, numbers, to the right."""
        table = Table(
            box=box.SIMPLE_HEAD, header_style="dim", show_edge=False, pad_edge=False, padding=(0, 1)
        )
        for number, heading in enumerate(headings):
            table.add_column(heading, justify="left" if number < left else "right", no_wrap=True)
        for row in rows:
            table.add_row(*map(Text, row))
        self._put("")
        self._indented(table)

    def draw(self, lines: Sequence[RenderableType]) -> None:
        """Write the lines of a drawing."""
        self._put("")
        for line in lines:
            self._indented(line)

    def _indented(self, what: RenderableType) -> None:
        self._put(Padding(what, (0, 0, 0, INDENT), expand=False))

    def _put(self, what: RenderableType) -> None:
        self.console.print(what, width=self.width, highlight=False, markup=False, soft_wrap=False)
