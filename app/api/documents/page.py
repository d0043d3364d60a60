"""Builds the content of the page at /docs from the two documents, and from nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from app.api.documents.asyncapi import asyncapi
from app.api.documents.openapi import CODES, openapi
from app.api.documents.schemas import Schema, resolve
from app.core.commands import MAX_SAFE_INTEGER
from app.core.ids import UUID_PATTERN
from app.core.invalid_input import standard_pattern

TOKENS = {
    "accessToken": "access token",
    "refreshToken": "refresh token",
    "serverKey": "server key",
    "ticket": "ticket",
}
_UUID = standard_pattern(UUID_PATTERN)


class Word(NamedTuple):
    """A piece of a type expression. If it names an object, ``target`` is the object's anchor."""

    text: str
    target: str = ""


class Field(NamedTuple):
    name: str
    type: list[Word]
    required: bool
    note: str


class Part(NamedTuple):
    """A titled table of fields, or a single line if there are no fields."""

    title: str
    fields: list[Field]
    line: list[Word]


class Entry(NamedTuple):
    """One operation, command or event. ``badge`` shows its method or kind."""

    anchor: str
    badge: str
    name: str
    summary: str
    notes: list[str]
    parts: list[Part]
    errors: list[str]


@cache
def page() -> dict[str, Any]:
    """Returns the template's variables, made once per process."""
    rest, stream = openapi(), asyncapi()
    schemas: dict[str, Schema] = {**stream["components"]["schemas"], **rest["components"]["schemas"]}
    return {
        "tags": _by_tag(rest, schemas),
        "commands": [_command(name, stream, schemas) for name in _names(stream, "command")],
        "events": [_event(name, stream, schemas) for name in _names(stream, "event")],
        "objects": [
            Part(name, list(fields_of(schema)), [Word(schema.get("description", ""))])
            for name, schema in sorted(schemas.items())
        ],
        "errors": stream["x-error-codes"],
        "close_codes": stream["x-close-codes"],
        "channels": stream["channels"],
    }


def _by_tag(rest: Schema, schemas: dict[str, Schema]) -> dict[str, list[Entry]]:
    tags: dict[str, list[Entry]] = {tag["name"]: [] for tag in rest["tags"]}
    for path, methods in rest["paths"].items():
        for method, operation in methods.items():
            tags[operation["tags"][0]].append(_operation(path, method, operation, schemas))
    return tags


def _operation(path: str, method: str, operation: Schema, schemas: dict[str, Schema]) -> Entry:
    tokens = [TOKENS[name] for choice in operation["security"] for name in choice]
    parts = []
    if operation.get("parameters"):
        parts.append(Part("Parameters", [_parameter(parameter) for parameter in operation["parameters"]], []))
    if "requestBody" in operation:
        for media_type, content in operation["requestBody"]["content"].items():
            title = "Body" if media_type == "application/json" else f"Body, {media_type}"
            parts.append(_body(title, content["schema"], schemas))
    errors = []
    for status, answer in operation["responses"].items():
        if "$ref" in answer:
            errors.append(answer["$ref"].rpartition("/")[2])
        elif CODES in answer:
            errors += answer[CODES]
        else:
            parts.append(_answer(status, answer))
    notes = [f"Needs: {' or '.join(tokens)}"] if tokens else ["Needs no token"]
    name = operation["operationId"]
    return Entry(f"rest-{name}", method.upper(), path, operation["summary"], notes, parts, errors)


def _parameter(parameter: Schema) -> Field:
    return Field(parameter["name"], type_of(parameter["schema"]), parameter["required"], note_of(parameter["schema"]))


def _answer(status: str, answer: Schema) -> Part:
    line = [Word(answer["description"])]
    for media_type, content in answer.get("content", {}).items():
        shown = [Word(media_type)] if media_type != "application/json" else type_of(content["schema"])
        line += [Word(": "), *shown]
    return Part(status, [], line)


def _names(stream: Schema, kind: str) -> list[str]:
    prefix = f"{kind}."
    return [name.removeprefix(prefix) for name in stream["components"]["messages"] if name.startswith(prefix)]


def _command(name: str, stream: Schema, schemas: dict[str, Schema]) -> Entry:
    message = stream["components"]["messages"][f"command.{name}"]
    replies = stream["operations"][name]["reply"]["messages"]
    answers = [reply["$ref"].rpartition("event.")[2] for reply in replies]
    note = "Answered by " + " or ".join(answers) if len(answers) > 1 else "Answered only if it is refused"
    part = _body("Data", message["payload"]["properties"]["data"], schemas)
    return Entry(f"command-{name}", "send", name, message["summary"], [note], [part], [])


def _event(name: str, stream: Schema, schemas: dict[str, Schema]) -> Entry:
    message = stream["components"]["messages"][f"event.{name}"]
    data = message["payload"]["properties"]["data"]
    notes = [f"Replayed on resume: {message['x-replayed']}"]
    if "anyOf" in data:
        return Entry(f"event-{name}", "event", name, message["summary"], notes, [Part("Data", [], type_of(data))], [])
    return Entry(f"event-{name}", "event", name, message["summary"], notes, [_body("Data", data, schemas)], [])


def _body(title: str, schema: Schema, schemas: dict[str, Schema]) -> Part:
    fields = list(fields_of(resolve(schema, schemas)))
    return Part(title, fields, type_of(schema) if fields else [Word("An empty object.")])


def fields_of(schema: Schema) -> Iterator[Field]:
    required = schema.get("required", [])
    for name, member in schema.get("properties", {}).items():
        yield Field(name, type_of(member), name in required, note_of(member))


def type_of(schema: Schema) -> list[Word]:
    """Returns the type in words, such as ``list of Message`` or ``UUID or null``."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return [Word(name, f"object-{name}")]
    if "anyOf" in schema:
        words: list[Word] = []
        for choice in schema["anyOf"]:
            words += [Word(" or "), *type_of(choice)]
        return words[1:]
    if "enum" in schema:
        return [Word(" | ".join(f"`{value}`" for value in schema["enum"]))]
    if schema.get("type") == "array":
        return [Word("list of "), *type_of(schema["items"])]
    return [Word(_plain(schema))]


def _plain(schema: Schema) -> str:
    if schema.get("format") == "date-time":
        return "time"
    if schema.get("pattern") == _UUID:
        return "UUID"
    return str(schema.get("type", "any"))


def note_of(schema: Schema) -> str:
    """Returns the schema's description, default and bounds as one line."""
    notes = [schema["description"]] if "description" in schema else []
    if schema.get("default") not in (None, "", []):
        notes.append(f"default {schema['default']}")
    for choice in [schema, *schema.get("anyOf", [])]:
        notes += _bounds(choice)
    return "; ".join(notes)


def _bounds(schema: Schema) -> Iterator[str]:
    low, high = schema.get("minimum"), schema.get("maximum")
    if high is None and low is not None:
        yield f"at least {low}"
    elif high not in (None, MAX_SAFE_INTEGER):  # the bounds of ids and seqs are of no use to a reader
        yield f"{low} to {high}"
    unit = "items" if schema.get("type") == "array" else "characters"
    low, high = schema.get("minLength"), schema.get("maxLength", schema.get("maxItems"))
    if high is not None:
        yield f"{low} to {high} {unit}" if low else f"at most {high} {unit}"
    if "pattern" in schema and schema["pattern"] != _UUID and schema.get("format") != "date-time":
        yield f"matches {schema['pattern']}"
