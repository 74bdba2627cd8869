"""The demo, started as a person starts it: it ends well only if every promise was compared and kept."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from hub.cli import demo_project
from hub.core.errors import Refused

SMALL = ("--people", "40", "--common", "20")
WORD = "import sys; from accordant import main; sys.exit(main())"


def started(*words: str, temp: Path, **env: str) -> subprocess.Popen[str]:
    """Start `accordant WORDS`, with temporary folders where the test can see them."""
    plain = {k: v for k, v in os.environ.items() if not k.startswith("ACCORDANT_")}
    return subprocess.Popen(
        [sys.executable, "-c", WORD, *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**plain, "TMPDIR": str(temp), **env},
    )


def ended(*words: str, temp: Path, **env: str) -> tuple[int, str, str]:
    process = started(*words, temp=temp, **env)
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, str, str, Path]:
    temp = tmp_path_factory.mktemp("demo")
    return (*ended("demo", *SMALL, temp=temp), temp)


Told = tuple[int, str, str, Path]


def test_the_demo_ends_well_and_says_that_all_was_kept(told: Told) -> None:
    code, out, err, _ = told
    assert code == 0, out + err
    assert re.search(r"All \d\d promises were compared with the two systems, and kept", out)
    assert "✗" not in out


@pytest.mark.parametrize(
    "line",
    [
        "in both              4       20",
        "linked by e-mail                                                    18",
        "ask: a second record of somebody inside Salesforce                   2",
        "$ accordant plan customers -o customers.plan",
        "✓ planning changed nothing in either system",
        "✓ no deletes are planned",
        "✓ what was planned was done, no more and no less",
        "✓ Salesforce holds 60 people, HubSpot 58",
        "✓ each of 56 people is in both systems exactly once",
        "✓ all 20 common people are linked to their own record",
        "✓ 58 people have the same company in both systems",
        "✓ each edit arrived, and none was overwritten",
        "✓ neither number was overwritten",
        "✓ both have the number that was chosen",
        "✓ HubSpot still has the record",
        "✓ 0 writes were sent",
        "✓ every row and every stamp is what it was",
        "✓ audit: the chain is whole",
        "Where to look next",
    ],
)
def test_the_demo_shows(told: Told, line: str) -> None:
    assert line in told[1]


def test_each_step_names_the_command_that_does_the_same(told: Told) -> None:
    steps = re.split(r"\n *\d+  ", told[1])[1:]
    assert len(steps) == 12
    assert [s.splitlines()[0] for s in steps[1:] if "$ accordant " not in s] == []


def test_a_pipe_gets_plain_lines(told: Told) -> None:
    assert "\x1b" not in told[1] + told[2]


def test_a_temporary_project_is_gone_afterwards(told: Told) -> None:
    assert list(told[3].iterdir()) == []


def test_the_same_seed_invents_the_same_people(told: Told, tmp_path: Path) -> None:
    code, out, _ = ended("demo", *SMALL, "--json", temp=tmp_path)
    found = json.loads(out)
    assert code == 0 and found["ok"] and found["people"] == 58
    assert [p["text"] for p in found["promises"]] == re.findall(r"✓ (.*)", told[1])


# ---------------------------------------------------------------- what it refuses


def test_more_common_people_than_there_are_is_refused_with_a_command_that_works(tmp_path: Path) -> None:
    code, _, err = ended("demo", "--people", "30", "--common", "30", temp=tmp_path)
    assert code == 1
    assert "Next: accordant demo --people 30 --common 25" in err


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear Ana")
    code, _, err = ended("demo", *SMALL, "--dir", str(tmp_path), temp=tmp_path)
    assert code == 6
    assert "holds no demo" in err
    assert [p.name for p in tmp_path.iterdir()] == ["letter.txt"]


@pytest.fixture
def boxes() -> Iterator[dict[str, Any]]:
    with demo_project.sandbox("sf") as sf, demo_project.sandbox("hs") as hs:
        yield {"sf": sf, "hs": hs}


def test_a_demo_folder_that_somebody_put_a_file_into_is_left_alone(tmp_path: Path, boxes: dict[str, Any]) -> None:
    demo_project.make(tmp_path, {}, boxes)
    (tmp_path / "letter.txt").write_text("Dear Ana")
    with pytest.raises(Refused, match="holds no demo"):
        demo_project.clear(tmp_path)
    assert (tmp_path / "letter.txt").exists() and (tmp_path / "config").is_dir()


def test_an_earlier_demo_makes_room_for_the_next(tmp_path: Path, boxes: dict[str, Any]) -> None:
    demo_project.make(tmp_path, {}, boxes)
    demo_project.clear(tmp_path)
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------- --keep


@contextmanager
def kept(temp: Path, *words: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A demo that goes on, and what it printed until then."""
    process = started("demo", *SMALL, "--keep", *words, temp=temp)
    assert process.stdout is not None
    lines = []
    try:
        for line in process.stdout:
            lines.append(line)
            if line.rstrip().endswith(" serve"):
                break
        yield process, "".join(lines)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=60)


