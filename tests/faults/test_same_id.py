"""The same id sent a hundred times at once on two nodes, then with another text."""

from __future__ import annotations

import random
import threading
from typing import Any

import psycopg
import pytest

from tests.faults.cluster import Cluster
from tests.support.clients import Refused, WsClient, register

pytestmark = pytest.mark.faults


def test_hundred_sends_of_one_id_are_one_message(cluster: Cluster, rng: random.Random) -> None:
    ann, ben = register(cluster.urls[0]), register(cluster.urls[1])
    clients = [WsClient(cluster.urls[i % 2], ann).join() for i in range(10)]
    watcher = WsClient(cluster.urls[0], ben).join()
    id_ = f"{rng.getrandbits(32):08x}-0000-4000-8000-{rng.getrandbits(48):012x}"
    acks: list[dict[str, Any]] = []
    try:
        threads = [threading.Thread(target=_send_ten, args=(c, ben.user_id, id_, acks)) for c in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert len(acks) == 100
        assert len({(a["conversationId"], a["seq"], a["sentAt"], a["status"]) for a in acks}) == 1
        altered = clients[0].send("altered", receiver_id=ben.user_id, id=id_)
        assert altered["seq"] == acks[0]["seq"]
        other = WsClient(cluster.urls[1], ben).join()
        clients.append(other)
        with pytest.raises(Refused) as caught:
            other.send("mine", conversation_id=acks[0]["conversationId"], id=id_)
        assert caught.value.code == "conflict"
        watcher.fence()
        assert [m["id"] for m in watcher.messages(acks[0]["conversationId"])] == [id_]
    finally:
        for client in [*clients, watcher]:
            client.finish()
    with psycopg.connect(cluster.database_url) as connection:
        rows = connection.execute("select seq, sender_id, body from messages where id = %s", (id_,)).fetchall()
    assert rows == [(1, ann.user_id, "once")]


def _send_ten(client: WsClient, to: int, id_: str, acks: list[dict[str, Any]]) -> None:
    refs = [client.send_nowait("once", receiver_id=to, id=id_) for _ in range(10)]
    acks.extend(client.answer(ref, 30).data for ref in refs)
