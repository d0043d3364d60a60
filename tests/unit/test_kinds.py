"""Each row of the table of kinds is complete: storage, replay, documents, client and REST twins."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest

from app.api.documents.asyncapi import asyncapi
from app.api.documents.operations import OPERATIONS
from app.core.command_kinds import COMMANDS
from app.core.event_kinds import EVENTS
from app.core.kind_rows import Audience, RecordKind, Replay, Storage
from app.core.kinds import (
    CHANGES,
    MAKE_EVENT,
    MESSAGE_CHANGES,
    RECORDS,
    Kind,
)
from app.fanout.hub import _HANDLERS, Hub
from app.services.messaging.change_message import CHANGES as CHANGE_COMMANDS
from app.store.batch_changes import APPLY
from app.transports.commands import ACTS

ROOT = Path(__file__).parents[2]
CLIENT = "\n".join(path.read_text() for path in sorted((ROOT / "client/lib").glob("*.js")))
EVENT_MAP = CLIENT.split("// --- events")[1].split("}} EventMap")[0]  # one typedef, several members a line
HANDLED_BY_THE_SESSION = {"join", "ping"}


def test_every_kind_has_a_row() -> None:
    assert set(RECORDS) == set(Kind)


@pytest.mark.parametrize(("kind", "row"), RECORDS.items(), ids=lambda value: getattr(value, "name", ""))
def test_every_row_is_consistent(kind: Kind, row: RecordKind) -> None:
    assert set(row.events) <= set(EVENTS)
    assert bool(row.events) == (row.audience is not Audience.GATEWAY)
    assert (row.storage is Storage.NONE) == (row.replay is Replay.NONE)
    assert (row.replay is Replay.CHANGED_MESSAGE) <= (row.change_view is not None)


def test_hub_handles_every_kind() -> None:
    assert set(MAKE_EVENT) | set(_HANDLERS) == set(Kind)
    assert not set(MAKE_EVENT) & set(_HANDLERS)


def test_drain_stores_every_kind_that_is_logged() -> None:
    assert set(CHANGES) <= set(APPLY)
    assert all(RECORDS[Kind(kind)].storage in (Storage.CHANGES, Storage.MESSAGES) for kind in APPLY)
    assert set(MESSAGE_CHANGES) <= set(CHANGES)


def test_record_of_an_unknown_kind_is_counted_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    hub = Hub(lambda _versions, _error: None, revoked=lambda _session: None)
    with caplog.at_level(logging.ERROR):
        hub.dispatch(1, [[[1], [99, 7]], [[1], [99, 8]], [[1], [98, 9]]])
    assert hub.unknown_kinds == {99: 2, 98: 1}
    assert [record.getMessage().split()[-1] for record in caplog.records if "unknown kind" in record.getMessage()]
    assert len([r for r in caplog.records if "unknown kind" in r.getMessage()]) == 2


def test_every_command_is_carried_out_by_websocket_sessions() -> None:
    assert set(ACTS) | HANDLED_BY_THE_SESSION == set(COMMANDS)
    assert set(CHANGE_COMMANDS) <= set(ACTS)


def test_every_command_and_event_is_in_the_document() -> None:
    messages = asyncapi()["components"]["messages"]
    expected = {f"command.{name}" for name in COMMANDS} | {f"event.{name}" for name in EVENTS}
    assert set(messages) == expected


def test_rest_twins_of_commands_are_documented_operations() -> None:
    operations = {f"{operation.method} {operation.path}" for operation in OPERATIONS}
    for name, command in COMMANDS.items():
        assert set(command.rest) <= operations, name
    without = {name for name, command in COMMANDS.items() if not command.rest}
    assert without == {"join", "authenticate", "ping"}  # these concern only a WebSocket session


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_in_the_client(name: str) -> None:
    assert re.search(rf'"{name}"', CLIENT), f"no method of client/lib sends {name}"
    if COMMANDS[name].switch:
        assert name == f"{COMMANDS[name].switch}_message", "the client derives the route of a switch from its name"
    elif COMMANDS[name].rest and name != "presence_subscribe":  # the client polls presence without a WebSocket
        assert re.search(rf"^  {name}: \(", CLIENT, re.MULTILINE), f"{name} has no REST route in client/lib"


@pytest.mark.parametrize("name", EVENTS)
def test_every_event_is_in_the_clients_types(name: str) -> None:
    if name not in ("ack", "pong"):  # answers that the client takes itself
        assert re.search(rf"\b{name}: ", EVENT_MAP), f"{name} is not in EventMap"
