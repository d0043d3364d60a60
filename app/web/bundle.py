"""Puts ES modules together: one script with everything that the page needs to begin, and one for each ``import()``.

Each module becomes a function that runs once, at its first use, and returns the exports. So names of different modules
cannot collide, and modules run in the order in which a browser would run them. A script that is loaded later brings the
modules that the first script lacks. A module may have a rest, which is loaded with the next script after it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from app.web.modules import BundleError, Module

# Smaller modules that several later scripts need are repeated in each of them, because a request costs more.
_SHARED_CHARACTERS = 20_000

# `$load` tries again, because during a deploy another process may have the file.
_LOADER = """const $makers = new Map(), $made = new Map(), $waits = [400, 1600];
const $define = (name, make) => void ($makers.has(name) || $makers.set(name, make));
const $use = (name) => {
if (!$made.has(name)) $made.set(name, $makers.get(name)());
return $made.get(name);
};
const $fetch = (address, tries = 0) => import(tries ? `${address}?${tries}` : address).catch(async (error) => {
if (tries === $waits.length) throw error;
await new Promise((done) => setTimeout(done, $waits[tries]));
return $fetch(address, tries + 1);
});
const $load = async (name) => {
const parts = $early.includes(name) ? [] : Object.keys($rests).filter((part) => $made.has(part));
const rests = parts.map((part) => $load($rests[part]));
const addresses = $makers.has(name) ? [] : $later[name];
const [scripts] = await Promise.all([Promise.all(addresses.map((address) => $fetch(address))), ...rests]);
for (const script of scripts) script.default($define, $use, $load);
return $use(name);
};
"""


@dataclass(frozen=True)
class Script:
    stem: str
    text: str


@dataclass(frozen=True)
class Rests:
    """``names`` maps a module to the module with its rest. A rest is loaded together with the next script after the
    module, unless that script begins with one of ``early``.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    early: Collection[str] = ()

    def code(self) -> str:
        early = sorted({*self.early, *self.names, *self.names.values()} if self.names else ())
        return f"const $rests = {json.dumps(dict(self.names), indent=0)}, $early = {json.dumps(early)};\n"


_NO_RESTS = Rests()


def bundle(
    modules: Mapping[str, Module], entry: str, publish: Callable[[Script], str], rests: Rests = _NO_RESTS
) -> str:
    """Returns the first script. ``publish`` takes each later script and returns its address. Raises BundleError."""
    loaded_before = _loaded_before(modules, entry)
    wanted = {
        start: [name for name in closure(modules, start) if name not in loaded]
        for start, loaded in sorted(loaded_before.items())
        if start != entry and start not in loaded
    }
    shared = _shared(modules, wanted)
    addresses: dict[str, list[str]] = {start: [] for start in wanted}
    for users, names in shared.items():
        address = publish(_later_script(modules, names))
        for start in users:
            addresses[start].append(address)
    apart = {name for names in shared.values() for name in names}
    for start, names in wanted.items():
        if own := [name for name in names if name not in apart]:
            addresses[start].append(publish(_later_script(modules, own)))
    first = _definitions(modules, closure(modules, entry))
    return f'const $later = {json.dumps(addresses, indent=0)};\n{rests.code()}{_LOADER}{first}$use("{entry}");\n'


def closure(modules: Mapping[str, Module], start: str) -> list[str]:
    """Returns ``start`` and everything it imports, imports first. Raises BundleError if modules are missing or import
    each other.
    """
    done: dict[str, None] = {}
    path: list[str] = []

    def visit(name: str) -> None:
        if name in done:
            return
        if name in path:
            raise BundleError(f"modules import each other: {' → '.join([*path[path.index(name) :], name])}")
        if name not in modules:
            raise BundleError(f"{path[-1] if path else 'the page'} imports {name}, which does not exist")
        path.append(name)
        for imported in modules[name].imports:
            visit(imported)
        done[path.pop()] = None

    visit(start)
    return list(done)


def _loaded_before(modules: Mapping[str, Module], entry: str) -> dict[str, set[str]]:
    """Returns, for each module with which a script begins, the modules that every way to it loads before."""
    before: dict[str, set[str]] = {entry: set()}
    waiting = [entry]
    while waiting:
        start = waiting.pop()
        own = set(closure(modules, start)) - before[start]
        for later in (later for name in own for later in modules[name].later):
            loaded = before.get(later, before[start] | own) & (before[start] | own)
            if before.get(later) != loaded:
                before[later] = loaded
                waiting.append(later)
    return before


def _shared(modules: Mapping[str, Module], wanted: Mapping[str, list[str]]) -> dict[tuple[str, ...], list[str]]:
    """Returns the modules that become scripts of their own, by the later scripts that need them."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for name in dict.fromkeys(name for names in wanted.values() for name in names):
        users = tuple(start for start in wanted if name in wanted[start])
        groups.setdefault(users, []).append(name)
    return {
        users: names
        for users, names in groups.items()
        if len(users) > 1 and sum(len(modules[name].code) for name in names) >= _SHARED_CHARACTERS
    }


def _later_script(modules: Mapping[str, Module], names: list[str]) -> Script:
    """The last of the names, which imports the others, gives the script its name."""
    body = _definitions(modules, names)
    return Script(PurePosixPath(names[-1]).stem, f"export default ($define, $use, $load) => {{\n{body}}};\n")


def _definitions(modules: Mapping[str, Module], names: list[str]) -> str:
    return "".join(f'$define("{name}", () => {{\n{modules[name].code}}});\n' for name in names)
