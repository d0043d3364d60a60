"""Names as people see them: of users, groups and files. One function decides which characters show.

It removes control characters, characters that change the direction of the text, and everything that is drawn as
nothing. It keeps invisible characters that a script or an emoji needs:

* joiners between letters of a script that joins letters, and within an emoji;
* variation selectors after the character that they vary, and the tags of a flag.

``is_confusable`` finds names that deceive by look-alike letters of several scripts.
"""

from __future__ import annotations

import re
import unicodedata

# Code points that are drawn as nothing although they are not format characters (Unicode's Default_Ignorable_Code_Point,
# with the unassigned ones), and Braille's blank and an empty note, which are drawn without ink.
_INKLESS = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8"
    "\U0001d159\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
# Format characters with ink: signs that enclose digits or stand for a word in Arabic, Syriac and Kaithi.
_INKED_FORMATS = frozenset("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd")
_JOINERS = "\u200c\u200d"
_EMOJI_JOINER = "\u200d"
# Scripts that form words with joiners: Arabic to Thaana, Indic ones, Mongolian and others of South and East Asia.
_JOINED_SCRIPTS = re.compile(
    "[\u0600-\u08ff\u0900-\u0dff\u0f00-\u109f\u1780-\u18af\u1900-\u1cff\ua840-\uabff\ufb50-\ufdff\ufe70-\ufefc"
    "\U00010a00-\U00011fff]"
)
_IDEOGRAPH = re.compile("[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_MONGOLIAN = re.compile("[\u1820-\u18aa]")
_FLAG_TAGS = re.compile("\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f")
_BREAKS = frozenset("\t\n\r\v\f\x85\u2028\u2029")  # become spaces
_SPACES = re.compile(r"\s+")
MAX_MARKS = 8  # combining marks in a row; more of them only draw over other lines
# Legacy texts write the last letter of many Malayalam names with this sign and a joiner.
_MALAYALAM_VIRAMA = "\u0d4d"
# Scripts that honest names mix with others: those in wide modern use without look-alikes of Latin letters (as the level
# "moderately restrictive" of UTS 39), and signs of all scripts.
_MIXED_HONESTLY = frozenset(
    {
        "COMMON", "INHERITED", "UNKNOWN", "ARABIC", "BENGALI", "BOPOMOFO", "DEVANAGARI", "ETHIOPIC", "GEORGIAN",
        "GUJARATI", "GURMUKHI", "HAN", "HANGUL", "HEBREW", "HIRAGANA", "KANNADA", "KATAKANA", "KHMER", "LAO",
        "MALAYALAM", "MYANMAR", "ORIYA", "SINHALA", "TAMIL", "TELUGU", "THAANA", "THAI", "TIBETAN"
    }
)  # fmt: skip


def shown(name: str) -> str:
    """Returns the name as it shows: in Unicode's composed form, without surrounding space, and without characters that
    do not show. Line breaks and tabs become spaces. Returns an empty text if the name shows nothing.
    """
    text = unicodedata.normalize("NFC", _without_surrogates(name))
    flags = {at for match in _FLAG_TAGS.finditer(text) for at in range(match.start(), match.end())}
    kept: list[str] = []
    marks = 0
    for at, character in enumerate(text):
        is_mark = unicodedata.category(character)[0] == "M"
        if marks == MAX_MARKS and (is_mark or character in _JOINERS):
            continue
        if at in flags or _shows(kept[-1:], character, text[at + 1 : at + 2]):
            kept.append(" " if character in _BREAKS else character)
            # A joiner does not begin a new character.
            marks = marks + is_mark if is_mark or character in _JOINERS else 0
    clean = "".join(kept).rstrip()
    return clean if any(map(_has_ink, clean)) else ""


def is_plain(name: str) -> bool:
    """Returns whether every character of the name shows, apart from surrounding space. There must be at least one."""
    return shown(name) == unicodedata.normalize("NFC", name.strip()) != ""


def one_line(text: str) -> str:
    """Returns ``shown`` with single spaces."""
    return _SPACES.sub(" ", shown(text))


def is_confusable(name: str) -> bool:
    """Returns whether a word of the name mixes scripts, and some of its letters look like letters of another script."""
    if name.isascii():
        return False
    from confusable_homoglyphs import confusables  # noqa: PLC0415 - its tables take 6.6 MB of each process

    return any(_mixes_scripts(word) and bool(confusables.is_dangerous(word)) for word in name.split())


def _shows(before: list[str], character: str, after: str) -> bool:
    """``before`` is the last character that was kept, if any."""
    if not before and (character.isspace() or unicodedata.category(character)[0] == "M"):
        return False  # a mark would be drawn over the text before the name
    if character in _JOINERS:
        return bool(before) and _joins(before[0], character, after)
    if _INKLESS.match(character):
        return bool(before) and _varies(before[0], character)
    if character in _BREAKS:
        return True
    category = unicodedata.category(character)
    if category == "Cf":
        return character in _INKED_FORMATS
    return category not in ("Cc", "Cs") and not _is_noncharacter(character)


def _joins(before: str, joiner: str, after: str) -> bool:
    """Returns whether the joiner has a meaning between these characters. ``after`` may be empty."""
    if not after or after.isspace():
        return joiner == "\u200d" and before == _MALAYALAM_VIRAMA
    if _JOINED_SCRIPTS.match(before) and _JOINED_SCRIPTS.match(after):
        return unicodedata.category(before)[0] in "LM" and unicodedata.category(after)[0] in "LM"
    return joiner == _EMOJI_JOINER and (before == "\ufe0f" or _is_symbol(before)) and _is_symbol(after)


def _varies(before: str, character: str) -> bool:
    """Returns whether ``character`` selects a form of the one before it."""
    if character in "\ufe0e\ufe0f":
        return _is_symbol(before) or before in "0123456789#*"
    if "\u180b" <= character <= "\u180f":
        return character != "\u180e" and _MONGOLIAN.match(before) is not None
    is_selector = "\ufe00" <= character <= "\ufe0d" or "\U000e0100" <= character <= "\U000e01ef"
    return is_selector and _IDEOGRAPH.match(before) is not None


def _is_symbol(character: str) -> bool:
    """Returns whether the character may be an emoji. Emoji of a newer Unicode are unassigned here."""
    known = unicodedata.category(character) in ("So", "Sm", "Sk", "Cn") or character in "\u203c\u2049\u3030\u303d"
    return known and character >= "\u00a9" and not _INKLESS.match(character)


def _has_ink(character: str) -> bool:
    return unicodedata.category(character)[0] not in "MZC" or unicodedata.category(character) in ("Cn", "Co")


def _is_noncharacter(character: str) -> bool:
    point = ord(character)
    return point & 0xFFFE == 0xFFFE or 0xFDD0 <= point <= 0xFDEF


def _without_surrogates(text: str) -> str:
    return "".join(c for c in text if not "\ud800" <= c <= "\udfff")


def _mixes_scripts(word: str) -> bool:
    from confusable_homoglyphs import categories  # noqa: PLC0415 - as above

    return len({categories.alias(character) for character in word} - _MIXED_HONESTLY) > 1
