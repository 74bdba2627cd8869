"""records and explain: one record, all that is known of it, and why it is as it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub.cli import exits
from hub.cli.output import as_json, count, moment, paint, say, shown, table
from hub.cli.session import By, Json, opened, who, working
from hub.cli.show import show_report
from hub.core.errors import Refused

if TYPE_CHECKING:
    from hub.store.db import Tx

RecordName = Annotated[
    str,
    typer.Argument(metavar="RECORD", help="Golden id, remote id, CONNECTION/OBJECT/ID, e-mail or a part of a name."),
]


def find_records(
    ctx: typer.Context,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="An id, an e-mail, or a part of a name.")],
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many at most.")] = 50,
    json: Json = False,
) -> int:
    """Find records by any id, e-mail or name."""
    with opened(ctx) as project, project.store.read() as tx:
        told, alone = _found(tx, text, limit)
    if json:
        as_json({"records": told, "unlinked": alone})
        return exits.OK
    if told:
        table(("golden", "name", "links"), [(r["golden"], r["name"], ", ".join(r["links"])) for r in told])
    for one in alone:
        say(f"{one['record']}  {one['state']}, not linked  {one['reason']}".rstrip())
    if not told and not alone:
        say(f'Nothing is known by "{text}".')
    return exits.OK


def _found(tx: Tx, text: str, limit: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The golden records that fit, and the remote ones that belong to none."""
    from hub.engine.planning import shown_name
    from hub.store import goldens, records, states

    found = {g.id: g for g in goldens.search(tx, text, limit)}
    rows, linked = records.find(tx, text, limit), {}
    for row in rows:
        link = goldens.links_by_record(tx, row.connection, row.object, [row.remote_id]).get(row.remote_id)
        linked[_ref(row)] = link.golden if link else ""
    found |= goldens.load(tx, sorted({g for g in linked.values() if g} - found.keys()))
    links = goldens.links_of(tx, sorted(found))
    told = [
        {
            "golden": g.id,
            "name": shown_name(g.fields),
            "state": g.state,
            "links": [f"{k.connection}/{k.object}/{k.remote_id}" for k in links[g.id] if k.state == "linked"],
        }
        for g in found.values()
    ]
    alone = [
        {"record": _ref(r), "state": states.one(tx, r.connection, r.object, r.remote_id), "reason": r.reason}
        for r in rows
        if not linked[_ref(r)]
    ]
    return told, alone


def _ref(row: Any) -> str:
    return f"{row.connection}/{row.object}/{row.remote_id}"


def show_record(ctx: typer.Context, record: RecordName, json: Json = False) -> int:
    """A record with its values, links and history."""
    from hub.engine.explain import explain as engine
    from hub.store import audit

    with opened(ctx) as project:
        found = engine(project.hub, record)
        if found["found"] == "golden":
            with project.store.read() as tx:
                entries = audit.entries(tx, golden=found["golden"], limit=50, newest=True)
            found["history"] = [{**e, "at": moment(e["at"])} for e in entries]
    if json:
        as_json(found)
    elif found["found"] == "golden":
        _show_golden(found)
    else:
        _show_other(found)
    return exits.OK


def _show_golden(found: Mapping[str, Any]) -> None:
    say(f"{found['golden']}  {found['name']}  ({found['state']}, sync {found['sync']})")
    for link in found["links"]:
        say(f"  {link['record']}: {link['record_state'].replace('_', ' ') or link['state']}  {link['why']}".rstrip())
    for one in found["missing_in"]:
        say(f"  {one['connection']} {one['object']}: not there; {one['why']}")
    width = max((len(p) for p in found["fields"]), default=0)
    for path, field in found["fields"].items():
        if field["value"] is not None or field["conflict"]:
            source = f"from {field['from']['by']}" if field["from"] else ""
            flag = paint("  conflict", "red") if field["conflict"] and field["conflict"]["state"] == "open" else ""
            say(f"  {path:<{width}}  {shown(field['value'])}  {paint(source, 'dim')}{flag}")
    for entry in found.get("history", ())[:10]:
        say(f"  {entry['at']}  {entry['action']}  {entry['connection']}  {entry['why']}".rstrip())


def resync_record(ctx: typer.Context, record: RecordName, json: Json = False) -> int:
    """Read a record everywhere now, settle it and write what follows."""
    from hub.engine import repair

    with working(ctx) as (project, _):
        report = repair.resync(project.hub, _one_golden(project.hub, record))
    if json:
        as_json(report.as_json())
    else:
        show_report(report.as_json())
    return exits.of_report(report)


def unlink_record(
    ctx: typer.Context,
    record: RecordName,
    connection: Annotated[str, typer.Argument(metavar="CONNECTION", help="The system to part it from.")],
    by: By = "",
    json: Json = False,
) -> int:
    """Part a record from one system for good: the pair is never linked again by rule."""
    from hub.engine import repair

    with opened(ctx) as project:
        golden = _one_golden(project.hub, record)
        link = repair.unlink(project.hub, golden, connection, by=by or who())
    told = {"golden": golden, "connection": connection, "object": link.object, "remote_id": link.remote_id}
    text = f"{golden} and {connection}/{link.object}/{link.remote_id} are parted; neither was changed."
    as_json({**told, "state": "refused"}) if json else say(text)
    return exits.OK


