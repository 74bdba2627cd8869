"""Whole projects: what a sound one gives, and what is found when its files are held against each other."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.core.errors import ConfigError
from hub.core.mapping import Mapping
from hub.settings.project import load_project
from tests.unit.project_kit import FILES, connectors, load, problems, sync, write

HERE = Path(__file__).parents[2]


def codes(root, changes):
    return [p.code for p in problems(root, changes)]


def test_a_sound_project_is_read_whole(tmp_path):
    project = load(tmp_path)
    assert project.warnings == ()
    assert project.database == f"sqlite:///{tmp_path}/hub.db"
    assert project.work == "embedded"
    assert set(project.connections) == {"sf", "hs"}
    assert all(isinstance(m, Mapping) for m in project.mappings.values())
    assert project.syncs["people"].spokes[0].mapping.rules.keys() == {"email", "family_name", "phones[mobile]"}
    assert project.root == tmp_path


def test_a_folder_without_config_is_no_project(tmp_path):
    with pytest.raises(ConfigError) as caught:
        load_project(tmp_path, {}, connectors)
    (problem,) = caught.value.problems
    assert problem.code == "P010"
    assert "accordant init" in problem.hint


def test_a_project_may_be_empty(tmp_path):
    (tmp_path / "config").mkdir()
    project = load_project(tmp_path, {}, connectors)
    assert (project.connections, project.mappings, project.syncs) == ({}, {}, {})
    assert project.database == f"sqlite:///{tmp_path}/accordant.db"


@pytest.mark.parametrize(
    ("url", "env", "read"),
    [
        ("sqlite:////var/hub.db", {}, "sqlite:////var/hub.db"),
        ("sqlite:///:memory:", {}, "sqlite:///:memory:"),
        ("postgresql+psycopg://u:${PW}@h/d", {"PW": "x"}, "postgresql+psycopg://u:x@h/d"),
        ("${URL:-sqlite:////tmp/a.db}", {}, "sqlite:////tmp/a.db"),
    ],
)
def test_the_database_may_stand_anywhere(tmp_path, url, env, read):
    assert load(tmp_path, {"config/accordant.yaml": f'database: "{url}"\n'}, **env).database == read


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        ("database: mysql://x\n", "P012", "1:1"),
        ("database: ${NOT_SET}\n", "P011", "1:1"),
        ("databse: x\n", "P001", "1:1"),
        ("work: {engine: magic}\n", "P004", "1:16"),
        ("work: {threads: many}\n", "P003", "1:17"),
        ("- a\n", "P003", "1:1"),
    ],
)
def test_a_wrong_base_file_is_told(tmp_path, text, code, place):
    found = problems(tmp_path, {"config/accordant.yaml": text})
    assert (code, f"config/accordant.yaml:{place}") in {(p.code, str(p.place)) for p in found}


def test_problems_of_all_files_are_told_at_once_in_order(tmp_path):
    found = problems(
        tmp_path,
        {
            "config/accordant.yaml": "colour: red\n",
            "config/connections.yaml": FILES["config/connections.yaml"].replace("connector: mail", "connector: mial"),
            "mappings/sales.contact.yaml": FILES["mappings/sales.contact.yaml"].replace("email:", "emial:"),
            **sync("deletes: sometimes\n"),
        },
    )
    assert {"P001", "C010", "S004", "M010"} <= {p.code for p in found}
    assert found == sorted(found, key=lambda p: (p.place, p.code))


def test_a_sync_does_not_complain_about_a_mapping_that_has_problems_of_its_own(tmp_path):
    broken = FILES["mappings/sales.contact.yaml"].replace("email:", "emial:")
    assert codes(tmp_path, {"mappings/sales.contact.yaml": broken}) == ["M010"]


def test_nothing_is_half_applied(tmp_path):
    write(tmp_path, sync("deletes: sometimes\n"))
    with pytest.raises(ConfigError, match="S004") as caught:
        load_project(tmp_path, {}, connectors)
    assert "Nothing was read from or written" in caught.value.explain()


# ---------------------------------------------------------------- one object, one sync

SECOND = FILES["config/syncs/people.yaml"].replace("sync: people", "sync: more")


def test_an_object_belongs_to_one_sync(tmp_path):
    found = [p for p in problems(tmp_path, {"config/syncs/zwei.yaml": SECOND}) if p.code == "S026"]
    assert len(found) == 2
    assert str(found[0].place) == "config/syncs/zwei.yaml:5:5"
    assert "config/syncs/people.yaml:5:5" in found[0].text
    assert "Contact of `sf`" in found[0].text


def test_an_object_may_be_split_by_different_constants(tmp_path):
    def half(is_company: str, kind: str) -> str:
        text = FILES["mappings/mail.contact.yaml"].replace("person", kind).replace("family_name: lastname", "name: nm")
        return text + f"only: {{is_company: {is_company}}}\n"

    other = SECOND.replace("kind: person", "kind: organization").replace("mail.contact", "mail.company")
    other = "\n".join(line for line in other.splitlines() if "sales.contact" not in line) + "\n"
    changes = {
        "mappings/mail.contact.yaml": half("false", "person").replace("name: nm", "family_name: nm"),
        "mappings/mail.company.yaml": half("true", "organization"),
        "config/syncs/zwei.yaml": other,
    }
    assert codes(tmp_path, changes) == []
    changes["mappings/mail.company.yaml"] = half("'false'", "organization")
    assert codes(tmp_path, changes) == ["S026"]


def test_two_syncs_may_not_share_a_name(tmp_path):
    found = problems(tmp_path, {"config/syncs/zwei.yaml": FILES["config/syncs/people.yaml"]})
    assert any(p.code == "S010" and "config/syncs/people.yaml" in p.hint for p in found)


@pytest.mark.parametrize(
    ("after", "code", "said"),
    [
        ("after: nothing\n", "S024", "no sync `nothing`"),
        ("after: [peple]\n", "S024", "no sync `peple`"),
        ("after: people\n", "S025", "people → people"),
    ],
)
def test_the_order_of_syncs_is_checked(tmp_path, after, code, said):
    (problem,) = problems(tmp_path, sync(after))
    assert problem.code == code
    assert said in problem.text


def test_a_circle_of_syncs_is_told_with_its_way(tmp_path):
    mapping = FILES["mappings/mail.contact.yaml"].replace("contacts", "others")
    two = """\
