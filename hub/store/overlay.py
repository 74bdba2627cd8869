"""A throw-away copy of the hub's database, in which a plan can settle without changing anything."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import select

from hub.store import tables as t
from hub.store.db import Store

CHUNK = 2_000


@contextmanager
def overlay(store: Store) -> Iterator[Store]:
    """A copy in a private temporary file (mode 0600), removed afterwards. Leases are not copied."""
    handle, path = tempfile.mkstemp(prefix="accordant-plan-", suffix=".db")
    os.close(handle)
    copy = Store(f"sqlite:///{path}", vault=store.vault, now=store.now)
    try:
        if store.engine.dialect.name == "sqlite":
            _backup(store, copy)
        else:
            copy.create()
            _copy_rows(store, copy)
        with copy.begin() as tx:
            tx.run(t.lease.delete())
        yield copy
    finally:
        copy.close()
        for name in (path, f"{path}-wal", f"{path}-shm"):
            if os.path.exists(name):
                os.unlink(name)


def _backup(store: Store, copy: Store) -> None:
    with store.engine.connect() as source, copy.engine.connect() as target:
        raw: Any = source.connection.driver_connection
        raw.backup(target.connection.driver_connection)


def _copy_rows(store: Store, copy: Store) -> None:
    with store.read() as source, copy.begin() as target:
        for table in t.metadata.sorted_tables:
            result = source.connection.execute(select(table).execution_options(yield_per=CHUNK))
            for rows in result.mappings().partitions():
                target.add(table, [dict(row) for row in rows])
