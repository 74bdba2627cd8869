"""validate, test, try and schema export: the files that people write, checked before anything runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub.cli import exits
from hub.cli.output import as_json, count, paint, problem_json, problem_line, say, shown, sums
from hub.cli.session import Json, opened
from hub.core.errors import ConfigError, HubError, Problem, Refused

if TYPE_CHECKING:
    from hub.core.mapping import Mapping as CompiledMapping
    from hub.jobs.assemble import Assembly


def validate(
    ctx: typer.Context,
    path: Annotated[
        Path | None, typer.Argument(metavar="[PATH]", help="Show only what concerns this file or folder.")
    ] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Also compare with what the systems say about themselves.")
    ] = False,
    json: Json = False,
) -> int:
    """Check every file: syntax, names, round trips; with --live also the fields that the systems really have."""
    with opened(ctx) as project:
        found = sorted(set(_problems(project, live)), key=lambda p: (p.place, p.code))
        if path is not None:
            found = [p for p in found if _concerns(project.root, path, p)]
    errors = any(p.level == "error" for p in found)
    if json:
        as_json({"ok": not errors, "problems": [problem_json(p) for p in found]})
        return exits.INVALID if errors else exits.OK
    for one in found:
        say(problem_line(one))
    say(sums(found) + "." if found else f"{paint('✓', 'green')} every file is valid.")
    return exits.INVALID if errors else exits.OK


def _problems(project: Assembly, live: bool) -> list[Problem]:
    from hub.core.lint import validate_round_trip
    from hub.settings.lint import lint_syncs

    try:
        loaded = project.project
    except ConfigError as error:
        return list(error.problems)
    found = list(loaded.warnings)
    for mapping in loaded.mappings.values():
        found += validate_round_trip(mapping)
    if live:
        found += lint_syncs(
            loaded.syncs.values(), lambda connection, object: project.connectors[connection].describe(object)
        )
    return found


def _concerns(root: Path, path: Path, problem: Problem) -> bool:
    wanted, place = path.resolve(), (root / problem.place.path).resolve()
    return place == wanted or place.is_relative_to(wanted)


# ---------------------------------------------------------------- test


def test(
    ctx: typer.Context,
    path: Annotated[list[str] | None, typer.Argument(metavar="[MAPPING]...", help="Mappings by name or file.")] = None,
    json: Json = False,
) -> int:
    """Run the tests that lie beside the mappings."""
    from hub.settings.mapping_tests import run_tests

    with opened(ctx) as project:
        names = [_mapping_name(p) for p in path or ()]
        for name in names:
            _mapping(project, name)
        results = run_tests(project.root, project.project.mappings, names)
    failed = [r for r in results if not r.passed]
    if json:
        as_json(
            {"ok": not failed, "tests": len(results), "failed": len(failed), "results": [_result(r) for r in results]}
        )
        return exits.INVALID if failed else exits.OK
    for result in results:
        _show_result(result)
    say(f"{count(len(results), 'test')}, {len(failed)} failed")
    return exits.INVALID if failed else exits.OK


def _mapping_name(text: str) -> str:
    """`mappings/x.y.test.yaml`, `mappings/x.y.yaml` and `x.y` all mean `x.y`."""
    return Path(text).name.removesuffix(".yaml").removesuffix(".test")


def _mapping(project: Assembly, name: str) -> CompiledMapping:
    from hub.core.shapes import did_you_mean

    mappings = project.project.mappings
    if name not in mappings:
        raise Refused(
            f'there is no mapping "{name}"',
            unchanged="Nothing was done",
            next=did_you_mean(name, mappings) or "add it in mappings/",
            code="S-NAME",
        )
    return mappings[name]


def _result(result: Any) -> dict[str, Any]:
    return {
        "mapping": result.mapping,
        "name": result.name,
        "place": str(result.place),
        "passed": result.passed,
        "differences": [
            {
                "field": d.field,
                "expected": d.expected,
                "got": d.got,
                "place": str(d.place),
                "step": d.step,
                "step_place": str(d.step_place),
            }
            for d in result.differences
        ],
        "problems": [problem_json(p) for p in result.problems],
    }


def _show_result(result: Any) -> None:
    mark = paint("✓", "green") if result.passed else paint("✗", "red")
    say(f"{mark} {result.mapping}: {result.name}")
    for problem in result.problems:
        say(f"    {problem_line(problem)}")
    for d in result.differences:
        say(f"    {d.place}  {d.field}: expected {d.expected}, got {d.got}")
        if d.step:
            say(f"      {d.step_place}  {d.step} ← the step that changed it")


# ---------------------------------------------------------------- try


def try_mapping(
    ctx: typer.Context,
    mapping: Annotated[str, typer.Argument(metavar="MAPPING", help="A mapping by name or file.")],
    record: Annotated[str, typer.Option("--record", help="A file with one record as JSON, or the id of a record.")],
    connection: Annotated[
        str, typer.Option("--connection", help="Where to read the id (default: the only one that fits).")
    ] = "",
    json: Json = False,
) -> int:
    """Show what a mapping makes of one record, step by step. Nothing is written."""
    with opened(ctx) as project:
        chosen = _mapping(project, _mapping_name(mapping))
        file = Path(record)
        fields = _from_file(file) if file.is_file() else _from_system(project, chosen, record, connection)
    traced = [_traced(t) for t in chosen.explain(fields, "try", _NoRefs())]
    canonical = {t["field"]: t["value"] for t in traced if not t["problem"] and t["read"]}
    back = _back(chosen, canonical)
    if json:
        as_json({"mapping": chosen.name, "fields": traced, "canonical": {**canonical, **chosen.set}, "back": back})
        return exits.OK
    for t in traced:
        _show_traced(t)
    say("Written back:")
    for name, value in back.items():
        say(f"  {name} = {shown(value)}")
    return exits.OK


class _NoRefs:
    """References show as OBJECT/ID here: nothing is looked up."""

    def golden(self, connection: str, object: str, remote_id: str) -> str | None:
        return f"{object}/{remote_id}"

    def remote(self, connection: str, object: str, golden_id: str) -> str | None:
        kind, _, id = golden_id.partition("/")
        return id if kind == object else None


def _from_file(path: Path) -> Mapping[str, Any]:
    import json

    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise HubError(
            f"the record cannot be read: {error}",
            where=str(path),
            unchanged="Nothing was done",
            next="write one record as a JSON object, remote name → value",
            code="E-FILE",
        ) from error
    fields = found.get("fields", found) if isinstance(found, dict) else None
    if not isinstance(fields, dict):
        raise HubError("a record is a JSON object", where=str(path), next='{"Email": "ana@example.org"}', code="E-FILE")
    return fields


def _from_system(project: Assembly, mapping: CompiledMapping, id: str, connection: str) -> Mapping[str, Any]:
    from hub.connect.connector import Want

    fitting = sorted(n for n, c in project.project.connections.items() if c.connector == mapping.connector)
    if not connection and len(fitting) != 1:
        raise HubError(
            f"several connections speak {mapping.connector}"
            if fitting
            else f"no connection speaks {mapping.connector}",
            unchanged="Nothing was read",
            next=f"--connection {'|'.join(fitting) or 'NAME'}, or give a file",
            code="E-USAGE",
        )
    connector = project.connectors[connection or fitting[0]]
    rows = connector.get(mapping.object, [id], Want(mapping.reads()))
    found = next((r for r in rows if r.kind == "updated"), None)
    if found is None:
        raise HubError(
            f"{connector.connection} has no {mapping.object} {id}",
            unchanged="Nothing was done",
            next="check the id, or give a file with a record as JSON",
            code="E-GONE",
        )
    return found.fields


def _traced(t: Any) -> dict[str, Any]:
    from hub.core.model import Missing

    def plain(value: Any) -> Any:
        return f"({value.value})" if isinstance(value, Missing) else value

    return {
        "field": t.path,
        "remote": list(t.remote),
        "place": str(t.place),
        "read": not isinstance(t.value, Missing),
        "raw": plain(t.raw),
        "steps": [{"step": label, "place": str(place), "value": plain(value)} for label, place, value in t.steps],
        "value": plain(t.value),
        "problem": t.problem.explain() if t.problem else "",
    }


def _back(mapping: CompiledMapping, canonical: Mapping[str, Any]) -> dict[str, Any]:
    from hub.core.errors import Reject

    try:
        return mapping.write(dict(canonical), "try", _NoRefs())
    except Reject as error:
        return {"(refused)": error.explain()}


def _show_traced(t: Mapping[str, Any]) -> None:
    say(f"{t['field']}  ({', '.join(t['remote'])} = {shown(t['raw'])})  {paint(t['place'], 'dim')}")
    for step in t["steps"]:
        say(f"    {step['step']} → {shown(step['value'])}")
    say(f"    {paint('refused', 'red')}: {t['problem']}" if t["problem"] else f"    = {shown(t['value'])}")


# ---------------------------------------------------------------- schema


def export_schema(
    ctx: typer.Context,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="A folder to write the files to.")] = None,
    json: Json = False,
) -> int:
    """JSON Schema of every kind of file: editors complete and check by it."""
    import json as text

    from hub.connect.registry import connector_class, connector_names
    from hub.settings.schema import schemas

    found = schemas([connector_class(name) for name in connector_names()], _model(ctx))
    if out is None:
        as_json(found)
        return exits.OK
    out.mkdir(parents=True, exist_ok=True)
    files = []
    for kind, schema in found.items():
        path = out / f"{kind}.schema.json"
        path.write_text(text.dumps(schema, indent=2) + "\n")
        files.append(str(path))
    _written(files, json)
    return exits.OK


def _model(ctx: typer.Context) -> Any:
    """The project's own model where there is one; the schema is also for those who start."""
    from hub.core.entities import STANDARD

    try:
        with opened(ctx) as project:
            return project.project.model
    except HubError:
        return STANDARD


def _written(files: Sequence[str], json: bool) -> None:
    if json:
        as_json({"files": list(files)})
        return
    for name in files:
        say(name)
    say("First line of a mapping, for editors: # yaml-language-server: $schema=PATH/mapping.schema.json")
