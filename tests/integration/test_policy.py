"""The policy of a host, found by its entry point, decides about writing in a running deployment."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from dev.processes import wait_until
from tests.contract.expect import refused, uuid7
from tests.support.added_package import install
from tests.support.clients import HostClient, Refused, RestClient, WsClient
from tests.support.private_stack import private_stack
from tests.support.processes import Stack

KEY = "a key of the host's server, of 43 characters"
ENTRY_POINTS = "[parley.policy]\nrules = parley_rules:RULES\n"


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    directory = Path(tempfile.mkdtemp(prefix="parley-policy-"))
    env = {"PYTHONPATH": str(install(directory / "site", ENTRY_POINTS)), "SERVER_API_KEY": KEY.replace(" ", "-")}
    try:
        with private_stack(web=1, workers=1, env=env) as stack:
            yield stack
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def host(stack: Stack) -> Iterator[HostClient]:
    with closing(HostClient(stack.base_url, KEY.replace(" ", "-"))) as host:
        yield host


@pytest.fixture
def user(stack: Stack, host: HostClient) -> Iterator[Callable[[str], Any]]:
    """``user(name)`` returns a new user's client, with ``id``, ``account`` and ``external_id``."""
    with ExitStack() as closed:

        def make(name: str) -> Any:
            external_id, account = host.new_account(displayName=name)
            client: Any = closed.enter_context(closing(RestClient(stack.base_url, account.access_token)))
            client.account, client.external_id, client.id = account, external_id, account.user_id
            return client

        yield make


def refusal(code: str, act: Callable[[], Any]) -> Refused:
    with refused(code) as caught:
        act()
    return caught.value


def rename(client: RestClient, name: str) -> None:
    client.json("PATCH", "/me", json={"displayName": name})


def test_direct_conversation_is_refused_with_the_reason(user: Callable[[str], Any]) -> None:
    one, two, staff = user("Guest One"), user("Guest Two"), user("Staff")
    reason = f"Guest {one.external_id} cannot write to guest {two.external_id}."
    for act in (lambda: one.direct(two.id), lambda: one.send(receiver_id=two.id)):
        error = refusal("forbidden", act)
        assert error.status == 403
        assert error.data["detail"] == reason
    assert two.conversations()["conversations"] == []
    conversation = one.direct(staff.id)["id"]
    # The policy is not called for notes to oneself or for conversations that exist.
    assert one.direct(one.id)["id"]
    rename(staff, "Guest Staff")
    assert one.direct(staff.id)["id"] == conversation
    assert one.send(receiver_id=staff.id)["conversationId"] == conversation


def ws_send(client: WsClient, conversation_id: int, message: str = "hello") -> Any:
    data = {"id": str(uuid.uuid4()), "conversationId": conversation_id, "message": message}
    return client.command("send_message", data).data


def test_policy_is_called_for_every_message(stack: Stack, user: Callable[[str], Any], host: HostClient) -> None:
    ann, ben = user("Ann"), user("Ben")
    conversation = ann.direct(ben.id)["id"]
    sent = ann.send(conversation_id=conversation, message="allowed", id=uuid7())
    with closing(WsClient(stack.base_url, ann.account).join()) as session:
        assert ws_send(session, conversation)["status"] == "stored"
        rename(ann, "Muted Ann")
        refusal("forbidden", lambda: ws_send(session, conversation))
        event = {"conversationId": conversation, "type": "wave", "data": {}}
        refusal("forbidden", lambda: session.command("send_event", event))
    refusal("forbidden", lambda: ann.send(conversation_id=conversation))
    refusal("forbidden", lambda: ann.json("PATCH", f"/messages/{sent['id']}", json={"message": "changed"}))
    refusal("forbidden", lambda: ann.json("POST", f"/conversations/{conversation}/events", json={"type": "wave"}))
    texts = [message["message"] for message in ben.history(conversation)["messages"]]
    assert texts == ["allowed", "hello"]
    # A repeated send of a stored message gets its ack. The policy does not apply to the host's server.
    assert ann.send(conversation_id=conversation, id=sent["id"])["seq"] == sent["seq"]
    assert ann.direct(ann.id)["id"]
    ann.send(conversation_id=ann.direct(ann.id)["id"])
    by_host = {"recipient": ben.external_id, "sender": ann.external_id, "message": "by the host"}
    assert host.answer("POST", "/messages", json=by_host)["status"] == "stored"
    rename(ann, "Ann")
    ann.send(conversation_id=conversation, message="again")


