"""Turns the texts of the environment into the values of settings."""

from __future__ import annotations

from collections.abc import Callable


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
