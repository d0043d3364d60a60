"""The scripts of the log as functions of Redis: loaded when missing, and called as scripts if they are refused."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis

from app.config import Settings
from app.core.kinds import Kind
from app.core.records import pack
from app.message_log import keys
from app.message_log.append import KIND_CONSTANTS, Append, AppendLimits, Decided, Operation
from app.message_log.shards import Shard
from app.redis_connections import one_connection
from app.redis_one_connection import OneConnection
from app.redis_scripts import VERSIONS_KEPT

ANN, BEN = 1, 2
CONVERSATION = 7


@pytest.fixture
def client(redis_client: redis.Redis, settings: Settings) -> Iterator[OneConnection]:
    redis_client.flushall()
    redis_client.function_flush()
    redis_client.execute_command("ACL", "SETUSER", "chat", "on", "nopass", "~*", "&*", "+@all")
    begin(redis_client)
    with one_connection(settings) as made:
        yield made
    redis_client.execute_command("ACL", "DELUSER", "chat")
    redis_client.flushall()


def begin(client: redis.Redis) -> None:
    client.set(keys.FIRST.epoch, "3:0")
    client.hset(keys.FIRST.conversation(CONVERSATION), mapping={"m": pack([ANN, BEN]), "s": 0, "lv": 0})


def make_append(client: redis.Redis) -> Append:
    limits = AppendLimits(100, 100_000, 60)
    return Append(Shard(client), "here", limits, connect=lambda: client, saw_epoch=lambda _: None, wake=lambda: None)


def send(append: Append, name: str) -> int:
    """Sends one message. Returns its seq."""
    [(decided, seq, *_)] = append([Operation(Kind.MESSAGE, CONVERSATION, ANN, name, '"message":"hello"')])
    assert decided == Decided.DONE
    return seq


def functions(client: redis.Redis) -> int:
    return len(client.execute_command("FUNCTION", "LIST"))


def test_function_is_loaded_once_and_again_when_it_is_missing(client: OneConnection) -> None:
    append = make_append(client)
    assert (send(append, "a"), functions(client)) == (1, 1)
    assert (send(append, "b"), functions(client)) == (2, 1)
    client.execute_command("FUNCTION", "FLUSH")
    assert (send(append, "c"), functions(client)) == (3, 1)


def test_functions_outlive_the_data(client: OneConnection) -> None:
    append = make_append(client)
    send(append, "a")
    client.flushall()
    begin(client)
    assert (send(append, "a"), functions(client)) == (1, 1)


def test_call_sees_nothing_of_an_earlier_call(client: OneConnection) -> None:
    append = make_append(client)
    assert send(append, "a") == 1
    [(decided, *_)] = append([Operation(Kind.MESSAGE, CONVERSATION + 1, ANN, "b", '"message":"hello"')])
    assert decided == Decided.UNKNOWN
    client.hset(keys.FIRST.conversation(CONVERSATION), "s", 5)
    assert send(append, "c") == 6
    assert client.xlen(keys.FIRST.log) == 2


def test_other_release_gets_a_function_of_its_own(client: OneConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    old = make_append(client)
    send(old, "a")
    monkeypatch.setattr("app.message_log.append.KIND_CONSTANTS", "-- another release\n" + KIND_CONSTANTS)
    new = make_append(client)
    assert [send(new, "b"), send(old, "c"), functions(client)] == [2, 3, 2]


def test_old_versions_are_deleted_if_they_are_many(client: OneConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    first = make_append(client)
    send(first, "a")
    for number in range(VERSIONS_KEPT):
        monkeypatch.setattr("app.message_log.append.KIND_CONSTANTS", f"-- release {number}\n" + KIND_CONSTANTS)
        send(make_append(client), f"b{number}")
    assert functions(client) == 1
    send(first, "c")
    assert functions(client) == 2


@pytest.mark.parametrize("command", ["function", "fcall"])
def test_script_is_called_if_functions_are_refused(
    client: OneConnection, settings: Settings, caplog: pytest.LogCaptureFixture, command: str
) -> None:
    client.execute_command("ACL", "SETUSER", "chat", f"-{command}")
    with one_connection(settings) as refused:
        refused.execute_command("AUTH", "chat", "")
        append = make_append(refused)
        assert [send(append, "a"), send(append, "b")] == [1, 2]
    assert functions(client) == 0
    assert caplog.text.count("does not accept functions") == 1


def test_server_that_refuses_writes_for_a_while_gets_the_function_later(client: OneConnection) -> None:
    append = make_append(client)
    client.config_set("min-replicas-to-write", 1)
    try:
        with pytest.raises(redis.ResponseError, match="NOREPLICAS"):
            send(append, "a")
    finally:
        client.config_set("min-replicas-to-write", 0)
    assert (send(append, "a"), functions(client)) == (1, 1)


def test_client_with_a_pool_calls_the_script(client: OneConnection, redis_client: redis.Redis) -> None:
    assert send(make_append(redis_client), "a") == 1
    assert functions(client) == 0


def test_error_of_a_function_is_raised(client: OneConnection) -> None:
    client.set(keys.FIRST.conversation(CONVERSATION + 1), "not a hash")
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        make_append(client)([Operation(Kind.MESSAGE, CONVERSATION + 1, ANN, "a", "")])
