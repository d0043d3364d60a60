"""Formatting of messages: paragraphs, code blocks, quotes and lists. docs/formatting.md describes the grammar. The
client has the same one (client/lib/formatting.js), and both pass the vectors of tests/vectors/formatting.json.

Messages are stored and sent as they were written. The server parses them only to find mentions and to show them as
plain text. Every text is a valid input, and takes time proportional to its length.

The blocks are ``{"type": "paragraph", "children"}``, ``{"type": "code_block", "language", "text"}`` (the language may
be empty), ``{"type": "quote", "blocks"}`` and ``{"type": "list", "items"}``. An item is ``{"number", "children"}``; a
bullet has None as its number. ``children`` are the nodes of app/core/inline_formatting.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from app.core.inline_formatting import Node, parse_inline

MAX_QUOTES = 4  # levels of quotes in quotes; further ones are text

_FENCE = re.compile(r"(`{3,})([A-Za-z0-9_+#.-]{0,32})[ \t]*")
_BULLET = re.compile(r"[-*\u2022][ \t]{1,4}(?=[^ \t])")
_NUMBER = re.compile(r"([0-9]{1,9})[.)][ \t]{1,4}(?=[^ \t])")


def parse(text: str) -> list[Node]:
    """Returns the blocks of a message."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return _blocks(lines, 0)


def plain_text(text: str) -> str:
    """Returns the text as it shows without formatting: for notifications and previews."""
    return "\n".join(map(_plain_block, parse(text)))


def possible_mentions(text: str) -> list[list[str]]:
    """Returns the names of each possible mention (app/core/mentions.py). Code, quotes and links contain none."""
    return [names for block in parse(text) if block["type"] != "quote" for names in _names_in(block)]


def _blocks(lines: list[str], depth: int) -> list[Node]:
    made: list[Node] = []
    waiting: list[str] = []  # lines of a paragraph
    longest = _longest_fences(lines)
    at = 0
    while at < len(lines):
        block, end = _block_at(lines, at, depth, longest)
        if block is None:
            waiting.append(lines[at])
        else:
            made += [*_paragraph(waiting), block]
            waiting = []
        at = end
    return (
        [*made, *_paragraph(waiting)] if made else [{"type": "paragraph", "children": parse_inline("\n".join(lines))}]
    )


def _block_at(lines: list[str], at: int, depth: int, longest: list[int]) -> tuple[Node | None, int]:
    """Returns the block that begins in this line, or None for a line of a paragraph, and the index after it."""
    line = lines[at]
    if line.startswith("```") and (fence := _FENCE.fullmatch(line)) and longest[at + 1] >= len(fence[1]):
        end = next(n for n in range(at + 1, len(lines)) if _fence_length(lines[n]) >= len(fence[1]))
        return {"type": "code_block", "language": fence[2], "text": "\n".join(lines[at + 1 : end])}, end + 1
    if _is_quote(line) and depth < MAX_QUOTES:
        end = _end(lines, at, _is_quote)
        return {"type": "quote", "blocks": _blocks([quoted[2:] for quoted in lines[at:end]], depth + 1)}, end
    for pattern in (_BULLET, _NUMBER):
        if pattern.match(line):
            end = _end(lines, at, pattern.match)
            return {"type": "list", "items": _items(map(pattern.match, lines[at:end]))}, end
    return None, at + 1


def _items(matches: Iterable[re.Match[str] | None]) -> list[Node]:
    return [
        {"number": int(match[1]) if match.re.groups else None, "children": parse_inline(match.string[match.end() :])}
        for match in matches
        if match
    ]


def _end(lines: list[str], at: int, belongs: Callable[[str], object]) -> int:
    """Returns the index of the first line from ``at`` on that does not belong to the block."""
    return next((n for n in range(at, len(lines)) if not belongs(lines[n])), len(lines))


def _is_quote(line: str) -> bool:
    return line == ">" or line.startswith("> ")


def _fence_length(line: str) -> int:
    """Returns the number of backticks if the line can end a code block, else 0."""
    bare = line.rstrip(" \t")
    return len(bare) if len(bare) >= 3 and not bare.strip("`") else 0


def _longest_fences(lines: list[str]) -> list[int]:
    """Returns for each line the longest end of a code block in it or after it, and 0 at the end."""
    longest = [0]
    for line in reversed(lines):
        longest.append(max(longest[-1], _fence_length(line)))
    return longest[::-1]


def _paragraph(lines: list[str]) -> list[Node]:
    """Returns the paragraph of these lines, which is next to another block, without blank lines around it."""
    first = next((n for n, line in enumerate(lines) if line.strip(" \t")), None)
    if first is None:
        return []
    last = next(n for n in range(len(lines), 0, -1) if lines[n - 1].strip(" \t"))
    return [{"type": "paragraph", "children": parse_inline("\n".join(lines[first:last]))}]


def _plain_block(block: Node) -> str:
    if block["type"] == "code_block":
        return str(block["text"])
    if block["type"] == "quote":
        lines = "\n".join(map(_plain_block, block["blocks"])).split("\n")
        return "\n".join(f"> {line}" for line in lines)
    if block["type"] == "list":
        return "\n".join(map(_plain_item, block["items"]))
    return _plain(block["children"])


def _plain_item(item: Node) -> str:
    sign = "\u2022" if item["number"] is None else f"{item['number']}."
    return f"{sign} {_plain(item['children'])}"


def _plain(nodes: list[Node]) -> str:
    return "".join(_plain(node["children"]) if "children" in node else node["text"] for node in nodes)


def _names_in(block: Node) -> Iterator[list[str]]:
    for node in block.get("children", []):
        if node["type"] == "mention":
            yield node["names"]
        else:
            yield from _names_in(node)
    for item in block.get("items", []):
        yield from _names_in(item)
