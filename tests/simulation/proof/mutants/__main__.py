"""Which seeds notice which mutant. Seeds at which the whole engine breaks a law are left out.

python -m tests.simulation.proof.mutants --survey FIRST LAST [NAME …]   one row of a table for each mutant
python -m tests.simulation.proof.mutants --pins FIRST LAST [NAME …]     the cheapest of the first seeds that notice it
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence

from tests.simulation.proof.mutants import MUTANTS, Mutant
from tests.simulation.proof.shrink import judged

PINNED = 4
FEWEST = 3
"""A mutant that fewer seeds notice is not pinned: its scripted story alone must notice it."""


def survey(one: Mutant, seeds: Sequence[int]) -> str:
    """A row of the table: how many seeds notice it, the first one, and how often it breaks each law."""
    noticed, laws = [], Counter[str]()
    for seed in seeds:
        broken = one.broken_by(seed)
        laws.update(broken)
        noticed += [] if one.laws.isdisjoint(broken) else [seed]
    told = ", ".join(f"{law} {n}" for law, n in laws.most_common() if law in one.laws)
    stories = ", ".join(map(str, one.stories)) or "–"
    found = f"{len(noticed)} | {noticed[0]} | {told}" if noticed else f"{len(noticed)} | – | by its scripted story"
    return f"| {one.rule} (`{one.name}`) | {stories} | {found} |"


def pins(one: Mutant, seeds: Sequence[int]) -> str:
    """An entry of the pins, as code; a remark if there are too few."""
    noticed = []
    for seed in seeds:
        with one():
            h, found = judged(seed)
        if any(text.split(":")[0] in one.laws for text in found):
            noticed.append((h.steps, seed))
        if len(noticed) == PINNED:
            break
    chosen = tuple(seed for _, seed in sorted(noticed))
    return f'"{one.name}": {chosen},' if len(chosen) >= FEWEST else f"# {one.name}: only {chosen}"


def rows(words: Sequence[str]) -> Iterator[str]:
    work = {"--survey": survey, "--pins": pins}[words[0]]
    seeds = [seed for seed in range(int(words[1]), int(words[2])) if not judged(seed)[1]]
    for name in words[3:] or sorted(MUTANTS):
        yield work(MUTANTS[name], seeds)


def main(words: Sequence[str]) -> int:
    if len(words) < 3 or words[0] not in ("--survey", "--pins"):
        print(__doc__)
        return 2
    for row in rows(words):
        print(row, flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
