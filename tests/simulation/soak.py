"""Run a range of seeds and end with one line of figures: make soak FROM=0 TO=1000."""

from __future__ import annotations

import sys
import time
from collections import Counter

from tests.simulation.history import draw, play
from tests.simulation.oracles import violations


def main(first: int, last: int) -> int:
    started, steps, crashes, bad = time.monotonic(), 0, 0, 0
    kinds: Counter[str] = Counter()
    for seed in range(first, last):
        try:
            history = play(draw(seed))
            found = violations(history)
            steps, crashes = steps + history.steps, crashes + history.crashes
        except Exception as error:
            found = [f"{type(error).__name__}: {error}"]
        if found:
            bad += 1
            kinds[found[0].split(":")[0]] += 1
            print(f"seed {seed}: {found[0]}" + (f" (+{len(found) - 1})" if len(found) > 1 else ""), flush=True)
    took = time.monotonic() - started
    print(f"{last - first} seeds, {steps} steps, {crashes} crashes, {bad} failing, {took:.0f} s {dict(kinds)}")
    return bool(bad)


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1]), int(sys.argv[2])))
