"""Events that a user missed: the changes of their conversations since a version, from the log's tail and Postgres.

The tail is read first. A record that is stored between the two reads is then found twice and used once. In the other
order it could be missed.

A page ends at the last version that was assigned when the tail was read (the horizon). A later version may show in
Postgres while an earlier one does not, because these are separate reads of several statements. A session that took the
later version would skip the earlier one when it arrives live.

A changed message comes once, in its present state, at the version of its last change. If it has changed beyond the
horizon, it comes at its creation or at the horizon, since the client may have missed its creation or an earlier change.
The live event then repeats the last change. The same holds for marks and settings.

A replay of several pages, or of many conversations, reads all but its end by a plan (replay_plan.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from sqlalchemy import Connection, Engine

from app.core.events import Event
from app.core.kinds import MARKS, MESSAGE_CHANGES, PRIVATE, REPLAYED_EVENTS, Kind, event_of, is_message_for
from app.core.part import Part
from app.core.record_events import media_event
from app.core.records import Record
from app.message_log.current_epoch import CurrentEpoch
from app.message_log.shards import Shard, Shards
from app.message_log.tails import Tail, read_tail
from app.redis_calls import redis_errors_as_overloaded
from app.services.reading.changed_people import people_events
from app.services.reading.direct_cache import DirectCache
from app.services.reading.media_json import ended_view
from app.services.reading.memberships import left_among
from app.services.reading.open_streams import show_open_streams, without_stream
from app.services.reading.pending_changes import Messages, Place
from app.services.reading.planned_page import PlannedPage
from app.services.reading.replay_events import Events, Missed, add_marks, add_settings
from app.services.reading.replay_groups import changed_groups
from app.services.reading.replay_plan import ReplayPlan
from app.services.reading.waiting_requests import WaitingRequests
from app.store import media_uses, message_life, messages, receipts
from app.store.conversations import conversation_ids_of
from app.store.engine import reading
from app.store.media_rows import StoredMedia
from app.store.noted_changes import changed_conversations
from app.store.replay import messages_at, settings_since

PAGE = 500
# A replay of more changed conversations is planned from its first page on.
MANY = 100

Ended = list[StoredMedia]


class Replay:
    """Reads missed events of one shard, for sessions that resume. All versions are those of the shard."""

    def __init__(
        self,
        *,
        engine: Engine,
        shards: Shards,
        shard: Shard,
        directs: DirectCache,
        epoch: CurrentEpoch,
        requests: WaitingRequests,
        saw_epoch: Callable[[int], None],
    ) -> None:
        """``shard`` is the one whose conversations are replayed, and ``epoch`` its epoch. ``saw_epoch`` is called with
        the epoch of every tail, before its records are returned.
        """
        self._engine = engine
        self._shards = shards
        self._shard = shard
        self._part = shard.part
        self._directs = directs
        self._epoch = epoch
        self._requests = requests
        self._saw_epoch = saw_epoch

    def changes_since(
        self, user_id: int, version: int, since: int, plan: ReplayPlan | None = None
    ) -> tuple[list[Event], bool]:
        """Returns one page of events after ``version`` in order, and whether there are more. May block. Raises
        Overloaded if a store does not answer.

        At the end come the open streams that began before, with their text so far. These events have no version.

        ``since`` is the version at which the whole replay began: later messages come as new ones, earlier ones as
        updates. Marks come in their present state, so earlier marks of the same member are left out. Pages of one
        replay share a ``plan``. Without one, each page looks at all conversations that changed.
        """
        missed = self._planned(user_id, plan)
        if missed is None:
            begin = version if plan is None else plan.beyond(version, self._epoch.number)
            missed = self._missed(user_id, begin, plan)
        self._show_streams(user_id, missed.messages, since)
        return missed.page(self._epoch.number, version, since), missed.more

    def _show_streams(self, user_id: int, found: Messages, since: int) -> None:
        """Shows open streams with the text that they have now, which may be newer than the tail. A user who has left
        must not see text that was written later, and nobody knows how long the text was at that time. So such a user
        gets new messages without their text, and no updates of other messages.
        """
        growing = {place: view for place, view in found.views.items() if "streaming" in view}
        if not growing:
            return
        show_open_streams(self._shards, growing.values())
        asked = {conversation_id for conversation_id, _ in growing}
        left = left_among(user_id, asked, engine=self._engine, shards=self._shards)
        for place in [place for place in growing if place[0] in left]:
            view = found.views.pop(place)
            if found.created[place] > since:
                found.views[place] = without_stream(view)

    def news_since(self, user_id: int, version: int) -> list[Event]:
        """Returns events about people and requests that changed since then. They have no place among the other events
        and belong to no shard, so a session reads them once, no matter how many shards there are. Only the time of
        ``version`` counts. May block. Raises Overloaded.
        """
        requests = self._requests.events_since(user_id, version)
        return [*people_events(user_id, version, engine=self._engine), *requests]

    def _planned(self, user_id: int, plan: ReplayPlan | None) -> Missed | None:
        """Returns the next page of the plan that has events, or None at its end."""
        if plan is None or plan.is_over(self._epoch.number):
            return None
        with reading(self._engine) as connection:
            return self._next_of(plan, connection, user_id)

    def _next_of(self, plan: ReplayPlan, conn: Connection, user_id: int) -> Missed | None:
        while keys := plan.keys(conn, user_id, PAGE):
            page = PlannedPage(conn, user_id, keys, self._part).read(
                self._epoch.number, shards=self._shards, directs=self._directs
            )
            plan.took(page.end)
            if not page.is_empty():
                return page
        return None

    def _missed(self, user_id: int, version: int, plan: ReplayPlan | None) -> Missed:
        with reading(self._engine) as connection:
            known = self._conversations_of(connection, user_id)
        while True:
            with redis_errors_as_overloaded():
                tail = read_tail(self._shard, known)
            self._saw_epoch(tail.epoch)
            with reading(self._engine) as connection:
                wanted = known | tail.membership_of(user_id).keys() | self._conversations_of(connection, user_id)
                if wanted <= known:
                    return self._read(connection, user_id, version, tail, plan)
            known = wanted  # a conversation began between the two reads, and its tail was not read

    def _conversations_of(self, conn: Connection, user_id: int) -> set[int]:
        return self._part.among(set(conversation_ids_of(conn, user_id)))

    def _read(self, conn: Connection, user_id: int, version: int, tail: Tail, plan: ReplayPlan | None) -> Missed:
        changed = _changed(conn, user_id, version, tail, self._part)
        if plan is not None and len(changed) > MANY and self._begin(plan, version, tail, changed):
            planned = self._next_of(plan, conn, user_id)
            if planned is not None:
                return planned
            version = plan.beyond(version, tail.epoch)
            changed = _changed(conn, user_id, version, tail, self._part)
        missed = self._page(conn, user_id, version, tail, changed)
        if plan is not None and missed.more:
            self._begin(plan, missed.end, tail, changed)
        return missed

    def _begin(self, plan: ReplayPlan, reached: int, tail: Tail, changed: list[int]) -> bool:
        """Begins a plan up to the first record of the tail. Returns False if that is reached already."""
        epoch = self._epoch.number
        upto = min([tail.version, *(record.version - 1 for record in tail.records)])
        if tail.epoch != epoch or upto <= reached:
            return False
        plan.begin(epoch, reached, upto, changed, self._part)
        return True

    def _page(self, conn: Connection, user_id: int, version: int, tail: Tail, changed: list[int]) -> Missed:
        records = [record for record in tail.records if _was_for(tail, user_id, record)]
        page = messages.changed_since(conn, user_id, version, PAGE, changed)
        found = self._messages(conn, user_id, page, records, tail.streams)
        joined = tail.membership_of(user_id)
        found.add_quotations(conn, {(user_id, c): seq for c, (is_member, seq) in joined.items() if is_member})
        ended = media_uses.settled_since(conn, user_id, version, PAGE, changed)
        ends = [tail.version]
        if page.has_more:
            ends.append(page.messages[-1].version)
        if len(ended) == PAGE:
            ends.append(ended[-1].version)
        events = self._events(conn, user_id, version, changed, records, ended)
        self._add_states(conn, user_id, version, changed, tail.version, events)
        groups = changed_groups(conn, user_id, version, tail, records, changed=changed, shards=self._shards)
        return Missed(found, events, groups, min(ends), tail.version, len(ends) > 1, frozenset(tail.streams))

    def _events(
        self, conn: Connection, user_id: int, version: int, changed: list[int], records: list[Record], ended: Ended
    ) -> Events:
        """Returns the events of single records. A record that is in the tail and in the store comes once."""
        epoch = self._epoch.number
        events = {record.version: [event_of(epoch, record)] for record in _latest(_own_events(conn, user_id, records))}
        for change in message_life.own_changes_since(conn, user_id, version, changed, part=self._part):
            events.setdefault(change.version, [event_of(epoch, change)])
        for medium in ended:
            events.setdefault(medium.version, [media_event(ended_view(medium), epoch, medium.version)])
        return events

    def _add_states(
        self, conn: Connection, user_id: int, version: int, changed: list[int], horizon: int, events: Events
    ) -> None:
        """Adds marks and settings. Their rows hold more than the last change, so they come even if the tail has it."""
        epoch = self._epoch.number
        add_marks(epoch, events, receipts.receipts_changed_since(conn, user_id, version, changed), horizon)
        add_settings(epoch, events, settings_since(conn, user_id, version, changed), horizon)

    def _messages(
        self, conn: Connection, user_id: int, page: messages.Page, tail: list[Record], streams: Sequence[Place]
    ) -> Messages:
        self._directs.load(conn, {row.conversation_id for row in page.messages})
        there = {row.place for row in page.messages}
        new = {record.place for record in tail if is_message_for(record, user_id)}
        changed = {record.place for record in tail if record.kind in MESSAGE_CHANGES} | set(streams)
        changed -= there | new
        rows = [*page.messages, *messages_at(conn, user_id, sorted(changed))]
        found = Messages(user_id)
        found.load(conn, rows, tail, directs=self._directs)
        found.apply(tail)
        return found


def _changed(conn: Connection, user_id: int, version: int, tail: Tail, part: Part) -> list[int]:
    """Returns the user's conversations of the part that changed after ``version``. A record of the tail may be stored
    between this read and the next one, so its conversation counts as changed.
    """
    waiting = {record.conversation_id for record in tail.records} | tail.membership_of(user_id).keys()
    return sorted(waiting.union(changed_conversations(conn, user_id, version, part)))


def _own_events(conn: Connection, user_id: int, records: list[Record]) -> list[Record]:
    """Returns the records that become events of their own, and marks. Leaves out media that the user may not see."""
    found = [record for record in records if record.kind in REPLAYED_EVENTS or record.kind in MARKS]
    asked = [record.id for record in found if record.kind == Kind.MEDIA]
    seen = media_uses.visible_to(conn, user_id, asked) if asked else {}
    return [record for record in found if record.kind != Kind.MEDIA or record.id in seen]


def _was_for(tail: Tail, user_id: int, record: Record) -> bool:
    """Returns whether the record was sent to this user: private records only to their owner, the others from the moment
    the user joined until they left.
    """
    if record.kind in PRIVATE and record.user_id != user_id:
        return False
    inside = True
    for change in tail.memberships:
        if change.conversation_id != record.conversation_id:
            continue
        if user_id in change.joined:
            inside = record.version >= change.version and (
                record.kind not in MESSAGE_CHANGES or record.seq >= change.seq
            )
        elif user_id in change.left:
            inside = inside and record.version <= change.version
    return inside


def _latest(tail: Iterable[Record]) -> Iterable[Record]:
    """Returns the last mark of each member, the last receipt batch of each conversation, and all other records."""
    kept = {
        (record.kind, record.conversation_id, record.user_id if record.kind != Kind.RECEIPT_BATCH else 0)
        if record.kind in MARKS
        else record.version: record
        for record in tail
    }
    return kept.values()
