"""Both clients against a running server: conversations and their members."""

from __future__ import annotations

from typing import Any

import pytest
from parley_sdk import NotFound, ParleyServer

from tests.sdk.conftest import NewId, Use


@pytest.fixture
def people(parley: ParleyServer, new_id: NewId) -> list[str]:
    ids = [new_id("user") for _ in range(3)]
    parley.users.put_many([{"externalId": each} for each in ids])
    return ids


def members(conversation: Any) -> set[tuple[str, str]]:
    return {(member["externalId"], member["role"]) for member in conversation["members"]}


def test_groups_are_created_changed_and_deleted(use: Use, new_id: NewId, people: list[str]):
    ann, ben, cleo = people
    order = new_id("order")
    made = use(lambda s: s.conversations.put(order, name="Order", members=[ann, {"user": ben, "role": "owner"}]))
    assert (made["externalId"], made["name"], members(made)) == (order, "Order", {(ann, "member"), (ben, "owner")})
    changed = use(lambda s: s.conversations.change(order, name="Order 1", history="all", read_only=True))
    assert (changed["name"], changed["readOnly"]) == ("Order 1", True)
    tagged = use(lambda s: s.conversations.put(order, metadata={"order": 17}))
    assert (tagged["metadata"], tagged["name"]) == ({"order": 17}, "Order 1")
    assert members(use(lambda s: s.conversations.add_members(order, [cleo]))) > {(cleo, "member")}
    left = use(lambda s: s.conversations.remove_member(order, ann))
    assert members(left) == {(ben, "owner"), (cleo, "member")}
    assert members(use(lambda s: s.conversations.get(order))) == members(left)
    use(lambda s: s.conversations.delete(order))
    with pytest.raises(NotFound):
        use(lambda s: s.conversations.get(order))


def test_direct_conversations_have_an_id_of_the_host(use: Use, new_id: NewId, people: list[str]):
    chat = new_id("chat")
    made = use(lambda s: s.conversations.put(chat, kind="direct", members=people[:2]))
    assert (made["kind"], {external_id for external_id, _ in members(made)}) == ("direct", set(people[:2]))
