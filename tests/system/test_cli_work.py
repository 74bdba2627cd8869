"""plan, apply, run, sweep, pause, resume and status, typed as a person types them."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from hub.cli.operate import in_order
from hub.core.model import Sync
from tests.system.cli_project import Project, make

OUTCOMES = {"unchanged", "applied", "conflicted", "waiting", "held", "skipped", "dead"}
OPERATIONS = {"created", "updated", "deleted", "merged", "associated", "failed", "unknown"}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make(tmp_path / "shop")


@pytest.fixture
def applied(tmp_path: Path) -> Project:
    return make(tmp_path / "shop").applied()


def plan_of(project: Project) -> Path:
    answer = project("run", "customers", "--json")
    return Path(answer.json["plan"])


# ---------------------------------------------------------------- plan


def test_plan_shows_old_and_new_with_the_reason_and_its_place(project: Project) -> None:
    answer = project("plan", "customers")
    assert answer.code == 2
    assert "job_title  (empty) → Head  from left · mappings/right.person.yaml:8:3" in answer.out
    assert "left: + create 1" in answer.out
    assert "right: + create 1  ~ update 1" in answer.out
    assert "Cost in API calls: left about 3, right about 4; 0 deletes included." in answer.out


def test_plan_changes_nothing_anywhere(project: Project) -> None:
    project("plan", "customers")
    assert not project.left.writes and not project.right.writes
    assert project("status", "--json").json["syncs"][0]["spokes"]["left.contact"]["held"] == 0


def test_plan_of_systems_in_agreement_has_no_changes(applied: Project) -> None:
    answer = applied("plan", "customers")
    assert answer.code == 0
    assert "= nothing to write" in answer.out


def test_plan_counts_deletes(applied: Project) -> None:
    applied.change("config/syncs/customers.yaml", "guards:", "deletes: {policy: delete}\nguards:")
    applied.change(
        "config/syncs/customers.yaml",
        "mapping: right.person,",
        "mapping: right.person, writes: [create, update, delete],",
    )
    applied.left.delete("contact", applied.names["bo"])
    answer = applied("plan", "customers", "--json")
    assert answer.code == 2
    assert answer.json["counts"]["right"]["delete"] == 1


def test_a_plan_with_a_sample_says_how_many_more_there_are(project: Project) -> None:
    assert "… and 2 more operations; --sample 3 shows all" in project("plan", "customers", "--sample", "1").out


def test_a_stored_plan_is_readable_by_its_owner_alone(project: Project) -> None:
    out = project.root / "nov.plan"
    answer = project("plan", "customers", "-o", str(out))
    assert f"accordant apply {out}" in answer.out
    assert stat.S_IMODE(out.stat().st_mode) == 0o600


def test_a_plan_that_cannot_be_stored_says_where(project: Project) -> None:
    answer = project("plan", "customers", "-o", str(project.root / "no" / "such" / "folder.plan"))
    assert answer.code == 1
    assert "[E-FILE]" in answer.err


def test_plan_as_json_has_the_keys_that_tools_read(project: Project) -> None:
    found = project("plan", "customers", "--json").json
    assert {
        "sync",
        "operations",
        "counts",
        "cost",
        "conflicts",
        "reviews",
        "errors",
        "guards",
        "report",
        "file",
    } <= set(found)
    assert {"field", "old", "new", "from", "reason", "place"} <= set(found["operations"][0]["fields"][0])


def test_a_changed_mapping_is_said_to_cause_a_full_reading(applied: Project) -> None:
    assert applied("plan", "customers", "--json").json["reread"] == []
    applied.change("mappings/right.person.yaml", "last", "{field: last, length: 20}")
    assert "everything again" in applied("status").out
    answer = applied("plan", "customers")
    assert "right: its mapping or scope changed, so everything was read again" in answer.out
    assert applied("run", "customers").code == 0
    assert "everything again" not in applied("status").out


# ---------------------------------------------------------------- apply


def test_apply_carries_a_stored_plan_out(project: Project) -> None:
    answer = project("apply", str(plan_of(project)), "--json")
    assert answer.code == 0
    assert answer.json["operations"]["created"] == 2
    assert answer.json["operations"]["updated"] == 1
    assert project.right.rows("person")[project.names["ana2"]]["title"] == "Head"


def test_apply_skips_what_moved_since(project: Project) -> None:
    path = plan_of(project)
    project.left.edit("contact", project.names["ana"], {"Title": "Boss"})
    answer = project("apply", str(path), "--json")
    assert answer.code == 4
    assert answer.json["moved"] == 1
    assert project.right.rows("person")[project.names["ana2"]].get("title") is None


def test_apply_strict_refuses_as_a_whole_when_something_moved(project: Project) -> None:
    path = plan_of(project)
    project.left.edit("contact", project.names["ana"], {"Title": "Boss"})
    answer = project("apply", str(path), "--strict")
    assert answer.code == 6
    assert "Nothing was written" in answer.err and "[S-PLAN]" in answer.err
    assert not project.right.writes


def test_apply_refuses_when_the_files_differ_from_the_plan(project: Project) -> None:
    path = plan_of(project)
    project.change("config/syncs/customers.yaml", "deletes: 20", "deletes: 30")
    answer = project("apply", str(path))
    assert answer.code == 6
    assert "accordant plan customers -o FILE" in answer.err


@pytest.mark.parametrize("text", ["", "[]", '{"sync": "customers"}', "no json"])
def test_apply_refuses_a_file_that_is_no_plan(project: Project, text: str) -> None:
    project.write("x.plan", text)
    answer = project("apply", str(project.root / "x.plan"))
    assert answer.code == 3
    assert "this file is not a plan" in answer.err and "Nothing was written" in answer.err


def test_apply_of_a_missing_file_says_how_to_make_one(project: Project) -> None:
    answer = project("apply", str(project.root / "none.plan"))
    assert answer.code == 1
    assert "accordant plan SYNC -o FILE" in answer.err


# ---------------------------------------------------------------- run


def test_the_first_run_plans_and_prints_the_command_that_applies_it(project: Project) -> None:
    answer = project("run", "customers")
    stored = list((project.root / ".accordant" / "plans").glob("customers-*.plan"))
    assert answer.code == 2
    assert len(stored) == 1
    assert stat.S_IMODE(stored[0].stat().st_mode) == 0o600
    assert f"accordant apply {stored[0]}" in answer.out
    assert not project.left.writes and not project.right.writes


def test_a_first_run_that_only_links_writes_nothing(tmp_path: Path) -> None:
    project = make(tmp_path / "shop", first_run="link_only")
    answer = project("run", "customers", "--json")
    assert not project.left.writes and not project.right.writes
    assert answer.json["outcomes"]["applied"] == 4
    assert project("status", "--json").json["syncs"][0]["spokes"]["right.person"]["held"] == 2


def test_run_as_json_has_the_keys_of_the_contract_also_per_spoke(applied: Project) -> None:
    found = applied("run", "customers", "--json").json
    assert {"run", "sync", "state", "read", "carried", "outcomes", "operations", "api_calls", "spokes"} <= set(found)
    assert set(found["outcomes"]) == OUTCOMES
    assert set(found["operations"]) >= OPERATIONS
    for spoke in found["spokes"].values():
        assert {"read", "outcomes", "operations", "api_calls"} <= set(spoke)
    assert found["read"] == sum(found["outcomes"].values())


def test_standard_output_is_json_alone_and_progress_goes_beside_it(applied: Project) -> None:
    answer = applied("run", "customers", "--full", "--json")
    json.loads(answer.out)
    assert "reading" in answer.err


def test_a_run_brings_an_edit_to_the_other_side(applied: Project) -> None:
    applied.left.edit("contact", applied.names["bo"], {"Title": "Lead"})
    answer = applied("run", "customers")
    assert answer.code == 0
    assert "updated 1" in answer.out
    assert "Lead" in [row.get("title") for row in applied.right.rows("person").values()]


def test_a_run_that_leaves_a_conflict_behind_exits_4(applied: Project) -> None:
    applied.left.edit("contact", applied.names["ana"], {"Title": "L"})
    applied.right.edit("person", applied.names["ana2"], {"title": "R"})
    answer = applied("run", "customers", "--json")
    assert answer.code == 4
    assert answer.json["state"] == "partial"
    assert answer.json["outcomes"]["conflicted"] == 2


def test_a_guard_that_stops_a_run_exits_6(tmp_path: Path) -> None:
    project = make(tmp_path / "shop", first_run="apply")
    project.change("config/syncs/customers.yaml", "creates: 500", "creates: 0")
    answer = project("run", "customers", "--yes")
    assert answer.code == 6
    assert "guard" in answer.out
    assert not [w for w in project.right.writes if w.write.action == "create"]


def test_run_all_goes_in_the_order_of_after() -> None:
    syncs = {n: Sync(n, "customer", "", (), after=a) for n, a in {"a": ("c",), "b": (), "c": ("b",)}.items()}
    assert in_order(syncs) == ["b", "c", "a"]


def test_run_all_reports_every_sync(applied: Project) -> None:
    answer = applied("run", "--all", "--json")
    assert answer.code == 0
    assert [r["sync"] for r in answer.json["runs"]] == ["customers"]


def test_run_all_goes_on_after_a_paused_sync_and_exits_6(applied: Project) -> None:
    applied("pause", "customers")
    answer = applied("run", "--all", "--json")
    assert answer.code == 6
    assert answer.json["runs"][0]["error"]["code"] == "S-PAUSED"


@pytest.mark.parametrize("words", [["run"], ["run", "customers", "--all"]])
def test_run_wants_one_sync_or_all(project: Project, words: list[str]) -> None:
    answer = project(*words)
    assert answer.code == 1
    assert "--all" in answer.err


# ---------------------------------------------------------------- sweep, pause, resume


def test_a_sweep_tells_what_the_cursors_had_missed(applied: Project) -> None:
    answer = applied("sweep", "customers", "--json")
    assert answer.code == 0
    assert answer.json["sweep"] == {"repaired": {}, "missing": {}, "short": {}}


def test_a_paused_sync_refuses_to_run_until_it_is_resumed(applied: Project) -> None:
    assert applied("pause", "customers", "--reason", "stocktaking").code == 0
    answer = applied("run", "customers")
    assert answer.code == 6
    assert "stocktaking" in answer.err and "accordant resume customers" in answer.err
    assert applied("resume", "customers", "--json").json == {"sync": "customers", "paused": False, "reason": ""}
    assert applied("run", "customers").code == 0


# ---------------------------------------------------------------- status


def test_status_says_first_what_needs_a_person(applied: Project) -> None:
    applied.left.edit("contact", applied.names["ana"], {"Title": "L"})
    applied.right.edit("person", applied.names["ana2"], {"title": "R"})
    applied("run", "customers")
    answer = applied("status")
    assert answer.out.index("accordant conflicts list --sync customers") < answer.out.index("left.contact")
    assert "needs you" in answer.out


def test_the_states_add_up_to_what_each_spoke_holds(applied: Project) -> None:
    applied.left.create("contact", {"LastName": "Hidden", "Email": "h@example.org"})
    applied.left.delete("contact", applied.names["bo"])
    applied("run", "customers")
    found = applied("status", "--json").json["syncs"][0]
    for name, remote in (
        ("left.contact", applied.left.rows("contact")),
        ("right.person", applied.right.rows("person")),
    ):
        records = found["spokes"][name]["records"]
        assert sum(n for state, n in records.items() if state != "deleted") == len(remote)
    assert found["spokes"]["left.contact"]["records"]["excluded"] == 1
    assert found["spokes"]["left.contact"]["records"]["deleted"] == 1


def test_status_of_a_sync_in_agreement_is_one_word(applied: Project) -> None:
    found = applied("status", "customers", "--json").json
    assert found["needs_you"] == []
    assert found["syncs"][0]["state"] == "in sync"
    assert {"sync", "state", "last_run", "records", "open", "lag", "next_run", "spokes"} <= set(found["syncs"][0])
    assert found["syncs"][0]["last_run"]["state"] == "ok"


def test_status_of_a_sync_never_applied_names_the_next_step(project: Project) -> None:
    found = project("status", "--json").json
    assert found["syncs"][0]["state"] == "not applied"
    assert found["needs_you"][0]["next"] == "accordant plan customers"


# ---------------------------------------------------------------- runs


def test_runs_are_listed_and_shown_from_what_is_stored(applied: Project) -> None:
    listed = applied("runs", "list", "--sync", "customers", "--json").json["runs"]
    assert [r["state"] for r in listed] == ["ok", "ok"]
    shown = applied("runs", "show", listed[-1]["run"], "--json").json
    assert shown["outcomes"]["applied"] == 4
    assert shown["trigger"] == "person"
    assert "created 1" in applied("runs", "show", listed[-1]["run"]).out


def test_a_run_that_does_not_exist_is_not_shown_or_cancelled(applied: Project) -> None:
    assert applied("runs", "show", "r-none").code == 1
    answer = applied("runs", "cancel", "r-none")
    assert answer.code == 1
    assert "[S-NONE]" in answer.err
