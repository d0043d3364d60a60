"""Accessibility checks: axe-core finds problems of screen readers and low vision in the current page."""

from __future__ import annotations

import json
from importlib.resources import files

from playwright.sync_api import Page

AXE = files("axe_playwright_python").joinpath("axe.min.js")


def violations(page: Page) -> list[str]:
    """Returns the moderate, serious and critical violations, each with its element."""
    page.evaluate(AXE.read_text())
    found = json.loads(page.evaluate("axe.run({resultTypes: ['violations']}).then((found) => JSON.stringify(found))"))
    return [
        f"{violation['id']}: {node['target']} {node['html'][:150]}"
        for violation in found["violations"]
        if violation["impact"] in ("moderate", "serious", "critical")
        for node in violation["nodes"]
    ]
