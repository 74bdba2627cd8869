"""Write down changed decisions that the change log names, or draw new cases.

python -m tests.unit.core.decisions             what changed
python -m tests.unit.core.decisions --accept    write it down, for the cases that CHANGELOG.md names
python -m tests.unit.core.decisions --draw N    add N cases drawn at random
python -m tests.unit.core.decisions --release   a version went out: what is stored is the baseline of the next one
"""

from __future__ import annotations

import argparse
import random
from typing import Any

from tests.unit.core.decisions import store
from tests.unit.core.decisions.drawing import draw
from tests.unit.core.decisions.form import read_case

DRAWN = "drawn.yaml"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.unit.core.decisions", description=__doc__.splitlines()[0])
    parser.add_argument("--accept", action="store_true", help="write down the changes that CHANGELOG.md names")
    parser.add_argument("--draw", type=int, metavar="N", help="add N cases drawn at random")
    parser.add_argument("--release", action="store_true", help="make what is stored the baseline of the next version")
    asked = parser.parse_args()
    if asked.draw:
        add(asked.draw)
    if asked.release:
        print(f"{store.release()} decisions are the baseline now")
        return 0
    return accept() if asked.accept or asked.draw else show()


def show() -> int:
    found = store.changes(store.load())
    for change in found:
        print(change.text, end="\n\n")
    print(store.advice([c.case.id for c in found]) if found else "No decision changed.")
    return bool(found)


def accept() -> int:
    written, refused = store.accept()
    if refused:
        print(f"Nothing was written. {store.advice(refused)}")
        return 1
    print(f"{len(written)} decisions were written down")
    return 0


def add(count: int) -> None:
    """Freeze cases that decide something, each drawn from the seed that its name tells."""
    file = store.HERE / DRAWN
    cases = [dict(c.data) for c in store.load() if c.file == DRAWN]
    seed = max((int(c["id"].removeprefix("drawn-")) for c in cases), default=0)
    wanted = len(cases) + count
    while len(cases) < wanted:
        seed += 1
        data: dict[str, Any] = {"id": f"drawn-{seed:04d}", **draw(random.Random(seed).choice)}
        decided = read_case(data).decide()
        if decided.changes or decided.lost or decided.due or decided.holds or decided.links or decided.notes:
            cases.append(data)
    store.write(file, cases)


if __name__ == "__main__":
    raise SystemExit(main())
