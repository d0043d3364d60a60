"""A group is shown with Redis' state, but never as newer than the messages that are shown with it."""

from __future__ import annotations

import pytest
from redis import Redis

from app.message_log.conversations import GroupNow
from app.message_log.shards import Shards
from app.services.reading import replay_groups


def test_message_that_arrives_between_the_two_reads_does_not_count_in_last_seq(monkeypatch: pytest.MonkeyPatch) -> None:
    now = GroupNow({"name": "Orders anew"}, 2, [(1, "owner", 2, 2), (2, "member", 2, 2)], last_seq=2)
    monkeypatch.setattr(replay_groups, "group_now", lambda *_: now)
    read_before = {"id": 7, "kind": "group", "name": "Orders", "lastSeq": 1, "unread": 0, "lastMessage": {"seq": 1}}
    view = replay_groups.group_now_over(read_before, shards=Shards([Redis()]))
    assert view["lastSeq"] == view["lastMessage"]["seq"] == 1
    assert (view["name"], view["memberCount"]) == ("Orders anew", 2)
