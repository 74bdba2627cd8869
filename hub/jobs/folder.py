"""A project's folder: where it is, its master key, and how a new one is made."""

from __future__ import annotations

import base64
import binascii
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from hub.core.errors import HubError, Stop

PRIVATE = ".accordant"
KEY = f"{PRIVATE}/key"
IGNORED = (".accordant/", "*.db", "*.db-wal", "*.db-shm", "*.plan")
BASE = """\
# Where the hub keeps its state, and where its work runs.
database: sqlite:///accordant.db          # or postgresql+psycopg://user@host/name
work: {engine: embedded}
"""
CONNECTIONS = """\
# The accounts to keep in agreement. Which connectors there are, and what each wants: accordant connector list
# Secrets stay out of this file: `secret:NAME` is set by `accordant secrets set NAME`, `${NAME}` by the environment.
connections: {}
"""


def find_root(given: Path | None, env: Mapping[str, str], here: Path) -> Path:
    """The project: as given, as ACCORDANT_PROJECT says, or the nearest folder upwards that has config/."""
    named = given or (Path(env["ACCORDANT_PROJECT"]) if env.get("ACCORDANT_PROJECT") else None)
    tried = [named] if named else [here, *here.parents]
    for folder in tried:
        if (folder / "config").is_dir() and _is_project(folder / "config"):
            return folder.resolve()
    raise HubError(
        f"there is no project in {tried[0]}",
        why="A project is a folder with config/accordant.yaml",
        unchanged="Nothing was done",
        next="accordant init DIR makes one; name it with --project DIR or ACCORDANT_PROJECT",
        code="E-PROJECT",
    )


def _is_project(config: Path) -> bool:
    return any((config / name).exists() for name in ("accordant.yaml", "connections.yaml", "syncs"))


# ---------------------------------------------------------------- the master key


def read_key(root: Path, env: Mapping[str, str]) -> bytes:
    """The master key: ACCORDANT_KEY, else .accordant/key."""
    text, where = env.get("ACCORDANT_KEY", ""), "ACCORDANT_KEY"
    if not text:
        path, where = root / KEY, KEY
        try:
            text = path.read_text().strip()
        except FileNotFoundError as error:
            raise Stop(
                "there is no master key",
                where=str(root),
                why="Secrets and personal values in the database are encrypted with it",
                unchanged="Nothing was read or written",
                next=f"accordant init {root} makes one for a new project; for an old database restore {KEY} "
                "or set ACCORDANT_KEY",
                code="E-KEY",
            ) from error
        except OSError as error:
            raise Stop(
                f"the master key cannot be read: {error.strerror}",
                where=KEY,
                unchanged="Nothing was read or written",
                next=f"make {KEY} readable for the user who runs accordant",
                code="E-KEY",
            ) from error
    return _decode(text, where)


def _decode(text: str, where: str) -> bytes:
    try:
        key = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        key = b""
    if len(key) == 32:
        return key
    raise Stop(
        "the master key is not one that accordant made",
        where=where,
        why="A key is 32 bytes in 44 letters of URL-safe base64",
        unchanged="Nothing was read or written",
        next="restore the key that `accordant init` made for this project",
        code="E-KEY",
    )


def make_key(root: Path) -> bool:
    """Make .accordant/key, readable by its owner alone. False if there is one."""
    private = root / PRIVATE
    private.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        handle = os.open(root / KEY, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    with os.fdopen(handle, "wb") as file:
        file.write(base64.urlsafe_b64encode(secrets.token_bytes(32)) + b"\n")
    return True


def key_is_private(root: Path) -> bool:
    path = root / KEY
    return not path.exists() or not path.stat().st_mode & 0o077


def private_file(root: Path, *parts: str) -> Path:
    """A path below .accordant/, whose folders exist for the owner alone."""
    path = root.joinpath(PRIVATE, *parts)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def write_private(path: Path, data: bytes) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    fresh = path.with_name(f"{path.name}.new")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
    os.chmod(fresh, 0o600)
    os.replace(fresh, path)


# ---------------------------------------------------------------- a new project


def make_project(root: Path) -> list[str]:
    """Make what is missing of a project and touch nothing that is there. Returns the paths made."""
    made = []
    for folder in ("config/syncs", "mappings"):
        if not (root / folder).is_dir():
            (root / folder).mkdir(parents=True)
            made.append(f"{folder}/")
    for name, text in (("config/accordant.yaml", BASE), ("config/connections.yaml", CONNECTIONS)):
        if not (root / name).exists():
            (root / name).write_text(text)
            made.append(name)
    made += [KEY] if make_key(root) else []
    return made + _ignore(root / ".gitignore")


def examples() -> Path:
    """The example project: beside the package in a checkout, inside it in an installed wheel."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "_examples", package.parent):
        if (folder / "mappings" / "salesforce.contact.yaml").exists():
            return folder
    raise HubError(
        "this installation lacks the example project",
        where=str(package / "_examples"),
        unchanged="Nothing was done",
        next="reinstall accordant",
        code="E-DEMO",
    )


def copy_examples(root: Path) -> list[str]:
    """Put the example files into a project: Salesforce and HubSpot, mappings with their tests, syncs. What is there stays."""
    found, made = examples(), []
    for path in sorted([*(found / "config").rglob("*.yaml"), *(found / "mappings").glob("*.yaml")]):
        name = path.relative_to(found)
        if not (root / name).exists():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(path.read_bytes())
            made.append(str(name))
    return made


def _ignore(path: Path) -> list[str]:
    """Keep key and database out of version control."""
    held = path.read_text() if path.exists() else ""
    missing = [line for line in IGNORED if line not in held.split()]
    if not missing:
        return []
    path.write_text("\n".join([*([held.rstrip("\n")] if held.strip() else []), *missing]) + "\n")
    return [path.name]
