"""Secrets in the database: what people set by name, and tokens that vendors rotate.

Each is sealed with the master key and bound to its name, so that a row moved under another name does not open.
"""

from __future__ import annotations

from sqlalchemy import select

from hub.store import tables as t
from hub.store.db import Store, Tx

TOKEN, NOTE = "token:", "note:"
KEY = f"{NOTE}master-key"


def _about(name: str) -> str:
    return f"secret:{name}"


def put(tx: Tx, name: str, value: str) -> None:
    """Store a secret, or replace it."""
    tx.upsert(t.secret, [{"name": name, "sealed": tx.store.vault.seal(value.encode(), _about(name))}])


def get(tx: Tx, name: str) -> str | None:
    sealed = tx.value(select(t.secret.c.sealed).where(t.secret.c.name == name))
    return None if sealed is None else tx.store.vault.open(bytes(sealed), _about(name)).decode()


def drop(tx: Tx, name: str) -> bool:
    return bool(tx.run(t.secret.delete().where(t.secret.c.name == name)))


def names(tx: Tx) -> list[str]:
    """The names that people gave, without the hub's own entries."""
    found = [str(row[0]) for row in tx.rows(select(t.secret.c.name).order_by(t.secret.c.name))]
    return [name for name in found if not name.startswith((TOKEN, NOTE))]


def check_key(store: Store) -> None:
    """Raise Stop unless this database was made with the store's master key. The first key to come is its key.

    Without this, a run with a wrong key would go on until it met something old, and leave new things sealed with it.
    """
    with store.read() as tx:
        known = get(tx, KEY)
    if known is None:
        with store.begin() as tx:
            tx.add_new(t.secret, [{"name": KEY, "sealed": tx.store.vault.seal(b"the key fits", _about(KEY))}])
            get(tx, KEY)


class StoredTokens:
    """A TokenStore whose tokens are in the database before `save` returns."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def load(self, name: str) -> str | None:
        with self._store.read() as tx:
            return get(tx, TOKEN + name)

    def save(self, name: str, value: str) -> None:
        with self._store.begin() as tx:
            put(tx, TOKEN + name, value)
