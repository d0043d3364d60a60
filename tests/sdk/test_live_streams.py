"""Both clients against a running server: messages that grow."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from parley_sdk import AsyncParleyServer, Conflict, NotFound, ParleyServer, Stopped

from tests.sdk.conftest import SERVER_API_KEY, NewId, Use
from tests.support.clients import RestClient
from tests.support.processes import Stack


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
    stream_id = use(lambda s: s.streams.start(order, helper, kind="answer", metadata={"model": "x"}))["id"]
    use(lambda s: s.streams.append(stream_id, 0, "Grüße"))
    assert use(lambda s: s.streams.append(stream_id, 0, "Grüße")) is None
    with pytest.raises(Conflict) as caught:
        use(lambda s: s.streams.append(stream_id, 9, "gap"))
    assert caught.value.status == 409
    growing = last(parley, order)
    assert (growing["message"], growing["length"], growing["streaming"]) == ("Grüße", 5, True)
    assert (growing["kind"], growing["metadata"]) == ("answer", {"model": "x"})
    ack = use(lambda s: s.streams.end(stream_id, message="Grüße!"))
    assert (ack["id"], ack["seq"]) == (stream_id, growing["seq"])
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


def test_a_member_stops_the_writer(use: Use, server: Stack, parley: ParleyServer, order: str, helper: str):
    reader = RestClient(server.base_url, parley.users.issue_tokens(helper)["accessToken"])
    with parley.streams.open(order, helper) as stream:
        stream.write("Hello")
        reader.json("POST", f"/messages/{stream.id}/stop")
        reader.close()
        with pytest.raises(Stopped):
            stream.write(" never")
        with pytest.raises(Stopped):
            use(lambda s: s.streams.append(stream.id, len("Hello"), " never"))
    stopped = last(parley, order)
    assert stopped["message"] == "Hello"
    assert use(lambda s: s.streams.end(stream.id))["seq"] == stopped["seq"]


def test_an_unknown_stream_is_not_found(use: Use):
    with pytest.raises(NotFound):
        use(lambda s: s.streams.end("01a00000-0000-7000-8000-000000000000"))
