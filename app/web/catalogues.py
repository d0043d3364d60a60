"""Divides each catalogue of the page: a first visit shows about half of the texts and loads only these.

The rest comes with the first script that is loaded later, so nobody waits for it longer than for that script.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from app.web.bundle import closure
from app.web.modules import BundleError, Module

_TEXTS = re.compile(r"const texts=\{\n(.*)\};?\nreturn", re.DOTALL)
_STRING = r'"(?:[^"\\]|\\.)*"'
_ENTRY = re.compile(rf'({_STRING}):({_STRING}|\{{(?:{_STRING}|[^"{{}}])*\}}),?\n?')
_SHARED = "...shared,"


def divided(
    modules: Mapping[str, Module], catalogues: Collection[str], first: Collection[str]
) -> tuple[dict[str, Module], dict[str, str]]:
    """Returns the modules with divided catalogues, and the name of each catalogue's rest.

    ``first``: the modules with which the scripts of a first visit begin. Raises BundleError if a catalogue is more than
    a list of texts.
    """
    shown = "".join(modules[name].code for start in first for name in closure(modules, start) if name not in catalogues)
    all_texts = {name: _texts_of(modules, name) for name in catalogues}
    keys = {key for texts in all_texts.values() for key in texts}
    first_keys = {key for key in keys if key in shown}
    changed, rests = dict(modules), {}
    for name, texts in all_texts.items():
        rests[name] = name.replace(".js", "-rest.js")
        early = {key: text for key, text in texts.items() if key in first_keys}
        late = {key: text for key, text in texts.items() if key not in early}
        changed[name] = Module(name, (), (rests[name],), f"const texts={_object(early)};\nreturn {{ texts }};\n")
        code = f'Object.assign($use("{name}").texts,{_object(late)});\nreturn {{}};\n'
        changed[rests[name]] = Module(rests[name], (name,), (), code)
    return changed, rests


def _texts_of(modules: Mapping[str, Module], name: str) -> dict[str, str]:
    """Returns the texts, with those of the catalogue that this one includes, as they are written in JavaScript."""
    found: dict[str, str] = {}
    for part in closure(modules, name):
        body = _TEXTS.search(modules[part].code)
        left = _ENTRY.sub(lambda entry: found.setdefault(entry[1], entry[2]) and "", body[1]) if body else "?"
        if left not in ("", _SHARED):
            raise BundleError(f"{part}: a catalogue has only texts, not `{left.strip()[:60]}`")
    return found


def _object(texts: Mapping[str, str]) -> str:
    return "{\n" + ",\n".join(f"{key}:{text}" for key, text in texts.items()) + "\n}"
