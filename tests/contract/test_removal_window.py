"""While the drain is in the middle of a batch with a removal and a later message, no way of reading or writing gives
the removed member anything of the later message."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, text

from tests.contract.conftest import ALL, Connect, MakeGroup, MakeRest
from tests.contract.expect import eventually, seqs
from tests.contract.expect_groups import about
from tests.support.clients import Account, RestClient
from tests.support.clients.rest import Refused
from tests.support.media_files import image_bytes

BLOCKED = text("""
    SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
    AND query LIKE '%UPDATE members SET left_seq%' AND query_start > :since
""")


@contextmanager
def membership_locked(stored: Engine, group: int, user: int) -> Iterator[Callable[[], None]]:
    """Stops the drain at the statement that removes the member. Yields a wait for the drain to be there, from now."""
    with stored.connect() as holder, stored.connect().execution_options(isolation_level="AUTOCOMMIT") as watcher:
        lock = text("SELECT 1 FROM members WHERE conversation_id = :c AND user_id = :u FOR UPDATE")
        holder.execute(lock, {"c": group, "u": user})

        def wait() -> None:
            since = watcher.execute(text("SELECT clock_timestamp()")).scalar_one()
            eventually(lambda: watcher.execute(BLOCKED, {"since": since}).scalar_one(), "a drain at the removal")

        yield wait
        holder.rollback()


def answer(client: RestClient, method: str, path: str, **options: Any) -> tuple[int, str]:
    try:
        response = client.request(method, path, **options)
    except Refused as refusal:
        return refusal.status or 0, str(refusal.data)
    return response.status_code, response.text


def answers(client: RestClient, group: int, after: str, media: str, outside: int) -> dict[str, tuple[int, str]]:
    """Makes every request that reads or uses the message after the removal by its id. Returns status and text of each
    answer.
    """
    place, here = f"/messages/{after}", {"conversationId": group}
    forward = {"id": str(uuid.uuid4()), "receiverId": outside, "message": "", "forward": {"id": after}}
    return {
        "history": answer(client, "GET", f"/conversations/{group}/messages"),
        "conversation": answer(client, "GET", f"/conversations/{group}"),
        "pins": answer(client, "GET", f"/conversations/{group}/pins"),
        "receipts": answer(client, "GET", f"{place}/receipts", params=here),
        "media": answer(client, "GET", f"/media/{media}/url"),
        "delivered": answer(client, "POST", f"/conversations/{group}/delivered", json={"seq": 9}),
        "read": answer(client, "POST", f"/conversations/{group}/read", json={"seq": 9}),
        "pin": answer(client, "PUT", f"{place}/pin", params=here),
        "star": answer(client, "PUT", f"{place}/star", params=here),
        "forward": answer(client, "POST", "/messages", json=forward),
    }


def lists(client: RestClient, group: int, needle: str) -> dict[str, Any]:
    """Returns the answers of all lists of messages. Search reads only Postgres, where
    neither the removal nor the later message is committed yet.
    """
    return {
        "unread": client.fetch_unread(),
        "search": client.json("GET", "/search", params={"q": needle}),
        "search there": answer(client, "GET", "/search", params={"q": needle, "conversationId": group}),
        "conversations": client.conversations(),
        "starred": client.json("GET", "/starred"),
    }


def pushed(stored: Engine, user: int, group: int) -> int:
    """Returns how many notifications were made for the user's devices about this group."""
    counted = text("SELECT count(*) FROM push_deliveries WHERE user_id = :u AND conversation_id = :c")
    with stored.connect() as conn:
        return int(conn.execute(counted, {"u": user, "c": group}).scalar_one())


def test_removed_member_gets_nothing_on_any_path_while_the_removal_is_being_stored(
    connect: Connect, rest: MakeRest, group: MakeGroup, stored: Engine, ann: Account, ben: Account, eve: Account
) -> None:
    made, needle = group(ann, ben, eve), f"word{uuid.uuid4().hex}"
    for account in (ben, eve):
        rest(account).json("POST", "/push/devices", json={"token": f"token-{uuid.uuid4().hex}", "platform": "android"})
    media = str(rest(ann).upload(made, image_bytes())["mediaId"])
    eventually(lambda: answer(rest(ann), "GET", f"/media/{media}/url")[0] == 200, "the medium to be ready")
    after = str(uuid.uuid4())
    away = [connect(transport, eve) for transport in ALL]
    for client in away:
        client.kill()
    seen: dict[str, str] = {}
    with ThreadPoolExecutor(2) as threads, membership_locked(stored, made, eve.user_id) as wait_for_drain:
        removal = threads.submit(rest(ann).remove, made, eve.user_id)
        wait_for_drain()
        message = {"message": needle, "id": after, "attachments": [{"mediaId": media}]}
        sent = threads.submit(rest(ann).send, conversation_id=made, **message)
        eventually(lambda: needle in str(rest(ben).history(made)), "the message in the log")
        wait_for_drain()  # now with the message in the same batch
        answered = answers(rest(eve), made, after, media, ben.user_id)
        seen = {name: str(listed) for name, listed in lists(rest(eve), made, needle).items()}
        resumed = [connect(client.transport, eve, client.cursor) for client in away]
        for client in resumed:
            client.fence()
    assert {name: status for name, (status, _) in answered.items() if status not in (403, 404)} == {}
    assert {name for name, (_, shown) in answered.items() if needle in shown} == set()
    assert {name for name, listed in seen.items() if needle in listed or after in listed} == set()
    for client in resumed:
        assert max(seqs(client, made), default=0) <= 2
        assert needle not in str([event.data for event in about(client, made)])
    removal.result()
    sent.result()
    eventually(
        lambda: needle in str(rest(ben).json("GET", "/search", params={"q": needle})), "the message in the store"
    )
    eventually(lambda: pushed(stored, ben.user_id, made), "a notification of a member who stayed")
    assert pushed(stored, eve.user_id, made) == 0
