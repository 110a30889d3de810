"""Where a text's sentences end."""

import re
from collections.abc import Iterable, Iterator

# Lines shorter than this are not the work of a program that wraps text.
_NARROWEST_WRAP = 40

# A longer paragraph is taken in parts of whole lines, so that a text without blank lines need not be held whole.
_LONGEST_PARAGRAPH = 1 << 20

# An end mark, what closes with it, and white space; the marks of Chinese and Japanese need no space.
_END = re.compile(r"""(?:[.!?…]+["'”’»)\]*_]*\s+|[。！？]+[”’」』）]*\s*)""")
_NOT_AN_END = re.compile(
    r"""(?:^|[\s("'“‘«\[])          # a word of its own, namely
        (?:[^\W\d_]                 # an initial: J. Smith
        |(?:[^\W\d_]\.)+[^\W\d_]    # e.g. U.S. p.m.
        |Mr|Mrs|Ms|Dr|Prof|St|vs|cf|Fig|No|Vol|pp|TS|ThS|PGS|GS|TP)
        \.\s+$""",
    re.VERBOSE,
)
_NUMBERED = re.compile(r"[\W_]*\d+\.\s+")  # '2. The second': the number belongs to what follows
_LETTER = re.compile(r"[^\W_]")


def split_sentences(text: str) -> list[str]:
    r"""Split a text into sentences, by rule.

    A sentence ends
    - at a blank line;
    - at a line break, unless a program wrapped the line there: then the next line's first word would not have fitted
      within the paragraph's longest line, which has at least 40 characters. So a list of names, verse, program
      text and a table's rules stand a line each, and wrapped prose is put together again;
    - after `. ! ? …` and white space, unless a lower-case letter follows, or the mark belongs to an initial, a common
      abbreviation, or a number that opens the sentence; after `。！？` always.

    White space within a sentence becomes single spaces. Nothing else is lost: the sentences hold every other
    character of the text, in order. A paragraph of more than a million characters is taken in parts. (Unicode's own
    rule, UAX #29, breaks at every line feed and after `Dr.`)

    Examples
    --------
    >>> split_sentences('Dr. No left. "Why?" she asked. He\nwas 3.5 m tall!\n\nThe end')
    ['Dr. No left.', '"Why?" she asked.', 'He', 'was 3.5 m tall!', 'The end']
    """
    return list(sentences_of([text]))


def sentences_of(blocks: Iterable[str]) -> Iterator[str]:
    """The sentences of a text that comes in blocks, cut anywhere: those that `split_sentences` finds in the whole."""
    for paragraph in _paragraphs(blocks):
        for line in _unwrapped(paragraph):
            yield from _ended(line)


def _paragraphs(blocks: Iterable[str]) -> Iterator[str]:
    """What blank lines part."""
    begun: list[str] = []
    size = 0
    for line in _lines(blocks):
        blank = not line.strip()
        if begun and (blank or size >= _LONGEST_PARAGRAPH):
            yield "\n".join(begun)
            begun, size = [], 0
        if not blank:
            begun.append(line if begun else line.lstrip())
            size += len(line)
    yield "\n".join(begun)


def _lines(blocks: Iterable[str]) -> Iterator[str]:
    begun: list[str] = []
    for block in blocks:
        first, *others = block.split("\n")
        begun.append(first)
        if others:
            yield "".join(begun)
            yield from others[:-1]
            begun = others[-1:]
    yield "".join(begun)


def _unwrapped(paragraph: str) -> Iterator[str]:
    """The paragraph's lines, those that were wrapped put together again."""
    lines = [line.rstrip() for line in paragraph.splitlines() if line.strip()]
    width = max(map(len, lines), default=0)
    begun: list[str] = []
    for line, following in zip(lines, [*lines[1:], ""], strict=False):
        begun.append(line)
        first_word = following.split(maxsplit=1)[0] if following else ""
        wrapped = width >= _NARROWEST_WRAP and len(line) + 1 + len(first_word) > width
        if not (wrapped and _LETTER.search(line) and _LETTER.search(following)):
            yield " ".join(" ".join(begun).split())
            begun = []


def _ended(line: str) -> Iterator[str]:
    """The sentences of one line of single-spaced text."""
    begin = 0
    for end in _END.finditer(line):
        so_far = line[begin : end.end()]
        letter = _LETTER.search(line, end.end())
        goes_on = letter is not None and letter.group().islower()
        if goes_on or _NOT_AN_END.search(so_far) or _NUMBERED.fullmatch(so_far):
            continue
        yield so_far.rstrip()
        begin = end.end()
    if line[begin:]:
        yield line[begin:]
