"""How fast people move where every call takes 100 ms, against what arithmetic allows.

All of HubSpot's people are created in Salesforce. Pages of a cursor cannot be read side by side, so no move can be faster
than its pages one after the other, or than its writes spread over the threads, whichever is longer.
"""

from __future__ import annotations

import os
from math import ceil

from bench.measure import Row, cpu_of, median, timed
from bench.project import project, run
from bench.sandboxes import Sandboxes

PEOPLE = int(os.environ.get("BENCH_MOVED", "10000"))
LATENCY, THREADS, ROUNDS = 0.1, 8, 3
PAGE, CALLS_PER_BATCH, BATCH = 100, 3, 200  # HubSpot's list; Salesforce's look-up, collection and read-back


def measure() -> list[Row]:
    reads = ceil(PEOPLE / PAGE) * LATENCY
    writes = CALLS_PER_BATCH * ceil(PEOPLE / BATCH) * LATENCY / THREADS
    rounds = [_round() for _ in range(ROUNDS)]
    wall = median(r[0] for r in rounds)
    told = ", ".join(f"{w:.1f} s wall of which {c:.1f} CPU" for w, c in rounds)
    how = f"{PEOPLE:,} people, {reads:.1f} s of pages, {writes:.1f} s of writes over {THREADS} threads; {told}"
    idle = median((reads + writes) / max(w - c, reads + writes) for w, c in rounds)
    return [
        Row("throughput ÷ arithmetic limit at 100 ms", max(reads, writes) / wall, 0.8, 0.95, more=True, how=how),
        Row("the same, without the hub's own CPU", idle, more=True, how="wall less the hub's own CPU"),
    ]


def _round() -> tuple[float, float]:
    with Sandboxes(PEOPLE, PEOPLE, LATENCY, only="hs") as boxes, project(boxes, threads=THREADS, hs="read") as assembly:
        assembly.hub  # noqa: B018  the project is read and checked before the clock starts
        wall, (cpu, report) = timed(lambda: cpu_of(lambda: run(assembly)))
    assert report.operations["created"] == PEOPLE, report
    return wall, cpu
