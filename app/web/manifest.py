"""The manifest, with which browsers install the page as an app (https://www.w3.org/TR/appmanifest/)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

# The service worker takes what other apps share with the page (client/sw.js).
_SHARED = {"title": "title", "text": "text", "url": "url", "files": [{"name": "files", "accept": ["*/*"]}]}


def manifest(address: Callable[[str], str]) -> str:
    """``address`` gives the address of an icon by its name."""
    return json.dumps(
        {
            "name": "Parley",
            "short_name": "Parley",
            "description": "Chat with people and groups.",
            # Relative to /assets/, where the manifest is. Browsers identify the app by its start address.
            "start_url": "../",
            "scope": "../",
            "display": "standalone",
            "background_color": "#f6f4f0",
            "theme_color": "#3d6f8e",
            "categories": ["social", "productivity"],
            "icons": [
                _icon(address("app-192.png"), "192x192"),
                _icon(address("app-512.png"), "512x512"),
                _icon(address("maskable-512.png"), "512x512", purpose="maskable"),
            ],
            "share_target": {
                "action": "../share",
                "method": "POST",
                "enctype": "multipart/form-data",
                "params": _SHARED,
            },
        }
    )


def _icon(address: str, sizes: str, purpose: str = "any") -> dict[str, Any]:
    return {"src": address, "sizes": sizes, "type": "image/png", "purpose": purpose}
