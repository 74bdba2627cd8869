"""The demo's project: the example files of this distribution, in a folder of its own, leading to the two sandboxes."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from hub.connect.registry import connector_class
from hub.core.errors import Refused
from hub.jobs.assemble import Assembly

SYSTEMS = {"sf": "salesforce", "hs": "hubspot"}
HEAD = (
    "# The demo's connections: two sandboxes on this machine. Their secrets are in the project's database, encrypted.\n"
)
MARK = ".accordant/demo"
OWN = frozenset(
    {"config", "mappings", ".accordant", ".gitignore", "accordant.db", "accordant.db-wal", "accordant.db-shm"}
)


def sandbox(connection: str) -> Any:
    """A system to play with, by the connector's own word for where it is."""
    module, name = connector_class(SYSTEMS[connection]).sandbox.split(":")
    return getattr(import_module(module), name)()


def clear(root: Path) -> None:
    """Make room for a demo. Raises Refused where the folder holds anything but an earlier demo."""
    if not root.exists() or not any(root.iterdir()):
        return
    if not (root / MARK).exists() or any(p.name not in OWN and not p.name.endswith(".plan") for p in root.iterdir()):
        raise Refused(
            "the folder is not empty, and holds no demo",
            where=str(root),
            unchanged="Nothing was written",
            next="name an empty folder: accordant demo --dir DIR",
            code="S-DEMO",
        )
    for path in root.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def make(root: Path, env: Mapping[str, str], boxes: Mapping[str, Any]) -> None:
    """Write the files, the key and the database, and store the sandboxes' secrets."""
    from hub.jobs.folder import make_project, private_file

    clear(root)
    _copy_examples(root)
    blocks: dict[str, Any] = {}
    secrets: dict[str, str] = {}
    for name, box in boxes.items():
        blocks[name], kept = _block(name, box.config())
        secrets |= kept
    (root / "config" / "connections.yaml").write_text(HEAD + _yaml({"connections": blocks}), encoding="utf-8")
    make_project(root)
    private_file(root, "demo").write_text("This folder was made by `accordant demo`, which may empty it.\n")
    with Assembly(root, env) as project:
        _store(project, secrets)


def _copy_examples(root: Path) -> None:
    """The mappings and syncs of these two systems. Other settings stay behind: in a checkout they may be somebody's own."""
    from hub.jobs.folder import examples

    found = examples()
    (root / "config" / "syncs").mkdir(parents=True, exist_ok=True)
    (root / "mappings").mkdir(exist_ok=True)
    for path in sorted((found / "config" / "syncs").glob("*.yaml")):
        if _connections(path) <= SYSTEMS.keys():
            shutil.copy(path, root / "config" / "syncs")
    for connector in SYSTEMS.values():
        for path in sorted((found / "mappings").glob(f"{connector}.*.yaml")):
            _national_numbers(Path(shutil.copy(path, root / "mappings")))
    shutil.copy(found / "config" / "model.yaml", root / "config")


def _connections(path: Path) -> set[str]:
    import yaml

    return {spoke["connection"] for spoke in yaml.safe_load(path.read_text(encoding="utf-8"))["spokes"]}


def _national_numbers(path: Path) -> None:
    """What every company with national numbers does first: say which country they are of."""
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("as: phone,", "as: phone, region: DE,"), encoding="utf-8")


def _block(name: str, config: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """A connection's block without its secrets, and those by the names that it gives them."""
    made = connector_class(SYSTEMS[name])
    auth, kept = dict(config["auth"]), {}
    for option in made.auth_kinds[auth["kind"]]:
        if option.secret and option.name in auth:
            secret = f"{name}-{option.name.replace('_', '-')}"
            kept[secret] = auth[option.name]
            auth[option.name] = f"secret:{secret}"
    return {"connector": made.name, **config, "auth": auth}, kept


def _store(project: Assembly, secrets: Mapping[str, str]) -> None:
    from hub.store import secrets as table

    with project.store.begin() as tx:
        for name, value in secrets.items():
            table.put(tx, name, value)


def _yaml(value: Any) -> str:
    import yaml

    return str(yaml.safe_dump(value, sort_keys=False, allow_unicode=True))


def remove(root: Path) -> None:
    with suppress(OSError):
        shutil.rmtree(root)
