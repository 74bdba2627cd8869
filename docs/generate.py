"""Write the pages of docs/reference that follow from the code: `python -m docs.generate`.

Everything here is read from declarations that the program itself uses, so a page cannot say anything else than the
program does. A test compares the stored pages with freshly made ones.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from hub.cli.app import app
from hub.cli.exits import MEANING
from hub.connect.clock import MemoryTokens, SystemClock
from hub.connect.connector import Capabilities, Connector, Context, Option
from hub.connect.limits import NoLimits
from hub.connect.registry import connector_class
from hub.core.declarations import MAPPING
from hub.core.entities import STANDARD
from hub.core.functions import FUNCTIONS
from hub.core.shapes import Anything, Bool, Integer, Key, ListOf, MapOf, Parsed, Scalar, Shape, Text
from hub.core.transforms import WORDS
from hub.jobs.assemble import known_connector
from hub.jobs.doctor import GUARANTEES, guarantee_of
from hub.settings.connections import COMMON, CONNECTIONS
from hub.settings.mapping_tests import TEST
from hub.settings.project import ACCORDANT, MODEL, load_project
from hub.settings.sync_shapes import SYNC

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = ROOT / "docs" / "reference"
HEAD = "<!-- Made by `make docs` from the code. Change the declaration, not this page. -->\n"
SHIPPED = ("salesforce", "hubspot", "memory")
COLUMNS = {
    "conditional_write": "conditional write",
    "unique_key": "create key",
    "deletes": "deletes",
    "field_history": "field history",
    "delta": "delta",
    "receipts": "a write answers with",
    "find_by": "found by",
    "read_batch": "read batch",
    "write_batch": "write batch",
    "writes": "the hub may",
}


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def code(text: str) -> str:
    return f"`{text}`" if text else ""


# ---------------------------------------------------------------- the command line


def cli() -> str:
    root = typer.main.get_command(app)
    parts = [
        f"{HEAD}# Command line\n\n{root.help}\n\n",
        "`--json` prints the whole result with stable keys. Standard output is the result, standard error is progress.\n\n",
        "## Options before the command\n\n" + _options(root),
        "## Exit codes\n\n" + table(("code", "meaning"), [(str(c), text) for c, text in MEANING.items()]) + "\n",
    ]
    parts += [_command(path, one) for path, one in commands(root)]
    return "".join(parts)


def commands(root: Any, path: tuple[str, ...] = ("accordant",)) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command below this one, groups included, in the order in which help lists them."""
    for name, one in getattr(root, "commands", {}).items():
        yield (*path, name), one
        yield from commands(one, (*path, name))


def _command(path: tuple[str, ...], one: Any) -> str:
    title = " ".join(path)
    if hasattr(one, "commands"):
        names = ", ".join(code(name) for name in one.commands)
        return f"## {title}\n\n{one.help} Commands: {names}.\n\n"
    arguments = "".join(f" {_argument(p)}" for p in one.params if p.param_type_name == "argument")
    level = "##" if len(path) == 2 else "###"
    return f"{level} {title}\n\n```\n{title}{arguments}\n```\n\n{one.help}\n\n" + _options(one)


def _argument(parameter: Any) -> str:
    return str(parameter.metavar or parameter.name.upper())


def _options(one: Any) -> str:
    rows = []
    for parameter in one.params:
        if parameter.param_type_name == "argument":
            rows.append((code(_argument(parameter)), parameter.help or "", ""))
        elif "--help" not in parameter.opts:
            rows.append((", ".join(code(o) for o in parameter.opts), parameter.help or "", _default(parameter)))
    return table(("", "meaning", "default"), rows) + "\n" if rows else ""


def _default(parameter: Any) -> str:
    found = parameter.default
    return code(str(found)) if isinstance(found, str | int | float) and found not in ("", False) else ""


# ---------------------------------------------------------------- files


