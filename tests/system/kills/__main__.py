"""Kill real processes so many times, half over SQLite, half over PostgreSQL: python -m tests.system.kills 200 [FIRST SEED]

Each history has ten deaths and a database of its own; after them runs go on to the end and everything is checked.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter

from tests.system.kills.histories import begin, database, die, wrong

DEATHS = 10


def main(kills: int, first: int = 1) -> int:
    started, died, bad = time.monotonic(), Counter[str](), 0
    with tempfile.TemporaryDirectory() as folder:
        for n in range(-(-kills // DEATHS)):
            kind, seed = ("sqlite", "postgresql")[n % 2], first + n
            with database(kind, folder, seed) as url:
                h = begin(seed, url)
                here = die(h, min(DEATHS, kills - n * DEATHS))
                died += Counter({f"{kind}, {way}": count for way, count in here.items()})
                found = wrong(h)
            bad += bool(found)
            for text in found:
                print(f"seed {seed} over {kind}: {text}", flush=True)
    ways = ", ".join(f"{way}: {count}" for way, count in sorted(died.items()))
    print(f"{died.total()} kills ({ways}); {bad} histories broke a rule; {time.monotonic() - started:.0f} s")
    return bool(bad)


if __name__ == "__main__":
    raise SystemExit(main(*map(int, sys.argv[1:])))
