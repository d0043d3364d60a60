"""The logging configuration of all processes: JSON lines in production, readable lines in development.

Invariant: every record of ours or of a library passes a formatter that blanks out credentials (``redact``), also in
tracebacks and arguments. This module imports only the standard library, because gunicorn reads it before gevent patches
the process.
"""

from __future__ import annotations

import json
import logging
import logging.config
import re
import time
from collections.abc import Callable
from contextvars import ContextVar
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from app.config import Settings

_request_id: ContextVar[str] = ContextVar("request_id", default="")

_NAMES = r"(?i)((?:ticket|token|password|secret|secret_key|authorization)"


def _token(match: re.Match[str]) -> str:
    return "[token]" if match[1] else match[0]


# All patterns take time proportional to the line, because strangers choose paths and headers. No pattern starts again
# at each letter of a word that it has read to its end.
_SECRETS: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    # Any JWT: three base64url parts; the first is a JSON object. A first part without the others is skipped.
    (re.compile(r"eyJ[\w-]{6,}(\.[\w-]{4,}\.[\w-]*)?"), _token),
    (re.compile(r"(?i)\b(bearer\s+)[\w.~+/=-]{8,}"), r"\1[token]"),
    # One of our tickets (app/services/auth/tickets.py).
    (re.compile(r"tkt_[\w-]{8,}"), "[ticket]"),
    # "key": "value", also with escaped quotes inside a JSON line, and key=value. If the key is quoted but the value is
    # not, the value is a JSON number or null. It stays, because the line would no longer be JSON.
    (
        re.compile(_NAMES + r"(?:\\?[\"']\s*[=:]|\s*[=:])\s*\\?[\"'])(?!\[)[^\s\"'\\]{4,}"),
        r"\1[secret]",
    ),
    (re.compile(_NAMES + r"\s*[=:]\s*)(?![\"'\\\[])[^\s\"'&,;)}\\]{4,}"), r"\1[secret]"),
    (re.compile(r"(\w://[^\s:/@\"'\\]*:)[^\s@/\"'\\]+@"), r"\1[secret]@"),
)

# Every match of ``_SECRETS`` contains one of these, in upper or lower case. Most lines contain none, and a search for
# fixed strings costs a tenth of the patterns.
_HINTS = ("eyj", "bearer", "tkt_", "ticket", "token", "password", "secret", "authorization", "://")

# The attributes of every LogRecord. All others came through ``extra`` and become fields of the line.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

# Paths are decoded, so they may contain line breaks, which must not begin a new log line.
_ONE_LINE = {code: f"\\x{code:02x}" for code in (*range(32), 127)}


# One encoder for all lines: ``json.dumps`` with a ``default`` makes a new one for each.
_to_json = json.JSONEncoder(default=str).encode


def redact(text: str) -> str:
    """Returns the text with tokens, tickets and passwords replaced, including passwords in URLs."""
    folded = text.casefold()
    if not any(hint in folded for hint in _HINTS):
        return text
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


def current_request_id() -> str:
    return _request_id.get()


def set_request_id(request_id: str) -> None:
    """Sets the id of the request or session that this greenlet serves. Each of its log lines contains the id."""
    _request_id.set(request_id)


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    fields = {name: value for name, value in vars(record).items() if name not in _STANDARD}
    if "request_id" not in fields and current_request_id():
        fields["request_id"] = current_request_id()
    return fields


class JsonFormatter(logging.Formatter):
    """One JSON object per line: time, level, logger, message, request_id, and the fields given as ``extra``."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": _timestamp(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return redact(_to_json(line))


class TextFormatter(logging.Formatter):
    """``15:04:05.678 info parley.access GET /readyz status=200``"""

    def format(self, record: logging.LogRecord) -> str:
        fields = "".join(f" {name}={value}" for name, value in _fields(record).items())
        clock = _timestamp(record.created)[11:23]
        text = (record.getMessage() + fields).translate(_ONE_LINE)
        line = f"{clock} {record.levelname.lower():7} {record.name}: {text}"
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return redact(line)


def _timestamp(seconds: float) -> str:
    return f"{_whole_second(int(seconds))}.{int(seconds * 1000) % 1000:03d}Z"


@lru_cache(maxsize=2)
def _whole_second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def logging_config(*, production: bool, level: str = "INFO") -> dict[str, Any]:
    """Returns the settings for ``dictConfig``, gunicorn's ``logconfig_dict`` and Celery's ``setup_logging``."""
    formatter = JsonFormatter if production else TextFormatter
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": formatter}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "stream": "ext://sys.stderr"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # gunicorn adds its own handlers, whose format does not redact.
            "gunicorn.error": {"handlers": [], "propagate": True, "level": level},
            "gunicorn.access": {"handlers": [], "propagate": False},
            "werkzeug": {"level": "WARNING"},
            "urllib3": {"level": "WARNING"},
        },
    }


def configure(settings: Settings) -> None:
    logging.config.dictConfig(logging_config(production=settings.production))
