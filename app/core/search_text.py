"""Folds texts, so that different spellings of a word are equal, and splits them into words.

Texts and queries are folded by the same function. It drops case, accents, vowel points and invisible characters, and
replaces compatibility characters (NFKC): "Café", "cafe" and "CAFE" + U+0301 become "cafe".
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Iterator

# Accents, the points of Hebrew, Arabic and Syriac, and the dot below Hindi and Punjabi letters, which many leave out. A
# word without them is the same word. The vowel signs of Indian and South-East Asian scripts are not dropped, because
# without them it would be another word.
_POINTS = (
    (0x300, 0x36F), (0x483, 0x489), (0x591, 0x5BD), (0x5BF, 0x5BF), (0x5C1, 0x5C2), (0x5C4, 0x5C5), (0x5C7, 0x5C7),
    (0x610, 0x61A), (0x64B, 0x65F), (0x670, 0x670), (0x6D6, 0x6DC), (0x6DF, 0x6E4), (0x6E7, 0x6E8), (0x6EA, 0x6ED),
    (0x711, 0x711), (0x730, 0x74A), (0x93C, 0x93C), (0xA3C, 0xA3C), (0x1AB0, 0x1AFF), (0x1DC0, 0x1DFF),
    (0x20D0, 0x20FF), (0xFE20, 0xFE2F),
)  # fmt: skip
_INVISIBLE = (
    (0x34F, 0x34F), (0x61C, 0x61C), (0x180B, 0x180F), (0x200D, 0x200F),
    (0x202A, 0x202E), (0x2060, 0x206F), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF), (0xE0000, 0xE01EF), (0x640, 0x640),
)  # fmt: skip
_DIGITS = (
    0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66, 0xE50, 0xED0, 0xF20, 0x1040,
    0x17E0, 0x1810,
)  # fmt: skip
_SAME = {
    **dict.fromkeys("‘’‚‛′ʹʻʼʽ`", "'"),
    # Invisible within a word: soft hyphen, zero-width space and non-joiner. The word is found whole and by its parts.
    **dict.fromkeys("\u00ad\u200b\u200c", "'"),
    **dict.fromkeys("“”„‟«»″״", '"'),
    **dict.fromkeys("‐‒–—―−⁃", "-"),
    "׳": "'",
    "⁄": "/",
    **dict(zip("øØđĐłŁħĦŧŦıŋŊ", "oOdDlLhHtTinN", strict=True)),
    "æ": "ae",
    "Æ": "AE",
    "œ": "oe",
    "Œ": "OE",
    "ß": "ss",
    "ẞ": "SS",
    "þ": "th",
    "Þ": "TH",
    "ð": "d",
    "Ð": "D",
    # Letters that Arabic and Persian keyboards write differently.
    "ى": "ي",
    "ی": "ي",
    "ک": "ك",
    "ة": "ه",
    "ٱ": "ا",
    **dict.fromkeys("ہھەۃ", "ه"),
    "ے": "ي",
    "ڪ": "ك",
    "ґ": "г",
    "Ґ": "Г",
    # The last letters of Malayalam words, as older programs write them, with a joiner that is dropped.
    **dict(zip("ൺൻർൽൾൿ", ("ണ്", "ന്", "ര്", "ല്", "ള്", "ക്"), strict=True)),
}
# Compatibility decomposition would turn these into a space and an accent.
_ACCENT_ALONE = str.maketrans(dict.fromkeys("´\u0384\u1fbd\u1fbf\u1ffd\u1ffe", "'"))


def _every(ranges: Iterable[tuple[int, int]]) -> Iterator[int]:
    return (point for first, last in ranges for point in range(first, last + 1))


_FOLDED: dict[int, str | None] = {
    **dict.fromkeys(_every((*_POINTS, *_INVISIBLE))),
    **{zero + n: str(n) for zero in _DIGITS for n in range(10)},
    **{ord(char): same for char, same in _SAME.items()},
}
# Scripts that put no spaces between words, and Korean, whose particles follow a word without one.
_UNSPACED = (
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ecf\u0edc-\u0edf\u0f40-\u0fbc\u1000-\u103f\u1050-\u109f\u1100-\u11ff"
    "\u1780-\u17d3\u17dc\u17dd\u1950-\u19df\u1a20-\u1aad\u3005-\u3007\u3021-\u3029\u3041-\u3096\u3099\u309a"
    "\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3105-\u312f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\ua980-\ua9df\uaa60-\uaadf\uac00-\ud7a3\U00020000-\U0003ffff"
)


def _kept_marks() -> str:
    """Returns the marks that folding keeps, as ranges of a character class. Python's ``\\w`` has none of them."""
    blocks = ((0x900, 0x1DFF), (0x2DE0, 0x2DFF), (0x302A, 0x309A), (0xA66F, 0xABFF), (0x10A00, 0x11FFF))
    found: list[list[int]] = []
    for point in _every(blocks):
        if unicodedata.category(chr(point))[0] != "M" or point in _FOLDED:
            continue
        if found and found[-1][1] == point - 1:
            found[-1][1] = point
        else:
            found.append([point, point])
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in found)


