"""The connector for the invented system: the reference answer of the conformance suite, and the spokes of simulations.

It shows how a connector is meant to be written: one cursor per feed, bounded by what the remote's clock said when the
pull began; keyset paging, so that rows which move while we read are met again; foreign refusals turned into receipts.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, ClassVar, TypeVar

from hub.connect.clock import from_stamp, to_stamp
from hub.connect.connector import (
    Capabilities,
    Connector,
    Context,
    FieldVersion,
    Identity,
    ObjectInfo,
    Option,
    Page,
    Receipt,
    Want,
    Write,
)
from hub.connect.memory_remote import Entry, MemoryRemote, Version, WriteCall
from hub.connect.profiles import FieldProfile, ObjectProfile
from hub.core.errors import Changed, ConfigError, Duplicate, Gone, Place, Problem, Refused, Reject, SignIn
from hub.core.model import Record

__all__ = [
    "Entry",
    "FieldProfile",
    "MemoryConnector",
    "MemoryRemote",
    "ObjectProfile",
    "Version",
    "WriteCall",
]

T = TypeVar("T")

KINDS = {"live": "updated", "deleted": "deleted", "merged": "merged_into", "converted": "converted_into"}
REFUSALS: tuple[tuple[type[Reject], Any], ...] = (
    (Changed, "changed"),
    (Gone, "gone"),
    (Duplicate, "duplicate"),
    (Reject, "rejected"),
)


class MemoryConnector(Connector):
    """Talks to a MemoryRemote of this process: one handed in, or one registered in `remotes` under the name in
    `config["remote"]`."""

    name = "memory"
    label = "In memory"
    options = (Option("remote", "The name under which the invented system is registered.", required=True, example="a"),)
    auth_kinds: ClassVar[Mapping[str, tuple[Option, ...]]] = {
        "none": (),
        "token": (Option("token", "What the invented system wants to see.", required=True, secret=True),),
    }
    remotes: ClassVar[dict[str, MemoryRemote]] = {}

    def __init__(
        self, connection: str, config: Mapping[str, Any], context: Context, *, remote: MemoryRemote | None = None
    ) -> None:
        super().__init__(connection, config, context)
        self.remote = remote or self._registered(str(config.get("remote", "")))

    def _registered(self, name: str) -> MemoryRemote:
        if name not in self.remotes:
            hint = f"known: {', '.join(sorted(self.remotes)) or 'none'}"
            text = f'connection "{self.connection}": there is no system in memory named "{name}"'
            raise ConfigError([Problem(Place(), "E-REMOTE", text, hint)])
        return self.remotes[name]

    # -- describing

    def check(self) -> Identity:
        return self._ask("check", lambda: Identity(org=self.remote.name, user="hub", label=self.label))

    def objects(self) -> Sequence[str]:
        return self._ask("objects", lambda: self.remote.objects)

    def describe(self, object: str) -> ObjectInfo:
        return self._ask("describe", lambda: self.remote.profile(object).info(object))

    def capabilities(self, object: str) -> Capabilities:
        return self.remote.profile(object).capabilities()

    # -- reading

    def changes(self, object: str, cursor: str, want: Want) -> Iterator[Page]:
        if self.remote.profile(object).delta:
            yield from self._delta(object, cursor, want)
        else:
            yield from self._everything(object, cursor, want)

    def _delta(self, object: str, cursor: str, want: Want) -> Iterator[Page]:
        """First what is left of an interrupted pull, exactly from where it broke off; then a new one, which steps back
        by the overlap."""
        position = _Cursor.read(cursor, self.remote.now() + self.remote.profile(object).window())
        if position.began:
            yield from self._one_pull(object, position, want, last=False)
            if self.context.cancelled():
                return
        position.start(self.remote.now())
        yield from self._one_pull(object, position, want, last=True)

    def _one_pull(self, object: str, position: _Cursor, want: Want, *, last: bool) -> Iterator[Page]:
        """Rows above the cursor, then the feed of deleted ones."""
        profile, now = self.remote.profile(object), self.remote.now()
        total = self.remote.count(object) if not position.feeds else None
        feeds = ["rows"]
        if profile.deletes == "tombstone" and (want.slow or not profile.slow_deletes):
            feeds.append("gone")
        for name in feeds:
            feed = position.feed(name, profile.window())
            while feed.state == "open":
                found = self._page(name, object, feed, profile.page_size)
                records = [self._record(object, v, want) for v in found]
                feed.move(found)
                if len(found) < profile.page_size or found[-1].stamp > to_stamp(now):
                    feed.close(position.began)
                done = feed.state == "closed" and name == feeds[-1]
                text = position.finished() if done else position.text()
                covers = to_stamp(max(0.0, now - profile.lag), profile.resolution)
                yield Page(records, text, done and last, total, covers if done and not profile.late[0] else "")
                if self.context.cancelled():
                    return

    def _page(self, name: str, object: str, feed: _Feed, limit: int) -> list[Version]:
        if name == "gone":
            return self._ask("gone", lambda: self.remote.gone(object, feed.since, feed.after, limit))
        return self._ask(
            "changes", lambda: self.remote.search(object, feed.since, feed.after, limit, full=feed.from_start)
        )

    def _everything(self, object: str, cursor: str, want: Want) -> Iterator[Page]:
        """The whole list, by id, for a product that cannot say what changed."""
        limit, after = self.remote.profile(object).page_size, _after(cursor)
        while True:
            ids = self._ask("changes", partial(self.remote.ids, object, after, limit))
            found = [v for v in self.remote.read(object, ids) if v is not None]
            last = len(ids) < limit
            after = "" if last else ids[-1]
            yield Page([self._record(object, v, want) for v in found], json.dumps({"after": after}), last)
            if last or self.context.cancelled():
                return

    def get(self, object: str, ids: Sequence[str], want: Want) -> list[Record]:
        found: list[Record] = []
        for part in _portions(ids, self.remote.profile(object).page_size):
            versions = self._ask("get", partial(self.remote.read, object, part))
            for id, version in zip(part, versions, strict=True):
                record = self._record(object, version, want) if version else Record(object, id, kind="deleted")
                found.append(_direct(record))
        return found

    def find(self, object: str, by: str, values: Sequence[str], want: Want) -> list[Record]:
        if by not in self.capabilities(object).find_by:
            raise Reject(f"{object} cannot be searched by {by}", fields=(by,))
        found: list[Record] = []
        for part in _portions(values, self.remote.profile(object).page_size):
            versions = self._ask("find", partial(self.remote.lookup, object, by, part))
            found += [self._record(object, v, want) for v in versions]
        return found

    def find_key(self, object: str, key_field: str, keys: Sequence[str], want: Want) -> list[Record]:
        found: list[Record] = []
        for part in _portions(keys, self.remote.profile(object).page_size):
            versions = self._ask("find_key", partial(self.remote.lookup, object, key_field, part, exact=True))
            found += [_direct(self._record(object, v, want)) for v in versions]
        return found

    def ids(self, object: str) -> Iterator[Sequence[str]]:
        limit, after = self.remote.profile(object).page_size, ""
        while True:
            page = self._ask("ids", partial(self.remote.ids, object, after, limit))
            yield page
            if len(page) < limit:
                return
            after = page[-1]

    def history(
        self, object: str, ids: Sequence[str], fields: Sequence[str]
    ) -> dict[str, dict[str, list[FieldVersion]]]:
        if not self.remote.profile(object).field_history:
            return {}
        return self._ask("history", lambda: {id: self.remote.history(object, id, fields) for id in ids})

    # -- writing

    def write(self, object: str, batch: Sequence[Write]) -> list[Receipt]:
        limit = self.remote.profile(object).write_batch
        if len(batch) > limit:
            raise Refused(
                f"a batch of {len(batch)} writes is more than {object} takes at once",
                why=f"the limit is {limit}",
                unchanged="Nothing was sent",
                next=f"send at most {limit} at a time",
            )
        return self._ask("write", lambda: [self._write(object, write) for write in batch])

    def _write(self, object: str, write: Write) -> Receipt:
        try:
            return self.remote.write(object, write)
        except Reject as error:
            status = next(status for kind, status in REFUSALS if isinstance(error, kind))
            return Receipt(write.op, status, write.id, error=error)

    def minimum_calls(self, object: str, *, read: int, written: int, created: int) -> int:
        profile = self.remote.profile(object)
        pages = read // profile.page_size + 1
        feeds = 1 if profile.delta and profile.deletes == "tombstone" and not profile.slow_deletes else 0
        return pages + feeds + -(-written // profile.write_batch) + -(-created // profile.write_batch)

    # -- inside

    def _ask(self, verb: str, work: Callable[[], T]) -> T:
        """One call: the remote's hook before and after it, counted, signed in."""
        self.remote.hook(f"before:{verb}")
        self.context.on_call(verb)
        auth = self.config.get("auth") or {}
        if self.remote.token and auth.get("token") != self.remote.token:
            raise SignIn(
                "the invented system refused the token",
                where=self.connection,
                unchanged="Nothing was read or written",
                next=f"set auth.token of the connection {self.connection}",
            )
        answer = work()
        self.remote.hook(f"after:{verb}")
        return answer

    def _record(self, object: str, version: Version, want: Want) -> Record:
        profile, alive = self.remote.profile(object), version.state == "live"
        shown = {f.name for f in profile.all_fields() if not f.hidden}
        return Record(
            object=object,
            id=version.id,
            fields={n: version.fields.get(n) for n in want.fields if n in shown} if alive else {},
            version=self.remote.etag(profile, version),
            stamp=version.stamp,
            kind=KINDS[version.state],
            into=version.into if version.state in ("merged", "converted") else (),
            key=version.fields.get(want.key_field) if alive and want.key_field else None,
            by_us=profile.marks_us and version.by == "hub",
        )


