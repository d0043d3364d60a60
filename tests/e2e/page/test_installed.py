"""The page as an installed app: its manifest, what other apps share with it, its badge."""

from __future__ import annotations

import json
from urllib.parse import urljoin

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.page.conftest import OpenWindow
from tests.e2e.page.people import PASSWORD, People
from tests.support.processes import Stack

# Posts a form, as the system does when another app shares something.
SHARE = """({title = "", text = "", url = "", files = []}) => {
    const form = document.createElement("form");
    Object.assign(form, { method: "POST", action: "/share", enctype: "multipart/form-data" });
    for (const [name, value] of Object.entries({ title, text, url })) {
        form.append(Object.assign(document.createElement("input"), { name, value }));
    }
    const given = new DataTransfer();
    for (const [name, content] of files) given.items.add(new File([content], name, { type: "text/plain" }));
    const field = Object.assign(document.createElement("input"), { type: "file", name: "files", multiple: true });
    field.files = given.files;
    form.append(field);
    document.body.append(form);
    form.submit();
}"""
WORKER_READY = """navigator.serviceWorker.register("/sw.js").then(() => navigator.serviceWorker.ready)
    .then(() => navigator.serviceWorker.controller || new Promise((done) =>
        navigator.serviceWorker.addEventListener("controllerchange", done))).then(() => true)"""
BADGES = """(() => {
    window.badges = [];
    navigator.setAppBadge = async (count) => void window.badges.push(count);
    navigator.clearAppBadge = async () => void window.badges.push(0);
})()"""


def test_browser_can_install_the_page(window: OpenWindow, server: Stack) -> None:
    here = window()
    here.page.goto(here.base_url)
    cdp = here.context.new_cdp_session(here.page)
    found = cdp.send("Page.getAppManifest")
    assert found["errors"] == []
    # Tests use windows without a history, in which nothing can be installed.
    errors = {error["errorId"] for error in cdp.send("Page.getInstallabilityErrors")["installabilityErrors"]}
    assert errors <= {"in-incognito"}
    manifest = json.loads(found["data"])
    with httpx.Client(base_url=server.base_url, trust_env=False) as http:
        page = http.get("/")
        assert "manifest-src" not in page.headers["Content-Security-Policy"]  # default-src 'self' allows it
        for icon in manifest["icons"]:
            answer = http.get(urljoin(found["url"], icon["src"]))
            assert answer.headers["Content-Type"] == "image/png"
            assert "immutable" in answer.headers["Cache-Control"]
    assert {icon["sizes"] for icon in manifest["icons"]} == {"192x192", "512x512"}
    assert {icon["purpose"] for icon in manifest["icons"]} == {"any", "maskable"}


def choose(page: Page, name: str) -> None:
    dialog = page.get_by_role("dialog", name="Share with")
    dialog.get_by_role("searchbox").fill(name[:3].lower())
    expect(dialog.locator("button.person:visible")).to_have_count(1)
    dialog.get_by_role("button", name=name).click()


def test_shared_texts_and_files_go_into_the_chosen_conversation(window: OpenWindow, people: People) -> None:
    ann, ben, conversation = people.pair()
    cyd = people.new("Cyd Cole")
    ann.say(ann.direct(cyd), "hello")
    here = window().sign_in(ann.username, PASSWORD)
    page = here.page
    page.evaluate(WORKER_READY)
    shared = {"title": "A page", "text": "Look: https://a.example/x", "url": "https://a.example/x"}
    page.evaluate(SHARE, {**shared, "files": [["nötes 1.txt", "some text"], ["empty.txt", ""]]})
    choose(page, "Ben Baker")
    field = page.locator(".composer textarea")
    expect(field).to_have_value("A page\nLook: https://a.example/x")
    expect(page.locator(".uploads")).to_contain_text("nötes 1.txt")
    expect(page.locator(".uploads li")).to_have_count(1)
    expect(page.get_by_label("Send", exact=True)).to_be_enabled()
    page.get_by_label("Send", exact=True).click()
    expect(page.locator(".message .file")).to_contain_text("nötes 1.txt")
    here.wait_mark("A page\nLook: https://a.example/x", "stored")
    assert [message["message"] for message in ben.history(conversation)] == ["A page\nLook: https://a.example/x"]

    page.reload()  # the shared text is not offered again
    here.wait_online()
    page.goto(f"{here.base_url}/#/share")
    expect(page.get_by_text("What you shared did not arrive.")).to_be_visible()


def test_shared_address_that_is_also_the_title_comes_once(window: OpenWindow, people: People) -> None:
    ann, _, _ = people.pair()
    page = window().sign_in(ann.username, PASSWORD).page
    page.evaluate(WORKER_READY)
    page.evaluate(SHARE, {"title": "https://a.example/x", "url": "https://a.example/x"})
    choose(page, "Ben Baker")
    expect(page.locator(".composer textarea")).to_have_value("https://a.example/x")


def test_sharing_waits_for_the_sign_in_and_may_be_cancelled(window: OpenWindow, people: People) -> None:
    ann, _, _ = people.pair()
    here = window()
    page = here.page
    page.goto(here.base_url)
    page.evaluate(WORKER_READY)
    page.evaluate(SHARE, {"text": "for later"})
    page.get_by_label("Username").fill(ann.username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("dialog", name="Share with").get_by_label("Close").click()
    expect(page.get_by_text("Choose a conversation")).to_be_visible()
    here.open("Ben Baker")
    expect(page.locator(".composer textarea")).to_have_value("")


def test_share_without_a_worker_says_that_nothing_arrived(window: OpenWindow, people: People) -> None:
    ann = people.new("Ann Archer")
    here = window().sign_in(ann.username, PASSWORD)
    here.page.evaluate(SHARE, {"text": "lost"})
    expect(here.page.get_by_text("What you shared did not arrive. Please share it again.")).to_be_visible()


def test_badge_counts_unread_messages(window: OpenWindow, people: People) -> None:
    ann, ben, conversation = people.pair()
    here = window()
    here.context.add_init_script(BADGES)
    here.sign_in_demo(ann.username)
    ben.say(conversation, "one")
    ben.say(conversation, "two")
    expect(here.page).to_have_title("(2) Parley")
    assert here.page.evaluate("window.badges.at(-1)") == 2
    here.open("Ben Baker")
    expect(here.page).to_have_title("Parley")
    assert here.page.evaluate("window.badges.at(-1)") == 0


@pytest.mark.parametrize("place", ["#conversation={}", "#/c/{}"])
def test_notification_opens_its_conversation_in_a_new_window(window: OpenWindow, people: People, place: str) -> None:
    ann, ben, conversation = people.pair()
    ben.say(conversation, "are you there?")
    here = window().sign_in(ann.username, PASSWORD)
    other = here.new_page()
    other.goto(f"{here.base_url}/{place.format(conversation)}")
    expect(other.locator(".message .text")).to_have_text("are you there?")
    assert other.url.endswith(f"#/c/{conversation}")
