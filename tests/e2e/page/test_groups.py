"""Groups in the page: created, named, administered and left."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.e2e.page.conftest import OpenWindow
from tests.e2e.page.people import People, Somebody
from tests.e2e.page.window import Window


def manage(window: Window, somebody: Somebody, entry: str) -> None:
    window.page.get_by_label(f"Manage {somebody.name}").click()
    window.page.get_by_role("menuitem", name=entry).click()


def test_group_is_created_named_and_administered(window: OpenWindow, people: People) -> None:
    ann, ben, cyd = people.new("Ann Archer"), people.new("Ben Baker"), people.new("Cyd Cole")
    here, there = window().sign_in_demo(ann.username), window().sign_in_demo(ben.username)

    here.page.get_by_label("New conversation").click()
    here.page.get_by_role("menuitem", name="New group").click()
    here.page.get_by_label("Group name").fill("Hike")
    here.page.get_by_label("Find people by name").fill(ben.username)
    here.page.locator(f'dialog [data-user="{ben.username}"]').click()
    here.page.get_by_role("button", name="Create group").click()
    expect(here.page.locator(".conversation-head h1")).to_have_text("Hike")
    there.open("Hike")
    here.send(f"Welcome @{ben.username}")
    expect(there.sees(f"Welcome @{ben.username}").locator(".mention.me")).to_be_visible()

    here.page.get_by_label("Details", exact=True).click()
    here.page.get_by_role("button", name="Add members").click()
    here.page.get_by_label("Find people by name").fill(cyd.username)
    here.page.locator(f'dialog [data-user="{cyd.username}"]').click()
    here.page.get_by_role("button", name="Add", exact=True).click()
    expect(there.page.locator(".notice", has_text="Ann Archer added Cyd Cole")).to_be_visible()

    here.page.get_by_role("button", name="Name and description").click()
    here.page.get_by_label("Name", exact=True).fill("Hike on Sunday")
    here.page.get_by_role("button", name="Save").click()
    expect(there.page.locator(".conversation-head h1")).to_have_text("Hike on Sunday")
    expect(there.page.locator(".notice", has_text="named the group “Hike on Sunday”")).to_be_visible()

    manage(here, ben, "Make admin")
    expect(there.page.locator(".notice", has_text="Ann Archer made you an admin")).to_be_visible()
    manage(here, cyd, "Remove from group")
    here.page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(there.page.locator(".notice", has_text="Ann Archer removed Cyd Cole")).to_be_visible()
    manage(here, ben, "Remove from group")
    here.page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(there.page.get_by_text("You are no longer a member of this group.")).to_be_visible()
    expect(there.row("Hike on Sunday")).to_have_count(0)

    group = here.page.url.rpartition("/")[2]
    ann.call("POST", f"/conversations/{group}/members", json={"userIds": [ben.id]})
    expect(there.page.locator(".notice", has_text="Ann Archer added you")).to_be_visible()
    there.send("back again")
    here.sees("back again")


def test_details_keep_the_buttons_while_others_read_and_write(window: OpenWindow, people: People) -> None:
    """A click is lost if its button is replaced between the press and the release."""
    ann, ben = people.new("Ann Archer"), people.new("Ben Baker")
    group = ann.group("Hike", ben)
    here = window().sign_in_demo(ann.username).open("Hike")
    here.page.get_by_label("Details", exact=True).first.click()
    buttons = here.page.locator(".conversation-head button, .panel button")
    expect(here.page.locator(".panel .member")).to_have_count(2)
    expect(here.page.locator(".member .name", has_text="Ben Baker")).to_be_visible()
    before = buttons.count()
    buttons.evaluate_all("buttons => buttons.forEach((button) => (button.seen = true))")
    ben.say(group, "hello")
    ben.call("POST", f"/conversations/{group}/read", json={"seq": 2})
    here.sees("hello")
    assert buttons.evaluate_all("buttons => buttons.filter((button) => button.seen).length") == before

    add = here.page.get_by_role("button", name="Add members")
    add.hover()
    here.page.mouse.down()
    ann.call("PATCH", f"/conversations/{group}", json={"name": "Hike on Sunday"})
    expect(here.page.locator(".panel h3", has_text="Hike on Sunday")).to_be_visible()
    here.page.mouse.up()
    expect(here.page.get_by_role("dialog")).to_contain_text("Add members")


def test_invite_link_works_until_it_is_revoked(window: OpenWindow, people: People) -> None:
    ann, ben, cyd = people.new("Ann Archer"), people.new("Ben Baker"), people.new("Cyd Cole")
    ann.group("Readers")
    here = window().sign_in_demo(ann.username).open("Readers")
    here.page.get_by_label("Details", exact=True).click()
    here.page.get_by_role("button", name="Invite links").click()
    here.page.get_by_role("button", name=re.compile("^New link")).click()
    code = here.page.locator("[data-code]").get_attribute("data-code")

    there = window().sign_in_demo(ben.username)
    there.page.goto(f"{there.base_url}/#/invite/{code}")
    there.page.get_by_role("button", name="Join group").click()
    expect(there.page.locator(".conversation-head h1")).to_have_text("Readers")
    expect(here.page.locator(".notice", has_text="Ben Baker joined with an invite link")).to_be_attached()

    here.page.get_by_label("Revoke link").click()
    expect(here.page.get_by_text("No links yet")).to_be_visible()
    late = window().sign_in_demo(cyd.username)
    late.page.goto(f"{late.base_url}/#/invite/{code}")
    expect(late.page.get_by_text("This invite link is no longer valid.")).to_be_visible()


def test_mentions_have_their_own_badge_and_members_see_no_administration(window: OpenWindow, people: People) -> None:
    ann, ben = people.new("Ann Archer"), people.new("Ben Baker")
    group = ann.group("Team", ben)
    ann.say(group, "for everybody")
    ann.say(group, f"for @{ben.username}")
    here = window().sign_in_demo(ben.username)
    expect(here.row("Team").get_by_label("1 mention", exact=True)).to_be_visible()
    # The third message is the system message that the group was created.
    expect(here.row("Team").locator(".badge:not(.named)")).to_have_text("3")
    here.open("Team")
    expect(here.row("Team").locator(".badge")).to_have_count(0)
    here.page.get_by_label("Details", exact=True).click()
    expect(here.page.get_by_text("Members (2)")).to_be_visible()
    expect(here.page.get_by_role("button", name="Add members")).to_have_count(0)
    expect(here.page.get_by_role("button", name="Invite links")).to_have_count(0)
    here.page.get_by_role("button", name="Leave group").click()
    here.page.get_by_role("dialog").get_by_role("button", name="Leave").click()
    expect(here.row("Team")).to_have_count(0)


def test_list_names_people_whom_the_page_did_not_know(window: OpenWindow, people: People) -> None:
    """After a load, the list shows system messages before the page knows the names in them."""
    ann, ben = people.new("Ann Archer"), people.new("Ben Baker")
    group = ann.group("Team", ben)
    ann.call("PATCH", f"/conversations/{group}/members/{ben.id}", json={"role": "admin"})
    here = window().sign_in_demo(ann.username)
    expect(here.row("Team")).to_contain_text("You made Ben Baker an admin")
    here.page.reload()
    expect(here.row("Team")).to_contain_text("You made Ben Baker an admin")


def test_only_admins_write_in_a_read_only_group(window: OpenWindow, people: People) -> None:
    ann, ben = people.new("Ann Archer"), people.new("Ben Baker")
    ann.group("News", ben)
    here, there = window().sign_in_demo(ann.username), window().sign_in_demo(ben.username)
    here.open("News")
    there.open("News")
    here.page.get_by_label("Details", exact=True).click()
    for only_admins, notice in (
        (True, "Ann Archer let only admins write"),
        (False, "Ann Archer let all members write"),
    ):
        here.page.get_by_role("button", name="Name and description").click()
        switch = here.page.get_by_label("Only admins can write")
        expect(switch).to_be_checked(checked=not only_admins)
        switch.set_checked(only_admins)
        here.page.get_by_role("button", name="Save").click()
        expect(there.page.locator(".notice", has_text=notice)).to_be_visible()
        expect(there.page.locator(".composer")).to_be_visible(visible=not only_admins)
        expect(there.page.get_by_text("Only admins can write here.")).to_be_visible(visible=only_admins)
        expect(here.page.locator(".composer")).to_be_visible()
    there.send("Thank you")
    expect(here.sees("Thank you")).to_be_visible()
