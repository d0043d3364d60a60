"""Both clients against a running server: messages that grow."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from parley_sdk import AsyncParleyServer, Conflict, NotFound, ParleyServer, Stopped

from tests.sdk.conftest import SERVER_API_KEY
from tests.support.clients import RestClient
from tests.support.processes import Stack

Use = Callable[[Callable[[Any], Any]], Any]
NewId = Callable[[str], str]


@pytest.fixture
def helper(parley: ParleyServer, new_id: NewId) -> str:
    external_id = new_id("helper")
    parley.users.put(external_id)
    return external_id


@pytest.fixture
def order(parley: ParleyServer, new_id: NewId, helper: str) -> str:
    external_id = new_id("order")
    parley.conversations.put(external_id, name="Order", members=[helper])
    return external_id


def last(parley: ParleyServer, order: str) -> Any:
    return parley.conversations.messages(order)["messages"][-1]


def test_a_message_grows_and_ends(use: Use, parley: ParleyServer, order: str, helper: str):
    stream_id = use(lambda s: s.streams.start(order, helper, metadata={"model": "x"}))["id"]
    use(lambda s: s.streams.append(stream_id, 0, "Grüße"))
    assert use(lambda s: s.streams.append(stream_id, 0, "Grüße")) is None
    with pytest.raises(Conflict):
        use(lambda s: s.streams.append(stream_id, 9, "gap"))
    growing = last(parley, order)
    assert (growing["message"], growing["streaming"], growing["metadata"]) == ("Grüße", True, {"model": "x"})
    assert use(lambda s: s.streams.end(stream_id, message="Grüße!"))["id"] == stream_id
    ended = last(parley, order)
    assert (ended["message"], "streaming" in ended) == ("Grüße!", False)


def test_a_writer_counts_for_the_host(server: Stack, parley: ParleyServer, order: str, helper: str):
    with parley.streams.open(order, helper) as stream:
        for text in ("Hello ", "👋🏽", " you"):
            stream.write(text)
    assert last(parley, order)["message"] == "Hello 👋🏽 you"

    async def write() -> None:
        async with (
            AsyncParleyServer(server.base_url, SERVER_API_KEY, trust_env=False) as client,
            client.streams.open(order, helper) as stream,
        ):
            await stream.write("Hello ")
            await stream.write("again")

    asyncio.run(write())
    assert last(parley, order)["message"] == "Hello again"


def test_a_member_stops_the_writer(server: Stack, parley: ParleyServer, order: str, helper: str):
    rest = RestClient(server.base_url, parley.users.issue_tokens(helper)["accessToken"])
    with parley.streams.open(order, helper) as stream:
        stream.write("Hello")
        rest.request("POST", f"/messages/{stream.id}/stop")
        rest.close()
        with pytest.raises(Stopped):
            stream.write(" never")
    assert last(parley, order)["message"] == "Hello"


def test_stream_is_written_stopped_and_ended(
    use: Use, server: Stack, parley: ParleyServer, new_id: Callable[[str], str]
):
    bot, reader, order = new_id("bot"), new_id("user"), new_id("order")
    parley.users.put_many([{"externalId": bot}, {"externalId": reader}])
    parley.conversations.put(order, name="Order", members=[bot, reader])
    id_ = use(lambda s: s.streams.start(order, bot, kind="answer", metadata={"run": 1}))["id"]
    use(lambda s: s.streams.append(id_, 0, "Hello "))
    use(lambda s: s.streams.append(id_, 0, "Hello "))
    with pytest.raises(Conflict) as caught:
        use(lambda s: s.streams.append(id_, 7, "x"))
    assert caught.value.status == 409
    (growing,) = [m for m in use(lambda s: s.conversations.messages(order))["messages"] if m["id"] == id_]
    assert (growing["message"], growing["length"], growing["streaming"]) == ("Hello ", 6, True)
    rest = RestClient(server.base_url, parley.users.issue_tokens(reader)["accessToken"])
    rest.json("POST", f"/messages/{id_}/stop")
    rest.close()
    with pytest.raises(Stopped):
        use(lambda s: s.streams.append(id_, 6, "world"))
    assert use(lambda s: s.streams.end(id_))["seq"] == growing["seq"]
    with pytest.raises(NotFound):
        use(lambda s: s.streams.end("01a00000-0000-7000-8000-000000000000"))
