"""A text that is never held whole: blocks of it, cut again where no token runs across, and composed."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from throughtime.errors import TextError

# Characters, or bytes of a file, that are held at a time.
BLOCK = 1 << 16

# Whether a text may be cut between these two characters.
Edge: TypeAlias = Callable[[str, str], bool]

_SURROGATE = re.compile("[\ud800-\udfff]")


def sliced(text: str, size: int | None = None) -> Iterator[str]:
    """A text in memory, block by block."""
    size = BLOCK if size is None else size
    return (text[i : i + size] for i in range(0, len(text), size))


def between_characters(before: str, after: str) -> bool:
    """Whether neither character changes the other when the text is composed (NFC).

    No ASCII character and no ideograph ever joins with the character before it.
    """
    del before
    return after < "\x80" or "一" <= after <= "鿿"


def between_words(before: str, after: str) -> bool:
    """Whether no word, mark, or run of white space goes on here: where white space begins.

    Before other white space than a line feed, ASCII has to stand: some rare signs (Unicode's class Prepend) hold on
    to a space behind them.
    """
    return (after == "\n" and not before.isspace()) or (after in " \t" and "!" <= before <= "~")


def recut(blocks: Iterable[str], edge: Edge) -> Iterator[str]:
    """The same text in blocks that meet at edges only; as long as need be where there is none.

    Examples
    --------
    >>> list(recut(["to b", "e or not", " to be"], between_words))
    ['to', ' be or', ' not to', ' be']
    """
    begun: list[str] = []
    last = ""
    for block in blocks:
        seen = last + block
        at = next((i for i in range(len(seen) - 1, 0, -1) if edge(seen[i - 1], seen[i])), None)
        if at is None:
            begun.append(block)
        else:
            at -= len(last)
            yield "".join([*begun, block[:at]])
            begun = [block[at:]]
        last = seen[-1:]
    rest = "".join(begun)
    if rest:
        yield rest


def composed(blocks: Iterable[str]) -> Iterator[str]:
    """Blocks that meet at edges, each in Unicode's composed form (NFC).

    Raises
    ------
    TextError
        The text has half a surrogate pair: it was not decoded from UTF-8.
    """
    read = 0
    for block in blocks:
        half = _SURROGATE.search(block)
        if half is not None:
            raise TextError(
                f"the text has half a surrogate pair, U+{ord(half.group()):04X}, at character {read + half.start()}; "
                "expected Unicode text. Decode it from UTF-8."
            )
        read += len(block)
        yield unicodedata.normalize("NFC", block)
