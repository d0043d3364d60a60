"""Files, emoji and other things that people put into messages, and searching for them."""

from __future__ import annotations

from playwright.sync_api import Locator, expect

from tests.e2e.page.keyboard.place import Place, act
from tests.e2e.page.window import PROCESSED_MS

PASTE = """() => {
    const data = new DataTransfer();
    data.items.add(new File([new Uint8Array(9)], "pasted.bin", { type: "application/x-thing" }));
    const all = { bubbles: true, cancelable: true, clipboardData: data };
    document.activeElement.dispatchEvent(new ClipboardEvent("paste", all));
}"""


# -- files --------------------


@act("send a file")
def send_file(here: Place) -> None:
    here.keys.tab_to(here.page.get_by_label("Attach files"), "Shift+Tab")
    with here.page.expect_file_chooser() as chosen:
        here.keys.press("Enter")
    chosen.value.set_files({"name": "keys.txt", "mimeType": "text/plain", "buffer": b"text"})
    expect(here.page.locator(".uploads li")).to_be_visible()
    expect(here.field).to_be_focused()
    expect(here.page.locator(".uploads progress")).to_have_count(0)
    here.keys.press("Enter")
    expect(here.page.locator(".message .file", has_text="keys.txt")).to_be_visible()
    here.keys.shows()


@act("paste a picture, add a caption, send")
def paste(here: Place) -> None:
    here.page.evaluate(PASTE)  # Ctrl+V: the browser's clipboard has no file here
    expect(here.page.locator(".uploads li")).to_be_visible()
    expect(here.field).to_be_focused()
    expect(here.page.locator(".uploads progress")).to_have_count(0)
    here.keys.type("with a caption")
    here.keys.press("Enter")
    expect(here.said("with a caption").locator(".file")).to_be_visible()
    here.keys.shows()


@act("send a voice message")
def voice(here: Place) -> None:
    here.keys.enter(here.page.get_by_label("Record a voice message"))
    expect(here.page.get_by_label("Send recording")).to_be_focused()
    here.keys.shows()
    expect(here.page.locator(".recording .time")).not_to_have_text("0:00")
    here.keys.press("Enter")
    expect(here.page.locator(".message .audio").last).to_be_visible(timeout=PROCESSED_MS)
    expect(here.field).to_be_focused()


def open_picture(here: Place) -> Locator:
    """Opens the newest of Ann's two pictures; returns its button."""
    here.open(here.direct)
    picture = here.page.locator(".message .picture").last
    expect(picture.locator("img")).to_be_attached(timeout=PROCESSED_MS)
    here.keys.message("a picture")
    here.keys.enter(picture)
    expect(here.page.locator("dialog.lightbox")).to_be_visible()
    here.keys.shows()
    return picture


@act("open a picture")
def see_picture(here: Place) -> None:
    picture = open_picture(here)
    here.keys.escape()
    expect(picture).to_be_focused()


@act("go to the next picture")
def next_picture(here: Place) -> None:
    open_picture(here)
    place = here.page.locator(".lightbox .place")
    before = place.inner_text()
    here.keys.press("ArrowLeft")
    expect(place).not_to_have_text(before)
    here.keys.escape()


@act("download a picture")
def download(here: Place) -> None:
    open_picture(here)
    expect(here.page.locator(".lightbox img")).to_be_visible()
    here.keys.tab_to(here.page.get_by_label("Download"))
    with here.page.expect_download():
        here.keys.press("Enter")
    here.keys.escape()


@act("list the files of a conversation")
def files(here: Place) -> None:
    here.keys.details("Files and media")
    expect(here.page.locator(".panel h2")).to_have_text("Files and media")
    here.keys.shows()
    here.keys.tab_to(
        here.page.locator(".panel")
        .get_by_role("tab", selected=True)
        .or_(here.page.locator(".panel button").first)
        .first
    )
    here.keys.escape()


# -- search --------------------


