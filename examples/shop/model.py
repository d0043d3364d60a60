"""A stand-in for a language model, which needs no network. It answers word by word."""

from __future__ import annotations

import time
from collections.abc import Iterator

SECONDS_PER_WORD = 0.05


def words_of_answer(question: str, item: str, status: str) -> Iterator[str]:
    """Yields the answer in pieces, as models do."""
    answer = f"You asked: “{question}” Your order ({item}) is {status}."
    if status == "ordered":
        answer += " We pack it today."
    for word in answer.split(" "):
        time.sleep(SECONDS_PER_WORD)
        yield f"{word} "
