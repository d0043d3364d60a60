"""Two people in two windows: accounts, a conversation, and the life of its messages."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.page.conftest import OpenWindow
from tests.e2e.page.people import PASSWORD, People
from tests.support.processes import Stack


@pytest.fixture
def two(window: OpenWindow, people: People):
    ann, ben, conversation = people.pair()
    ann.say(conversation, "before")
    return window().sign_in_demo(ann.username), window().sign_in_demo(ben.username)


def test_new_user_signs_up_finds_somebody_and_chats(window: OpenWindow, people: People) -> None:
    ben = people.new("Ben Baker")
    there = window().sign_in_demo(ben.username)
    expect(there.page.get_by_text("No conversations yet")).to_be_visible()
    here = window()
    here.page.goto(here.base_url)
    here.page.get_by_role("button", name="Create an account").click()
    here.page.get_by_label("Username").fill(f"zoe-{ben.id}")
    here.page.get_by_label("Your name").fill("Zoë Young")
    here.page.get_by_label("Password").fill(PASSWORD)
    here.page.get_by_role("button", name="Create account").click()
    here.wait_online()

    here.page.get_by_role("button", name="Find people").click()
    here.page.get_by_label("Find people by name").fill(ben.username)
    here.page.locator(f'[data-user="{ben.username}"]').click()
    here.page.get_by_label("Message", exact=True).fill("Hello Ben <b>& all</b>")
    here.page.get_by_label("Send", exact=True).click()

    expect(there.row("Zoë Young").locator(".badge")).to_have_text("1")
    expect(there.page).to_have_title("(1) Parley")
    there.open("Zoë Young").sees("Hello Ben <b>& all</b>")
    here.wait_mark("Hello Ben <b>& all</b>", "read")
    there.send("Hello Zoë")
    here.sees("Hello Zoë")
    expect(there.page).to_have_title("Parley")


def test_click_on_a_row_counts_though_a_message_arrives_during_it(window: OpenWindow, people: People) -> None:
    ann, ben, conversation = people.pair()
    ann.say(conversation, "one")
    there = window().sign_in_demo(ben.username)
    row = there.row("Ann Archer")
    expect(row.locator(".badge")).to_have_text("1")
    row.hover()
    there.page.mouse.down()
    ann.say(conversation, "two")
    expect(there.page).to_have_title("(2) Parley")
    there.page.mouse.up()
    expect(there.page.locator(".conversation-head h1")).to_contain_text("Ann Archer")
    expect(row).to_contain_text("two")


def test_two_demo_links_sign_in_two_people_in_one_browser(window: OpenWindow, people: People) -> None:
    ann, ben, _ = people.pair()
    here = window().sign_in_demo(ann.username)
    beside = here.new_page()
    beside.goto(here.demo_link(ben.username))
    here.wait_online(page=beside)
    here.page.reload()
    beside.reload()
    here.open("Ben Baker")
    here.send("from a window beside yours")
    row = beside.locator(".conversation-row")
    expect(row).to_contain_text("Ann Archer")
    expect(row.locator(".badge")).to_have_text("1")
    assert "demo" not in here.page.url


def test_refused_message_stays_with_its_reason(window: OpenWindow, people: People) -> None:
    ann, ben, conversation = people.pair()
    here = window().sign_in_demo(ann.username).open("Ben Baker")
    ann.call("PUT", f"/blocks/{ben.id}")
    here.send("refused")
    here.wait_mark("refused", "failed")
    expect(here.message("refused")).to_contain_text("You are not allowed to do that.")
    here.send("refused too")
    here.message("refused too").get_by_role("button", name="Delete").click()
    expect(here.message("refused too")).to_have_count(0)
    ann.call("DELETE", f"/blocks/{ben.id}")
    here.message("refused").get_by_role("button", name="Try again").click()
    here.wait_mark("refused", "stored")
    assert [said["message"] for said in ben.history(conversation)] == ["refused"]


def test_marks_show_the_status_of_a_message(window: OpenWindow, people: People) -> None:
    ann, ben, _ = people.pair()
    here = window().sign_in_demo(ann.username).open("Ben Baker")
    here.send("one")
    here.wait_mark("one", "stored")
    there = window().sign_in_demo(ben.username)
    expect(there.row("Ann Archer")).to_be_visible()
    here.wait_mark("one", "delivered")
    there.open("Ann Archer")
    here.wait_mark("one", "read")


def test_typing_and_presence_appear_and_expire(two) -> None:
    here, there = two
    here.open("Ben Baker")
    there.open("Ann Archer")
    subtitle = here.page.locator('[data-role="subtitle"]')
    expect(subtitle).to_have_text("online")
    there.page.locator(".composer textarea").press_sequentially("so")
    expect(subtitle).to_have_text("typing…")
    expect(subtitle).to_have_text("online")  # typing expires
    there.close()
    expect(subtitle).to_have_text(re.compile("^last seen"), timeout=40_000)


def test_reply_react_edit_and_delete(two) -> None:
    here, there = two
    here.open("Ben Baker")
    there.open("Ann Archer")
    there.choose("before", "Reply")
    there.send("an answer")
    expect(here.sees("an answer").locator(".quote")).to_contain_text("before")

    here.message("an answer").hover()
    here.message("an answer").get_by_label("React", exact=True).click()
    here.page.get_by_label("React with heart").click()
    expect(there.message("an answer").locator(".reaction")).to_have_text("❤️")
    there.message("an answer").locator(".reaction").click()
    expect(here.message("an answer").locator(".reaction .count")).to_have_text("2")

    there.choose("an answer", "Edit")
    there.send("a better answer")
    expect(here.sees("a better answer")).to_contain_text("edited")

    there.choose("a better answer", "Delete for everyone")
    there.page.get_by_role("button", name="Delete for everyone").click()
    here.sees("This message was deleted")
    there.sees("This message was deleted")
    here.choose("before", "Delete for me")
    here.page.get_by_role("button", name="Delete for me").click()
    expect(here.message("before")).to_have_count(0)
    there.sees("before")


def test_text_never_becomes_markup_and_links_are_safe(two) -> None:
    here, there = two
    here.open("Ben Baker")
    there.open("Ann Archer")
    hostile = (
        '<img src=x onerror="document.title=1"> javascript:alert(1) https://ok.example/a_(b). http://u:p@evil.example'
    )
    here.send(hostile)
    shown = there.sees(hostile)
    expect(shown.locator("img")).to_have_count(0)
    links = shown.locator("a")
    expect(links).to_have_count(1)
    assert links.get_attribute("href") == "https://ok.example/a_(b)"
    assert "noopener" in str(links.get_attribute("rel"))


def test_search_result_jumps_to_its_message(two) -> None:
    here, _ = two
    here.open("Ben Baker")
    here.send("a needle in the hay")
    here.wait_mark("a needle in the hay", "delivered")
    here.page.get_by_label(re.compile("^Search conversations")).fill("needle")
    hit = here.page.locator(".hit")
    expect(hit.locator("mark")).to_have_text("needle")
    hit.click()
    expect(here.message("a needle in the hay")).to_be_in_viewport()


def test_mute_and_block(window: OpenWindow, people: People) -> None:
    ann, ben, conversation = people.pair()
    here = window().sign_in_demo(ann.username).open("Ben Baker")
    here.page.get_by_label("Details", exact=True).click()
    here.page.get_by_role("button", name="Mute").click()
    here.page.get_by_role("button", name="For an hour").click()
    expect(here.page.get_by_role("button", name="Unmute")).to_be_visible()
    here.page.get_by_role("button", name="Block").click()
    here.page.get_by_role("dialog").get_by_role("button", name="Block").click()
    expect(here.page.get_by_text("You blocked this person.")).to_be_visible()
    ben.say(conversation, "can you hear me?")
    here.page.get_by_role("button", name="Unblock").first.click()
    here.send("I hear you now")
    here.wait_mark("I hear you now", "stored")
    assert "can you hear me?" not in here.texts()


def test_wrong_password_and_taken_username_show_errors(window: OpenWindow, people: People) -> None:
    ann = people.new("Ann Archer")
    here = window()
    here.page.goto(here.base_url)
    here.page.get_by_label("Username").fill(ann.username)
    here.page.get_by_label("Password").fill("not her password")
    here.page.get_by_role("button", name="Sign in").click()
    expect(here.page.get_by_role("alert")).to_have_text("Wrong username or password.")
    here.page.get_by_role("button", name="Create an account").click()
    here.page.get_by_label("Username").fill(ann.username)
    here.page.get_by_label("Password").fill(PASSWORD)
    here.page.get_by_role("button", name="Create account").click()
    expect(here.page.get_by_role("alert")).to_have_text("This username is taken.")


def test_demo_link_of_another_run_shows_an_explanation(window: OpenWindow, server: Stack) -> None:
    here = window()
    here.page.goto(f"{server.base_url}/#demo=alice.0000")
    expect(here.page.get_by_role("alert")).to_contain_text("This demo link is from an earlier run.")
    assert "#" not in here.page.url


def test_sign_out_survives_a_reload(two) -> None:
    here, _ = two
    here.page.get_by_label("Settings and profile").click()
    here.page.get_by_role("button", name="Sign out").click()
    expect(here.page.get_by_role("button", name="Sign in")).to_be_visible()
    here.page.reload()
    expect(here.page.get_by_role("button", name="Sign in")).to_be_visible()


def test_sign_out_in_another_tab_shows_a_note(window: OpenWindow, people: People) -> None:
    ann, _, _ = people.pair()
    here = window().sign_in(ann.username, PASSWORD)
    other = here.new_page()
    other.goto(here.base_url)
    here.wait_online(page=other)
    here.page.get_by_label("Settings and profile").click()
    here.page.get_by_role("button", name="Sign out").click()
    expect(other.get_by_role("alert")).to_have_text("You have been signed out.")


def test_sign_up_errors_appear_at_their_fields(window: OpenWindow) -> None:
    here = window()
    here.page.goto(here.base_url)
    here.page.get_by_role("button", name="Create an account").click()
    here.page.get_by_label("Username").fill("x!")
    here.page.get_by_label("Password").fill("short")
    here.page.get_by_role("button", name="Create account").click()
    expect(here.page.locator(".field.wrong")).to_have_count(2)
    expect(here.page.get_by_label("Username")).to_be_focused()
    expect(here.page.get_by_label("Password")).to_have_attribute("aria-invalid", "true")
