"""Make a failing history short: leave out events as long as the same law is still broken (delta debugging)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tests.simulation.proof.course import draw, play
from tests.simulation.proof.history import History
from tests.simulation.proof.laws import violations

Judge = Callable[[frozenset[str]], bool]
PATIENCE = 250
"""How many histories a shrinking may play."""


def judged(seed: int, skip: frozenset[str] = frozenset()) -> tuple[History, list[str]]:
    """Play a seed without some of its events. What a run raises that is no error of ours breaks the law `bug`."""
    h = draw(seed, skip)
    try:
        return play(h), violations(h)
    except Exception as bug:
        h.say(f"{type(bug).__name__}: {bug}")
        return h, [f"bug: {type(bug).__name__}: {bug}"]


def law_of(found: Sequence[str]) -> str:
    return found[0].split(":")[0] if found else ""


def shrunk(seed: int, patience: int = PATIENCE) -> tuple[History, list[str]]:
    """The shortest history found that still breaks the first law which the seed breaks."""
    whole, found = judged(seed)
    law = law_of(found)
    if not law:
        return whole, found
    left = patience

    def breaks(skip: frozenset[str]) -> bool:
        nonlocal left
        left -= 1
        return left >= 0 and any(text.startswith(f"{law}:") for text in judged(seed, skip)[1])

    skip = fewest(whole.happened, breaks)
    return judged(seed, skip)


def fewest(events: Sequence[str], breaks: Judge) -> frozenset[str]:
    """Events to leave out, as many as can be: first large portions, later from the end, then single ones."""
    kept, out = list(dict.fromkeys(events)), frozenset[str]()
    size = max(1, len(kept) // 2)
    while size:
        at = len(kept)
        while at > 0:
            portion = kept[max(0, at - size) : at]
            if breaks(out | frozenset(portion)):
                out |= frozenset(portion)
                kept = [e for e in kept if e not in out]
            at -= size
        size //= 2
    return out
