"""The language that the client of the current request prefers."""

from __future__ import annotations

from flask import request

from app.translations import best_language


def requested_language() -> str | None:
    """Returns the best of our languages for ``Accept-Language``, or None if the header names none of them."""
    return best_language(request.accept_languages.values())
