"""Deliberately broken engines. Each takes one rule away; the simulation must notice every one of them.

A mutant is a context manager that patches the engine. `MUTANTS` names the oracle or the story that it breaks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any
from unittest import mock

from hub.connect.connector import Receipt, Want
from hub.connect.memory import MemoryConnector
from hub.core import plan as heart
from hub.core.model import Pair
from hub.engine import apply, intake, look, pull, receipts, recover, resolve, run
from hub.engine.context import Hub, Run
from hub.store import operations

Mutant = Callable[[], AbstractContextManager[None]]


@contextmanager
def _patched(*patches: Any) -> Iterator[None]:
    for patch in patches:
        patch.start()
    try:
        yield
    finally:
        for patch in patches:
            patch.stop()


def unknown_is_repeated() -> AbstractContextManager[None]:
    """A write whose answer was lost is simply sent again."""

    def repeat(hub: Hub, run: Run) -> None:
        with hub.store.begin() as tx:
            lost = operations.in_state(tx, run.sync.name, ("sent", "unknown"))
            operations.mark(tx, [o.id for o in lost], "pending")

    def keyless(o: Any, spoke: Any) -> Any:
        return replace(original(o, spoke), key="", key_field="")

    from hub.engine import push

    original = push.as_write
    return _patched(mock.patch.object(run, "recover", repeat), mock.patch.object(push, "as_write", keyless))


def no_key_is_sent() -> AbstractContextManager[None]:
    """Creates carry no key, so that nothing can be recognised after a lost answer; they are repeated."""
    return unknown_is_repeated()


def cursor_before_rows() -> AbstractContextManager[None]:
    """The cursor is saved in a transaction of its own, before the rows."""
    original = pull._Reading._store

    def early(self: Any, page: Any, rows: Any, slow: bool, *, sure: bool) -> Any:
        from hub.store import runs

        with self.hub.store.begin() as tx:
            values: dict[str, Any] = {"cursor": page.cursor, "fingerprint": self.meaning}
            if page.last:
                values["full_done"] = True
            runs.save_cursor(tx, self.run.sync.name, self.spoke.connection, self.spoke.object, **values)
        return original(self, page, rows, slow, sure=sure)

    return _patched(mock.patch.object(pull._Reading, "_store", early))


def delete_by_absence() -> AbstractContextManager[None]:
    """What a pull does not name is taken for deleted."""
    original = intake.pull

    def absent(hub: Hub, run: Run, spoke: Any) -> None:
        from hub.core.model import Record

        original(hub, run, spoke)
        with hub.store.read() as tx:
            from hub.store import records

            missing = records.not_listed(tx, spoke.connection, spoke.object, run.id)
        gone = [Record(spoke.object, i, kind="deleted", direct=True) for i in missing]
        pull.take_in(hub, run, spoke, gone)

    return _patched(mock.patch.object(intake, "pull", absent))


def last_writer_wins() -> AbstractContextManager[None]:
    """There is no base: whatever a spoke reports is taken for an edit of every field."""
    original = heart.decide

    def lww(golden: Any, sides: Sequence[Any], policy: Any, **rest: Any) -> Any:
        blind = [
            replace(s, link=replace(s.link, base={p: Pair(None, object()) for p in s.link.base})) if s.reading else s
            for s in sides
        ]
        return original(golden, blind, replace(policy, conflicts={"default": ("newest", "a", "b", "c")}), **rest)

    return _patched(mock.patch.object(apply, "decide", lww))


def form_is_what_we_sent() -> AbstractContextManager[None]:
    """After a write the base holds what was sent, not what the remote made of it."""

    def sent(spoke: Any, path: str, value: Any, raw: Any, receipt: Receipt) -> Pair:
        return Pair(value, raw, True)

    return _patched(mock.patch.object(receipts, "_pair", sent))


def no_overlap() -> AbstractContextManager[None]:
    """Pulls begin exactly where the last one ended, although the index lags."""
    from hub.connect.profiles import ObjectProfile

    return _patched(mock.patch.object(ObjectProfile, "window", lambda self: 0.0))


def no_look_before_writing() -> AbstractContextManager[None]:
    """Nobody looks whether the record moved, and no condition is sent."""
    original = look.before_writing

    def blind(hub: Hub, run: Run, spoke: Any, connector: Any, batch: Any) -> Any:
        if batch[0].action == "create":
            return original(hub, run, spoke, connector, batch)
        return list(batch)

    from hub.engine import push

    as_write = push.as_write
    return _patched(
        mock.patch.object(look, "before_writing", blind),
        mock.patch.object(look, "after_writing", lambda *a: {}),
        mock.patch.object(push, "as_write", lambda o, s: replace(as_write(o, s), careful=False)),
    )


def creates_without_matching() -> AbstractContextManager[None]:
    """A record without a link always founds a golden record of its own."""

    def found(v: Any, spoke: Any, rows: Any, resolved: Any) -> None:
        for row in rows:
            resolve._found_golden(v, spoke, row, resolved)

    return _patched(mock.patch.object(resolve, "_by_rule", found), mock.patch.object(look, "_ask", lambda *a, **k: {}))


def unknown_base_is_null() -> AbstractContextManager[None]:
    """A field that was never agreed on is taken for agreed empty: an empty side clears the others."""
    original = heart.decide

    def empty(golden: Any, sides: Sequence[Any], policy: Any, **rest: Any) -> Any:
        known = [
            replace(
                s,
                link=replace(
                    s.link,
                    base={p: s.link.base.get(p, Pair(golden.fields.get(p), "?")) for p in s.rules},
                ),
            )
            if s.reading
            else s
            for s in sides
        ]
        return original(golden, known, policy, **rest)

    return _patched(mock.patch.object(apply, "decide", empty))


def audit_after_the_write_only() -> AbstractContextManager[None]:
    """No intent stands in the audit log before the call."""
    from hub.engine import push

    class Nothing:
        Entry = push.audit.Entry

        @staticmethod
        def write(tx: Any, entries: Any) -> None:
            return None

    return _patched(mock.patch.object(push, "audit", Nothing))


def loser_is_forgotten() -> AbstractContextManager[None]:
    """The value that loses a conflict is kept nowhere."""
    original = heart.decide

    def forget(*args: Any, **rest: Any) -> Any:
        return replace(original(*args, **rest), lost=())

    return _patched(mock.patch.object(apply, "decide", forget))


def counts_from_memory() -> AbstractContextManager[None]:
    """Each page's rows count again, also those that this run has counted already."""
    original = pull._sort_one

    def forgetful(out: Any, run: Run, spoke: Any, meaning: str, row: Any, known: Any, *rest: Any) -> None:
        original(out, run, spoke, meaning, row, replace(known, seen="") if known else known, *rest)

    return _patched(mock.patch.object(pull, "_sort_one", forgetful))


def version_is_not_kept() -> AbstractContextManager[None]:
    """A newer version that says the same is not noted: conditional writes fail for ever."""
    from hub.store import goldens

    return _patched(mock.patch.object(goldens, "restamp", lambda *a: None))


def any_key_is_ours() -> AbstractContextManager[None]:
    """After an unknown create nobody looks by key: it is held for not done."""

    def blind(self: Any, object: str, key_field: str, keys: Sequence[str], want: Want) -> list[Any]:
        return []

    return _patched(mock.patch.object(MemoryConnector, "find_key", blind), mock.patch.object(recover, "take_in", _none))


def _none(*args: Any) -> None:
    return None


MUTANTS: dict[str, Mutant] = {
    mutant.__name__: mutant
    for mutant in (
        unknown_is_repeated,
        cursor_before_rows,
        delete_by_absence,
        last_writer_wins,
        form_is_what_we_sent,
        no_overlap,
        no_look_before_writing,
        creates_without_matching,
        unknown_base_is_null,
        audit_after_the_write_only,
        loser_is_forgotten,
        version_is_not_kept,
    )
}