def test_stream_goes_on_only_while_the_policy_allows_it(stack: Stack, user: Callable[[str], Any]) -> None:
    """Each answer holds for some seconds. Texts that wait for one keep their order."""
    ann, ben = user("Ann"), user("Ben")
    stream = ann.json("POST", "/streams", json={"receiverId": ben.id})
    with closing(WsClient(stack.base_url, ann.account).join()) as session:
        refs = [
            session.command_nowait("append_stream", {"id": stream["id"], "from": n, "text": str(n)}) for n in range(10)
        ]
        for ref in refs:
            session.answer(ref)
        assert ben.history(stream["conversationId"])["messages"][-1]["message"] == "0123456789"
        rename(ann, "Muted Ann")

        def is_refused() -> bool:
            try:
                session.command("append_stream", {"id": stream["id"], "from": 10, "text": ""})
            except Refused as error:
                return error.code == "forbidden"
            return False

        wait_until(is_refused, 30, "the policy")
        rename(ann, "Ann")
        wait_until(lambda: not is_refused(), 30, "the policy")


def test_policy_gets_the_other_person_and_strangers_learn_nothing(user: Callable[[str], Any]) -> None:
    ann, closed, muted = user("Ann"), user("Open"), user("Muted stranger")
    conversation = ann.direct(closed.id)["id"]
    ann.send(conversation_id=conversation)
    rename(closed, "Closed")
    error = refusal("forbidden", lambda: ann.send(conversation_id=conversation))
    assert error.data["detail"] == f"{closed.account.username} is closed (direct)."
    refusal("not_found", lambda: muted.send(conversation_id=conversation))
    refusal("not_found", lambda: muted.send(conversation_id=99_999_999))


@pytest.mark.parametrize("name", ["Broken", "Odd"])
def test_policy_that_fails_refuses_for_now(user: Callable[[str], Any], name: str) -> None:
    ann, ben = user("Ann"), user("Ben")
    conversation = ann.direct(ben.id)["id"]
    rename(ann, f"{name} Ann")
    error = refusal("overloaded", lambda: ann.send(conversation_id=conversation))
    assert error.status == 503
    assert "broken" not in str(error.data)
    assert ben.history(conversation)["messages"] == []
    rename(ann, "Ann")
    assert ann.send(conversation_id=conversation)["status"] == "stored"


def test_policy_is_called_for_adding_and_joining(user: Callable[[str], Any]) -> None:
    boss, lead, shy, guest = user("Boss"), user("Lead"), user("Shy One"), user("Guest")
    new = {"kind": "group", "name": "Team", "memberIds": [shy.id]}
    refusal("forbidden", lambda: lead.json("POST", "/conversations", json=new))
    assert shy.conversations()["conversations"] == []
    team = lead.json("POST", "/conversations", json={**new, "memberIds": [boss.id]})["id"]
    refusal("forbidden", lambda: lead.json("POST", f"/conversations/{team}/members", json={"userIds": [shy.id]}))
    lead.json("PATCH", f"/conversations/{team}/members/{boss.id}", json={"role": "admin"})
    boss.request("POST", f"/conversations/{team}/members", json={"userIds": [shy.id]})
    code = lead.json("POST", f"/conversations/{team}/invites", json={})["code"]
    refusal("forbidden", lambda: guest.json("POST", f"/invites/{code}"))
    rename(guest, "Not a guest")
    assert guest.json("POST", f"/invites/{code}")["id"] == team
