"""JSON Schema (2020-12, as OpenAPI 3.1 and AsyncAPI 3.0 take it) from msgspec's types."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

REF = "#/components/schemas/{name}"

Schema = dict[str, Any]


def schemas_of(types: Iterable[Any]) -> tuple[dict[Any, Schema], dict[str, Schema]]:
    """Type -> its schema (a ``$ref`` for a struct), and what goes under ``components.schemas``."""
    asked = list(dict.fromkeys(types))
    schemas, components = msgspec.json.schema_components(asked, ref_template=REF)
    return dict(zip(asked, schemas, strict=True)), {name: components[name] for name in sorted(components)}


def resolve(schema: Schema, components: dict[str, Schema]) -> Schema:
    """The schema itself where ``schema`` only refers to it."""
    name = schema.get("$ref", "").rpartition("/")[2]
    return components[name] if name else schema


def query_parameters(schema: Schema) -> list[Schema]:
    """The members of a struct as OpenAPI query parameters."""
    required = schema.get("required", [])
    return [
        {"name": name, "in": "query", "required": name in required, "schema": member}
        for name, member in schema["properties"].items()
    ]
