"""Formatting within a paragraph: bold, italic, strike, code, links and mentions. docs/formatting.md describes the
grammar. The client has the same one (client/lib/inline_formatting.js).

The result is a list of nodes: ``{"type": "text", "text"}``, ``{"type": "bold" | "italic" | "strike", "children"}``,
``{"type": "code", "text"}``, ``{"type": "link", "url", "children"}`` and ``{"type": "mention", "text", "names"}``. The
``names`` are those that may be meant (app/core/mentions.py). Adjacent texts are one node. Every text is a valid input,
and takes time proportional to its length.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterator
from typing import Any

from app.core.links import Address, find_addresses
from app.core.mentions import find_mentions

Node = dict[str, Any]

_TYPES = {"**": "bold", "*": "italic", "_": "italic", "~~": "strike"}
_MARKS = {"*": ("*", "**", "***"), "_": ("_",), "~": ("~~",)}  # runs of a sign that are marks
_SPECIAL = re.compile(r"\*+|_+|~+|`+|\[|\]|\n\n")
_SPACE = frozenset(" \t\n\u00a0\u3000\u2028\u2029")
# Scripts that are written without spaces, or add endings to words without one, as Korean does.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u11ff\u1780-\u17ff\u2e80-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\uff66-\uffdc"
    "\U00020000-\U0003ffff]"
)


def parse_inline(text: str) -> list[Node]:
    return _with_mentions(_Scan(text).run())


class _Scan:
    """Reads the text once. ``_nodes`` are the nodes so far; an open mark is a text node until it is closed."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._nodes: list[Node] = []
        self._open: dict[str, int] = {}  # mark -> its index in _nodes
        self._brackets: list[int] = []  # the indexes of open [
        self._last_address = -1  # the index of the last node that contains an address
        self._addresses = find_addresses(text)
        self._backticks = _Backticks(text)

    def run(self) -> list[Node]:
        text, at = self._text, 0
        special = _SPECIAL.search(text)
        addresses = iter([*self._addresses, None])
        address = next(addresses)
        while at < len(text):
            if special and special.start() < at:
                special = _SPECIAL.search(text, at)
            while address and address.start < at:
                address = next(addresses)
            begin = special.start() if special else len(text)
            if address and address.start <= begin:
                self._add_text(at, address.start)
                at = self._address(address)
            else:
                self._add_text(at, begin)
                at = self._special(special[0], begin) if special else begin
        return _merged(self._nodes)

    def _add_text(self, start: int, end: int) -> None:
        if end > start:
            self._nodes.append({"type": "text", "text": self._text[start:end]})

    def _address(self, address: Address) -> int:
        shown = self._text[address.start : address.end]
        self._last_address = len(self._nodes)
        node: Node = {"type": "text", "text": shown}
        self._nodes.append({"type": "link", "url": shown, "children": [node]} if address.is_link else node)
        return address.end

    def _special(self, sign: str, at: int) -> int:
        """Handles the sign at ``at``. Returns the index where parsing goes on."""
        end = at + len(sign)
        if sign == "\n\n":
            self._open.clear()
            self._brackets.clear()
        elif sign[0] == "`":
            return self._code(at, end)
        elif sign == "[":
            self._brackets.append(len(self._nodes))
        elif sign == "]":
            return self._end_of_label(at)
        elif sign in _MARKS[sign[0]]:
            self._mark(sign, at, end)
            return end
        self._add_text(at, end)
        return end

    def _code(self, at: int, end: int) -> int:
        close = self._backticks.close(at, end)
        if close is None:
            self._add_text(at, end)
            return end
        self._nodes.append({"type": "code", "text": self._text[end:close]})
        return close + end - at

    def _end_of_label(self, at: int) -> int:
        """Makes a link of ``[label](address)``."""
        opened = self._brackets.pop() if self._brackets else None
        address = _address_at(self._addresses, at + 2) if self._text.startswith("](", at) else None
        is_target = address is not None and address.is_link and self._text.startswith(")", address.stop)
        if opened is None or address is None or not is_target or not self._is_label(opened + 1):
            self._add_text(at, at + 1)
            return at + 1
        self._close(opened, {"type": "link", "url": self._text[address.start : address.stop]})
        self._last_address = opened
        return address.stop + 1

    def _is_label(self, first: int) -> bool:
        """Returns whether the nodes may be a label: they show something, and no other address, which could deceive."""
        return self._last_address < first and any(
            _shows(self._nodes[index]) for index in range(first, len(self._nodes))
        )

    def _mark(self, sign: str, at: int, end: int) -> None:
        before, after = self._text[at - 1 : at], self._text[end : end + 1]
        left = sign
        if before != "\\" and before not in _SPACE and before and not _is_word(after):
            left = self._close_marks(sign)
        opens = bool(after) and after not in _SPACE and not _is_word(before) and before != "\\"
        if left and opens and not (sign == "_" and before == "@"):
            for mark in ("**", "*") if left == "***" else (left,):
                self._open[mark] = len(self._nodes)
                self._nodes.append({"type": "text", "text": mark})
        elif left:
            self._nodes.append({"type": "text", "text": left})

    def _close_marks(self, sign: str) -> str:
        """Closes the innermost open marks that the sign closes. Returns the rest of the sign."""
        marks = [mark for mark in (("*", "**") if sign == "***" else (sign,)) if mark in self._open]
        for mark in sorted(marks, key=lambda mark: -self._open[mark]):
            if mark in self._open and len(mark) <= len(sign):
                self._close(self._open[mark], {"type": _TYPES[mark]})
                sign = sign[len(mark) :]
        return sign

    def _close(self, opened: int, node: Node) -> None:
        """Puts the nodes after the index into ``node``, which takes its place."""
        node["children"] = _merged(self._nodes[opened + 1 :])
        self._nodes[opened:] = [node]
        self._last_address = min(self._last_address, opened)
        self._open = {mark: index for mark, index in self._open.items() if index < opened}
        while self._brackets and self._brackets[-1] >= opened:
            self._brackets.pop()


