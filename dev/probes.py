"""Checks that stores given by URL answer. A StartError is one line and contains no password."""

from __future__ import annotations

from urllib.parse import urlsplit

import psycopg
import redis

from app.config import Settings
from app.redis_connections import connect_redis
from dev.processes import StartError

ANSWER_SECONDS = 5


def check_postgres(url: str) -> None:
    try:
        psycopg.connect(_plain(url), connect_timeout=ANSWER_SECONDS).close()
    except psycopg.Error as error:
        raise StartError(
            f"the database in DATABASE_URL ({_where(url)}) does not answer: {_first_line(error)}"
        ) from None


def existing(url: str, names: tuple[str, ...]) -> dict[str, int]:
    """Returns the existing users among ``names``, with their ids."""
    with psycopg.connect(_plain(url), connect_timeout=ANSWER_SECONDS) as connection:
        found = connection.execute("SELECT username, id FROM users WHERE username = ANY(%s)", (list(names),))
        return dict(sorted(found.fetchall()))


def check_redis(url: str) -> None:
    """Any certificate will do here: the processes verify it themselves."""
    settings = Settings("development", "", url, url, "", redis_tls_verify=False)
    try:
        with connect_redis(settings, timeout_seconds=ANSWER_SECONDS) as client:
            client.ping()
    except (redis.RedisError, ValueError) as error:
        raise StartError(f"the Redis in REDIS_URL ({_where(url)}) does not answer: {_first_line(error)}") from None


def _plain(url: str) -> str:
    """Returns the URL as libpq reads it, without SQLAlchemy's ``+psycopg``."""
    return "postgresql" + url[url.find("://") :] if "://" in url else url


def _where(url: str) -> str:
    parts = urlsplit(url)
    return parts.netloc.rpartition("@")[2] or parts.path


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
