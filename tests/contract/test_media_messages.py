"""Messages with media: every view shows the current state of the media, and deleting the message deletes them."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from tests.contract.conftest import Connect, MakeGroup, MakeRest
from tests.contract.expect import eventually, refused
from tests.support.clients import Account, EventClient, RestClient
from tests.support.media_files import image_bytes
from tests.support.processes import Stack

SendPicture = Callable[..., tuple[dict[str, Any], str]]


@pytest.fixture
def send_picture(rest: MakeRest) -> SendPicture:
    """Sends a message that names a fresh picture at once, and returns (the ack, the mediaId)."""

    def act(sender: Account, conversation_id: int, message: str = "look") -> tuple[dict[str, Any], str]:
        media_id = rest(sender).upload(conversation_id, image_bytes())["mediaId"]
        attachments = [{"mediaId": media_id}]
        ack = rest(sender).send(conversation_id=conversation_id, message=message, attachments=attachments)
        return ack, media_id

    return act


def shown(client: EventClient, message_id: str) -> dict[str, Any] | None:
    """Returns the latest view of a message that this client received."""
    names = ("receive_message", "message_updated")
    views = [e.data for e in list(client.events) if e.name in names and e.data["id"] == message_id]
    return views[-1] if views else None


def until_ready(client: EventClient, message_id: str) -> dict[str, Any]:
    def ready_view() -> dict[str, Any] | None:
        view = shown(client, message_id)
        return view if view and all(a["status"] == "ready" for a in view["attachments"]) else None

    return client.wait(ready_view, 15, "the picture")


def test_placeholder_becomes_the_picture_on_every_transport(
    connect: Connect, group: MakeGroup, send_picture: SendPicture, ann: Account, ben: Account, transport: str
) -> None:
    one = group(ann, ben)
    watcher, sender = connect(transport, ben), connect(transport, ann)
    ack, media_id = send_picture(ann, one, "a caption")
    view = until_ready(watcher, ack["id"])
    assert view["message"] == "a caption"
    [attachment] = view["attachments"]
    assert attachment["mediaId"] == media_id
    assert (attachment["kind"], attachment["width"], attachment["height"]) == ("image", 64, 48)
    assert {"contentType", "bytes", "blurhash", "filename"} <= set(attachment)
    sender.next_event("media_ready")


def test_media_keep_the_order_of_the_message(connect: Connect, rest: MakeRest, group: MakeGroup, ann: Account) -> None:
    one = group(ann)
    watcher = connect("ws", ann)
    ids = [rest(ann).upload(one, image_bytes(size=(20 + n, 20)))["mediaId"] for n in range(4)][::-1]
    ack = rest(ann).send(conversation_id=one, message="", attachments=[{"mediaId": i} for i in ids])
    assert [a["mediaId"] for a in until_ready(watcher, ack["id"])["attachments"]] == ids


def test_every_view_of_a_message_shows_the_current_state_of_its_media(
    connect: Connect, rest: MakeRest, group: MakeGroup, send_picture: SendPicture, ann: Account, ben: Account
) -> None:
    one = group(ann, ben)
    watcher = connect("ws", ann)
    ack, _ = send_picture(ann, one, "a zebra")
    until_ready(watcher, ack["id"])
    rest(ann).pin(ack["id"])
    reader = rest(ben)
    found = {
        "history": reader.history(one)["messages"],
        "unread": reader.fetch_unread()["messages"],
        "search": reader.json("GET", "/search", params={"q": "zebra"})["messages"],
        "pins": reader.json("GET", f"/conversations/{one}/pins")["messages"],
        "list": [c["lastMessage"] for c in reader.conversations()["conversations"]],
    }
    for where, messages in found.items():
        statuses = [a["status"] for m in messages if m["id"] == ack["id"] for a in m["attachments"]]
        assert statuses == ["ready"], where


@pytest.mark.parametrize("seen", [True, False], ids=["after the message", "before the message"])
def test_resume_reports_media_that_became_ready(
    connect: Connect, rest: MakeRest, group: MakeGroup, ann: Account, ben: Account, transport: str, seen: bool
) -> None:
    one = group(ann, ben)
    watcher, sender = connect(transport, ben), connect("ws", ann)
    watcher.fence()
    cursor = watcher.cursor
    if not seen:
        watcher.kill()
    media_id = rest(ann).upload(one, image_bytes())["mediaId"]
    ack = rest(ann).send(conversation_id=one, attachments=[{"mediaId": media_id}])
    until_ready(sender, ack["id"])
    eventually(lambda: settled(rest(ann), one, ack["id"]), "the medium to be stored")
    if seen:
        watcher.kill()
    watcher.events.clear()
    watcher._taken.clear()
    watcher.join(cursor)
    assert until_ready(watcher, ack["id"])["attachments"][0]["mediaId"] == media_id
    assert watcher.next_event("media_ready").data["mediaId"] == media_id
    assert len(watcher.messages(one)) == 1


def settled(reader: RestClient, conversation_id: int, message_id: str) -> bool:
    [message] = [m for m in reader.history(conversation_id)["messages"] if m["id"] == message_id]
    return all(a["status"] == "ready" for a in message["attachments"])


def test_edit_keeps_the_media_and_may_remove_the_caption(
    connect: Connect, rest: MakeRest, group: MakeGroup, send_picture: SendPicture, ann: Account
) -> None:
    watcher = connect("ws", ann)
    ack, media_id = send_picture(ann, group(ann), "a caption")
    rest(ann).edit(ack["id"], "")
    view = until_ready(watcher, ack["id"])
    updated = watcher.wait(
        lambda: (view := shown(watcher, ack["id"])) and (view if view["message"] == "" else None), 10, "the edit"
    )
    assert [a["mediaId"] for a in updated["attachments"]] == [media_id]
    assert view["attachments"]


def test_edits_during_processing_keep_text_and_picture(
    connect: Connect, rest: MakeRest, group: MakeGroup, ann: Account, ben: Account
) -> None:
    one = group(ann, ben)
    watcher = connect("ws", ben)
    sender = rest(ann)
    for n in range(6):
        ids = [sender.upload(one, image_bytes(size=(200, 100)))["mediaId"] for _ in range(2)]
        ack = sender.send(conversation_id=one, message="first", attachments=[{"mediaId": i} for i in ids])
        for k in range(4):
            sender.edit(ack["id"], f"text {n}.{k}")
        last = watcher.wait(lambda ack=ack, n=n: final(watcher, ack["id"], f"text {n}.3"), 30, "text and pictures")
        assert [a["mediaId"] for a in last["attachments"]] == ids


def final(client: EventClient, message_id: str, message: str) -> dict[str, Any] | None:
    view = shown(client, message_id)
    ready = view is not None and all(a["status"] == "ready" for a in view["attachments"])
    return view if view is not None and ready and view["message"] == message else None


# -- attaching --------------------


def test_only_own_media_of_this_conversation_can_be_attached(
    rest: MakeRest, group: MakeGroup, ann: Account, ben: Account
) -> None:
    one, other = group(ann, ben), group(ann, ben)
    mine, theirs = rest(ann).upload(one, image_bytes()), rest(ben).upload(one, image_bytes())
    elsewhere = rest(ann).upload(other, image_bytes())
    for media_id in (theirs["mediaId"], elsewhere["mediaId"], str(uuid.uuid4())):
        with refused("invalid") as caught:
            rest(ann).send(conversation_id=one, attachments=[{"mediaId": mine["mediaId"]}, {"mediaId": media_id}])
        assert caught.value.data["errors"] == [{"field": "attachments[1].mediaId", "message": "no such media"}]
    assert [m["kind"] for m in rest(ben).fetch_unread(conversation_id=one)["messages"]] == ["system"]


def test_repeated_send_with_media_is_the_same_message(rest: MakeRest, group: MakeGroup, ann: Account) -> None:
    one = group(ann)
    media_id = rest(ann).upload(one, image_bytes())["mediaId"]
    id_ = str(uuid.uuid4())
    sent = [rest(ann).send(id=id_, conversation_id=one, attachments=[{"mediaId": media_id}]) for _ in range(3)]
    assert len({ack["seq"] for ack in sent}) == 1


def test_medium_attached_twice_appears_once(rest: MakeRest, group: MakeGroup, ann: Account) -> None:
    one = group(ann)
    media_id = rest(ann).upload(one, image_bytes())["mediaId"]
    rest(ann).send(conversation_id=one, attachments=[{"mediaId": media_id}, {"mediaId": media_id.upper()}])
    assert len(rest(ann).history(one)["messages"][-1]["attachments"]) == 1


# -- deleting and forwarding --------------------


@pytest.fixture
def kept(server: Stack) -> Callable[[str], list[str]]:
    """Returns the names of a medium's files."""
    directory = Path(server.env["MEDIA_DIR"])
    return lambda media_id: sorted(path.name for path in directory.rglob(f"{media_id}*"))