def mapping() -> str:
    words = [
        (code(w.name), w.help, ", ".join(w.kinds), "both" if w.two_way else "read only", w.loses)
        for w in WORDS.values()
    ]
    functions = [(code(name), f.help) for name, f in FUNCTIONS.items()]
    return (
        f"{HEAD}# Mapping files\n\n`mappings/NAME.yaml` relates one object of one connector to one entity, in both directions.\n"
        "How to write one: [write a mapping](../how-to/write-a-mapping.md).\n\n"
        f"{shapes(MAPPING)}"
        f"## Words for `as:`\n\n{table(('word', 'meaning', 'types', 'directions', 'loses when written'), words)}\n"
        "## Functions in expressions\n\nNames, literals, `+ - * /` on exact decimals, comparisons, `and`, `or`, `not`, `in` "
        "and `x if c else y`; null in gives null out. `record.X` is the object's field X.\n\n"
        f"{table(('function', 'gives'), functions)}\n"
        f"## Tests beside mappings\n\n`mappings/NAME.test.yaml` is a list of these; `accordant test` runs them.\n\n{keys(TEST)}"
    )


def sync() -> str:
    return (
        f"{HEAD}# Sync files\n\n`config/syncs/NAME.yaml` names an entity, the systems that hold it, and the rules between "
        "them.\n\n"
        f"{shapes(SYNC)}"
    )


def connections() -> str:
    parts = [
        f"{HEAD}# Connections\n\n`config/connections.yaml` names the accounts. Values may be references: `${{NAME}}` or "
        "`${NAME:-default}` anywhere in a text, `file:PATH` or `secret:NAME` as a whole.\n\n",
        keys(CONNECTIONS),
        "## Keys of every connection\n\n",
        keys(Shape("a connection", COMMON)),
    ]
    for name in SHIPPED:
        made = connector_class(name)
        parts.append(f"## {made.label or name} (`connector: {name}`)\n\n")
        parts += [f"`auth: {{kind: {kind}}}`\n\n{_settings(ways)}" for kind, ways in made.auth_kinds.items()]
        parts.append("Options\n\n" + _settings(made.options))
    return "".join(parts)


def project() -> str:
    entities = []
    for name, entity in sorted(STANDARD.entities.items()):
        kinds = f" Kinds: {', '.join(entity.kinds)}." if entity.kinds else ""
        rows = [(code(path), kind) for path, kind in entity.fields.items()]
        entities.append(f"### {name}\n\n{kinds.strip()}\n\n{table(('field', 'type'), rows)}\n".replace("\n\n\n", "\n"))
    return (
        f"{HEAD}# Project and model files\n\n{shapes(ACCORDANT)}{shapes(MODEL)}"
        "## The canonical model\n\n`config/model.yaml` adds to it; `custom.*` works without being declared.\n\n"
        f"{''.join(entities)}"
    )


def shapes(top: Shape) -> str:
    """The tables of a block and of the blocks inside it, each once."""
    found: dict[str, Shape] = {}

    def walk(one: Shape) -> None:
        if one.title not in found:
            found[one.title] = one
            for key in one.keys:
                for inner in _inner(key.type):
                    walk(inner)

    walk(top)
    return "".join(f"## {_title(one)}\n\n{_short(one)}{keys(one)}" for one in found.values())


def _title(one: Shape) -> str:
    return one.title if "/" in one.title else one.title[:1].upper() + one.title[1:]


def _short(one: Shape) -> str:
    return f"A single value stands for `{{{one.short}: value}}`.\n\n" if one.short else ""


def _inner(type_: Any) -> list[Shape]:
    if isinstance(type_, Shape):
        return [type_]
    return _inner(type_.item) if isinstance(type_, ListOf | MapOf) else []


def keys(one: Shape) -> str:
    return table(("key", "holds", "meaning", "default", "example"), [_key(k) for k in one.keys]) + "\n"


def _key(key: Key) -> tuple[str, ...]:
    default = "**required**" if key.required else _value(key.default)
    return code(key.name), holds(key.type), key.help, default, code(key.example)


def _value(value: Any) -> str:
    return code(str(value).lower() if isinstance(value, bool) else str(value)) if value is not None else ""


