"""After many random changes, a client that was away has the same screen as one that was connected throughout.

The test covers each transport, and both screens must match the history. A failing run prints its seed;
PARLEY_SCREEN_SEED repeats it.
"""

from __future__ import annotations

import difflib
import json
import os
import random
from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.conftest import ALL, Connect, MakeUser
from tests.contract.expect import eventually
from tests.support.clients import Account, Event, EventClient
from tests.support.processes import Stack
from tests.support.random_changes import RandomChanges
from tests.support.screen import Screen, from_rest

CHANGES = 200
PEOPLE = 4
WATCHER = 1  # may be removed, added or promoted, and acts like the others
OTHER = 2


@pytest.fixture
def seed() -> int:
    return int(os.environ.get("PARLEY_SCREEN_SEED") or random.randrange(2**32))


@pytest.fixture
def changes(server: Stack, user: MakeUser, seed: int) -> Iterator[RandomChanges]:
    made = RandomChanges(server.base_urls, [user() for _ in range(PEOPLE)], seed)
    yield made
    made.close()


def fail_with_differences(changes: RandomChanges, seed: int, who: str, one: Any, other: Any) -> None:
    """Fails with the first differences and the acts that led to them."""
    left, right = (json.dumps(v, indent=1, sort_keys=True, default=str).splitlines() for v in (one, other))
    differing = "\n".join(line for line in difflib.unified_diff(left, right, "screen", "history", lineterm="", n=12))
    acts = "\n".join(changes.done)
    pytest.fail(f"the screen differs from the history: {who} (PARLEY_SCREEN_SEED={seed})\n{differing}\n{acts}")


def screen_of(client: EventClient, account: Account) -> Screen:
    return Screen(account.user_id).feed(client.events).load_history_of_joined(client.rest)


def reconnect_to_other_gateway(server: Stack, client: EventClient) -> EventClient:
    """Reconnects the client to the other gateway, which has no record of its session."""
    client.base_url = next(url for url in server.base_urls if url != client.base_url)
    return client.reconnect(timeout=30)


@pytest.mark.parametrize("person", [WATCHER, OTHER], ids=["actor", "other"])
def test_client_that_was_away_ends_with_the_same_screen(
    server: Stack, connect: Connect, changes: RandomChanges, seed: int, person: int
) -> None:
    account = changes.accounts[person]
    there = [connect(transport, account, ack="client") for transport in ALL]
    away = [connect(transport, account, ack="client") for transport in ALL]
    changes.add_group(0, [1, 2])
    changes.add_direct(0, person)
    for _ in range(30):
        changes.step()
    for client in away:
        client.fence(20)
        client.kill()
    changes.add_group(0, [1, 2, 3], history="joined")
    for _ in range(CHANGES):
        changes.step()
    for client in away:
        reconnect_to_other_gateway(server, client)
    for client in (*there, *away):
        client.fence(30)
    for place in changes.places:
        for client in (*there, *away):
            who = f"{client.transport}, {'there' if client in there else 'away'}, conversation {place.id}"
            expect_same_screen(changes, seed, who, client, account, place.id)


def expect_same_screen(
    changes: RandomChanges, seed: int, who: str, client: EventClient, account: Account, conversation: int
) -> None:
    """Waits until both are equal: a poll marks its events as delivered only at the next poll."""
    seen: list[Any] = []

    def alike() -> bool:
        wanted = from_rest(client.rest, account.user_id, [conversation]).shown(conversation)
        seen[:] = [screen_of(client, account).shown(conversation), wanted]
        return bool(seen[0] == seen[1])

    try:
        eventually(alike, who, 5)
    except TimeoutError:
        fail_with_differences(changes, seed, who, *seen)


def test_screen_differs_if_one_event_is_missed() -> None:
    """Tests the comparison itself: every kind of event changes the screen."""

    def message(seq: int, **more: Any) -> dict[str, Any]:
        base = {"id": f"m{seq}", "conversationId": 1, "seq": seq, "senderId": 5, "kind": "text", "message": f"t{seq}"}
        return {**base, **more}

    where = {"conversationId": 1, "id": "m1", "seq": 1}
    events = [
        Event("conversation_updated", {"id": 1, "kind": "group", "name": "G", "memberCount": 1, "members": []}),
        Event("receive_message", message(1)),
        Event("receive_message", message(2)),
        Event("message_updated", message(1, message="new")),
        Event("reaction", {**where, "userId": 5, "emoji": "👍", "on": True}),
        Event("message_pinned", {**where, "userId": 5, "on": True}),
        Event("message_deleted", {"id": "m2", "conversationId": 1, "seq": 2}),
        Event("conversation_updated", {"id": 1, "kind": "group", "name": "H", "memberCount": 2, "members": []}),
        Event("receive_message", message(3, quoted={"id": "m1", "seq": 1, "senderId": 5})),
    ]
    whole = Screen(5).feed(events).shown(1)
    for missed in range(1, len(events)):
        part = Screen(5).feed(events[:missed] + events[missed + 1 :]).shown(1)
        assert (part == whole) is (missed == 2), f"{events[missed]} must change the screen"
    assert Screen(5).feed([*events, Event("conversation_updated", {"id": 1, "left": True})]).shown(1) == "left"
    clearing = Event("conversation_cleared", {"conversationId": 1, "seq": 1, "removed": False})
    [left] = Screen(5).feed([*events, clearing]).shown(1)["messages"]
    assert (left["id"], left["quoted"]) == ("m3", None)
