"""Mute, archive and pin to the top: personal settings of a conversation that no other member sees."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.conftest import Connect, MakeGroup, MakeRest
from tests.contract.expect import refused
from tests.contract.expect_groups import about
from tests.support.clients import Account, RestClient

UNTIL = "2100-01-01T00:00:00.000Z"
SET: dict[str, tuple[Callable[[RestClient, int], Any], str, Any]] = {
    "mute": (lambda r, c: r.mute(c, UNTIL), "mutedUntil", UNTIL),
    "archive": (lambda r, c: r.archive(c), "archived", True),
    "pin": (lambda r, c: r.keep_on_top(c), "pinned", True),
}


@pytest.mark.parametrize("what", SET)
def test_setting_is_sent_only_to_ones_own_sessions(
    connect: Connect, rest: MakeRest, group: MakeGroup, ann: Account, ben: Account, transport: str, what: str
) -> None:
    act, name, value = SET[what]
    made = group(ann, ben)
    own, other, away = connect(transport, ben), connect(transport, ann), connect(transport, ben)
    away.kill()
    assert act(rest(ben), made)[name] == value
    away.reconnect()
    for client in (own, away):
        event = client.next_event("conversation_settings")
        assert (event.data["conversationId"], event.data[name]) == (made, value)
        assert event.cursor
    other.fence()
    assert about(other, made) == []
    assert rest(ben).conversation(made)[name] == value
    assert not rest(ann).conversation(made).get(name)
    assert rest(ann).conversation(made)["lastSeq"] == 1, "a setting makes no message"


def test_setting_can_be_undone(rest: MakeRest, group: MakeGroup, ann: Account) -> None:
    made = group(ann)
    for act, name, _ in SET.values():
        assert act(rest(ann), made)[name]
    rest(ann).mute(made, None)
    rest(ann).archive(made, False)
    now = rest(ann).keep_on_top(made, False)
    assert not any(now.get(name) for _, name, _ in SET.values())


def test_settings_are_independent(
    connect: Connect, rest: MakeRest, group: MakeGroup, ann: Account, transport: str
) -> None:
    made = group(ann)
    client = connect(transport, ann)
    for act, _, _ in SET.values():
        act(rest(ann), made)
    client.fence()
    shown: dict[str, Any] = {}
    for event in client.named("conversation_settings"):
        shown |= event.data
    assert (shown["mutedUntil"], shown["archived"], shown["pinned"]) == (UNTIL, True, True)
    now = rest(ann).conversation(made)
    assert (now["mutedUntil"], now["archived"], now["pinned"]) == (UNTIL, True, True)


def test_settings_apply_to_direct_conversations_too(rest: MakeRest, ann: Account, ben: Account) -> None:
    made = rest(ann).direct(ben.user_id)["id"]
    for act, name, value in SET.values():
        assert act(rest(ann), made)[name] == value


@pytest.mark.parametrize(
    ("path", "body"),
    [("mute", {"until": "tomorrow"}), ("mute", {"until": 5}), ("archive", {"archived": "yes"}), ("pin", {})],
)
def test_invalid_setting_is_refused(
    rest: MakeRest, group: MakeGroup, ann: Account, path: str, body: dict[str, Any]
) -> None:
    with refused("invalid"):
        rest(ann).request("PUT", f"/conversations/{group(ann)}/{path}", json=body)
