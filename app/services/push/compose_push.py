"""What claimed notifications say, as everything is at the moment of sending: the newest message, the true counts; or
that there is nothing to say any more.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Engine

from app.core.push_notice import Clear, Message, Notice, notice_of, strictest, tag_of
from app.core.push_rules import OLD_MS, decide
from app.core.times import rfc3339
from app.push.provider import Address, Outgoing
from app.services.push.plan_notifications import situation
from app.store.engine import reading
from app.store.push_deliveries import Delivery, Ended, State
from app.store.push_facts import PushFacts, load_facts, load_unread


class Composed(NamedTuple):
    """``ready``: to be sent, with the seq it tells up to. ``needless``: ends without."""

    ready: list[tuple[Delivery, Outgoing, int]]
    needless: list[Ended]


def compose(engine: Engine, deliveries: Sequence[Delivery], *, preview: str) -> Composed:
    """``preview``: the most that the deployment shows. Raise Overloaded."""
    with reading(engine) as connection:
        facts = load_facts(connection, [(one.user_id, one.conversation_id) for one in deliveries])
        unread = load_unread(connection, [one.user_id for one in deliveries])
    now_ms = int(time.time() * 1000)
    composed = Composed([], [])
    for one in deliveries:
        known = facts.get((one.user_id, one.conversation_id))
        needless = why_not(one, known, now_ms)
        if needless is not None:
            composed.needless.append(Ended(one, *needless, one.seq))
        else:
            payload = _payload(one, known, unread[one.user_id], preview)
            told = payload.seq if isinstance(payload, Notice) else one.seq
            composed.ready.append((one, Outgoing(_address(one), payload, _ttl(known, one, now_ms)), told))
    return composed


def why_not(one: Delivery, facts: PushFacts | None, now_ms: int) -> tuple[State, str] | None:
    """Why this one is not to be sent any more."""
    if one.platform is None:
        return "dropped", "no target"
    if one.kind == "clear":
        return _why_not_clear(one, facts.newest if facts is not None else 0)
    if facts is None:
        return "dropped", "nothing unread"
    if facts.newest and facts.newest <= one.shown:
        return "dropped", "shown"
    at = situation(facts, online=False, now_ms=now_ms)
    verdict = decide(at, now_ms=now_ms, confirm_ms=0)
    if verdict.tell == "nobody":
        return "expired" if verdict.reason == "old" else "dropped", verdict.reason
    return None


def _why_not_clear(one: Delivery, newest: int) -> tuple[State, str] | None:
    if newest > one.shown:
        return "dropped", "unread again"
    return None if one.shown else ("dropped", "nothing shown")


def _payload(one: Delivery, facts: PushFacts | None, unread: dict[int, int], preview: str) -> Notice | Clear:
    badge = sum(unread.values())
    if one.kind == "clear" or facts is None:
        return Clear(one.conversation_id, tag_of(one.conversation_id), badge)
    return notice_of(
        _message(facts),
        preview=strictest(preview, facts.preview),
        unread=unread.get(one.conversation_id, 0),
        badge=badge,
    )


def _message(facts: PushFacts) -> Message:
    attached = facts.attachments[0].get("kind", "file") if facts.attachments else None
    return Message(
        conversation_id=facts.conversation_id,
        id=facts.message_id or "",
        seq=facts.newest,
        sender_id=facts.sender_id or 0,
        sender=facts.sender or "",
        group=facts.group,
        text=facts.text,
        attached=attached,
        sent_at=rfc3339(facts.sent_ms or 0),
    )


def _address(one: Delivery) -> Address:
    return Address(one.user_id, one.target_id, one.platform or "", one.host, one.address, one.p256dh, one.auth)


def _ttl(facts: PushFacts | None, one: Delivery, now_ms: int) -> int:
    """What is left of the day after which a message is old."""
    if one.kind == "clear" or facts is None:
        return OLD_MS // 1000
    return max(1, (OLD_MS - (now_ms - (facts.sent_ms or now_ms))) // 1000)
