"""A chat goes on after the number of shards was raised: with earlier cursors, on each transport."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from app.store.engine import writing
from dev.processes import wait_until
from tests.conftest import StackFactory
from tests.contract.expect import eventually, uuid7
from tests.contract.expect_streams import Writer
from tests.support.clients import TRANSPORTS, EventClient, RestClient, register
from tests.support.commands import flask
from tests.support.patience import PATIENCE
from tests.support.private_stack import UNLIMITED
from tests.support.processes import ROOT, Stack
from tests.support.shards import connected_shards

GROUPS = 8  # their ids follow each other, so each of four shards has two
STREAMS = 4  # the first groups have an open stream, one in each shard


def env_of(shards: int) -> dict[str, str]:
    return {**UNLIMITED, "ACK_WAIT_SECONDS": "1", "SHARDS": str(shards)}


def send(rest: RestClient, conversation: int, message: str, id_: str) -> dict[str, Any]:
    """Sends until the message is stored."""

    def sent() -> dict[str, Any] | None:
        ack = rest.send(conversation_id=conversation, message=message, id=id_)
        return ack if ack["status"] == "stored" else None

    ack: dict[str, Any] = eventually(sent, "a stored message")
    return ack


class Chat:
    """Ann writes to groups of her and Ben, whose sessions on each transport come and go."""

    def __init__(self, stack: Stack) -> None:
        self.ann, self.ben = register(stack.base_url), register(stack.base_url)
        self.sessions: list[EventClient] = []
        self.sent: list[tuple[int, str, str, int]] = []
        self.move_to(stack)
        people = {"kind": "group", "name": "G", "memberIds": [self.ben.user_id]}
        self.groups = [self.rest.json("POST", "/conversations", json=people)["id"] for _ in range(GROUPS)]

    def move_to(self, stack: Stack) -> None:
        self.base_url = stack.base_url
        self.rest = RestClient(stack.base_url, self.ann.access_token)

    def close(self) -> None:
        self.rest.close()
        for client in self.sessions:
            client.finish()
        self.sessions.clear()

    def join(self, transport: str, cursor: str | None = None) -> EventClient:
        """Begins a session of Ben."""
        client = TRANSPORTS[transport](self.base_url, self.ben)
        self.sessions.append(client)
        return client.join(cursor)

    def say(self, message: str) -> None:
        """Sends it to every group."""
        for group in self.groups:
            id_ = uuid7()
            self.sent.append((group, id_, message, send(self.rest, group, message, id_)["seq"]))

    def repeat_all(self) -> None:
        """Sends each message again: its dedupe mark may be in the shard that had the conversation."""
        for group, id_, message, seq in self.sent:
            assert send(self.rest, group, message, id_)["seq"] == seq

    def history(self, group: int) -> list[str]:
        """Returns the texts, oldest first."""
        page = self.rest.history(group, limit=100)["messages"]
        return [m["message"] for m in sorted(page, key=lambda m: m["seq"]) if m["kind"] == "text"]

    def cursors_after(self, message: str) -> dict[str, str | None]:
        """Sends it to a session on each transport. Returns their last cursors; the sessions are cut off."""
        clients = {transport: self.join(transport) for transport in TRANSPORTS}
        self.say(message)
        for client in clients.values():
            wait_for(client, self, message)
            client.kill()
        return {transport: client.cursor for transport, client in clients.items()}


def received(client: EventClient, group: int) -> list[str]:
    return [message["message"] for message in client.messages(group) if message["kind"] == "text"]


def wait_for(client: EventClient, chat: Chat, message: str) -> None:
    for group in chat.groups:
        client.wait(lambda g=group: message in received(client, g) or None, PATIENCE, f"{message} in {group}")


def raise_to(stack: Stack, shards: int, *options: str) -> subprocess.CompletedProcess[str]:
    return flask({**stack.env, **env_of(shards)}, "shards", str(shards), *options)


def killed_while_preparing(stack: Stack, engine: Engine, shards: int) -> None:
    """Kills the command when Redis is prepared and only the transaction in Postgres is missing."""
    program = str(Path(sys.executable).parent / "flask")
    env = {**stack.env, **env_of(shards)}
    with writing(engine) as conn, connected_shards(env) as prepared:
        last = prepared[shards - 1]
        conn.execute(text("SELECT 1 FROM log_state WHERE id = 1 FOR UPDATE"))
        command = subprocess.Popen([program, "--app", "wsgi", "shards", str(shards)], cwd=ROOT, env=env)
        try:
            wait_until(lambda: last.redis.exists(last.keys.epoch), PATIENCE, "the last shard's epoch")
        finally:
            command.send_signal(signal.SIGKILL)
            command.wait()


def shown(stack: Stack) -> list[str]:
    done = flask(stack.env, "shards")
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def accept_without_storing(chat: Chat, stack: Stack) -> None:
    """Sends one more message to the first group while no worker runs."""
    stack.kill_worker(0)
    answer = chat.rest.post_message(conversation_id=chat.groups[0], message="waits", id=uuid7())
    assert answer.status_code == 202


def refused_while_it_runs(stack: Stack) -> None:
    done = raise_to(stack, 2, "--wait", "0")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        1,
        "Error: A web process uses shard 0. Stop all web processes, then try again. Nothing was changed.",
    )
    assert shown(stack)[0] == "1 shard"


def raised_in_two_steps(stack: Stack, engine: Engine) -> None:
    """To 2 and to 4 shards; the second command is killed and repeated."""
    waiting = raise_to(stack, 2)
    assert waiting.stderr.splitlines()[-1] == (
        "Error: Records of shard 0 are not stored yet. Store them with --drain, or let the workers store them while no"
        " web process runs. Nothing was changed."
    )
    first = raise_to(stack, 2, "--drain")
    assert first.returncode == 0, first.stderr
    assert first.stdout.splitlines()[-3:] == [
        "Records that were stored: 1",
        "The number of shards was 1 and is now 2.",
        "Set SHARDS=2 in all processes, and start them.",
    ]
    killed_while_preparing(stack, engine, 4)
    assert shown(stack)[:2] == ["2 shards", "SHARDS is 1 here: the processes of this environment will not start."]
    second = raise_to(stack, 4)
    assert second.returncode == 0, second.stderr
    assert raise_to(stack, 4).stdout.splitlines()[-1] == "The number of shards is already 4."


def before_the_raise(chat: Chat, group: int, streamed: str) -> list[str]:
    """Returns what Ben missed in a group; the first four have a stream."""
    number = chat.groups.index(group)
    return ["missed", *([streamed] if number < STREAMS else []), *(["waits"] if number == 0 else [])]


def resumed_after(chat: Chat, cursors: dict[str, str | None]) -> None:
    """Each session gets everything that it missed and everything new, once."""
    clients = [chat.join(transport, cursor) for transport, cursor in cursors.items()]
    chat.say("after")
    for client in clients:
        wait_for(client, chat, "after")
        client.fence()
        for group in chat.groups:
            assert received(client, group) == [*before_the_raise(chat, group, "half "), "after"]
        assert client.named("resync") == []


@pytest.fixture
def place(redis_url: str) -> dict[str, str]:
    """The settings for a Redis that has all shards."""
    return {"REDIS_URL": redis_url}


@pytest.fixture
def chat(make_stack: StackFactory, place: dict[str, str]) -> Iterator[tuple[Chat, Stack]]:
    stack = make_stack(env=env_of(1) | place)
    made = Chat(stack)
    yield made, stack
    made.close()


def test_chat_goes_on_after_the_number_was_raised(
    chat: tuple[Chat, Stack], make_stack: StackFactory, place: dict[str, str], engine: Engine
) -> None:
    people, stack = chat
    cursors = people.cursors_after("before")
    people.say("missed")
    writers = [Writer(people.rest, group) for group in people.groups[:STREAMS]]
    for writer in writers:
        writer.append("half ")
    refused_while_it_runs(stack)
    accept_without_storing(people, stack)
    people.close()
    stack.stop()
    raised_in_two_steps(stack, engine)
    raised = make_stack(env=env_of(4) | place)
    people.move_to(raised)
    resumed_after(people, cursors)
    with raised.shards() as shards:
        assert [int(shard.redis.hget(shard.keys.log_state, "entries") or 0) > 0 for shard in shards] == [True] * 4
    people.repeat_all()
    for writer in writers:
        writer.client = people.rest
        writer.append("whole")
        writer.end()
    for group in people.groups:
        assert people.history(group) == ["before", *before_the_raise(people, group, "half whole"), "after"]
