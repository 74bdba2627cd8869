"""Secrets are sealed, bound to their names, and listed without their values."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import update

from hub.core.errors import Stop
from hub.store import secrets
from hub.store import tables as t
from hub.store.db import Store
from hub.store.vault import Vault


@pytest.fixture
def store() -> Iterator[Store]:
    made = Store("sqlite://", vault=Vault(bytes(range(32))), now=lambda: 1.0)
    made.create()
    yield made
    made.close()


def test_a_secret_comes_back_as_it_was_given(store: Store) -> None:
    with store.begin() as tx:
        secrets.put(tx, "a", "first")
        secrets.put(tx, "a", "Größe → ok")
        assert secrets.get(tx, "a") == "Größe → ok"
        assert secrets.get(tx, "b") is None


def test_a_sealed_secret_does_not_show_its_value(store: Store) -> None:
    with store.begin() as tx:
        secrets.put(tx, "a", "swordfish")
        sealed = tx.value(t.secret.select().with_only_columns(t.secret.c.sealed))
    assert b"swordfish" not in sealed


def test_a_secret_moved_under_another_name_does_not_open(store: Store) -> None:
    with store.begin() as tx:
        secrets.put(tx, "a", "swordfish")
        tx.run(update(t.secret).values(name="b"))
        with pytest.raises(Stop, match="cannot be opened"):
            secrets.get(tx, "b")


def test_the_hubs_own_entries_are_not_listed(store: Store) -> None:
    secrets.StoredTokens(store).save("sf", "refresh")
    with store.begin() as tx:
        secrets.put(tx, f"{secrets.NOTE}signed-in:sf", "x")
        secrets.put(tx, "b", "1")
        secrets.put(tx, "a", "2")
        assert secrets.names(tx) == ["a", "b"]
        assert secrets.drop(tx, "a") and not secrets.drop(tx, "a")
        assert secrets.names(tx) == ["b"]


def test_a_rotated_token_is_stored_before_save_returns(store: Store) -> None:
    tokens = secrets.StoredTokens(store)
    assert tokens.load("sf") is None
    tokens.save("sf", "one")
    tokens.save("sf", "two")
    assert secrets.StoredTokens(store).load("sf") == "two"
