"""The page about reliability names every law of the proof, and no law or file of stories that there is not."""

from __future__ import annotations

import re

from tests.docs.kit import ROOT
from tests.simulation.proof.laws import LAWS
from tests.unit.core import laws as deciding

PAGE = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")


def named(word: str) -> set[str]:
    """The names in `code` that follow a word: law `a`, laws `a`, `b`."""
    lists = re.findall(rf"\b{word} ((?:`\w+`(?:, )?)+)", PAGE)
    return {name for names in lists for name in re.findall(r"\w+", names)}


def test_every_law_of_the_proof_is_named_and_no_other():
    assert named("laws?") == {law.__name__ for law in LAWS}


def test_laws_of_deciding_that_are_named_exist():
    told = named("deciding")
    assert told and all(callable(getattr(deciding, name, None)) for name in told)


def test_files_of_stories_that_are_named_exist():
    told = named("stories")
    there = {p.stem.removeprefix("test_") for p in (ROOT / "tests" / "simulation" / "stories").glob("test_*.py")}
    assert told and told <= there


def test_scenes_that_are_named_exist():
    folder = ROOT / "tests" / "simulation" / "crashes"
    source = "".join((folder / name).read_text(encoding="utf-8") for name in ("scenes.py", "test_broken_engines.py"))
    told = [
        name
        for names in re.findall(r"\bscenes? ((?:\"[^\"|]+\"(?:, )?)+)", PAGE)
        for name in re.findall(r"\"([^\"]+)\"", names)
    ]
    assert told and [name for name in told if f'"{name}"' not in source] == []


def test_there_is_one_place_for_measured_figures():
    """Under the head of its table, so that rows put there are rows of it."""
    head, _, _ = PAGE.partition("<!-- soak figures -->")
    assert PAGE.count("<!-- soak figures -->") == 1
    assert "| decisions digest |" in head.rpartition("## Figures")[2]
