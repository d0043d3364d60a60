"""A client of one user, for bots and tests: events as an iterator, and messages that survive a lost connection.

async with ParleyClient("https://chat.example", token) as client:
    async for event in client:
        if event.name == "receive_message":
            await client.send("I have seen it", conversation_id=event.data["conversationId"])
"""

from __future__ import annotations

from parley_sdk.client.client import ParleyClient
from parley_sdk.client.inbox import Event

__all__ = ["Event", "ParleyClient"]
