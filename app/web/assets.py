"""The files of the page and the widget, under names with a hash of their content: browsers keep them for good.

They are put together at the first request. In development, this happens again when a file has changed, so a change
shows at the next reload.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.web.bundle import Rests, bundle
from app.web.catalogues import divided
from app.web.manifest import manifest
from app.web.modules import Module, read_module
from app.web.packed import Packed

WEB = Path(__file__).parent
CLIENT = WEB.parents[1] / "client"
STATIC = WEB / "static"
PAGE = STATIC / "page"
JAVASCRIPT = "text/javascript; charset=utf-8"
_TYPES = {
    ".js": JAVASCRIPT,
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webmanifest": "application/manifest+json",
}
# The pictures in static/icons/ by name, with their width. They show the drawings that their names begin with.
ICON_SIZES = {"app-192": 192, "app-512": 512, "maskable-512": 512, "maskable-180": 180, "badge-96": 96}
LANGUAGES = sorted(path.stem for path in (PAGE / "languages").glob("*.js"))
# A first visit loads the scripts that begin with these modules.
FIRST = ("main.js", "views/signed_in.js")
_CSS_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_CSS_INDENT = re.compile(r"\n\s*")


@dataclass(frozen=True)
class Assets:
    """``files``: name with its hash -> file. ``names``: name without a hash, such as ``page.js`` -> name with one."""

    files: dict[str, Packed]
    names: dict[str, str]

    def address(self, plain_name: str) -> str:
        return f"/assets/{self.names[plain_name]}"


def build() -> Assets:
    """Raises BundleError if the modules cannot be put together."""
    files: dict[str, Packed] = {}
    names: dict[str, str] = {}

    # The files name each other by addresses relative to their own: the server may be mounted below any prefix.
    def publish(name: str, content: bytes) -> str:
        stem, _, suffix = name.rpartition(".")
        packed = Packed(content, _TYPES[f".{suffix}"])
        names[name] = f"{stem}.{packed.hash}.{suffix}"
        files[names[name]] = packed
        return f"../assets/{names[name]}"

    for path in (STATIC / "icon.svg", *(STATIC / "icons" / f"{name}.png" for name in ICON_SIZES)):
        publish(path.name, path.read_bytes())
    publish("page.webmanifest", manifest(lambda icon: f"../assets/{names[icon]}").encode())
    publish("page.css", _styles().encode())

    def put_together(name: str, entry: str, later: str, **more: Any) -> None:
        """Publishes the script of an entry, and the scripts that it loads later, whose names begin with ``later``."""
        script = bundle(modules, entry, lambda part: publish(f"{later}{part.stem}.js", part.text.encode()), **more)
        publish(name, script.encode())

    modules, rests = divided(_modules(), [f"languages/{language}.js" for language in LANGUAGES], FIRST)
    put_together("page.js", "main.js", "", rests=Rests(rests, FIRST))
    put_together("widget.js", "client/widget.js", "widget-")
    put_together("embed.js", "client/widget/embed.js", "widget-")
    return Assets(files, names)


def signature() -> tuple[int, int]:
    """Changes when a file of the page or the client is added, removed or written."""
    stats = [path.stat() for folder in (STATIC, CLIENT) for path in folder.rglob("*") if path.suffix in _TYPES]
    return len(stats), max(stat.st_mtime_ns for stat in stats)


def _modules() -> dict[str, Module]:
    """Returns the modules of the page by their path, and those of the client with ``client/`` before it."""
    paths = {path.relative_to(PAGE).as_posix(): path for path in PAGE.rglob("*.js")}
    paths |= {f"client/{path.relative_to(CLIENT).as_posix()}": path for path in CLIENT.rglob("*.js")}
    return {name: read_module(name, path.read_text()) for name, path in paths.items()}


def _styles() -> str:
    text = "".join(path.read_text() for path in sorted((PAGE / "css").glob("*.css")))
    return _CSS_INDENT.sub("\n", _CSS_COMMENT.sub("", text)).strip() + "\n"