def _one_golden(hub: Any, text: str) -> str:
    """The one golden record that is meant."""
    from hub.engine.explain import explain as engine

    found = engine(hub, text)
    if found["found"] == "golden":
        return str(found["golden"])
    if found["found"] == "record":
        raise Refused(
            f"{found['record']} is not linked to a golden record",
            why=found["reason"],
            unchanged="Nothing was done",
            next=f"accordant explain {found['record']}",
            code="S-NONE",
        )
    raise Refused(
        f'"{text}" may be one of {len(found["candidates"])} records',
        unchanged="Nothing was done",
        next=f"name one: {', '.join(c['record'] for c in found['candidates'][:5])}",
        code="S-NAME",
    )


# ---------------------------------------------------------------- explain


def explain(
    ctx: typer.Context,
    record: RecordName,
    field: Annotated[str | None, typer.Argument(metavar="[FIELD]", help="One field, such as phones[mobile].")] = None,
    json: Json = False,
) -> int:
    """Why is this value here, and why did that one not sync: match, scope, ownership, merge, transform, write."""
    from hub.engine.explain import explain as engine

    with opened(ctx) as project:
        found = engine(project.hub, record, field or "")
    if json:
        as_json(found)
    elif found["found"] == "golden":
        show_explanation(found)
    else:
        _show_other(found)
    return exits.OK


def _show_other(found: Mapping[str, Any]) -> None:
    if found["found"] == "many":
        say(f'"{found["text"]}" may be {count(len(found["candidates"]), "record")}:')
        for one in found["candidates"]:
            say(f"  accordant explain {one['record']}  {one['name']}".rstrip())
        return
    say(f"{found['record']} is not linked to anything ({found['state'].replace('_', ' ')}: {found['disposition']}).")
    why = [found["reason"], found["place"]]
    steps = [("why", "  ".join(x for x in why if x))]
    steps += [("waits for", target.replace("|", "/")) for target in found["waits_for"]]
    if found["review"]:
        steps.append(("match", f"{found['review']['reason']}: {', '.join(found['review']['candidates'])}"))
    if found["error"]:
        steps.append(("error", f"{found['error']['text']} [{found['error']['code']}]"))
    _steps(steps)
    say(f"Next: {found['next']}")


def _steps(steps: Sequence[tuple[str, str]]) -> None:
    for name, text in steps:
        if text:
            say(f"  {name:<10} {text}")


def show_explanation(found: Mapping[str, Any]) -> None:
    say(f"{found['golden']}  {found['name']}  (sync {found['sync']})")
    _steps([("match", f"{m['record']}: {m['how']}") for m in found["match"]])
    _steps([("scope", f"{k['record']}: {_standing(k)}") for k in found["links"]])
    _steps([("missing", f"{m['connection']} {m['object']}: {m['why']}") for m in found["missing_in"]])
    for path, field in found["fields"].items():
        if len(found["fields"]) == 1 or _is_news(field):
            _explain_field(path, field)
    rest = [
        p for p, f in found["fields"].items() if len(found["fields"]) > 1 and not _is_news(f) and f["value"] is not None
    ]
    if rest:
        say(f"In sync: {', '.join(rest)}")
    if found["next"]:
        say(f"Next: {found['next']}")


def _standing(link: Mapping[str, Any]) -> str:
    """Whether a link takes part, and what was said when it was settled last."""
    said = f"{link['reason']}  {link['place']}".strip() if link["reason"] else ""
    return "; ".join(x for x in (link["why"] or link["state"], said) if x)


def _is_news(field: Mapping[str, Any]) -> bool:
    plain = ("in sync", "this system does not map the field", "the hub does not write it", "the hub may not update")
    return bool(field["conflict"]) or any(not s["why"].startswith(plain) for s in field["spokes"])


def _explain_field(path: str, field: Mapping[str, Any]) -> None:
    say(f"{path} is {shown(field['value'])}")
    source, owner, policy = field["from"], field["owner"], field["policy"]
    steps = [("from", _from(source))]
    steps += [("owner", f"{owner['connection']}  {owner['place']}")] if owner else []
    steps += [("merge", _decision(d)) for d in field["decided"][:3]]
    steps += [("policy", f"{' → '.join(policy['chain'])}  {policy['place']}")] if policy and field["conflict"] else []
    _steps(steps)
    conflict = field["conflict"]
    if conflict:
        claims = ", ".join(f"{k.split('/', 1)[0]} {shown(v)}" for k, v in sorted(conflict["shown"].items()))
        _steps([("conflict", f"{conflict['id']} ({conflict['state']}): {claims}; hub {shown(conflict['hub_value'])}")])
    for spoke in field["spokes"]:
        held = f"{spoke['remote']} = {shown(spoke['form'])}" if spoke["known"] else spoke["remote"] or "not mapped"
        say(f"  {spoke['record']}: {held}  → {spoke['why']}  {paint(spoke['place'], 'dim')}".rstrip())


def _from(source: Mapping[str, Any] | None) -> str:
    if not source:
        return "nobody: no system holds a value"
    return " ".join(x for x in (source["by"], source["stamp"], f"({source['run']})" if source["run"] else "") if x)


def _decision(d: Mapping[str, Any]) -> str:
    rule = f"  {d['rule']}" if d.get("rule") else ""
    if "lost" in d:
        return f"{moment(d['at'])} {d['by']}'s {shown(d['lost'])} did not win: {d['reason']}{rule}"
    return f"{moment(d['at'])} {shown(d.get('before'))} → {shown(d['after'])} from {d['by']}: {d['reason']}{rule}"


RECORDS = (("find", find_records), ("show", show_record), ("resync", resync_record), ("unlink", unlink_record))