sync: two
entity: customer
kind: person
after: people
spokes:
  - {connection: hs, mapping: mail.other}
"""
    found = problems(
        tmp_path, {"mappings/mail.other.yaml": mapping, "config/syncs/two.yaml": two, **sync("after: [two]\n")}
    )
    assert {p.text.partition(": ")[2] for p in found if p.code == "S025"} == {
        "people → two → people",
        "two → people → two",
    }


# ---------------------------------------------------------------- across mappings


def test_a_mapping_that_no_sync_uses_is_a_warning(tmp_path):
    (problem,) = problems(tmp_path, {"mappings/mail.other.yaml": FILES["mappings/mail.contact.yaml"]})
    assert (problem.code, problem.level) == ("S041", "warning")


def test_a_reference_that_no_sync_holds_is_a_warning_and_a_wrong_entity_an_error(tmp_path):
    base = FILES["mappings/sales.contact.yaml"]
    (lost,) = problems(
        tmp_path, {"mappings/sales.contact.yaml": base + "  owner: {field: O, ref: user, object: User}\n"}
    )
    assert (lost.code, lost.level) == ("S042", "warning")
    (wrong,) = problems(
        tmp_path, {"mappings/sales.contact.yaml": base + "  owner: {field: O, ref: user, object: Contact}\n"}
    )
    assert (wrong.code, wrong.hint) == ("S027", "Write `ref: customer`.")


def test_values_that_the_other_side_cannot_take_are_told(tmp_path):
    table = "  lead_source: {{field: Source, values: {{A: web, B: {other}}}}}\n"
    (problem,) = problems(
        tmp_path,
        {
            "mappings/sales.contact.yaml": FILES["mappings/sales.contact.yaml"] + table.format(other="fax"),
            "mappings/mail.contact.yaml": FILES["mappings/mail.contact.yaml"]
            + "  lead_source: {field: source, values: {a: web}}\n",
        },
    )
    assert (problem.code, problem.level) == ("S043", "warning")
    assert "fax" in problem.text and "`sf`" in problem.text
    assert str(problem.place) == "mappings/mail.contact.yaml:8:3"


# ---------------------------------------------------------------- files


def test_a_mapping_for_a_connector_that_is_not_there_is_told(tmp_path):
    found = problems(tmp_path, {"mappings/x.yaml": FILES["mappings/mail.contact.yaml"].replace("mail\n", "mial\n")})
    assert "M009" in {p.code for p in found}


def test_files_for_tests_and_other_files_are_no_mappings(tmp_path):
    changes = {
        "mappings/mail.contact.test.yaml": "- name: x\n",
        "mappings/README.md": "# hello",
        "mappings/a.yaml.bak": "x",
    }
    assert set(load(tmp_path, changes).mappings) == {"sales.contact", "mail.contact"}


def test_a_link_out_of_the_project_is_refused(tmp_path):
    outside = tmp_path / "outside.yaml"
    outside.write_text(FILES["mappings/mail.contact.yaml"])
    root = write(tmp_path / "project")
    (root / "mappings" / "evil.yaml").symlink_to(outside)
    with pytest.raises(ConfigError) as caught:
        load_project(root, {}, connectors)
    assert [p.code for p in caught.value.problems] == ["Y016"]


# ---------------------------------------------------------------- the model


def test_a_project_may_add_fields_and_entities(tmp_path):
    fields = "  customer: {fields: {tier: text, seats: {kind: integer, help: x}}}\n"
    model = f"entities:\n{fields}  project: {{kinds: [big, small], fields: {{'notes[]': text}}}}\n"
    mapping = FILES["mappings/sales.contact.yaml"] + "  tier: Tier\n  seats: Seats\n"
    project = load(tmp_path, {"config/model.yaml": model, "mappings/sales.contact.yaml": mapping})
    assert project.mappings["sales.contact"].rules["seats"].kind == "integer"
    assert project.model.entities["project"].kind_of("notes[any]") == "text"
    assert project.model.entities["customer"].kind_of("email") == "email"


@pytest.mark.parametrize(
    ("model", "code"),
    [
        ("entities: {customer: {fields: {tier: txt}}}\n", "P004"),
        ("entities: {customer: {fields: {'Tier Name': text}}}\n", "P013"),
        ("entities: {customer: {feilds: {}}}\n", "P001"),
        ("entitys: {}\n", "P001"),
    ],
)
def test_a_wrong_model_is_told(tmp_path, model, code):
    assert code in codes(tmp_path, {"config/model.yaml": model})


def test_the_fingerprint_follows_meaning(tmp_path):
    def print_of(name, changes):
        return load(tmp_path / name, changes).fingerprint

    base = print_of("a", {})
    assert print_of("b", sync("# a remark\n")) == base
    assert print_of("c", sync("deletes: ignore\n")) != base
    assert (
        print_of("d", {"mappings/mail.contact.yaml": FILES["mappings/mail.contact.yaml"] + "  job_title: jt\n"}) != base
    )
    assert print_of("e", {"config/model.yaml": "entities: {customer: {fields: {tier: text}}}\n"}) != base


def test_the_example_project_is_sound():
    from importlib.metadata import entry_points

    def installed(name):
        return next((e.load() for e in entry_points(group="accordant.connectors") if e.name == name), None)

    project = load_project(HERE, {}, installed)
    assert {"users", "organizations", "customers"} <= set(project.syncs)
    assert {p.code for p in project.warnings} <= {"S043", "M030"}
