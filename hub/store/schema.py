"""Which version of the tables a database has, and how it gets to the newest one.

Reading the version is one small query; alembic is only loaded to migrate.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import inspect, text

from hub.core.errors import Refused
from hub.store.db import Store, translated

HEAD = "0001"
"""The newest revision in `migrations/versions`."""

VERSION_TABLE = "ac_version"


def version(store: Store) -> str:
    """The revision of this database, "" for one without any of our tables."""
    with translated(store.url), store.engine.connect() as connection:
        connection.execution_options(reading=True)
        names = set(inspect(connection).get_table_names())
        if VERSION_TABLE not in names:
            return "unknown" if "ac_golden" in names else ""
        return str(connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar() or "")  # noqa: S608


def upgrade(store: Store) -> str:
    """Bring the tables to the newest version; what is there already stays. Returns the version before."""
    from alembic import command

    before = version(store)
    if before == "unknown":
        raise _refused(store, "it has tables of Accordant, but no version", "start with an empty database")
    with translated(store.url), store.engine.begin() as connection:
        command.upgrade(_config(connection), "head")
    return before


def check(store: Store) -> None:
    """Raise Refused unless the tables are those of this version of the program."""
    found = version(store)
    if found == HEAD:
        return
    if found in ("", "unknown") or found < HEAD:
        state = f"has version {found}" if found not in ("", "unknown") else "has not been prepared"
        raise _refused(store, f"it {state}, and this program needs {HEAD}", "accordant db upgrade")
    raise _refused(
        store, f"it has version {found}, which is newer than {HEAD}", "install the newer accordant that upgraded it"
    )


def _refused(store: Store, what: str, next: str) -> Refused:
    return Refused(
        f"the database does not fit: {what}",
        where=store.engine.url.render_as_string(hide_password=True),
        unchanged="Nothing was read or written",
        next=next,
        code="E-SCHEMA",
    )


def _config(connection: Any) -> Any:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    config.attributes["connection"] = connection
    return config
