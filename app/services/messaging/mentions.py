"""Mentions in a text: ``@username``, and ``@all`` for admins."""

from __future__ import annotations

import re
from typing import NamedTuple

from sqlalchemy import Engine

from app.core.errors import Overloaded
from app.services.reading.conversation_cache import ConversationCache
from app.store.engine import reading
from app.store.mentions import members_named

_NAMED = re.compile(r"(?<![\w@.-])@([A-Za-z0-9_.-]{2,32})")
MAX_NAMED = 50


class Mentions(NamedTuple):
    users: list[int]
    all: bool


NOBODY = Mentions([], False)


def names_in(text: str) -> set[str]:
    """Returns the usernames, in lower case, that the text may mention. A trailing full stop may end the sentence or
    belong to the name, so both forms are returned.
    """
    names: set[str] = set()
    for match in _NAMED.finditer(text):
        name = match[1].lower()
        names |= {name, name.rstrip(".-")}
        if len(names) > MAX_NAMED:
            break
    return names


def find_mentions(
    conversation_id: int, user_id: int, text: str, *, engine: Engine, conversations: ConversationCache
) -> Mentions:
    """Returns the mentioned members. May block. While a store does not answer, returns nobody: live chat goes on
    without mentions.
    """
    names = names_in(text) if "@" in text else set()
    if not names:
        return NOBODY
    try:
        everybody = "all" in names and conversations.role_of(conversation_id, user_id) in ("owner", "admin")
        with reading(engine) as connection:
            return Mentions(members_named(connection, conversation_id, sorted(names)), everybody)
    except Overloaded:
        return NOBODY
