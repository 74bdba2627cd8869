"""Run a range of seeds and end with one line of figures: make soak FROM=0 TO=1000.

What is done is kept in `.soak/COMMIT.jsonl`, hundred by hundred, so that a soak that is stopped goes on where it was. The
figures hold for one commit: another one begins anew. Run it twice, and the digest of all decisions is the same.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.simulation.proof.shrink import judged

ROOT = Path(__file__).resolve().parents[3]
PORTION = 100


@dataclass(slots=True)
class Figures:
    """What a portion of seeds came to. `broken`: {seed: the first law it breaks}."""

    first: int
    last: int
    seeds: int = 0
    steps: int = 0
    deaths: int = 0
    digest: str = ""
    broken: dict[str, str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)


def portion(first: int, last: int) -> Figures:
    """Play these seeds."""
    made, seen, counts = Figures(first, last), hashlib.blake2b(digest_size=12), Counter[str]()
    for seed in range(first, last):
        h, found = judged(seed)
        made.seeds, made.steps, made.deaths = made.seeds + 1, made.steps + h.steps, made.deaths + h.crashes
        seen.update(h.digest().encode())
        counts.update(h.counts)
        if found:
            made.broken[str(seed)] = found[0]
    made.digest, made.counts = seen.hexdigest(), dict(counts)
    return made


def commit() -> str:
    """The commit that is proven; with a mark if the files are not as they were committed."""

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()

    return git("rev-parse", "--short=12", "HEAD") + ("-changed" if git("status", "--porcelain", "hub", "tests") else "")


class Ledger:
    """The portions that are done, in a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.done: dict[int, Figures] = {}
        if path.exists():
            for line in path.read_text().splitlines():
                one = Figures(**json.loads(line))
                self.done[one.first] = one

    def add(self, one: Figures) -> None:
        self.done[one.first] = one
        self.path.parent.mkdir(exist_ok=True)
        with self.path.open("a") as file:
            file.write(json.dumps(asdict(one)) + "\n")


def soak(first: int, last: int, ledger: Ledger, jobs: int) -> list[Figures]:
    """All portions from `first` up to `last`, those of earlier times included."""
    wanted = [(n, min(n + PORTION, last)) for n in range(first, last, PORTION)]
    left = [(a, b) for a, b in wanted if a not in ledger.done or ledger.done[a].last != b]
    with ProcessPoolExecutor(jobs) as pool:
        for work in as_completed([pool.submit(portion, a, b) for a, b in left]):
            one = work.result()
            ledger.add(one)
            for seed, text in one.broken.items():
                print(f"seed {seed}: {text}", flush=True)
    return [ledger.done[a] for a, _ in wanted]


def line(done: list[Figures], took: float) -> str:
    """The one line of figures."""
    whole = hashlib.blake2b("".join(f.digest for f in done).encode(), digest_size=12).hexdigest()
    seeds, steps, deaths = (sum(getattr(f, n) for f in done) for n in ("seeds", "steps", "deaths"))
    broken = sum(len(f.broken) for f in done)
    return f"{seeds} seeds, {steps} steps, {deaths} deaths, {broken} violations, {took:.0f} s, decisions {whole}"


def main(first: int, last: int) -> int:
    name, started = commit(), time.monotonic()
    ledger = Ledger(ROOT / ".soak" / f"{name}.jsonl")
    done = soak(first, last, ledger, int(os.environ.get("JOBS", os.cpu_count() or 1)))
    print(f"{name} {first}..{last}: {line(done, time.monotonic() - started)}")
    return any(f.broken for f in done)


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1]), int(sys.argv[2])))
