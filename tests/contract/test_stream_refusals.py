"""Streams: commands that are refused, and people who may not write."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.contract.conftest import Connect, MakeRest
from tests.contract.expect import refused
from tests.contract.expect_groups import one
from tests.contract.expect_streams import Writer, by, stop
from tests.support.clients import Account

__all__ = ["by"]


def test_writer_of_a_read_only_group_must_lead_it_for_each_append(
    rest: MakeRest, made: int, ann: Account, ben: Account
) -> None:
    member, owner = Writer(rest(ben), made), Writer(rest(ann), made)
    member.append("before")
    rest(ann).change(made, readOnly=True)
    with refused("forbidden"):
        member.append(" after")
    owner.append("still here")
    rest(ann).change(made, readOnly=False)
    member.append(" again", start=6)
    assert [one(rest(ann), made, seq)["message"] for seq in (2, 3)] == ["before again", "still here"]


def test_strangers_and_other_members_cannot_write(
    rest: MakeRest, connect: Connect, made: int, ann: Account, ben: Account, eve: Account
) -> None:
    writer = Writer(rest(ann), made)
    for who, code in ((ben, "forbidden"), (eve, "not_found")):
        for path, body in (("append", {"from": 0, "text": "x"}), ("end", {})):
            with refused(code):
                rest(who).request("POST", f"/streams/{writer.id}/{path}", json=body)
    with refused("not_found"):
        stop(rest(eve), writer.id)
    with refused("not_found"):
        Writer(rest(eve), made)
    with refused("conflict"):  # the id of an open stream, in another conversation
        Writer(rest(eve), rest(eve).group()["id"], id=writer.id)
    assert Writer(rest(ann), made, id=writer.id).started == writer.started
    writer.append("x")
    assert one(rest(ben), made, 2)["message"] == "x"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"from": 0}, "invalid"),
        ({"text": "x"}, "invalid"),
        ({"from": -1, "text": "x"}, "invalid"),
        ({"from": "0", "text": "x"}, "invalid"),
        ({"from": 0, "text": 1}, "invalid"),
        ({"from": 0, "text": "\x00"}, "invalid"),
        ({"from": 0, "text": "x" * 8001}, "too_large"),
        ({"from": 2, "text": "x" * 7999}, "too_large"),
        ({"from": 3, "text": "x"}, "conflict"),
    ],
)
def test_bad_text_is_refused(by: Any, rest: MakeRest, made: int, ann: Account, body: Any, code: str) -> None:
    writer = Writer(by(ann), made)
    writer.append("ab")
    with refused(code):
        if writer.over_rest:
            writer.client.request("POST", f"/streams/{writer.id}/append", json=body)
        else:
            writer.client.command("append_stream", {"id": writer.id, **body})
    assert one(rest(ann), made, 2)["message"] == "ab"


def test_bad_starts_ends_and_stops_are_refused(by: Any, rest: MakeRest, made: int, ann: Account) -> None:
    client = by(ann)
    for more, code in (
        ({"kind": "system"}, "invalid"),
        ({"kind": "B a d"}, "invalid"),
        ({"id": "no uuid"}, "invalid"),
        ({"metadata": {"a": "x" * 5000}}, "too_large"),
        ({"receiverId": ann.user_id}, "invalid"),
        ({"senderId": ann.user_id + 1}, "unauthorized"),
    ):
        with refused(code):
            Writer(client, made, **more)
    writer = Writer(client, made)
    with refused("too_large"):
        writer.end(message="x" * 8001)
    with refused("invalid"):
        writer.end(message="\x00")
    writer.id = str(uuid.uuid4())
    for act in (lambda: writer.append("x"), writer.end, lambda: stop(rest(ann), writer.id)):
        with refused("not_found"):
            act()
    plain = rest(ann).send(conversation_id=made, message="no stream")
    writer.id = plain["id"]
    with refused("stopped"):
        writer.append("x")
    assert stop(rest(ann), plain["id"])["seq"] == plain["seq"]
