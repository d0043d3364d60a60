"""Logs: each record is one JSON object or one readable line, and never contains a credential."""

from __future__ import annotations

import json
import logging
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.logs import _SECRETS, JsonFormatter, TextFormatter, logging_config, redact, set_request_id

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl_-x"
TICKET = "tkt_0123456789abcdefghijklmnopqrstuvwxyz-_ABCDE"
SECRET = "v3ry-s3cret-v4lue"


def record(message: str, *args: object, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("parley.test", logging.INFO, __file__, 1, message, args, None)
    vars(made).update(extra)
    return made


@pytest.mark.parametrize(
    "text",
    [
        f"got {TOKEN}",
        f"Authorization: Bearer {SECRET}",
        f"authorization=bearer {SECRET}",
        f"GET /ws?ticket={SECRET}&x=1",
        f"redeemed {TICKET}",
        f"{{'accessToken': '{SECRET}'}}",
        f'{{"refreshToken":"{SECRET}"}}',
        json.dumps({"inner": json.dumps({"password": SECRET})}),
        f"password={SECRET}",
        f"SECRET_KEY={SECRET}",
        f"postgresql://parley:{SECRET}@db.example/parley",
        f"rediss://:{SECRET}@cache.example:6380/0",
        f"token: {SECRET}",
    ],
)
def test_credentials_are_redacted_everywhere(text: str) -> None:
    for secret in (TOKEN, TICKET, SECRET):
        assert secret not in redact(text)


@pytest.mark.parametrize(
    "text", ["GET /api/v1/me status=200", "the ticket is not valid", "https://example.org/a:b", "tokens: 5"]
)
def test_other_text_is_not_redacted(text: str) -> None:
    assert redact(text) == text


WORDS = ["eyJ", "BEARER ", "tkt_", "TicKet", "tokEn", "PassWord", "paſſword", "secret", "_key", "AUTHORIZATION", "://"]
FILLINGS = ["abcdef.abcd.", "tkt", "=", ": ", '"', "'", "\\", "abcdefgh", "1234", "https", ":", "@", "/", "ſ", "ß"]
FRAGMENTS = st.sampled_from(WORDS) | st.sampled_from(FILLINGS)


@given(st.lists(FRAGMENTS | st.text(max_size=3), max_size=12).map("".join))
def test_lines_that_skip_the_patterns_hold_nothing_that_the_patterns_would_find(text: str) -> None:
    expected = text
    for pattern, replacement in _SECRETS:
        expected = pattern.sub(replacement, expected)
    assert redact(text) == expected


@pytest.mark.parametrize(
    "unit",
    [
        *("a", "eyJ", "eyJa", "eyJabcdef.", "eyJabcdefgh.abcd", "a:", "a://", "a://b:", "://b:b", "://", "-", " ", "="),
        *(
            "bearer ",
            "bearer\t",
            "tkt_",
            "token",
            "token ",
            "token=",
            'token="',
            "token: ",
            "token\\'",
            "secret_key",
            "@",
        ),
    ],
)
def test_hostile_line_takes_time_proportional_to_its_length(unit: str) -> None:
    """Strangers choose the paths of requests. A pattern that tries again at each letter would take minutes."""
    line = f"://token={unit * (100_000 // len(unit))}"
    began = time.process_time()
    redact(line)
    assert time.process_time() - began < 2.0


@pytest.mark.parametrize("formatter", [JsonFormatter(), TextFormatter()], ids=["json", "text"])
def test_arguments_fields_and_tracebacks_are_redacted(formatter: logging.Formatter) -> None:
    made = record("argument %s", TOKEN, field=f"ticket={SECRET}", nested={"password": SECRET, "list": [TICKET]})
    try:
        raise ValueError(f"bad token {TOKEN}")
    except ValueError:
        made.exc_info = sys.exc_info()
    line = formatter.format(made)
    assert "ValueError" in line
    for secret in (TOKEN, TICKET, SECRET):
        assert secret not in line


def test_json_line_has_its_fields_and_the_request_id() -> None:
    set_request_id("request-17")
    line = json.loads(JsonFormatter().format(record("hello %s", "you", status=200)))
    set_request_id("")
    assert line["message"] == "hello you"
    assert (line["level"], line["logger"], line["status"]) == ("info", "parley.test", 200)
    assert line["request_id"] == "request-17"
    assert line["time"].endswith("Z")


@given(
    st.text(),
    st.dictionaries(st.sampled_from(["token", "a", "password", "ticket"]), st.text() | st.integers()),
)
def test_json_line_is_valid_json_for_any_input(message: str, fields: dict[str, object]) -> None:
    line = JsonFormatter().format(record("%s %s", message, fields, data=fields, **{"x-token": 123456}))
    assert "\n" not in line
    assert isinstance(json.loads(line), dict)


@given(st.text())
def test_logged_text_cannot_start_a_new_line(message: str) -> None:
    assert len(TextFormatter().format(record("%s", message)).split("\n")) == 1


def test_gunicorn_and_root_use_only_our_formatters() -> None:
    for production, formatter in ((True, JsonFormatter), (False, TextFormatter)):
        config = logging_config(production=production)
        assert config["formatters"] == {"line": {"()": formatter}}
        assert [logger for logger, its in config["loggers"].items() if its.get("handlers")] == []
        assert all(handler["formatter"] == "line" for handler in config["handlers"].values())
