"""Prepares messages of the host's server. They are then sent like those of users, but no right or rate is checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from msgspec import ValidationError, convert
from msgspec.structs import replace
from sqlalchemy import Engine

from app.clock import now_ms
from app.core.commands import SendMessage
from app.core.errors import Invalid, ParleyError
from app.core.host_messages import SYSTEM, HostSend
from app.core.ids import make_uuid7
from app.core.invalid_input import invalid_from, refuse_nul
from app.core.records import HOST
from app.services.host.open_direct import open_direct_for_host
from app.services.host.references import Lookup, look_up
from app.services.messaging.prepared import Prepared
from app.services.reading.direct_cache import DirectCache
from app.store.engine import reading


class HostMessage(NamedTuple):
    """``sender_id`` is HOST for a system message."""

    sender_id: int
    command: SendMessage
    silent: bool


class MessagePreparer:
    """``carry_out`` waits for a change of the log. May block."""

    def __init__(
        self, *, engine: Engine, directs: DirectCache, max_text: int, carry_out: Callable[[Prepared], Any]
    ) -> None:
        self._engine = engine
        self._directs = directs
        self._max_text = max_text
        self._carry_out = carry_out

    def prepare(self, wanted: HostSend) -> HostMessage:
        """Raises Invalid, TooLarge, NotFound, Overloaded."""
        [prepared] = self._prepare([wanted])
        if isinstance(prepared, ParleyError):
            raise prepared
        return prepared

    def prepare_many(self, items: Sequence[Any]) -> list[HostMessage | ParleyError]:
        """Returns each message, or the error that refuses it. Looks up the ids of all messages at once. Raises
        Overloaded.
        """
        return self._prepare([_decoded(item) for item in items])

    def _prepare(self, wanted: Sequence[HostSend | ParleyError]) -> list[HostMessage | ParleyError]:
        sends = [one for one in wanted if isinstance(one, HostSend)]
        users = [user for one in sends for user in (one.sender, one.recipient) if user is not None]
        with reading(self._engine) as conn:
            found = look_up(conn, users, [one.conversation for one in sends if one.conversation is not None])
        return [one if isinstance(one, ParleyError) else self._checked(one, found) for one in wanted]

    def _checked(self, wanted: HostSend, found: Lookup) -> HostMessage | ParleyError:
        try:
            return self._message(wanted, found)
        except ParleyError as error:
            return error

    def _message(self, wanted: HostSend, found: Lookup) -> HostMessage:
        command = wanted.checked(self._max_text)
        sender_id = HOST if wanted.sender is None else found.user(wanted.sender, "sender")
        if wanted.recipient is not None:
            conversation_id = open_direct_for_host(
                sender_id,
                found.user(wanted.recipient, "recipient"),
                engine=self._engine,
                directs=self._directs,
                carry_out=self._carry_out,
            )
        else:
            conversation_id = found.conversation(wanted.conversation or 0)
        kind = SYSTEM if sender_id == HOST else command.kind
        message_id = command.id or make_uuid7(now_ms())
        command = replace(command, conversation_id=conversation_id, kind=kind, id=message_id)
        return HostMessage(sender_id, command, wanted.silent is True)


def _decoded(item: Any) -> HostSend | ParleyError:
    try:
        refuse_nul(item, "message")
        return convert(item, HostSend)
    except ValidationError as error:
        return invalid_from(error, "message")
    except Invalid as error:
        return error
