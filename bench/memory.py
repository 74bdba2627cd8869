"""Peak memory of a first sync, and whether ten times the records need more: each size in a process of its own."""

from __future__ import annotations

import gc
import json
import os
import sys
from typing import Any

from bench.measure import Row, child, cpu, peak_mb

SMALL = int(os.environ.get("BENCH_SMALL", "100000"))
LARGE = int(os.environ.get("BENCH_LARGE", "1000000"))


def measure() -> list[Row]:
    small, large = (child("bench.memory", records=n) for n in (SMALL, LARGE))
    growth = 100 * (large["peak"] / small["peak"] - 1)
    return [
        Row(f"peak memory, {SMALL:,} records", small["peak"], 120, 100, " MB", how=_how(small)),
        Row(f"growth of the peak at {LARGE:,} records", growth, 10, 10, " %", how=_how(large)),
    ]


def _how(told: dict[str, Any]) -> str:
    return f"{told['peak']:.0f} MB, {told['imports']:.0f} MB of it imports; first sync and full re-read, {told['cpu']:.0f} CPU-s"


def one(records: int) -> dict[str, Any]:
    from bench.pair import NAME, pair
    from hub.engine.run import run_sync

    imports = peak_mb()
    with pair(records // 2) as hub:
        gc.freeze()
        first = run_sync(hub, NAME)
        assert first.read == records, first
        again = run_sync(hub, NAME, full=True)
        assert again.outcomes["unchanged"] == records, again.outcomes
    return {"peak": peak_mb(), "imports": imports, "cpu": cpu()}


if __name__ == "__main__":
    print(json.dumps(one(**json.loads(sys.argv[1]))))
