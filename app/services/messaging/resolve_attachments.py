"""Media that a message comes with: its sender's own, uploaded into the conversation.

One that failed may be named like one that is about to, and shows as failed: a sender cannot know which it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.core.commands import Attachment
from app.core.errors import Invalid
from app.services.messaging.message_path import MessagePath
from app.services.reading.media_json import attachment_view
from app.store import media as store
from app.store.engine import reading
from app.store.media import StoredMedia


def resolve_attachments(
    path: MessagePath, user_id: int, conversation_id: int, attachments: Sequence[Attachment]
) -> list[dict[str, Any]]:
    """As the members are shown them now. May block. Raise Invalid, Overloaded.

    What is another's, elsewhere or not there at all is one and the same answer: ids cannot be tried out.
    """
    ids = list(dict.fromkeys(attachment.media_id.lower() for attachment in attachments))
    if not ids:
        return []
    with reading(path.engine) as connection:
        found = store.get_many(connection, ids)
    for n, id_ in enumerate(ids):
        _check(found.get(id_), user_id, conversation_id, f"attachments[{n}].mediaId")
    return [attachment_view(found[id_]) for id_ in ids]


def _check(row: StoredMedia | None, user_id: int, conversation_id: int, field: str) -> None:
    if row is None or row.user_id != user_id or row.conversation_id != conversation_id:
        raise Invalid.field(field, "no such media")
    if row.state not in ("processing", "ready", "failed"):
        raise Invalid.field(field, "no such media")