class _Backticks:
    """The runs of backticks, by length."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._runs: dict[int, list[int]] = {}
        for match in re.finditer("`+", text):
            self._runs.setdefault(len(match[0]), []).append(match.start())

    def close(self, at: int, end: int) -> int | None:
        """Returns the start of the next run of the same length in this line, or None."""
        runs = self._runs.get(end - at, [])
        index = bisect_left(runs, end)
        if index == len(runs) or "\n" in self._text[end : runs[index]]:
            return None
        return runs[index]


def _address_at(addresses: list[Address], start: int) -> Address | None:
    index = bisect_left(addresses, start, key=lambda address: address.start)
    return addresses[index] if index < len(addresses) and addresses[index].start == start else None


def _is_word(character: str) -> bool:
    """Returns whether the character belongs to a word of a script with spaces between words."""
    return bool(character) and unicodedata.category(character)[0] in "LNM" and not _UNSPACED.match(character)


def _shows(node: Node) -> bool:
    return any(map(_shows, node["children"])) if "children" in node else not _SPACE.issuperset(node["text"])


def _merged(nodes: list[Node]) -> list[Node]:
    """Returns the nodes with adjacent texts joined."""
    merged: list[Node] = []
    pieces: list[str] = []
    for node in [*nodes, {"type": "end"}]:
        if node["type"] == "text":
            pieces.append(node["text"])
            continue
        if pieces:
            merged.append({"type": "text", "text": "".join(pieces)})
            pieces.clear()
        merged.append(node)
    return merged[:-1]


def _with_mentions(nodes: list[Node]) -> list[Node]:
    return [new for node in nodes for new in _split(node)]


def _split(node: Node) -> Iterator[Node]:
    """Yields the node with the mentions in its texts as nodes. Links and code contain none."""
    if node["type"] == "text":
        yield from _mentions_of(node["text"])
    elif node["type"] in ("bold", "italic", "strike"):
        yield {**node, "children": _with_mentions(node["children"])}
    else:
        yield node


def _mentions_of(text: str) -> Iterator[Node]:
    at = 0
    for start, end, names in find_mentions(text):
        if start > at:
            yield {"type": "text", "text": text[at:start]}
        yield {"type": "mention", "text": text[start:end], "names": names}
        at = end
    if at < len(text):
        yield {"type": "text", "text": text[at:]}
