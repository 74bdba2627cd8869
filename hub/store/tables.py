"""Every table of the hub, in one file. All names begin with `ac_`, so that a shared database shows whose they are.

Tables of narrow rows are stored by their key (`sqlite_with_rowid=False`); wide rows under random ids are cheaper apart
from it. Values, bases and payloads are JSON text written by orjson: the hub never asks the database to look inside them.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects import postgresql

metadata = MetaData()
Words = Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
"""Text that sorts by code point on every database, as Python sorts it: walks by id compare the two orders."""
Seq = BigInteger().with_variant(Integer, "sqlite")


def _key(name: str = "id") -> Column[str]:
    return Column(name, Words, primary_key=True)


def _where(condition: str, sqlite: str = "") -> dict[str, Any]:
    """The condition of a partial index, as each database writes it in a query: only then does SQLite use the index."""
    return {"sqlite_where": text(sqlite or condition), "postgresql_where": text(condition)}


def _text(name: str, default: str = "") -> Column[str]:
    return Column(name, Words, nullable=False, default=default, server_default=default)


golden = Table(
    "ac_golden",
    metadata,
    _key(),
    _text("sync"),
    _text("entity"),
    _text("kind"),
    _text("fields", "{}"),
    _text("sources", "{}"),
    _text("state", "live"),
    _text("origin", "[]"),
    _text("origin_part"),
    _text("merged_into"),
    Index("ac_golden_origin", "origin_part"),
)

link = Table(
    "ac_link",
    metadata,
    _key(),
    _text("golden"),
    _text("connection"),
    _text("object"),
    _text("remote_id"),
    _text("state", "linked"),
    _text("why"),
    Column("main", Boolean, nullable=False, default=True),
    _text("base", "{}"),
    _text("version"),
    _text("stamp"),
    Column("read_at", Float, nullable=False, default=0.0),
    UniqueConstraint("connection", "object", "remote_id", name="ac_link_record"),
    Index("ac_link_golden", "golden", "connection", "object"),
    Index(
        "ac_link_one",
        "golden",
        "connection",
        "object",
        unique=True,
        **_where("state = 'linked' AND main"),
    ),
)

record = Table(
    "ac_record",
    metadata,
    _key("connection"),
    _key("object"),
    _key("remote_id"),
    _text("hash"),
    _text("fingerprint"),
    _text("lacks"),
    _text("version"),
    _text("stamp"),
    _text("disposition"),
    _text("reason"),
    _text("place"),
    Column("payload", Words),
    _text("seen"),
    Index("ac_record_disposition", "connection", "object", "disposition"),
    sqlite_with_rowid=False,
)

inbox = Table(
    "ac_inbox",
    metadata,
    Column("seq", Seq, primary_key=True, autoincrement=True),
    _text("sync"),
    _text("connection"),
    _text("object"),
    _text("remote_id"),
    _text("run"),
    _text("settled_run"),
    Column("payload", Words),
    _text("kind", "updated"),
    _text("into", "[]"),
    _text("version"),
    _text("stamp"),
    _text("after"),
    _text("key"),
    _text("points", "{}"),
    Column("by_us", Boolean, nullable=False, default=False),
    Column("direct", Boolean, nullable=False, default=False),
    Column("pending", Boolean, nullable=False, default=True),
    _text("outcome"),
    _text("reason"),
    _text("place"),
    Column("at", Float, nullable=False, default=0.0),
    Index(
        "ac_inbox_pending",
        "connection",
        "object",
        "remote_id",
        "pending",  # or SQLite prefers ac_inbox_record, with all the history of a record
        unique=True,
        **_where("pending", "pending = 1"),
    ),
    Index("ac_inbox_waiting", "sync", "connection", "object", "seq", **_where("pending", "pending = 1")),
    Index("ac_inbox_run", "run", "outcome"),
    Index(
        "ac_inbox_carried",
        "settled_run",
        **_where("settled_run != run AND pending = false", "settled_run != run AND pending = 0"),
    ),
    Index("ac_inbox_record", "connection", "object", "remote_id", "seq"),
)

agenda = Table(
    "ac_agenda",
    metadata,
    _key("record"),
    _key("reason"),
    _text("sync"),
    sqlite_with_rowid=False,
)

waiter = Table(
    "ac_waiter",
    metadata,
    _key("target"),
    _key("record"),
    _text("sync"),
    sqlite_with_rowid=False,
)

hint = Table(
    "ac_hint",
    metadata,
    _key("connection"),
    _key("object"),
    _key("remote_id"),
    Column("heard", Integer, nullable=False, default=1),
    Column("at", Float, nullable=False, default=0.0),
    sqlite_with_rowid=False,
)

operation = Table(
    "ac_operation",
    metadata,
    _key(),
    Column("seq", Seq, nullable=False, default=0),
    _text("sync"),
    _text("run"),
    _text("sent_run"),
    _text("connection"),
    _text("object"),
    _text("action"),
    _text("golden"),
    _text("link"),
    _text("remote_id"),
    _text("fields", "[]"),
    _text("raw", "{}"),
    _text("bases", "{}"),
    _text("key"),
    Column("generation", Integer, nullable=False, default=0),
    _text("version"),
    _text("stamp"),
    _text("state", "pending"),
    _text("why"),
    _text("error"),
    Column("attempts", Integer, nullable=False, default=0),
    Column("at", Float, nullable=False, default=0.0),
    Column("ended_at", Float, nullable=False, default=0.0),
    Index("ac_operation_open", "state", "sync", "connection", "seq"),
    Index("ac_operation_sent", "sync", "connection", "at"),
    Index("ac_operation_seq", "seq"),
    Index("ac_operation_golden", "golden"),
    Index("ac_operation_key", "key"),
    Index("ac_operation_run", "run"),
    Index("ac_operation_sent_run", "sent_run"),
)

conflict = Table(
    "ac_conflict",
    metadata,
    _key(),
    _text("sync"),
    _text("golden"),
    _text("path"),
    _text("state", "open"),
    _text("claims", "{}"),
    _text("shown", "{}"),
    _text("hub_value", "null"),
    _text("value", "null"),
    _text("by"),
    _text("rule"),
    _text("run"),
    Column("at", Float, nullable=False, default=0.0),
    Column("decided_at", Float, nullable=False, default=0.0),
    Index(
        "ac_conflict_open",
        "golden",
        "path",
        unique=True,
        **_where("state IN ('open', 'decided')"),
    ),
    Index("ac_conflict_golden", "golden"),
    sqlite_with_rowid=False,
)

match_key = Table(
    "ac_match_key",
    metadata,
    _key("key"),
    _key("golden"),
    Column("strong", Boolean, nullable=False, default=False),
    _text("sync"),
    Index(
        "ac_match_key_strong",
        "key",
        unique=True,
        **_where("strong", "strong = 1"),
    ),
    Index("ac_match_key_golden", "golden"),
    sqlite_with_rowid=False,
)

review = Table(
    "ac_review",
    metadata,
    _key(),
    _text("sync"),
    _text("connection"),
    _text("object"),
    _text("remote_id"),
    _text("candidates", "[]"),
    _text("reason"),
    _text("place"),
    _text("state", "open"),
    _text("golden"),
    _text("by"),
    Column("at", Float, nullable=False, default=0.0),
    Index("ac_review_record", "connection", "object", "remote_id"),
    Index("ac_review_state", "state", "sync"),
    sqlite_with_rowid=False,
)

error = Table(
    "ac_error",
    metadata,
    _key(),
    _text("sync"),
    _text("run"),
    _text("connection"),
    _text("object"),
    _text("remote_id"),
    _text("golden"),
    _text("path"),
    _text("action"),
    _text("value"),
    _text("code"),
    _text("vendor_code"),
    _text("text"),
    _text("state", "open"),
    Column("count", Integer, nullable=False, default=1),
    Column("first_at", Float, nullable=False, default=0.0),
    Column("last_at", Float, nullable=False, default=0.0),
    Index("ac_error_golden", "golden", "connection"),
    Index("ac_error_record", "connection", "object", "remote_id"),
    Index("ac_error_state", "state", "sync"),
    sqlite_with_rowid=False,
)

run = Table(
    "ac_run",
    metadata,
    _key(),
    _text("sync"),
    _text("state", "running"),
    _text("trigger"),
    _text("kind", "run"),
    Column("started", Float, nullable=False, default=0.0),
    Column("ended", Float, nullable=False, default=0.0),
    _text("error"),
    _text("plan"),
    _text("mapping"),
    Column("cancel", Boolean, nullable=False, default=False),
    Index("ac_run_sync", "sync", "started"),
    sqlite_with_rowid=False,
)

run_spoke = Table(
    "ac_run_spoke",
    metadata,
    _key("run"),
    _key("connection"),
    _key("object"),
    Column("unchanged", Integer, nullable=False, default=0),
    Column("api_calls", Integer, nullable=False, default=0),
    Column("pulled", Boolean, nullable=False, default=False),
    _text("error"),
    sqlite_with_rowid=False,
)

cursor = Table(
    "ac_cursor",
    metadata,
    _key("connection"),
    _key("object"),
    _text("sync"),
    _text("cursor"),
    _text("covers"),
    Column("full_done", Boolean, nullable=False, default=False),
    Column("slow_at", Float, nullable=False, default=0.0),
    Column("pulled_at", Float, nullable=False, default=0.0),
    _text("fingerprint"),
    sqlite_with_rowid=False,
)

restore = Table(
    "ac_restore",
    metadata,
    Column("seq", Seq, primary_key=True, autoincrement=True),
    Column("at", Float, nullable=False, default=0.0),
    _text("by"),
    Column("released_at", Float, nullable=False, default=0.0),
    _text("released_by"),
)

lease = Table(
    "ac_lease",
    metadata,
    _key("name"),
    _text("holder"),
    Column("fence", Seq, nullable=False, default=0),
    Column("expires", Float, nullable=False, default=0.0),
    sqlite_with_rowid=False,
)

audit = Table(
    "ac_audit",
    metadata,
    Column("seq", Seq, primary_key=True, autoincrement=True),
    Column("at", Float, nullable=False),
    _text("run"),
    _text("actor"),
    _text("action"),
    _text("golden"),
    _text("connection"),
    _text("object"),
    _text("remote_id"),
    _text("op"),
    _text("why"),
    Column("changes", LargeBinary),
    _text("prev"),
    _text("hash"),
    Index("ac_audit_golden", "golden", "seq"),
    Index("ac_audit_run", "run", "seq"),
    Index(
        "ac_audit_unsealed",
        "seq",
        **_where("hash = ''"),
    ),
)

person_key = Table("ac_person_key", metadata, _key("golden"), Column("wrapped", LargeBinary), sqlite_with_rowid=False)

secret = Table("ac_secret", metadata, _key("name"), Column("sealed", LargeBinary), sqlite_with_rowid=False)

connection_state = Table(
    "ac_connection",
    metadata,
    _key("name"),
    _text("org"),
    _text("state", "ok"),
    _text("reason"),
    Column("at", Float, nullable=False, default=0.0),
    sqlite_with_rowid=False,
)

sync_state = Table(
    "ac_sync",
    metadata,
    _key("name"),
    Column("paused", Boolean, nullable=False, default=False),
    _text("reason"),
    Column("applied", Boolean, nullable=False, default=False),
    Column("next_at", Float, nullable=False, default=0.0),
    Column("swept_at", Float, nullable=False, default=0.0),
    _text("mode", "normal"),
    sqlite_with_rowid=False,
)

check = Table(
    "ac_check",
    metadata,
    _key("name"),
    _text("position", "{}"),
    Column("at", Float, nullable=False, default=0.0),
    sqlite_with_rowid=False,
)

finding = Table(
    "ac_finding",
    metadata,
    _key(),
    _text("invariant"),
    _text("kind"),
    _text("level"),
    _text("sync"),
    _text("place"),
    _text("what"),
    _text("next"),
    _text("state", "open"),
    Column("since", Float, nullable=False, default=0.0),
    Column("first_at", Float, nullable=False, default=0.0),
    Column("last_at", Float, nullable=False, default=0.0),
    sqlite_with_rowid=False,
)
