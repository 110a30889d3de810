"""A vocabulary that is there already, such as that of a model from elsewhere, as a tokenizer."""

import unicodedata
from collections.abc import Sequence
from typing import Any

import tokenizers

from throughtime.data.vocabularies import (
    CHAR,
    SPACED,
    UNKNOWN,
    UNKNOWNS,
    WORD,
    Unit,
    cut_by,
    is_mark,
    of_tokens,
)
from throughtime.errors import ArgumentError


def of_symbols(symbols: Sequence[str], unit: Unit | None) -> tuple[tokenizers.Tokenizer, Unit]:
    """The tokenizer of a vocabulary that is there already, and what its tokens are, as `Tokenizer.of` has it.

    Raises
    ------
    ArgumentError
        A symbol is empty or stands twice, has white space within, is no Unicode, or is too long for a character.
    """
    symbols = _composed(symbols)
    unit = _unit_of_symbols(symbols, unit)
    unknown = next((name for name in UNKNOWNS if name in symbols), UNKNOWN)
    if unit == "char":
        return of_tokens(symbols, unit, cut_by(CHAR), unknown), unit
    cut = cut_by(WORD)
    words = [symbol for symbol in symbols if not is_mark(symbol) and not symbol.isspace()]
    whole = all([piece for piece, _ in cut.pre_tokenize_str(word)] == [word] for word in words)
    pattern = WORD if whole else SPACED
    cut = cut_by(rf"{pattern}|\n" if "\n" in symbols else pattern)
    return of_tokens(symbols, unit, cut, unknown), unit


def _composed(symbols: Sequence[str]) -> list[str]:
    """Symbols in NFC, as texts are, if they are a vocabulary."""
    if not symbols:
        raise ArgumentError("no token found; expected at least one. Give all of the vocabulary.")
    seen: dict[str, int] = {}
    for i, symbol in enumerate(symbols):
        fault = _fault(symbol)
        composed = "" if fault else unicodedata.normalize("NFC", symbol)
        if composed in seen:
            fault = (
                "stands twice"
                if symbols[seen[composed]] == symbol
                else f"is in NFC the same as token {seen[composed]}"
            )
        if fault:
            raise ArgumentError(
                f"token {i}, {symbol!r}, {fault}; expected tokens that differ. Correct the vocabulary."
            )
        seen[composed] = i
    return [*seen]


def _fault(symbol: Any) -> str:
    """Why no text can ever give a symbol; nothing where one may."""
    if not isinstance(symbol, str) or not symbol:
        return "is no text"
    if any("\ud800" <= letter <= "\udfff" for letter in symbol):
        return "has half a surrogate pair"
    if len(symbol) > 1 and any(map(str.isspace, symbol)) and not is_mark(symbol):
        return "has white space within"
    return ""


def _unit_of_symbols(symbols: Sequence[str], unit: Unit | None) -> Unit:
    longer = [symbol for symbol in symbols if len(symbol) > 1 and not is_mark(symbol)]
    if unit is None:
        unit = "word" if longer else "char"
    if unit not in ("char", "word") or (unit == "char" and longer):
        what = f"{longer[0]!r} is among the tokens" if longer else f"{len(symbols)} tokens"
        raise ArgumentError(
            f"unit is {unit!r} and {what}; expected 'char', with tokens of one character, or 'word'. Leave unit out."
        )
    return unit
