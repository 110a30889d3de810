"""The text that a verb learns from: read, with what is left out told, and called by a short name."""

from pathlib import PurePath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from throughtime.data.corpus import Corpus
    from throughtime.data.progress import Progress
    from throughtime.training.events import Noticed


def read_text(files: list[str] | None, show: "Callable[[Progress | Noticed], object]") -> "Corpus":
    """The text of files, or the built-in one; what is left out of directories is told."""
    from throughtime.data.corpus import builtin, read
    from throughtime.training.events import Noticed

    if not files:
        return builtin()
    corpus = read(files, show)
    if skipped := corpus.skipped:
        more = f" and {len(skipped) - 3:,} more" if len(skipped) > 3 else ""
        show(Noticed(f"left out, as no text: {', '.join(skipped[:3])}{more}"))
    return corpus


def short_name(files: list[str] | None) -> str:
    """What to call a text in the name of its run."""
    if not files:
        return "help-topics"
    return "stdin" if files[0] == "-" else PurePath(files[0]).stem
