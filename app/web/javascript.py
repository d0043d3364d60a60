"""Removes comments and unnecessary spaces from JavaScript. Line breaks stay where a statement may end.

It reads the syntax that this project uses: strings, templates (nested ones as well), regular expressions, comments. A
test compares the syntax trees of all our modules before and after.
"""

from __future__ import annotations

import re

_TOKEN = re.compile(
    r"""(?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
      | (?P<comment>//[^\n]*|/\*.*?\*/)
      | (?P<space>[ \t\r]+)
      | (?P<lines>\n\s*)
      | (?P<word>[\w$]+)
      | (?P<sign>.)""",
    re.VERBOSE | re.DOTALL,
)
_REGEX = re.compile(r"/(?:[^/\\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+/[a-z]*")
# After these, a slash begins a regular expression. After anything else, it divides.
_BEFORE_REGEX = frozenset("(,=:[!&|?{};+-*%<>~^") | {"return", "typeof", "case", "in", "of", "await", "=>", ""}
# Statements end neither after nor before these, so a line break beside them means nothing. The line breaks between
# statements stay, so that the lines of an error in the browser mean something.
_OPENING = frozenset("([,")
_CLOSING = frozenset(")],;")


def stripped(text: str) -> str:
    """Returns the code without comments and unnecessary spaces."""
    return "".join(_Stripper(text).code()).strip() + "\n"


class _Stripper:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def code(self) -> list[str]:
        """Reads up to the end, or up to the brace that closes the expression of a template."""
        out: list[str] = []
        before, gap, depth = "", "", 0
        while self.at < len(self.text):
            kind, part = self._next(before)
            if kind in ("comment", "space", "lines"):
                gap = "\n" if "\n" in gap + part else " "
                continue
            depth += (part == "{") - (part == "}")
            if depth < 0:
                self.at -= 1
                return out
            out += [_needed(before, gap, part), self._template() if part == "`" else part]
            before, gap = part, ""
        return out

    def _next(self, before: str) -> tuple[str, str]:
        match = _TOKEN.match(self.text, self.at)
        if match and match["sign"] == "/" and before in _BEFORE_REGEX:
            match = _REGEX.match(self.text, self.at) or match
        if match is None:
            raise ValueError(f"not JavaScript: {self.text[self.at : self.at + 20]!r}")
        self.at = match.end()
        return match.lastgroup or "regex", match[0]

    def _template(self) -> str:
        """Reads a template after its opening backtick. Its text stays as it is."""
        parts = ["`"]
        while True:
            parts.append(self._template_text())
            if not self.text.startswith("${", self.at):
                break
            self.at += 2
            parts += ["${", *self.code(), "}"]
            self.at += 1
        self.at += 1
        return "".join([*parts, "`"])

    def _template_text(self) -> str:
        start = self.at
        while self.text[self.at : self.at + 1] not in ("", "`") and not self.text.startswith("${", self.at):
            self.at += 2 if self.text[self.at] == "\\" else 1
        return self.text[start : self.at]


def _needed(before: str, gap: str, after: str) -> str:
    """Returns the part of the gap between two tokens that must stay."""
    if not (before and gap) or before in _OPENING or after in _CLOSING:
        return ""
    if gap == "\n":
        return gap
    last, first = before[-1], after[0]
    together = (_is_word(last) and (_is_word(first) or first in ".#")) or (last in "+-/" and first in "+-/")
    return " " if together else ""


def _is_word(sign: str) -> bool:
    return sign.isalnum() or sign in "_$"
