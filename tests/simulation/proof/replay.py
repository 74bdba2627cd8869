"""Replay one seed; if it breaks a law, tell the shortest story that does: make sim SEED=1234."""

from __future__ import annotations

import sys

from tests.simulation.proof.history import History
from tests.simulation.proof.shrink import judged, shrunk


def tell(h: History, found: list[str]) -> None:
    vendors = ", ".join(f"{name} is like {v.name}" for name, v in h.scene.vendors.items())
    print(f"{vendors}. Objects: {', '.join(h.scene.objects)}. Trouble: {', '.join(sorted(h.scene.wild)) or 'none'}.")
    for sentence in h.story:
        print(f"  {sentence}")
    print(f"{h.steps} steps, {h.crashes} deaths, decisions {h.digest()}")
    for text in found:
        print(f"  BROKEN {text}")


def main(seed: int, *, whole: bool = False) -> int:
    h, found = judged(seed) if whole else shrunk(seed)
    print(
        f"seed {seed}: " + ("nothing is broken" if not found else f"{len(found)} laws broken; the shortest such story:")
    )
    tell(h, found)
    return bool(found)


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1]), whole="--whole" in sys.argv))
