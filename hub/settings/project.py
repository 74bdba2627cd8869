"""Read a whole project: config/*.yaml, config/syncs/*.yaml and mappings/*.yaml, checked against each other.

Every problem of every file is collected before anything is said. A project that loads can be run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from collections.abc import Mapping as Map
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

from hub.core.compile import Surroundings, compile_mapping
from hub.core.entities import STANDARD, Model, well_formed
from hub.core.errors import ConfigError, Place, Problem
from hub.core.expressions import alike
from hub.core.mapping import Mapping
from hub.core.model import Spoke, Sync
from hub.core.shapes import Anything, Findings, Integer, Key, ListOf, MapOf, Parsed, Scalar, Shape, Text, did_you_mean
from hub.core.tree import Node
from hub.core.values import KINDS
from hub.settings import yaml
from hub.settings.connections import ConnectionSettings, Connectors, read_connections
from hub.settings.forms import interval
from hub.settings.secrets import expand
from hub.settings.syncs import Known, read_sync
from hub.settings.tools import TOOLS

WORK = Shape(
    "`work`",
    (
        Key("engine", Text(("embedded", "distributed")), "where work runs", default="embedded"),
        Key("threads", Integer(1, 256), "how many spokes are worked on at once"),
    ),
)
ACCORDANT = Shape(
    "config/accordant.yaml",
    (
        Key("database", Text(), "where the hub keeps its state", default="sqlite:///accordant.db"),
        Key("work", WORK, "how work is carried out"),
        Key(
            "self_check",
            Parsed(interval, "a time between two checks"),
            "how often `serve` checks that the hub still keeps its promises",
            default="1 hour",
        ),
        Key("web", MapOf(Scalar()), "host, port and public url of the pages"),
        Key("log", MapOf(Scalar()), "level and format of the log"),
        Key("note", Anything(), "a remark for people"),
    ),
)
MODEL_FIELD = Shape(
    "a field of the model",
    (
        Key("kind", Text(KINDS), "its canonical type", required=True, example="text"),
        Key("help", Text(), "what it means"),
    ),
    short="kind",
)
MODEL_ENTITY = Shape(
    "an entity",
    (
        Key("kinds", ListOf(Text(), lone=True), "the values of `kind`, where it has kinds"),
        Key("fields", MapOf(MODEL_FIELD), "its fields: path → type", example="{tier: text}"),
        Key("help", Text(), "what it means"),
    ),
)
MODEL = Shape("config/model.yaml", (Key("entities", MapOf(MODEL_ENTITY), "entities by name", required=True),))


@dataclass(frozen=True, slots=True)
class Project:
    """A project that was read and found sound. `settings`: config/accordant.yaml as plain data."""

    root: Path
    database: str = "sqlite:///accordant.db"
    work: str = "embedded"
    connections: Map[str, ConnectionSettings] = field(default_factory=dict)
    mappings: Map[str, Mapping] = field(default_factory=dict)
    syncs: Map[str, Sync] = field(default_factory=dict)
    model: Model = STANDARD
    warnings: tuple[Problem, ...] = ()
    settings: Map[str, Any] = field(default_factory=dict)
    fingerprint: str = ""


def load_project(root: Path, env: Map[str, str], connectors: Connectors) -> Project:
    """Read and check everything. Raises ConfigError with all problems, warnings included, in the order of the files."""
    loader = _Loader(root, env, connectors)
    project = loader.load()
    problems = sorted(set(loader.problems), key=lambda p: (p.place, p.code))
    if any(p.level == "error" for p in problems):
        raise ConfigError(problems, unchanged="Nothing was read from or written to any system")
    return project(tuple(problems))


class _Loader:
    def __init__(self, root: Path, env: Map[str, str], connectors: Connectors) -> None:
        self.root, self.env, self.connectors = root, env, connectors
        self.problems: list[Problem] = []

    def load(self) -> Callable[[tuple[Problem, ...]], Project]:
        base = self.base()
        model = self.model()
        connections = self.connections()
        mappings, broken = self.mappings(model)
        known = Known(model, connections, mappings, frozenset(broken))
        syncs = self.syncs(known)
        self.problems += check_together(syncs.values(), mappings)
        database = self.database(base)
        print_ = _fingerprint(base, model, syncs.values())
        work = (base.get("work") or {}).get("engine", "embedded")

        def made(warnings: tuple[Problem, ...]) -> Project:
            return Project(
                self.root, database, work, connections, mappings, syncs, model, warnings, base, print_
            )  # fmt: skip

        return made

    # -- files

    def read(self, path: Path) -> Node | None:
        shown = path.relative_to(self.root).as_posix()
        if not path.resolve().is_relative_to(self.root.resolve()):
            self.problems.append(
                Problem(Place(shown), "Y016", "the file lies outside the project", "Copy it into the project.")
            )
            return None
        node, problems = yaml.read(path, shown)
        self.problems += problems
        return node

    def take(self, name: str, area: str) -> tuple[Node | None, Findings]:
        path = self.root / "config" / name
        return (self.read(path) if path.exists() else None), Findings(area)

    def base(self) -> dict[str, Any]:
        node, found = self.take("accordant.yaml", "P")
        if node is None or node.empty:
            if not (self.root / "config").is_dir():
                hint = "Run `accordant init`, or name the project's folder with --project."
                self.problems.append(
                    Problem(Place(str(self.root)), "P010", "this folder is no project: it has no config/", hint)
                )
            return {}
        ACCORDANT.read(node, found)
        self.problems += found.problems
        return dict(node.value) if node.form == "map" else {}

    def database(self, base: Map[str, Any]) -> str:
        """The address of the database; a relative SQLite file lies in the project."""
        place = Place("config/accordant.yaml", 1, 1)
        url, missing = expand(str(base.get("database") or "sqlite:///accordant.db"), self.env)
        if missing:
            hint = f"Set it: export {missing[0]}=…"
            self.problems.append(Problem(place, "P011", f"the environment variable {missing[0]} is not set", hint))
        elif not url.startswith(("sqlite:///", "postgresql")):
            hint = "Write sqlite:///accordant.db or postgresql+psycopg://…"
            self.problems.append(Problem(place, "P012", "the database is neither SQLite nor PostgreSQL", hint))
        path = url.removeprefix("sqlite:///")
        if path == url or path in ("", ":memory:") or Path(path).is_absolute():
            return url
        return f"sqlite:///{(self.root / path).resolve()}"

    def model(self) -> Model:
        node, found = self.take("model.yaml", "P")
        if node is None or node.empty:
            return STANDARD
        model = STANDARD
        for name, entity in (MODEL.read(node, found)["entities"] or {}).items():
            fields = {}
            for path, spec in (entity["fields"] or {}).items():
                if not well_formed(path.replace("[]", "[x]")):
                    found.error(
                        entity.at("fields").keys[path],
                        13,
                        f"`{path}` is not a field path",
                        "Write name, name.part or name[].",
                    )
                fields[path] = spec["kind"]
            model = model.extend(name, kinds=tuple(entity["kinds"] or ()), fields=fields)
        self.problems += found.problems
        return model

    def connections(self) -> dict[str, ConnectionSettings]:
        node, found = self.take("connections.yaml", "C")
        if node is None or node.empty:
            return {}
        made = read_connections(node, self.connectors, found)
        self.problems += found.problems
        return made

    def mappings(self, model: Model) -> tuple[dict[str, Mapping], set[str]]:
        made: dict[str, Mapping] = {}
        broken: set[str] = set()
        for path in sorted((self.root / "mappings").glob("*.y*ml")):
            name = path.stem
            if name.endswith(".test") or path.suffix not in (".yaml", ".yml"):
                continue
            node, found = self.read(path), Findings("M")
            mapping = compile_mapping(node, name, found, Surroundings(model, TOOLS)) if node else None
            if mapping is not None:
                self.check_connector(mapping, node, found)
            self.problems += found.problems
            if mapping is None:
                broken.add(name)
            else:
                made[name] = mapping
        return made, broken

    def check_connector(self, mapping: Mapping, node: Node | None, found: Findings) -> None:
        if node is not None and self.connectors(mapping.connector) is None:
            hint = "See `accordant connector list` for the ones that are installed."
            found.error(node.entries["connector"].place, 9, f"there is no connector `{mapping.connector}`", hint)

    def syncs(self, known: Known) -> dict[str, Sync]:
        made: dict[str, Sync] = {}
        names: dict[str, Place] = {}
        afters: list[tuple[str, Node]] = []
        for path in sorted((self.root / "config" / "syncs").glob("*.yaml")):
            node, found = self.read(path), Findings("S")
            if node is None:
                continue
            sync = read_sync(node, known, found)
            name = node.entries["sync"].text if "sync" in node.entries else path.stem
            if name in names:
                found.error(
                    node.entries["sync"].place, 10, f"there are two syncs `{name}`", f"The other is at {names[name]}."
                )
            names[name] = node.place
            after = node.entries.get("after", Node())
            afters += [(name, n) for n in (after.items or ((after,) if after.text else ()))]
            if sync is not None:
                made[sync.name] = sync
            self.problems += found.problems
        self.problems += check_order(names, afters)
        return made


def check_order(names: Map[str, Place], afters: list[tuple[str, Node]]) -> list[Problem]:
    """`after` names syncs that exist, and goes round in no circle."""
    found = Findings("S")
    graph: dict[str, set[str]] = {}
    for name, node in afters:
        if node.text not in names:
            found.error(node.place, 24, f"there is no sync `{node.text}`", did_you_mean(node.text, names))
        graph.setdefault(name, set()).add(node.text)
    for name, node in afters:
        chain = _way(graph, node.text, name)
        if chain:
            found.error(
                node.place, 25, f"`after` goes round in a circle: {' → '.join([name, *chain])}", "Remove one of them."
            )
    return found.problems


def _way(graph: Map[str, set[str]], start: str, goal: str) -> list[str]:
    ways, seen = [[start]], {start}
    while ways:
        way = ways.pop()
        if way[-1] == goal:
            return way
        for following in sorted(graph.get(way[-1], ())):
            if following not in seen or following == goal:
                seen.add(following)
                ways.append([*way, following])
    return []


def check_together(syncs: Iterable[Sync], mappings: Map[str, Mapping]) -> list[Problem]:
    """What only shows when all syncs are seen at once."""
    found = Findings("S")
    spokes = [(sync, spoke) for sync in syncs for spoke in sync.spokes]
    for (one, a), (two, b) in combinations(spokes, 2):
        if (a.connection, a.object) == (b.connection, b.object) and not disjoint(a.mapping, b.mapping):
            same = "this sync" if one is two else f"the sync `{one.name}`"
            hint = "An object belongs to one sync. Split it with different `only:` in the two mappings, or remove one."
            found.error(b.place, 26, f"{b.object} of `{b.connection}` is used by {same} already, at {a.place}", hint)
        elif one is two:
            _check_tables(a, b, found)
            _check_tables(b, a, found)
    held = {(spoke.connection, spoke.object): sync.entity for sync, spoke in spokes}
    for _, spoke in spokes:
        _check_references(spoke, held, found)
    used = {spoke.mapping.name for _, spoke in spokes}
    if spokes:
        for name in sorted(mappings.keys() - used):
            found.warn(mappings[name].place, 41, f"no sync uses the mapping `{name}`")
    return found.problems


def _check_tables(giver: Spoke, taker: Spoke, found: Findings) -> None:
    """Values that one spoke's table gives and that another spoke's table cannot take."""
    if giver.direction == "write" or taker.direction == "read":
        return
    for path, rule in taker.mapping.rules.items():
        other = giver.mapping.rules.get(path)
        if not rule.table or rule.unknown != "hold" or not rule.writable or other is None or not other.table:
            continue
        missing = sorted({str(v) for v in other.table.values() if v is not None} - set(map(str, rule.table.values())))
        if missing and other.readable:
            shown = ", ".join(missing[:6]) + (f" … ({len(missing)} in all)" if len(missing) > 6 else "")
            text = f"`{path}` may be {shown} in `{giver.connection}`, which `values` here does not list"
            found.warn(rule.place, 43, text, "Such records are held. Add these values, or set `unknown: ignore`.")


def disjoint(a: Mapping, b: Mapping) -> bool:
    """Whether no record can be on both sides: some constant differs."""
    return any(name in b.only and not alike(held, b.only[name]) for name, held in a.only.items())


def _check_references(spoke: Spoke, held: Map[tuple[str, str], str], found: Findings) -> None:
    for rule in spoke.mapping.rules.values():
        target = getattr(rule, "object", "")
        if not target:
            continue
        entity = held.get((spoke.connection, target))
        if entity is None:
            text = (
                f"`{rule.path}` refers to {target} of `{spoke.connection}`, which no sync holds, so it stays unresolved"
            )
            found.warn(rule.place, 42, text, f"Add a sync for {getattr(rule, 'entity', '')} with that object.")
        elif entity != getattr(rule, "entity", entity):
            text = f"`{rule.path}` refers to {rule.entity}, but {target} of `{spoke.connection}` holds {entity}"
            found.error(rule.place, 27, text, f"Write `ref: {entity}`.")


def _fingerprint(base: Map[str, Any], model: Model, syncs: Iterable[Sync]) -> str:
    kinds = {name: sorted(entity.fields.items()) for name, entity in model.entities.items()}
    text = json.dumps([kinds, sorted(s.fingerprint for s in syncs)], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()