def answer(root: str, *words: str, temp: Path) -> Any:
    code, out, err = ended("--project", root, *words, "--json", temp=temp)
    assert code == 0, err
    return json.loads(out)


def test_a_kept_demo_answers_carries_edits_and_ends_when_told(tmp_path: Path) -> None:
    with kept(tmp_path) as (process, out):
        (root,) = re.findall(r"export ACCORDANT_PROJECT=(\S+)", out)
        found = answer(root, "status", temp=tmp_path)
        assert {s["sync"]: s["applied"] for s in found["syncs"]} == dict.fromkeys(
            ("users", "organizations", "customers"), True
        )
        curl = re.search(r"(http://\S+/crm/v3/objects/contacts/\d+).*?Bearer ([^']+)'", out, re.DOTALL)
        assert curl is not None
        _patch(curl[1], curl[2], {"properties": {"jobtitle": "Astronaut"}})
        run = answer(root, "run", "customers", temp=tmp_path)
        assert run["spokes"]["sf"]["operations"]["updated"] == 1
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
    assert not Path(root).exists()


def _patch(url: str, token: str, body: dict[str, Any]) -> None:
    import httpx

    answered = httpx.patch(url, json=body, headers={"Authorization": f"Bearer {token}"}, trust_env=False)
    assert answered.status_code == 200


def test_a_kept_demo_ends_at_ctrl_c_and_leaves_the_folder_that_was_named(tmp_path: Path) -> None:
    root = tmp_path / "play"
    with kept(tmp_path, "--dir", str(root)) as (process, _):
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0
    assert (root / "accordant.db").exists()
    assert (root / ".accordant" / "key").stat().st_mode & 0o077 == 0


def test_a_demo_that_is_stopped_half_way_leaves_nothing_behind(tmp_path: Path) -> None:
    process = started("demo", *SMALL, temp=tmp_path)
    assert process.stdout is not None
    for line in process.stdout:
        if "Two CRMs" in line:
            break
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert list(Path(tmp_path).iterdir()) == []


# ---------------------------------------------------------------- a promise that is broken


def test_a_broken_promise_is_named_and_makes_the_demo_fail(capsys: pytest.CaptureFixture[str]) -> None:
    from hub.cli.demo_show import Stage

    stage = Stage()
    stage.promise("nobody was lost", 3, 3)
    assert stage.kept
    stage.promise("nobody was doubled", ["Ana twice"], [])
    assert not stage.kept
    assert "✗ nobody was doubled: expected [], found ['Ana twice']" in capsys.readouterr().out


def test_the_sandboxes_secrets_are_not_in_the_files(tmp_path: Path, boxes: dict[str, Any]) -> None:
    demo_project.make(tmp_path, {}, boxes)
    held = (tmp_path / "config" / "connections.yaml").read_text()
    assert "secret:hs-token" in held and boxes["hs"].config()["auth"]["token"] not in held


def test_settings_of_the_checkout_stay_behind(tmp_path: Path, boxes: dict[str, Any]) -> None:
    demo_project.make(tmp_path, {}, boxes)
    assert "sqlite:///accordant.db" in (tmp_path / "config" / "accordant.yaml").read_text()
    assert {p.name.split(".")[0] for p in (tmp_path / "mappings").iterdir()} == {"salesforce", "hubspot"}
