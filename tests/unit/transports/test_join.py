"""A session whose client was told that it has joined either gets its events or ends."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from app.core.caller import Caller
from app.core.close_codes import CloseCode
from app.core.errors import Overloaded, ParleyError
from app.core.events import Event
from app.core.position import Position
from app.transports import join
from app.transports.begin_stream import Beginning
from tests.support.own_hub import in_own_hub
from tests.twins.memory_gateway import memory_gateway
from tests.unit.transports.command_world import ANN, Session, make_session


class Joining(Session):
    """Has a cursor, and cannot read the events after it."""

    failure: Exception = Overloaded()

    def answer_joined(self, data: dict[str, Any], ref: str | None) -> None:
        self.answer("joined", data, ref)

    def write(self, event: Event) -> None:
        self.all.append((None, event.name, event.data))

    def missed(self) -> Iterator[tuple[int, Event]]:
        raise self.failure
        yield

    def close(self, code: int, error: ParleyError | None = None) -> None:
        self.closed = True
        self.send_close(code)

    def refuse(self, error: ParleyError, ref: str | None) -> None:
        if not self.closed:  # a closing connection drops all output
            super().refuse(error, ref)


@pytest.mark.parametrize("failure", [Overloaded(), KeyError("a fault")], ids=["overloaded", "fault"])
@in_own_hub
def test_session_that_cannot_catch_up_after_its_joined_ends(
    failure: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    beginning = Beginning({"cursor": "1.7"}, [Position(1, 7)], False)
    monkeypatch.setattr(join, "begin_stream", lambda _session, _cursor: beginning)
    with memory_gateway() as gateway:
        session = make_session(gateway, joined=False, make=Joining)
        assert isinstance(session, Joining)
        session.failure, session.caller = failure, Caller(ANN, "sid", 2**40)
        session.take("join", {"cursor": "1.7"}, "j")
        session.take("ping", {}, "p")
        gateway.work_until(lambda: bool(session.closes))
        assert session.closes == [CloseCode.TRY_AGAIN_LATER]
        assert session.all == [("j", "joined", {"cursor": "1.7"})]
