"""A worker is killed in the middle of an import, and another one continues it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from dev.processes import wait_until
from tests.support.clients import HostClient, RestClient, WsClient
from tests.support.imports import Line, at, begin, ended, group, history, imported, message, new_id, user
from tests.support.private_stack import private_stack
from tests.support.processes import Stack

KEY = "the-key-of-a-host-for-the-tests-of-imports-and-faults"
ROOMS, EACH = 8, 2500


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with private_stack(web=1, workers=1, env={"SERVER_API_KEY": KEY}) as started:
        yield started


@pytest.fixture
def host(stack: Stack) -> Iterator[HostClient]:
    client = HostClient(stack.base_url, KEY)
    yield client
    client.close()


def kill_once(stack: Stack, host: HostClient, import_id: str, status: str, beyond: int) -> None:
    """Kills the worker when the import has this status and more than ``beyond`` lines are written."""

    def reached() -> bool:
        view = host.answer("GET", f"/imports/{import_id}")
        assert view["status"] != "done", "the import ended before the worker was killed"
        return bool(view["status"] == status and view["done"] > beyond)

    wait_until(reached, 60, f"{status} beyond {beyond}", every=0.01)
    stack.kill_worker(0)
    stack.start_worker(0)


def test_killed_worker_changes_nothing_about_what_is_imported(stack: Stack, host: HostClient) -> None:
    ann, ben = new_id("ann"), new_id("ben")
    rooms = [new_id("room") for _ in range(ROOMS)]
    lines: list[Line] = [user(ann), user(ben), *(group(room, ann, ben) for room in rooms)]
    ids = {(room, n): str(uuid.uuid4()) for n in range(EACH) for room in rooms}
    lines += [message(room, ann, f"{n}", n, id=ids[room, n]) for n in range(EACH) for room in rooms]
    import_id = begin(host, lines)
    kill_once(stack, host, import_id, "checking", -1)
    kill_once(stack, host, import_id, "running", EACH)
    view = ended(host, import_id, seconds=180)
    assert (view["status"], view["done"]) == ("done", len(lines))
    reader = RestClient(stack.base_url, host.sign_in(ben).access_token)
    for room in rooms:
        shown = history(reader, host.answer("GET", f"/conversations/{room}")["id"])
        assert [(m["seq"], m["id"], m["sentAt"]) for m in shown] == [(n + 1, ids[room, n], at(n)) for n in range(EACH)]
    reader.close()


def test_killed_worker_repeats_nothing_in_a_conversation_in_use(stack: Stack, host: HostClient) -> None:
    (ann, account), room = host.new_account(), new_id("room")
    made = host.answer("PUT", f"/conversations/{room}", json={"kind": "group", "members": [ann]})
    lines = [message(room, ann, f"old {n}", n) for n in range(3000)]
    client = WsClient(stack.base_url, account)
    client.join()
    import_id = begin(host, lines)
    kill_once(stack, host, import_id, "running", 400)
    for n in range(20):
        client.send_nowait(f"live {n}", conversation_id=made["id"], id=str(uuid.uuid4()))
    assert ended(host, import_id, seconds=180)["status"] == "done"
    last = client.send("the last", conversation_id=made["id"])
    reader = RestClient(stack.base_url, account.access_token)
    shown = history(reader, made["id"])
    assert [m["seq"] for m in shown] == list(range(1, last["seq"] + 1))
    assert [m["message"] for m in shown if m.get("imported")] == [f"old {n}" for n in range(3000)]
    assert [m["message"] for m in shown if m["message"].startswith("live")] == [f"live {n}" for n in range(20)]
    imported(host, lines[:100])
    assert history(reader, made["id"]) == shown
    client.finish()
    reader.close()
