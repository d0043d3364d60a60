"""Acts of the host's server, as people see them in the page."""

from __future__ import annotations

import uuid

from playwright.sync_api import expect

from tests.e2e.page.conftest import OpenWindow
from tests.e2e.page.people import People
from tests.support.clients import HostClient


def test_group_of_the_host_its_messages_and_read_only(window: OpenWindow, people: People, host: HostClient) -> None:
    ann, ben = people.new("Ann Archer"), people.new("Ben Baker")
    here = window().sign_in_demo(ann.username)
    room = f"/conversations/room-{uuid.uuid4().hex[:8]}"
    host.call("PUT", room, json={"kind": "group", "name": "Orders", "members": [ann.id]})
    here.open("Orders")
    expect(here.page.locator(".notice", has_text="The group was created")).to_be_visible()
    host.call("POST", "/messages", json={"conversation": room.rpartition("/")[2], "message": "Your order was sent."})
    expect(here.page.locator(".notice", has_text="Your order was sent.")).to_be_visible()
    expect(here.row("Orders")).to_contain_text("Your order was sent.")
    here.send("thanks")
    host.call("PATCH", room, json={"readOnly": True, "members": [ben.id]})
    expect(here.page.locator(".notice", has_text="Ben Baker was added")).to_be_visible()
    expect(here.page.locator(".notice", has_text="Only admins can write now")).to_be_visible()
    expect(here.page.get_by_text("Only admins can write here.")).to_be_visible()
    expect(here.page.get_by_label("Message", exact=True)).to_be_hidden()
    host.call("POST", f"{room}/members", json={"members": [{"user": ann.id, "role": "admin"}]})
    expect(here.page.locator(".notice", has_text="You are now an admin")).to_be_visible()
    expect(here.page.get_by_label("Message", exact=True)).to_be_visible()
    here.send("and a word of mine")
