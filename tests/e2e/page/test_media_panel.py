"""The panel with the pictures, files and links of a conversation."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.contract.expect import eventually
from tests.e2e.page.axe import violations
from tests.e2e.page.conftest import OpenWindow
from tests.e2e.page.people import People, Somebody
from tests.support.media_files import image_bytes

# The second Escape of somebody who presses it twice, before the page has removed the viewer that the first one closed.
CLOSE_AND_ESCAPE = """() => {
  document.querySelector("dialog").close();
  document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }));
}"""


def prepared(person: Somebody, conversation: int, name: str, content: bytes) -> dict[str, str]:
    """Uploads a file and waits until it is ready, because the viewer shows it."""
    made = person.upload(conversation, name, content)
    eventually(lambda: person.api.get(f"/media/{made['mediaId']}/url").is_success, "the medium to be ready")
    return made


def test_panel_shows_pictures_files_and_links(window: OpenWindow, people: People) -> None:
    ann, ben, conversation = people.pair()
    picture = prepared(ben, conversation, "sea.jpg", image_bytes())
    paper = prepared(ben, conversation, "plan.txt", b"the plan")
    ben.say(conversation, "the sea", attachments=[picture])
    ben.say(conversation, "read https://example.com/plan (and more)", attachments=[paper])
    ben.say(conversation, "the lake", attachments=[prepared(ben, conversation, "lake.jpg", image_bytes())])
    for n in range(30):
        ben.say(conversation, f"and {n}")
    links = f"/conversations/{conversation}/media?kind=link"
    eventually(lambda: ann.call("GET", links)["messages"], "the link in the index")
    here = window().sign_in_demo(ann.username).open("Ben Baker")
    here.page.get_by_label("Details", exact=True).click()
    here.page.get_by_role("button", name="Files and media").click()
    panel = here.page.get_by_role("complementary", name="Files and media")
    expect(panel.get_by_role("tab", name="Pictures")).to_be_focused()
    expect(panel.get_by_role("button", name="Open sea.jpg")).to_be_visible()
    here.page.keyboard.press("ArrowRight")
    expect(panel.get_by_text("Nothing here yet")).to_be_visible()
    here.page.keyboard.press("ArrowRight")
    expect(panel.get_by_role("tab", name="Files")).to_have_attribute("aria-selected", "true")
    expect(panel.get_by_text("plan.txt")).to_be_visible()
    here.page.keyboard.press("ArrowRight")
    link = panel.get_by_role("link", name="https://example.com/plan")
    expect(link).to_have_attribute("href", "https://example.com/plan")
    assert violations(here.page) == []
    panel.get_by_role("tab", name="Pictures").click()
    assert violations(here.page) == []
    panel.get_by_role("button", name="Show the message of Ben Baker").last.click()
    expect(here.message("the sea")).to_be_in_viewport()
    panel.get_by_role("button", name="Open sea.jpg").click()
    expect(here.page.get_by_role("dialog")).to_be_visible()
    expect(here.page.locator(".lightbox .place")).to_have_text("1 of 2")
    here.page.get_by_label("Next picture").click()
    expect(here.page.locator(".lightbox .caption")).to_have_text("the lake")
    here.page.keyboard.press("Escape")
    expect(here.page.get_by_role("dialog")).to_have_count(0)
    panel.get_by_role("button", name="Open sea.jpg").click()
    expect(here.page.get_by_role("dialog")).to_be_visible()
    here.page.evaluate(CLOSE_AND_ESCAPE)
    expect(panel).to_have_count(0)