# ---------------------------------------------------------------- cursors


@dataclass(slots=True)
class _Feed:
    """How far one feed was read. `high`: the newest stamp seen; `state`: idle (not taken up in this pull) | open |
    closed; `from_start`: it began with nothing known."""

    since: str = ""
    after: str = ""
    high: str = ""
    state: str = "idle"
    from_start: bool = False

    def move(self, found: Sequence[Version]) -> None:
        if found:
            self.since, self.after = found[-1].stamp, found[-1].id
            self.high = max(self.high, self.since)

    def close(self, began: str) -> None:
        """The next pull starts no later than this one began: rows may have come into sight behind us meanwhile."""
        self.high = min(self.high, began)
        self.since, self.after, self.state = self.high, "", "closed"


@dataclass(slots=True)
class _Cursor:
    """Where a pull stands, as text. `began`: what the remote's clock said when it started, "" between two pulls."""

    began: str = ""
    feeds: dict[str, _Feed] = field(default_factory=dict)

    def start(self, now: float) -> None:
        self.began = to_stamp(now)
        for feed in self.feeds.values():
            feed.state = "idle"

    def feed(self, name: str, window: float) -> _Feed:
        """Take up a feed. It steps back by `window` here, not when the pull starts: one that is not due, or that an
        interrupted pull had not come to, must step back exactly once."""
        feed = self.feeds.setdefault(name, _Feed())
        if feed.state == "idle":
            feed.state, feed.from_start = "open", not feed.since
            feed.since = to_stamp(from_stamp(feed.since) - window) if feed.since else ""
        return feed

    def text(self) -> str:
        feeds = {n: [f.since, f.after, f.high, f.state, f.from_start] for n, f in self.feeds.items()}
        return json.dumps({"began": self.began, **feeds})

    def finished(self) -> str:
        """The same, for after the pull: the next one is a new one."""
        self.began = ""
        for feed in self.feeds.values():
            feed.state, feed.from_start = "idle", False
        return self.text()

    @classmethod
    def read(cls, text: str, horizon: float) -> _Cursor:
        """A cursor beyond `horizon` (a clock that was set back, another system's cursor) proves nothing: read all."""
        cursor, latest = cls._parse(text), to_stamp(horizon)
        return cls() if any(max(f.high, f.since) > latest for f in cursor.feeds.values()) else cursor

    @classmethod
    def _parse(cls, text: str) -> _Cursor:
        if not text:
            return cls()
        try:
            held = dict(json.loads(text))
            began = str(held.pop("began"))
            return cls(began, {name: _Feed(*parts) for name, parts in held.items()})
        except (ValueError, KeyError, TypeError) as error:
            raise _unreadable(text) from error


def _after(text: str) -> str:
    try:
        return str(json.loads(text)["after"]) if text else ""
    except (ValueError, KeyError, TypeError) as error:
        raise _unreadable(text) from error


def _unreadable(text: str) -> Refused:
    return Refused(
        f"this is no cursor of the memory connector: {text[:40]!r}",
        unchanged="Nothing was read",
        next="run the sync once with --full",
    )


def _portions(values: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]


def _direct(record: Record) -> Record:
    return replace(record, direct=True)