@act("search everywhere")
def search(here: Place) -> None:
    here.keys.press("Control+k")
    here.keys.type(here.ben.username)
    here.keys.tab_to(here.page.locator(".results .person").first)
    here.keys.press("Control+k", "Escape")
    expect(here.page.locator(".results")).to_be_hidden()
    here.keys.shows()


def find_here(here: Place) -> Locator:
    """Finds a message of Ben's by the search in the conversation."""
    here.keys.press("Control+Shift+f")
    expect(here.page.locator(".panel input")).to_be_focused()
    here.keys.type("hello")
    hit = here.page.locator(".panel .hit", has_text="hello from Ben").first
    expect(hit).to_be_visible(timeout=PROCESSED_MS)
    return hit


@act("search in this conversation")
def search_here(here: Place) -> None:
    find_here(here)
    here.keys.escape()
    expect(here.field).to_be_focused()


@act("jump to a message that was found")
def jump(here: Place) -> None:
    here.keys.enter(find_here(here))
    expect(here.said("hello from Ben")).to_be_in_viewport()
    here.keys.shows()


@act("jump to a date")
def jump_to_date(here: Place) -> None:
    here.keys.details("Jump to a date")
    date = here.page.get_by_role("dialog").get_by_label("Date")
    expect(date).to_be_focused()
    here.page.keyboard.type("01012026")
    here.keys.press("Enter")
    expect(here.page.get_by_role("dialog")).to_have_count(0)
    here.keys.shows()


def long_conversation(here: Place) -> None:
    group = here.ann.group("Long", here.ben)
    for number in range(40):
        here.ben.say(group, f"line {number + 1}.")
    here.open(group)


@act("jump to the first unread message")
def jump_unread(here: Place) -> None:
    long_conversation(here)
    here.keys.press("Shift+PageDown")
    expect(here.said("line 40.")).to_be_in_viewport()
    here.keys.press("Shift+PageUp")
    expect(here.said("line 1.")).to_be_in_viewport()
    here.keys.shows()


@act("jump to the newest message")
def jump_newest(here: Place) -> None:
    long_conversation(here)
    here.keys.press("Shift+PageDown")
    expect(here.said("line 40.")).to_be_in_viewport()
    here.keys.shows()


# -- writing --------------------


@act("mention somebody")
def mention(here: Place) -> None:
    here.group("Mentions")
    here.keys.type("@ben")
    expect(here.page.get_by_role("option")).to_have_count(1)
    here.keys.press("Enter")
    expect(here.field).to_have_value(f"@{here.ben.username} ")
    here.field.fill("")


@act("write an emoji by its name")
def emoji_name(here: Place) -> None:
    here.keys.type(":tada")
    expect(here.page.get_by_role("option").first).to_be_visible()
    here.keys.press("Enter")
    expect(here.field).to_have_value("🎉 ")
    here.field.fill("")


@act("choose an emoji from the list")
def emoji_list(here: Place) -> None:
    here.keys.enter(here.page.get_by_role("button", name="Emoji", exact=True))
    picker = here.page.get_by_role("dialog", name="Emoji")
    expect(picker.get_by_role("searchbox")).to_be_focused()
    here.keys.press("ArrowDown")
    here.keys.shows()
    here.keys.press("ArrowRight", "Enter")
    expect(here.field).not_to_have_value("")
    expect(here.field).to_be_focused()
    here.field.fill("")


@act("write bold text")
def bold(here: Place) -> None:
    here.keys.type("**loud**")
    here.keys.press("Enter")
    expect(here.page.locator(".message strong", has_text="loud")).to_be_visible()


@act("keep a draft, switch away and come back")
def draft(here: Place) -> None:
    other = here.ann.group("Elsewhere")
    here.open(other)
    here.keys.type("not yet sent")
    here.keys.press("Alt+ArrowDown")
    expect(here.page.locator(".conversation-head h1")).not_to_have_text("Elsewhere")
    expect(here.field).to_be_focused()
    here.keys.press("Alt+ArrowUp")
    here.title("Elsewhere")
    expect(here.field).to_have_value("not yet sent")
    here.field.fill("")
