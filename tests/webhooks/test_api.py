"""Webhooks and the feed over the server API of a running server, with real workers."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from dev.processes import wait_until
from tests.contract.conftest import MakeRest
from tests.contract.expect import refused
from tests.support.clients import HostClient, WsClient, register
from tests.support.private_stack import private_stack
from tests.support.processes import Stack
from tests.support.webhook_receiver import WebhookReceiver

KEY = "the-key-of-a-host-for-the-tests-of-webhooks"


@pytest.fixture(scope="module")
def server() -> Iterator[Stack]:
    with private_stack(web=1, workers=2, env={"SERVER_API_KEY": KEY}) as stack:
        yield stack


@pytest.fixture
def host(server: Stack, opened: list[Any]) -> Iterator[HostClient]:
    client = HostClient(server.base_url, KEY)
    opened.append(client)
    yield client
    for webhook in client.answer("GET", "/webhooks")["webhooks"]:
        client.call("DELETE", f"/webhooks/{webhook['webhookId']}")


@pytest.fixture
def hooked(host: HostClient, receiver: WebhookReceiver) -> int:
    return hook(host, receiver)


def hook(host: HostClient, receiver: WebhookReceiver, path: str = "/hook", **more: Any) -> int:
    made = host.call("POST", "/webhooks", json={"url": receiver.url(path), **more})
    assert made.status_code == 201
    receiver.secrets[path] = made.json()["secret"]
    assert made.json()["secret"].startswith("whsec_")
    return int(made.json()["webhookId"])


def arrives(receiver: WebhookReceiver, type_: str, **data: Any) -> dict[str, Any]:
    return wait_until(lambda: receiver.of(type_, **data), 30, f"{type_} {data}")[0]


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


def test_types_and_changes_of_a_webhook(host: HostClient, receiver: WebhookReceiver) -> None:
    only = hook(host, receiver, "/only", types=["user.created", "user.created"], description="sign-ups")
    zoe_id, _ = host.new_account()
    arrives(receiver, "user.created", externalId=zoe_id)
    [view] = host.answer("GET", "/webhooks")["webhooks"]
    assert "secret" not in view
    assert (view["webhookId"], view["types"], view["state"]) == (only, ["user.created"], "on")
    off = host.answer("PATCH", f"/webhooks/{only}", json={"state": "off", "types": None, "description": "all"})
    assert (off["state"], off["description"]) == ("off", "all")
    assert "types" not in off
    yan_id, _ = host.new_account()
    host.new_group(yan_id)
    assert host.answer("PATCH", f"/webhooks/{only}", json={"state": "on"})["state"] == "on"
    arrives(receiver, "user.created", externalId=yan_id)
    assert arrives(receiver, "conversation.created", name="Room")
    deleted = host.call("DELETE", f"/webhooks/{only}")
    assert deleted.status_code == 204
    for method, path in (("PATCH", ""), ("DELETE", ""), ("GET", "/deliveries")):
        with refused("not_found"):
            host.call(method, f"/webhooks/{only}{path}", **({"json": {}} if method == "PATCH" else {}))


def test_deliveries_are_listed_and_replayed(host: HostClient, receiver: WebhookReceiver) -> None:
    # Events of one type: users of earlier tests may still go offline and cause others.
    path = f"/webhooks/{hook(host, receiver, types=['user.created'])}"
    ids = [host.new_account()[0] for _ in range(3)]
    events = [arrives(receiver, "user.created", externalId=id_) for id_ in ids]

    def delivered() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = host.answer("GET", f"{path}/deliveries", params={"state": "delivered"})[
            "deliveries"
        ]
        return found if len(found) >= 3 else []

    listed = wait_until(delivered, 30, "the outcomes")
    assert [one["id"] for one in listed][:3] == [event["id"] for event in reversed(events)]
    assert {(one["type"], one["attempts"], one["status"]) for one in listed[:3]} == {("user.created", 1, 204)}
    first = host.answer("GET", f"{path}/deliveries", params={"limit": 2})
    rest_ = host.answer("GET", f"{path}/deliveries", params={"limit": 2, "cursor": first["cursor"]})
    assert [one["id"] for one in first["deliveries"] + rest_["deliveries"]][:3] == [one["id"] for one in listed][:3]
    assert host.answer("GET", f"{path}/deliveries", params={"state": "failed"})["deliveries"] == []
    again = host.call("POST", f"{path}/replay", json={"after": events[0]["id"]})
    assert (again.status_code, again.json()) == (202, {"status": "accepted"})
    for event in events[1:]:
        wait_until(lambda id_=event["id"]: [one.id for one in receiver.arrived].count(id_) == 2, 30, "the replay")
    assert [one.id for one in receiver.arrived].count(events[0]["id"]) == 1


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


def test_feed_is_pulled_in_order_from_a_cursor(host: HostClient) -> None:
    start = host.answer("GET", "/events", params={"limit": 1000})
    while start["events"]:
        start = host.answer("GET", "/events", params={"limit": 1000, "cursor": start["cursor"]})
    zoe_id, _ = host.new_account()
    yan_id, _ = host.new_account()
    page = host.answer("GET", "/events", params={"cursor": start["cursor"], "types": "user.created,user.deleted"})
    assert [event["data"]["externalId"] for event in page["events"]] == [zoe_id, yan_id]
    assert set(page["events"][0]) == {"id", "type", "createdAt", "data"}
    assert "lost" not in page
    one = host.answer("GET", "/events", params={"cursor": start["cursor"], "types": "user.created", "limit": 1})
    two = host.answer("GET", "/events", params={"cursor": one["cursor"], "types": "user.created", "limit": 1})
    assert [event["data"]["externalId"] for event in one["events"] + two["events"]] == [zoe_id, yan_id]
    again = host.answer("GET", "/events", params={"cursor": start["cursor"], "types": "user.created"})
    assert again["events"] == page["events"]


def test_pull_waits_for_the_next_event(server: Stack, host: HostClient) -> None:
    cursor = host.answer("GET", "/events", params={"limit": 1000})["cursor"]
    while (page := host.answer("GET", "/events", params={"limit": 1000, "cursor": cursor}))["events"]:
        cursor = page["cursor"]
    began = time.monotonic()
    empty = host.answer("GET", "/events", params={"cursor": cursor, "wait": 1, "types": "media.ready"})
    assert empty["events"] == []
    assert time.monotonic() - began >= 1
    wanted = {"cursor": cursor, "wait": 25, "types": "user.created"}
    with ThreadPoolExecutor(1) as pool:
        pulled = pool.submit(host.answer, "GET", "/events", params=wanted)
        account = register(server.base_url)
        found = pulled.result()
    assert found["events"][-1]["data"]["id"] == account.user_id
    assert time.monotonic() - began < 20


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "url"),
        ({"url": "ftp://x.example/"}, "url"),
        ({"url": "http://x.example/"}, "url"),
        ({"url": "https://user:pass@x.example/"}, "url"),
        ({"url": "https://x.example/#part"}, "url"),
        ({"url": "https:///path"}, "url"),
        ({"url": "https://169.254.169.254/latest"}, "url"),
        ({"url": "https://10.0.0.1/"}, "url"),
        ({"url": "https://[64:ff9b::a00:1]/"}, "url"),
        ({"url": "https://[fe80::1%25eth0]/"}, "url"),
        ({"url": "https://0xa9fea9fe/"}, "url"),
        ({"url": "https://2852039166/"}, "url"),
        ({"url": "https://127.2/"}, "url"),
        ({"url": "https://x.example:99999/"}, "url"),
        ({"url": "https://x.example/a b"}, "url"),
        ({"url": "https://x.example/" + "a" * 2000}, "url"),
        ({"url": "https://x.example/", "types": ["message.made"]}, "types"),
        ({"url": "https://x.example/", "types": []}, "types"),
        ({"url": "https://x.example/", "types": "message.created"}, "types"),
        ({"url": "https://x.example/", "description": "a" * 501}, "description"),
    ],
)
def test_bad_webhook_is_invalid(host: HostClient, body: dict[str, Any], field: str) -> None:
    with refused("invalid") as error:
        host.call("POST", "/webhooks", json=body)
    assert field in str(error.value.data["errors"])


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("/events", {"cursor": "evt_"}),
        ("/events", {"cursor": "evt_1x"}),
        ("/events", {"cursor": "evt_" + "9" * 19}),
        ("/events", {"cursor": "7"}),
        ("/events", {"wait": "26"}),
        ("/events", {"wait": "-1"}),
        ("/events", {"wait": "soon"}),
        ("/events", {"limit": "0"}),
        ("/events", {"limit": "1001"}),
        ("/events", {"types": "message.made"}),
        ("/events", {"types": ""}),
        ("/webhooks/{id}/deliveries", {"state": "late"}),
        ("/webhooks/{id}/deliveries", {"cursor": "x"}),
        ("/webhooks/{id}/deliveries", {"limit": "201"}),
    ],
)
def test_bad_query_is_invalid(host: HostClient, hooked: int, path: str, params: dict[str, str]) -> None:
    with refused("invalid"):
        host.call("GET", path.format(id=hooked), params=params)


def test_bad_replay_and_unknown_webhooks_are_refused(host: HostClient, hooked: int) -> None:
    for after in ("", "1", "evt_-1", 7, None):
        with refused("invalid"):
            host.call("POST", f"/webhooks/{hooked}/replay", json={"after": after})
    for id_ in ("999999", "99999999999999999999"):
        with refused("not_found"):
            host.call("POST", f"/webhooks/{id_}/replay", json={"after": "evt_1"})
    with refused("not_found"):
        host.call("DELETE", "/webhooks/none")
    with refused("invalid"):
        host.call("PATCH", f"/webhooks/{hooked}", json={"state": "paused"})


def test_a_user_and_a_key_without_the_scope_get_nothing(server: Stack, host: HostClient, opened: list[Any]) -> None:
    person = HostClient(server.base_url, register(server.base_url).access_token)
    nobody = HostClient(server.base_url, None)
    opened += [person, nobody]
    for client in (person, nobody):
        for method, path in (("GET", "/webhooks"), ("GET", "/events"), ("POST", "/webhooks")):
            with refused("unauthorized"):
                client.call(method, path, **({"json": {"url": "https://x.example/"}} if method == "POST" else {}))


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
