"""A whole first sync over HTTP against a raw loop that makes the same calls, and what the runs after it cost."""

from __future__ import annotations

import os
from typing import Any

from bench import raw
from bench.measure import Row, cpu_of, median
from bench.project import project, run
from bench.sandboxes import Sandboxes
from hub.engine.report import Report
from hub.jobs.assemble import Assembly

EACH = int(os.environ.get("BENCH_EACH", "10000"))
SHARED = EACH // 2
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))


def measure() -> list[Row]:
    rounds = [_round() for _ in range(ROUNDS)]
    last = rounds[-1]
    print("CPU-s of each round (hub, raw):", [(round(r["hub"], 2), round(r["raw"], 2)) for r in rounds])
    print("calls of the hub:", last["hub_calls"], "\ncalls of the raw loop:", last["raw_calls"])
    how = f"{EACH:,} + {EACH:,} people, {SHARED:,} of them shared; {_told(last['report'])}"

    def mid(name: str) -> float:
        return median(r[name] for r in rounds)

    return [
        Row("first sync ÷ raw loop, CPU", median(r["hub"] / r["raw"] for r in rounds), 8, 3, "×", how=how),
        Row("first sync, CPU per record read", mid("hub") / (2 * EACH) * 1e6, unit=" µs"),
        Row("API calls ÷ minimum, first sync", last["calls"] / last["minimum"], 1.05, 1.0, how=_counted(last)),
        Row("nothing changed: calls", last["quiet_calls"], 2, 2, how="one delta read per side"),
        Row("nothing changed: writes", last["quiet_writes"], 0, 0),
        Row("nothing changed: CPU", mid("quiet") * 1000, 150, 50, " ms"),
        Row("full re-read, nothing changed: writes", last["full_writes"], 0, 0),
        Row("full re-read over HTTP, CPU per 100,000", mid("full") / last["held"] * 1e5, 6, 4, " s"),
    ]


def _round() -> dict[str, Any]:
    with Sandboxes(EACH, SHARED) as boxes, project(boxes) as assembly:
        assembly.hub  # noqa: B018  the project is read and checked before the clock starts
        hub, report = cpu_of(lambda: run(assembly))
        asked = boxes.calls()
        found = {"hub": hub, "report": report, "hub_calls": asked, "calls": report.api_calls}
        found["minimum"] = _minimum(assembly, report)
        found |= _later(assembly, boxes)
    with Sandboxes(EACH, SHARED) as boxes:
        found["raw"], _ = cpu_of(lambda: raw.loop(boxes))
        found["raw_calls"] = boxes.calls()
    assert found["raw_calls"]["held"] == asked["held"], (found["raw_calls"]["held"], asked["held"])
    return found


def _later(assembly: Assembly, boxes: Sandboxes) -> dict[str, Any]:
    """The run after the first (it reads our own writes), then one in which nothing changed, then a full re-read."""
    for _ in range(3):
        run(assembly)
        boxes.pass_hours(1)
    boxes.calls()
    quiet, report = cpu_of(lambda: run(assembly))
    calls = boxes.calls()
    full, again = cpu_of(lambda: run(assembly, full=True))
    return {
        "quiet": quiet,
        "quiet_calls": report.api_calls,
        "quiet_writes": _written(report),
        "quiet_asked": calls,
        "full": full,
        "full_writes": _written(again),
        "held": again.read,
    }


def _written(report: Report) -> int:
    return sum(report.operations.values())


def _minimum(assembly: Assembly, report: Report) -> int:
    """The fewest calls with which both protocols can do what this run did."""
    total = 0
    for connection, object in (("sf", "Contact"), ("hs", "contacts")):
        done = report.spokes[connection]["operations"]
        total += assembly.hub.connectors[connection].minimum_calls(
            object, read=EACH, written=done["updated"], created=done["created"]
        )
    return total


def _told(report: Report) -> str:
    done = report.operations
    return f"{report.read:,} read, {done['created']:,} created, {done['updated']:,} updated"


def _counted(last: dict[str, Any]) -> str:
    return f"{last['calls']} calls, minimum {last['minimum']}"
