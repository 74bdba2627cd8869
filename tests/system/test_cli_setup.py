"""init, secrets, db, connections, discover, connector, doctor, validate, test, try and schema."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from hub.connect.memory import FieldProfile, ObjectProfile
from tests.system.cli_project import Project, make, type_in

LEFT_TESTS = """\
- name: e-mail is tidied
  record: {Email: " ANA@EXAMPLE.ORG ", LastName: Diaz}
  canonical: {email: ana@example.org, family_name: Diaz}
- name: titles are upper case
  record: {LastName: Diaz, Title: head}
  canonical: {family_name: Diaz, job_title: HEAD}
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make(tmp_path / "shop")


# ---------------------------------------------------------------- init


def test_init_makes_a_project_that_works_at_once(tmp_path: Path) -> None:
    root = tmp_path / "new"
    answer = type_in("init", str(root), "--json")
    assert answer.code == 0
    assert {"config/accordant.yaml", "config/connections.yaml", ".accordant/key", ".gitignore"} <= set(
        answer.json["made"]
    )
    for command in (["status"], ["validate"], ["doctor"], ["db", "check"], ["connections", "list"]):
        assert type_in("--project", str(root), *command).code == 0, command


def test_init_keeps_key_and_database_to_their_owner(tmp_path: Path) -> None:
    type_in("init", str(tmp_path))
    assert stat.S_IMODE((tmp_path / ".accordant" / "key").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / ".accordant").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "accordant.db").stat().st_mode) == 0o600


def test_init_again_touches_nothing(project: Project) -> None:
    key = (project.root / ".accordant" / "key").read_bytes()
    config = (project.root / "config" / "connections.yaml").read_text()
    answer = type_in("init", str(project.root), "--json")
    assert answer.json["made"] == []
    assert (project.root / ".accordant" / "key").read_bytes() == key
    assert (project.root / "config" / "connections.yaml").read_text() == config


