"""Who is named in a text: ``@username``, and ``@all`` by those who may."""

from __future__ import annotations

import re
from typing import NamedTuple

from app.core.errors import Overloaded
from app.message_log.conversations import role_of
from app.redis_calls import asking
from app.services.messaging.message_path import MessagePath
from app.store.engine import reading
from app.store.mentions import members_named

_NAMED = re.compile(r"(?<![\w@.-])@([A-Za-z0-9_.-]{2,32})")
MAX_NAMED = 50


class Mentions(NamedTuple):
    users: list[int]
    all: bool


NOBODY = Mentions([], False)


def names_in(text: str) -> set[str]:
    """Usernames, lower-cased, that the text may mean; a full stop behind one is the sentence's, or the name's."""
    names: set[str] = set()
    for match in _NAMED.finditer(text):
        name = match[1].lower()
        names |= {name, name.rstrip(".-")}
        if len(names) > MAX_NAMED:
            break
    return names


def find_mentions(path: MessagePath, conversation_id: int, user_id: int, text: str) -> Mentions:
    """May block. While a store does not answer, nobody is named: live chat goes on without it."""
    names = names_in(text) if "@" in text else set()
    if not names:
        return NOBODY
    try:
        everybody = "all" in names and _may_name_all(path, conversation_id, user_id)
        with reading(path.engine) as connection:
            return Mentions(members_named(connection, conversation_id, sorted(names)), everybody)
    except Overloaded:
        return NOBODY


def _may_name_all(path: MessagePath, conversation_id: int, user_id: int) -> bool:
    if not path.is_warm(conversation_id):
        path.hydrate(conversation_id)
    return asking(lambda: role_of(path.redis, conversation_id, user_id)) in ("owner", "admin")
