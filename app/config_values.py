"""Turns the texts of the environment into the values of settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from app.redis_addresses import split_addresses


def read_addresses(env: Mapping[str, str]) -> dict[str, object]:
    """Returns the settings that contain addresses of stores, and those that are derived from them."""
    shard_urls = split_addresses(env.get("REDIS_SHARD_URLS", ""))
    redis_url = env.get("REDIS_URL", "").strip() or next(iter(shard_urls), "")
    values: dict[str, object] = {
        "database_url": normalise_database_url(env.get("DATABASE_URL", "").strip()),
        "database_replica_url": normalise_database_url(env.get("DATABASE_REPLICA_URL", "").strip()),
        "redis_url": redis_url,
        "redis_shard_urls": shard_urls,
        "broker_url": env.get("CELERY_BROKER_URL", "").strip() or redis_url,
    }
    return values | ({"shards": len(shard_urls)} if shard_urls and "SHARDS" not in env else {})


def normalise_database_url(url: str) -> str:
    """Replaces ``postgres://`` (Heroku's form) and ``postgresql://`` by SQLAlchemy's ``postgresql+psycopg://``."""
    for scheme in ("postgres://", "postgresql://"):
        if url.startswith(scheme):
            return "postgresql+psycopg://" + url.removeprefix(scheme)
    return url


def parse_flag(value: str) -> bool:
    return value.strip().lower() in {"1", "true", "yes", "on"}


def parse_list(value: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in value.split(",") if part.strip())


def parse(kind: str, raw: str) -> object:
    """Returns the value of a setting of this type. Raises ValueError."""
    parsers: dict[str, Callable[[str], object]] = {
        "int": int,
        "float": float,
        "bool": parse_flag,
        "tuple[str, ...]": parse_list,
        "str": str,
    }
    return parsers[kind](raw)
