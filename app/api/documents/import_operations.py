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
        {202: Answered("The body has arrived. All of it is checked, then written", ImportTaken)},
        body=Line,
        body_type="application/x-ndjson",
    ),
    _of_imports(
        "GET",
        f"{IMPORTS}/{{importId}}",
        "showImport",
        "Show the progress of an import, and its wrong lines",
        {200: Answered("The import", ImportView)},
    ),
)
