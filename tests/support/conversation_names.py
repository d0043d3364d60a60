"""Finds statements that read or change distributed tables without naming the conversations (app/store/layout.py).

A table is named if its column with the conversation is compared with a parameter or a list of them, or, perhaps over
other tables, equals a column that is. Columns of a list that a parameter gives count as well. Parses with Postgres' own
grammar.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pglast
from pglast import ast
from pglast.enums import A_Expr_Kind, BoolExprType

from app.store.layout import TABLES

Column = tuple[int, str]  # of the relation with this number
Scope = dict[str, int]
GIVEN: Column = (0, "")
_EQUALS = (A_Expr_Kind.AEXPR_OP, A_Expr_Kind.AEXPR_OP_ANY)


def unnamed(statement: str) -> set[str]:
    """Returns the distributed tables of which the statement does not name the conversations."""
    found = _Statement()
    for raw in pglast.parse_sql(_numbered(statement)):
        found.read(raw.stmt, {}, {})
    return found.unnamed()


def tables_of(statement: str) -> set[str]:
    """Returns all tables that the statement names."""
    found = _Statement()
    for raw in pglast.parse_sql(_numbered(statement)):
        found.read(raw.stmt, {}, {})
    return found.tables


def _numbered(statement: str) -> str:
    return re.sub(r"%\(\w+\)s|%s", "$1", statement).replace("%%", "%")


class _Statement:
    """Groups the columns that are equal (union-find), over all levels of the statement."""

    def __init__(self) -> None:
        self.tables: set[str] = set()
        self._parents: dict[Column, Column] = {}
        self._distributed: dict[int, str] = {}
        self._outputs: dict[int, Mapping[str, Column]] = {}
        self._functions: set[int] = set()
        self._through: dict[int, list[int]] = {}
        self._count = 0

    def unnamed(self) -> set[str]:
        given = self._root(GIVEN)
        return {
            table for one, table in self._distributed.items() if self._root(self._column(one, TABLES[table])) != given
        }

    def read(self, node: Any, scope: Scope, ctes: Scope) -> int:
        """Reads a statement, and returns the number of its result as a relation."""
        own = self._new()
        ctes = dict(ctes)
        for cte in node.withClause.ctes if getattr(node, "withClause", None) else ():
            number = self._new()
            ctes[cte.ctename] = number
            inner = self.read(cte.ctequery, scope, ctes)
            names = [name.sval for name in cte.aliascolnames or ()]
            self._rename(number, inner, names)
        if isinstance(node, ast.SelectStmt) and node.larg is not None:
            sides = [self.read(side, scope, ctes) for side in (node.larg, node.rarg)]
            self._through[own] = sides
            return own
        inside = dict(scope)
        sources = self._sources(node, inside, ctes)
        self._conditions(node, inside, ctes)
        self._results(own, node, inside, sources)
        return own

    def _sources(self, node: Any, scope: Scope, ctes: Scope) -> list[int]:
        found = []
        target = getattr(node, "relation", None)
        if target is not None:
            number = self._add_table(target, scope, ctes)
            if isinstance(node, ast.InsertStmt):
                self._inserted(node, number)
                scope["excluded"] = number
            found.append(number)
        for source in (getattr(node, "fromClause", None) or ()) or (getattr(node, "usingClause", None) or ()):
            found += self._add(source, scope, ctes)
        return found

    def _inserted(self, node: ast.InsertStmt, number: int) -> None:
        """An insert names the conversation if it gives the column a value."""
        table = self._distributed.get(number)
        if table and TABLES[table] in {column.name for column in node.cols or ()}:
            self._equal(self._column(number, TABLES[table]), GIVEN)

    def _add(self, node: Any, scope: Scope, ctes: Scope) -> list[int]:
        if isinstance(node, ast.JoinExpr):
            found = self._add(node.larg, scope, ctes) + self._add(node.rarg, scope, ctes)
            self._condition(node.quals, scope, ctes)
            return found
        if isinstance(node, ast.RangeVar):
            return [self._add_table(node, scope, ctes)]
        number = self._new()
        if isinstance(node, ast.RangeSubselect):
            inner = self.read(node.subquery, scope, ctes)
            self._rename(number, inner, [name.sval for name in (node.alias and node.alias.colnames) or ()])
        else:
            self._functions.add(number)
            self._walk(node, scope, ctes)
        scope[node.alias.aliasname if node.alias else f"#{number}"] = number
        return [number]

    def _add_table(self, node: ast.RangeVar, scope: Scope, ctes: Scope) -> int:
        number = self._new()
        if node.relname in ctes:
            self._through[number] = [ctes[node.relname]]
        else:
            self.tables.add(node.relname)
            if node.relname in TABLES:
                self._distributed[number] = node.relname
        scope[node.alias.aliasname if node.alias else node.relname] = number
        return number

    def _rename(self, number: int, inner: int, names: list[str]) -> None:
        outputs = list(self._outputs.get(inner, {}).values())
        self._outputs[number] = dict(zip(names, outputs, strict=False))
        self._through[number] = [inner]

    def _conditions(self, node: Any, scope: Scope, ctes: Scope) -> None:
        self._condition(getattr(node, "whereClause", None), scope, ctes)
        if isinstance(node, ast.InsertStmt) and node.selectStmt is not None:
            self.read(node.selectStmt, scope, ctes)
        for part in ("targetList", "havingClause", "sortClause", "limitCount", "onConflictClause", "returningList"):
            self._walk(getattr(node, part, None), scope, ctes)

    def _condition(self, node: Any, scope: Scope, ctes: Scope) -> None:
        if isinstance(node, ast.BoolExpr) and node.boolop == BoolExprType.AND_EXPR:
            for part in node.args:
                self._condition(part, scope, ctes)
            return
        if isinstance(node, ast.A_Expr) and node.kind in _EQUALS and node.name[-1].sval == "=":
            left, right = self._value(node.lexpr, scope), self._value(node.rexpr, scope)
            if left is not None and right is not None:
                self._equal(left, right)
        self._walk(node, scope, ctes)

    def _walk(self, node: Any, scope: Scope, ctes: Scope) -> None:
        """Reads the sub-selects of an expression."""
        if isinstance(node, tuple):
            for one in node:
                self._walk(one, scope, ctes)
        elif isinstance(node, ast.SubLink):
            self._walk(node.testexpr, scope, ctes)
            self.read(node.subselect, scope, ctes)
        elif isinstance(node, ast.Node):
            for name in node:
                self._walk(getattr(node, name), scope, ctes)

    def _results(self, own: int, node: Any, scope: Scope, sources: list[int]) -> None:
        targets = node.targetList if isinstance(node, ast.SelectStmt) else getattr(node, "returningList", None)
        outputs: dict[str, Column] = {}
        for target in targets or ():
            value = self._value(target.val, scope)
            name = target.name or (value[1] if value else "")
            if isinstance(target.val, ast.ColumnRef) and isinstance(target.val.fields[-1], ast.A_Star):
                stars = [scope[field.sval] for field in target.val.fields[:-1] if field.sval in scope]
                self._through.setdefault(own, []).extend(stars or sources)
            else:
                outputs[name or f"#{len(outputs)}"] = value or (self._new(), "")
        self._outputs[own] = outputs

    def _value(self, node: Any, scope: Scope) -> Column | None:
        """Returns the column that an expression is, or GIVEN for parameters and constants."""
        if isinstance(node, ast.TypeCast):
            return self._value(node.arg, scope)
        if isinstance(node, (ast.ParamRef, ast.A_Const)):
            return GIVEN
        if not isinstance(node, ast.ColumnRef) or isinstance(node.fields[-1], ast.A_Star):
            return None
        *owner, name = (field.sval for field in node.fields)
        if owner:
            return self._column(scope[owner[0]], name) if owner[0] in scope else None
        return next(self._candidates(name, scope), None)

    def _candidates(self, name: str, scope: Scope) -> Iterator[Column]:
        """Yields the columns that a name without a table may mean: those of the innermost relation that has one."""
        for number in reversed(list(scope.values())):
            table = self._distributed.get(number)
            if table and TABLES[table] == name:
                yield self._column(number, name)
        for number in reversed(list(scope.values())):
            if number in self._functions or name in self._outputs.get(number, {}):
                yield self._column(number, name)

    def _column(self, number: int, name: str) -> Column:
        if number in self._functions:
            return GIVEN
        if name in self._outputs.get(number, {}):
            return self._outputs[number][name]
        for inner in self._through.get(number, ()):
            return self._column(inner, name)
        return number, name

    def _new(self) -> int:
        self._count += 1
        return self._count

    def _root(self, column: Column) -> Column:
        while column in self._parents:
            column = self._parents[column]
        return column

    def _equal(self, one: Column, other: Column) -> None:
        if self._root(one) != self._root(other):
            self._parents[self._root(one)] = self._root(other)
