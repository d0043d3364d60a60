"""Adds the host's own ids to the data of events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection

from app.store.external_ids import external_ids_of_conversations, external_ids_of_users

# Field with Parley's id -> field with the host's.
_USERS = {
    "senderId": "senderExternalId",
    "receiverId": "receiverExternalId",
    "userId": "userExternalId",
    "by": "byExternalId",
    "reporterId": "reporterExternalId",
    "reportedId": "reportedExternalId",
}
_CONVERSATION = "conversationId"
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


def with_external_ids(conn: Connection, data: Sequence[str]) -> list[bytes]:
    """Returns the JSON objects with the external ids of their users and conversations added."""
    objects: list[dict[str, Any]] = [_decode(text) for text in data]
    members = [member for whole in objects for member in _members(whole)]
    users = external_ids_of_users(conn, _ids(objects, _USERS) | _ids(members, ["userId"]))
    rooms = [one for one in objects if _is_conversation(one)]
    conversations = external_ids_of_conversations(conn, _ids(objects, [_CONVERSATION]) | _ids(rooms, ["id"]))
    for room in rooms:
        if room["id"] in conversations:
            room["externalId"] = conversations[room["id"]]
    for member in members:
        if member.get("userId") in users:
            member["externalId"] = users[member["userId"]]
    for one in objects:
        for field, host_field in _USERS.items():
            if one.get(field) in users:
                one[host_field] = users[one[field]]
        if one.get(_CONVERSATION) in conversations:
            one["conversationExternalId"] = conversations[one[_CONVERSATION]]
    return [_encode(one) for one in objects]


def _is_conversation(whole: dict[str, Any]) -> bool:
    """Its own external id is looked up too, because a conversation may get one after the event was written."""
    return "memberCount" in whole and _CONVERSATION not in whole


def _members(whole: dict[str, Any]) -> Iterator[dict[str, Any]]:
    members = whole.get("members")
    if isinstance(members, list):
        yield from (member for member in members if isinstance(member, dict))


def _ids(objects: Iterable[dict[str, Any]], fields: Iterable[str]) -> set[int]:
    names = list(fields)
    return {value for one in objects for name in names if isinstance(value := one.get(name), int)}
