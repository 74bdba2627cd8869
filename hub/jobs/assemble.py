"""Put a project together: files, database, secrets, connectors and the engine's hub.

Everything is made at its first use, so that a command which only reads the database loads no vendor's client.
"""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from hub.connect.clock import SystemClock
from hub.connect.connector import Connector, Context, Identity
from hub.connect.guarded import Guarded
from hub.connect.limits import Breaker, MemoryBuckets
from hub.connect.pool import Threads
from hub.connect.registry import connector_class, connector_names
from hub.core.errors import HubError, Refused
from hub.engine.context import Calls, Hub
from hub.jobs.folder import read_key
from hub.jobs.ids import Ids, holder_name, is_alive
from hub.settings.project import Project, load_project
from hub.settings.secrets import resolve
from hub.store import runs, schema, secrets
from hub.store.db import Store
from hub.store.vault import Vault

THREADS = 8


def known_connector(name: str) -> type[Connector] | None:
    """The class of a connector, or None if none of that name is installed."""
    return connector_class(name) if name in connector_names() else None


class Connectors(Mapping[str, Connector]):
    """The connectors of a project, each made when it is first asked for."""

    def __init__(self, names: Mapping[str, Any], make: Callable[[str], Connector]) -> None:
        self._names, self._make = names, make
        self._made: dict[str, Connector] = {}
        self._lock = threading.Lock()

    def __getitem__(self, name: str) -> Connector:
        with self._lock:
            if name not in self._made:
                self._made[name] = self._make(name)
            return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def close(self) -> None:
        for connector in self._made.values():
            with suppress(HubError):
                connector.close()


@dataclass
class Assembly:
    """One opened project. Use as a context manager. `cancelled` is polled by connectors between pages."""

    root: Path
    env: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    progress: Callable[[str, dict[str, object]], None] = lambda event, facts: None
    cancelled: Callable[[], bool] = lambda: False
    clock: SystemClock = field(default_factory=SystemClock)

    def __enter__(self) -> Assembly:
        return self

    def __exit__(self, *exc: object) -> None:
        for name in ("connectors", "unchecked_store"):
            made = self.__dict__.get(name)
            if made is not None:
                made.close()

    @cached_property
    def project(self) -> Project:
        return load_project(self.root, self.env, known_connector)

    @cached_property
    def unchecked_store(self) -> Store:
        """The database, whatever version it has."""
        url = self.project.database
        _make_private(url)
        return Store(url, vault=Vault(read_key(self.root, self.env)), now=self.clock.now)

    @cached_property
    def store(self) -> Store:
        """The database, at this program's version. A new embedded one is made here; an old one is refused."""
        store = self.unchecked_store
        if store.engine.dialect.name == "sqlite" and schema.version(store) == "":
            schema.upgrade(store)
        schema.check(store)
        secrets.check_key(store)
        return store

    @cached_property
    def connectors(self) -> Connectors:
        return Connectors(self.project.connections, self._connect)

    @cached_property
    def calls(self) -> Calls:
        return Calls()

    @cached_property
    def _buckets(self) -> MemoryBuckets:
        return MemoryBuckets(self.clock)

    def config(self, name: str) -> dict[str, Any]:
        """A connection's block with its secrets in place."""
        settings = self.project.connections[name]
        return resolve(settings.config, self.env, self.secret, places=settings.places, root=self.root)

    def secret(self, name: str) -> str | None:
        with self.store.read() as tx:
            return secrets.get(tx, name)

    def _connect(self, name: str) -> Connector:
        if name not in self.project.connections:
            known = ", ".join(sorted(self.project.connections)) or "none yet: see config/connections.yaml"
            raise Refused(
                f'there is no connection "{name}"',
                unchanged="Nothing was done",
                next=f"use one of: {known}",
                code="S-NAME",
            )
        made = connector_class(self.project.connections[name].connector)
        context = Context(
            clock=self.clock,
            tokens=secrets.StoredTokens(self.store),
            buckets=self._buckets,
            on_call=lambda what: self.calls.add(name),
            cancelled=self.cancelled,
        )
        return Guarded(made(name, self.config(name), context), Breaker(self.clock))

    @cached_property
    def hub(self) -> Hub:
        # What is loaded by now stays: the garbage collector need not walk it again and again during a long run.
        gc.freeze()
        threads = (self.project.settings.get("work") or {}).get("threads", THREADS)
        return Hub(
            store=self.store,
            connectors=self.connectors,
            syncs=self.project.syncs,
            clock=self.clock,
            new_id=Ids(self.clock.now),
            holder=holder_name(),
            is_alive=is_alive,
            pool=Threads(int(threads)),
            calls=self.calls,
            progress=self.progress,
        )

    # -- which account is on the other side

    def sign_in(self, connection: str) -> Identity:
        """Ask who answers, and remember the account. Raises Refused if it is not the one that was there before."""
        settings = self.project.connections.get(connection)
        identity = self.connectors[connection].check()
        with self.store.begin() as tx:
            known = str(runs.connection_state(tx, connection)["org"])
            if known and known != identity.org:
                raise Refused(
                    f"{connection} leads to another account than before: {identity.org}, not {known}",
                    where=str(settings.place) if settings else "",
                    why="Links and cursors of one account mean nothing in another one",
                    unchanged="Nothing was read or written",
                    next="sign in to the former account, or give the new account a connection of its own",
                    code="S-ORG",
                )
            runs.set_connection(tx, connection, org=identity.org, state="ok", reason="")
            secrets.put(tx, f"{secrets.NOTE}signed-in:{connection}", self._signature(connection))
        return identity

    def check_accounts(self, sync: str) -> None:
        """Before a run: each connection whose settings are new must lead to the account that it led to before.

        Costs one sign-in per connection, and only after its settings changed. A sign-in that fails is left to the run,
        which reports it beside the spokes that work.
        """
        for name in sorted({spoke.connection for spoke in self.hub.sync(sync).spokes}):
            try:
                with self.store.read() as tx:
                    seen = secrets.get(tx, f"{secrets.NOTE}signed-in:{name}")
                if seen != self._signature(name):
                    self.sign_in(name)
            except Refused:
                raise
            except HubError:
                continue

    def _signature(self, connection: str) -> str:
        """Differs when the connection's settings or secrets do. It is kept sealed, for it speaks of secrets."""
        import hashlib

        import orjson

        text = orjson.dumps(self.config(connection), option=orjson.OPT_SORT_KEYS, default=str)
        return hashlib.sha256(text).hexdigest()


def _make_private(url: str) -> None:
    """A new SQLite file holds personal values: only its owner may read it."""
    path = url.removeprefix("sqlite:///")
    if path == url or path in ("", ":memory:") or Path(path).exists():
        return
    with suppress(OSError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
