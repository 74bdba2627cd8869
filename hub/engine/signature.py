"""What makes an operation of a stored plan and one of today the same."""

from __future__ import annotations

import hashlib

import orjson

from hub.store.operations import Operation


def signature(o: Operation) -> str:
    """Equal for operations that would do the same to the same record."""
    target = o.remote_id if o.action != "create" else o.key
    body = [o.connection, o.object, o.action, target, [[f.path, f.before, f.after] for f in o.fields], o.raw]
    return hashlib.blake2b(orjson.dumps(body, option=orjson.OPT_SORT_KEYS), digest_size=12).hexdigest()
