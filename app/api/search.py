"""/api/v1/search: full-text search in messages."""

from __future__ import annotations

from typing import Annotated

from flask import Blueprint, Response
from msgspec import Meta, Struct

from app.api.caller import require_caller
from app.api.parsing import json_response, parse_query
from app.container import current_container, current_gateway
from app.core.commands import Id
from app.core.search import SearchFilter, parse_kinds
from app.core.times import ms_of_time
from app.services.reading.search_messages import search_messages

blueprint = Blueprint("search", __name__, url_prefix="/api/v1")

Moment = Annotated[
    str, Meta(max_length=40, description="RFC 3339, or a date: the beginning of that day in UTC. Exclusive")
]


class SearchQuery(Struct, frozen=True, rename="camel"):
    """``q`` may be missing if ``senderId`` or ``has`` selects messages."""

    q: Annotated[str, Meta(max_length=200, description='Words; "a phrase"; -without; or')] = ""
    conversation_id: Id | None = None
    sender_id: Id | None = None
    has: Annotated[str, Meta(max_length=40, description="file, image, audio, video, link: all of these")] = ""
    before: Moment = ""
    after: Moment = ""
    cursor: Annotated[str, Meta(max_length=80)] = ""
    limit: Annotated[int, Meta(ge=1, le=100)] = 20


@blueprint.get("/search")
def search() -> Response:
    caller = require_caller()
    query = parse_query(SearchQuery)
    which = SearchFilter(
        query.conversation_id,
        query.sender_id,
        _ms("before", query.before),
        _ms("after", query.after),
        parse_kinds(query.has),
    )
    found = search_messages(
        caller.user_id,
        query.q,
        which,
        query.cursor or None,
        query.limit,
        store_reads=current_container().store_reads,
        directs=current_gateway().reading.directs,
    )
    return json_response(found)


def _ms(field: str, text: str) -> int | None:
    """Returns None if the parameter is missing or empty. Raises Invalid."""
    return ms_of_time(text, field, needs_zone=True) if text else None
