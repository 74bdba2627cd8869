"""The first version: every table of the hub.

A migration is written out and never edited after a release, so that a database made by it stays explained by it.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None

SEQ = sa.BigInteger().with_variant(sa.Integer, "sqlite")
WORDS = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def _where(condition: str, sqlite: str = "") -> dict[str, Any]:
    """A partial index, in the words of both dialects."""
    return {"sqlite_where": sa.text(sqlite or condition), "postgresql_where": sa.text(condition)}


def upgrade() -> None:
    _records()
    _work()
    _people()
    _state()
    _checks()


def _records() -> None:
    op.create_table(
        "ac_golden",
        sa.Column("id", WORDS, primary_key=True),
        sa.Column("sync", WORDS, nullable=False, server_default=""),
        sa.Column("entity", WORDS, nullable=False, server_default=""),
        sa.Column("kind", WORDS, nullable=False, server_default=""),
        sa.Column("fields", WORDS, nullable=False, server_default="{}"),
        sa.Column("sources", WORDS, nullable=False, server_default="{}"),
        sa.Column("state", WORDS, nullable=False, server_default="live"),
        sa.Column("origin", WORDS, nullable=False, server_default="[]"),
        sa.Column("origin_part", WORDS, nullable=False, server_default=""),
        sa.Column("merged_into", WORDS, nullable=False, server_default=""),
    )
    op.create_index("ac_golden_origin", "ac_golden", ["origin_part"])
    op.create_table(
        "ac_link",
        sa.Column("id", WORDS, primary_key=True),
        sa.Column("golden", WORDS, nullable=False, server_default=""),
        sa.Column("connection", WORDS, nullable=False, server_default=""),
        sa.Column("object", WORDS, nullable=False, server_default=""),
        sa.Column("remote_id", WORDS, nullable=False, server_default=""),
        sa.Column("state", WORDS, nullable=False, server_default="linked"),
        sa.Column("why", WORDS, nullable=False, server_default=""),
        sa.Column("main", sa.Boolean(), nullable=False),
        sa.Column("base", WORDS, nullable=False, server_default="{}"),
        sa.Column("version", WORDS, nullable=False, server_default=""),
        sa.Column("stamp", WORDS, nullable=False, server_default=""),
        sa.Column("read_at", sa.Float(), nullable=False),
        sa.UniqueConstraint("connection", "object", "remote_id", name="ac_link_record"),
    )
    op.create_index("ac_link_golden", "ac_link", ["golden", "connection", "object"])
    op.create_index(
        "ac_link_one", "ac_link", ["golden", "connection", "object"], unique=True, **_where("state = 'linked' AND main")
    )
    op.create_table(
        "ac_record",
        sa.Column("connection", WORDS, primary_key=True),
        sa.Column("object", WORDS, primary_key=True),
        sa.Column("remote_id", WORDS, primary_key=True),
        sa.Column("hash", WORDS, nullable=False, server_default=""),
        sa.Column("fingerprint", WORDS, nullable=False, server_default=""),
        sa.Column("lacks", WORDS, nullable=False, server_default=""),
        sa.Column("version", WORDS, nullable=False, server_default=""),
        sa.Column("stamp", WORDS, nullable=False, server_default=""),
        sa.Column("disposition", WORDS, nullable=False, server_default=""),
        sa.Column("reason", WORDS, nullable=False, server_default=""),
        sa.Column("place", WORDS, nullable=False, server_default=""),
        sa.Column("payload", WORDS),
        sa.Column("seen", WORDS, nullable=False, server_default=""),
        sqlite_with_rowid=False,
    )
    op.create_index("ac_record_disposition", "ac_record", ["connection", "object", "disposition"])
    op.create_table(
        "ac_inbox",
        sa.Column("seq", SEQ, primary_key=True, autoincrement=True),
        sa.Column("sync", WORDS, nullable=False, server_default=""),
        sa.Column("connection", WORDS, nullable=False, server_default=""),
        sa.Column("object", WORDS, nullable=False, server_default=""),
        sa.Column("remote_id", WORDS, nullable=False, server_default=""),
        sa.Column("run", WORDS, nullable=False, server_default=""),
        sa.Column("settled_run", WORDS, nullable=False, server_default=""),
        sa.Column("payload", WORDS),
        sa.Column("kind", WORDS, nullable=False, server_default="updated"),
        sa.Column("into", WORDS, nullable=False, server_default="[]"),
        sa.Column("version", WORDS, nullable=False, server_default=""),
        sa.Column("stamp", WORDS, nullable=False, server_default=""),
        sa.Column("after", WORDS, nullable=False, server_default=""),
        sa.Column("key", WORDS, nullable=False, server_default=""),
        sa.Column("points", WORDS, nullable=False, server_default="{}"),
        sa.Column("by_us", sa.Boolean(), nullable=False),
        sa.Column("direct", sa.Boolean(), nullable=False),
        sa.Column("pending", sa.Boolean(), nullable=False),
        sa.Column("outcome", WORDS, nullable=False, server_default=""),
        sa.Column("reason", WORDS, nullable=False, server_default=""),
        sa.Column("place", WORDS, nullable=False, server_default=""),
        sa.Column("at", sa.Float(), nullable=False),
    )
    op.create_index(
        "ac_inbox_carried",
        "ac_inbox",
        ["settled_run"],
        **_where("settled_run != run AND pending = false", "settled_run != run AND pending = 0"),
    )
    op.create_index(
        "ac_inbox_pending",
        "ac_inbox",
        ["connection", "object", "remote_id", "pending"],
        unique=True,
        **_where("pending", "pending = 1"),
    )
    op.create_index("ac_inbox_record", "ac_inbox", ["connection", "object", "remote_id", "seq"])
    op.create_index("ac_inbox_run", "ac_inbox", ["run", "outcome"])
    op.create_index(
        "ac_inbox_waiting", "ac_inbox", ["sync", "connection", "object", "seq"], **_where("pending", "pending = 1")
    )
    op.create_table(
        "ac_match_key",
        sa.Column("key", WORDS, primary_key=True),
        sa.Column("golden", WORDS, primary_key=True),
        sa.Column("strong", sa.Boolean(), nullable=False),
        sa.Column("sync", WORDS, nullable=False, server_default=""),
        sqlite_with_rowid=False,
    )
    op.create_index("ac_match_key_golden", "ac_match_key", ["golden"])
    op.create_index("ac_match_key_strong", "ac_match_key", ["key"], unique=True, **_where("strong", "strong = 1"))


def _work() -> None:
    op.create_table(
        "ac_agenda",
        sa.Column("record", WORDS, primary_key=True),
        sa.Column("reason", WORDS, primary_key=True),
        sa.Column("sync", WORDS, nullable=False, server_default=""),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "ac_waiter",
        sa.Column("target", WORDS, primary_key=True),
        sa.Column("record", WORDS, primary_key=True),
        sa.Column("sync", WORDS, nullable=False, server_default=""),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "ac_hint",
        sa.Column("connection", WORDS, primary_key=True),
        sa.Column("object", WORDS, primary_key=True),
        sa.Column("remote_id", WORDS, primary_key=True),
        sa.Column("heard", sa.Integer(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "ac_operation",
        sa.Column("id", WORDS, primary_key=True),
        sa.Column("seq", SEQ, nullable=False),
        sa.Column("sync", WORDS, nullable=False, server_default=""),
        sa.Column("run", WORDS, nullable=False, server_default=""),
        sa.Column("sent_run", WORDS, nullable=False, server_default=""),
        sa.Column("connection", WORDS, nullable=False, server_default=""),
        sa.Column("object", WORDS, nullable=False, server_default=""),
        sa.Column("action", WORDS, nullable=False, server_default=""),
        sa.Column("golden", WORDS, nullable=False, server_default=""),
        sa.Column("link", WORDS, nullable=False, server_default=""),
        sa.Column("remote_id", WORDS, nullable=False, server_default=""),
        sa.Column("fields", WORDS, nullable=False, server_default="[]"),
        sa.Column("raw", WORDS, nullable=False, server_default="{}"),
        sa.Column("bases", WORDS, nullable=False, server_default="{}"),
        sa.Column("key", WORDS, nullable=False, server_default=""),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("version", WORDS, nullable=False, server_default=""),
        sa.Column("stamp", WORDS, nullable=False, server_default=""),
        sa.Column("state", WORDS, nullable=False, server_default="pending"),
        sa.Column("why", WORDS, nullable=False, server_default=""),
        sa.Column("error", WORDS, nullable=False, server_default=""),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("ended_at", sa.Float(), nullable=False),
    )
    op.create_index("ac_operation_golden", "ac_operation", ["golden"])
    op.create_index("ac_operation_key", "ac_operation", ["key"])
    op.create_index("ac_operation_open", "ac_operation", ["state", "sync", "connection", "seq"])
    op.create_index("ac_operation_run", "ac_operation", ["run"])
    op.create_index("ac_operation_sent", "ac_operation", ["sync", "connection", "at"])
    op.create_index("ac_operation_sent_run", "ac_operation", ["sent_run"])
    op.create_index("ac_operation_seq", "ac_operation", ["seq"])
    op.create_table(
        "ac_run",
        sa.Column("id", WORDS, primary_key=True),
        sa.Column("sync", WORDS, nullable=False, server_default=""),
        sa.Column("state", WORDS, nullable=False, server_default="running"),
        sa.Column("trigger", WORDS, nullable=False, server_default=""),
        sa.Column("kind", WORDS, nullable=False, server_default="run"),
        sa.Column("started", sa.Float(), nullable=False),
        sa.Column("ended", sa.Float(), nullable=False),
        sa.Column("error", WORDS, nullable=False, server_default=""),
        sa.Column("plan", WORDS, nullable=False, server_default=""),
        sa.Column("mapping", WORDS, nullable=False, server_default=""),
        sa.Column("cancel", sa.Boolean(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("ac_run_sync", "ac_run", ["sync", "started"])
    op.create_table(
        "ac_run_spoke",
        sa.Column("run", WORDS, primary_key=True),
        sa.Column("connection", WORDS, primary_key=True),
        sa.Column("object", WORDS, primary_key=True),
        sa.Column("unchanged", sa.Integer(), nullable=False),
        sa.Column("api_calls", sa.Integer(), nullable=False),
        sa.Column("pulled", sa.Boolean(), nullable=False),
        sa.Column("error", WORDS, nullable=False, server_default=""),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "ac_cursor",
        sa.Column("connection", WORDS, primary_key=True),
        sa.Column("object", WORDS, primary_key=True),
        sa.Column("sync", WORDS, nullable=False, server_default=""),
        sa.Column("cursor", WORDS, nullable=False, server_default=""),
        sa.Column("covers", WORDS, nullable=False, server_default=""),
        sa.Column("full_done", sa.Boolean(), nullable=False),
        sa.Column("slow_at", sa.Float(), nullable=False),
        sa.Column("pulled_at", sa.Float(), nullable=False),
        sa.Column("fingerprint", WORDS, nullable=False, server_default=""),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "ac_restore",
        sa.Column("seq", SEQ, primary_key=True, autoincrement=True),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("by", WORDS, nullable=False, server_default=""),
        sa.Column("released_at", sa.Float(), nullable=False),
        sa.Column("released_by", WORDS, nullable=False, server_default=""),
    )
    op.create_table(
        "ac_lease",
        sa.Column("name", WORDS, primary_key=True),
        sa.Column("holder", WORDS, nullable=False, server_default=""),
        sa.Column("fence", SEQ, nullable=False),
        sa.Column("expires", sa.Float(), nullable=False),
        sqlite_with_rowid=False,
    )


def _people() -> None:
    op.create_table(
        "ac_conflict",
        sa.Column("id", WORDS, primary_key=True),
        sa.Column("sync", WORDS, nullable=False, server_default=""),
        sa.Column("golden", WORDS, nullable=False, server_default=""),
        sa.Column("path", WORDS, nullable=False, server_default=""),
        sa.Column("state", WORDS, nullable=False, server_default="open"),
        sa.Column("claims", WORDS, nullable=False, server_default="{}"),
        sa.Column("shown", WORDS, nullable=False, server_default="{}"),
        sa.Column("hub_value", WORDS, nullable=False, server_default="null"),
        sa.Column("value", WORDS, nullable=False, server_default="null"),
        sa.Column("by", WORDS, nullable=False, server_default=""),
        sa.Column("rule", WORDS, nullable=False, server_default=""),
        sa.Column("run", WORDS, nullable=False, server_default=""),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("decided_at", sa.Float(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("ac_conflict_golden", "ac_conflict", ["golden"])
    op.create_index(
        "ac_conflict_open", "ac_conflict", ["golden", "path"], unique=True, **_where("state IN ('open', 'decided')")
    )
    op.create_table(
        "ac_review",
        sa.Column("id", WORDS, primary_key=True),
        sa.Column("sync", WORDS, nullable=False, server_default=""),
        sa.Column("connection", WORDS, nullable=False, server_default=""),
        sa.Column("object", WORDS, nullable=False, server_default=""),
        sa.Column("remote_id", WORDS, nullable=False, server_default=""),
        sa.Column("candidates", WORDS, nullable=False, server_default="[]"),
        sa.Column("reason", WORDS, nullable=False, server_default=""),
        sa.Column("place", WORDS, nullable=False, server_default=""),
        sa.Column("state", WORDS, nullable=False, server_default="open"),
        sa.Column("golden", WORDS, nullable=False, server_default=""),
        sa.Column("by", WORDS, nullable=False, server_default=""),
        sa.Column("at", sa.Float(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("ac_review_record", "ac_review", ["connection", "object", "remote_id"])
    op.create_index("ac_review_state", "ac_review", ["state", "sync"])
    op.create_table(
        "ac_error",
        sa.Column("id", WORDS, primary_key=True),
        sa.Column("sync", WORDS, nullable=False, server_default=""),
        sa.Column("run", WORDS, nullable=False, server_default=""),
        sa.Column("connection", WORDS, nullable=False, server_default=""),
        sa.Column("object", WORDS, nullable=False, server_default=""),
        sa.Column("remote_id", WORDS, nullable=False, server_default=""),
        sa.Column("golden", WORDS, nullable=False, server_default=""),
        sa.Column("path", WORDS, nullable=False, server_default=""),
        sa.Column("action", WORDS, nullable=False, server_default=""),
        sa.Column("value", WORDS, nullable=False, server_default=""),
        sa.Column("code", WORDS, nullable=False, server_default=""),
        sa.Column("vendor_code", WORDS, nullable=False, server_default=""),
        sa.Column("text", WORDS, nullable=False, server_default=""),
        sa.Column("state", WORDS, nullable=False, server_default="open"),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("first_at", sa.Float(), nullable=False),
        sa.Column("last_at", sa.Float(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("ac_error_golden", "ac_error", ["golden", "connection"])
    op.create_index("ac_error_record", "ac_error", ["connection", "object", "remote_id"])
    op.create_index("ac_error_state", "ac_error", ["state", "sync"])


def _state() -> None:
    op.create_table(
        "ac_audit",
        sa.Column("seq", SEQ, primary_key=True, autoincrement=True),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("run", WORDS, nullable=False, server_default=""),
        sa.Column("actor", WORDS, nullable=False, server_default=""),
        sa.Column("action", WORDS, nullable=False, server_default=""),
        sa.Column("golden", WORDS, nullable=False, server_default=""),
        sa.Column("connection", WORDS, nullable=False, server_default=""),
        sa.Column("object", WORDS, nullable=False, server_default=""),
        sa.Column("remote_id", WORDS, nullable=False, server_default=""),
        sa.Column("op", WORDS, nullable=False, server_default=""),
        sa.Column("why", WORDS, nullable=False, server_default=""),
        sa.Column("changes", sa.LargeBinary()),
        sa.Column("prev", WORDS, nullable=False, server_default=""),
        sa.Column("hash", WORDS, nullable=False, server_default=""),
    )
    op.create_index("ac_audit_golden", "ac_audit", ["golden", "seq"])
    op.create_index("ac_audit_run", "ac_audit", ["run", "seq"])
    op.create_index("ac_audit_unsealed", "ac_audit", ["seq"], **_where("hash = ''"))
    op.create_table(
        "ac_person_key",
        sa.Column("golden", WORDS, primary_key=True),
        sa.Column("wrapped", sa.LargeBinary()),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "ac_secret",
        sa.Column("name", WORDS, primary_key=True),
        sa.Column("sealed", sa.LargeBinary()),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "ac_connection",
        sa.Column("name", WORDS, primary_key=True),
        sa.Column("org", WORDS, nullable=False, server_default=""),
        sa.Column("state", WORDS, nullable=False, server_default="ok"),
        sa.Column("reason", WORDS, nullable=False, server_default=""),
        sa.Column("at", sa.Float(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "ac_sync",
        sa.Column("name", WORDS, primary_key=True),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("reason", WORDS, nullable=False, server_default=""),
        sa.Column("applied", sa.Boolean(), nullable=False),
        sa.Column("next_at", sa.Float(), nullable=False),
        sa.Column("swept_at", sa.Float(), nullable=False),
        sa.Column("mode", WORDS, nullable=False, server_default="normal"),
        sqlite_with_rowid=False,
    )


def _checks() -> None:
    op.create_table(
        "ac_check",
        sa.Column("name", WORDS, primary_key=True),
        sa.Column("position", WORDS, nullable=False, server_default="{}"),
        sa.Column("at", sa.Float(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "ac_finding",
        sa.Column("id", WORDS, primary_key=True),
        sa.Column("invariant", WORDS, nullable=False, server_default=""),
        sa.Column("kind", WORDS, nullable=False, server_default=""),
        sa.Column("level", WORDS, nullable=False, server_default=""),
        sa.Column("sync", WORDS, nullable=False, server_default=""),
        sa.Column("place", WORDS, nullable=False, server_default=""),
        sa.Column("what", WORDS, nullable=False, server_default=""),
        sa.Column("next", WORDS, nullable=False, server_default=""),
        sa.Column("state", WORDS, nullable=False, server_default="open"),
        sa.Column("since", sa.Float(), nullable=False),
        sa.Column("first_at", sa.Float(), nullable=False),
        sa.Column("last_at", sa.Float(), nullable=False),
        sqlite_with_rowid=False,
    )
