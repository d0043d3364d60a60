"""Formatting of messages. The client passes the same vectors, and random texts (tests/e2e/client/test_in_node.py)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.formatting import parse, plain_text, possible_mentions
from app.core.links import has_link
from tests.vectors import vectors
from tests.vectors.random_texts import PARTS, random_texts


@pytest.mark.parametrize("vector", vectors("formatting"), ids=lambda vector: ascii(vector["text"])[:40])
def test_texts_are_parsed(vector: dict[str, Any]) -> None:
    assert parse(vector["text"]) == vector["blocks"]
    assert plain_text(vector["text"]) == vector["plain"]


TEXTS = st.text(max_size=40) | st.lists(st.sampled_from(PARTS), max_size=30).map("".join)


@given(TEXTS)
def test_text_is_kept_except_for_its_marks(text: str) -> None:
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    kept = [character for block in parse(text) for part in texts_in(block) for character in part]
    rest = iter(lines)
    assert all(character in rest for character in kept), "the shown text is a part of the source, in its order"
    marks = "*_~`[]()\n>-\u2022 \t.0123456789"
    if not has_link(text) and "```" not in text:  # links with labels and languages of code blocks do not show
        assert [c for c in lines if c not in marks] == [c for c in kept if c not in marks]


@given(TEXTS)
def test_only_web_addresses_become_links(text: str) -> None:
    for block in parse(text):
        for node in nodes_in(block):
            if node["type"] == "link":
                assert node["url"].lower().startswith(("http://", "https://"))
                assert not {"link", "mention"} & {child["type"] for child in nodes_in(node) if child is not node}


@given(TEXTS)
def test_adjacent_texts_are_one_node(text: str) -> None:
    for block in parse(text):
        for node in [block, *nodes_in(block)]:
            types = [child["type"] for child in node.get("children", [])]
            assert ("text", "text") not in pairwise(types)


def test_code_quotes_and_links_mention_nobody() -> None:
    text = "`@one`\n```\n@two\n```\n> @three\n- @four\n[@five](https://a.example) **@six** https://a.example/@seven"
    assert possible_mentions(text) == [["four"], ["six"]]


LINES = ("> ", "- x\n", "1. x\n", "```\n", "````a\n```\n", "\n\n", "> - x\n")
SIGNS = ("*a ", "**a* ", "***a", "_a ", "~~a", "`", "` `", "``a`", "[", "[*", "*a **b ~~c _d ", "a.bb/ ", "@bob ")
LABELS = ("[a](https://a.b) ", "[[a](https://a.b)", "](https://a.b)", "[a.b/ ](https://a.b)")


@pytest.mark.parametrize("part", [*LINES, *SIGNS, *LABELS])
def test_time_is_linear(part: str) -> None:
    started = time.process_time()
    parse(part * (40_000 // len(part)))
    assert time.process_time() - started < 5  # quadratic time would be minutes


def test_random_texts_are_the_same_each_time() -> None:
    assert random_texts(3, count=2) == random_texts(3, count=2)


def texts_in(node: dict[str, Any]) -> Iterator[str]:
    if "text" in node:
        yield node["text"]
    for name in ("children", "items", "blocks"):
        for child in node.get(name, []):
            yield from texts_in(child)


def nodes_in(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "type" in node:
        yield node
    for name in ("children", "items", "blocks"):
        for child in node.get(name, []):
            yield from nodes_in(child)
