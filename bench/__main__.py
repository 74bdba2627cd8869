"""Run measurements by name, each in a process of its own so that none warms or burdens the next."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

from bench.measure import machine, table

NAMES = {
    "mapping": "declarative mapping against hand-written Python",
    "first_sync": "a whole first sync against a raw loop over the same calls; API calls; nothing changed",
    "overlap": "throughput at 100 ms latency against the arithmetic limit",
    "reread": "re-reading 100,000 unchanged records",
    "memory": "peak memory at 100,000 and 1,000,000 records",
    "start": "start of the command line",
}


def main(names: list[str]) -> int:
    unknown = [n for n in names if n not in NAMES]
    if unknown or "-h" in names:
        print("\n".join(f"{name:12} {about}" for name, about in NAMES.items()))
        return 2
    if len(names) == 1:
        print(f"\n## {names[0]}: {NAMES[names[0]]}\n\n({machine()})\n", flush=True)
        print(table(import_module(f"bench.{names[0]}").measure()), flush=True)
        return 0
    return max(subprocess.run([sys.executable, "-m", "bench", name]).returncode for name in names or NAMES)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