HOLDS: Mapping[type, Callable[[Any], str]] = {
    Text: lambda t: " · ".join(code(c) for c in t.choices) if 0 < len(t.choices) < 12 else t.form or "text",
    Bool: lambda t: "`true` or `false`",
    Integer: lambda t: "a whole number",
    Parsed: lambda t: str(t.form),
    Scalar: lambda t: "a value",
    Anything: lambda t: "anything",
    ListOf: lambda t: f"a list of: {holds(t.item)}",
    MapOf: lambda t: f"name → {holds(t.item)}",
    Shape: lambda t: str(t.title),
}


def holds(type_: Any) -> str:
    """What a key may hold, in words."""
    said = HOLDS.get(type(type_))
    return said(type_) if said else "text"


def _settings(options: Sequence[Option]) -> str:
    if not options:
        return "Needs nothing else.\n\n"
    rows = [
        (code(o.name), o.help + (" *secret*" if o.secret else ""), "**required**" if o.required else _value(o.default))
        for o in options
    ]
    return table(("key", "meaning", "default"), rows) + "\n"


# ---------------------------------------------------------------- connectors


def connectors() -> str:
    parts = [
        f"{HEAD}# Connectors\n\nWhat each connector declares of the objects that the mappings in this repository use, and what "
        "follows from it. In words: [what is guaranteed](../explanation/what-is-guaranteed.md).\n\n"
    ]
    found = list(declared())
    for name in SHIPPED[:2]:
        mine = [(object, able) for connector, object, able in found if connector == name]
        rows = [(label, *(_capability(getattr(able, key)) for _, able in mine)) for key, label in COLUMNS.items()]
        parts.append(f"## {connector_class(name).label or name}\n\n" + table(("", *(o for o, _ in mine)), rows) + "\n")
    parts.append(
        "## Guarantees of the example project\n\n`accordant doctor` prints these for yours.\n\n" + guarantees()
    )
    words = [(word, meaning) for word, meaning in GUARANTEES.items()]
    parts.append("## The words\n\n" + table(("lost updates are", "that means"), words))
    return "".join(parts)


def _capability(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, frozenset | tuple):
        return ", ".join(sorted(value)) or "none"
    return str(value)


def declared() -> Iterator[tuple[str, str, Capabilities]]:
    """(connector, object, capabilities) of each object that a mapping of this repository uses."""
    seen = set()
    for one in sorted(_project().mappings.values(), key=lambda m: (m.connector, m.object)):
        if (one.connector, one.object) not in seen:
            seen.add((one.connector, one.object))
            yield one.connector, one.object, unconnected(one.connector).capabilities(one.object)


def guarantees() -> str:
    loaded = _project()
    rows = []
    for name in sorted(loaded.syncs):
        for spoke in loaded.syncs[name].spokes:
            kind = loaded.connections[spoke.connection].connector
            said = guarantee_of(loaded.syncs[name], spoke, unconnected(kind).capabilities(spoke.object))
            rows.append((name, f"{kind} {spoke.object}", said["guarantee"], said["creates"], said["deletes"]))
    return table(("sync", "object", "lost updates", "creates", "deletes"), rows) + "\n"


def _project() -> Any:
    return load_project(ROOT, {}, known_connector)


def unconnected(name: str) -> Connector:
    """A connector that has signed in nowhere: capabilities need no call."""
    made = connector_class(name)
    kind, options = next(iter(made.auth_kinds.items()))
    auth = {"kind": kind, **{option.name: "none" for option in options}}
    return made(name, {"auth": auth}, Context(SystemClock(), MemoryTokens(), NoLimits()))


# ---------------------------------------------------------------- all of them

PAGES: Mapping[str, Callable[[], str]] = {
    "cli.md": cli,
    "mapping.md": mapping,
    "sync.md": sync,
    "connections.md": connections,
    "project.md": project,
    "connectors.md": connectors,
}


def main() -> None:
    REFERENCE.mkdir(parents=True, exist_ok=True)
    for name, make in PAGES.items():
        (REFERENCE / name).write_text(make().rstrip("\n") + "\n", encoding="utf-8")
        sys.stdout.write(f"docs/reference/{name}\n")


if __name__ == "__main__":
    main()
