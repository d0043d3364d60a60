"""Resync: the page reloads its content after missed events, and no message is missing or doubled."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Locator, Page, WebSocketRoute, expect

from tests.e2e.page.conftest import OpenWindow
from tests.e2e.page.gate import EVERYTHING, Gate
from tests.e2e.page.long_history import fill
from tests.e2e.page.people import People
from tests.e2e.page.window import Window
from tests.support.processes import Stack

BACK_MS = 45_000
SOCKET = re.compile(r"/ws(\?|$)")


def lose_cursors(page: Page) -> None:
    """Replaces the cursor of every reconnect with one that the server cannot resume from."""

    def meddle(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()

        def pass_on(frame: str | bytes) -> None:
            said = json.loads(frame)
            if said["event"] == "join" and said["data"].get("cursor"):
                said["data"]["cursor"] = "lost"
            server.send(json.dumps(said))

        socket.on_message(pass_on)

    page.route_web_socket(SOCKET, meddle)


class Deaf:
    """Drops all stream events while ``deaf``; ``resync`` then shows the page that it missed some."""

    def __init__(self, page: Page) -> None:
        self.deaf = False
        self._cursor = ""
        self._socket: WebSocketRoute | None = None
        page.route_web_socket(SOCKET, self._meddle)
        page.route("**/api/v1/events**", lambda route: route.abort())  # a slow machine must not fall back to SSE

    def _meddle(self, socket: WebSocketRoute) -> None:
        self._socket = socket
        socket.connect_to_server().on_message(self._forward)

    def _forward(self, frame: str | bytes) -> None:
        assert self._socket is not None
        said = json.loads(frame)
        self._cursor = said.get("cursor", self._cursor)
        if not (self.deaf and "cursor" in said):
            self._socket.send(frame)

    def arrives(self, message: dict[str, object]) -> None:
        """Sends the page a message that the server then lost."""
        assert self._socket is not None
        cursor = f"lost {message['id']}"  # the client drops an event whose cursor it has seen
        self._socket.send(json.dumps({"event": "receive_message", "data": message, "cursor": cursor}))

    def resync(self) -> None:
        assert self._socket is not None
        self.deaf = False
        self._socket.send(json.dumps({"event": "resync", "data": {"cursor": self._cursor}, "cursor": self._cursor}))


@contextmanager
def away(here: Window, gate: Gate) -> Iterator[None]:
    """Takes the window offline, and online again at the end."""
    gate.shut(EVERYTHING)
    here.context.set_offline(True)
    here.wait_offline()
    yield
    gate.open()
    here.context.set_offline(False)


def top_of(row: Locator) -> float:
    box = row.bounding_box()
    assert box is not None
    return box["y"]


def test_missed_changes_are_loaded_after_a_resync(window: OpenWindow, people: People, gate: Gate) -> None:
    ann, ben, conversation = people.pair()
    left = ben.group("Left behind", ann)
    said = [ben.say(conversation, text) for text in ("one", "two", "three", "four")]
    here = window(gate.url)
    lose_cursors(here.page)
    here.sign_in_demo(ann.username).open("Ben Baker")
    here.sees("four")
    expect(here.row("Left behind")).to_be_visible()
    with away(here, gate):
        here.send("typed meanwhile")
        here.wait_mark("typed meanwhile", "sending")
        ben.call("PATCH", f"/messages/{said[0]['id']}", json={"message": "one, edited"})
        ben.call("DELETE", f"/messages/{said[1]['id']}")
        ann.call("DELETE", f"/messages/{said[2]['id']}", params={"scope": "me"})
        ben.say(conversation, "said meanwhile")
        ben.call("DELETE", f"/conversations/{left}/members/{ann.id}")
        ben.say(ben.group("New here", ann), "welcome")
    expect(here.message("typed meanwhile").locator('[data-mark="stored"]')).to_be_attached(timeout=BACK_MS)
    shown = ["one, edited", "This message was deleted", "four", "said meanwhile", "typed meanwhile"]
    expect(here.page.locator(".message .text")).to_have_text(shown)
    expect(here.row("New here").locator(".badge")).to_have_text("2")  # and that the group was made
    expect(here.row("Left behind")).to_have_count(0)
    expect(here.row("Ben Baker").locator(".badge")).to_have_count(0)
    ben.say(conversation, "and on it goes")
    expect(here.page.locator(".message .text")).to_have_text([*shown, "and on it goes"])


def test_resync_during_a_session(window: OpenWindow, people: People) -> None:
    ann, ben, cyd = people.new("Ann Archer"), people.new("Ben Baker"), people.new("Cyd Cole")
    group = ann.group("Team", ben)
    first = ann.say(group, "first")
    here = window()
    wire = Deaf(here.page)
    here.sign_in_demo(ann.username).open("Team")
    here.page.get_by_label("Details", exact=True).click()
    expect(here.page.get_by_text("Members (2)")).to_be_visible()
    here.page.wait_for_load_state(
        "networkidle"
    )  # what the page loads at its start would bring the new messages as well
    wire.deaf = True
    for text in ("second", "third"):
        ben.say(group, text)
    ben.call("POST", f"/conversations/{group}/read", json={"seq": first["seq"]})
    ann.call("POST", f"/conversations/{group}/members", json={"userIds": [cyd.id]})
    ann.call("PUT", f"/messages/{first['id']}/pin")
    assert here.texts() == ["first"]
    wire.resync()
    expect(here.page.locator(".message .text")).to_have_text(["first", "second", "third"])
    expect(here.page.get_by_text("Members (3)")).to_be_visible()
    expect(here.page.get_by_label("Pinned messages").locator(".hit")).to_contain_text("first")
    here.wait_mark("first", "read")  # new members start with everything before them read
    cyd.say(group, "fourth")
    expect(here.page.locator(".message .text")).to_have_text(["first", "second", "third", "fourth"])


def test_message_that_the_server_lost_leaves_the_screen(window: OpenWindow, people: People) -> None:
    """Its receiver has seen it, and its sender never sent it again. Since then, another message got its seq."""
    ann, ben, conversation = people.pair()
    kept = ben.say(conversation, "kept")
    here = window()
    wire = Deaf(here.page)
    here.sign_in_demo(ann.username).open("Ben Baker")
    here.sees("kept")
    wire.deaf = True
    common = {name: kept[name] for name in ("conversationId", "sentAt")}
    for more, text in enumerate(("lost", "lost too"), 1):
        lost = {"id": str(uuid.uuid4()), "seq": kept["seq"] + more, "senderId": ben.id, "message": text}
        wire.arrives({**common, **lost, "kind": "text", "attachments": []})
    expect(here.page.locator(".message .text")).to_have_text(["kept", "lost", "lost too"])
    ben.say(conversation, "stored since")
    wire.resync()
    expect(here.page.locator(".message .text")).to_have_text(["kept", "stored since"])
    ben.say(conversation, "and on it goes")
    expect(here.page.locator(".message .text")).to_have_text(["kept", "stored since", "and on it goes"])


def test_resync_keeps_the_scroll_position(window: OpenWindow, people: People, server: Stack) -> None:
    ann, ben, conversation = people.pair()
    fill(server.env["DATABASE_URL"], conversation, ann.id, ben.id, 400)
    here = window()
    wire = Deaf(here.page)
    here.sign_in_demo(ann.username)
    here.page.goto(f"{here.base_url}/#/c/{conversation}/150")
    row = here.page.locator('.message[data-seq="150"]')
    expect(row).to_be_in_viewport()
    edited = next(said for said in ben.history(conversation, after=150) if said["senderId"] == ben.id)
    wire.deaf = True
    before = top_of(row)
    ben.call("PATCH", f"/messages/{edited['id']}", json={"message": "said otherwise"})
    ben.say(conversation, "at the end")
    wire.resync()
    here.sees("said otherwise")
    assert top_of(row) == pytest.approx(before, abs=1)  # a fraction of a pixel is rounding
    expect(here.row("Ben Baker").locator(".badge")).to_have_text("1")
    here.page.get_by_label("Jump to the newest messages").click()
    expect(here.sees("at the end")).to_be_in_viewport()
