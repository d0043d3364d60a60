"""Bounds the ids in paths: Postgres compares neither numbers that are larger than its integers nor texts with a null
character.
"""

from __future__ import annotations

from typing import Any

from flask import Flask
from werkzeug.routing import IntegerConverter, UnicodeConverter


class IdConverter(IntegerConverter):
    """Matches numbers of up to 16 digits, which include every id. A path with another one is ``not_found``.

    ``max`` would not do: werkzeug checks it after the methods, and some operations would be ``method_not_allowed``.
    """

    regex = "[0-9]{1,16}"


class TextConverter(UnicodeConverter):
    """Matches texts without a null character. A path with one is ``not_found``."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.regex = self.regex.replace("[^/]", r"[^/\0]")


def install(app: Flask) -> None:
    app.url_map.converters["int"] = IdConverter
    app.url_map.converters["default"] = app.url_map.converters["string"] = TextConverter
