"""An in-memory twin of the tables of messages, members and marks, and of the engine.

``MemoryStore`` has the store's functions under their names, with the connection first. ``replace`` puts them in the
place of the real ones in the modules that use them. Both pass tests/twins/store_contract.py. The twin has messages and
marks; changes, settings, media and groups' histories are always empty in it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import pytest

from app.core.errors import Overloaded
from app.core.part import WHOLE, Part
from app.services.drain.log_rows import Rows
from app.store.batch_statement import NewMessage, Receipt
from app.store.conversations import ANY_NUMBER, ConversationState, MemberState
from app.store.direct_pairs import DirectPair
from app.store.message_life import Details
from app.store.messages import ExistingMessage, Page, StoredMessage
from app.store.receipts import StoredReceipt
from app.store.replay_keys import Key, What

Place = tuple[int, int]
Among = Sequence[int] | None

# The modules that use the store, and the names in them that the twin replaces. A name with a dot is a function of an
# imported module.
USERS: dict[str, tuple[str, ...]] = {
    "app.services.reading.hydrator": ("load_state",),
    "app.services.reading.direct_cache": ("pairs_of",),
    "app.services.reading.pending_changes": ("details_for",),
    "app.services.reading.planned_page": (
        "messages.at_versions",
        "receipts.marks_at_versions",
        "settings_since",
    ),
    "app.services.reading.replay_plan": ("changed_conversations", "keys_between"),
    "app.services.reading.replay_groups": ("groups_changed_since", "left_since"),
    "app.services.reading.resume": (
        "changed_conversations",
        "conversation_ids_of",
        "messages_at",
        "settings_since",
        "messages.changed_since",
        "message_life.own_changes_since",
        "receipts.receipts_changed_since",
        "media_uses.settled_since",
    ),
    "app.services.messaging.send_checks": ("find_existing",),
}


class MemoryEngine:
    """Yields itself as the connection. ``down`` refuses as the engine does while Postgres is down; ``on_connect`` is
    called before each use.
    """

    def __init__(self) -> None:
        self.down = False
        self.on_connect: Callable[[], None] = lambda: None

    @contextmanager
    def connect(self) -> Iterator[MemoryEngine]:
        self.on_connect()
        if self.down:
            raise Overloaded("the twin is down")
        yield self

    def execution_options(self, **_: str) -> MemoryEngine:
        return self

    @contextmanager
    def begin(self) -> Iterator[MemoryEngine]:
        yield self


class MemoryStore:
    def __init__(self) -> None:
        self.states: dict[int, ConversationState] = {}
        self.rows: dict[Place, StoredMessage] = {}
        self.marks: dict[tuple[int, int], StoredReceipt] = {}

    def replace(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for user, names in USERS.items():
            module = import_module(user)
            for name in names:
                *owner, function = name.split(".")
                monkeypatch.setattr(getattr(module, owner[0]) if owner else module, function, getattr(self, function))

    # --- writing

    def add_direct(self, conversation_id: int, user: int, other: int) -> None:
        self._add(conversation_id, "direct", [user, other])

    def add_group(self, conversation_id: int, members: Sequence[int]) -> None:
        self._add(conversation_id, "group", members)

    def _add(self, id_: int, kind: str, users: Sequence[int]) -> None:
        members = [MemberState(user, "member", 0, 0) for user in sorted(set(users))]
        info = {"name": "G", "history": "all"} if kind == "group" else {}
        self.states[id_] = ConversationState(id_, kind, 0, 0, members, info, {}, [])

    def store(self, messages: Sequence[NewMessage], receipts: Sequence[Receipt] = ()) -> None:
        """Stores a batch as the drain does. Safe to repeat."""
        for message in messages:
            self.rows.setdefault((message.conversation_id, message.seq), _stored(message))
            self._raise(message.conversation_id, message.seq, message.version)
        for receipt in receipts:
            self._mark(receipt)
            self._raise(receipt.conversation_id, 0, receipt.version)

    def store_records(self, records: Sequence[Any]) -> None:
        """Stores records of the log."""
        rows = Rows()
        for record in records:
            rows.add(record)
        self.store(rows.messages, rows.receipts)

    def _raise(self, conversation_id: int, seq: int, version: int) -> None:
        state = self.states[conversation_id]
        members = [self._member(conversation_id, member) for member in state.members]
        newest = max(seq, state.last_seq), max(version, state.version)
        self.states[conversation_id] = ConversationState(
            state.id, state.kind, *newest, members, state.info, state.floors, state.blockers
        )

    def _member(self, conversation_id: int, member: MemberState) -> MemberState:
        mark = self.marks.get((conversation_id, member.user_id))
        return member if mark is None else MemberState(member.user_id, member.role, mark.delivered_seq, mark.read_seq)

    def _mark(self, receipt: Receipt) -> None:
        key = receipt.conversation_id, receipt.user_id
        old = self.marks.get(key, StoredReceipt(*key, 0, 0, 0))
        delivered = max(old.delivered_seq, receipt.delivered_seq, receipt.read_seq)
        read = max(old.read_seq, receipt.read_seq)
        if (delivered, read) != (old.delivered_seq, old.read_seq):
            self.marks[key] = StoredReceipt(*key, delivered, read, max(old.version, receipt.version))

    # --- the store's functions

    def load_state(
        self, _conn: Any, conversation_ids: Sequence[int], most_members: int = ANY_NUMBER
    ) -> list[ConversationState]:
        found = [self.states[id_] for id_ in sorted(conversation_ids) if id_ in self.states]
        return [state for state in found if len(state.members) <= most_members]

    def pairs_of(self, _conn: Any, conversation_ids: Sequence[int]) -> list[DirectPair]:
        found = [state for state in self.load_state(_conn, conversation_ids) if state.kind == "direct"]
        return [DirectPair(state.id, state.members[0].user_id, state.members[-1].user_id) for state in found]

    def conversation_ids_of(self, _conn: Any, user_id: int) -> list[int]:
        return sorted(
            state.id for state in self.states.values() if user_id in [member.user_id for member in state.members]
        )

    def find_existing(self, _conn: Any, wanted: Sequence[tuple[int, str]]) -> dict[tuple[int, str], ExistingMessage]:
        by_id = {(row.conversation_id, row.id): row for row in self.rows.values()}
        found = {pair: by_id[pair] for pair in wanted if pair in by_id}
        return {pair: ExistingMessage(row.seq, row.version, row.sender_id, row.sent_ms) for pair, row in found.items()}

    def changed_conversations(self, _conn: Any, user_id: int, version: int, part: Part = WHOLE) -> list[int]:
        mine = filter(part.has, self.conversation_ids_of(_conn, user_id))
        return [id_ for id_ in mine if self.states[id_].version > version]

    def changed_since(self, _conn: Any, user_id: int, version: int, limit: int, among: Among = None) -> Page:
        mine = self._among(user_id, version, among)
        rows = [row for row in self.rows.values() if row.conversation_id in mine and row.version > version]
        rows.sort(key=lambda row: row.version)
        return Page(rows[:limit], len(rows) > limit)

    def _among(self, user_id: int, version: int, among: Among) -> Sequence[int]:
        """Returns the user's conversations that changed: those that the caller names, or all."""
        changed = self.changed_conversations(None, user_id, version) if among is None else among
        return [id_ for id_ in self.conversation_ids_of(None, user_id) if id_ in changed]

    def messages_at(self, _conn: Any, user_id: int, places: Sequence[Place]) -> list[StoredMessage]:
        mine = self.conversation_ids_of(_conn, user_id)
        return [self.rows[place] for place in places if place in self.rows and place[0] in mine]

    def receipts_changed_since(
        self, _conn: Any, user_id: int, version: int, among: Among = None
    ) -> list[StoredReceipt]:
        mine = self._among(user_id, version, among)
        found = [mark for mark in self.marks.values() if mark.conversation_id in mine and mark.version > version]
        return sorted(found, key=lambda mark: mark.version)

    def keys_between(
        self,
        _conn: Any,
        user_id: int,
        conversations: Sequence[int],
        after: int,
        upto: int,
        limit: int,
        _part: Part = WHOLE,
    ) -> list[Key]:
        mine = self._among(user_id, after, conversations)
        keys = [Key(row.version, row.conversation_id, What.MESSAGE, 0) for row in self.rows.values()]
        keys += [Key(mark.version, mark.conversation_id, What.MARK, mark.user_id) for mark in self.marks.values()]
        return sorted(key for key in keys if key.conversation_id in mine and after < key.version <= upto)[:limit]

    def at_versions(self, _conn: Any, _user_id: int, keys: Sequence[tuple[int, int]]) -> Page:
        rows = [row for row in self.rows.values() if (row.conversation_id, row.version) in keys]
        return Page(sorted(rows, key=lambda row: row.version), False)

    def marks_at_versions(self, _conn: Any, keys: Sequence[tuple[int, int, int]]) -> list[StoredReceipt]:
        found = [m for m in self.marks.values() if (m.conversation_id, m.user_id, m.version) in keys]
        return sorted(found, key=lambda mark: mark.version)

    def groups_changed_since(self, _conn: Any, user_id: int, version: int, _among: Among = None) -> dict[int, int]:
        return {}

    def left_since(self, _conn: Any, user_id: int, version: int, _among: Among = None) -> dict[int, int]:
        return {}

    def settings_since(self, _conn: Any, user_id: int, version: int, _among: Among = None) -> list[Any]:
        return []

    def own_changes_since(
        self, _conn: Any, user_id: int, version: int, _among: Among = None, part: Part = WHOLE
    ) -> list[Any]:
        return []

    def settled_since(self, _conn: Any, user_id: int, version: int, limit: int, _among: Among = None) -> list[Any]:
        return []

    def details_for(
        self, _conn: Any, places: Sequence[Place], viewer_ids: Sequence[int], *, reactors: Collection[int] = ()
    ) -> Details:
        return NO_DETAILS


NO_DETAILS = Details({}, set())


def _stored(message: NewMessage) -> StoredMessage:
    return StoredMessage(
        conversation_id=message.conversation_id,
        seq=message.seq,
        id=message.id,
        sender_id=message.sender_id,
        kind=message.kind,
        body=message.body,
        attachments=None,
        reply_to=message.reply_to,
        version=message.version,
        sent_ms=message.sent_ms,
        edited_ms=None,
        deleted_ms=None,
        created_version=message.version,
    )
