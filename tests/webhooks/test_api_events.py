"""Events of a running server arrive at a webhook, also if workers are killed or stop."""

from __future__ import annotations

import signal
from typing import Any

from dev.processes import wait_until
from tests.contract.conftest import MakeRest
from tests.support.clients import HostClient, WsClient
from tests.support.processes import Stack
from tests.support.webhook_receiver import WebhookReceiver
from tests.webhooks.conftest import arrives


def test_life_of_people_and_messages_arrives(
    host: HostClient, receiver: WebhookReceiver, hooked: int, rest: MakeRest
) -> None:
    zoe_id, zoe = host.new_account(displayName="Zoe")
    yan_id, yan = host.new_account(displayName="Yan")
    created = arrives(receiver, "user.created", externalId=zoe_id)["data"]
    assert (created["id"], created["displayName"]) == (zoe.user_id, "Zoe")
    rest(zoe).json("PATCH", "/me", json={"displayName": "Zoe Anew"})
    assert arrives(receiver, "user.updated", externalId=zoe_id)["data"]["displayName"] == "Zoe Anew"
    group = host.new_group(zoe_id, yan_id)
    made = arrives(receiver, "conversation.created", id=group["id"])["data"]
    assert (made["externalId"], made["name"], made["memberCount"]) == (group["externalId"], "Room", 2)
    assert {member["externalId"] for member in made["members"]} == {zoe_id, yan_id}
    sent = rest(zoe).send(conversation_id=group["id"], message="hello")
    message = arrives(receiver, "message.created", id=sent["id"])
    data = message["data"]
    assert (data["message"], data["seq"], data["sentAt"]) == ("hello", sent["seq"], sent["sentAt"])
    assert (data["senderExternalId"], data["conversationExternalId"]) == (zoe_id, group["externalId"])
    rest(zoe).json("PATCH", f"/messages/{sent['id']}", json={"message": "hello again"})
    assert arrives(receiver, "message.updated", id=sent["id"])["data"]["message"] == "hello again"
    rest(yan).request("PUT", f"/messages/{sent['id']}/reactions/👍")
    added = arrives(receiver, "reaction.added", id=sent["id"])["data"]
    assert (added["userId"], added["userExternalId"], added["emoji"]) == (yan.user_id, yan_id, "👍")
    rest(yan).request("DELETE", f"/messages/{sent['id']}/reactions/👍")
    arrives(receiver, "reaction.removed", id=sent["id"])
    rest(zoe).request("DELETE", f"/messages/{sent['id']}")
    assert "message" not in arrives(receiver, "message.deleted", id=sent["id"])["data"]
    of_message = [one["type"] for one in (r.event for r in receiver.arrived) if one["data"].get("id") == sent["id"]]
    types = "message.created", "message.updated", "reaction.added", "reaction.removed", "message.deleted"
    assert of_message == list(types)


def test_objects_carry_their_metadata(host: HostClient, receiver: WebhookReceiver, hooked: int, rest: MakeRest) -> None:
    zoe_id, zoe = host.new_account(metadata={"plan": "pro"})
    assert arrives(receiver, "user.created", externalId=zoe_id)["data"]["metadata"] == {"plan": "pro"}
    host.put_user(zoe_id, metadata={})
    assert "metadata" not in arrives(receiver, "user.updated", externalId=zoe_id)["data"]
    group = host.new_group(zoe_id)
    assert "metadata" not in arrives(receiver, "conversation.created", id=group["id"])["data"]
    host.call("PATCH", f"/conversations/{group['externalId']}", json={"metadata": {"order": 7}})
    assert arrives(receiver, "conversation.updated", id=group["id"])["data"]["metadata"] == {"order": 7}
    sent = rest(zoe).send(conversation_id=group["id"], message="hello", metadata={"n": 1})
    assert arrives(receiver, "message.created", id=sent["id"])["data"]["metadata"] == {"n": 1}
    rest(zoe).json("PATCH", f"/messages/{sent['id']}", json={"message": "hello again"})
    assert arrives(receiver, "message.updated", id=sent["id"])["data"]["metadata"] == {"n": 1}


def test_events_that_only_a_shadowed_user_sees_are_marked(
    host: HostClient, receiver: WebhookReceiver, hooked: int, rest: MakeRest
) -> None:
    zoe_id, zoe = host.new_account()
    group = host.new_group(zoe_id)
    seen = rest(zoe).send(conversation_id=group["id"], message="seen")["id"]
    assert "shadow" not in arrives(receiver, "message.created", id=seen)["data"]
    host.call("PUT", f"/users/{zoe_id}/suspension", json={"shadow": True})
    spam = rest(zoe).send(conversation_id=group["id"], message="spam")["id"]
    assert arrives(receiver, "message.created", id=spam)["data"]["shadow"] is True
    rest(zoe).edit(seen, "changed")
    changed = arrives(receiver, "message.updated", id=seen)["data"]
    assert (changed["message"], changed["shadow"]) == ("changed", True)
    rest(zoe).react(seen, "👍")
    assert arrives(receiver, "reaction.added", id=seen)["data"]["shadow"] is True
    host.call("DELETE", f"/users/{zoe_id}/suspension")
    rest(zoe).edit(spam, "more spam")
    assert arrives(receiver, "message.updated", id=spam)["data"]["shadow"] is True
    rest(zoe).edit(seen, "seen again")
    assert "shadow" not in arrives(receiver, "message.updated", id=seen, message="seen again")["data"]


