"""The client in Chromium: tabs that share a connection and tokens, a reload while messages wait, the legacy client."""

from __future__ import annotations

import itertools
import re
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pyotp
import pytest
from playwright.sync_api import Browser

from app.web.assets import CLIENT
from dev.processes import wait_until
from tests.e2e.client.tab import PASSWORD, Tab
from tests.e2e.page.gate import Gate
from tests.support.clients import RestClient, register
from tests.support.patience import PATIENCE
from tests.support.processes import Stack

OpenTab = Callable[..., Tab]
README = CLIENT / "README.md"
_numbers = itertools.count(1)


@pytest.fixture
def open_tab(browser: Browser, server: Stack) -> Iterator[OpenTab]:
    """``open_tab("alice")``: tabs with the same name share a browser profile and its sign-in."""
    contexts = {}
    opened: list[Tab] = []

    def open_one(whose: str, base_url: str = server.base_url, **options: Any) -> Tab:
        if whose not in contexts:
            # The legacy client is a plain script, which the page's policy would block.
            contexts[whose] = browser.new_context(bypass_csp=whose == "old")
        opened.append(Tab(contexts[whose], base_url, **options))
        return opened[-1]

    yield open_one
    for context in contexts.values():
        context.close()
    assert [problem for tab in opened for problem in tab.problems] == []


def a_name() -> str:
    return f"tab-user-{next(_numbers)}"


def sessions(server: Stack) -> int:
    """Counts WebSocket sessions only: a long-poll session outlives its client, and even its test."""
    with urllib.request.urlopen(server.base_url + "/metrics") as answer:
        text = answer.read().decode()
    counts = re.findall(r'^parley_sessions\{.*transport="websocket".*\} (\S+)$', text, re.MULTILINE)
    return sum(int(float(count)) for count in counts)


def two_people(open_tab: OpenTab, alice_url: str, server: Stack) -> tuple[Tab, Tab, int]:
    """Returns two connected tabs and the direct conversation of their users."""
    alice, bob = open_tab("alice", alice_url), open_tab("bob")
    alice.register(a_name())
    bob_id = bob.register(a_name())
    alice.connect()
    bob.connect()
    wait_until(lambda: sessions(server) == 2, PATIENCE, "two sessions")
    return alice, bob, alice.run("async (id) => (await parley.openDirect(id)).id", bob_id)


def test_tabs_share_one_connection_and_another_takes_over(open_tab: OpenTab, server: Stack) -> None:
    first, bob, conversation = two_people(open_tab, server.base_url, server)
    second = open_tab("alice")
    second.connect()
    assert second.run("() => parley.state.transport") == "websocket"
    second.wait("parley.limits?.maxText === 8000")  # it had no `joined` event
    assert sessions(server) == 2

    bob.send(conversation, "to both")
    first.wait_text("to both")
    second.wait_text("to both")

    second.send(conversation, "from the second")
    bob.wait_text("from the second")
    first.wait("received.some((e) => e.name === 'message_status' && e.data.message.message === it)", "from the second")
    second.run("(id) => parley.typing({ conversationId: id })", conversation)
    bob.wait("received.some((e) => e.name === 'typing')")
    sent = "received.findLast((e) => e.name === 'message_status').data.id"
    second.run(f"async () => {{ await parley.edit({sent}, 'changed by the second'); }}")
    bob.wait("received.some((e) => e.name === 'message_updated' && e.data.message === 'changed by the second')")
    second.run("async (ids) => { await parley.watchPresence(ids); }", [bob.run("() => parley.me.id")])

    first.close()
    for number in range(5):
        bob.send(conversation, f"after {number}")
    second.wait_text("after 4")
    assert second.texts() == ["to both", *(f"after {number}" for number in range(5))]
    wait_until(lambda: sessions(server) == 2, PATIENCE, "the closed tab's session to end")
    second.send(conversation, "still here")
    bob.wait_text("still here")
    bob.run("() => parley.close()")
    # The new leader watches him.
    second.wait("received.some((e) => e.name === 'presence' && e.data.status === 'offline')")


def test_outbox_survives_a_reload(open_tab: OpenTab, server: Stack) -> None:
    with Gate(int(server.web[0].env["PORT"])) as gate:
        alice, bob, conversation = two_people(open_tab, gate.url, server)
        alice.send(conversation, "before")
        bob.wait_text("before")
        alice.wait_outbox_empty()
        gate.shut(b"GET /ws", b"GET /api", b"POST /api")
        for number in range(3):
            alice.send(conversation, f"offline {number}")
        alice.load()
        alice.run("() => { parley.connect(); }")
        assert len(alice.run("() => parley.outbox()")) == 3
        alice.send(conversation, "after the reload")
        gate.open()
        alice.run(
            "() => { dispatchEvent(new Event('online')); }"
        )  # as browsers do; without it the client retries later
        bob.wait_text("after the reload")
        alice.wait_outbox_empty()
    expected = ["before", "offline 0", "offline 1", "offline 2", "after the reload"]
    assert bob.texts() == expected
    history = bob.run("async (id) => (await parley.history(id)).messages.map((m) => m.message)", conversation)
    assert history == expected


