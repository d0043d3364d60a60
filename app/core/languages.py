"""The languages of the texts for people, and the texts in one of them.

Texts are written in English, where they are used. Catalogues (app/languages/) have them in the other languages.
"""

from __future__ import annotations

from typing import Final, Protocol

ENGLISH: Final = "en"
LANGUAGES: Final = (ENGLISH, "ar", "de", "es", "fr", "ja")
RIGHT_TO_LEFT: Final = frozenset({"ar"})


class Texts(Protocol):
    """The texts in one language."""

    language: str

    def text(self, english: str, /, **values: str | int) -> str:
        """Returns the text with the values in the places of its ``{placeholders}``."""

    def counted(self, one: str, many: str, count: int, /, **values: str | int) -> str:
        """Returns the form for this number of things, which is the value of ``{count}``."""


class EnglishTexts:
    """The language of the texts in the source."""

    language = ENGLISH

    def text(self, english: str, /, **values: str | int) -> str:
        return filled(english, values)

    def counted(self, one: str, many: str, count: int, /, **values: str | int) -> str:
        return filled(one if count == 1 else many, {**values, "count": f"{count:,}"})


def filled(text: str, values: dict[str, str | int]) -> str:
    """Puts values in the places of ``{placeholders}``. Values are not read again, so they may contain braces."""
    return text.format_map(values) if values else text
