"""One logger configuration for all processes: JSON lines in production, readable lines in development.

Invariant: whatever is logged, by us or by a library, leaves through a formatter that blanks out credentials
(``redact``), tracebacks and arguments included. Imports nothing but the standard library, so that gunicorn
may read it before patching.
"""

from __future__ import annotations

import json
import logging
import logging.config
import re
import time
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from app.config import Settings

_request_id: ContextVar[str] = ContextVar("request_id", default="")

_NAMES = r"(?i)((?:ticket|token|password|secret|secret_key|authorization)"

_SECRETS = (
    # Any JWT: three base64url parts, the first of which is a JSON object.
    (re.compile(r"eyJ[\w-]{6,}\.[\w-]{4,}\.[\w-]*"), "[token]"),
    (re.compile(r"(?i)\b(bearer\s+)[\w.~+/=-]{8,}"), r"\1[token]"),
    # One of our tickets (app/services/auth/issue_ticket.py).
    (re.compile(r"tkt_[\w-]{8,}"), "[ticket]"),
    # "key": "value", also with the quotes escaped inside a JSON line, and key=value. A quoted key with a bare
    # value is JSON's number or null: it stays, or the line would not be JSON any more.
    (
        re.compile(_NAMES + r"(?:\\?[\"']\s*[=:]|\s*[=:])\s*\\?[\"'])(?!\[)[^\s\"'\\]{4,}"),
        r"\1[secret]",
    ),
    (re.compile(_NAMES + r"\s*[=:]\s*)(?![\"'\\\[])[^\s\"'&,;)}\\]{4,}"), r"\1[secret]"),
    (re.compile(r"(\w+://[^\s:/@\"'\\]*:)[^\s@/\"'\\]+@"), r"\1[secret]@"),
)

# What every LogRecord has; everything else came through ``extra`` and is a field of the structured line.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

# Paths arrive decoded: a line break in one must not begin a line of its own.
_ONE_LINE = {code: f"\\x{code:02x}" for code in (*range(32), 127)}


def redact(text: str) -> str:
    """The text without tokens, tickets, passwords and the passwords inside URLs."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


def current_request_id() -> str:
    return _request_id.get()


def set_request_id(request_id: str) -> None:
    """Name the request or session that this greenlet serves; it stands in each of its log lines."""
    _request_id.set(request_id)


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    fields = {name: value for name, value in vars(record).items() if name not in _STANDARD}
    if "request_id" not in fields and current_request_id():
        fields["request_id"] = current_request_id()
    return fields


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, request_id, and what came as ``extra``."""

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
        return redact(json.dumps(line, default=str))


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
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{whole}.{int(seconds * 1000) % 1000:03d}Z"


def logging_config(*, production: bool, level: str = "INFO") -> dict[str, Any]:
    """For ``logging.config.dictConfig``, gunicorn's ``logconfig_dict`` and Celery's ``setup_logging``."""
    formatter = JsonFormatter if production else TextFormatter
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": formatter}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "stream": "ext://sys.stderr"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # gunicorn attaches handlers of its own, whose format knows nothing of ``redact``.
            "gunicorn.error": {"handlers": [], "propagate": True, "level": level},
            "gunicorn.access": {"handlers": [], "propagate": False},
            "werkzeug": {"level": "WARNING"},
            "urllib3": {"level": "WARNING"},
        },
    }


def configure(settings: Settings) -> None:
    logging.config.dictConfig(logging_config(production=settings.production))
