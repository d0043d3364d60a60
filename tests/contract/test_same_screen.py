"""A client that was away through many random changes ends with the same screen as one that was there throughout,
on each transport; and both show what the history says.

The seed is printed where a run fails; PARLEY_SCREEN_SEED repeats it.
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
WATCHER = 1  # may be removed, added, promoted; acts as the others do
OTHER = 2


@pytest.fixture
def seed() -> int:
    return int(os.environ.get("PARLEY_SCREEN_SEED") or random.randrange(2**32))


@pytest.fixture
def changes(server: Stack, user: MakeUser, seed: int) -> Iterator[RandomChanges]:
    made = RandomChanges(server.base_urls, [user() for _ in range(PEOPLE)], seed)
    yield made
    made.close()


def explained(changes: RandomChanges, seed: int, who: str, one: Any, other: Any) -> None:
    """Fails with the first differences, and the acts that led to them."""
    left, right = (json.dumps(v, indent=1, sort_keys=True, default=str).splitlines() for v in (one, other))
    differing = "\n".join(line for line in difflib.unified_diff(left, right, "screen", "history", lineterm="", n=12))
    acts = "\n".join(changes.done)
    pytest.fail(f"the screen and the history: {who} (PARLEY_SCREEN_SEED={seed})\n{differing}\n{acts}")


def screen_of(client: EventClient, account: Account) -> Screen:
    return Screen(account.user_id).feed(client.events).load_history_of_joined(client.rest)


def elsewhere(server: Stack, client: EventClient) -> EventClient:
    """The same client, coming back to the other gateway: nothing there remembers its session."""
    client.base_url = next(url for url in server.base_urls if url != client.base_url)
    return client.reconnect(timeout=30)


@pytest.mark.parametrize("person", [WATCHER, OTHER], ids=["one-who-acts", "another"])
def test_who_was_away_sees_in_the_end_what_the_others_see(
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
        elsewhere(server, client)
    for client in (*there, *away):
        client.fence(30)
    for place in changes.places:
        for client in (*there, *away):
            who = f"{client.transport}, {'there' if client in there else 'away'}, conversation {place.id}"
            compare(changes, seed, who, client, account, place.id)


def compare(
    changes: RandomChanges, seed: int, who: str, client: EventClient, account: Account, conversation: int
) -> None:
    """In the end: a poll marks as delivered what it got, when it asks for more."""
    seen: list[Any] = []

    def alike() -> bool:
        wanted = from_rest(client.rest, account.user_id, [conversation]).shown(conversation)
        seen[:] = [screen_of(client, account).shown(conversation), wanted]
        return bool(seen[0] == seen[1])

    try:
        eventually(alike, who, 5)
    except TimeoutError:
        explained(changes, seed, who, *seen)


def test_a_screen_that_missed_one_event_is_another() -> None:
    """The judge is judged: each kind of event shows."""

    def message(seq: int, **more: Any) -> dict[str, Any]:
        base = {"id": f"m{seq}", "conversationId": 1, "seq": seq, "senderId": 5, "kind": "text", "message": f"t{seq}"}
        return {**base, **more}

    where = {"conversationId": 1, "id": "m1", "seq": 1}
    told = [
        Event("conversation_updated", {"id": 1, "kind": "group", "name": "G", "memberCount": 1, "members": []}),
        Event("receive_message", message(1)),
        Event("receive_message", message(2)),
        Event("message_updated", message(1, message="new")),
        Event("reaction", {**where, "userId": 5, "emoji": "👍", "on": True}),
        Event("message_pinned", {**where, "userId": 5, "on": True}),
        Event("message_deleted", {"id": "m2", "conversationId": 1, "seq": 2}),
        Event("conversation_updated", {"id": 1, "kind": "group", "name": "H", "memberCount": 2, "members": []}),
    ]
    whole = Screen(5).feed(told).shown(1)
    for missed in range(1, len(told)):
        part = Screen(5).feed(told[:missed] + told[missed + 1 :]).shown(1)
        assert (part == whole) is (missed == 2), f"{told[missed]} makes a difference"
    assert Screen(5).feed([*told, Event("conversation_updated", {"id": 1, "left": True})]).shown(1) == "left"
