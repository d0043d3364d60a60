"""The WebSocket close codes of this server: RFC 6455 section 7.4.1, and the 44xx of docs/protocol.md, section 12."""

from __future__ import annotations

from enum import IntEnum


class CloseCode(IntEnum):
    NORMAL = 1000
    GOING_AWAY = 1001  # deploy or shutdown, or the client did not answer a ping
    PROTOCOL_ERROR = 1002
    UNSUPPORTED_DATA = 1003  # a binary message
    INVALID_PAYLOAD = 1007  # text that is not UTF-8
    POLICY_VIOLATION = 1008  # ten bad frames in a row
    TOO_BIG = 1009
    INTERNAL_ERROR = 1011
    TRY_AGAIN_LATER = 1013  # overloaded
    UNAUTHORIZED = 4401
    NOT_JOINED = 4408
    TOO_SLOW = 4429
