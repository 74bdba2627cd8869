"""Stories of plans: they change nothing, say exactly what would be written, and are applied as they stand."""

from __future__ import annotations

from typing import Any

import pytest

from hub.core.errors import Refused
from hub.core.model import Policy
from hub.engine.planning import apply, plan
from hub.store import tables
from tests.simulation.stories.kit import adds_up, conflicts, settle_down, silent
from tests.simulation.world import mapping, spoke, sync, world

ALL = {"writes": frozenset({"create", "update", "delete"})}


def busy(**options: Any):
    """A world where the next run creates, updates and deletes."""
    w = world(sync(spoke("a", **ALL), spoke("b", **ALL), policy=Policy(deletes="delete"), **options))
    for n in range(6):
        w.person("a", first=f"N{n}", last="Gil", mail=f"p{n}@example.org", title="Clerk")
    w.runs(2)
    ids = list(w.rows("a"))
    w.edit("a", ids[0], title="Chief")
    w.edit("b", next(i for i, r in w.rows("b").items() if r["first"] == "N1"), phone="+34600100200")
    w["a"].delete("person", ids[2])
    w.person("a", first="New", mail="new@example.org")
    w.clock.advance(60)
    return w, ids


def everything(w) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table of the hub."""
    with w.hub.store.read() as tx:
        return {t.name: sorted(map(tuple, tx.rows(t.select())), key=repr) for t in tables.metadata.sorted_tables}


def told(operations: Any) -> list[Any]:
    return sorted(
        (o["connection"], o["action"], o["remote_id"] if o["action"] != "create" else "", _raw(o)) for o in operations
    )


def _raw(operation: Any) -> str:
    return repr(sorted((f["remote"], f["raw"]) for f in operation["fields"]))


def sent(w, since: dict[str, int]) -> list[Any]:
    found = []
    for name, remote in w.remotes.items():
        for call in remote.writes[since[name] :]:
            fields = repr(sorted((n, v) for n, v in call.write.fields.items()))
            found.append((name, call.write.action, call.write.id, fields))
    return sorted(found)


def test_a_plan_changes_nothing_in_the_store_and_writes_nothing_anywhere():
    w, _ = busy()
    before, written = everything(w), w.written()
    plan(w.hub, "people")
    assert everything(w) == before and w.written() == written


def test_a_plan_equals_what_the_next_run_writes_deletes_included():
    w, _ = busy()
    found = plan(w.hub, "people")
    assert found["counts"] == {
        "a": {"create": 0, "update": 1, "delete": 0, "associate": 0},
        "b": {"create": 1, "update": 1, "delete": 1, "associate": 0},
    }
    since = {n: len(r.writes) for n, r in w.remotes.items()}
    adds_up(w.run())
    assert sent(w, since) == told(found["operations"])


def test_an_applied_plan_writes_exactly_its_operations():
    w, _ = busy()
    found = plan(w.hub, "people")
    since = {n: len(r.writes) for n, r in w.remotes.items()}
    done = apply(w.hub, found)
    adds_up(done)
    assert done.state == "ok" and done.moved == 0
    assert sent(w, since) == told(found["operations"])
    silent(w)


def test_a_plan_shows_each_field_old_and_new_and_where_the_value_comes_from():
    w, _ = busy()
    (update,) = [o for o in plan(w.hub, "people")["operations"] if (o["connection"], o["action"]) == ("b", "update")]
    (field,) = update["fields"]
    assert (field["field"], field["old"], field["new"], field["from"]) == ("job_title", "Clerk", "Chief", "a")
    assert update["name"] == "N0 Gil"


def test_apply_skips_the_record_that_moved_since_and_does_the_others():
    w, ids = busy()
    found = plan(w.hub, "people")
    w.edit("a", ids[0], title="Boss")
    done = apply(w.hub, found)
    adds_up(done)
    assert done.moved == 1 and done.state == "partial"
    by = {r["first"]: r for r in w.rows("b").values()}
    assert by["N0"]["title"] == "Clerk" and "N2" not in by and "New" in by
    w.run()
    assert {r["first"]: r for r in w.rows("b").values()}["N0"]["title"] == "Boss"
    silent(w)


def test_apply_does_not_write_what_the_plan_did_not_list():
    w, ids = busy()
    found = plan(w.hub, "people")
    w.edit("a", ids[4], title="Uninvited")
    w.person("a", first="Late", mail="late@example.org")
    done = apply(w.hub, found)
    assert done.moved == 2
    by = {r["first"]: r for r in w.rows("b").values()}
    assert by["N4"]["title"] == "Clerk" and "Late" not in by
    settle_down(w)
    assert {r["first"]: r for r in w.rows("b").values()}["N4"]["title"] == "Uninvited"


def test_strict_apply_refuses_as_a_whole_where_anything_moved():
    w, ids = busy()
    found = plan(w.hub, "people")
    w.edit("a", ids[0], title="Boss")
    before = w.written()
    with pytest.raises(Refused, match="differ from what would be done now"):
        apply(w.hub, found, strict=True)
    assert w.written() == before


def test_apply_refuses_a_plan_of_other_files():
    w, _ = busy()
    found = plan(w.hub, "people")
    w.with_sync(sync(spoke("a", **ALL), spoke("b", **ALL), fingerprint="2"))
    before = w.written()
    with pytest.raises(Refused, match="mappings, configuration or guards differ"):
        apply(w.hub, found)
    assert w.written() == before


def test_a_plan_applied_twice_does_nothing_the_second_time():
    w, _ = busy()
    found = plan(w.hub, "people")
    apply(w.hub, found)
    before = w.written()
    apply(w.hub, found)
    assert w.written() == before


def test_a_plan_names_conflicts_and_first_link_losers_before_they_happen():
    w = world(sync(spoke("a"), spoke("b"), policy=Policy(first_link={"default": ("a",), "given_name": ("hold",)})))
    w.person("a", first="Ana", mail="ana@example.org", title="Clerk")
    w.person("b", first="Anna", mail="ana@example.org", title="Chief")
    found = plan(w.hub, "people")
    assert found["linked"] == {"b": 1}
    assert found["first_link"] == {"job_title": 1}
    assert [c["path"] for c in found["conflicts"]] == ["given_name"]
    assert not conflicts(w)


def test_a_plan_of_a_changed_mapping_shows_the_re_read():
    w, _ = busy()
    w.run()
    table = {"field": "title", "values": {"Clerk": "Officer"}, "unknown": "keep"}
    w.with_sync(sync(spoke("a", mapping=mapping(job_title=table)), spoke("b"), fingerprint="2"))
    found = plan(w.hub, "people")
    titles = {f["new"] for o in found["operations"] for f in o["fields"]}
    assert titles == {"Officer"}
