"""Two hundred real processes are killed, over SQLite and over PostgreSQL; an engine without recovery does not survive it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from random import Random

from tests.store.postgres import base_url
from tests.system.kills.killing import LATEST, draw_moment

ROOT = Path(__file__).parents[3]
BROKEN = """
from tests.simulation.crashes.broken import no_recovery
from tests.system.kills.__main__ import main
with no_recovery():
    raise SystemExit(main(20))
"""


def python(*words: str) -> subprocess.CompletedProcess[str]:
    """A process with one thread, which may fork."""
    env = {**os.environ, "ACCORDANT_TEST_PG": base_url(), "PYTHONPATH": str(ROOT)}
    return subprocess.run([sys.executable, *words], cwd=ROOT, env=env, capture_output=True, text=True, check=False)


def test_two_hundred_killed_processes_lose_and_double_nothing():
    ended = python("-m", "tests.system.kills", "200")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.startswith("200 kills") and "; 0 histories broke a rule" in ended.stdout and not ended.stderr
    for way in LATEST:
        for kind in ("sqlite", "postgresql"):
            assert f"{kind}, {way}: " in ended.stdout


def test_an_engine_without_recovery_does_not_survive_its_kills():
    ended = python("-c", BROKEN)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "seed 1 over sqlite" in ended.stdout and "seed 2 over postgresql" in ended.stdout


def test_each_way_to_die_comes_about_equally_often():
    chance = Random(1)
    found = Counter(draw_moment(chance).kind for _ in range(500))
    assert found.keys() == LATEST.keys() and min(found.values()) > 50
