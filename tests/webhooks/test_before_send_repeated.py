"""A message that is sent again is acked, even if the hook before sending would refuse it now."""

from __future__ import annotations

import uuid

import pytest

from app.clock import now_ms
from app.core.ids import make_uuid7
from tests.contract.conftest import MakeRest
from tests.contract.expect import refused
from tests.contract.test_accepted import frozen
from tests.support.clients import Account, HostClient
from tests.support.hook_server import HookServer
from tests.support.processes import Stack
from tests.webhooks.test_before_send import allowing, hook, host, server

__all__ = ["allowing", "hook", "host", "server"]


@pytest.mark.parametrize("id_", [str(uuid.uuid4()), make_uuid7(now_ms())], ids=["v4", "v7"])
def test_repeated_message_is_acked_even_if_it_would_be_refused_now(
    hook: HookServer, rest: MakeRest, ann: Account, ben: Account, id_: str
) -> None:
    first = rest(ann).send(receiver_id=ben.user_id, message="hello", id=id_)
    hook.decide = lambda message: {"action": "reject"}
    again = rest(ann).send(conversation_id=first["conversationId"], message="hello", id=id_)
    assert again == first
    assert rest(ann).send(receiver_id=ben.user_id, message="hello", id=id_) == first
    with refused("rejected"):
        rest(ben).send(conversation_id=first["conversationId"], message="hello", id=id_)
    with refused("rejected"):
        rest(ann).send(receiver_id=ann.user_id, message="hello", id=id_)


def test_repeated_message_that_names_the_receiver_by_the_hosts_id_is_acked(
    host: HostClient, hook: HookServer, rest: MakeRest, ann: Account
) -> None:
    zoe_id, _ = host.new_account()
    message = {"receiverId": zoe_id, "message": "hello", "id": make_uuid7(now_ms())}
    first = rest(ann).json("POST", "/messages", json=message)
    hook.decide = lambda message: {"action": "reject"}
    assert rest(ann).json("POST", "/messages", json=message) == first


def test_repetition_of_a_message_that_is_not_stored_yet_waits_for_its_ack(
    server: Stack, hook: HookServer, rest: MakeRest, ann: Account, ben: Account
) -> None:
    conversation = rest(ann).send(receiver_id=ben.user_id)["conversationId"]
    id_ = make_uuid7(now_ms())
    with frozen(server):
        accepted = rest(ann).send(conversation_id=conversation, message="hello", id=id_)
        hook.decide = lambda message: {"action": "reject"}
        again = rest(ann).send(conversation_id=conversation, message="hello", id=id_)
        assert (accepted["status"], again["status"]) == ("accepted", "accepted")
    stored = rest(ann).send(conversation_id=conversation, message="hello", id=id_)
    assert (stored["status"], stored["id"]) == ("stored", id_)
