"""A project in a temporary folder between the two sandboxes, with the repository's own mappings and sync of people."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from bench.sandboxes import Sandboxes
from hub.engine.report import Report
from hub.engine.run import run_sync
from hub.jobs.assemble import Assembly
from hub.jobs.folder import make_project

REPOSITORY = Path(__file__).parents[1]
NAME = "customers"
OPEN = "guards: {creates: none, updates: none, deletes: none}\nfirst_run: apply\n"


@contextmanager
def project(boxes: Sandboxes, *, threads: int = 8, **spokes: str) -> Iterator[Assembly]:
    """`spokes`: {connection: direction}, where it is not both."""
    with TemporaryDirectory(prefix="accordant-bench-") as folder:
        root = Path(folder)
        make_project(root)
        (root / "config/accordant.yaml").write_text(
            f"database: sqlite:///accordant.db\nwork: {{engine: embedded, threads: {threads}}}\n"
        )
        connections = {"sf": {"connector": "salesforce", **boxes.sf}, "hs": {"connector": "hubspot", **boxes.hs}}
        (root / "config/connections.yaml").write_text(yaml.safe_dump({"connections": connections}))
        for kind in ("salesforce.contact", "hubspot.contact"):
            (root / f"mappings/{kind}.yaml").write_text(_mapping(kind))
        (root / "config/syncs").mkdir(exist_ok=True)
        (root / f"config/syncs/{NAME}.yaml").write_text(_sync(spokes))
        with Assembly(root, {}) as made:
            yield made


def _mapping(kind: str) -> str:
    """The repository's mapping without the owner: users are not synced here, and each record would wait for its own."""
    text = (REPOSITORY / f"mappings/{kind}.yaml").read_text()
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith("  owner:"))


def _sync(spokes: dict[str, str]) -> str:
    text = (REPOSITORY / f"config/syncs/{NAME}.yaml").read_text()
    kept = [line for line in text.splitlines() if not line.startswith(("guards:", "after:", "schedule:", "first_run:"))]
    text = "\n".join(kept) + "\n" + OPEN
    for connection, direction in spokes.items():
        text = text.replace(f"connection: {connection},", f"connection: {connection}, direction: {direction},")
    return text


def run(assembly: Assembly, *, full: bool = False) -> Report:
    return run_sync(assembly.hub, NAME, full=full)
