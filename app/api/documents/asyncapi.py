"""AsyncAPI 3.0: WebSocket commands, and the events of all three transports."""

from __future__ import annotations

from functools import cache
from typing import Any

from app.api.documents.openapi import VERSION
from app.api.documents.schemas import Schema, schemas_of
from app.core.answers import ErrorData
from app.core.close_codes import CloseCode
from app.core.command_kinds import COMMANDS
from app.core.commands import MAX_FRAME_BYTES
from app.core.errors import all_errors
from app.core.event_kinds import EVENTS

ACKS = tuple(dict.fromkeys(kind.ack for kind in COMMANDS.values() if kind.ack is not None))

CLOSE_CODES: dict[CloseCode, str] = {
    CloseCode.NORMAL: "The client closed the connection",
    CloseCode.GOING_AWAY: "The server is shutting down, or a ping was not answered. Reconnect with jitter and resume",
    CloseCode.PROTOCOL_ERROR: "A violation of RFC 6455",
    CloseCode.UNSUPPORTED_DATA: "A binary message; all frames are text",
    CloseCode.INVALID_PAYLOAD: "A text message that is not UTF-8",
    CloseCode.POLICY_VIOLATION: "Ten bad frames in a row",
    CloseCode.TOO_BIG: f"A message of more than {MAX_FRAME_BYTES} bytes",
    CloseCode.INTERNAL_ERROR: "An internal error of the server",
    CloseCode.TRY_AGAIN_LATER: "The server is overloaded. Reconnect with jitter and resume",
    CloseCode.UNAUTHORIZED: "The token is invalid, has expired or was logged out, or none was sent within 10 s",
    CloseCode.NOT_JOINED: "The client authenticated in the handshake but did not join within 10 s",
    CloseCode.TOO_SLOW: "The client reads too slowly. Reconnect with jitter and resume",
}
DESCRIPTION = (
    "One stream of events over three transports, and the commands of the WebSocket. If a command has fields that the"
    " server does not know, the data of its answer names them in `ignored`; with STRICT_REQUESTS they are `invalid`."
)
READERS = {
    "sse": ("/api/v1/events", "Server-sent events: `id` is the cursor, `event` the name, `data` the event's data"),
    "poll": ("/api/v1/events/poll", "Long-poll: a list of events, and the cursor after them"),
}


@cache
def asyncapi() -> dict[str, Any]:
    """Returns the document. It is made once per process; callers must not change it."""
    commands = [kind.data for kind in COMMANDS.values()]
    types = [*commands, *(kind.data for kind in EVENTS.values()), *ACKS, ErrorData]
    schemas, components = schemas_of(types)
    messages = {f"command.{name}": _command(name, schemas) for name in COMMANDS}
    messages |= {f"event.{name}": _event(name, schemas) for name in EVENTS}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Parley",
            "version": VERSION,
            "description": DESCRIPTION,
        },
        "defaultContentType": "application/json",
        "channels": _channels(),
        "operations": {**_command_operations(), **_event_operations()},
        "components": {"messages": messages, "schemas": components},
        "x-close-codes": {str(code.value): text for code, text in CLOSE_CODES.items()},
        "x-error-codes": {
            error.code: {"title": error.title, "status": error.status, "retryable": error.retryable}
            for error in all_errors()
        },
    }


def _frame(name: str, data: Schema, **more: Schema) -> Schema:
    properties = {"event": {"const": name}, "data": data, **more}
    return {"type": "object", "required": ["event", "data"], "properties": properties}


REF_OF_CLIENT = {"type": "string", "maxLength": 128, "description": "Chosen by the client; the answer repeats it"}


def _command(name: str, schemas: dict[Any, Schema]) -> Schema:
    frame = _frame(name, schemas[COMMANDS[name].data], ref=REF_OF_CLIENT)
    frame["required"] = ["event"]
    return {"name": name, "summary": COMMANDS[name].summary, "payload": frame}


def _event(name: str, schemas: dict[Any, Schema]) -> Schema:
    kind = EVENTS[name]
    data = schemas[kind.data]
    if name == "ack":
        data = {"anyOf": [schemas[ack] for ack in ACKS]}
    cursor = {"type": "string", "description": "The position of this event in the stream"}
    return {
        "name": name,
        "summary": kind.summary,
        "payload": _frame(name, data, ref=REF_OF_CLIENT, cursor=cursor),
        "x-replayed": kind.replayed,
    }


def _channels() -> dict[str, Schema]:
    every = [f"command.{name}" for name in COMMANDS] + [f"event.{name}" for name in EVENTS]
    ticket = {"type": "object", "properties": {"ticket": {"type": "string"}}}
    channels: dict[str, Schema] = {
        "websocket": {
            "address": "/ws",
            "description": f"JSON text frames of at most {MAX_FRAME_BYTES} bytes in both directions.",
            "messages": _references(every),
            "bindings": {"ws": {"method": "GET", "query": ticket, "bindingVersion": "0.1.0"}},
        }
    }
    for name, (address, description) in READERS.items():
        sent = [f"event.{event}" for event in _streamed(name)]
        channels[name] = {"address": address, "description": description, "messages": _references(sent)}
    return channels


def _streamed(reader: str) -> list[str]:
    """Returns the events of a transport that carries no commands. A poll ends with an HTTP status, not with
    ``error``.
    """
    answers = {"ack", "unread_messages", "pong", "presence"} | ({"error"} if reader == "poll" else set())
    return [name for name in EVENTS if name not in answers]


def _references(messages: list[str]) -> dict[str, Schema]:
    return {name: {"$ref": f"#/components/messages/{name}"} for name in messages}


def _in_channel(channel: str, *messages: str) -> Schema:
    return {
        "channel": {"$ref": f"#/channels/{channel}"},
        "messages": [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in messages],
    }


def _command_operations() -> dict[str, Schema]:
    """Returns the operations of all commands. Their action is ``receive``, because AsyncAPI describes the server."""
    operations = {}
    for name, described in COMMANDS.items():
        answers = [f"event.{event}" for event in (described.answer, "error") if event]
        operations[name] = {
            "action": "receive",
            "summary": described.summary,
            **_in_channel("websocket", f"command.{name}"),
            "reply": _in_channel("websocket", *answers),
        }
    return operations


def _event_operations() -> dict[str, Schema]:
    sent = {"websocket": list(EVENTS), **{reader: _streamed(reader) for reader in READERS}}
    return {
        f"send_{channel}": {
            "action": "send",
            "summary": f"Events over {channel}",
            **_in_channel(channel, *(f"event.{name}" for name in names)),
        }
        for channel, names in sent.items()
    }
