"""Postgres: what must last. Models a family a file, queries per aggregate, the drain's set-based batch
writes.

Every query is a plain function of a ``Connection`` (from ``engine.reading`` or ``engine.writing``) that
returns frozen structs; none runs a statement per row.
"""
