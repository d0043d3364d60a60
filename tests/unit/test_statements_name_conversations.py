"""If conversations are distributed, every statement about them names them, so that it runs only on the servers that
have them.
"""

from __future__ import annotations

import ast
import importlib
import itertools
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app import store
from app.store import models
from app.store.batch_statement import statement_for
from app.store.layout import TABLES
from app.store.sql import HotStatement, OneForm
from tests.support.conversation_names import tables_of, unnamed

# Statements that run on all servers, and why they must.
ON_ALL = {
    "epochs._GREATEST_VERSION._whole": "once after a Redis lost its data: the greatest version of all conversations",
    "epochs._GREATEST_VERSION._part": "the same, if there are several shards",
    "search_index._NEXT": "the indexer reads all messages, in the order of their changes",
    "search_index._EARLIER": "the same, backwards",
    "search_index._BEHIND": "how far the indexer is behind, for the metrics",
    "shard_count._ANY": "once, at the first start: is there any conversation?",
    "streams._UNTOUCHED": "the sweep looks for streams that nobody grows; few are open",
    "streams._PLACES": "the host names a stream by the id of its message alone",
}
# Statements that also read tables that are not distributed, which Citus copies to the servers with the conversations.
WITH_OTHER_TABLES = {
    "import_writes._MOVE": "the messages of an import, which are moved a thousand at a time",
    "import_writes._GIVE_BACK": "messages of one conversation of an import",
    "search_index._BEHIND": "one row of search_state",
}
# Functions that build statements of the models and name no conversation.
MODELS_ON_ALL = {
    "avatars.outside_of_groups": "groups whose avatar has an outside address, from before avatars were stored",
    "host_conversations.to_erase": "the sweep looks for conversations that are being erased; an index has only these",
    "host_messages.conversations_with": "the host names a message by its id alone",
    "stored_names.groups_after": "an operator's command goes through all names",
}
STATEMENTS = Path(store.__path__[0])


def statements() -> dict[str, str]:
    """Returns all statements that run if conversations are distributed, by module and name."""
    for module in pkgutil.iter_modules(store.__path__):
        importlib.import_module(f"{store.__name__}.{module.name}")
    found: dict[int, tuple[str, str]] = {}
    for module in pkgutil.iter_modules(store.__path__):
        for name, value in vars(importlib.import_module(f"{store.__name__}.{module.name}")).items():
            for where, statement in within(f"{module.name}.{name}", value):
                found.setdefault(id(statement), (where, statement.text))
    return dict(found.values())


def within(name: str, value: Any) -> Iterator[tuple[str, HotStatement]]:
    if isinstance(value, HotStatement):
        if not isinstance(value, OneForm):
            yield name, value
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from within(f"{name}[{key}]", one)
    elif isinstance(value, tuple):
        for number, one in enumerate(value):
            yield from within(f"{name}[{number}]", one)
    elif type(value).__module__.startswith(store.__name__) and hasattr(value, "__dict__"):
        for key, one in vars(value).items():
            yield from within(f"{name}.{key}", one)


def test_every_statement_names_its_conversations() -> None:
    found = statements()
    assert len(found) > 300, "the statements were not found"
    assert {name for name, text in found.items() if unnamed(text)} == set(ON_ALL)


def test_no_statement_reads_tables_here_and_there_together() -> None:
    tables = {name: tables_of(text) for name, text in statements().items()}
    mixed = {name for name, used in tables.items() if used & TABLES.keys() and used - TABLES.keys()}
    assert mixed == set(WITH_OTHER_TABLES)


def test_every_form_of_the_drains_statement_names_its_conversations() -> None:
    without_pushes = [(*flags, False, False, True, True) for flags in itertools.product((False, True), repeat=7)]
    for flags in without_pushes:
        assert unnamed(statement_for(*flags).decode()) == set()


def test_statements_of_the_models_name_their_conversations() -> None:
    unnamed_functions = {
        f"{path.stem}.{function.name}"
        for path in sorted(STATEMENTS.glob("*.py"))
        for function in ast.walk(ast.parse(path.read_text()))
        if isinstance(function, ast.FunctionDef) and not names_conversation(ast.unparse(function))
    }
    assert unnamed_functions == set(MODELS_ON_ALL)


MODELS = [name for name, model in vars(models).items() if getattr(model, "__tablename__", None) in TABLES]
USES_MODEL = re.compile(rf"\b(?:{'|'.join(MODELS)})\b")
BUILDS_STATEMENT = re.compile(r"\b(?:select|update|delete|insert)\(")
NAMES_CONVERSATION = re.compile(r"\bConversation\.id ==|\bconversation_id ==|\bamong_own\(|\binsert\(|is_distributed\(")


def names_conversation(function: str) -> bool:
    is_about_table = USES_MODEL.search(function) and BUILDS_STATEMENT.search(function)
    return not is_about_table or bool(NAMES_CONVERSATION.search(function))


@pytest.mark.parametrize(
    ("statement", "tables"),
    [
        ("SELECT * FROM messages WHERE version > %(v)s", {"messages"}),
        ("SELECT * FROM members WHERE user_id = %(u)s", {"members"}),
        ("UPDATE conversations SET name = %(n)s WHERE external_id = %(e)s", {"conversations"}),
        ("DELETE FROM stars WHERE user_id = ANY(CAST(%(users)s AS bigint[]))", {"stars"}),
        (
            "SELECT * FROM messages AS x JOIN members AS m ON m.conversation_id = x.conversation_id",
            {"messages", "members"},
        ),
        ("SELECT 1 FROM users AS u WHERE EXISTS (SELECT FROM members AS m WHERE m.user_id = u.id)", {"members"}),
        ("SELECT 1 FROM members WHERE conversation_id = %(c)s OR user_id = %(u)s", {"members"}),
        ("WITH m AS (SELECT * FROM members) SELECT * FROM m WHERE m.user_id = %(u)s", {"members"}),
        ("INSERT INTO mentions (user_id, seq) VALUES (%(u)s, %(s)s)", {"mentions"}),
        ("SELECT * FROM messages WHERE conversation_id <> %(c)s", {"messages"}),
    ],
)
def test_missing_name_is_found(statement: str, tables: set[str]) -> None:
    assert unnamed(statement) == tables


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM messages WHERE conversation_id = %(c)s AND seq > 1",
        "SELECT * FROM conversations WHERE id = ANY(CAST(%(ids)s AS bigint[]))",
        "SELECT x.seq FROM unnest(CAST(%(a)s AS bigint[])) AS w (c) JOIN messages AS x ON x.conversation_id = w.c",
        "SELECT * FROM messages AS x JOIN members AS m USING (seq) WHERE x.conversation_id = m.conversation_id"
        " AND m.conversation_id = %(c)s",
        "WITH m AS (SELECT * FROM members) SELECT * FROM m WHERE m.conversation_id = %(c)s",
        "SELECT 1 FROM messages AS x WHERE x.conversation_id = %(c)s AND NOT EXISTS ("
        " SELECT FROM hidden_messages AS h WHERE h.conversation_id = x.conversation_id)",
        "INSERT INTO mentions (user_id, conversation_id) VALUES (%(u)s, %(c)s) ON CONFLICT DO NOTHING",
        "SELECT * FROM users WHERE id = 1",
    ],
)
def test_named_conversation_is_recognised(statement: str) -> None:
    assert unnamed(statement) == set()
