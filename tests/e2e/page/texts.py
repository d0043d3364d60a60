"""Texts that break layouts: long words and addresses, right-to-left text, stacked marks, emoji."""

from __future__ import annotations

import random

NBSP, ZWJ = "\u00a0", "\u200d"
NASTY = (
    "https://example.org/" + "path/segment-" * 12 + "?q=" + "x" * 150,
    "W" * 240,
    "1234567890" * 20,
    NBSP.join(["no", "break", "anywhere"] * 14),
    "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" * 2,
    "السلام عليكم ورحمة الله وبركاته " * 6,
    "\u05e9\u05dc\u05d5\u05dd" * 50,
    "Z̸̢̛̹̗͎̓͊̈́a̶̧̛͉̦̽̑l̵̡̛̳͚̀̓g̷̢̛̣̱̈́̕o̵̧̢̟̊͊̔" * 12,
    "😀" * 80,
    ZWJ.join(["👩", "👩", "👧", "👦"]) * 30,
    "🇩🇪🇫🇷🇯🇵" * 20,
    "这是一个没有空格的很长的句子" * 12,
    "ありがとうございます" * 16,
    "ภาษาไทยไม่มีการเว้นวรรค" * 10,
    "_" * 180,
    "<img src=x onerror=alert(1)>" * 6,
    "a-b/c.d@e" * 22,
    "﷽" * 12,
    "i" * 300,
    "—" * 120,
)


def cut(text: str, limit: int) -> str:
    """Cuts a text to a number of characters, without a broken emoji sequence at the end."""
    return text[:limit].rstrip(f"{ZWJ} {NBSP}") or "x"


def mixed(seed: int, limit: int) -> str:
    """Returns a mixture of the texts; the same for the same seed."""
    numbers = random.Random(seed)
    parts = [cut(numbers.choice(NASTY), numbers.randint(20, limit)) for _ in range(numbers.randint(1, 3))]
    return cut(numbers.choice(("", " ", NBSP, "\u202f", "/")).join(parts), limit)
