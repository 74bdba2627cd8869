"""Mappings that are wrong: every problem with its place, its code, and what to do."""

from __future__ import annotations

import pytest

from hub.core.declarations import FIELD, MAPPING
from hub.core.shapes import Findings
from hub.core.tree import plant
from tests.unit.mapping_kit import codes, problems, yaml_mapping

HEAD = "connector: salesforce\nobject: Contact\nentity: customer\nset: {kind: person}\n"


@pytest.mark.parametrize(
    ("fields", "code", "said"),
    [
        ({"given_nam": "A"}, "M010", "customer has no field `given_nam`"),
        ({"phones[mobile].x": "A"}, "M010", "no field"),
        ({"adress.city": "A"}, "M010", "no field"),
        ({"Given Name": "A"}, "M011", "not a field path"),
        ({"phones[": "A"}, "M011", "not a field path"),
        ({"email": {}}, "M014", "names no remote field"),
        ({"email": {"as": "email"}}, "M014", "names no remote field"),
        ({"organization": {"field": "A", "association": "b", "ref": "customer", "object": "C"}}, "M014", "two sources"),
        ({"email": {"field": "E", "as": "mail"}}, "M004", "`mail` is not one of"),
        ({"email": {"field": "E", "as": "phone"}}, "M017", "`email` is email"),
        ({"birth_date": {"field": "B", "as": "text"}}, "M017", "`birth_date` is date"),
        ({"job_title": {"field": "T", "as": "digits"}}, "M018", "no way back"),
        ({"job_title": {"field": "T", "as": "first_word", "direction": "write"}}, "M018", "no way back"),
        ({"custom.x": {"field": "X", "kind": "txt"}}, "M019", "no canonical type `txt`"),
        ({"lead_source": {"field": "L", "values": {"A": "x", "B": "x"}}}, "M020", "both read as `x`"),
        ({"lead_source": {"field": "L", "values": {"A": "x"}, "back": {"y": "A"}}}, "M020", "does not give"),
        ({"lead_source": {"field": "L", "values": {"A": "x"}, "back": {"x": "B"}}}, "M020", "not read as `x`"),
        ({"organization": "AccountId"}, "M021", "`ref` is missing"),
        ({"organization": {"field": "A", "ref": "customer"}}, "M021", "to which object"),
        ({"organization": {"field": "A", "ref": "custmer", "object": "Account"}}, "M021", "no entity `custmer`"),
        ({"annual_revenue": "R"}, "M022", "no currency"),
        ({"annual_revenue": {"field": "R", "as": "money"}}, "M022", "no currency"),
        ({"given_name": "A", "family_name": "A"}, "M023", "has a writer"),
        ({"job_title": {"field": "T", "separator": ";"}}, "M024", "`separator` has no meaning"),
        ({"job_title": {"field": "T", "currency": "EUR"}}, "M024", "`currency` has no meaning"),
        ({"job_title": {"field": "T", "region": "DE"}}, "M024", "`region` has no meaning"),
        ({"job_title": {"field": "T", "ref": "user", "object": "User"}}, "M024", "`ref` has no meaning"),
        ({"job_title": {"field": "T", "label": "x"}}, "M024", "without `association`"),
        ({"job_title": {"field": "T", "object": "x"}}, "M024", "without `ref`"),
        ({"job_title": {"field": "T", "back": {"a": "b"}}}, "M024", "without `values`"),
        ({"email": {"field": "E", "length": 20}}, "M024", "a cut would break it"),
        ({"job_title": {"field": "T", "direction": "read", "default": "x"}}, "M024", "only read"),
        ({"organization": {"field": "A", "ref": "customer", "object": "B", "as": "text"}}, "M024", "on a reference"),
        ({"job_title": {"value": "record.A"}}, "M025", "flows both ways"),
        ({"job_title": {"field": "T", "direction": "write", "value": "record.A"}}, "M025", "looks at `record`"),
        ({"job_title": {"field": "T", "direction": "read", "value": "record.A"}}, "M024", "not read from `field`"),
        ({"job_title": {"direction": "write", "value": "given_name"}}, "M014", "to write"),
        ({"job_title": {"direction": "read", "value": "record.A +"}}, "X002", "cannot be read"),
        ({"job_title": {"direction": "read", "value": "given_name"}}, "X006", "there is no `given_name`"),
        ({"employees": {"field": "E", "default": "many"}}, "M026", "is not integer"),
        ({"job_title": {"field": "T", "default": ""}}, "M026", "empty"),
        ({"active": {"field": "A", "values": {"X": "maybe"}}}, "M026", "does not fit"),
        ({"lead_source": {"field": "L", "values": {}}}, "M028", "empty"),
        ({"address__country": {"field": "C", "written": "nmae"}}, "M029", "not a form"),
        ({"email": {"field": "E", "written": "name"}}, "M029", "not a form"),
        ({"email": {"field": "E", "required": "yes"}}, "M003", "expected true or false"),
        ({"email": {"field": "E", "direction": "bth"}}, "M004", "`bth` is not one of"),
        ({"email": {"feild": "E"}}, "M001", "unknown key `feild`"),
        ({"email": ["E"]}, "M003", "found a list"),
        ({"email": {"field": ["E"]}}, "M003", "expected text"),
        ({"job_title": {"field": "T", "length": 0}}, "M003", "whole number"),
        ({"annual_revenue": {"field": "R", "currency": "Euro"}}, "M005", "three capital letters"),
        ({"job_title": {"field": "T", "on_empty": {"read": "skip"}}}, "M004", "`skip` is not one of"),
    ],
)
def test_a_wrong_field_is_told(fields, code, said):
    found = [p for p in problems(fields) if p.level == "error"]
    assert any(p.code == code and said in p.text for p in found), found


