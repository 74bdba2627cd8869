"""Where a project is, its key, and private files."""

from __future__ import annotations

import base64
import stat
from pathlib import Path

import pytest

from hub.core.errors import HubError, Stop
from hub.jobs import folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder.make_project(tmp_path / "p")
    return tmp_path / "p"


# ---------------------------------------------------------------- finding


def test_the_nearest_project_upwards_is_found(root: Path) -> None:
    assert folder.find_root(None, {}, root / "config" / "syncs") == root


def test_what_is_named_comes_before_what_is_near(root: Path, tmp_path: Path) -> None:
    folder.make_project(tmp_path / "other")
    env = {"ACCORDANT_PROJECT": str(tmp_path / "other")}
    assert folder.find_root(None, env, root) == tmp_path / "other"
    assert folder.find_root(root, env, tmp_path) == root


def test_a_named_folder_that_is_no_project_is_not_replaced_by_one_above(root: Path) -> None:
    with pytest.raises(HubError, match="there is no project") as caught:
        folder.find_root(root / "mappings", {}, root)
    assert caught.value.code == "E-PROJECT"


def test_a_config_folder_of_something_else_is_no_project(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    with pytest.raises(HubError):
        folder.find_root(None, {}, tmp_path)


# ---------------------------------------------------------------- the key


def test_a_key_is_made_once_and_is_private(root: Path) -> None:
    before = (root / folder.KEY).read_bytes()
    assert folder.make_key(root) is False
    assert (root / folder.KEY).read_bytes() == before
    assert stat.S_IMODE((root / folder.KEY).stat().st_mode) == 0o600
    assert len(folder.read_key(root, {})) == 32


def test_every_key_is_another_one(root: Path, tmp_path: Path) -> None:
    folder.make_key(tmp_path / "q")
    assert folder.read_key(root, {}) != folder.read_key(tmp_path / "q", {})


def test_the_environment_comes_before_the_file(root: Path) -> None:
    given = base64.urlsafe_b64encode(bytes(range(32))).decode()
    assert folder.read_key(root, {"ACCORDANT_KEY": given}) == bytes(range(32))
    assert folder.read_key(root, {"ACCORDANT_KEY": given.rstrip("=")}) == bytes(range(32))
    assert folder.read_key(root, {"ACCORDANT_KEY": ""}) != bytes(range(32))


@pytest.mark.parametrize("text", ["qqqq", "ä" * 44, "A" * 200, "A" * 20])
def test_what_is_no_key_is_refused_without_being_shown(root: Path, text: str) -> None:
    with pytest.raises(Stop) as caught:
        folder.read_key(root, {"ACCORDANT_KEY": text})
    assert text not in caught.value.explain()
    assert caught.value.where == "ACCORDANT_KEY"


def test_a_key_that_others_can_read_is_noticed(root: Path) -> None:
    assert folder.key_is_private(root)
    (root / folder.KEY).chmod(0o640)
    assert not folder.key_is_private(root)


# ---------------------------------------------------------------- files


def test_a_private_file_is_written_whole_and_replaces_the_old_one(root: Path) -> None:
    path = folder.private_file(root, "plans", "a.plan")
    path.write_bytes(b"old")
    path.chmod(0o644)
    folder.write_private(path, b"new")
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [p.name for p in path.parent.iterdir()] == ["a.plan"]


def test_a_private_file_keeps_the_old_content_when_writing_fails(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder.private_file(root, "plans", "a.plan")
    folder.write_private(path, b"old")

    def full(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="no space"):
        folder.write_private(path, b"new")
    assert path.read_bytes() == b"old"


def test_a_new_project_is_complete_and_a_second_time_nothing_is_made(tmp_path: Path) -> None:
    made = folder.make_project(tmp_path)
    assert set(made) == {
        "config/syncs/",
        "mappings/",
        "config/accordant.yaml",
        "config/connections.yaml",
        ".accordant/key",
        ".gitignore",
    }
    assert folder.make_project(tmp_path) == []
