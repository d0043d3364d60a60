"""The routes to the members of a group are never out of date: cached ones (message_log/lua/log.lua), and the counts and
rosters of a large group (message_log/lua/large.lua). The clients are at two gateways.

Each step first sends enough messages for the routes to be there, then changes the facts they were built from.
"""

from __future__ import annotations

import uuid

import pytest
from sqlalchemy import Engine, text

from tests.contract.conftest import Connect, MakeRest, MakeUser
from tests.support.clients import Account, EventClient
from tests.support.processes import Stack

FILLERS = {"cached routes": 40, "large": 120}  # above ROUTES_CACHED_ABOVE and LARGE of log.lua

_FILL = text("""
    INSERT INTO users (username, display_name)
    SELECT :name || '-' || n, 'Filler' FROM generate_series(1, :count) AS n RETURNING id
""")


@pytest.fixture(params=FILLERS.values(), ids=FILLERS.keys())
def large(request: pytest.FixtureRequest, stored: Engine, rest: MakeRest, ann: Account, ben: Account) -> int:
    with stored.begin() as connection:
        name = f"f{uuid.uuid4().hex[:12]}"
        fillers = [row.id for row in connection.execute(_FILL, {"name": name, "count": request.param})]
    return int(rest(ann).group(members=[*fillers, ben.user_id])["id"])


def send_to_all(rest: MakeRest, sender: Account, group: int, *clients: EventClient) -> None:
    """Sends three messages in a row: the second stores the routes, the third uses them."""
    for _ in range(3):
        sent = rest(sender).send(conversation_id=group)
        for client in clients:
            client.next_event(lambda event, id_=sent["id"]: event.data.get("id") == id_)


def test_routes_follow_members_going_online_and_offline(
    connect: Connect, rest: MakeRest, large: int, ann: Account, ben: Account
) -> None:
    first = connect("ws", ben)
    send_to_all(rest, ann, large, first)
    second, third = connect("sse", ben), connect("poll", ann)
    send_to_all(rest, ann, large, first, second, third)
    first.kill()
    send_to_all(rest, ann, large, second, third)
    first.reconnect()
    send_to_all(rest, ann, large, first, second, third)


def test_routes_follow_added_and_removed_members(
    connect: Connect, rest: MakeRest, user: MakeUser, large: int, ann: Account, ben: Account
) -> None:
    eve = user()
    there, waiting = connect("ws", ben), connect("ws", eve)
    send_to_all(rest, ann, large, there)
    rest(ann).add(large, eve.user_id)
    send_to_all(rest, ann, large, there, waiting)
    rest(ann).remove(large, eve.user_id)
    send_to_all(rest, ann, large, there)
    waiting.fence()
    last = list(waiting.messages(large))[-1]
    assert last["system"] == {"type": "removed", "userIds": [eve.user_id]}


def test_group_that_grows_and_shrinks_reaches_everybody(
    connect: Connect, rest: MakeRest, stored: Engine, ann: Account, ben: Account
) -> None:
    """It becomes large while its members are online, and is small again."""
    with stored.begin() as connection:
        name = f"f{uuid.uuid4().hex[:12]}"
        fillers = [row.id for row in connection.execute(_FILL, {"name": name, "count": 110})]
    group = int(rest(ann).group(members=[ben.user_id, *fillers[:90]])["id"])
    clients = connect("ws", ben), connect("sse", ben), connect("ws", ann)
    send_to_all(rest, ann, group, *clients)
    for _ in range(2):
        rest(ann).add(group, *fillers[90:])
        send_to_all(rest, ann, group, *clients)
        rest(ann).remove(group, *fillers[90:])
        send_to_all(rest, ann, group, *clients)


def test_typing_and_marks_in_a_large_group_reach_the_others(
    connect: Connect, rest: MakeRest, large: int, ann: Account, ben: Account
) -> None:
    writer, reader = connect("ws", ann, ack="client"), connect("ws", ben, ack="client")
    sent = rest(ann).send(conversation_id=large)
    reader.next_message(sent["id"])
    writer.typing(conversation_id=large)
    reader.next_event(lambda event: event.name == "typing" and event.data["userId"] == ann.user_id)
    reader.read(large, sent["seq"])
    writer.next_event(lambda event: event.name == "message_read" and event.data["userId"] == ben.user_id)
    writer.fence()
    assert not writer.named("typing")


def test_subscription_that_broke_loses_nothing(
    server: Stack, connect: Connect, rest: MakeRest, large: int, ann: Account, ben: Account
) -> None:
    clients = connect("ws", ben), connect("ws", ben), connect("poll", ann)
    send_to_all(rest, ann, large, *clients)
    with server.shards() as shards:
        for _ in range(3):
            for redis in shards.by_client():
                redis.client_kill_filter(_type="pubsub")
            send_to_all(rest, ann, large, *clients)
    for client in clients:
        client.fence()
        ids = [message["id"] for message in client.messages(large)]
        assert len(ids) == len(set(ids)), "a message came twice"
