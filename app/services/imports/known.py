"""The users and conversations to which the lines of one piece refer: those that exist, and those of earlier lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from app.core.errors import Invalid
from app.core.host_conversations import members_of
from app.core.host_users import checked_external_id, external_ids_in
from app.core.imports import ConversationLine, Line, MessageLine, UserLine
from app.services.host.references import look_up
from app.store import import_plans as store
from app.store.direct_pairs import pair_of
from app.store.import_plans import KnownConversation

Ref = str | int
Pair = tuple[int, int]


class Numbered(NamedTuple):
    """A line of the body. ``number`` counts from 1."""

    number: int
    line: Line


class Known:
    """``new_users`` are user lines of this piece whose users do not exist: external id -> (number of the line, id)."""

    def __init__(self, conn: Connection, import_id: str, lines: Sequence[Numbered]) -> None:
        self._conn = conn
        self._import_id = import_id
        self._users: dict[Ref, int] = {}
        self.planned_users: set[str] = set()
        self.new_users: dict[str, tuple[int, int]] = {}
        self._conversations: dict[Ref, KnownConversation] = {}
        self._directs: dict[Pair, KnownConversation] = {}
        self._free_ids: list[int] = []
        self._read_users(lines)
        self._read_conversations(lines)
        self._read_directs(lines)

    def user(self, given: Ref, field: str, number: int) -> int:
        """Raises Invalid unless the user exists or an earlier line has them."""
        if isinstance(given, str):
            checked_external_id(given, field)
        new = self.new_users.get(given) if isinstance(given, str) else None
        if given not in self._users or (new is not None and new[0] > number):
            raise Invalid.field(field, "no such user, here or in an earlier line")
        return self._users[given]

    def conversation(self, given: Ref) -> KnownConversation:
        """Raises Invalid unless the conversation exists or an earlier line has it."""
        if isinstance(given, str):
            checked_external_id(given, "conversation")
        if given not in self._conversations:
            raise Invalid.field("conversation", "no such conversation, here or in an earlier line")
        return self._conversations[given]

    def named(self, external_id: str) -> KnownConversation | None:
        return self._conversations.get(external_id)

    def direct(self, one: int, other: int) -> KnownConversation | None:
        return self._directs.get(pair_of(one, other))

    def add(self, conversation: KnownConversation) -> None:
        """Notes the conversation that a line plans, for the lines after it."""
        if conversation.external_id is not None:
            self._conversations[conversation.external_id] = conversation
        if conversation.low and conversation.high:
            self._directs[conversation.low, conversation.high] = conversation

    def next_conversation_id(self) -> int:
        if not self._free_ids:
            self._free_ids = store.next_ids(self._conn, "conversations", 50)
        return self._free_ids.pop()

    def _read_users(self, lines: Sequence[Numbered]) -> None:
        refs = {ref for _, line in lines for ref in _users_of(line)}
        names = external_ids_in(refs)
        self._users = dict(look_up(self._conn, list(refs), []).users)
        planned = store.planned_users(self._conn, self._import_id, names)
        self.planned_users = set(planned)
        self._users.update(planned)
        new: dict[str, int] = {}
        for number, line in lines:
            if isinstance(line, UserLine) and line.external_id not in self._users:
                new.setdefault(line.external_id, number)
        for (name, number), user_id in zip(new.items(), store.next_ids(self._conn, "users", len(new)), strict=True):
            self.new_users[name] = number, user_id
            self._users[name] = user_id

    def _read_conversations(self, lines: Sequence[Numbered]) -> None:
        given = {line.conversation for _, line in lines if isinstance(line, MessageLine)}
        given |= {line.external_id for _, line in lines if isinstance(line, ConversationLine)}
        names = external_ids_in(given)
        ids = [ref for ref in given if isinstance(ref, int)]
        for found in store.known_conversations(self._conn, self._import_id, names, ids):
            for ref in (found.external_id, found.id if found.id in ids else None):
                if ref is not None:
                    self._conversations[ref] = found

    def _read_directs(self, lines: Sequence[Numbered]) -> None:
        pairs = {pair for _, line in lines for pair in self._pairs_of(line)}
        self._directs = store.known_directs(self._conn, self._import_id, pairs)

    def _pairs_of(self, line: Line) -> Iterable[Pair]:
        if isinstance(line, MessageLine) and line.recipient is not None and line.sender is not None:
            both: list[Ref] = [line.sender, line.recipient]
        elif isinstance(line, ConversationLine) and line.kind == "direct":
            both = [member.user for member in members_of(line.members)]
        else:
            return
        ids = [self._users[ref] for ref in both if ref in self._users]
        if len(ids) == 2:
            yield pair_of(*ids)


def _users_of(line: Line) -> list[Ref]:
    if isinstance(line, UserLine):
        return [line.external_id]
    if isinstance(line, ConversationLine):
        return [member.user for member in members_of(line.members)]
    return [ref for ref in (line.sender, line.recipient) if ref is not None]
