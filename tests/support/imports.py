"""Imports as tests send them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from dev.processes import wait_until
from tests.support.clients import HostClient

Line = dict[str, Any]
LONG_AGO = datetime(2019, 3, 1, tzinfo=UTC)


def new_id(what: str = "ext") -> str:
    return f"{what}-{uuid.uuid4().hex[:12]}"


def at(seconds: float) -> str:
    moment = LONG_AGO + timedelta(seconds=seconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def user(id_: str, **more: Any) -> Line:
    return {"type": "user", "externalId": id_, **more}


def group(id_: str, *members: str, **more: Any) -> Line:
    return {"type": "conversation", "externalId": id_, "kind": "group", "members": list(members), **more}


def message(conversation: Any, sender: str | None, text: str, seconds: float, **more: Any) -> Line:
    sent = {"type": "message", "conversation": conversation, "message": text, "sentAt": at(seconds), **more}
    return sent if sender is None else {**sent, "sender": sender}


def body_of(lines: Iterable[Line | bytes]) -> bytes:
    return b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)


def begin(host: HostClient, lines: Iterable[Line | bytes]) -> str:
    headers = {"Content-Type": "application/x-ndjson"}
    response = host.call("POST", "/imports", content=body_of(lines), headers=headers)
    assert response.status_code == 202
    return str(response.json()["importId"])


def ended(host: HostClient, import_id: str, *, seconds: float = 60) -> Line:
    def state() -> Line | None:
        found = host.answer("GET", f"/imports/{import_id}")
        return found if found["status"] in ("done", "failed") else None

    found = wait_until(state, seconds, "the end of the import")
    return dict(found)


def imported(host: HostClient, lines: Iterable[Line | bytes]) -> Line:
    found = ended(host, begin(host, lines))
    assert found["status"] == "done", found
    assert found["done"] == found["total"]
    return found


def history(client: Any, conversation_id: int) -> list[Line]:
    found: list[Line] = []
    while True:
        after = found[-1]["seq"] if found else 0
        page = client.json("GET", f"/conversations/{conversation_id}/messages?after={after}&limit=100")
        found += page["messages"]
        if not page["hasMore"]:
            return found
