"""Every kill of every scene, and every second kill while the next process recovers: python -m tests.simulation.crashes

Names of scenes (or parts of them) as arguments choose some. Ends with the figures; the exit code says whether any
history broke a rule. The tests beside this file do a part of it.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator

from tests.simulation.crashes.course import Stage, kills, kills_twice
from tests.simulation.crashes.refusals import TROUBLES, refusals
from tests.simulation.crashes.scenes import MANNERS, SCENES
from tests.simulation.crashes.zombies import zombies


def histories(on: Stage) -> Iterator[tuple[str, str, list[str]]]:
    """(model, place, what does not hold) of everything that can befall this scene."""
    models = {"killed": kills(on), "killed twice": kills_twice(on), "a zombie": zombies(on)}
    models |= {trouble: refusals(on, trouble) for trouble in TROUBLES}
    for model, played in models.items():
        for place, found in played:
            yield model, place, found


def main(words: list[str]) -> int:
    chosen = [s for s in SCENES.values() if not words or any(w in s.name for w in words)]
    played: Counter[str] = Counter()
    steps = bad = 0
    for scene in chosen:
        for manners in MANNERS:
            started, mine = time.process_time(), 0
            on = Stage(scene, manners)
            steps += on.camera.steps
            for model, place, found in histories(on):
                played[model] += 1
                mine += 1
                if found:
                    bad += 1
                    print(f"  {model}: {place}: {found[0]}" + (f" (+{len(found) - 1})" if len(found) > 1 else ""))
            took = time.process_time() - started
            print(f"{scene.name}, {manners}: {on.camera.steps} steps, {mine} histories, {took:.0f} s", flush=True)
    print(f"{len(chosen)} scenes, {steps} steps; {sum(played.values())} histories {dict(played)}; {bad} broke a rule")
    return bool(bad)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