def test_where_a_problem_has_a_likely_cause_it_names_it():
    hints = {
        p.code + p.text: p.hint
        for p in problems({"given_nam": "A", "email": {"feild": "E"}, "job_title": {"field": "T", "as": "txt"}})
    }
    said = " ".join(hints.values())
    assert "Did you mean `given_name`?" in said
    assert "Did you mean `field`?" in said
    assert "Did you mean `text`?" in said


def test_a_keyed_field_is_guessed_with_its_key():
    (problem,) = problems({"phone[mobile]": "M"})
    assert "`phones[mobile]`" in problem.hint


@pytest.mark.parametrize(
    ("text", "place", "code"),
    [
        (HEAD + "fields:\n  given_nam: A\n", "m.yaml:6:3", "M010"),
        (HEAD + "fields:\n  email: {field: E, as: mail}\n", "m.yaml:6:25", "M004"),
        (HEAD + "fields:\n  email:\n    field: E\n    requird: true\n", "m.yaml:8:5", "M001"),
        (HEAD + "fields:\n  job_title: {direction: read, value: 'record.A + foo'}\n", "m.yaml:6:51", "X006"),
        (HEAD + "fields:\n  job_title:\n    direction: read\n    value: record.A + foo\n", "m.yaml:8:23", "X006"),
        (
            HEAD + "fields:\n  job_title:\n    direction: read\n    value: |\n      record.A +\n      foo\n",
            "m.yaml:10:1",
            "X006",
        ),
        (HEAD + "fields:\n  lead_source: {field: L, values: {A: x, B: x}}\n", "m.yaml:6:42", "M020"),
        (HEAD + "fields: {}\n", "m.yaml:5:9", "M006"),
        (HEAD + "fields:\n", "m.yaml:5:8", "M006"),
        (HEAD, "m.yaml:1:1", "M002"),
        (HEAD.replace("customer", "custmer") + "fields:\n  email: E\n", "m.yaml:3:9", "M012"),
        (HEAD.replace("person", "persn") + "fields:\n  email: E\n", "m.yaml:4:13", "M013"),
        (HEAD.replace("kind: person", "knd: x") + "fields:\n  email: E\n", "m.yaml:4:7", "M010"),
        (HEAD.replace("kind: person", "active: maybe") + "fields:\n  email: E\n", "m.yaml:4:15", "M026"),
        (HEAD + "only: {E: x}\nfields:\n  email: E\n", "m.yaml:5:8", "M027"),
        ("just text\n", "m.yaml:1:1", "M003"),
        ("- a\n- b\n", "m.yaml:1:1", "M003"),
        ("", "m.yaml:1:1", "M003"),
    ],
)
def test_a_problem_stands_at_its_line_and_column(text, place, code):
    mapping, found = yaml_mapping(text)
    assert mapping is None
    assert (place, code) in {(str(p.place), p.code) for p in found}


