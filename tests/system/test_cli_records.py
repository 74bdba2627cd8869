"""records, explain and audit: one record, why it is as it is, and the proof."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from tests.system.cli_project import Project, make


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make(tmp_path / "shop").applied()


def golden_of(project: Project, text: str) -> str:
    found = project("records", "find", text, "--json").json["records"]
    assert len(found) == 1
    return str(found[0]["golden"])


# ---------------------------------------------------------------- find and show


@pytest.mark.parametrize("name", ["ana", "ana2"])
def test_a_record_is_found_by_either_id(project: Project, name: str) -> None:
    found = project("records", "find", project.names[name], "--json").json["records"]
    assert [r["name"] for r in found] == ["Diaz"]


@pytest.mark.parametrize("text", ["ana@example.org", "diaz"])
def test_a_record_is_found_by_mail_or_name(project: Project, text: str) -> None:
    answer = project("records", "find", text)
    assert answer.code == 0
    assert f"left/contact/{project.names['ana']}" in answer.out


def test_what_is_not_known_is_said_so(project: Project) -> None:
    assert 'Nothing is known by "nobody"' in project("records", "find", "nobody").out


def test_a_record_is_shown_with_its_links_and_history(project: Project) -> None:
    found = project("records", "show", "Diaz", "--json").json
    assert found["fields"]["job_title"]["value"] == "Head"
    assert {link["record_state"] for link in found["links"]} == {"in_sync"}
    assert "settled" in {e["action"] for e in found["history"]}


# ---------------------------------------------------------------- explain


def test_explain_says_whose_value_it_is_and_how_the_records_were_matched(project: Project) -> None:
    found = project("explain", "Diaz", "job_title", "--json").json
    field = found["fields"]["job_title"]
    assert field["value"] == "Head"
    assert field["from"]["by"] == "left"
    assert [s["why"] for s in field["spokes"]] == ["in sync", "in sync"]
    assert any("config/syncs/customers.yaml:8" in m["how"] for m in found["match"])
    assert {s["place"] for s in field["spokes"]} == {"mappings/left.contact.yaml:8:3", "mappings/right.person.yaml:8:3"}


def test_explain_names_the_conflict_and_the_command_that_decides_it(project: Project) -> None:
    project.left.edit("contact", project.names["ana"], {"Title": "L"})
    project.right.edit("person", project.names["ana2"], {"title": "R"})
    project("run", "customers")
    found = project("explain", "Diaz", "job_title", "--json").json
    conflict = found["fields"]["job_title"]["conflict"]
    assert sorted(conflict["shown"].values()) == ["L", "R"]
    assert found["next"].startswith(f"accordant conflicts resolve {conflict['id']} --keep")
    text = project("explain", "Diaz", "job_title").out
    assert "left L, right R; hub Head" in text
    assert "config/syncs/customers.yaml:10" in text


def test_explain_says_why_a_record_does_not_take_part(project: Project) -> None:
    id = project.left.create("contact", {"LastName": "Hidden", "Email": "h@example.org"})
    project("run", "customers")
    found = project("explain", id, "--json").json
    assert found["found"] == "record"
    assert found["disposition"] == "skipped"
    assert found["reason"] == "out of scope (where)"
    assert found["place"].startswith("config/syncs/customers.yaml:5")
    assert "change the rule at config/syncs/customers.yaml:5" in project("explain", f"left/contact/{id}").out


def test_explain_of_a_doubtful_record_names_the_match(project: Project) -> None:
    id = project.right.create("person", {"mail": "x@example.org", "last": "Berg"})
    project("run", "customers")
    found = project("explain", id, "--json").json
    assert found["review"]["candidates"] == [golden_of(project, "bo@example.org")]
    assert found["next"].startswith(f"accordant matches accept {found['review']['id']}")


def test_explain_of_a_system_that_may_not_be_created_in_names_the_place(tmp_path: Path) -> None:
    project = make(tmp_path / "shop", first_run="apply")
    project.change("config/syncs/customers.yaml", "mapping: right.person,", "mapping: right.person, writes: [update],")
    project("run", "customers")
    found = project("explain", "Berg", "--json").json
    assert [m["connection"] for m in found["missing_in"]] == ["right"]
    assert "may not create there (config/syncs/customers.yaml:6" in found["missing_in"][0]["why"]


def test_an_ambiguous_name_lists_what_it_may_mean(project: Project) -> None:
    found = project("explain", "example.org", "--json").json
    assert found["found"] == "many"
    assert len(found["candidates"]) == 3
    assert "may be 3 records" in project("explain", "example.org").out


def test_an_unknown_record_or_field_is_told_with_the_next_step(project: Project) -> None:
    assert "accordant records find" in project("explain", "nobody").err
    answer = project("explain", "Diaz", "shoe_size")
    assert answer.code == 1
    assert "email, family_name, job_title" in answer.err


# ---------------------------------------------------------------- resync and unlink


def test_a_record_is_read_again_on_demand(project: Project) -> None:
    project.left.edit("contact", project.names["ana"], {"Title": "New"})
    answer = project("records", "resync", "Diaz", "--json")
    assert answer.code == 0
    assert answer.json["kind"] == "resync"
    assert project.right.rows("person")[project.names["ana2"]]["title"] == "New"


def test_parted_records_go_their_own_ways(project: Project) -> None:
    assert project("records", "unlink", "Diaz", "right", "--json").json["state"] == "refused"
    project.left.edit("contact", project.names["ana"], {"Title": "Alone"})
    project("run", "customers")
    assert project.right.rows("person")[project.names["ana2"]]["title"] == "Head"
    assert project("records", "unlink", "Diaz", "right").code == 1


def test_a_command_for_one_record_refuses_an_ambiguous_name(project: Project) -> None:
    answer = project("records", "resync", "example.org")
    assert answer.code == 1
    assert "may be one of 3 records" in answer.err


# ---------------------------------------------------------------- audit


def test_the_chain_verifies_and_gives_a_checkpoint(project: Project) -> None:
    found = project("audit", "verify", "--json").json
    assert found["ok"] and found["rows"] > 0
    assert project("audit", "verify", "--checkpoint", found["checkpoint"]).code == 0


def test_an_edited_row_is_named(project: Project) -> None:
    with sqlite3.connect(project.root / "accordant.db") as db:
        db.execute("UPDATE ac_audit SET actor = 'somebody' WHERE seq = 2")
    answer = project("audit", "verify", "--json")
    assert answer.code == 1
    assert answer.json["bad"] == 2


def test_a_cut_end_is_found_by_a_checkpoint(project: Project) -> None:
    checkpoint = project("audit", "verify", "--json").json["checkpoint"]
    with sqlite3.connect(project.root / "accordant.db") as db:
        db.execute("DELETE FROM ac_audit WHERE seq = (SELECT max(seq) FROM ac_audit WHERE hash != '')")
    assert project("audit", "verify").code == 0
    assert project("audit", "verify", "--checkpoint", checkpoint).code == 1


def test_the_log_is_shown_with_what_changed(project: Project) -> None:
    text = project("audit", "show", "--record", golden_of(project, "diaz"), "--action", "settled").out
    assert "job_title: (empty) → Head" in text


def test_the_log_is_exported_whole(project: Project) -> None:
    out = project.root / "audit.jsonl"
    assert project("audit", "export", "-o", str(out)).code == 0
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [e["seq"] for e in lines] == list(range(1, len(lines) + 1))
    assert project("audit", "export", "--json").json["entries"] == lines


def test_a_checkpoint_that_is_none_is_refused(project: Project) -> None:
    assert project("audit", "verify", "--checkpoint", "yesterday").code == 1