def test_acts_of_the_host_name_no_user(host: HostClient, receiver: WebhookReceiver, hooked: int) -> None:
    zoe_id, _ = host.new_account()
    yan_id, yan = host.new_account()
    group = host.new_group(zoe_id)
    path = f"/conversations/{group['externalId']}"
    host.call("POST", f"{path}/members", json={"members": [yan_id]})
    host.call("DELETE", f"{path}/members/{yan_id}")
    for act in ("member.added", "member.removed"):
        assert arrives(receiver, act, userId=yan.user_id)["data"]["by"] is None
    sent = host.answer("POST", "/messages", json={"conversation": group["externalId"], "message": "hello"})
    host.call("DELETE", f"/messages/{sent['id']}")
    assert arrives(receiver, "message.deleted", id=sent["id"])["data"]["userId"] is None


def test_members_conversations_and_accounts_end(
    host: HostClient, receiver: WebhookReceiver, hooked: int, rest: MakeRest
) -> None:
    zoe_id, zoe = host.new_account()
    yan_id, yan = host.new_account()
    group = host.new_group(zoe_id)
    path = f"/conversations/{group['externalId']}"
    host.call("POST", f"{path}/members", json={"members": [yan_id]})
    assert (
        arrives(receiver, "member.added", userId=yan.user_id)["data"]["conversationExternalId"] == group["externalId"]
    )
    host.call("DELETE", f"{path}/members/{yan_id}")
    assert arrives(receiver, "member.removed", userId=yan.user_id)["data"]["userExternalId"] == yan_id
    host.call("PATCH", path, json={"name": "Hall"})
    assert arrives(receiver, "conversation.updated", id=group["id"])["data"]["name"] == "Hall"
    direct = rest(zoe).send(receiver_id=yan.user_id, message="hi")["conversationId"]
    kinds = arrives(receiver, "conversation.created", id=direct)["data"]
    assert (kinds["kind"], len(kinds["members"])) == ("direct", 2)
    report = rest(yan).json("GET", f"/conversations/{direct}/messages")["messages"][0]
    rest(yan).json("POST", f"/messages/{report['id']}/report", json={"reason": "spam"})
    reported = arrives(receiver, "report.created", messageId=report["id"])["data"]
    assert (reported["reason"], reported["conversationId"], reported["reporterExternalId"]) == ("spam", direct, yan_id)
    host.call("DELETE", path)
    assert arrives(receiver, "conversation.deleted", id=group["id"])["data"]["externalId"] == group["externalId"]
    host.call("DELETE", f"/users/{zoe_id}")
    assert arrives(receiver, "user.deleted", id=zoe.user_id)["data"]["externalId"] == zoe_id


def test_presence_arrives(server: Stack, host: HostClient, receiver: WebhookReceiver, hooked: int) -> None:
    zoe_id, zoe = host.new_account()

    def online() -> list[dict[str, Any]]:
        client = WsClient(server.base_url, zoe)
        client.join()
        client.finish()
        return receiver.of("user.online", userId=zoe.user_id)

    wait_until(online, 30, "user.online", every=1.0)
    assert receiver.of("user.online", userId=zoe.user_id)[0]["data"]["userExternalId"] == zoe_id
    assert "lastSeen" in arrives(receiver, "user.offline", userId=zoe.user_id)["data"]


def test_killed_workers_lose_nothing(
    server: Stack, host: HostClient, receiver: WebhookReceiver, hooked: int, rest: MakeRest
) -> None:
    """All workers die again and again while they deliver. Every message arrives, in order except for repetitions."""
    zoe_id, zoe = host.new_account()
    group = host.new_group(zoe_id)
    receiver.delay = 0.05
    sender = rest(zoe)
    sent = [sender.send(conversation_id=group["id"], message=f"m{n}")["id"] for n in range(20)]
    for _ in range(2):
        seen = len(receiver.arrived)
        wait_until(lambda seen=seen: len(receiver.arrived) > seen, 60, "a delivery")
        for worker in server.workers:
            worker.kill()
            worker.start()
        sent += [sender.send(conversation_id=group["id"], message=f"m{n}")["id"] for n in range(5)]
    everything = set(sent)

    def came() -> bool:
        return everything <= {event["data"]["id"] for event in receiver.of("message.created")}

    wait_until(came, 90, "every message")
    first_time = list(dict.fromkeys(event["data"]["id"] for event in receiver.of("message.created")))
    assert [id_ for id_ in first_time if id_ in everything] == sent
    by_message: dict[str, set[str]] = {}
    for one in receiver.attempts:
        if one.event["type"] == "message.created":
            by_message.setdefault(one.data["id"], set()).add(one.id)
    assert {len(ids) for ids in by_message.values()} == {1}, "a repetition has the same webhook-id"


def test_worker_that_stops_hands_over(server: Stack, host: HostClient, receiver: WebhookReceiver, hooked: int) -> None:
    receiver.delay = 0.2
    ids = [host.new_account()[0] for _ in range(8)]
    wait_until(lambda: receiver.arrived, 30, "a delivery")
    for worker in server.workers:
        worker.signal(signal.SIGTERM)
    for worker in server.workers:
        worker.wait(25)
        worker.start()
    for id_ in ids:
        arrives(receiver, "user.created", externalId=id_)
    created = [one.id for one in receiver.arrived if one.event["type"] == "user.created"]
    assert len(created) == len(set(created)), "nothing was under way when the process ended"
