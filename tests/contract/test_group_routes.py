"""Where the members of a large group are is kept between messages (message_log/lua/log.lua): it must never be out of
date. Each step first sends enough for the routes to be kept, then changes what they were made of.
"""

from __future__ import annotations

import uuid

import pytest
from sqlalchemy import Engine, text

from tests.contract.conftest import Connect, MakeRest, MakeUser
from tests.support.clients import Account, EventClient

FILLERS = 40  # beyond log.lua's ROUTES_KEPT_ABOVE

_FILL = text("""
    INSERT INTO users (username, display_name)
    SELECT :name || '-' || n, 'Filler' FROM generate_series(1, :count) AS n RETURNING id
""")


@pytest.fixture
def large(stored: Engine, rest: MakeRest, ann: Account, ben: Account) -> int:
    with stored.begin() as connection:
        name = f"f{uuid.uuid4().hex[:12]}"
        fillers = [row.id for row in connection.execute(_FILL, {"name": name, "count": FILLERS})]
    return int(rest(ann).group(members=[*fillers, ben.user_id])["id"])


def all_get(rest: MakeRest, sender: Account, group: int, *clients: EventClient) -> None:
    """Three messages, one after the other: the second keeps the routes, the third uses them."""
    for _ in range(3):
        sent = rest(sender).send(conversation_id=group)
        for client in clients:
            client.next_event(lambda event, id_=sent["id"]: event.data.get("id") == id_)


def test_who_comes_online_is_found_and_who_goes_is_not_waited_for(
    connect: Connect, rest: MakeRest, large: int, ann: Account, ben: Account
) -> None:
    first = connect("ws", ben)
    all_get(rest, ann, large, first)
    second, third = connect("sse", ben), connect("poll", ann)
    all_get(rest, ann, large, first, second, third)
    first.kill()
    all_get(rest, ann, large, second, third)
    first.reconnect()
    all_get(rest, ann, large, first, second, third)


def test_who_is_added_gets_the_next_message_and_who_is_removed_does_not(
    connect: Connect, rest: MakeRest, user: MakeUser, large: int, ann: Account, ben: Account
) -> None:
    eve = user()
    there, waiting = connect("ws", ben), connect("ws", eve)
    all_get(rest, ann, large, there)
    rest(ann).add(large, eve.user_id)
    all_get(rest, ann, large, there, waiting)
    rest(ann).remove(large, eve.user_id)
    all_get(rest, ann, large, there)
    waiting.fence()
    last = list(waiting.messages(large))[-1]
    assert last["system"] == {"type": "removed", "userIds": [eve.user_id]}
