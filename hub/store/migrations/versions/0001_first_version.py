"""The first version: every table of the hub.

A migration is written out and never edited after a release, so that a database made by it stays explained by it.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

SEQ = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _where(condition: str) -> dict[str, Any]:
    """A partial index, in the words of both dialects."""
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def upgrade() -> None:
    _records()
    _work()
    _people()
    _state()


def _records() -> None:
    op.create_table(
        "ac_golden",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("sync", sa.Text(), nullable=False, server_default=""),
        sa.Column("entity", sa.Text(), nullable=False, server_default=""),
        sa.Column("kind", sa.Text(), nullable=False, server_default=""),
        sa.Column("fields", sa.Text(), nullable=False, server_default="{}"),
        sa.Column("sources", sa.Text(), nullable=False, server_default="{}"),
        sa.Column("state", sa.Text(), nullable=False, server_default="live"),
        sa.Column("origin", sa.Text(), nullable=False, server_default="[]"),
        sa.Column("origin_part", sa.Text(), nullable=False, server_default=""),
        sa.Column("merged_into", sa.Text(), nullable=False, server_default=""),
        sqlite_with_rowid=False,
    )
    op.create_index("ac_golden_origin", "ac_golden", ["origin_part"])
    op.create_table(
        "ac_link",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("golden", sa.Text(), nullable=False, server_default=""),
        sa.Column("connection", sa.Text(), nullable=False, server_default=""),
        sa.Column("object", sa.Text(), nullable=False, server_default=""),
        sa.Column("remote_id", sa.Text(), nullable=False, server_default=""),
        sa.Column("state", sa.Text(), nullable=False, server_default="linked"),
        sa.Column("why", sa.Text(), nullable=False, server_default=""),
        sa.Column("main", sa.Boolean(), nullable=False),
        sa.Column("base", sa.Text(), nullable=False, server_default="{}"),
        sa.Column("version", sa.Text(), nullable=False, server_default=""),
        sa.Column("stamp", sa.Text(), nullable=False, server_default=""),
        sa.Column("read_at", sa.Float(), nullable=False),
        sa.UniqueConstraint("connection", "object", "remote_id", name="ac_link_record"),
        sqlite_with_rowid=False,
    )
    op.create_index("ac_link_golden", "ac_link", ["golden"])
    op.create_index(
        "ac_link_one", "ac_link", ["golden", "connection", "object"], unique=True, **_where("state = 'linked' AND main")
    )
    op.create_table(
        "ac_record",
        sa.Column("connection", sa.Text(), primary_key=True),
        sa.Column("object", sa.Text(), primary_key=True),
        sa.Column("remote_id", sa.Text(), primary_key=True),
        sa.Column("hash", sa.Text(), nullable=False, server_default=""),
        sa.Column("fingerprint", sa.Text(), nullable=False, server_default=""),
        sa.Column("version", sa.Text(), nullable=False, server_default=""),
        sa.Column("stamp", sa.Text(), nullable=False, server_default=""),
        sa.Column("disposition", sa.Text(), nullable=False, server_default=""),
        sa.Column("reason", sa.Text(), nullable=False, server_default=""),
        sa.Column("place", sa.Text(), nullable=False, server_default=""),
        sa.Column("payload", sa.Text()),
        sa.Column("seen", sa.Text(), nullable=False, server_default=""),
        sqlite_with_rowid=False,
    )
    op.create_index("ac_record_disposition", "ac_record", ["connection", "object", "disposition"])
    op.create_table(
        "ac_inbox",
        sa.Column("seq", SEQ, primary_key=True, autoincrement=True),
        sa.Column("sync", sa.Text(), nullable=False, server_default=""),
        sa.Column("connection", sa.Text(), nullable=False, server_default=""),
        sa.Column("object", sa.Text(), nullable=False, server_default=""),
        sa.Column("remote_id", sa.Text(), nullable=False, server_default=""),
        sa.Column("run", sa.Text(), nullable=False, server_default=""),
        sa.Column("settled_run", sa.Text(), nullable=False, server_default=""),
        sa.Column("payload", sa.Text()),
        sa.Column("kind", sa.Text(), nullable=False, server_default="updated"),
        sa.Column("into", sa.Text(), nullable=False, server_default="[]"),
        sa.Column("version", sa.Text(), nullable=False, server_default=""),
        sa.Column("stamp", sa.Text(), nullable=False, server_default=""),
        sa.Column("after", sa.Text(), nullable=False, server_default=""),
        sa.Column("key", sa.Text(), nullable=False, server_default=""),
        sa.Column("points", sa.Text(), nullable=False, server_default="{}"),
        sa.Column("by_us", sa.Boolean(), nullable=False),
        sa.Column("direct", sa.Boolean(), nullable=False),
        sa.Column("pending", sa.Boolean(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False, server_default=""),
        sa.Column("reason", sa.Text(), nullable=False, server_default=""),
        sa.Column("place", sa.Text(), nullable=False, server_default=""),
        sa.Column("at", sa.Float(), nullable=False),
    )
    op.create_index(
        "ac_inbox_pending", "ac_inbox", ["connection", "object", "remote_id"], unique=True, **_where("pending")
    )
    op.create_index("ac_inbox_record", "ac_inbox", ["connection", "object", "remote_id", "seq"])
    op.create_index("ac_inbox_run", "ac_inbox", ["run", "outcome"])
    op.create_table(
        "ac_match_key",
        sa.Column("key", sa.Text(), primary_key=True),
        sa.Column("golden", sa.Text(), primary_key=True),
        sa.Column("strong", sa.Boolean(), nullable=False),
        sa.Column("sync", sa.Text(), nullable=False, server_default=""),
        sqlite_with_rowid=False,
    )
    op.create_index("ac_match_key_golden", "ac_match_key", ["golden"])
    op.create_index("ac_match_key_strong", "ac_match_key", ["key"], unique=True, **_where("strong"))


def _work() -> None:
    op.create_table(
        "ac_agenda",
        sa.Column("record", sa.Text(), primary_key=True),
        sa.Column("reason", sa.Text(), primary_key=True),
        sa.Column("sync", sa.Text(), nullable=False, server_default=""),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "ac_waiter",
        sa.Column("target", sa.Text(), primary_key=True),
        sa.Column("record", sa.Text(), primary_key=True),
        sa.Column("sync", sa.Text(), nullable=False, server_default=""),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "ac_operation",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("seq", SEQ, nullable=False),
        sa.Column("sync", sa.Text(), nullable=False, server_default=""),
        sa.Column("run", sa.Text(), nullable=False, server_default=""),
        sa.Column("sent_run", sa.Text(), nullable=False, server_default=""),
        sa.Column("connection", sa.Text(), nullable=False, server_default=""),
        sa.Column("object", sa.Text(), nullable=False, server_default=""),
        sa.Column("action", sa.Text(), nullable=False, server_default=""),
        sa.Column("golden", sa.Text(), nullable=False, server_default=""),
        sa.Column("link", sa.Text(), nullable=False, server_default=""),
        sa.Column("remote_id", sa.Text(), nullable=False, server_default=""),
        sa.Column("fields", sa.Text(), nullable=False, server_default="[]"),
        sa.Column("raw", sa.Text(), nullable=False, server_default="{}"),
        sa.Column("bases", sa.Text(), nullable=False, server_default="{}"),
        sa.Column("key", sa.Text(), nullable=False, server_default=""),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False, server_default=""),
        sa.Column("stamp", sa.Text(), nullable=False, server_default=""),
        sa.Column("state", sa.Text(), nullable=False, server_default="pending"),
        sa.Column("why", sa.Text(), nullable=False, server_default=""),
        sa.Column("error", sa.Text(), nullable=False, server_default=""),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("ended_at", sa.Float(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("ac_operation_golden", "ac_operation", ["golden"])
    op.create_index("ac_operation_key", "ac_operation", ["key"])
    op.create_index("ac_operation_open", "ac_operation", ["sync", "connection", "state"])
    op.create_index("ac_operation_run", "ac_operation", ["run"])
    op.create_table(
        "ac_run",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("sync", sa.Text(), nullable=False, server_default=""),
        sa.Column("state", sa.Text(), nullable=False, server_default="running"),
        sa.Column("trigger", sa.Text(), nullable=False, server_default=""),
        sa.Column("kind", sa.Text(), nullable=False, server_default="run"),
        sa.Column("started", sa.Float(), nullable=False),
        sa.Column("ended", sa.Float(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False, server_default=""),
        sa.Column("plan", sa.Text(), nullable=False, server_default=""),
        sa.Column("mapping", sa.Text(), nullable=False, server_default=""),
        sa.Column("cancel", sa.Boolean(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("ac_run_sync", "ac_run", ["sync", "started"])
    op.create_table(
        "ac_run_spoke",
        sa.Column("run", sa.Text(), primary_key=True),
        sa.Column("connection", sa.Text(), primary_key=True),
        sa.Column("object", sa.Text(), primary_key=True),
        sa.Column("unchanged", sa.Integer(), nullable=False),
        sa.Column("api_calls", sa.Integer(), nullable=False),
        sa.Column("pulled", sa.Boolean(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False, server_default=""),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "ac_cursor",
        sa.Column("connection", sa.Text(), primary_key=True),
        sa.Column("object", sa.Text(), primary_key=True),
        sa.Column("sync", sa.Text(), nullable=False, server_default=""),
        sa.Column("cursor", sa.Text(), nullable=False, server_default=""),
        sa.Column("covers", sa.Text(), nullable=False, server_default=""),
        sa.Column("full_done", sa.Boolean(), nullable=False),
        sa.Column("slow_at", sa.Float(), nullable=False),
        sa.Column("pulled_at", sa.Float(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False, server_default=""),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "ac_lease",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("holder", sa.Text(), nullable=False, server_default=""),
        sa.Column("fence", SEQ, nullable=False),
        sa.Column("expires", sa.Float(), nullable=False),
        sqlite_with_rowid=False,
    )


def _people() -> None:
    op.create_table(
        "ac_conflict",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("sync", sa.Text(), nullable=False, server_default=""),
        sa.Column("golden", sa.Text(), nullable=False, server_default=""),
        sa.Column("path", sa.Text(), nullable=False, server_default=""),
        sa.Column("state", sa.Text(), nullable=False, server_default="open"),
        sa.Column("claims", sa.Text(), nullable=False, server_default="{}"),
        sa.Column("shown", sa.Text(), nullable=False, server_default="{}"),
        sa.Column("hub_value", sa.Text(), nullable=False, server_default="null"),
        sa.Column("value", sa.Text(), nullable=False, server_default="null"),
        sa.Column("by", sa.Text(), nullable=False, server_default=""),
        sa.Column("rule", sa.Text(), nullable=False, server_default=""),
        sa.Column("run", sa.Text(), nullable=False, server_default=""),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("decided_at", sa.Float(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ac_conflict_open", "ac_conflict", ["golden", "path"], unique=True, **_where("state IN ('open', 'decided')")
    )
    op.create_table(
        "ac_review",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("sync", sa.Text(), nullable=False, server_default=""),
        sa.Column("connection", sa.Text(), nullable=False, server_default=""),
        sa.Column("object", sa.Text(), nullable=False, server_default=""),
        sa.Column("remote_id", sa.Text(), nullable=False, server_default=""),
        sa.Column("candidates", sa.Text(), nullable=False, server_default="[]"),
        sa.Column("reason", sa.Text(), nullable=False, server_default=""),
        sa.Column("place", sa.Text(), nullable=False, server_default=""),
        sa.Column("state", sa.Text(), nullable=False, server_default="open"),
        sa.Column("golden", sa.Text(), nullable=False, server_default=""),
        sa.Column("by", sa.Text(), nullable=False, server_default=""),
        sa.Column("at", sa.Float(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("ac_review_record", "ac_review", ["connection", "object", "remote_id"])
    op.create_table(
        "ac_error",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("sync", sa.Text(), nullable=False, server_default=""),
        sa.Column("run", sa.Text(), nullable=False, server_default=""),
        sa.Column("connection", sa.Text(), nullable=False, server_default=""),
        sa.Column("object", sa.Text(), nullable=False, server_default=""),
        sa.Column("remote_id", sa.Text(), nullable=False, server_default=""),
        sa.Column("golden", sa.Text(), nullable=False, server_default=""),
        sa.Column("path", sa.Text(), nullable=False, server_default=""),
        sa.Column("action", sa.Text(), nullable=False, server_default=""),
        sa.Column("value", sa.Text(), nullable=False, server_default=""),
        sa.Column("code", sa.Text(), nullable=False, server_default=""),
        sa.Column("vendor_code", sa.Text(), nullable=False, server_default=""),
        sa.Column("text", sa.Text(), nullable=False, server_default=""),
        sa.Column("state", sa.Text(), nullable=False, server_default="open"),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("first_at", sa.Float(), nullable=False),
        sa.Column("last_at", sa.Float(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("ac_error_golden", "ac_error", ["golden", "connection"])
    op.create_index("ac_error_state", "ac_error", ["state", "sync"])


def _state() -> None:
    op.create_table(
        "ac_audit",
        sa.Column("seq", SEQ, primary_key=True, autoincrement=True),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("run", sa.Text(), nullable=False, server_default=""),
        sa.Column("actor", sa.Text(), nullable=False, server_default=""),
        sa.Column("action", sa.Text(), nullable=False, server_default=""),
        sa.Column("golden", sa.Text(), nullable=False, server_default=""),
        sa.Column("connection", sa.Text(), nullable=False, server_default=""),
        sa.Column("object", sa.Text(), nullable=False, server_default=""),
        sa.Column("remote_id", sa.Text(), nullable=False, server_default=""),
        sa.Column("op", sa.Text(), nullable=False, server_default=""),
        sa.Column("why", sa.Text(), nullable=False, server_default=""),
        sa.Column("changes", sa.LargeBinary()),
        sa.Column("prev", sa.Text(), nullable=False, server_default=""),
        sa.Column("hash", sa.Text(), nullable=False, server_default=""),
    )
    op.create_index("ac_audit_golden", "ac_audit", ["golden", "seq"])
    op.create_index("ac_audit_unsealed", "ac_audit", ["seq"], **_where("hash = ''"))
    op.create_table(
        "ac_person_key",
        sa.Column("golden", sa.Text(), primary_key=True),
        sa.Column("wrapped", sa.LargeBinary()),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "ac_secret",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("sealed", sa.LargeBinary()),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "ac_connection",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("org", sa.Text(), nullable=False, server_default=""),
        sa.Column("state", sa.Text(), nullable=False, server_default="ok"),
        sa.Column("reason", sa.Text(), nullable=False, server_default=""),
        sa.Column("at", sa.Float(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "ac_sync",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False, server_default=""),
        sa.Column("applied", sa.Boolean(), nullable=False),
        sa.Column("next_at", sa.Float(), nullable=False),
        sa.Column("swept_at", sa.Float(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False, server_default="normal"),
        sqlite_with_rowid=False,
    )
