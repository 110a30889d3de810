"""The words of the replay, in English and Vietnamese: texts/article.<language>.toml."""

import tomllib
from importlib.resources import files

from throughtime.errors import ArgumentError

LANGUAGES = ("en", "vi")


class Catalogue:
    """The texts of one language, each by its key.

    Parameters
    ----------
    language : "en" or "vi"

    Raises
    ------
    ArgumentError
        If there is no such catalogue.

    Examples
    --------
    >>> Catalogue("vi")("fading.title")
    'Mất mát đạo hàm'
    """

    def __init__(self, language: str) -> None:
        if language not in LANGUAGES:
            raise ArgumentError(
                f"lang is {language!r}; expected one of {', '.join(LANGUAGES)}. Give --lang en."
            )
        file = files("throughtime") / "texts" / f"article.{language}.toml"
        chapters: dict[str, dict[str, str]] = tomllib.loads(file.read_text(encoding="utf-8"))
        # Line breaks are the file's, not the page's.
        self._texts = {
            f"{chapter}.{key}": " ".join(text.split())
            for chapter, texts in chapters.items()
            for key, text in texts.items()
        }

    def __call__(self, key: str, **values: object) -> str:
        """The text of a key, its {places} filled in."""
        return self._texts[key].format(**values)

    def texts(self) -> dict[str, str]:
        """All texts as they stand, with their places open."""
        return dict(self._texts)
