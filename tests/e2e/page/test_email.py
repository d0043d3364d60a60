"""The e-mail address in the settings, and a forgotten password."""

from __future__ import annotations

import re
from email import message_from_bytes, policy

from playwright.sync_api import expect

from dev.processes import wait_until
from tests.e2e.page.axe import violations
from tests.e2e.page.conftest import OUTBOX, OpenWindow
from tests.e2e.page.people import PASSWORD, People

NEW = "a quite different secret"


def mailed(address: str, what: str) -> str:
    """Returns the part of the link's address after the page's."""

    def found() -> list[str]:
        mails = [message_from_bytes(path.read_bytes(), policy=policy.default) for path in OUTBOX.glob("*.eml")]
        texts = [mail.get_content() for mail in mails if mail["To"] == address]
        return [link for text in texts for link in re.findall(rf"#{what}=[\w-]+", text)]

    wait_until(found, 60, f"a mail to {address}")
    return found()[-1]


def test_a_forgotten_password_is_reset_by_e_mail(window: OpenWindow, people: People) -> None:
    ann = people.new("Ann Archer")
    address = f"{ann.username}@x.example"
    here = window().sign_in(ann.username, PASSWORD)
    here.page.get_by_label("Settings and profile").click()
    section = here.page.get_by_role("region", name="E-mail")
    section.get_by_label("E-mail address").fill(address)
    section.get_by_label("Your password").fill("a guess")
    section.get_by_role("button", name="Save address").click()
    expect(section).to_contain_text("That password is wrong.")
    section.get_by_label("Your password").fill(PASSWORD)
    section.get_by_role("button", name="Save address").click()
    expect(section).to_contain_text(f"A link was sent to {address}.")
    assert violations(here.page) == []
    there = window()
    there.page.goto(f"{there.base_url}/{mailed(address, 'verify-email')}")
    expect(there.page.get_by_role("alert")).to_have_text("Your e-mail address is confirmed.")

    there.page.get_by_role("button", name="Forgot your password?").click()
    there.page.get_by_label("Username or e-mail address").fill(address)
    assert violations(there.page) == []
    there.page.get_by_role("button", name="Send me a link").click()
    expect(there.page.get_by_role("alert")).to_contain_text("a link is on its way")
    other = window()
    other.page.goto(f"{other.base_url}/{mailed(address, 'reset-password')}")
    other.page.get_by_label("New password").fill(NEW)
    other.page.get_by_role("button", name="Save").click()
    expect(other.page.get_by_role("alert")).to_have_text("Your password was changed. Please sign in.")
    expect(here.page.get_by_role("alert")).to_have_text("You have been signed out.")
    other.sign_in(ann.username, NEW)
