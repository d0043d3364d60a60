"""The React hooks, in an application of a host with React from npm."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.contract.expect import eventually
from tests.e2e.page.people import Somebody
from tests.e2e.widget.conftest import OpenPage, Sites
from tests.e2e.widget.host import LONG, HostServer
from tests.e2e.widget.react import IMPORT_MAP, react_scripts

APPLICATION = """
import { createElement as e, StrictMode, useState } from "react";
import { createRoot } from "react-dom/client";
import { Parley } from "SERVER/client/parley.js";
import { Store } from "SERVER/client/state/store.js";
import * as hooks from "SERVER/client/react/index.js";

window.draws = { List: 0, Chat: 0 };

function List({ open }) {
  window.draws.List += 1;
  const { conversations, ready } = hooks.useConversations();
  const unread = hooks.useUnread();
  const { status } = hooks.useConnection();
  return e("nav", { "data-status": status, "data-ready": String(ready) },
    e("output", null, `${unread} unread`),
    conversations.map((one) =>
      e("button", { key: one.id, onClick: () => open(one.id) }, e(Name, { conversation: one }))));
}

function Name({ conversation }) {
  const me = hooks.useStore().me.id;
  const other = conversation.members?.find((one) => one.userId !== me)?.userId ?? me;
  const user = hooks.useUser(other);
  const [online] = hooks.usePresence([other]);
  return `${conversation.name ?? user.displayName}${online ? " (online)" : ""}`;
}

function Chat({ id }) {
  window.draws.Chat += 1;
  const conversation = hooks.useConversation(id);
  const { messages, ready, hasEarlier, loadEarlier, send, markRead } = hooks.useMessages(id);
  const typing = hooks.useTyping(id);
  const [draft, setDraft] = hooks.useDraft(id);
  const submit = (event) => (event.preventDefault(), send(draft), setDraft(""));
  return e("section", { "data-ready": String(ready) },
    e("h1", null, conversation ? e(Name, { conversation }) : "…"), typing.length ? e("p", null, "typing") : null,
    hasEarlier ? e("button", { onClick: loadEarlier }, "Earlier") : null,
    e("button", { onClick: markRead }, "Read"),
    e("ol", null, messages.map((one) => e("li", { key: one.id, "data-status": one.status ?? "" }, one.message))),
    e("form", { onSubmit: submit },
      e("input", { "aria-label": "Message", value: draft, onChange: (event) => setDraft(event.target.value) })));
}

function App() {
  const [id, open] = useState(null);
  return e("div", null, e(List, { open }), id ? e(Chat, { key: id, id }) : null);
}

