"""Replay one seed and tell its story: make sim SEED=1234."""

from __future__ import annotations

import sys

from tests.simulation.history import draw, play
from tests.simulation.oracles import violations


def main(seed: int) -> int:
    history = play(draw(seed))
    for sentence in history.story:
        print(sentence)
    found = violations(history)
    print(f"\nseed {seed}: {history.steps} steps, {history.crashes} crashes, {len(found)} violations")
    for text in found:
        print(f"  {text}")
    return bool(found)


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1])))
