"""Webhooks are managed, and the feed is pulled, over the server API of a running server."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from dev.processes import wait_until
from tests.contract.expect import refused
from tests.support.clients import HostClient, register
from tests.support.processes import Stack
from tests.support.webhook_receiver import WebhookReceiver
from tests.webhooks.conftest import arrives, hook


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