const client = new Parley({ url: "SERVER" });
await client.useTokens({ accessToken: "TOKEN" });
const store = new Store(client);
window.store = store;
const unread = new Promise((resolve) => client.on("unread_messages", resolve));
window.settled = Promise.all([store.begin(), unread]).then(() => new Promise(requestAnimationFrame));
createRoot(document.getElementById("root")).render(e(StrictMode, null, e(hooks.ParleyProvider, { store }, e(App))));
"""


@pytest.fixture
def open_app(open_page: OpenPage, host: HostServer, sites: Sites):
    """``open_app(person)`` opens the application. Warnings of React fail the test."""
    said: list[str] = []
    sites.shop.scripts |= react_scripts()

    def open_app(person: Somebody) -> Page:
        token = host.token(person.username, expiresIn=LONG)
        sites.shop.scripts["/app.js"] = APPLICATION.replace("SERVER", sites.stack.base_url).replace("TOKEN", token)
        script = f'<script type="importmap">{IMPORT_MAP}</script><script type="module" src="/app.js"></script>'
        page = open_page('<div id="root"></div>', script=script, strict=False)
        page.on("console", lambda line: said.append(line.text) if line.type in ("error", "warning") else None)
        expect(page.locator("nav")).to_have_attribute("data-status", "online")
        return page

    yield open_app
    assert said == []


def items(page: Page) -> list[str]:
    return page.locator("li").all_inner_texts()


def test_list_and_messages_follow_what_happens(open_app, host: HostServer) -> None:
    ann, ben, conversation = host.pair()
    ben.say(conversation, "first")
    page = open_app(ann)
    row = page.get_by_role("button", name="Ben Baker")
    expect(page.locator("output")).to_have_text("1 unread")
    row.click()
    expect(page.get_by_role("heading", name="Ben Baker")).to_be_visible()
    expect(page.locator("li")).to_have_text(["first"])
    ben.say(conversation, "second")
    expect(page.locator("li")).to_have_text(["first", "second"])
    expect(page.locator("output")).to_have_text("2 unread")
    page.get_by_role("button", name="Read").click()
    expect(page.locator("output")).to_have_text("0 unread")
    eventually(lambda: ann.call("GET", f"/conversations/{conversation}")["unread"] == 0, "that it is read")
    field = page.get_by_label("Message")
    field.type("third")
    expect(field).to_have_value("third")
    field.press("Enter")
    expect(page.locator("li")).to_have_text(["first", "second", "third"])
    expect(field).to_have_value("")
    eventually(lambda: ben.history(conversation)[-1]["message"] == "third", "the message")
    ben.call("POST", f"/conversations/{conversation}/typing", json={"typing": True})
    expect(page.get_by_text("typing")).to_be_visible()


def test_draft_of_another_device_appears_and_older_messages_load(open_app, host: HostServer) -> None:
    ann, _, conversation = host.pair()
    for number in range(60):
        ann.say(conversation, f"message {number}")
    page = open_app(ann)
    page.get_by_role("button", name=re.compile("Ben Baker")).click()
    expect(page.locator("section")).to_have_attribute("data-ready", "true")
    expect(page.locator("li")).to_have_count(50)
    page.get_by_role("button", name="Earlier").click()
    expect(page.locator("li")).to_have_count(60)
    assert items(page) == [f"message {number}" for number in range(60)]
    expect(page.get_by_role("button", name="Earlier")).to_have_count(0)
    ann.call("PUT", f"/conversations/{conversation}/draft", json={"message": "from my phone"})
    expect(page.get_by_label("Message")).to_have_value("from my phone")


def test_component_draws_only_when_its_own_data_changes(open_app, host: HostServer) -> None:
    ann, ben, cyd = (host.new(name) for name in ("Ann Archer", "Ben Baker", "Cyd Cole"))
    here, other = ann.direct(ben), ann.direct(cyd)
    ben.say(here, "here")
    page = open_app(ann)
    page.get_by_role("button", name="Ben Baker").click()
    expect(page.locator("li")).to_have_text(["here"])
    expect(page.get_by_role("button", name="Cyd Cole")).to_be_visible()
    expect(page.locator("section")).to_have_attribute("data-ready", "true")
    page.evaluate("window.settled.then(() => undefined)")
    before = page.evaluate("window.draws")
    cyd.say(other, "elsewhere")
    expect(page.locator("output")).to_have_text("2 unread")
    after = page.evaluate("window.draws")
    assert after["Chat"] == before["Chat"]
    assert after["List"] > before["List"]


def test_hook_without_a_provider_says_what_is_missing(open_app, host: HostServer) -> None:
    page = open_app(host.new("Ann Archer"))
    said = page.evaluate(
        """async () => {
            const { createElement, useState } = await import("react");
            const { createRoot } = await import("react-dom/client");
            const server = window.store.client.url;
            const { useUnread } = await import(`${server}/client/react/index.js`);
            const Lost = () => createElement("p", null, useUnread());
            return new Promise((resolve) => {
                const onUncaughtError = (error) => resolve(error.message);
                createRoot(document.createElement("div"), { onUncaughtError }).render(createElement(Lost));
            });
        }"""
    )
    assert said == "There is no <ParleyProvider> above this component."
