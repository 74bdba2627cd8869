"""Hold mappings and syncs against what the systems say about themselves: do the fields exist, may they be written, are
all options known, is everything that a record needs mapped?
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from hub.connect.connector import FieldInfo, ObjectInfo
from hub.core.errors import Problem
from hub.core.mapping import Mapping
from hub.core.model import Spoke, Sync
from hub.core.rules import FieldRule, RefRule
from hub.core.shapes import Findings, did_you_mean, nearest

Describe = Callable[[str, str], ObjectInfo | None]

# A side that takes texts of this length puts no bound on its fields, which says nothing about how long its values are.
_UNBOUNDED = 32_000


def lint_syncs(syncs: Iterable[Sync], describe: Describe) -> list[Problem]:
    """Check every spoke of every sync. `describe(connection, object)` answers None where nothing is known."""
    found = Findings("M")
    for sync in syncs:
        known = {s.connection + s.object: i for s in sync.spokes if (i := describe(s.connection, s.object))}
        for spoke in sync.spokes:
            info = known.get(spoke.connection + spoke.object)
            if info is not None:
                lint_mapping(spoke.mapping, info, found, creates=_creates(spoke))
                _check_spoke(spoke, info, found)
        _check_widths(sync, known, found)
    return list(dict.fromkeys(found.problems))


def _creates(spoke: Spoke) -> bool:
    return spoke.direction != "read" and "create" in spoke.writes


def lint_mapping(mapping: Mapping, info: ObjectInfo, found: Findings, *, creates: bool = True) -> None:
    """Check one mapping against the object that it is for."""
    for rule in mapping.rules.values():
        for name in rule.names:
            field = _field(rule, name, info, found)
            if field is not None:
                _check_field(rule, field, info, found)
    for name in mapping.only:
        if info.field(name) is None:
            hint = did_you_mean(name, (f.name for f in info.fields))
            found.error(mapping.place, 50, f"{info.name} has no field `{name}`, on which `only` splits it", hint)
    if creates:
        _check_required(mapping, info, found)


def _field(rule: FieldRule, name: str, info: ObjectInfo, found: Findings) -> FieldInfo | None:
    field = info.field(name)
    listed = not name.startswith("@") or any(f.name.startswith("@") for f in info.fields)
    if field is None and listed:
        close = nearest(name, (f.name for f in info.fields))
        hint = f"Did you mean `{close}`?" if close else f"Run `accordant discover` to see the fields of {info.name}."
        found.error(rule.place, 50, f"{info.name} has no field `{name}`", hint)
    return field


def _check_field(rule: FieldRule, field: FieldInfo, info: ObjectInfo, found: Findings) -> None:
    if field.name in rule.written_names() and not field.writable:
        found.error(rule.place, 51, f"`{field.name}` of {info.name} cannot be written", "Add `direction: read`.")
    if rule.table and field.choices:
        _check_choices(rule, field, found)
    if isinstance(rule, RefRule) and field.refers_to and rule.object not in field.refers_to:
        known = ", ".join(field.refers_to)
        text = f"`{field.name}` of {info.name} refers to {known}, not to {rule.object}"
        found.error(rule.place, 56, text, f"Write `object: {field.refers_to[0]}`.")
    if rule.length and field.length and rule.length > field.length:
        text = f"`{field.name}` holds {field.length} letters, `length` says {rule.length}"
        found.warn(rule.place, 55, text, f"Write `length: {field.length}`.")


def _check_choices(rule: FieldRule, field: FieldInfo, found: Findings) -> None:
    table = rule.table or {}
    for raw in table:
        if raw not in field.choices:
            hint = did_you_mean(raw, field.choices)
            found.error(rule.place, 52, f"`{field.name}` has no option `{raw}`, which `values` lists", hint)
    missing = [c for c in field.choices if c not in table]
    if missing and rule.readable and rule.unknown == "hold":
        shown = ", ".join(missing[:8]) + (" …" if len(missing) > 8 else "")
        text = f"`values` lacks {len(missing)} of {len(field.choices)} options of `{field.name}`: {shown}"
        found.warn(rule.place, 53, text, "Records with these are held. Add them, or set `unknown: keep`.")


def _check_required(mapping: Mapping, info: ObjectInfo, found: Findings) -> None:
    written = set(mapping.writes())
    for field in info.fields:
        if field.required and field.writable and field.name not in written:
            hint = f"Map it, or do not create there: writes: [update]. It is {field.type}."
            found.error(
                mapping.place, 54, f"{info.name} needs `{field.name}`, which `{mapping.name}` does not write", hint
            )


def _check_spoke(spoke: Spoke, info: ObjectInfo, found: Findings) -> None:
    names = [f.name for f in info.fields]
    for name in spoke.where.record_names if spoke.where is not None else ():
        if name not in names:
            found.error(
                spoke.where_place, 30, f"{info.name} has no field `{name}`", did_you_mean(name, names), area="S"
            )
    if not spoke.key_field:
        return
    key = info.field(spoke.key_field)
    if key is None:
        hint = f"Create it in {spoke.connection} as a unique text field, or leave `key_field` out."
        found.error(spoke.place, 31, f"{info.name} has no field `{spoke.key_field}` for the create key", hint, area="S")
    elif not key.unique:
        hint = "Make it unique there, so that a record is never created twice."
        found.error(spoke.place, 31, f"`{spoke.key_field}` of {info.name} is not unique", hint, area="S")


def _check_widths(sync: Sync, known: dict[str, ObjectInfo], found: Findings) -> None:
    """Text that one side can hold and another side cannot."""
    widths: dict[str, list[tuple[int, Spoke, FieldRule]]] = {}
    for spoke in sync.spokes:
        info = known.get(spoke.connection + spoke.object)
        for rule in spoke.mapping.rules.values() if info else ():
            field = info.field(rule.names[0]) if info and rule.names else None
            if field is not None and field.length and rule.kind in ("text", "name", "url"):
                widths.setdefault(rule.path, []).append((field.length, spoke, rule))
    for path, sides in widths.items():
        widest = max((w for w, s, r in sides if r.readable and s.direction != "write"), default=0)
        for width, spoke, rule in sides:
            if rule.writable and spoke.direction != "read" and width < widest < _UNBOUNDED and not rule.length:
                text = f"`{path}` may have {widest} letters elsewhere, {spoke.object} of `{spoke.connection}` holds {width}"
                found.warn(rule.place, 57, text, f"Longer ones are refused there. To cut them, add `length: {width}`.")
