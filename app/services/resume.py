"""What a user missed: the changes of their conversations since a version, from the unstored tail and from Postgres.

The tail is read first. A record that is stored between the two reads is then found twice and taken once; read the
other way round it could be missed.

What is given here ends at the last version that was given out when the tail was read (the horizon). A later one may
show in Postgres while an earlier one does not (they are two reads, and more than one statement), and a session that
took the later would pass over the earlier when it comes live.
"""

from __future__ import annotations

from collections.abc import Iterable

from app.core.cursor import encode_cursor
from app.core.events import Event, event_of, mark_event
from app.core.records import Kind, Record
from app.message_log.conversations import read_tail_and_version
from app.services.message_path import MessagePath, asking
from app.services.views import stored_event
from app.store import conversations, messages, receipts
from app.store.engine import reading

PAGE = 500


def changes_since(path: MessagePath, user_id: int, version: int) -> tuple[list[Event], bool]:
    """One page of events after ``version``, in order, and whether there is more. May block.

    Raise Overloaded where a store does not answer. Marks come as their present state, so a member's earlier marks are
    not replayed one by one.
    """
    with reading(path.engine) as connection:
        ids = conversations.conversation_ids_of(connection, user_id)
    while True:
        tail, horizon = asking(lambda ids=ids: read_tail_and_version(path.redis, ids))  # type: ignore[misc]
        with reading(path.engine) as connection:
            page = messages.changed_since(connection, user_id, version, PAGE)
            marks = receipts.receipts_changed_since(connection, user_id, version)
            now = conversations.conversation_ids_of(connection, user_id)
        if set(now) <= set(ids):
            break
        ids = now  # a conversation that began in between: its tail was not looked at
    path.learn_directs({row.conversation_id for row in page.messages})
    epoch = path.epoch.number
    events = {
        row.version: [stored_event(epoch, row, path.directs.peer(row.conversation_id, row.sender_id))]
        for row in page.messages
    }
    for mark in marks:
        events[mark.version] = _mark_events(epoch, mark)
    for record in _latest(tail):
        events[record.version] = [event_of(epoch, record)]
    versions = sorted(v for v in events if version < v <= horizon)
    if page.has_more:
        last = page.messages[-1].version
        versions = [v for v in versions if v <= last]
    return _in_order(epoch, version, ((v, events[v]) for v in versions)), page.has_more


def _latest(tail: Iterable[Record]) -> Iterable[Record]:
    """All messages, and of each member's marks the last."""
    kept = {
        record.version if record.kind == Kind.MESSAGE else (record.kind, record.conversation_id, record.user_id): record
        for record in tail
    }
    return kept.values()


def _mark_events(epoch: int, mark: receipts.StoredReceipt) -> list[Event]:
    rows = ((Kind.DELIVERED, mark.delivered_seq), (Kind.READ, mark.read_seq))
    return [mark_event(epoch, kind, mark.conversation_id, mark.user_id, seq, mark.version) for kind, seq in rows if seq]


def _in_order(epoch: int, before: int, groups: Iterable[tuple[int, list[Event]]]) -> list[Event]:
    """Events of one version stand together; all but the last carry the position before them, so that whoever is cut off
    in between gets them again."""
    result: list[Event] = []
    for version, group in groups:
        for event in group[:-1]:
            event.cursor = encode_cursor(epoch, before)
        result += group
        before = version
    return result