Kept = Callable[[str], list[str]]


def test_deleting_the_message_for_everyone_deletes_the_asset(
    connect: Connect, rest: MakeRest, group: MakeGroup, send_picture: SendPicture, kept: Kept, stored: Engine,
    ann: Account, ben: Account,
) -> None:  # fmt: skip
    one = group(ann, ben)
    watcher = connect("ws", ben)
    ack, media_id = send_picture(ann, one)
    until_ready(watcher, ack["id"])
    assert len(kept(media_id)) == 2
    rest(ben).delete(ack["id"], scope="me")
    rest(ann).delete(ack["id"])
    eventually(lambda: kept(media_id) == [], "the removal", 30)
    for reader in (ann, ben):
        with refused("not_found"):
            rest(reader).media_url(media_id)
    with refused("invalid"):
        rest(ann).send(conversation_id=one, attachments=[{"mediaId": media_id}])
    with stored.connect() as connection:
        state = connection.execute(text("SELECT state FROM media WHERE id = :i"), {"i": media_id}).scalar()
    assert state == "deleting"  # stays "deleting" until no late upload of it can arrive


def test_medium_stays_while_another_message_uses_it(
    connect: Connect, rest: MakeRest, group: MakeGroup, send_picture: SendPicture, kept: Kept, ann: Account
) -> None:
    one = group(ann)
    watcher = connect("ws", ann)
    first, media_id = send_picture(ann, one)
    until_ready(watcher, first["id"])
    second = rest(ann).send(conversation_id=one, attachments=[{"mediaId": media_id}])
    rest(ann).delete(first["id"])
    assert rest(ann).media_url(media_id)
    rest(ann).delete(second["id"])
    eventually(lambda: kept(media_id) == [], "the removal", 30)


def test_forward_gives_its_receivers_access_to_the_media(
    connect: Connect, rest: MakeRest, group: MakeGroup, send_picture: SendPicture, kept: Kept,
    ann: Account, ben: Account, eve: Account,
) -> None:  # fmt: skip
    one, other = group(ann, ben), group(ben, eve)
    watcher = connect("ws", eve)
    ack, media_id = send_picture(ann, one)
    with refused("not_found"):
        rest(eve).media_url(media_id)
    passed_on = rest(ben).send(conversation_id=other, message="", forward={"id": ack["id"]})
    view = until_ready(watcher, passed_on["id"])
    assert [a["mediaId"] for a in view["attachments"]] == [media_id]
    assert rest(eve).media_url(media_id)
    rest(ann).delete(ack["id"])
    assert rest(eve).media_url(media_id)
    rest(ben).delete(passed_on["id"])
    eventually(lambda: kept(media_id) == [], "the removal", 30)
    with refused("invalid"):
        rest(ben).send(conversation_id=other, forward={"id": ack["id"]}, attachments=[{"mediaId": media_id}])