def test_init_adds_to_an_existing_list_of_ignored_files(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("*.pyc\n")
    type_in("init", str(tmp_path))
    lines = (tmp_path / ".gitignore").read_text().splitlines()
    assert lines[0] == "*.pyc"
    assert ".accordant/" in lines


def test_the_project_is_found_from_a_folder_inside_it(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project.root / "config" / "syncs")
    assert type_in("status", "--json").json["syncs"][0]["sync"] == "customers"


def test_the_project_can_be_named_by_the_environment(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ACCORDANT_PROJECT", str(project.root))
    assert type_in("status").code == 0


# ---------------------------------------------------------------- secrets


def test_a_secret_is_stored_encrypted_and_never_shown(project: Project) -> None:
    answer = project("secrets", "set", "shop-token", stdin="p4ssphrase\n")
    assert answer.code == 0
    listed = project("secrets", "list", "--json")
    assert [s["secret"] for s in listed.json["secrets"]] == ["left-token", "shop-token"]
    stored = b"".join(p.read_bytes() for p in project.root.rglob("*") if p.is_file())
    assert b"p4ssphrase" not in stored
    assert "p4ssphrase" not in answer.out + answer.err + listed.out


def test_secrets_that_the_files_ask_for_are_listed_as_missing(project: Project) -> None:
    project.change("config/connections.yaml", "secret:left-token", "secret:other-token")
    found = {s["secret"]: s for s in project("secrets", "list", "--json").json["secrets"]}
    assert found["other-token"]["stored"] is False
    assert found["other-token"]["used_at"] == ["config/connections.yaml:4:32"]
    assert "accordant secrets set other-token" in project("secrets", "list").out


@pytest.mark.parametrize(("name", "value"), [("token", ""), ("no spaces", "x"), ("../x", "x")])
def test_an_empty_secret_or_a_strange_name_is_refused(project: Project, name: str, value: str) -> None:
    answer = project("secrets", "set", name, stdin=value)
    assert answer.code == 1
    assert "Nothing was stored" in answer.err


def test_setting_a_secret_is_audited_without_its_value(project: Project) -> None:
    entries = project("audit", "show", "--action", "secret set", "--json").json["entries"]
    assert entries[0]["why"] == "left-token"
    assert "letmein" not in json.dumps(entries)


# ---------------------------------------------------------------- connections


def test_connections_are_listed_without_their_secrets(project: Project) -> None:
    answer = project("connections", "list", "--json")
    assert [c["connection"] for c in answer.json["connections"]] == ["left", "right"]
    assert answer.json["connections"][0]["auth"] == "token"
    assert "letmein" not in answer.out


def test_connections_test_says_who_answered(project: Project) -> None:
    answer = project("connections", "test", "--json")
    assert answer.code == 0
    assert [(c["connection"], c["ok"], c["org"]) for c in answer.json["connections"]] == [
        ("left", True, "left"),
        ("right", True, "right"),
    ]
    assert project("connections", "list", "--json").json["connections"][0]["org"] == "left"


def test_discover_lists_objects_and_fields(project: Project) -> None:
    assert project("discover", "left", "--json").json["objects"] == ["contact"]
    found = project("discover", "left", "contact", "--json").json
    assert "Email" in [f["name"] for f in found["fields"]]
    assert found["capabilities"]["conditional_write"] == "strong"
    assert "Email" in project("discover", "left", "contact").out


def test_discover_of_an_unknown_connection_names_the_known_ones(project: Project) -> None:
    answer = project("discover", "middle")
    assert answer.code == 1
    assert "left, right" in answer.err


def test_installed_connectors_are_listed_with_what_they_want(project: Project) -> None:
    found = {c["connector"]: c for c in project("connector", "list", "--json").json["connectors"]}
    assert {"salesforce", "hubspot", "memory"} <= set(found)
    token = found["hubspot"]["auth"]["private_app"][0]
    assert token["secret"] is True
    assert "hubspot" in project("connector", "list").out


# ---------------------------------------------------------------- doctor


def test_a_healthy_project_has_no_broken_finding(project: Project) -> None:
    project("run", "customers")
    answer = project("doctor", "--self-check", "--json")
    assert answer.code == 0
    assert answer.json["ok"] is True
    assert {"key", "files", "database", "left", "right", "audit", "sums"} <= {
        f["about"] for f in answer.json["findings"]
    }


def test_doctor_says_what_is_promised_per_spoke_and_field(project: Project) -> None:
    found = project("doctor", "--json").json["guarantees"]
    assert {(g["connection"], g["guarantee"], g["creates"]) for g in found} == {
        ("left", "prevented", "once"),
        ("right", "prevented", "once"),
    }
    assert found[0]["fields"]["email"] == "prevented"
    assert "email: prevented" in project("doctor", "--fields").out


@pytest.mark.parametrize(
    ("write", "history", "protocol", "wanted"),
    [
        ("strong", False, "careful", "prevented"),
        ("coarse", False, "careful", "nearly"),
        ("none", True, "careful", "detected"),
        ("none", False, "careful", "narrowed"),
        ("strong", True, "fast", "narrowed"),
    ],
)
def test_the_guarantee_follows_from_what_the_remote_can_do(
    project: Project, write: str, history: bool, protocol: str, wanted: str
) -> None:
    fields = tuple(FieldProfile(n) for n in ("mail", "last", "title"))
    table = project.right._tables["person"]
    table.profile = ObjectProfile(fields, unique_key="key", conditional_write=write, field_history=history)
    project.change(
        "config/syncs/customers.yaml", "mapping: right.person,", f"mapping: right.person, protocol: {protocol},"
    )
    found = {g["connection"]: g["guarantee"] for g in project("doctor", "--json").json["guarantees"]}
    assert found["right"] == wanted


def test_doctor_names_the_step_that_adds_a_missing_key_field(project: Project) -> None:
    project.change("config/syncs/customers.yaml", "key_field: key", "key_field: accordant_id")
    answer = project("doctor")
    assert answer.code == 1
    assert "person has no field accordant_id, in which the create key is kept" in answer.out
    assert "create a text field accordant_id on person, 255 letters, unique" in answer.out


def test_doctor_names_mapped_fields_that_our_user_cannot_see(project: Project) -> None:
    project.change("mappings/right.person.yaml", ": title", ": titel")
    answer = project("doctor")
    assert answer.code == 1
    assert "person has no field titel" in answer.out
    assert "mappings/right.person.yaml:8" in answer.out


def test_doctor_goes_on_after_a_connection_that_does_not_answer(project: Project) -> None:
    project.left.token = "changed"
    found = project("doctor", "--json")
    levels = {f["about"]: f["level"] for f in found.json["findings"]}
    assert found.code == 1
    assert levels["left"] == "broken" and levels["right"] == "ok"


def test_doctor_mends_the_mode_of_the_key(project: Project) -> None:
    key = project.root / ".accordant" / "key"
    key.chmod(0o644)
    assert "can be read by others" in project("doctor").out
    assert project("doctor", "--fix", "--json").json["fixed"] == [".accordant/key is private now"]
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


# ---------------------------------------------------------------- files


def test_valid_files_are_said_to_be_valid(project: Project) -> None:
    assert project("validate", "--json").json["ok"] is True
    assert project("validate", "--live").code == 0


def test_a_problem_names_file_line_column_and_the_nearest_name(project: Project) -> None:
    project.change("mappings/left.contact.yaml", "  job_title: Title", "  job_titel: Title")
    answer = project("validate", "--json")
    assert answer.code == 3
    problem = answer.json["problems"][0]
    assert (problem["file"], problem["line"], problem["column"]) == ("mappings/left.contact.yaml", 8, 3)
    assert "job_titel" in problem["text"] and "job_title" in problem["hint"]
    assert "mappings/left.contact.yaml:8:3 error[" in project("validate").out


def test_validate_can_be_limited_to_one_file(project: Project) -> None:
    project.change("mappings/left.contact.yaml", "  job_title: Title", "  job_titel: Title")
    assert project("validate", str(project.root / "mappings" / "right.person.yaml")).code == 0
    assert project("validate", str(project.root / "mappings")).code == 3


def test_validate_live_compares_with_the_fields_that_there_are(project: Project) -> None:
    project.change("mappings/right.person.yaml", ": title", ": titel")
    assert project("validate").code == 0
    answer = project("validate", "--live")
    assert answer.code == 3
    assert "mappings/right.person.yaml:8:3" in answer.out and "title" in answer.out


def test_mapping_tests_are_run_and_the_step_that_went_wrong_is_named(project: Project) -> None:
    project.write("mappings/left.contact.test.yaml", LEFT_TESTS)
    answer = project("test", "--json")
    assert answer.code == 3
    assert (answer.json["tests"], answer.json["failed"]) == (2, 1)
    wrong = answer.json["results"][1]["differences"][0]
    assert (wrong["field"], wrong["expected"], wrong["got"]) == ("job_title", '"HEAD"', '"head"')
    assert wrong["step_place"].startswith("mappings/left.contact.yaml:8")
    assert "2 tests, 1 failed" in project("test").out


def test_mapping_tests_can_be_chosen_by_name_or_file(project: Project) -> None:
    project.write("mappings/left.contact.test.yaml", LEFT_TESTS)
    assert project("test", "right.person", "--json").json["tests"] == 0
    assert project("test", "mappings/left.contact.test.yaml", "--json").json["tests"] == 2
    answer = project("test", "left.contct")
    assert answer.code == 1
    assert "left.contact" in answer.err


def test_try_shows_each_step_of_a_record_in_a_file(project: Project) -> None:
    project.write("record.json", '{"Email": " ANA@EXAMPLE.ORG ", "LastName": "Diaz"}')
    found = project("try", "left.contact", "--record", str(project.root / "record.json"), "--json").json
    assert found["canonical"]["email"] == "ana@example.org"
    assert found["back"] == {"Email": "ana@example.org", "LastName": "Diaz"}
    assert found["fields"][0]["steps"]


def test_try_reads_a_record_from_its_system(project: Project) -> None:
    answer = project("try", "left.contact", "--record", project.names["ana"], "--connection", "left")
    assert answer.code == 0
    assert "= ana@example.org" in answer.out
    assert not project.left.writes


@pytest.mark.parametrize("words", [["--record", "co9999999", "--connection", "left"], ["--record", "co0000001"]])
def test_try_of_what_is_not_there_says_what_to_do(project: Project, words: list[str]) -> None:
    answer = project("try", "left.contact", *words)
    assert answer.code == 1
    assert "Next:" in answer.err


def test_try_refuses_a_file_that_holds_no_record(project: Project) -> None:
    project.write("record.json", "[1, 2]")
    assert "[E-FILE]" in project("try", "left.contact", "--record", str(project.root / "record.json")).err


def test_schemas_are_exported_for_editors(project: Project) -> None:
    found = project("schema", "export", "--json").json
    assert {"accordant", "connections", "model", "sync", "mapping", "mapping_test"} == set(found)
    out = project.root / "schemas"
    assert project("schema", "export", "-o", str(out)).code == 0
    assert json.loads((out / "mapping.schema.json").read_text())["title"] == "mappings/*.yaml"
