"""Bounds the ids in paths: Postgres cannot compare a number that is larger than its integers."""

from __future__ import annotations

from flask import Flask
from werkzeug.routing import IntegerConverter


class IdConverter(IntegerConverter):
    """Matches numbers of up to 16 digits, which include every id. A path with another one is ``not_found``.

    ``max`` would not do: werkzeug checks it after the methods, and some operations would be ``method_not_allowed``.
    """

    regex = "[0-9]{1,16}"


def install(app: Flask) -> None:
    app.url_map.converters["int"] = IdConverter
