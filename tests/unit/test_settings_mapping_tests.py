"""Tests beside mappings, and the schemas of all files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hub.settings.mapping_tests import run_tests
from hub.settings.schema import schemas
from tests.unit.project_kit import Sales, load

HERE = Path(__file__).parents[2]
MAPPING = """\
connector: mail
object: contacts
entity: customer
set: {kind: person}
fields:
  email: {field: email, as: email}
  family_name: {field: lastname, default: "(unknown)"}
  lead_source: {field: src, values: {Web: web}}
  employees: size
  tags: {field: tags, separator: ";"}
  organization: {field: org, ref: customer, object: orgs}
  label: {field: label, direction: write, value: upper(family_name)}
"""


def run(root, tests, mapping=MAPPING):
    project = load(root, {"mappings/mail.contact.yaml": mapping, "mappings/mail.contact.test.yaml": tests})
    return run_tests(root, project.mappings)


def one(root, test):
    (result,) = run(root, "- name: it works\n" + test)
    return result


@pytest.mark.parametrize(
    "test",
    [
        '  record: {email: " ANA@X.ORG ", lastname: Díaz}\n  canonical: {email: ana@x.org, family_name: Díaz, kind: person}\n',
        "  record: {lastname: (unknown)}\n  canonical: {family_name: null, kind: person}\n",
        "  record: {lastname: (unknown)}\n  canonical: {kind: person}\n",
        "  record: {size: '12'}\n  canonical: {employees: 12, kind: person}\n  back: {size: 12}\n",
        "  record: {tags: b;a}\n  canonical: {tags: [a, b], kind: person}\n  back: {tags: a;b}\n",
        "  record: {org: 7}\n  canonical: {organization: orgs/7, kind: person}\n  back: {org: '7'}\n",
        "  record: {src: Fax}\n  refused: lead_source\n",
        "  record: {lastname: Díaz}\n  back: {lastname: Díaz, label: DÍAZ}\n",
        "  canonical: {email: ana@x.org}\n  back: {email: ana@x.org}\n",
        "  canonical: {email: ana@x.org}\n  back: {email: ana@x.org, lastname: (unknown)}\n",
    ],
)
def test_a_test_that_holds_passes(tmp_path, test):
    result = one(tmp_path, test)
    assert result.passed, result


@pytest.mark.parametrize(
    ("test", "field", "expected", "got", "place", "step", "step_place"),
    [
        (
            "  record: {email: A@X.ORG}\n  canonical: {email: b@x.org}\n",
            "email",
            '"b@x.org"',
            '"a@x.org"',
            "3:22",
            "as: email",
            "6:29",
        ),
        (
            "  record: {lastname: X}\n  canonical: {family_name: Y}\n",
            "family_name",
            '"Y"',
            '"X"',
            "3:28",
            "field",
            "7:3",
        ),
        (
            "  record: {lastname: (unknown)}\n  canonical: {family_name: Y}\n",
            "family_name",
            '"Y"',
            "None",
            "3:28",
            "default",
            "7:43",
        ),
        (
            "  record: {src: Web}\n  canonical: {lead_source: fax}\n",
            "lead_source",
            '"fax"',
            '"web"',
            "3:28",
            "values",
            "8:37",
        ),
        (
            "  record: {size: '5'}\n  canonical: {employees: 6}\n",
            "employees",
            '"6"',
            "5 (number)",
            "3:26",
            "as: integer",
            "9:14",
        ),
        ("  record: {}\n  canonical: {email: b@x.org}\n", "email", '"b@x.org"', "nothing", "3:22", "field", "6:3"),
        (
            "  record: {lastname: X}\n  canonical: {kind: person}\n",
            "family_name",
            "nothing",
            '"X"',
            "3:14",
            "field",
            "7:3",
        ),
        (
            "  record: {src: Fax}\n  canonical: {kind: person}\n",
            "lead_source",
            "a value",
            "refused",
            "2:11",
            "refused",
            "8:3",
        ),
        (
            "  record: {src: Web}\n  canonical: {lead_source: web}\n  refused: email\n",
            "email",
            "to be refused",
            "it was read",
            "4:12",
            "",
            "",
        ),
        ("  canonical: {employees: 5}\n  back: {size: '5'}\n", "size", '"5"', "5 (number)", "3:16", "integer", "9:3"),
        ("  canonical: {email: a@x.org}\n  back: {email: a@x.org, m: x}\n", "m", '"x"', "nothing", "3:29", "", ""),
        ("  canonical: {email: a@x.org}\n  back: {}\n", "email", "nothing", '"a@x.org"', "3:9", "email", "6:3"),
        ("  canonical: {lead_source: fax}\n  back: {src: Fax}\n", "back", "a record", "refused", "3:9", "refused", ""),
        ("  record: {}\n  canonical: {no_field: x}\n", "no_field", '"x"', "nothing", "3:25", "", ""),
    ],
)
def test_a_test_that_fails_names_the_step(tmp_path, test, field, expected, got, place, step, step_place):
    result = one(tmp_path, test)
    (difference,) = result.differences
    assert (difference.field, difference.expected, difference.step) == (field, expected, step)
    assert difference.got.startswith(got)
    assert str(difference.place) == f"mappings/mail.contact.test.yaml:{place}"
    assert str(difference.step_place) == (f"mappings/mail.contact.yaml:{step_place}" if step_place else "")


def test_an_expected_value_is_read_as_the_type_of_its_field(tmp_path):
    assert one(tmp_path, "  record: {email: A@X.ORG, size: 5}\n  canonical: {email: A@x.org, employees: '5'}\n").passed


@pytest.mark.parametrize(
    ("tests", "code"),
    [
        ("- nam: x\n  record: {}\n", "T001"),
        ("- record: {}\n", "T002"),
        ("name: x\n", "T003"),
        ("- name: x\n  name: y\n", "Y003"),
    ],
)
def test_a_wrong_test_file_is_told(tmp_path, tests, code):
    (result,) = run(tmp_path, tests)
    assert not result.passed
    assert code in {p.code for p in result.problems}


def test_a_test_without_a_mapping_is_told(tmp_path):
    project = load(tmp_path, {"mappings/other.test.yaml": "- name: x\n"})
    (result,) = run_tests(tmp_path, project.mappings)
    assert "no mapping `other`" in result.problems[0].text


def test_tests_may_be_chosen_by_mapping(tmp_path):
    tests = "- name: x\n  record: {}\n"
    project = load(tmp_path, {"mappings/mail.contact.test.yaml": tests, "mappings/sales.contact.test.yaml": tests})
    assert [r.mapping for r in run_tests(tmp_path, project.mappings, ["sales.contact"])] == ["sales.contact"]
    assert len(run_tests(tmp_path, project.mappings)) == 2


# ---------------------------------------------------------------- schemas


def test_there_is_a_schema_for_every_kind_of_file():
    made = schemas([Sales])
    assert set(made) == {"accordant", "connections", "model", "sync", "mapping", "mapping_test"}
    assert all(s["$schema"].endswith("2020-12/schema") and s["title"] for s in made.values())
    assert json.loads(json.dumps(made)) == made


def test_the_mapping_schema_knows_words_and_fields():
    made = schemas()["mapping"]["properties"]
    field = made["fields"]["additionalProperties"]["anyOf"][1]
    assert "email" in field["properties"]["as"]["enum"]
    assert "given_name" in made["fields"]["properties"]
    assert made["entity"]["enum"] == ["customer", "user"]


def test_a_connection_schema_lists_the_options_of_its_connector():
    entry = schemas([Sales])["connections"]["properties"]["connections"]["additionalProperties"]["anyOf"][0]
    assert entry["properties"]["connector"] == {"const": "sales"}
    assert entry["properties"]["url"]["description"] == "Where it is"
    assert [a["properties"]["kind"]["const"] for a in entry["properties"]["auth"]["anyOf"]] == ["token", "password"]
    assert set(entry["required"]) == {"connector", "url", "auth"}


def fits(schema, data):
    """The part of JSON Schema that our schemas use."""
    if "anyOf" in schema:
        return any(fits(s, data) for s in schema["anyOf"])
    if "const" in schema or "enum" in schema:
        return data in schema.get("enum", [schema.get("const")])
    kinds = {
        "object": dict,
        "array": list,
        "string": str,
        "boolean": bool,
        "integer": int,
        "number": (int, float),
        "null": type(None),
    }
    named = schema.get("type", [])
    named = [named] if isinstance(named, str) else named
    if named and not any(isinstance(data, kinds[n]) for n in named):
        return False
    if isinstance(data, list):
        return all(fits(schema.get("items", {}), d) for d in data)
    if not isinstance(data, dict):
        return True
    known, more = schema.get("properties", {}), schema.get("additionalProperties", True)
    return set(schema.get("required", ())) <= data.keys() and all(
        fits(known[k], v) if k in known else more is not False and (more is True or fits(more, v))
        for k, v in data.items()
    )


@pytest.mark.parametrize(
    ("kind", "pattern"),
    [
        ("mapping", "mappings/*[a-z].yaml"),
        ("sync", "config/syncs/*.yaml"),
        ("mapping_test", "mappings/*.test.yaml"),
        ("accordant", "config/accordant.yaml"),
        ("model", "config/model.yaml"),
    ],
)
def test_the_example_files_fit_their_schemas(kind, pattern):
    from hub.settings.yaml import read

    schema = schemas()[kind]
    files = [p for p in HERE.glob(pattern) if (kind == "mapping_test") == p.name.endswith(".test.yaml")]
    assert files
    for path in files:
        node, problems = read(path, path.name)
        assert not problems and node is not None
        assert fits(schema, node.value), path


def test_a_wrong_file_does_not_fit_its_schema():
    made = schemas()
    assert not fits(made["sync"], {"sync": "x", "entity": "customer", "spokes": [], "deletes": "sometimes"})
    assert not fits(
        made["mapping"], {"connector": "a", "object": "b", "entity": "customer", "fields": {"email": {"as": "mail"}}}
    )
    assert not fits(made["mapping"], {"connector": "a", "object": "b", "fields": {}})


def test_the_example_mappings_pass_their_own_tests():
    from hub.core.compile import Surroundings, compile_mapping
    from hub.core.entities import STANDARD
    from hub.core.shapes import Findings
    from hub.settings.tools import TOOLS
    from hub.settings.yaml import read

    mappings = {}
    for path in HERE.glob("mappings/*.yaml"):
        if not path.name.endswith(".test.yaml"):
            node, _ = read(path, path.name)
            mappings[path.stem] = compile_mapping(node, path.stem, Findings("M"), Surroundings(STANDARD, TOOLS))
    results = run_tests(HERE, mappings)
    assert len(results) >= 10
    assert [r for r in results if not r.passed] == []
