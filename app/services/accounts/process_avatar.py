"""Fetches or reads the picture of an avatar, and stores a small copy of it.

It is imported by the task that needs it, because requests takes 3 MiB.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urljoin

import requests
import urllib3
from redis import Redis
from sqlalchemy import Engine

from app.core.avatars import MAX_AVATAR_BYTES, MAX_AVATAR_PIXELS
from app.media.image_info import UnreadableError
from app.media.inspect_in_subprocess import CrashedError, inspect_in_subprocess
from app.media.signatures import HEAD_BYTES
from app.media.sniff import sniff
from app.media.staged_file import staged_file
from app.message_log import keys
from app.push.endpoint import EndpointRules, ForbiddenEndpointError, check_endpoint
from app.push.guarded_session import GuardedSession
from app.store import avatars as store
from app.store.avatars import WaitingAvatar
from app.store.engine import writing
from app.task_queue import enqueue_user_news

log = logging.getLogger(__name__)

FETCH_SECONDS = 10.0
LEASE_SECONDS = 170.0
# Without compression: the limit of bytes is then also the limit of the picture.
HEADERS = {"Accept": "image/*", "Accept-Encoding": "identity"}
MAX_REDIRECTS = 3
MAX_FAILURES = 3
PAUSE_SECONDS = 30.0
BUSY_SECONDS = 3.0
# Longer than the slowest resolver.
TURN_SECONDS = 120

FetchAvatar = Callable[[str], bytes]


class BusyError(Exception):
    """Another worker process fetches a picture."""


class NoPictureError(Exception):
    """The address has no picture that can be shown, and will have none later."""


def process_avatar(avatar_id: str, *, engine: Engine, fetch: FetchAvatar) -> None:
    """Makes the picture ``ready`` or ``failed``, or leaves it to the sweep. Safe to run twice."""
    with writing(engine) as conn:
        waiting = store.find_waiting(conn, avatar_id, LEASE_SECONDS)
    if waiting is None:
        return
    try:
        picture = _small_copy(waiting.original or fetch(waiting.source or ""))
    except (NoPictureError, ForbiddenEndpointError, UnreadableError, CrashedError) as error:
        _fail(waiting, error, engine=engine)
    except BusyError:
        with writing(engine) as conn:
            store.retry_later(conn, avatar_id, BUSY_SECONDS, failed=False)
    except (OSError, requests.RequestException, urllib3.exceptions.HTTPError) as error:
        _retry(waiting, error, engine=engine)
    else:
        with writing(engine) as conn:
            store.mark_ready(conn, avatar_id, picture)


class AvatarFetcher:
    """Fetches pictures from addresses that strangers gave: only public addresses, bounded in size, time and hops.

    One at a time in the whole deployment, so that slow hosts hold one worker process at most.
    """

    def __init__(self, *, redis: Redis, loopback: bool) -> None:
        self._redis = redis
        self._rules = EndpointRules(("*",), loopback=loopback)
        self._session = GuardedSession(
            loopback=loopback, connections=1, seconds=FETCH_SECONDS, answer_bytes=MAX_AVATAR_BYTES
        )

    def fetch(self, address: str) -> bytes:
        """Returns the bytes at this address. Raises NoPictureError, ForbiddenEndpointError; BusyError, OSError and the
        errors of requests and urllib3 if it may work later.
        """
        if not self._redis.set(keys.AVATAR_FETCH, "1", nx=True, ex=TURN_SECONDS):
            raise BusyError
        try:
            with self._session.deadlines.cut_after(FETCH_SECONDS + 1):
                return self._follow(address)
        finally:
            self._redis.delete(keys.AVATAR_FETCH)

    def _follow(self, address: str) -> bytes:
        for _ in range(MAX_REDIRECTS + 1):
            check_endpoint(address, self._rules)
            answer = self._session.get(address, headers=HEADERS, timeout=FETCH_SECONDS / 2)
            if answer.status_code not in (301, 302, 303, 307, 308):
                return self._body(answer)
            address = _joined(address, answer.headers.get("Location", ""))
        raise NoPictureError("too many redirects")

    @staticmethod
    def _body(answer: requests.Response) -> bytes:
        if answer.status_code >= 500 or answer.status_code == 429:
            raise requests.HTTPError(f"status {answer.status_code}")
        if answer.status_code != 200:
            raise NoPictureError(f"status {answer.status_code}")
        return answer.content


def _joined(address: str, location: str) -> str:
    """Returns where a redirect leads. Raises NoPictureError."""
    try:
        return urljoin(address, location)
    except ValueError:
        raise NoPictureError("redirects without an address") from None


def _small_copy(original: bytes) -> bytes:
    """Returns a JPEG without metadata. A subprocess decodes it, with bounded memory."""
    if len(original) > MAX_AVATAR_BYTES:
        raise NoPictureError("too large")
    sniffed = sniff(original[:HEAD_BYTES], "")
    if sniffed.kind != "image":
        raise NoPictureError(f"it is {sniffed.content_type}")
    with staged_file() as file:
        file.write(original)
        file.flush()
        image = inspect_in_subprocess(
            Path(file.name), sniffed.content_type, "image", max_pixels=MAX_AVATAR_PIXELS
        ).image
    if image is None:
        raise NoPictureError("no picture")
    return image.thumbnail


def _retry(waiting: WaitingAvatar, error: Exception, *, engine: Engine) -> None:
    if waiting.failures >= MAX_FAILURES:
        _fail(waiting, error, engine=engine)
        return
    log.info("avatar %s is fetched later: %s", waiting.id, type(error).__name__)
    with writing(engine) as conn:
        store.retry_later(conn, waiting.id, PAUSE_SECONDS * 2.0**waiting.failures, failed=True)


def _fail(waiting: WaitingAvatar, error: Exception, *, engine: Engine) -> None:
    log.info("avatar %s has no picture: %s", waiting.id, type(error).__name__)
    with writing(engine) as conn:
        losers = store.mark_failed(conn, waiting.id)
    for user_id in losers:
        enqueue_user_news(user_id)
