"""What a mutant is: an engine with one rule taken away, and the laws that must notice it."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest import mock

from tests.simulation.proof.shrink import judged

Patch = AbstractContextManager[Any]
Script = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Mutant:
    """A broken engine. Calling it gives a context in which the engine is broken.

    `rule`: what was taken away, in words. `laws`: those whose breaking counts as noticing it; anything else that goes
    wrong, an exception of the mutant's own making above all, does not. `stories`: numbers of the stories behind the rule.
    `script`: the scripted story that fails without the rule; where there are no seeds, it alone notices.
    """

    name: str
    rule: str
    laws: frozenset[str]
    stories: tuple[int, ...]
    patches: Callable[[], Iterable[Patch]]
    script: Script | None = None

    @contextmanager
    def __call__(self) -> Iterator[None]:
        with ExitStack() as stack:
            for patch in self.patches():
                stack.enter_context(patch)
            yield

    def broken_by(self, seed: int) -> set[str]:
        """The names of all laws that this engine breaks in the history of a seed."""
        with self():
            return {text.split(":")[0] for text in judged(seed)[1]}

    def is_noticed_at(self, seed: int) -> bool:
        return not self.laws.isdisjoint(self.broken_by(seed))

    def fails_its_script(self) -> bool:
        """Whether the scripted story asserts something that this engine does not do. What goes wrong in the story's own
        lines counts (it takes the only one of none); what is raised below them does not."""
        assert self.script is not None
        with self():
            try:
                self.script()
            except AssertionError:
                return True
            except (LookupError, ValueError) as error:
                frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
                if frames[-1].f_code is getattr(self.script, "__code__", None):
                    return True
                raise
        return False


MUTANTS: dict[str, Mutant] = {}


def breaks(
    *laws: str, stories: tuple[int, ...] = (), script: Script | None = None
) -> Callable[[Callable[[], Iterable[Patch]]], Mutant]:
    """Enter a mutant into the registry: a function that yields its patches, and whose docstring names the rule."""

    def enter(patches: Callable[[], Iterable[Patch]]) -> Mutant:
        made = Mutant(
            patches.__name__, " ".join((patches.__doc__ or "").split()), frozenset(laws), stories, patches, script
        )
        assert made.rule and made.name not in MUTANTS
        MUTANTS[made.name] = made
        return made

    return enter


def instead(target: Any, name: str, made: Any) -> Patch:
    """`made` stands in the place of an attribute."""
    return mock.patch.object(target, name, made)


def around(target: Any, name: str, wrap: Callable[..., Any]) -> Patch:
    """Each call of `target.name` goes to `wrap(original, *arguments)`."""
    original = getattr(target, name)
    return mock.patch.object(target, name, lambda *args, **rest: wrap(original, *args, **rest))
