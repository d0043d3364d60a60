"""Reads an ES module: its imports, its exports, and its code without both.

``read_module`` understands the syntax that the page and the client use, and raises BundleError for any other:

* ``import { a, b as c } from "…"``, ``import * as all from "…"``, ``import "…"`` and ``import("…")``;
* ``export`` before a function, a class or a ``const`` with one name, and ``export { a, b as c }``.

These statements begin in the first column and end with a semicolon.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass

from app.web.javascript import stripped

_IMPORT = re.compile(
    r"""^import\b\s*(?:(?:\{(?P<names>[^}]*)\}|\*\s*as\s+(?P<all>[\w$]+))\s*from\s*)?"(?P<path>[^"]+)";""", re.MULTILINE
)
_EXPORT = re.compile(r"^export (?=(?:(?:async )?function\*?|class|const) ([\w$]+))", re.MULTILINE)
_EXPORT_LIST = re.compile(r"^export \{([^}]*)\};", re.MULTILINE)
_OTHER = re.compile(r"^(?:import\b(?!\()|export\b).*", re.MULTILINE)
_LATER = re.compile(r'\bimport\("([^"]+)"\)')


class BundleError(Exception):
    """A module uses syntax that the bundle does not understand, or imports a file that does not exist."""


@dataclass(frozen=True)
class Module:
    name: str
    imports: tuple[str, ...]
    later: tuple[str, ...]  # loaded by import(), when they are needed
    code: str  # the body of a function that returns the exports


def read_module(name: str, text: str) -> Module:
    """Raises BundleError."""
    imports: list[str] = []
    exports: dict[str, str] = {}

    def take(match: re.Match[str]) -> str:
        imports.append(resolved(name, match["path"]))
        use = f'$use("{imports[-1]}");'
        if match["all"]:
            return f"const {match['all']} = {use}"
        if match["names"] is None:
            return use
        pairs = [(old, new) for old, new in _pairs(match["names"])]
        return f"const {{ {', '.join(old if old == new else f'{old}: {new}' for old, new in pairs)} }} = {use}"

    code = _IMPORT.sub(take, text)
    exports |= {made: made for made in _EXPORT.findall(code)}
    code = _EXPORT.sub("", code)
    exports |= {new: old for listed in _EXPORT_LIST.findall(code) for old, new in _pairs(listed)}
    code = _EXPORT_LIST.sub("", code)
    if other := _OTHER.search(code):
        raise BundleError(f"{name}: the bundle does not understand `{other[0]}`; see app/web/modules.py")
    code = stripped(code)
    later = tuple(resolved(name, path) for path in _LATER.findall(code))
    code = _LATER.sub(lambda match: f'$load("{resolved(name, match[1])}")', code)
    returned = ", ".join(new if old == new else f"{new}: {old}" for new, old in exports.items())
    return Module(name, tuple(imports), later, f"{code}return {{ {returned} }};\n")


def resolved(name: str, path: str) -> str:
    """Returns the name of the module that ``name`` imports as ``path``. The client's names begin with ``client/``."""
    if path.startswith("/"):
        return path.lstrip("/")
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), path))


def _pairs(names: str) -> list[tuple[str, str]]:
    """``a, b as c`` → [(a, a), (b, c)]"""
    parts = [part.split(" as ") for part in (part.strip() for part in names.split(",")) if part]
    return [(part[0].strip(), part[-1].strip()) for part in parts]
