"""Postgres: the data that must last. One file per family of tables in models/, one file of queries per aggregate.

Every query is a plain function that takes a ``Connection`` (from ``engine.reading``, ``autocommit`` or ``writing``) and
returns frozen structs. No function runs one statement per row.

There are two ways to write a statement:

* **SQL by hand**, as ``sql.HotStatement``: for statements that run for every message, join, resume or batch, and for
  statements that can only be written well in SQL (lateral joins, arrays by ``unnest``, a whole batch in one statement).
  Compared with SQLAlchemy's execution, a ``HotStatement`` saves 0.1 ms per call and 3.5 µs per row, which is half the
  cost of a page of history. This covers the drain (``batch_*``, ``epochs``), conversations and messages, the push
  queue, media of messages, the change feed, webhooks and imports.
* **The models** with ``select``, ``insert``, ``update`` and ``delete``, so that mypy and SQLAlchemy check names and
  types, and a renamed column fails at import: everything that runs a few times per session, upload or day, where
  0.1 ms does not matter. Examples are ``users``, ``auth_sessions``, ``invites``, ``reports`` and ``media``.

If Citus distributes the conversations, each statement about them names them (layout.py, distribution.py). If that would
cost a single Postgres something, the statement has two forms; ``OneForm`` marks the form for one Postgres.

A module uses one of the two. Only a module that is mostly SQL by hand may write its simple statements with the models.
``sqlalchemy.text`` is used by neither.
"""