_KEPT = _kept_marks()
LETTER = rf"(?:[^\W_]|[{_KEPT}])"
_DROPPED = "".join(f"{chr(first)}-{chr(last)}" for first, last in (*_POINTS, *_INVISIBLE))
# Many programs take these for the end of a word.
MARKS = re.compile(f"[{_DROPPED}{_KEPT}]")
# Emoji and other symbols that stand for themselves. Each is a word, and so are the two letters of a flag.
SIGN = (
    "(?:[\U0001f1e6-\U0001f1ff]{2}|[\u00a2-\u00a9\u00ac\u00ae\u00b0\u00b1\u00d7\u00f7\u20a0-\u20cf\u2100-\u2bff"
    "\U0001f000-\U0001faff])"
)
WORD = re.compile(rf"{LETTER}+|{SIGN}")
_ASCII_WORD = re.compile(r"[A-Za-z0-9]+")
UNSPACED_PIECE = re.compile(rf"[{_UNSPACED}]+|[^{_UNSPACED}]+")
UNSPACED = re.compile(f"[{_UNSPACED}]")
_INVISIBLE_SPACE = "\u00ad\u200b\u200c"
# In scripts without spaces, an invisible one only allows a line break.
_BREAKABLE = re.compile(f"(?<=[{_UNSPACED}])[{_INVISIBLE_SPACE}]+(?=[{_UNSPACED}])")


def plain(text: str) -> str:
    """Returns the text folded, except for case."""
    if text.isascii():
        return text
    decomposed = unicodedata.normalize("NFKD", _BREAKABLE.sub("", text).translate(_ACCENT_ALONE))
    return unicodedata.normalize("NFC", decomposed.translate(_FOLDED))


_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"})


def spelled_out(text: str) -> str | None:
    """Returns the text as it is written without a key for umlauts ("Mueller"), or None if it has no umlaut."""
    if text.isascii():
        return None
    composed = unicodedata.normalize("NFC", text)
    spelled = composed.translate(_UMLAUTS)
    return None if spelled == composed else spelled


def fold(text: str) -> str:
    """Returns the text folded. The result is not for display."""
    return text.lower() if text.isascii() else fold_case(plain(text))


def fold_case(text: str) -> str:
    """Returns ``plain`` text without case. Some letters decompose only after that, so it is normalised again."""
    folded = text.casefold()
    return folded if folded.isascii() else unicodedata.normalize("NFC", folded.translate(_FOLDED))


def words(text: str) -> list[str]:
    """Returns the words of a text that is ``plain`` or folded."""
    return (_ASCII_WORD if text.isascii() else WORD).findall(text)


_PIECE_CHARS = 64
# A text cannot be cut before one of these, because they change the character before them.
_JOINING = re.compile("[\u1100-\u11ff\uff9e\uff9f]")


class FoldedText:
    """A folded text whose positions can be translated to those of the original.

    The text is folded in pieces, so that only those with a position in question are looked at again, each once.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._pieces = list(_pieces(text, _PIECE_CHARS))
        folded = [fold(text[start:end]) for start, end in self._pieces]
        self.folded = "".join(folded)
        self._starts = [0]
        for piece in folded:
            self._starts.append(self._starts[-1] + len(piece))
        self._origins: dict[int, list[int]] = {}  # by number of the piece, filled when needed

    def original(self, position: int) -> int:
        """Returns where the character that became ``folded[position]`` begins in the text."""
        if position >= self._starts[-1]:
            return len(self.text)
        number = bisect_right(self._starts, position) - 1
        if number not in self._origins:
            self._origins[number] = self._origins_in(number)
        origins, place = self._origins[number], position - self._starts[number]
        return origins[place] if place < len(origins) else self._pieces[number][1]

    def _origins_in(self, number: int) -> list[int]:
        """Returns where the original of each character of a folded piece begins in the text."""
        start, end = self._pieces[number]
        origins: list[int] = []
        for first, last in _pieces(self.text[start:end], 1):
            origins += [start + first] * len(fold(self.text[start + first : start + last]))
        return origins


def _pieces(text: str, size: int) -> Iterator[tuple[int, int]]:
    """Yields pieces of at least ``size`` characters that fold as they do within the text."""
    start = 0
    while start < len(text):
        end = min(start + size, len(text))
        while end < len(text) and (_continues(text[end]) or text[end - 1] in _INVISIBLE_SPACE):
            end += 1
        yield start, end
        start = end


def _continues(char: str) -> bool:
    if char in _INVISIBLE_SPACE:
        return True
    return ord(char) >= 0x300 and (unicodedata.category(char)[0] == "M" or _JOINING.match(char) is not None)
