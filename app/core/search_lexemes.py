"""The form of terms in the search index, and of queries for it.

The index is divided into buckets of messages that were sent one after the other. Each lexeme begins with the key of its
bucket, so a look-up reads the entries of one bucket only, and costs the same however many messages there are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from app.core.links import has_link
from app.core.search_query import Condition, Query
from app.core.search_terms import terms_of

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~"  # ascending
_KEY_DIGITS = 4
_FIRST_BUCKET = -(64**_KEY_DIGITS) // 2
_KEY = "\x1f"  # stands for the key in a query for any bucket; no term contains it
MAX_TERM_BYTES = 200_000  # of one message; the further terms of a longer text are not indexed

_NEEDS_QUOTING = re.compile(r"(['\\])")


def bucket_key(bucket: int) -> str:
    """Returns a text of four characters. Newer buckets have greater ones."""
    number = bucket - _FIRST_BUCKET
    digits = []
    for _ in range(_KEY_DIGITS):
        number, digit = divmod(number, 64)
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))


def in_conversation(conversation_id: int) -> str:
    return f"\x01c{conversation_id}"


def by_sender(sender_id: int) -> str:
    return f"\x01s{sender_id}"


def has_kind(kind: str) -> str:
    return f"\x01h{kind}"


def kinds_in(body: str, media_kinds: Iterable[str]) -> set[str]:
    """Returns which kinds of content (search.Kind) a message has. Everything uploaded is a file."""
    media = set(media_kinds)
    return media | ({"file"} if media else set()) | ({"link"} if has_link(body) else set())


def lexemes_of(text: str, *, bucket: int, conversation_id: int, sender_id: int, kinds: Iterable[str]) -> list[str]:
    """Returns the lexemes of a message."""
    markers = {in_conversation(conversation_id), by_sender(sender_id), *map(has_kind, kinds)}
    key = bucket_key(bucket)
    return [key + term for term in (*markers, *_bounded(sorted(terms_of(text))))]


def _bounded(terms: list[str]) -> Iterable[str]:
    size = 0
    for term in terms:
        size += len(term.encode())
        if size > MAX_TERM_BYTES:
            return
        yield term


def tsquery_of(query: Query, markers: Iterable[Iterable[str]]) -> str:
    """Returns a query for Postgres without the key of a bucket. Of each group of ``markers``, one must be there.

    Returns "" if nothing is required.
    """
    parts = ["(" + " | ".join(map(_quoted, group)) + ")" for group in markers]
    for group in query.required:
        units = [" & ".join(map(_condition, unit.conditions)) for unit in group]
        parts.append("(" + " | ".join(f"({unit})" for unit in units) + ")")
    return " & ".join(parts)


def in_bucket(tsquery: str, bucket: int) -> str:
    """Returns the query for one bucket."""
    return tsquery.replace(_KEY, bucket_key(bucket))


def _condition(condition: Condition) -> str:
    terms = (_quoted(term.text) + (":*" if term.beginning else "") for term in condition)
    return "(" + " | ".join(terms) + ")"


def _quoted(term: str) -> str:
    return "'" + _KEY + _NEEDS_QUOTING.sub(r"\1\1", term) + "'"
