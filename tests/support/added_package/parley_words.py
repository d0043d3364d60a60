"""A hook before sending that decides by the words of a message."""

from __future__ import annotations

import time
from typing import Any

NO_FUNCTION = "an entry point must lead to a function"


def decide(messages: list[dict[str, Any]]) -> dict[str, Any]:
    return {"results": [_decide(message["message"]) for message in messages]}


def _decide(text: str) -> dict[str, Any]:
    if text == "wait":
        time.sleep(3)
    if text == "raise":
        raise ValueError("broken")
    if text == "broken text":
        return {"action": "rewrite", "message": "\ud800"}
    return {"action": "reject", "reason": "by the package"} if "buy" in text else {"action": "allow"}
