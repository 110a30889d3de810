"""Token ids back to text, one at a time, as generation needs it."""

import codecs
import unicodedata
from typing import TYPE_CHECKING

from throughtime.errors import TokenError

if TYPE_CHECKING:
    from throughtime.data.tokenizer import Tokenizer

# Beyond what Unicode's categories say: marks that stand close to the word before, and to the word after.
_CLOSE_TO_LEFT = frozenset(".,;:!?…%。，、；：！？")
_CLOSE_TO_RIGHT = frozenset("$£€#@¿¡")
_STRAIGHT_QUOTES = frozenset("\"'`")

_REPLACEMENT = "\ufffd"  # stands for one unknown character


class TextStream:
    """Text as its tokens come: the pieces, and what `finish` gives, put together are what `Tokenizer.decode` gives.

    Characters stand as they are; an unknown one is shown as U+FFFD. Words get a space between them, but none before
    a mark that closes, none after one that opens, and none between equal marks (`--`); straight quotes open and close
    in turn, and white space that is a token brings its own. An unknown word is shown as `<unk>`. A sentence's start and end part it from its neighbours by a line
    feed, and show nothing at the ends of the text. Of bpe a token may end within a character, which then comes with
    the token that completes it; what is no UTF-8 is shown as U+FFFD.

    Parameters
    ----------
    tokenizer : Tokenizer
        Whose ids they are.

    Examples
    --------
    >>> from throughtime.data.tokenizer import Tokenizer
    >>> tokenizer = Tokenizer.train('"Well," (so he said) "it depends..."', unit="word")
    >>> stream = TextStream(tokenizer)
    >>> [stream.push(token_id) for token_id in tokenizer.encode('"Well," he said')]
    ['"', 'Well', ',', '"', ' he', ' said']
    """

    def __init__(self, tokenizer: "Tokenizer") -> None:
        self._tokenizer = tokenizer
        self._empty = True  # nothing shown yet
        self._parted = False  # a sentence's edge since the last piece
        self._before = ""  # the token shown last
        self._opened = False  # it stands close to what follows
        self._open_quotes: set[str] = set()
        self._bytes = codecs.getincrementaldecoder("utf-8")(errors="replace")  # holds an unfinished character

    def push(self, token_id: int) -> str:
        """Take the next token; return what it adds to the text.

        Raises
        ------
        TokenError
            `token_id` is not in the vocabulary.
        """
        of = self._tokenizer
        if not 0 <= token_id < len(of.tokens):
            raise TokenError(
                f"token id {token_id}; expected 0 to {len(of.tokens) - 1} (vocab_size {len(of.tokens)}). "
                "Use the tokenizer that the ids were made with."
            )
        if token_id == of.start_id or token_id == of.end_id:
            self._parted = True
            self._open_quotes.clear()
            return self.finish()
        token = of.tokens[token_id]
        gap = ""
        if token_id == of.unknown_id and of.unit != "word":
            token = self.finish() + _REPLACEMENT
        elif of.unit == "bpe":
            token = self._bytes.decode(of.bytes_of[token_id])
        elif of.unit == "word":
            gap = " " if self._apart(token) else ""
        if self._parted and not self._empty:
            gap = "\n"
        self._parted = self._empty = False
        return gap + token

    def finish(self) -> str:
        """What is still held back of a character that no token has completed."""
        return self._bytes.decode(b"", final=True)

    def _apart(self, token: str) -> bool:
        """Whether a space goes before this word or mark."""
        before, opened = self._before, self._opened
        category = unicodedata.category(token) if len(token) == 1 else ""
        closes = token in _CLOSE_TO_LEFT or category in ("Pe", "Pf") or token.isspace()
        self._opened = token in _CLOSE_TO_RIGHT or category in ("Ps", "Pi") or token.isspace()
        if token in _STRAIGHT_QUOTES:
            closes = token in self._open_quotes
            self._opened = not closes
            self._open_quotes ^= {token}
        self._before = token
        repeated = token == before and category.startswith(("P", "S")) and token not in _STRAIGHT_QUOTES
        return not (before == "" or opened or closes or repeated)
