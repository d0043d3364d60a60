"""The rules for notifying devices and for the next check, over all situations."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.push_rules import OLD_MS, QuietHours, RecipientState, decide, is_quiet

NOW = 1_800_000_000_000
CONFIRM = 10_000

situations = st.builds(
    lambda newest, age, delivered, waited, online, quiet, active: RecipientState(
        newest, NOW - age, delivered, 0, NOW - age - waited if delivered < newest else 0, online, quiet, active
    ),
    newest=st.integers(0, 5),
    age=st.one_of(st.integers(0, 30_000), st.integers(OLD_MS - 5, OLD_MS + 5)),
    delivered=st.integers(0, 5),
    waited=st.integers(0, 20_000),
    online=st.booleans(),
    quiet=st.booleans(),
    active=st.booleans(),
)


@given(situations)
def test_only_unread_recent_messages_outside_quiet_hours_notify(at: RecipientState) -> None:
    verdict = decide(at, now_ms=NOW, confirm_ms=CONFIRM)
    if verdict.notify != "none":
        assert at.newest
        assert NOW - at.newest_ms <= OLD_MS
        assert not at.quiet
    worth = bool(at.newest) and NOW - at.newest_ms <= OLD_MS and not at.quiet
    assert (verdict.reason in ("nothing unread", "old", "quiet hours")) == (not worth)


@given(situations.filter(lambda at: at.newest and not at.quiet and NOW - at.newest_ms <= OLD_MS))
def test_offline_user_is_notified_of_undelivered_messages_at_once(at: RecipientState) -> None:
    verdict = decide(at._replace(online=False), now_ms=NOW, confirm_ms=CONFIRM)
    if at.delivered < at.newest:
        assert verdict == ("all", 0, "")
    else:
        assert verdict == ("idle" if at.while_active else "none", 0, "delivered")


@given(situations.filter(lambda at: at.newest and not at.quiet and NOW - at.newest_ms <= OLD_MS))
def test_edit_that_names_an_offline_user_notifies_whatever_was_delivered(at: RecipientState) -> None:
    named = at._replace(named=at.newest)
    assert decide(named._replace(online=False), now_ms=NOW, confirm_ms=CONFIRM) == ("all", 0, "")
    live, before = named._replace(online=True), at._replace(online=True)
    assert decide(live, now_ms=NOW, confirm_ms=CONFIRM) == decide(before, now_ms=NOW, confirm_ms=CONFIRM)


@given(situations.filter(lambda at: at.newest and not at.quiet and NOW - at.newest_ms <= OLD_MS))
def test_online_user_is_notified_only_after_the_confirm_time(at: RecipientState) -> None:
    at = at._replace(online=True)
    verdict = decide(at, now_ms=NOW, confirm_ms=CONFIRM)
    overdue = at.delivered < at.newest and at.waiting_since_ms + CONFIRM <= NOW
    assert (verdict.notify == "all") == overdue
    if verdict.again_ms:
        assert verdict.again_ms == at.waiting_since_ms + CONFIRM > NOW
        later = decide(at, now_ms=verdict.again_ms, confirm_ms=CONFIRM)
        assert later.notify == "all" or later.reason == "old"
    assert at.while_active or verdict.notify != "idle"


@given(
    st.integers(0, 1439),
    st.integers(0, 1439),
    st.integers(0, 2 * 366 * 1440),
    st.sampled_from(("UTC", "Asia/Kolkata", "America/New_York", "Pacific/Apia")),
)
def test_quiet_hours_follow_the_users_local_time(start: int, length: int, later: int, zone: str) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=later)
    local = at.astimezone(ZoneInfo(zone))
    minute = local.hour * 60 + local.minute
    expected = (minute - start) % 1440 < length
    hours = QuietHours(start, (start + length) % 1440, zone)
    assert is_quiet(hours, int(at.timestamp() * 1000)) == expected


@pytest.mark.parametrize("zone", ["Nowhere/Atall", "", "../UTC"])
def test_unknown_time_zone_counts_as_utc(zone: str) -> None:
    noon = int(datetime(2026, 6, 1, 12, tzinfo=UTC).timestamp() * 1000)
    assert is_quiet(QuietHours(660, 780, zone), noon)
    assert not is_quiet(QuietHours(660, 720, zone), noon)
