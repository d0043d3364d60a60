"""Postgres: the data that must last. One file per family of tables in models/, one file of queries per aggregate.

Every query is a plain function that takes a ``Connection`` (from ``engine.reading``, ``autocommit`` or ``writing``) and
returns frozen structs. No function runs one statement per row.

There are two ways to write a statement, and each module uses exactly one of them:

* **Hot modules** write SQL by hand, as ``sql.HotStatement``. Their statements run for every message, join, resume or
  batch, or they need what only SQL says well (lateral joins, arrays by ``unnest``, a whole batch in one statement).
  Compared with SQLAlchemy's execution, a ``HotStatement`` saves 0.1 ms per call and 3.5 µs per row, which is half the
  cost of a page of history. Hot modules:

  * the drain: ``batch_statement``, ``batch_writes``, ``batch_changes``, ``batch_group_changes``,
    ``batch_pending_pushes`` and ``epochs`` (the fence of each batch);
  * conversations and messages: ``admissions``, ``conversations``, ``direct_pairs``, ``groups``, ``memberships``,
    ``mentions``, ``messages``, ``message_life``, ``receipts``, ``replay``, ``search``, ``unread_tail`` and
    ``visibility``;
  * the push queue: ``pending_pushes``, ``push_deliveries`` and ``push_facts``;
  * media: ``media_rows`` (the pieces of uploads, and the attachments of each message) and ``media_uses``.

* **All other modules** use the models with ``select``, ``insert``, ``update`` and ``delete``, so that mypy and
  SQLAlchemy check names and types, and a renamed column fails at import: ``account_deletions``, ``auth_sessions``,
  ``blocks``, ``dead_letters``, ``exports``, ``invites``, ``media`` (the steps of an upload), ``media_sweep``,
  ``media_usage``, ``push_settings``, ``push_targets``, ``reports``, ``second_factors`` and ``users``. These run a few
  times per session, upload or day, where 0.1 ms does not matter.

``sqlalchemy.text`` is used by neither.
"""
