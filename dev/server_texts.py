"""Checks the catalogues of the server (app/languages/): each one has every text, with the same placeholders and its
plural forms.

The texts are the literals in calls of ``texts.text`` and ``texts.counted``, the titles of all errors, and the table in
app/core/error_texts.py, whose texts must be those of real errors.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from babel.messages import Catalog, Message
from babel.messages.pofile import read_po

from app.core.error_texts import DETAILS, FIELDS
from app.core.errors import ParleyError, all_errors
from app.core.languages import ENGLISH, LANGUAGES
from app.translations import FOLDER

_APP = Path(__file__).parents[1] / "app"
_TABLE = _APP / "core" / "error_texts.py"
_PLACEHOLDER = re.compile(r"\{\w*\}")

Text = tuple[str, str | None]  # with the plural, or None


def problems() -> str:
    """Returns the problems, one a line; empty if there are none."""
    trees = {path: ast.parse(path.read_text()) for path in sorted(_APP.rglob("*.py"))}
    called = {text for tree in trees.values() for text in _called(tree)}
    kinds: tuple[type[ParleyError], ...] = (ParleyError, *all_errors())
    errors = {kind.title for kind in kinds} | {*DETAILS, *FIELDS}
    wanted: set[Text] = called | {(text, None) for text in errors}
    found = [
        f"app/languages/{line}" for language in LANGUAGES if language != ENGLISH for line in _wrong(language, wanted)
    ]
    return "\n".join([*found, *_unreal(trees)])


def _called(tree: ast.AST) -> Iterator[Text]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(ast.Name("texts"), "counted"), args=[one, many, *_]):
                yield ast.literal_eval(one), ast.literal_eval(many)
            case ast.Call(func=ast.Attribute(ast.Name("texts"), "text"), args=[ast.Constant(str(text))]):
                yield text, None


def _wrong(language: str, wanted: set[Text]) -> Iterator[str]:
    with (FOLDER / f"{language}.po").open("rb") as source:
        catalogue: Catalog = read_po(source, locale=language, abort_invalid=True)
    had = {_text_of(message): message for message in catalogue if message.id}
    for text in sorted(wanted - had.keys()):
        yield f"{language}.po: “{text[0]}” is missing"
    for text in sorted(had.keys() - wanted):
        yield f"{language}.po: “{text[0]}” is not a text of the server"
    for text in sorted(wanted & had.keys()):
        yield from (f"{language}.po: “{text[0]}”: {why}" for why in _flaws(had[text], catalogue.num_plurals))


def _text_of(message: Message) -> Text:
    return (message.id, None) if isinstance(message.id, str) else (message.id[0], message.id[1])


def _flaws(message: Message, forms: int) -> Iterator[str]:
    """Forms for one or two things may do without the number."""
    one, many = _text_of(message)
    said = [message.string] if isinstance(message.string, str) else list(message.string or ())
    if many is not None and len(said) != forms:
        yield f"has {len(said)} forms, not {forms}"
    wanted = sorted(_PLACEHOLDER.findall(many or one))
    for index, text in enumerate(said):
        given = sorted(_PLACEHOLDER.findall(text))
        without_number = many is not None and index < 3 and given == sorted({*wanted} - {"{count}"})
        if not text or (given != wanted and not without_number):
            yield f"“{text}” has other placeholders"


def _unreal(trees: dict[Path, ast.Module]) -> list[str]:
    """Lists the texts of the table that no error has, because they were changed in one place only."""
    said = {_PLACEHOLDER.sub("{}", text) for path, tree in trees.items() if path != _TABLE for text in _literals(tree)}
    return [
        f"app/core/error_texts.py: no error says “{text}”"
        for text in (*DETAILS, *FIELDS)
        if text not in said and not any(text in one for one in said if "{}" in one)
    ]


def _literals(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
