"""conflicts, matches and errors: what the hub asks, and what an answer does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.system.cli_project import Project, make

TOO_LONG = "Executive vice president of sales"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make(tmp_path / "shop").applied()


@pytest.fixture
def torn(project: Project) -> Project:
    """One field was changed to different values in both systems."""
    project.left.edit("contact", project.names["ana"], {"Title": "L"})
    project.right.edit("person", project.names["ana2"], {"title": "R"})
    assert project("run", "customers").code == 4
    return project


def titles(project: Project) -> tuple[Any, Any]:
    left = project.left.rows("contact")[project.names["ana"]]["Title"]
    return left, project.right.rows("person")[project.names["ana2"]]["title"]


# ---------------------------------------------------------------- conflicts


def test_a_conflict_is_listed_with_both_values_and_its_rule(torn: Project) -> None:
    found = torn("conflicts", "list", "--json").json["conflicts"]
    assert len(found) == 1
    assert found[0]["path"] == "job_title"
    assert found[0]["claims"] == {"left": "L", "right": "R"}
    assert found[0]["hub_value"] == "Head"
    assert "config/syncs/customers.yaml:10" in found[0]["rule"]
    assert f"accordant conflicts resolve {found[0]['id']}" in torn("conflicts", "list").out


@pytest.mark.parametrize(
    ("words", "wanted"), [(["--keep", "right"], "R"), (["--keep", "hub"], "Head"), (["--value", "Third"], "Third")]
)
def test_a_decision_reaches_both_systems_in_the_next_run(torn: Project, words: list[str], wanted: str) -> None:
    id = torn("conflicts", "list", "--json").json["conflicts"][0]["id"]
    answer = torn("conflicts", "resolve", id, *words, "--json")
    assert answer.code == 0
    assert answer.json["next"] == "accordant run customers"
    assert torn("run", "customers").code == 0
    assert titles(torn) == (wanted, wanted)
    assert torn("conflicts", "list", "--json").json["conflicts"] == []


def test_a_decision_is_in_the_audit_log_with_who_made_it(torn: Project) -> None:
    id = torn("conflicts", "list", "--json").json["conflicts"][0]["id"]
    torn("conflicts", "resolve", id, "--keep", "left", "--by", "dana")
    entries = torn("audit", "show", "--action", "conflict decided", "--json").json["entries"]
    assert entries[0]["actor"] == "person:dana"
    assert entries[0]["changes"] == [{"field": "job_title", "value": "L", "keep": "left"}]


def test_a_conflict_cannot_be_decided_twice(torn: Project) -> None:
    id = torn("conflicts", "list", "--json").json["conflicts"][0]["id"]
    torn("conflicts", "resolve", id, "--keep", "left")
    answer = torn("conflicts", "resolve", id, "--keep", "right")
    assert answer.code == 1
    assert "accordant conflicts list" in answer.err and "[S-NONE]" in answer.err


@pytest.mark.parametrize("words", [[], ["--keep", "left", "--value", "x"]])
def test_a_decision_names_one_value(torn: Project, words: list[str]) -> None:
    id = torn("conflicts", "list", "--json").json["conflicts"][0]["id"]
    assert torn("conflicts", "resolve", id, *words).code == 1


def test_a_typed_value_is_tidied_as_the_fields_type_wants_it(project: Project) -> None:
    project.change("config/syncs/customers.yaml", "job_title: hold", "email: hold")
    project.left.edit("contact", project.names["ana"], {"Email": "l@example.org"})
    project.right.edit("person", project.names["ana2"], {"mail": "r@example.org"})
    assert project("run", "customers").code == 4
    id = project("conflicts", "list", "--json").json["conflicts"][0]["id"]
    refused = project("conflicts", "resolve", id, "--value", "no address")
    assert refused.code == 1
    assert "[E-VALUE]" in refused.err and "Nothing was decided" in refused.err
    assert project("conflicts", "resolve", id, "--value", " THIRD@example.org ").code == 0
    assert project("run", "customers").code == 0
    assert project.left.rows("contact")[project.names["ana"]]["Email"] == "third@example.org"


def test_keeping_a_system_that_has_no_claim_names_those_that_have(torn: Project) -> None:
    id = torn("conflicts", "list", "--json").json["conflicts"][0]["id"]
    answer = torn("conflicts", "resolve", id, "--keep", "middle")
    assert answer.code == 1
    assert "left, right, hub" in answer.err


# ---------------------------------------------------------------- matches


@pytest.fixture
def doubtful(project: Project) -> Project:
    """A new record that may be one that is known already."""
    project.names["berg"] = project.right.create("person", {"mail": "other@example.org", "last": "Berg"})
    assert project("run", "customers").code == 4
    return project


def test_a_possible_match_names_its_candidates(doubtful: Project) -> None:
    found = doubtful("matches", "list", "--json").json["matches"]
    assert [m["remote_id"] for m in found] == [doubtful.names["berg"]]
    assert list(found[0]["names"].values()) == ["Berg"]
    assert f"accordant matches accept {found[0]['id']}" in doubtful("matches", "list").out


def test_a_rejected_match_becomes_a_record_of_its_own(doubtful: Project) -> None:
    id = doubtful("matches", "list", "--json").json["matches"][0]["id"]
    assert doubtful("matches", "reject", id).code == 0
    assert doubtful("run", "customers").code == 0
    assert len(doubtful.left.rows("contact")) == 4
    assert doubtful("matches", "list", "--json").json["matches"] == []


def test_an_accepted_match_links_the_record(tmp_path: Path) -> None:
    project = make(tmp_path / "shop", first_run="apply")
    project.names["bo2"] = project.right.create("person", {"mail": "b.berg@example.org", "last": "Berg"})
    assert project("run", "customers").code == 4
    found = project("matches", "list", "--json").json["matches"]
    assert len(found) == 1
    answer = project("matches", "accept", found[0]["id"], "--json")
    assert answer.code == 0
    assert answer.json["golden"] == found[0]["candidates"][0]
    project("run", "customers")
    shown = project("records", "show", answer.json["golden"], "--json").json
    assert {link["record"] for link in shown["links"]} == {
        f"left/contact/{project.names['bo']}",
        f"right/person/{project.names['bo2']}",
    }


def test_a_match_that_is_not_open_is_refused(doubtful: Project) -> None:
    for command in ("accept", "reject"):
        answer = doubtful("matches", command, "m-none")
        assert answer.code == 1
        assert "[S-NONE]" in answer.err


# ---------------------------------------------------------------- errors


@pytest.fixture
def refused(project: Project) -> Project:
    """The right system refuses two records for the same reason."""
    for name in ("ana", "bo"):
        project.left.edit("contact", project.names[name], {"Title": TOO_LONG})
    assert project("run", "customers").code == 4
    return project


def titles_on_the_right(project: Project) -> set[Any]:
    return {row.get("title") for row in project.right.rows("person").values()}


def test_errors_are_told_by_cause(refused: Project) -> None:
    found = refused("errors", "list", "--json").json
    assert [c["records"] for c in found["causes"]] == [2]
    assert len(found["errors"]) == 2
    assert "2 open errors from 1 cause" in refused("errors", "list").out


def test_an_error_that_is_retried_goes_out_in_the_next_run(refused: Project) -> None:
    answer = refused("errors", "retry", "--all", "--json")
    assert answer.code == 0
    assert answer.json["next"] == ["accordant run customers"]
    for name in ("ana", "bo"):
        refused.left.edit("contact", refused.names[name], {"Title": "Short"})
    assert refused("run", "customers").code == 0
    assert "Short" in titles_on_the_right(refused)
    assert refused("errors", "list", "--json").json["errors"] == []


def test_a_dismissed_error_is_not_shown_and_not_sent_again(refused: Project) -> None:
    first, second = (e["id"] for e in refused("errors", "list", "--json").json["errors"])
    assert refused("errors", "dismiss", first, second, "--why", "they left").code == 0
    refused("run", "customers")
    assert refused("errors", "list", "--json").json["errors"] == []
    assert TOO_LONG not in titles_on_the_right(refused)
    assert refused("errors", "list", "--state", "dismissed", "--json").json["errors"][0]["code"] == "E-VALUE"


def test_errors_can_be_chosen_by_code(refused: Project) -> None:
    assert refused("errors", "list", "--code", "E-OTHER", "--json").json["errors"] == []
    assert refused("errors", "retry", "--all", "--code", "E-OTHER", "--json").json["errors"] == []


def test_an_error_must_be_named(refused: Project) -> None:
    assert refused("errors", "retry").code == 1
    assert refused("errors", "retry", "e-none").code == 1
