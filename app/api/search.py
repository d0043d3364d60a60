"""/api/v1/search: full-text search in messages."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from flask import Blueprint, Response
from msgspec import Meta, Struct

from app.api.caller import require_caller
from app.api.parsing import json_response, parse_query
from app.container import current_container, current_gateway
from app.core.commands import Id
from app.core.search import SearchFilter
from app.services.reading.search_messages import search_messages

blueprint = Blueprint("search", __name__, url_prefix="/api/v1")

Moment = Annotated[datetime, Meta(tz=True, description="RFC 3339, exclusive")]


class SearchQuery(Struct, frozen=True, rename="camel"):
    q: Annotated[str, Meta(min_length=1, max_length=200, description='Words; "a phrase"; -without; or')]
    conversation_id: Id | None = None
    sender_id: Id | None = None
    before: Moment | None = None
    after: Moment | None = None
    cursor: Annotated[str, Meta(max_length=64)] = ""
    limit: Annotated[int, Meta(ge=1, le=100)] = 20


@blueprint.get("/search")
def search() -> Response:
    caller = require_caller()
    query = parse_query(SearchQuery)
    which = SearchFilter(query.conversation_id, query.sender_id, query.before, query.after)
    found = search_messages(
        caller.user_id,
        query.q,
        which,
        query.cursor or None,
        query.limit,
        engine=current_container().engine,
        directs=current_gateway().reading.directs,
    )
    return json_response(found)
