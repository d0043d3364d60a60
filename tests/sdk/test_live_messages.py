"""Both clients against a running server: messages, batches, history."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from parley_sdk import Conflict, Invalid, NotFound, ParleyServer
from parley_sdk.errors import api_error

from tests.sdk.conftest import NewId, Use
from tests.support.clients import RestClient
from tests.support.processes import Stack


@pytest.fixture
def people(parley: ParleyServer, new_id: NewId) -> list[str]:
    ids = [new_id("user") for _ in range(2)]
    parley.users.put_many([{"externalId": each} for each in ids])
    return ids


@pytest.fixture
def order(parley: ParleyServer, new_id: NewId, people: list[str]) -> str:
    external_id = new_id("order")
    parley.conversations.put(external_id, name="Order", members=people)
    return external_id


def texts(history: Any) -> list[str]:
    return [message["message"] for message in history["messages"] if "system" not in message]


def test_messages_are_sent_changed_read_and_deleted(use: Use, order: str, people: list[str]):
    chosen = str(uuid.uuid4())
    ack = use(lambda s: s.messages.send("Hello", conversation=order, sender=people[0], id=chosen, metadata={"a": 1}))
    assert (ack["id"], ack["status"]) == (chosen, "stored")
    again = use(lambda s: s.messages.send("Hello", conversation=order, sender=people[0], id=chosen))
    assert again["seq"] == ack["seq"]
    note = use(lambda s: s.messages.send("A note", conversation=order, silent=True))
    use(lambda s: s.messages.edit(chosen, message="Hello!", metadata=None, conversation=order))
    history = use(lambda s: s.conversations.messages(order, after=ack["seq"] - 1, limit=10))
    first, second = history["messages"]
    assert (first["message"], "metadata" in first) == ("Hello!", False)
    assert (second["id"], second["kind"], second["senderId"]) == (note["id"], "system", None)
    use(lambda s: s.messages.delete(chosen))
    (gone,) = use(lambda s: s.conversations.messages(order, before=note["seq"], limit=1))["messages"]
    assert gone["deletedAt"]


def test_a_recipient_gets_direct_messages(use: Use, server: Stack, parley: ParleyServer, people: list[str]):
    ann, ben = people
    sent = use(lambda s: s.messages.send("Hello", recipient=ben, sender=ann, kind="greeting"))
    token = parley.users.issue_tokens(ben)["accessToken"]
    rest = RestClient(server.base_url, token)
    (received,) = rest.fetch_unread()["messages"]
    rest.close()
    assert (received["id"], received["kind"]) == (sent["id"], "greeting")


def test_a_batch_has_a_result_for_each_message(use: Use, order: str, people: list[str]):
    chosen = str(uuid.uuid4())
    good = {"conversation": order, "sender": people[0], "message": "one", "id": chosen}
    batch = [good, {"conversation": "none", "message": "two"}, {"conversation": order, "message": 3}, good]
    first, second, third, fourth = use(lambda s: s.messages.send_many(batch))["results"]
    assert (first["id"], first["status"], fourth["seq"]) == (chosen, "stored", first["seq"])
    assert isinstance(api_error(second["status"], second), NotFound)
    assert isinstance(api_error(third["status"], third), Invalid)
    assert texts(use(lambda s: s.conversations.messages(order))).count("one") == 1


def test_an_id_of_another_sender_is_a_conflict(use: Use, order: str, people: list[str]):
    chosen = str(uuid.uuid4())
    use(lambda s: s.messages.send("mine", conversation=order, sender=people[0], id=chosen))
    with pytest.raises(Conflict):
        use(lambda s: s.messages.send("mine", conversation=order, sender=people[1], id=chosen))
