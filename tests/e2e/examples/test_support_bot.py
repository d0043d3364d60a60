"""`make support-bot`: a bot answers a visitor, and calls a colleague who sees the whole conversation."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.e2e.examples.conftest import StartExample, write


def test_bot_answers_and_hands_over(start_example: StartExample, new_page: Callable[[str], Page]) -> None:
    address = start_example("support-bot")
    visitor, other = new_page(address), new_page(address)
    for page in (visitor, other):
        page.get_by_role("button", name=re.compile("^Chat")).click()
    chat = visitor.locator("parley-chat")
    write(visitor, "When are you open?")
    expect(chat).to_contain_text("We are here on weekdays, from 9 to 17.")
    write(visitor, "Do lamps dream?")
    expect(chat).to_contain_text("Write “human” if you would rather talk to a person.")

    desk = new_page(f"{address}/desk")
    expect(desk.locator("parley-chat")).to_contain_text("No conversations yet")
    write(visitor, "A human, please")
    expect(chat).to_contain_text("I have called a colleague")
    desk.get_by_role("button", name="Support").click()
    expect(desk.locator("parley-chat")).to_contain_text("Do lamps dream?")
    write(desk, "Cleo here. They do.")
    expect(chat).to_contain_text("Cleo here. They do.")

    write(visitor, "And when are they open?")  # the bot leaves this to the colleague
    expect(desk.locator("parley-chat")).to_contain_text("And when are they open?")
    write(other, "How do I return a lamp?")
    expect(other.locator("parley-chat")).to_contain_text("You can return everything within 30 days.")
    expect(chat.locator(".message", has_text="We are here on weekdays")).to_have_count(1)
    expect(chat).not_to_contain_text("30 days")
