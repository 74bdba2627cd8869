"""Plans and reports in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hub.cli.output import count, paint, say, shown

SIGNS = {"create": ("+", "green"), "update": ("~", "yellow"), "associate": ("~", "yellow")}
REMOVING = ("-", "red")
OUTCOME_ORDER = ("unchanged", "applied", "conflicted", "waiting", "held", "skipped", "dead")
NEEDS_A_PERSON = ("conflicted", "held", "dead")


def _sign(action: str) -> str:
    sign, colour = SIGNS.get(action, REMOVING)
    return paint(sign, colour)


# ---------------------------------------------------------------- plans


def show_plan(plan: Mapping[str, Any], *, sample: int) -> None:
    """What would be written, the sums, what waits for a person, and the cost."""
    report = plan["report"]
    read = ", ".join(f"{c} {s['read']:,}" for c, s in report["spokes"].items())
    say(f"Plan of {plan['sync']}: read {read or 'nothing'}; nothing was written.")
    for connection in plan.get("reread", ()):
        say(f"  {connection}: its mapping or scope changed, so everything was read again")
    _sums(plan)
    _waiting(plan)
    _operations(plan["operations"], sample)
    _cost(plan)
    for text in plan["guards"]:
        say(f"{paint('guard', 'red')}: {text}. A run would stop there; an applied plan carries its own allowance.")


def _sums(plan: Mapping[str, Any]) -> None:
    for connection, counts in sorted(plan["counts"].items()):
        parts = [f"{_sign(action)} {action} {number:,}" for action, number in counts.items() if number]
        say(f"  {connection}: {'  '.join(parts)}" if parts else f"  {connection}: = nothing to write")
    if not plan["counts"]:
        say("  = nothing to write")
    if plan["linked"]:
        say("  linked by match: " + ", ".join(f"{c} {n:,}" for c, n in sorted(plan["linked"].items())))
    if plan["first_link"]:
        lost = ", ".join(f"{f} {n:,}" for f, n in sorted(plan["first_link"].items()))
        say(f"  values that lose where records are first linked (kept in the audit log): {lost}")


def _waiting(plan: Mapping[str, Any]) -> None:
    for name, what in (("conflicts", "conflict"), ("reviews", "possible match"), ("errors", "error")):
        found = plan[name]
        if found:
            say(f"  {paint('!', 'red')} {count(len(found), what, 'possible matches' if name == 'reviews' else '')}:")
            for one in found[:5]:
                say(f"      {_waits(one)}")
            if len(found) > 5:
                say(f"      … and {len(found) - 5:,} more")


def _waits(one: Mapping[str, Any]) -> str:
    if "rule" in one:
        claims = ", ".join(f"{k.split('/', 1)[0]} {shown(v)}" for k, v in one["shown"].items())
        return f"{one['golden']} {one['path']}: {claims} · {one['rule']}"
    if "candidates" in one:
        return f"{one['connection']} {one['object']} {one['remote_id']}: {one['reason']}"
    about = one["remote_id"] or one["golden"]
    return f"{one['connection']} {one['object']} {about} {one['path']}: {one['text']}"


def _operations(operations: Sequence[Mapping[str, Any]], sample: int) -> None:
    for one in operations[:sample]:
        about = one["remote_id"] or "new"
        say(
            f"{_sign(one['action'])} {one['action']} {one['connection']} {one['object']} {about}  {one['name']}".rstrip()
        )
        width = max((len(f["field"]) for f in one["fields"]), default=0)
        for f in one["fields"]:
            change = shown(f["new"]) if one["action"] == "create" else f"{shown(f['old'])} → {shown(f['new'])}"
            say(f"    {f['field']:<{width}}  {change}  {paint(_reason(f), 'dim')}")
    if len(operations) > sample:
        say(f"… and {count(len(operations) - sample, 'more operation')}; --sample {len(operations)} shows all")


def _reason(f: Mapping[str, Any]) -> str:
    """Why a field is written: whose value it is, by which rule, and where the rule stands."""
    reason = "" if f["reason"] == f["from"] else f["reason"]
    parts = [f"from {f['from']}" if f["from"] else "", reason, f["place"]]
    return " · ".join(part for part in parts if part)


def _cost(plan: Mapping[str, Any]) -> None:
    parts = [f"{c} about {n:,}" for c, n in sorted(plan["cost"].items()) if n]
    deletes = sum(n for counts in plan["counts"].values() for action, n in counts.items() if action == "delete")
    say(f"Cost in API calls: {', '.join(parts) or 'none'}; {count(deletes, 'delete')} included.")


# ---------------------------------------------------------------- reports


def show_report(report: Mapping[str, Any]) -> None:
    """What a run did: the sums of what was read and of what was written, per connection."""
    state = report["state"]
    colour = {"ok": "green", "partial": "yellow"}.get(state, "red")
    moved = f", {count(report['moved'], 'record')} moved since the plan and were skipped" if report.get("moved") else ""
    say(f"{report['sync']}: {paint(state, colour)}  ({report['run']}{moved})")
    say(f"  read {report['read']:,} = {_parts(report['outcomes'], OUTCOME_ORDER) or 'nothing'}")
    carried = {k: n for k, n in report["carried"].items() if n}
    if carried:
        say(f"  carried over from earlier runs: {_parts(carried, tuple(carried))}")
    for connection, spoke in sorted(report["spokes"].items()):
        written = _parts(spoke["operations"], tuple(spoke["operations"])) or "nothing written"
        say(f"  {connection}: {written} · {count(spoke['api_calls'], 'API call')}")
        if spoke["error"]:
            say(f"    {paint('problem', 'red')}: {spoke['error']}")
    rest = report["error"]
    for spoke in report["spokes"].values():
        rest = rest.replace(spoke["error"], "")
    if rest.strip("; "):
        say(f"  {paint('problem', 'red')}: {rest.strip('; ')}")
    if report["operations"].get("dead") or any(report["outcomes"].get(name) for name in NEEDS_A_PERSON):
        say(f"  Next: accordant status {report['sync']} says what waits for a person")


def _parts(counts: Mapping[str, int], order: Sequence[str]) -> str:
    return " · ".join(f"{name} {counts[name]:,}" for name in order if counts.get(name))
