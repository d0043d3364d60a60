"""Reads the catalogues of app/languages/, and chooses a person's language. Catalogues are gettext's ``.po`` files."""

from __future__ import annotations

import gettext
import io
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from babel import Locale, UnknownLocaleError, negotiate_locale
from babel.core import get_locale_identifier, parse_locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal

from app.core.errors import Invalid
from app.core.languages import ENGLISH, LANGUAGES, RIGHT_TO_LEFT, EnglishTexts, Texts, filled

FOLDER = Path(__file__).parent / "languages"
MAX_LOCALE = 35  # characters, as BCP 47 recommends
NO_LANGUAGE = frozenset({"und", "root", "mul", "zxx"})


class TranslatedTexts:
    """The texts of a catalogue. A text that it lacks is in English; ``make check`` finds such texts."""

    def __init__(self, language: str, catalogue: gettext.GNUTranslations) -> None:
        self.language = language
        self._catalogue = catalogue
        self._isolates = language in RIGHT_TO_LEFT

    def text(self, english: str, /, **values: str | int) -> str:
        return filled(self._catalogue.gettext(english), self._isolated(values))

    def counted(self, one: str, many: str, count: int, /, **values: str | int) -> str:
        number = format_decimal(count, locale=self.language)
        return filled(self._catalogue.ngettext(one, many, count), {**self._isolated(values), "count": number})

    def _isolated(self, values: dict[str, str | int]) -> dict[str, str | int]:
        """Keeps a name that is written from left to right from moving its neighbours."""
        if not self._isolates:
            return values
        return {name: f"\u2068{value}\u2069" if isinstance(value, str) else value for name, value in values.items()}


@lru_cache(maxsize=64)  # there are few tags, because only checked ones are stored
def texts_in(tag: str | None) -> Texts:
    """Returns the texts in the language of a tag such as ``de-AT``; in English if it is None or has no catalogue."""
    language = best_language([tag]) if tag else None
    return EnglishTexts() if language in (None, ENGLISH) else _read(language or ENGLISH)


@lru_cache
def _read(language: str) -> Texts:
    with (FOLDER / f"{language}.po").open("rb") as source:
        catalogue = read_po(source, locale=language)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return TranslatedTexts(language, gettext.GNUTranslations(compiled))


def best_language(tags: Iterable[str]) -> str | None:
    """Returns the language of the first tag that has a catalogue; None if none has."""
    found = negotiate_locale(tags, LANGUAGES, sep="-")
    return None if found is None else found.lower()


def checked_locale(tag: str) -> str:
    """Returns a BCP 47 tag in its usual form (``de-at`` → ``de-AT``). Raises Invalid if it is malformed or the language
    is unknown to CLDR. A known language need not have a catalogue: it is stored, and texts stay in English.
    """
    try:
        parts = parse_locale(tag[: MAX_LOCALE + 1], sep="-")
        if parts[0] in NO_LANGUAGE or len(tag) > MAX_LOCALE:
            raise ValueError
        Locale.parse(parts[0])
    except (ValueError, UnknownLocaleError):
        raise Invalid.field("locale", "is not the tag of a known language") from None
    return get_locale_identifier(parts, sep="-")
