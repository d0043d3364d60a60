"""Messages are acked while the broker is away. Only Redis, Postgres and a worker are needed."""

from __future__ import annotations

from redis import Redis

from app.message_log import keys
from dev.embedded_valkey import EmbeddedValkey
from dev.processes import free_port, wait_until
from tests.support.clients import WsClient
from tests.support.clients.rest import register
from tests.support.own_valkey import own_valkey as broker
from tests.support.private_stack import private_stack
from tests.support.processes import Stack, group_members

__all__ = ["broker"]

OWN_DRAIN = "the worker starts one itself"


def pair(stack: Stack) -> tuple[WsClient, int]:
    sender, receiver = register(stack.base_url), register(stack.base_url)
    client = WsClient(stack.base_url, sender).connect().join()
    return client, receiver.user_id


def drain_processes(stack: Stack) -> list[str]:
    commands = [" ".join(process.cmdline()) for process in group_members(stack.workers[0].pid)]
    return [command for command in commands if "tasks.drain_process" in command]


def test_worker_that_never_reached_its_broker_stores_messages() -> None:
    with private_stack(env={"CELERY_BROKER_URL": f"amqp://127.0.0.1:{free_port()}//"}) as stack:
        client, receiver = pair(stack)
        acks = [client.send(f"{n}", receiverId=receiver) for n in range(5)]
        assert [ack["seq"] for ack in acks] == [1, 2, 3, 4, 5]
        assert len(drain_processes(stack)) == 1
        client.finish()
        worker = stack.workers[0].pid
        assert stack.stop()["worker.1"] == 0
        assert group_members(worker) == []


def test_broker_that_goes_and_comes_back(broker: EmbeddedValkey) -> None:
    env = {"CELERY_BROKER_URL": broker.url(), "DRAIN_LINGER_SECONDS": "0.2"}
    with private_stack(env=env) as stack:
        client, receiver = pair(stack)
        client.send("the broker is here", receiverId=receiver)
        assert OWN_DRAIN not in stack.workers[0].log()
        redis = Redis.from_url(stack.env["REDIS_URL"])
        wait_until(lambda: not redis.exists(keys.FIRST.lease), 30, "the end of the drain that a task started")
        broker.kill()
        client.send("it is away", receiverId=receiver)
        assert OWN_DRAIN in stack.workers[0].log()
        broker.start()
        wait_until(lambda: not drain_processes(stack), 30, "the end of the worker's own drain")
        assert client.send("it is back", receiverId=receiver)["seq"] == 3
        redis.close()
        client.finish()


def test_drain_ends_if_its_worker_is_killed(broker: EmbeddedValkey) -> None:
    broker.kill()
    with private_stack(env={"CELERY_BROKER_URL": broker.url()}) as stack:
        client, receiver = pair(stack)
        client.send("hello", receiverId=receiver)
        (process,) = [p for p in group_members(stack.workers[0].pid) if "tasks.drain_process" in p.cmdline()]
        stack.workers[0].process.kill()  # the parent only
        wait_until(lambda: not process.is_running(), 30, "the end of the drain")
        client.finish()
