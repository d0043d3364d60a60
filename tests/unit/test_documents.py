"""The API documents list all routes, commands, events, errors and close codes, and nothing that does not exist."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from flask import Flask
from jsonschema import Draft202012Validator

from app import create_app
from app.api.conversations import NewConversation
from app.api.documents.asyncapi import CLOSE_CODES, asyncapi
from app.api.documents.openapi import CODES, openapi
from app.api.documents.operations import OPERATIONS, EventsQuery
from app.api.documents.page import page
from app.config import Settings
from app.core.avatars import AvatarForm
from app.core.close_codes import CloseCode
from app.core.command_kinds import COMMANDS
from app.core.errors import all_errors
from app.core.event_kinds import EVENTS
from app.core.imports import Line
from app.core.kinds import RECORDS, Kind, event_of
from app.core.media import UploadForm
from app.core.records import Record
from tests.support.processes import SECRET_KEY

ROOT = Path(__file__).parents[2]
MAKES_AN_EVENT = {"make_event", "answer_frame", "answer", "Event", "stream_event"}


@pytest.fixture(scope="module")
def app() -> Flask:
    """An application without any reachable store."""
    nowhere = {
        "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "SECRET_KEY": SECRET_KEY,
    }
    return create_app(Settings.from_env(nowhere))


def camel(snake: str) -> str:
    head, *rest = snake.split("_")
    return head + "".join(word.capitalize() for word in rest)


def routes(app: Flask) -> set[tuple[str, str]]:
    return {
        (method, re.sub(r"<(?:\w+:)?(\w+)>", lambda match: "{" + camel(match[1]) + "}", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule.startswith("/api/v1")
    }


def test_openapi_lists_exactly_the_routes(app: Flask):
    documented = {(method.upper(), path) for path, methods in openapi()["paths"].items() for method in methods}
    assert documented == routes(app)


def test_operation_names_are_unique():
    names = [operation.name for operation in OPERATIONS]
    assert len(set(names)) == len(names)


def test_documented_bodies_and_queries_are_the_parsed_ones():
    parsed = {
        name
        for path in [*(ROOT / "app/api").rglob("*.py"), *(ROOT / "app/transports").glob("*.py")]
        for name in re.findall(r"parse_(?:body|query)\((\w+)(?:, \w+=True)?\)", path.read_text())
    }
    kinds = {
        kind for o in OPERATIONS for kind in (o.body, o.query) if kind not in (None, Line)
    }  # lines are read one by one
    documented = {"NewConversation" if kind == NewConversation else kind.__name__ for kind in kinds}
    undocumented = {"DemoCode"}  # app/api/page.py: for development only, not part of the API
    # the form is read without parsing
    assert documented - {AvatarForm.__name__, EventsQuery.__name__, UploadForm.__name__} == parsed - undocumented


def test_asyncapi_lists_exactly_the_commands():
    document = asyncapi()
    messages = document["components"]["messages"]
    assert {name.removeprefix("command.") for name in messages if name.startswith("command.")} == set(COMMANDS)
    assert set(COMMANDS) <= set(document["operations"])


def test_asyncapi_lists_exactly_the_events_sent_by_the_source():
    sent = {name for path in (ROOT / "app").rglob("*.py") for name in events_in(path)}
    sent |= {name for kind in RECORDS.values() for name in kind.events}
    assert sent == set(EVENTS)
    messages = asyncapi()["components"]["messages"]
    assert {name.removeprefix("event.") for name in messages if name.startswith("event.")} == sent


def events_in(path: Path) -> Iterator[str]:
    """Yields the names passed to event constructors, directly or through a variable ``name`` in the same function."""
    for function in ast.walk(ast.parse(path.read_text())):
        if not isinstance(function, ast.FunctionDef):
            continue
        makes = False
        for node in ast.walk(function):
            if isinstance(node, ast.Call) and called(node) in MAKES_AN_EVENT and node.args:
                makes = True
                yield from texts(node.args[0])
        for node in ast.walk(function) if makes else ():
            if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "name" for t in node.targets):
                yield from texts(node.value)


def called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def texts(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from texts(node.body)
        yield from texts(node.orelse)


def test_documents_list_exactly_the_error_codes():
    codes = {error.code for error in all_errors()}
    assert set(asyncapi()["x-error-codes"]) == codes
    assert set(openapi()["components"]["responses"]) == codes
    for document, name in ((openapi(), "Problem"), (asyncapi(), "ErrorData")):
        assert set(document["components"]["schemas"][name]["properties"]["code"]["enum"]) == codes


def test_operations_name_every_code_even_if_several_have_one_status():
    for operation in OPERATIONS:
        answers = openapi()["paths"][operation.path][operation.method.lower()]["responses"].values()
        named = [code for answer in answers for code in answer.get(CODES, [])]
        named += [answer["$ref"].rpartition("/")[2] for answer in answers if "$ref" in answer]
        assert sorted(named) == sorted([*(kind.code for kind in operation.refusals()), "internal"]), operation.name
    (log_in,) = [entry for entries in page()["tags"].values() for entry in entries if entry.anchor == "rest-logIn"]
    assert {"unauthorized", "second_factor_required"} <= set(log_in.errors)


def test_documents_list_exactly_the_close_codes():
    assert set(CLOSE_CODES) == set(CloseCode)


def test_protocol_page_names_everything():
    words = (ROOT / "docs/protocol.md").read_text()
    named = set(re.findall(r"`([a-z_]+)`", words))
    assert set(COMMANDS) | set(EVENTS) | {error.code for error in all_errors()} <= named
    assert {int(code) for code in re.findall(r"^\| (\d{4}) \|", words, re.MULTILINE)} == set(CloseCode)
    for operation in OPERATIONS:
        path = operation.path.removeprefix("/api/v1").replace("{conversationId}", "{id}")
        assert path in words or operation.credential == "server", operation.name


def test_page_of_the_server_api_names_every_operation():
    words = (ROOT / "docs/server-api.md").read_text()
    named = set(re.findall(r"`([A-Z]+) (/[^`?]*)", words))
    operations = {(o.method, o.path.removeprefix("/api/v1/server")) for o in OPERATIONS if o.credential == "server"}
    assert operations <= named
    assert all(o.path.startswith("/api/v1/server/") for o in OPERATIONS if o.credential == "server")


@pytest.mark.parametrize("document", [openapi(), asyncapi()], ids=["openapi", "asyncapi"])
def test_every_reference_resolves(document: dict[str, Any]):
    for reference in references(document):
        found: Any = document
        for part in reference.removeprefix("#/").split("/"):
            assert part in found, reference
            found = found[part]


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for member in node.values():
            yield from references(member)
    elif isinstance(node, list):
        for member in node:
            yield from references(member)


@pytest.mark.parametrize("document", [openapi(), asyncapi()], ids=["openapi", "asyncapi"])
def test_schemas_are_valid_json_schema(document: dict[str, Any]):
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_message_deleted_event_matches_its_schema():
    record = Record(Kind.DELETED, 7, 3, 9, 2000, 1, "0199aaaa-0000-7000-8000-000000000000", "", "", "gateway")
    event = event_of(1, record)
    document = asyncapi()
    schema = document["components"]["messages"][f"event.{event.name}"]["payload"]
    Draft202012Validator({**schema, "components": document["components"]}).validate(msgspec.json.decode(event.json))


def test_docs_page_shows_everything_without_a_script(app: Flask):
    answer = app.test_client().get("/docs")
    page = answer.text
    assert answer.status_code == 200
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
    for forbidden in ("<script", " style=", "<style", "http://", "https://unpkg", "onclick"):
        assert forbidden not in page
    for operation in OPERATIONS:
        assert f'id="rest-{operation.name}"' in page
        assert operation.path in page
    for name in COMMANDS:
        assert f'id="command-{name}"' in page
    for name in EVENTS:
        assert f'id="event-{name}"' in page
    for error in all_errors():
        assert f'id="error-{error.code}"' in page
    for code in CloseCode:
        assert f"<code>{code.value}</code>" in page


def test_docs_page_has_no_dead_links(app: Flask):
    client = app.test_client()
    page = client.get("/docs").text
    for anchor in set(re.findall(r'href="#([^"]+)"', page)):
        assert f'id="{anchor}"' in page
    for path in set(re.findall(r'href="(/[^"]+)"', page)):
        with client.get(path) as answer:
            assert answer.status_code == 200, path
