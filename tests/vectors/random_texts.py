"""Random texts that are full of marks, to compare the server's and the client's grammar."""

from __future__ import annotations

import random

SIGNS = (
    "*",
    "**",
    "***",
    "_",
    "__",
    "~~",
    "~",
    "`",
    "``",
    "```",
    "[",
    "]",
    "](",
    "(",
    ")",
    "\\",
    "!",
    ".",
    "。",
    "，",
    "…",
)
LINES = ("\n", "\n\n", "\r\n", "\r", "> ", "- ", "1. ", "2) ", "* ", "•  ", "```py\n")
WORDS = (
    "a",
    "b c",
    "字",
    "é",
    "e\u0301",
    "한",
    "ไทย",
    "😀",
    "👍🏽",
    " ",
    "\t",
    "\u00a0",
    "\u200b",
    "\u2028",
    "<b>",
    "&amp;",
)
NAMES = ("@bob", "@bob.", "@all--ok", "＠", "@")
ADDRESSES = (
    "](https://a.example/c)",
    "https://a.example",
    "https://a.example/x_(y)",
    "http://x@y.example",
    "ftp://q/@bob",
    "www.a.example/",
    "a.example/d",
    "javascript:alert(1)",
)
PARTS = (*SIGNS, *LINES, *WORDS, *NAMES, *ADDRESSES)


def random_texts(seed: int, count: int) -> list[str]:
    chance = random.Random(seed)
    return ["".join(chance.choice(PARTS) for _ in range(chance.randint(0, 40))) for _ in range(count)]
