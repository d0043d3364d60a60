"""Checks that the group tests share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.support.clients import Account, Event, EventClient, RestClient

View = dict[str, Any]


def roles(conversation: View) -> dict[int, str]:
    return {m["userId"]: m["role"] for m in conversation["members"]}


def everyone(*accounts: Account) -> set[int]:
    return {account.user_id for account in accounts}


def is_system(type_: str, conversation_id: int) -> Callable[[Event], bool]:
    def match(event: Event) -> bool:
        data = event.data
        return (
            event.name == "receive_message"
            and data["conversationId"] == conversation_id
            and data.get("system", {}).get("type") == type_
        )

    return match


def is_now(conversation_id: int, **fields: Any) -> Callable[[Event], bool]:
    """Matches ``conversation_updated`` with these fields."""

    def match(event: Event) -> bool:
        shown = event.name == "conversation_updated" and event.data["id"] == conversation_id
        return shown and all(event.data.get(name) == value for name, value in fields.items())

    return match


def about(client: EventClient, conversation_id: int, start: int = 0) -> list[Event]:
    """Returns all events about the conversation, from the client's event number ``start`` on."""
    later = list(client.events)[start:]
    return [e for e in later if conversation_id in (e.data.get("conversationId"), e.data.get("id"))]


def bring_back(rest: Callable[..., RestClient], conversation_id: int, admin: Account, user: Account) -> View:
    """Adds a former member again as the admin does. Members who had left by their own act accept the request."""
    rest(admin).add(conversation_id, user.user_id)
    for request in rest(user).json("GET", "/requests")["requests"]:
        rest(user).json("POST", f"/requests/{request['conversationId']}/accept")
    return rest(admin).conversation(conversation_id)


def history(rest: RestClient, conversation_id: int) -> list[View]:
    found: list[View] = rest.history(conversation_id, limit=100)["messages"]
    return found


def texts(rest: RestClient, conversation_id: int) -> list[str]:
    """Returns the texts that a member reads there, without system messages."""
    return [m["message"] for m in history(rest, conversation_id) if m["kind"] != "system"]


def one(rest: RestClient, conversation_id: int, seq: int) -> View:
    """Returns the current message with this seq from the history."""
    found = rest.history(conversation_id, after=seq - 1, limit=1)["messages"]
    assert [m["seq"] for m in found] == [seq]
    return dict(found[0])
