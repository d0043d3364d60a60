"""OpenAPI 3.1 of the REST API."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from itertools import groupby
from typing import Any

from app.api.documents.operations import OPERATIONS
from app.api.documents.schemas import Schema, query_parameters, resolve, schemas_of
from app.api.operation import Answered, Operation
from app.core.answers import Problem
from app.core.commands import MAX_EXTERNAL_ID
from app.core.errors import ParleyError, all_errors
from app.version import __version__

VERSION = __version__
DESCRIPTION = (
    "One-to-one and group chat over REST. Events and WebSocket commands: /asyncapi.json. If a body has fields that the"
    " server does not know, the answer names them in `ignored`; with STRICT_REQUESTS they are `invalid`."
)
CODES = "x-codes"  # the codes of an answer that may have several

SECURITY: dict[str, list[dict[str, list[str]]]] = {
    "access": [{"accessToken": []}],
    "ticket": [{"accessToken": []}, {"ticket": []}],
    "refresh": [{"refreshToken": []}],
    "server": [{"serverKey": []}],
    "none": [],
}
SCHEMES = {
    "accessToken": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "Valid for 15 minutes by default",
    },
    "refreshToken": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "Valid once, for 30 days by default",
    },
    "serverKey": {
        "type": "http",
        "scheme": "bearer",
        "description": "From `flask keys create`, for servers of the host. Begins with psk_",
    },
    "ticket": {
        "type": "apiKey",
        "in": "query",
        "name": "ticket",
        "description": "From POST /api/v1/auth/ticket, for browsers. Valid once, for 30 s by default",
    },
}


@cache
def openapi() -> dict[str, Any]:
    """Returns the document. It is made once per process; callers must not change it."""
    schemas, components = schemas_of(_types())
    paths: dict[str, Any] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, schemas, components)
    for operation in OPERATIONS:
        if operation.query is not None:
            components.pop(operation.query.__name__, None)  # query parameters are written inline
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Parley",
            "version": VERSION,
            "description": DESCRIPTION,
        },
        "tags": [{"name": name} for name in dict.fromkeys(operation.tag for operation in OPERATIONS)],
        "paths": paths,
        "components": {
            "schemas": components,
            "responses": {error.code: _problem(error) for error in all_errors()},
            "securitySchemes": SCHEMES,
        },
    }


def _types() -> list[Any]:
    types: list[Any] = [Problem]
    for operation in OPERATIONS:
        types += [kind for kind in (operation.body, operation.query) if kind is not None]
        types += [answer.content for answer in operation.answers.values() if answer.content is not None]
    return types


def _operation(operation: Operation, schemas: dict[Any, Schema], components: dict[str, Schema]) -> Schema:
    result: Schema = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": [operation.tag],
        "security": SECURITY[operation.credential],
    }
    parameters = _path_parameters(operation.path)
    if operation.query is not None:
        parameters += query_parameters(resolve(schemas[operation.query], components))
    if parameters:
        result["parameters"] = parameters
    if operation.body is not None:
        content = {operation.body_type: {"schema": schemas[operation.body]}}
        result["requestBody"] = {"required": True, "content": content}
    result["responses"] = _responses(operation, schemas)
    return result


def _path_parameters(path: str) -> list[Schema]:
    return [
        {"name": name, "in": "path", "required": True, "schema": _path_schema(name)}
        for name in re.findall(r"{(\w+)}", path)
    ]


def _path_schema(name: str) -> Schema:
    if name in ("messageId", "exportId", "mediaId", "sessionId"):
        return {"type": "string", "format": "uuid"}
    if name in ("externalId", "userExternalId"):
        return {"type": "string", "minLength": 1, "maxLength": MAX_EXTERNAL_ID}
    if name == "emoji":  # generated clients check it, so they build no address of another resource
        return {"type": "string", "minLength": 1, "maxLength": 32, "pattern": r"^[^./\\]+$"}
    return {"type": "integer", "minimum": 0} if name.endswith("Id") else {"type": "string"}


def _responses(operation: Operation, schemas: dict[Any, Schema]) -> Schema:
    responses: Schema = {str(code): _answer(answer, schemas) for code, answer in operation.answers.items()}
    for status, kinds in groupby(operation.refusals(), key=lambda kind: kind.status):
        responses[str(status)] = _refusal(list(kinds))
    responses["500"] = {"$ref": "#/components/responses/internal"}
    return responses


def _refusal(kinds: Sequence[type[ParleyError]]) -> Schema:
    """Returns the answer of one status, which may have several codes."""
    if len(kinds) == 1:
        return {"$ref": f"#/components/responses/{kinds[0].code}"}
    problems = [_problem(kind) for kind in kinds]
    description = " ".join(problem["description"] for problem in problems)
    return problems[0] | {"description": description, CODES: [kind.code for kind in kinds]}


def _answer(answer: Answered, schemas: dict[Any, Schema]) -> Schema:
    if answer.content is None:
        return {"description": answer.description}
    content = {answer.media_type: {"schema": schemas[answer.content]}}
    return {"description": answer.description, "content": content}


def _problem(error: type[ParleyError]) -> Schema:
    again = " The same request may succeed later." if error.retryable else ""
    return {
        "description": f"`{error.code}`: {error.title}.{again}",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
        **({"headers": {"Retry-After": {"schema": {"type": "integer"}}}} if error.retryable else {}),
    }
