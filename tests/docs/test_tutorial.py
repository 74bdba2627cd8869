"""The tutorial is walked as it stands: its shell blocks are run, and the output that it shows is what comes."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.kit import ROOT, Block, blocks

TUTORIAL = ROOT / "docs" / "tutorials" / "ten-minutes.md"
BIN = Path(sys.executable).parent
STARTED, PATIENCE = "In another terminal", 120


def steps() -> list[Block]:
    """The shell blocks that a reader runs in the second terminal, after the demo stands."""
    found = [b for b in blocks(TUTORIAL) if b.info == "sh"]
    start = next(n for n, b in enumerate(found) if "--keep" in b.text)
    return found[start + 1 :]


def demo_line() -> str:
    return next(
        line for b in blocks(TUTORIAL) for line in b.text.splitlines() if line.startswith("accordant demo") and b.info
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Iterator[Path]:
    """The first terminal: the two CRMs run until the test is done."""
    here = tmp_path_factory.mktemp("tutorial")
    arguments = demo_line().split()[1:]
    command = [str(BIN / "accordant"), *arguments]
    running = subprocess.Popen(
        command, cwd=here, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment()
    )
    try:
        wait_for(running, STARTED)
        yield here
    finally:
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=PATIENCE)


def environment() -> dict[str, str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("ACCORDANT_")}
    return {**clean, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "PYTHONUNBUFFERED": "1"}


def wait_for(running: subprocess.Popen[str], words: str) -> None:
    """Read until these words come; a demo that says nothing more is ended after a while."""
    assert running.stdout is not None
    said = []
    end = threading.Timer(PATIENCE, running.kill)
    end.start()
    try:
        for line in running.stdout:
            said.append(line)
            if words in line:
                return
    finally:
        end.cancel()
    raise AssertionError("".join(said))


def walk(folder: Path) -> str:
    """Run every step in one shell, as a reader does; the conflict's id is the one that the list shows."""
    lines = []
    for block in steps():
        text = block.text.replace(". .venv/bin/activate\n", "")
        lines.append(re.sub(r"conflicts resolve x-\w+", 'conflicts resolve "$CONFLICT"', text))
    script = "\n".join(lines).replace(
        "accordant conflicts list\n",
        "accordant conflicts list | tee list.txt\nCONFLICT=$(grep -o '^x-[0-9a-z]*' list.txt)\n",
    )
    done = subprocess.run(
        ["bash", "-uc", script], cwd=folder, env=environment(), capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.skipif(shutil.which("curl") is None, reason="the tutorial asks for curl, which is not installed")
def test_the_tutorial_leads_where_it_says(folder):
    said = walk(folder)
    shown = [line for b in blocks(TUTORIAL) if b.info == "text" for line in b.text.splitlines()]
    for line in shown:
        if telling(line):
            assert telling(line) in plain(said), f"the tutorial shows: {line}\n\n{said}"


def telling(line: str) -> str:
    """The part of a line of output that is the same at each run; "" for lines that are shortened or of the big demo."""
    varies = ("…", "✓", " last run ", "person:you", "read ")  # how much an overlap reads again depends on the clock
    if any(part in line for part in varies) or re.match(r" ?\d+ +[A-Z]", line):
        return ""
    return plain(line).strip()


def plain(text: str) -> str:
    """Without ids, moments and counts of calls (a stamp of this very second costs one more look), with single spaces."""
    text = re.sub(r"\d+ API calls?", "N API calls", text)
    text = re.sub(r"\b[rxm]-[0-9a-z]{15}\b|\bg[0-9a-f]{24}\b|\d{4}-\d\d-\d\dT[\d:.]+Z *", "ID", text)
    return re.sub(r" +", " ", text)
