"""Makes JSON Schemas from msgspec's types (2020-12, the version of OpenAPI 3.1 and AsyncAPI 3.0)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from app.core.invalid_input import standard_pattern

REF = "#/components/schemas/{name}"

Schema = dict[str, Any]


def schemas_of(types: Iterable[Any]) -> tuple[dict[Any, Schema], dict[str, Schema]]:
    """Returns each type with its schema (a ``$ref`` for a struct), and the content of ``components.schemas``.

    Commands forbid unknown fields only so that the server notices them. It carries such a request out, so the schema
    does not forbid them.
    """
    unique = list(dict.fromkeys(types))
    schemas, components = msgspec.json.schema_components(unique, ref_template=REF)
    for component in components.values():
        component.pop("additionalProperties", None)
    _write_patterns([schemas, components])
    return dict(zip(unique, schemas, strict=True)), {name: components[name] for name in sorted(components)}


def _write_patterns(node: Any) -> None:
    """Rewrites Python's patterns for readers of JSON Schema, in which ``$`` is the end and ``\\Z`` is unknown."""
    if isinstance(node, dict):
        if isinstance(node.get("pattern"), str):
            node["pattern"] = standard_pattern(node["pattern"])
        node = list(node.values())
    if isinstance(node, list | tuple):
        for member in node:
            _write_patterns(member)


def resolve(schema: Schema, components: dict[str, Schema]) -> Schema:
    """Returns the schema that a ``$ref`` points to; any other schema as it is."""
    name = schema.get("$ref", "").rpartition("/")[2]
    return components[name] if name else schema


def query_parameters(schema: Schema) -> list[Schema]:
    """Returns the fields of a struct as OpenAPI query parameters."""
    required = schema.get("required", [])
    return [
        {"name": name, "in": "query", "required": name in required, "schema": member}
        for name, member in schema["properties"].items()
    ]
