"""Read 100,000 records again of which none has changed: nothing is written, and little is computed."""

from __future__ import annotations

import gc
import os

from bench.measure import Row, cpu_of, median
from bench.pair import NAME, pair
from hub.connect.connector import Want
from hub.engine.run import run_sync

RECORDS = int(os.environ.get("BENCH_REREAD", "100000"))
ROUNDS = 3


def measure() -> list[Row]:
    with pair(RECORDS // 2) as hub:
        gc.freeze()
        first, _ = cpu_of(lambda: run_sync(hub, NAME))
        source, _ = cpu_of(
            lambda: [len(p.records) for c in hub.connectors.values() for p in c.changes("person", "", Want(()))]
        )
        rounds = [cpu_of(lambda: run_sync(hub, NAME, full=True)) for _ in range(ROUNDS)]
        told = rounds[-1][1]
        assert told.outcomes["unchanged"] == RECORDS, told.outcomes
        quiet = median(cpu_of(lambda: run_sync(hub, NAME))[0] for _ in range(5))
        writes = sum(c.writes for c in hub.connectors.values())
    scale = 100_000 / RECORDS
    how = f"{RECORDS:,} records of a computed source, whose own CPU ({source * scale:.1f} s) is in the figure"
    return [
        Row("full re-read of 100,000 unchanged, CPU", median(r[0] for r in rounds) * scale, 6, 4, " s", how=how),
        Row("full re-read: writes", writes, 0, 0),
        Row("run that reads an empty delta of both, CPU", quiet * 1000, 150, 50, " ms"),
        Row("first reading (match, no writes), CPU per 100,000", first * scale, unit=" s"),
    ]
