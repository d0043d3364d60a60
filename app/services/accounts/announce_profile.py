"""Announces a user's new name, avatar or status, or the end of their account, to everybody who sees them.

Users who are offline get the present state on resume (services/reading/changed_people.py). So a lost announcement does
no lasting harm, and nothing is stored for each recipient.

A user may share conversations with a hundred thousand people. A worker therefore collects them, in the order of
conversations; Several changes in a row are announced once, and changes of a well-known user at most every
``PAUSE_SECONDS``.
"""

from __future__ import annotations

import logging

from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import Engine

from app.fanout.announcements import announce_user
from app.fanout.presence import online_among
from app.message_log import keys
from app.services.reading.changed_people import changed_view
from app.store import changed_people as store
from app.store.engine import reading
from app.store.visibility import presence_viewers
from app.task_queue import enqueue_user_news

log = logging.getLogger(__name__)

# Changes that follow within this time are announced together.
GATHER_SECONDS = 0.2
WAITING_SECONDS = 60
CONVERSATIONS_AT_ONCE = 20
VIEWERS_AT_ONCE = 1000
WELL_KNOWN, PAUSE_SECONDS = 2_000, 30


def announce_profile_soon(redis: Redis, user_id: int) -> None:
    """Lets a worker announce the profile, unless one is about to do so. Never raises, because resuming sessions get
    lost announcements.
    """
    try:
        if redis.set(keys.user_news(user_id), "1", nx=True, ex=WAITING_SECONDS):
            left_ms = int(redis.pttl(keys.user_news_pause(user_id)))
            enqueue_user_news(user_id, seconds=max(GATHER_SECONDS, left_ms / 1000))
    except RedisError as error:
        log.warning("a new profile was not announced: %s", type(error).__name__)


def announce_profile(user_id: int, *, engine: Engine, redis: Redis) -> None:
    """Sends the present profile to the sessions that are online. Safe to repeat. Raises Overloaded, RedisError."""
    redis.delete(keys.user_news(user_id))  # first: a change from now on needs another announcement
    with reading(engine) as conn:
        user = store.get_changed(conn, user_id)
        conversations = store.conversations_of(conn, user_id)
    if user is None:
        return
    known = _online_members(user_id, conversations, engine=engine, redis=redis)
    seeing = _who_see_presence(user_id, known, engine=engine)
    blind = [viewer for viewer in known if viewer not in seeing]
    announce_user(redis, user_id, changed_view(user, presence=True), list(seeing), presence=True)
    announce_user(redis, user_id, changed_view(user, presence=False), blind, presence=False)


def _who_see_presence(user_id: int, viewers: list[int], *, engine: Engine) -> set[int]:
    seeing: set[int] = set()
    for n in range(0, len(viewers), VIEWERS_AT_ONCE):
        with reading(engine) as conn:
            seeing |= presence_viewers(conn, user_id, viewers[n : n + VIEWERS_AT_ONCE])
    return seeing


def _online_members(user_id: int, conversations: list[int], *, engine: Engine, redis: Redis) -> list[int]:
    seen = {user_id}
    found = online_among(redis, [user_id])
    for n in range(0, len(conversations), CONVERSATIONS_AT_ONCE):
        with reading(engine) as conn:
            members = set(store.members_of(conn, conversations[n : n + CONVERSATIONS_AT_ONCE])) - seen
        seen |= members
        found += online_among(redis, list(members))
    if len(seen) > WELL_KNOWN:
        redis.set(keys.user_news_pause(user_id), "1", ex=PAUSE_SECONDS)
    return found