def test_all_problems_of_a_file_are_told_at_once():
    fields = "  given_nam: A\n  email: {field: E, as: mail}\n  annual_revenue: R\n  employees: {field: S, default: x}\n"
    text = HEAD + "colour: red\nfields:\n" + fields
    _, found = yaml_mapping(text)
    assert {p.code for p in found} == {"M001", "M010", "M004", "M022", "M026"}


@pytest.mark.parametrize(
    "fields",
    [
        {"lead_source": {"field": "L", "direction": "read", "values": {"A": "x", "B": "x"}}},
        {"job_title": {"field": "T", "direction": "read", "as": "first_word"}},
        {"custom.anything": "X"},
        {"custom.size": {"field": "X", "as": "integer"}},
        {"custom.when": {"field": "X", "kind": "date"}},
        {"custom.tags": {"field": "X", "separator": ","}},
        {"custom.boss": {"field": "X", "ref": "user", "object": "User"}},
        {
            "annual_revenue": {"field": "R", "currency": {"field": "C"}},
            "credit_limit": {"field": "L", "currency": {"field": "C"}},
        },
        {"website": "Site", "domain": {"field": "Site", "as": "domain", "direction": "read"}},
        {"only_there": {"field": "F", "direction": "write", "value": "upper(given_name)"}},
        {"phones__any": "P", "addresses[billing].city": "C", "external_ids[erp]": "X", "social[x]": "S"},
    ],
)
def test_what_is_allowed_is_allowed(fields):
    assert codes(fields) == []


def test_the_type_of_a_field_of_ones_own_comes_from_its_word():
    from tests.unit.mapping_kit import contact

    mapping = contact(
        custom__size={"field": "S", "as": "integer"}, custom__boss={"field": "B", "ref": "user", "object": "User"}
    )
    assert mapping.rules["custom.size"].kind == "integer"
    assert mapping.rules["custom.boss"].kind == "ref"


def test_a_loss_that_is_declared_by_the_word_is_a_warning():
    (problem,) = problems({"created_at": {"field": "C", "as": "date"}})
    assert (problem.level, problem.code) == ("warning", "M030")
    assert "time of day" in problem.text


def test_every_key_has_help():
    for shape in (FIELD, MAPPING):
        assert all(key.help for key in shape.keys)


@pytest.mark.parametrize(
    "junk",
    [None, 7, "text", [], [1], {"fields": 7}, {"fields": {"email": None}}, {"fields": {"email": 7}}, {"connector": []}],
)
def test_no_shape_of_data_makes_the_compiler_fail(junk):
    from hub.core.compile import compile_mapping

    found = Findings("M")
    assert compile_mapping(plant(junk), "m", found) is None
    assert found.errors


def test_a_file_of_thousands_of_wrong_keys_is_answered_in_a_few_lines():
    head = {f"key{i}": i for i in range(20_000)}
    assert len(problems({"email": "E"}, **head)) == 20
    assert codes({f"custom.f{i}": "F" for i in range(1_001)}) == ["M007"]
    (problem,) = [p for p in problems({"email": {"x" * 100_000: "E", "field": "E"}})]
    assert len(str(problem)) < 1_000
