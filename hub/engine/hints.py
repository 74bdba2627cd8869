"""Hints: somebody (a webhook, a person) says that a record changed. What a hint brings is never believed: it only makes
us read that record again.

Hints may come twice, late, out of order, or for records that do not exist. A hint is dropped in the transaction that
stores what was read for it, so that a death in between reads once more and loses nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from hub.core.errors import Reject
from hub.core.model import Record, Spoke
from hub.engine import guards
from hub.engine.context import Hub, Run
from hub.engine.pull import GONE, fingerprint, get, put_away, sort_out
from hub.store import audit, goldens, hints, records
from hub.store.db import Tx, fits
from hub.store.hints import Hint

LONGEST = 255
REFUSALS = 20
"""So many single ids may be refused by a remote before the trouble is taken for one of the whole object."""


def hear(hub: Hub, connection: str, object: str, ids: Sequence[str]) -> int:
    """Note that these records are said to have changed, in one small transaction. Returns how many were noted.

    Left out: objects that no sync reads, and texts that cannot be the id of a record.
    """
    places = {(spoke.connection, spoke.object) for sync in hub.syncs.values() for spoke in sync.spokes}
    good = sorted({id for id in ids if 0 < len(id) <= LONGEST and id == fits(id)})
    if not good or (connection, object) not in places:
        return 0
    with hub.store.begin() as tx:
        hints.hear(tx, connection, object, good)
    return len(good)


def read_hinted(hub: Hub, run: Run, spoke: Spoke) -> None:
    """Read again every record of this spoke that was named, and put what it says now into the inbox."""
    size = hub.connectors[spoke.connection].capabilities(spoke.object).read_batch
    after, kept, gone, refused = "", list[Hint](), list[Record](), list[str]()
    while True:
        with hub.store.read() as tx:
            found = hints.waiting(tx, spoke.connection, spoke.object, after, size)
        if not found:
            break
        rows = _read(hub, run, spoke, [h.remote_id for h in found], refused)
        hub.hook("hints")
        some, lost = _store(hub, run, spoke, found, rows, refused)
        kept, gone, after = kept + some, gone + lost, found[-1].remote_id
    if kept:
        _believe_gone(hub, run, spoke, kept, gone)


def _read(hub: Hub, run: Run, spoke: Spoke, ids: Sequence[str], refused: list[str]) -> list[Record]:
    """Read by id. An id that the remote refuses as no id at all must not stand in the way of the others."""
    try:
        return get(hub, run, spoke, ids)
    except Reject:
        if len(refused) >= REFUSALS:
            raise
        if len(ids) == 1:
            refused.append(ids[0])
            return []
    middle = len(ids) // 2
    return _read(hub, run, spoke, ids[:middle], refused) + _read(hub, run, spoke, ids[middle:], refused)


def _store(
    hub: Hub, run: Run, spoke: Spoke, found: Sequence[Hint], rows: Sequence[Record], refused: Sequence[str]
) -> tuple[list[Hint], list[Record]]:
    """Take the rows in and drop their hints. Returns the records that we know and that are gone without a trace: they
    wait, with their hints, until it is known how many they are."""
    with hub.store.begin() as tx:
        run.hold(tx)
        known = _known(tx, spoke, [r.id for r in rows])
        lost = [r for r in rows if r.kind == "deleted" and not r.stamp and known.get(r.id)]
        # Of a record that we never saw and that is not there, nothing is kept.
        told = [r for r in rows if r not in lost and not (r.kind == "deleted" and r.id not in known)]
        put_away(tx, run, spoke, sort_out(tx, run, spoke, fingerprint(spoke), told, ""))
        # A remote may answer an id by another spelling of it: such a hint waits with the lost ones, if there are any.
        answered = {r.id for r in told} | {r.id for r in rows if r.id not in known} if lost else set()
        kept = [h for h in found if lost and h.remote_id not in answered]
        hints.drop(tx, spoke.connection, spoke.object, [h for h in found if h not in kept])
        _note_refused(tx, run, spoke, sorted({h.remote_id for h in found} & set(refused)))
    return kept, lost


def _known(tx: Tx, spoke: Spoke, ids: Sequence[str]) -> dict[str, bool]:
    """{id: whether it is there, as far as we know} of the records that we ever saw or linked."""
    place = (spoke.connection, spoke.object)
    known = dict.fromkeys([*goldens.links_by_record(tx, *place, ids), *records.pending_for(tx, *place, ids)], True)
    return known | {id: one.disposition not in GONE for id, one in records.known(tx, *place, ids).items()}


def _note_refused(tx: Tx, run: Run, spoke: Spoke, ids: Sequence[str]) -> None:
    why = f"{spoke.connection} does not take this as an id of {spoke.object}"
    entry = partial(audit.Entry, "hint refused", run=run.id, connection=spoke.connection, object=spoke.object, why=why)
    audit.write(tx, [entry(remote_id=i) for i in ids])


def _believe_gone(hub: Hub, run: Run, spoke: Spoke, found: Sequence[Hint], gone: Sequence[Record]) -> None:
    """Records that a read by id does not find are gone, unless they are so many that a lost permission is likelier."""
    with hub.store.begin() as tx:
        run.hold(tx)
        if guards.too_many_gone(len(gone), records.live_count(tx, spoke.connection, spoke.object)):
            run.notices[f"{spoke.connection}.{spoke.object}.hints"] = (
                f"{len(gone)} {spoke.object} records named to us are not found in {spoke.connection}. So many at once "
                "look like a missing permission: nothing was taken for deleted, the feed of deletions or the next sweep "
                f"will tell. Next: accordant connections test {spoke.connection}. [S-SHORT]"
            )
        else:
            put_away(tx, run, spoke, sort_out(tx, run, spoke, fingerprint(spoke), gone, ""))
        hints.drop(tx, spoke.connection, spoke.object, found)