def test_one_tab_renews_the_tokens_for_all(open_tab: OpenTab, server: Stack) -> None:
    tabs = [open_tab("alice")]
    tabs[0].register(a_name())
    tabs += [open_tab("alice"), open_tab("alice")]
    renewals: list[str] = []
    tabs[0].page.context.on(
        "request", lambda request: renewals.append(request.url) if request.url.endswith("/auth/refresh") else None
    )
    for tab in tabs:
        tab.connect()
    token = "JSON.parse(localStorage.getItem('parley:' + location.origin))?.accessToken"
    tabs[0].run(f"() => {{ window.seen = new Set([{token}]); setInterval(() => seen.add({token}), 20); }}")
    for number in (2, 3):
        tabs[0].wait("seen.size >= it", number)
        # All at once, right after the token was replaced.
        for tab in tabs:
            assert tab.run("async () => (await parley.request('GET', '/me')).id") == tab.run("() => parley.me.id")
    # The server ends the sign-in if a refresh token is used twice.
    wait_until(lambda: tabs[0].run("() => seen.size") == len(renewals) + 1, PATIENCE, "as many tokens as renewals")
    assert not any(tab.run("() => received.some((e) => e.name === 'signed_out')") for tab in tabs)

    tabs[1].run("() => parley.logout()")
    for tab in tabs:
        tab.wait("received.some((e) => e.name === 'signed_out')")


def test_example_of_the_readme_is_a_working_chat(browser: Browser, open_tab: OpenTab, server: Stack) -> None:
    bob, alice = open_tab("bob"), open_tab("alice")
    bob_id = bob.register(a_name())
    bob.connect()
    username = a_name()
    alice.register(username)
    snippet = README.read_text().split("```html\n")[1].split("```")[0]
    snippet = snippet.replace(
        'username: "alice", password: "parley-demo"', f'username: "{username}", password: "{PASSWORD}"'
    )
    snippet = snippet.replace("openDirect(2)", f"openDirect({bob_id})")
    page = browser.new_page()
    page.route("**/ten-lines", lambda route: route.fulfill(body=snippet, content_type="text/html"))
    page.goto(f"{server.base_url}/ten-lines")
    page.wait_for_function("document.querySelector('#form').onsubmit !== null")
    page.fill("#text", "from the ten lines")
    page.keyboard.press("Enter")
    bob.wait_text("from the ten lines")
    bob.run("(data) => { parley.send({ receiverId: data, message: 'and back' }); }", alice.run("() => parley.me.id"))
    page.wait_for_function("document.querySelector('#list').children.length === 2")
    assert page.locator("#list li").all_inner_texts()[1] == f"{bob_id}: and back"
    page.close()


# The calls of the legacy client as promises, which playwright can await.
OLD_BEGIN = """() => {
  window.chat = ParleyLegacy("");
  chat.on("receive_message", (data) => received.push({ name: "old", data }));
}"""
OLD_REGISTER = """([name, password]) => new Promise((done, fail) =>
  chat.register(name, password, (error, user) => error ? fail(error) : done(user.id)))"""
OLD_SEND = """(data) => new Promise((done, fail) =>
  chat.send(data, (error, ack) => error ? fail(error) : done(ack)))"""
OLD_READ = "(id) => new Promise((done) => chat.markRead(id, 2, done))"
OLD_SEQS = "() => received.filter((e) => e.name === 'old').map((e) => e.data.seq)"


def test_legacy_client_chats(open_tab: OpenTab, server: Stack) -> None:
    bob, old = open_tab("bob"), open_tab("old")
    bob_id = bob.register(a_name())
    bob.connect()
    old.page.add_script_tag(url=f"{server.base_url}/client/legacy.js")
    old.run(OLD_BEGIN)
    old_id = old.run(OLD_REGISTER, [a_name(), PASSWORD])
    old.run("() => chat.start()")
    ack = old.run(OLD_SEND, {"receiverId": bob_id, "message": "old to new"})
    assert ack["status"] == "stored"
    bob.wait_text("old to new")
    bob.send(ack["conversationId"], "new to old")
    old.wait("received.some((e) => e.name === 'old' && e.data.message === 'new to old')")
    # The next poll confirms the message.
    bob.wait("received.some((e) => e.name === 'message_delivered' && e.data.userId === it && e.data.seq === 2)", old_id)
    old.run(OLD_READ, ack["conversationId"])
    bob.wait("received.some((e) => e.name === 'message_read' && e.data.userId === it)", old_id)
    first_token = old.run("() => chat.tokens.accessToken")
    old.wait("chat.tokens.accessToken !== it", first_token)  # it expired, and a poll renewed it
    bob.send(ack["conversationId"], "with a new token")
    old.wait("received.some((e) => e.name === 'old' && e.data.message === 'with a new token')")
    assert old.run(OLD_SEQS) == [1, 2, 3]


OLD_LOGIN = """([name, password]) => new Promise((done) => chat.login(name, password, (error) => done(error)))"""
OLD_CODE = """([challenge, code]) => new Promise((done, fail) =>
  chat.loginWithCode(challenge, code, (error, user) => error ? fail(error) : done(user.id)))"""


def test_legacy_client_signs_in_with_a_code(open_tab: OpenTab, server: Stack) -> None:
    account = register(server.base_url)
    rest = RestClient(server.base_url, account.access_token)
    secret = rest.json("POST", "/auth/second-factor", json={"password": account.password})["secret"]
    confirmed = rest.json("POST", "/auth/second-factor/confirm", json={"code": pyotp.TOTP(secret).now()})
    rest.close()
    old = open_tab("old")
    old.page.add_script_tag(url=f"{server.base_url}/client/legacy.js")
    old.run(OLD_BEGIN)
    refused = old.run(OLD_LOGIN, [account.username, account.password])
    assert refused["code"] == "second_factor_required"
    assert old.run(OLD_CODE, [refused["challenge"], confirmed["recoveryCodes"][0]]) == account.user_id
