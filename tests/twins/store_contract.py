"""The contract of the store's reads of messages, members and marks.

Postgres and the in-memory twin pass these tests.
"""

from __future__ import annotations

import uuid
from typing import Any, Protocol

from app.store.batch_statement import NewMessage, Receipt
from app.store.replay_keys import Key, What
from tests.factories.store import new_message, new_messages, next_version


class World(Protocol):
    """``functions`` has the store's functions under their names; ``conn`` is their first argument."""

    conn: Any
    functions: Any

    def users(self, count: int) -> list[int]: ...
    def direct(self, user: int, other: int) -> int: ...
    def group(self, members: list[int]) -> int: ...
    def store(self, messages: list[NewMessage], receipts: list[Receipt] = []) -> None: ...  # noqa: B006


class StoreContract:
    """Subclasses define the fixture ``world``."""

    def test_state_has_the_members_with_their_marks_and_the_last_position(self, world: World) -> None:
        one, two = world.users(2)
        pair = world.direct(one, two)
        first, second = new_messages(pair, one, 2)
        mark = Receipt(pair, two, 2, 1, next_version())
        world.store([first, second], [mark])
        (state,) = world.functions.load_state(world.conn, [pair, 2**40])
        assert (state.id, state.kind, state.last_seq, state.version) == (pair, "direct", 2, mark.version)
        assert [tuple(member) for member in state.members] == [(one, "member", 0, 0), (two, "member", 2, 1)]
        assert (state.info, state.floors, state.blockers) == ({}, {}, [])
        assert world.functions.pairs_of(world.conn, [pair]) == [(pair, one, two, None)]

    def test_groups_are_no_pairs(self, world: World) -> None:
        members = world.users(3)
        group = world.group(members)
        (state,) = world.functions.load_state(world.conn, [group])
        assert (state.kind, state.info["name"], len(state.members)) == ("group", "G", 3)
        assert world.functions.pairs_of(world.conn, [group]) == []
        assert world.functions.conversation_ids_of(world.conn, members[0]) == [group]
        assert world.functions.groups_changed_since(world.conn, members[0], 0) == {}
        assert world.functions.left_since(world.conn, members[0], 0) == {}

    def test_existing_messages_are_found_by_conversation_and_id(self, world: World) -> None:
        one, two = world.users(2)
        pair, notes = world.direct(one, two), world.direct(one, one)
        message = new_message(pair, 1, one)
        world.store([message])
        asked = [(pair, message.id), (notes, message.id), (pair, str(uuid.uuid4()))]
        found = world.functions.find_existing(world.conn, asked)
        assert list(found) == asked[:1]
        existing = found[asked[0]]
        assert (existing.seq, existing.version, existing.sender_id) == (1, message.version, one)
        assert existing.sent_ms == message.sent_ms

    def test_batch_stored_twice_changes_nothing(self, world: World) -> None:
        one, two = world.users(2)
        pair = world.direct(one, two)
        batch = new_messages(pair, one, 3), [Receipt(pair, two, 3, 0, next_version())]
        world.store(*batch)
        before = self.everything(world, one, pair)
        world.store(*batch)
        assert self.everything(world, one, pair) == before

    @staticmethod
    def everything(world: World, user: int, conversation: int) -> tuple[Any, ...]:
        f = world.functions
        changed = f.changed_since(world.conn, user, 0, 100)
        return changed, f.receipts_changed_since(world.conn, user, 0), f.load_state(world.conn, [conversation])

    def test_changes_come_in_pages_by_version(self, world: World) -> None:
        one, two, other = world.users(3)
        pair, elsewhere = world.direct(one, two), world.direct(two, other)
        a, b, hidden, c = (
            new_message(pair, 1, one),
            new_message(pair, 2, two),
            new_message(elsewhere, 1, other),
            new_message(pair, 3, one),
        )
        world.store([a, b, hidden, c])
        page = world.functions.changed_since(world.conn, one, 0, 2)
        assert ([row.id for row in page.messages], page.has_more) == ([a.id, b.id], True)
        page = world.functions.changed_since(world.conn, one, b.version, 2)
        assert ([row.id for row in page.messages], page.has_more) == ([c.id], False)
        (row,) = page.messages
        assert (row.conversation_id, row.seq, row.sender_id, row.body) == (pair, 3, one, c.body)
        assert (row.version, row.created_version, row.sent_ms) == (c.version, c.version, c.sent_ms)
        assert (row.edited_ms, row.deleted_ms, row.pinned_ms, row.mentions_all) == (None, None, None, False)

    def test_conversations_count_as_changed_only_after_their_version(self, world: World) -> None:
        one, two, other = world.users(3)
        pair, quiet, elsewhere = world.direct(one, two), world.direct(one, other), world.direct(two, other)
        old, last, theirs = new_message(quiet, 1, one), new_message(pair, 1, two), new_message(elsewhere, 1, other)
        world.store([old, last, theirs])
        f = world.functions
        assert sorted(f.changed_conversations(world.conn, one, 0)) == sorted([pair, quiet])
        assert f.changed_conversations(world.conn, one, old.version) == [pair]
        assert f.changed_conversations(world.conn, one, last.version) == []

    def test_messages_of_other_conversations_than_the_given_ones_are_missing(self, world: World) -> None:
        one, two, other = world.users(3)
        pair, second = world.direct(one, two), world.direct(one, other)
        first, later = new_message(pair, 1, two), new_message(second, 1, other)
        world.store([first, later])
        page = world.functions.changed_since(world.conn, one, 0, 10, [second])
        assert [row.id for row in page.messages] == [later.id]

    def test_messages_at_shows_only_members_messages(self, world: World) -> None:
        one, two, other = world.users(3)
        pair = world.direct(one, two)
        world.store(new_messages(pair, one, 2))
        places = [(pair, 2), (pair, 9)]
        assert [row.seq for row in world.functions.messages_at(world.conn, two, places)] == [2]
        assert world.functions.messages_at(world.conn, other, places) == []

    def test_keys_of_a_range_lead_to_the_rows_that_have_not_changed_since(self, world: World) -> None:
        one, two, other = world.users(3)
        pair, elsewhere = world.direct(one, two), world.direct(two, other)
        first, second, hidden = new_message(pair, 1, two), new_message(pair, 2, two), new_message(elsewhere, 1, two)
        mark = Receipt(pair, two, 2, 0, next_version())
        world.store([first, second, hidden], [mark])
        f, wanted = world.functions, [pair, elsewhere]
        keys = [
            Key(second.version, pair, What.MESSAGE, 0),
            Key(mark.version, pair, What.MARK, two),
        ]
        assert f.keys_between(world.conn, one, wanted, first.version, mark.version, 9) == keys
        assert f.keys_between(world.conn, one, wanted, first.version, mark.version, 1) == keys[:1]
        assert f.keys_between(world.conn, one, wanted, 0, mark.version - 1, 9)[1:] == keys[:1]
        page = f.at_versions(world.conn, one, [(pair, second.version), (pair, second.version + 1)])
        assert ([row.id for row in page.messages], page.has_more) == ([second.id], False)
        [found] = f.marks_at_versions(world.conn, [(pair, two, mark.version)])
        assert (found.user_id, found.delivered_seq, found.version) == (two, 2, mark.version)
        world.store([], [Receipt(pair, two, 2, 1, next_version())])
        assert f.marks_at_versions(world.conn, [(pair, two, mark.version)]) == []

    def test_marks_move_forward_only(self, world: World) -> None:
        one, two = world.users(2)
        pair = world.direct(one, two)
        world.store(new_messages(pair, one, 3))
        moved = [Receipt(pair, two, 2, 0, next_version()), Receipt(pair, two, 3, 3, next_version())]
        for receipt in (moved[0], moved[1], Receipt(pair, two, 1, 0, next_version())):
            world.store([], [receipt])
        (mark,) = world.functions.receipts_changed_since(world.conn, one, moved[0].version)
        assert (mark.user_id, mark.delivered_seq, mark.read_seq, mark.version) == (two, 3, 3, moved[1].version)
        assert world.functions.receipts_changed_since(world.conn, one, moved[1].version) == []

    def test_users_who_changed_nothing_have_no_private_changes(self, world: World) -> None:
        one, two = world.users(2)
        pair = world.direct(one, two)
        world.store(new_messages(pair, one, 1))
        f = world.functions
        assert f.settings_since(world.conn, one, 0) == f.own_changes_since(world.conn, one, 0) == []
        assert f.settled_since(world.conn, one, 0, 10) == []
        details = f.details_for(world.conn, [(pair, 1)], [one])
        assert details.seen_by(one, (pair, 1)) == {"reactions": []}
