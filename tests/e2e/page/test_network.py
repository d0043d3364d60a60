"""Network failures in the page: no message is lost or doubled, and nobody has to reload."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.e2e.page.conftest import OpenWindow
from tests.e2e.page.gate import EVENT_STREAM, EVERYTHING, WEBSOCKET, Gate
from tests.e2e.page.people import PASSWORD, People
from tests.support.processes import Stack

BACK_MS = 45_000


def test_messages_written_offline_are_sent_once_in_order(window: OpenWindow, people: People, gate: Gate) -> None:
    ann, ben, conversation = people.pair()
    ben.say(conversation, "before the cut")
    here = window(gate.url).sign_in_demo(ann.username).open("Ben Baker")
    here.sees("before the cut")
    gate.shut(EVERYTHING)
    here.context.set_offline(True)
    here.wait_offline()
    for text in ("first", "second", "third"):
        here.send(text)
        here.wait_mark(text, "sending")
    ben.say(conversation, "said meanwhile")
    gate.open()
    here.context.set_offline(False)
    for text in ("first", "second", "third"):
        expect(here.message(text).locator('[data-mark="stored"]')).to_be_attached(timeout=BACK_MS)
    here.sees("said meanwhile")
    said = [message["message"] for message in ben.history(conversation)]
    assert said == ["before the cut", "said meanwhile", "first", "second", "third"]
    expect(here.page.locator(".message .text")).to_have_text(said)


# Records the state that the page shows right after the browser has reported that it is offline, or online again.
WATCH_NETWORK = """for (const name of ["offline", "online"]) addEventListener(name, () => setTimeout(() => {
    const line = document.querySelector(".connection");
    window[`after_${name}`] = [line.dataset.status, line.textContent];
}))"""
SEEN = """(name) => new Promise((done) => {
    const look = () => window[`after_${name}`] ? done(window[`after_${name}`]) : setTimeout(look, 20);
    look();
})"""


def test_page_notices_at_once_that_the_network_is_gone_and_back(window: OpenWindow, people: People) -> None:
    ann, ben, conversation = people.pair()
    here = window().sign_in_demo(ann.username).open("Ben Baker")
    here.page.evaluate(WATCH_NETWORK)
    here.context.set_offline(True)
    shown = "No connection. Your messages will be sent when you're back online."
    assert here.page.evaluate(SEEN, "offline") == ["offline", shown]
    ben.say(conversation, "said meanwhile")
    here.context.set_offline(False)
    assert here.page.evaluate(SEEN, "online")[0] in ("connecting", "online")
    here.sees("said meanwhile")
    expect(here.page.locator(".connection")).to_be_empty()


@pytest.mark.parametrize(
    ("blocked", "transport"),
    [((WEBSOCKET,), "sse"), ((WEBSOCKET, EVENT_STREAM), "long-poll")],
    ids=["sse", "long-poll"],
)
def test_blocked_transport_falls_back_to_the_next(
    window: OpenWindow, people: People, gate: Gate, blocked: tuple[bytes, ...], transport: str
) -> None:
    ann, ben, conversation = people.pair()
    gate.shut(*blocked)
    here = window(gate.url)
    here.page.goto(here.base_url)
    here.page.get_by_label("Username").fill(ann.username)
    here.page.get_by_label("Password").fill(PASSWORD)
    here.page.get_by_role("button", name="Sign in").click()
    expect(here.page.locator(f'.connection[data-status="online"][data-transport="{transport}"]')).to_be_attached(
        timeout=BACK_MS
    )
    here.open("Ben Baker")
    ben.say(conversation, f"by {transport}")
    here.sees(f"by {transport}")
    here.send("and back")
    here.wait_mark("and back", "stored")
    assert ben.history(conversation)[-1]["message"] == "and back"


def test_websocket_is_the_first_choice(window: OpenWindow, people: People) -> None:
    ann, _, _ = people.pair()
    window().sign_in_demo(ann.username).wait_online("websocket")


def test_reload_during_a_send_sends_once(window: OpenWindow, people: People, gate: Gate) -> None:
    ann, ben, conversation = people.pair()
    here = window(gate.url).sign_in_demo(ann.username).open("Ben Baker")
    gate.shut(b"POST /api/v1/messages", WEBSOCKET)
    here.send("typed before the reload")
    here.wait_mark("typed before the reload", "sending")
    gate.open()
    here.page.reload()
    here.wait_online()
    here.wait_mark("typed before the reload", "stored")
    assert here.texts() == ["typed before the reload"]
    assert [message["message"] for message in ben.history(conversation)] == ["typed before the reload"]


def test_two_tabs_show_the_same_messages(window: OpenWindow, people: People) -> None:
    ann, ben, conversation = people.pair()
    here = window().sign_in(ann.username, PASSWORD).open("Ben Baker")
    other = here.new_page()
    other.goto(here.page.url)
    here.wait_online(page=other)
    here.send("from the first tab")
    expect(other.locator(".message .text")).to_have_text(["from the first tab"])
    field = other.locator(".composer textarea")
    field.fill("from the second tab")
    field.press("Enter")
    ben.say(conversation, "from the other side")
    said = ["from the first tab", "from the second tab", "from the other side"]
    for tab in (here.page, other):
        expect(tab.locator(".message .text")).to_have_count(3)
        assert sorted(here.texts(tab)) == sorted(said)
    assert here.texts(here.page) == here.texts(other) == [m["message"] for m in ben.history(conversation)]
    here.page.close()  # the other tab continues, whichever held the connection
    ben.say(conversation, "still there?")
    expect(other.locator(".message .text").last).to_have_text("still there?")


def test_open_pages_survive_a_server_crash(window: OpenWindow, people: People, server: Stack) -> None:
    ann, ben, conversation = people.pair()
    here = window().sign_in_demo(ann.username).open("Ben Baker")
    there = window().sign_in_demo(ben.username).open("Ann Archer")
    here.send("1 before")
    there.sees("1 before")
    server.kill_web(0)
    here.wait_offline()
    for text in ("2 into the dark", "3 into the dark"):
        here.send(text)
    there.send("4 from the other side")
    server.start_web(0)
    for screen, texts in ((here, ["2 into the dark", "3 into the dark"]), (there, ["4 from the other side"])):
        for text in texts:
            expect(screen.message(text).locator('.mark:not([data-mark="sending"])')).to_be_attached(timeout=BACK_MS)
    here.send("5 after")
    there.sees("5 after")
    stored = [message["message"] for message in ben.history(conversation)]
    assert sorted(stored) == ["1 before", "2 into the dark", "3 into the dark", "4 from the other side", "5 after"]
    assert stored.index("2 into the dark") < stored.index("3 into the dark")
    for screen in (here, there):
        expect(screen.page.locator(".message .text")).to_have_text(stored)
