"""Encrypts the secrets of second factors with the first key of SECRET_KEYS, so that older keys can be removed."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Engine

from app.services.auth.one_time_codes import OneTimeCodes
from app.store import second_factors as store
from app.store.engine import reading, writing

AT_ONCE = 500


class Reencrypted(NamedTuple):
    """``unreadable`` users have a secret that no key of the deployment decrypts."""

    done: int
    unreadable: list[int]


def reencrypt_secrets(*, engine: Engine, codes: OneTimeCodes) -> Reencrypted:
    """Re-encrypts all secrets, while the deployment runs. Safe to repeat."""
    done, last, unreadable = 0, 0, list[int]()
    while True:
        with reading(engine) as conn:
            page = store.secrets_after(conn, last, AT_ONCE)
        if not page:
            return Reencrypted(done, unreadable)
        last = page[-1].user_id
        for row in page:
            sealed = codes.resealed(row.secret)
            if sealed is None:
                unreadable.append(row.user_id)
                continue
            with writing(engine) as conn:
                done += store.replace_secret(conn, row.user_id, row.secret, sealed)
