"""The REST operations of imports (docs/server-api.md)."""

from __future__ import annotations

from functools import partial

from app.api.operation import Answered, Operation, server_operation
from app.core.imports import ImportTaken, ImportView, Line

IMPORTS = "/api/v1/server/imports"

_of_imports = partial(server_operation, "Server: imports")

IMPORT_OPERATIONS: tuple[Operation, ...] = (
    _of_imports(
        "POST",
        IMPORTS,
        "beginImport",
        "Import users, conversations and messages with their dates: one JSON object per line",
        {202: Answered("The body is here. It is checked as a whole, then written", ImportTaken)},
        body=Line,
        body_type="application/x-ndjson",
    ),
    _of_imports(
        "GET",
        f"{IMPORTS}/{{importId}}",
        "showImport",
        "Show how far an import is, and which lines are wrong",
        {200: Answered("The import", ImportView)},
    ),
)
