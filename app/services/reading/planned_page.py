"""Reads one page of a planned replay (replay_plan.py): the rows that still have the versions of its keys."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from app.core.kinds import event_of
from app.core.message_view import View
from app.core.part import Part
from app.core.record_events import media_event
from app.message_log.shards import Shards
from app.message_log.tails import Tail
from app.services.reading.direct_cache import DirectCache
from app.services.reading.media_json import ended_view
from app.services.reading.pending_changes import Messages
from app.services.reading.replay_events import Events, Missed, add_marks, add_settings
from app.services.reading.replay_groups import changed_groups
from app.store import media_uses, message_life, messages, receipts
from app.store.replay import settings_since
from app.store.replay_keys import Key, What

_NO_TAIL = Tail(records=[], version=0, memberships=[], is_empty=True, epoch=0)


class PlannedPage:
    """Reads the rows with versions from the first key's to the last key's, in one part of the conversations."""

    def __init__(self, conn: Connection, user_id: int, keys: Sequence[Key], part: Part) -> None:
        self._conn = conn
        self._user_id = user_id
        self._keys = keys
        self._part = part
        self._begin, self._end = keys[0].version - 1, keys[-1].version

    def read(self, epoch: int, *, shards: Shards, directs: DirectCache) -> Missed:
        """Returns the page. It ends early if the texts of its messages fill an answer."""
        found = self._messages(directs)
        events: Events = {}
        self._add_own_changes(epoch, events)
        self._add_media(epoch, events)
        self._add_states(epoch, events)
        return Missed(found, events, self._groups(shards), self._end, self._end, True)

    def _messages(self, directs: DirectCache) -> Messages:
        found = Messages(self._user_id)
        keys = [(key.conversation_id, key.version) for key in self._keys if key.what == What.MESSAGE]
        if keys:
            page = messages.at_versions(self._conn, self._user_id, keys)
            if page.has_more:
                self._end = page.messages[-1].version
            directs.load(self._conn, {row.conversation_id for row in page.messages})
            found.load(self._conn, page.messages, (), directs=directs)
        return found

    def _of(self, *whats: What) -> list[int]:
        return sorted({key.conversation_id for key in self._keys if key.what in whats and key.version <= self._end})

    def _groups(self, shards: Shards) -> dict[int, tuple[int, View]]:
        conversations = self._of(What.GROUP)
        if not conversations:
            return {}
        place = self._conn, self._user_id, self._begin
        return changed_groups(*place, _NO_TAIL, (), changed=conversations, shards=shards)

    def _add_own_changes(self, epoch: int, events: Events) -> None:
        conversations = self._of(What.OWN, What.ADMITTED)
        if conversations:
            place = self._conn, self._user_id, self._begin, conversations
            for change in message_life.own_changes_since(*place, self._end, self._part):
                events.setdefault(change.version, [event_of(epoch, change)])

    def _add_media(self, epoch: int, events: Events) -> None:
        conversations = self._of(What.MEDIUM)
        if conversations:
            place = self._conn, self._user_id, self._begin, len(self._keys), conversations
            for medium in media_uses.settled_since(*place, self._end):
                events.setdefault(medium.version, [media_event(ended_view(medium), epoch, medium.version)])

    def _add_states(self, epoch: int, events: Events) -> None:
        keys = [key for key in self._keys if key.what == What.MARK and key.version <= self._end]
        marks = [(key.conversation_id, key.user_id, key.version) for key in keys]
        if marks:
            add_marks(epoch, events, receipts.marks_at_versions(self._conn, marks), 2**63)
        conversations = self._of(What.SETTINGS)
        if conversations:
            settings = settings_since(self._conn, self._user_id, self._begin, conversations)
            add_settings(epoch, events, settings, 2**63)
