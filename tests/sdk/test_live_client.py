"""The client of a user against a running server: events, acks, lost connections."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable
from typing import Any

import pytest
from parley_sdk import Conflict, ConnectionFailed, NotFound, ParleyServer, Stopped

from tests.sdk.live_client import address, connect, next_event, next_texts, post, run, until
from tests.support.clients import Account, RestClient
from tests.support.processes import Stack
from tests.support.tcp_proxy import TcpProxy


def test_messages_are_acked_and_arrive(server: Stack, ann: Account, ben: Account):
    async def test() -> None:
        async with connect(server, ann) as sender, connect(server, ben) as receiver:
            events = aiter(receiver)
            joined = await next_event(events, "joined")
            assert joined.data["userId"] == ben.user_id
            ack = await sender.send("Hello", receiver_id=ben.user_id, metadata={"order": 17})
            assert (ack["status"], ack["seq"]) == ("stored", 1)
            received = await next_event(events, "receive_message")
            assert (received.data["id"], received.data["metadata"]) == (ack["id"], {"order": 17})
            unread = await receiver.fetch_unread()
            assert [m["id"] for m in unread["messages"]] == [ack["id"]]
            assert (await receiver.mark_delivered(ack["conversationId"], 1))["status"] == "stored"
            assert (await receiver.mark_read(ack["conversationId"], 1))["status"] == "stored"
            await receiver.typing(ack["conversationId"])
            assert (await next_event(aiter(sender), "typing")).data["userId"] == ben.user_id

    run(test())


def test_a_bot_answers_within_its_loop(server: Stack, ann: Account, ben: Account):
    async def test() -> None:
        async with connect(server, ann) as person, connect(server, ben) as bot:
            acks: list[Any] = []
            joined = asyncio.Event()

            async def answer() -> None:
                async for event in bot:
                    if event.name == "joined":
                        joined.set()
                    if event.name == "receive_message" and event.data["senderId"] == ann.user_id:
                        acks.append(await bot.send(f"You said {event.data['message']}", receiver_id=ann.user_id))

            answering = asyncio.create_task(answer())
            events = aiter(person)
            await joined.wait()  # what was sent before is unread, and does not arrive by itself
            await person.send("one", receiver_id=ben.user_id)
            await person.send("two", receiver_id=ben.user_id)
            assert await next_texts(events, 2) == ["You said one", "You said two"]
            await until(lambda: len(acks) == 2)
            await bot.close()
            await answering

    run(test())


def test_an_answer_grows_over_lost_connections_until_it_is_stopped(
    server: Stack, ann: Account, ben: Account, proxy: TcpProxy
):
    async def test() -> None:
        async with connect(server, ann, url=address(proxy)) as writer, connect(server, ben) as reader:
            (hello,) = await asyncio.to_thread(post, server, ann, ben, "Hello")
            async with writer.stream(hello["conversationId"], metadata={"model": "x"}) as stream:
                await stream.write("Grüße 👋🏽")
                proxy.cut()
                await stream.write(" wieder")
            assert stream.length == len("Grüße 👋🏽 wieder")
            async with writer.stream(hello["conversationId"]) as stopped:
                await stopped.write("Not")
                await reader.command("stop_stream", {"id": stopped.id})
                with pytest.raises(Stopped):
                    await stopped.write(" this")

    run(test())
    rest = RestClient(server.base_url, ben.access_token)
    shown = rest.history(rest.conversations()["conversations"][0]["id"])["messages"]
    rest.close()
    assert [one["message"] for one in shown] == ["Hello", "Grüße 👋🏽 wieder", "Not"]
    assert shown[1]["metadata"] == {"model": "x"}
    assert not any(one.get("streaming") for one in shown)


def test_errors_are_exceptions_and_the_session_goes_on(server: Stack, ann: Account, ben: Account):
    async def test() -> None:
        async with connect(server, ann) as client:
            with pytest.raises(NotFound):
                await client.send("Hello", conversation_id=2**40)
            chosen = str(uuid.uuid4())
            first = await client.send("Hello", receiver_id=ben.user_id, id=chosen)
            assert (await client.send("Hello again", receiver_id=ben.user_id, id=chosen))["seq"] == first["seq"]
            async with connect(server, ben) as other:
                with pytest.raises(Conflict):
                    await other.send("mine", receiver_id=ann.user_id, id=chosen)
            edited = await client.command("edit_message", {"id": chosen, "message": "Hi"})
            assert edited["id"] == chosen

    run(test())


# -- lost connections --------------------


def test_a_command_that_json_cannot_show_fails_alone(server: Stack, ann: Account, ben: Account, proxy: TcpProxy):
    async def test() -> None:
        async with connect(server, ann, url=address(proxy)) as client:
            events = aiter(client)
            await next_event(events, "joined")
            with pytest.raises(TypeError):
                await client.send("Hello", receiver_id=ben.user_id, metadata={"at": object()})
            with pytest.raises(ValueError, match="surrogates"):
                await client.send("\ud83d", receiver_id=ben.user_id)
            proxy.cut()
            await next_event(events, "joined")
            assert (await client.send("Hello", receiver_id=ben.user_id))["status"] == "stored"

    run(test())


def test_cut_connections_lose_and_repeat_nothing(server: Stack, ann: Account, ben: Account, proxy: TcpProxy):
    async def test() -> None:
        async with (
            connect(server, ann, url=address(proxy)) as sender,
            connect(server, ben, url=address(proxy)) as receiver,
        ):

            async def send_all() -> None:
                sends: list[Awaitable[Any]] = []
                for number in range(60):
                    sends.append(asyncio.ensure_future(sender.send(f"{number}", receiver_id=ben.user_id)))
                    if number % 15 == 7:
                        proxy.cut()
                    await asyncio.sleep(0.01)
                acks = await asyncio.gather(*sends)
                assert sorted(ack["seq"] for ack in acks) == list(range(1, 61))

            events = aiter(receiver)
            await next_event(events, "joined")  # earlier messages would be unread ones
            sending = asyncio.create_task(send_all())
            seen: dict[str, str] = {}
            async for event in events:
                if event.name == "receive_message":
                    seen[event.data["id"]] = event.data["message"]
                if len(seen) == 60:
                    break
            await sending
            assert list(seen.values()) == [str(number) for number in range(60)]
            assert proxy.accepted > 4

    run(test())


def test_a_message_waits_for_the_connection(server: Stack, ann: Account, ben: Account, proxy: TcpProxy):
    async def test() -> None:
        async with connect(server, ann, url=address(proxy)) as client:
            events = aiter(client)
            await next_event(events, "joined")
            proxy.blackhole()
            sending = asyncio.create_task(client.send("Hello", receiver_id=ben.user_id))
            await asyncio.sleep(0)
            proxy.cut()
            proxy.heal()
            assert (await sending)["status"] == "stored"

    run(test())


def test_a_cursor_resumes_in_another_client(server: Stack, ann: Account, ben: Account):
    async def test() -> None:
        async with connect(server, ben) as first:
            await next_event(aiter(first), "joined")
            await asyncio.to_thread(post, server, ann, ben, "one", "two")
            async for event in first:
                if event.data.get("message") == "two":
                    break
            # The loop was left while it handled "two", so only "one" is handled.
            cursor = first.cursor
        await asyncio.to_thread(post, server, ann, ben, "three")
        async with connect(server, ben, cursor=cursor) as second:
            assert await next_texts(aiter(second), 2) == ["two", "three"]

    run(test())


def test_a_cursor_that_is_too_old_is_a_resync(server: Stack, ben: Account):
    async def test() -> None:
        async with connect(server, ben, cursor="nonsense") as client:
            resync = await next_event(aiter(client), "resync")
            assert resync.cursor == resync.data["cursor"] != "nonsense"

    run(test())


def test_a_slow_application_gets_everything_in_the_end(server: Stack, ann: Account, ben: Account):
    async def test() -> None:
        async with connect(server, ben, max_events=5) as client:
            events = aiter(client)
            await next_event(events, "joined")
            await asyncio.to_thread(post, server, ann, ben, *map(str, range(30)))
            # The answer of a command arrives although the queue is full.
            assert len((await client.fetch_unread())["messages"]) == 30
            assert await next_texts(events, 30) == [str(number) for number in range(30)]

    run(test())


def test_closing_ends_the_loop_and_open_commands(server: Stack, ann: Account, ben: Account, proxy: TcpProxy):
    async def test() -> None:
        client = connect(server, ann, url=address(proxy))
        async with client:
            events = aiter(client)
            await next_event(events, "joined")
            proxy.blackhole()
            sending = asyncio.create_task(client.send("Hello", receiver_id=ben.user_id))
            await asyncio.sleep(0)
            proxy.cut()
        with pytest.raises(ConnectionFailed):
            await sending
        assert [event.name async for event in events] == []

    run(test())


def test_a_receiver_can_be_an_id_of_the_host(server: Stack, parley: ParleyServer, bot: str, ann: Account):
    async def test() -> None:
        async with connect(server, ann) as client:
            ack = await client.send("Hello", receiver_id=bot)
            assert ack["status"] == "stored"

    run(test())
