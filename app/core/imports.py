"""The lines of an import, and answers about it.

A line has the fields of the request for one object (host_users.py, host_conversations.py, host_messages.py), a ``type``
and, for a message, the time at which it was sent.
"""

from __future__ import annotations

import hashlib
import uuid
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from app.core.answer_base import Answer
from app.core.commands import ExternalId, Time
from app.core.errors import Invalid
from app.core.host_conversations import HostConversationPatch
from app.core.host_messages import HostSend
from app.core.host_users import HostUser
from app.core.invalid_input import UNDECODABLE, invalid_from, refuse_nul
from app.core.times import ms_of_time
from app.core.unknown_fields import take_unknown

MAX_ERRORS = 100  # of one import; nothing is checked after them
MAX_LINE_BYTES = 1024 * 1024
# The clocks of host and server may differ by this much. Messages with a later time are refused.
HOST_CLOCK_AHEAD_MS = 60_000
LINE = "line"  # the field that errors name if no single field is wrong

# Messages that are imported into new conversations have versions of their own, in the order of their times. All of
# them are below those of the log, which are microseconds (message_log/lua/log.lua), so nobody who resumes gets them.
VERSIONS_PER_MS = 512

State = Literal["pending", "checking", "running", "done", "failed"]


class UserLine(HostUser, tag_field="type", tag="user", frozen=True, kw_only=True):
    pass


class ConversationLine(HostConversationPatch, tag_field="type", tag="conversation", frozen=True, kw_only=True):
    external_id: ExternalId


class MessageLine(HostSend, tag_field="type", tag="message", frozen=True, kw_only=True, rename="camel"):
    """``sentAt`` needs a time zone."""

    sent_at: Time

    def sent_ms(self, now_ms: int) -> int:
        """Raises Invalid."""
        ms = ms_of_time(self.sent_at, "sentAt", needs_zone=True)
        if not 0 < ms <= now_ms + HOST_CLOCK_AHEAD_MS:
            raise Invalid.field("sentAt", "must be after 1970 and not in the future")
        return ms

    def id_or_derived(self, sent_ms: int) -> str:
        """Returns the message's id. A line without one always gets the same id, so repeating it changes nothing."""
        if self.id is not None:
            return self.id.lower()
        place = [self.conversation, self.recipient, self.sender, sent_ms]
        what = [self.kind, self.message, self.reply_to, self.metadata]
        digest = hashlib.sha256(_encode([*place, *what])).digest()
        return str(uuid.UUID(bytes=digest[:16], version=5))


Line = UserLine | ConversationLine | MessageLine

_encode = msgspec.json.Encoder(order="deterministic").encode
_decode = msgspec.json.Decoder(Line).decode
_decode_plain = msgspec.json.Decoder().decode


class ImportTaken(Answer, frozen=True, kw_only=True):
    import_id: str


class LineError(Struct, frozen=True):
    """``line`` counts from 1."""

    line: int
    message: str


class ImportView(Answer, frozen=True, kw_only=True):
    """``total`` is the number of lines, ``done`` the number of lines that are written. ``failed``: nothing is written,
    and ``errors`` says why. ``ignored`` are fields that the server does not know.
    """

    import_id: str
    status: State
    done: int
    total: int
    errors: list[LineError]
    ignored: Annotated[list[str] | msgspec.UnsetType, Meta(description="Names of unknown fields")] = msgspec.UNSET


def decode_line(raw: bytes) -> tuple[Line, list[str]]:
    """Returns the decoded line, and the names of fields that its type does not have. Raises Invalid."""
    try:
        line = _decode(raw)
        plain = _decode_plain(raw)
    except UNDECODABLE as error:
        raise invalid_from(error, LINE) from None
    if b"\\u0000" in raw:
        refuse_nul(plain, LINE)
    return line, take_unknown(plain, Line)


def version_of(sent_ms: int, line: int = 0) -> int:
    return sent_ms * VERSIONS_PER_MS + line % VERSIONS_PER_MS


def check_place_and_files(line: MessageLine) -> None:
    """Raises Invalid for a line without a conversation, and for files: they belong to a conversation that exists and to
    the user who uploaded them.
    """
    if line.attachments:
        raise Invalid.field("attachments", "cannot be imported")
    if line.sender is None and line.recipient is None and line.conversation is None:
        raise Invalid.field("conversation", "is required")
