"""Round trips and shapes: what a mapping loses is said, and declared files are checked by one rule."""

from __future__ import annotations

import pytest

from hub.core.entities import STANDARD, well_formed
from hub.core.errors import Place
from hub.core.lint import SAMPLES, samples, validate_round_trip
from hub.core.shapes import (
    Block,
    Findings,
    Integer,
    Key,
    ListOf,
    MapOf,
    Parsed,
    Scalar,
    Shape,
    Text,
    did_you_mean,
    nearest,
    plain_number,
)
from hub.core.tree import Node, plant
from hub.core.values import KINDS, tidy
from tests.unit.mapping_kit import contact


def lost(**fields):
    return [p.text for p in validate_round_trip(contact(**fields))]


def test_a_plain_mapping_loses_nothing():
    mapping = contact(
        given_name="FirstName",
        email={"field": "Email", "as": "email"},
        phones__mobile={"field": "MobilePhone", "as": "phone"},
        address__country={"field": "Country", "as": "country", "written": "name"},
        annual_revenue={"field": "R", "currency": "EUR"},
        credit_limit={"field": "L", "currency": {"field": "C"}},
        tags={"field": "T", "separator": ";"},
        employees={"field": "E", "written": "text"},
        birth_date={"field": "B", "as": "epoch_ms"},
        created_at={"field": "At", "as": "datetime"},
        email_opt_out={"field": "O", "as": "not"},
        custom__ratio={"field": "Q", "as": "percent"},
        organization={"field": "A", "ref": "customer", "object": "Account"},
        website="Site",
        language="Lang",
        description={"field": "D", "direction": "read", "as": "first_word"},
    )
    assert validate_round_trip(mapping) == []


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"job_title": {"field": "T", "length": 10}}, "does not come back"),
        ({"job_title": {"field": "T", "as": "lower"}}, "`Ana Díaz` is read again as `ana díaz`"),
        ({"created_at": {"field": "C", "as": "date"}}, "does not come back"),
        ({"created_at": {"field": "C", "as": "epoch_s"}}, "does not come back"),
        ({"custom__n": {"field": "N", "as": "integer", "kind": "number"}}, "does not come back"),
        (
            {"lead_source": {"field": "L", "values": {"A": "x", "B": "x"}, "back": {"x": "A"}}},
            "folds values: `B` is written back as `A`",
        ),
        (
            {"tags": {"field": "T", "separator": ";", "values": {"A": "x", "B": "x"}, "back": {"x": "A"}}},
            "folds values",
        ),
        ({"tags": {"field": "T", "separator": " "}}, "does not come back"),
    ],
)
def test_what_a_mapping_loses_is_said(fields, said):
    (text,) = lost(**fields)
    assert said in text


def test_samples_come_from_the_table_where_there_is_one():
    mapping = contact(
        lead_source={"field": "L", "values": {"A": "x", "B": None}}, tags={"field": "T", "values": {"A": "a"}}
    )
    assert samples(mapping.rules["lead_source"]) == ("x",)
    assert samples(mapping.rules["tags"]) == (["a"],)


def test_there_are_tidy_samples_of_every_type():
    assert set(SAMPLES) | {"money", "ref"} == set(KINDS)
    for kind, values in SAMPLES.items():
        assert all(tidy(kind, v) == v for v in values), kind


# ---------------------------------------------------------------- shapes

SHAPE = Shape(
    "a thing",
    (
        Key("name", Text(), "its name", required=True, example="x"),
        Key("size", Integer(1, 9), "how large", default=3),
        Key("colours", ListOf(Text(("red", "green")), lone=True), "in which colours"),
        Key("parts", MapOf(Scalar()), "what it is made of"),
        Key("weight", Parsed(plain_number, "a number"), "how heavy"),
    ),
    short="name",
)


def read(data) -> tuple[Block, list[str]]:
    found = Findings("Q")
    return SHAPE.read(plant(data), found), [p.code for p in found.problems]


def test_a_shape_reads_values_and_fills_in_defaults():
    block, problems = read({"name": "a", "colours": "red", "parts": {"x": 1}, "weight": "1.5"})
    assert problems == []
    assert block.values == {"name": "a", "size": 3, "colours": ["red"], "parts": {"x": 1}, "weight": "1.5"}
    assert "size" not in block and "name" in block


def test_one_word_may_stand_for_the_whole_block():
    block, problems = read("a")
    assert (block["name"], problems) == ("a", [])


@pytest.mark.parametrize(
    ("data", "codes"),
    [
        ({}, ["Q002"]),
        ({"name": "a", "colour": "x"}, ["Q001"]),
        ({"name": "a", "x-own": [1]}, []),
        ({"name": ["a"]}, ["Q003"]),
        ({"name": "a", "size": 10}, ["Q003"]),
        ({"name": "a", "size": "9" * 30}, ["Q003"]),
        ({"name": "a", "colours": ["red", "blue", "pink"]}, ["Q004", "Q004"]),
        ({"name": "a", "colours": {}}, ["Q003", "Q003"]),
        ({"name": "a", "parts": "x"}, ["Q003"]),
        ({"name": "a", "parts": {"x": [1]}}, ["Q003"]),
        ({"name": "a", "weight": "heavy"}, ["Q005"]),
        ([1], ["Q003"]),
    ],
)
def test_every_problem_of_a_block_is_told(data, codes):
    problems = read(data)[1]
    assert set(problems) == set(codes)


def test_a_schema_is_made_from_the_same_declaration():
    block = SHAPE.schema()["anyOf"][1]
    assert block["required"] == ["name"]
    assert block["properties"]["size"] == {
        "description": "how large",
        "type": "integer",
        "minimum": 1,
        "maximum": 9,
        "default": 3,
    }
    assert block["additionalProperties"] is False


@pytest.mark.parametrize(
    ("word", "known", "meant"),
    [
        ("emial", ["email", "name"], "email"),
        ("givenName", ["given_name", "x"], "given_name"),
        ("qqq", ["email"], ""),
        ("x", [], ""),
    ],
)
def test_the_nearest_word_is_found(word, known, meant):
    assert nearest(word, known) == meant


def test_where_nothing_is_near_the_names_are_listed():
    assert did_you_mean("qqq", ["a", "b"]) == "Known: a, b."
    assert did_you_mean("qqq", []) == ""
    assert "(20 in all)" in did_you_mean("???", [f"name{i}" for i in range(20)], limit=3)


def test_plain_data_becomes_a_tree_and_plain_data_again():
    data = {"a": [1, "1", True, None, {"b": "x"}], "c": 1.5}
    assert plant(data).value == data
    assert plant(data, Place("f", 1, 2)).entries["a"].items[0].place == Place("f", 1, 2)
    assert Node(text="", plain=True).empty and not Node(text="").empty


# ---------------------------------------------------------------- the canonical model


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("given_name", "name"),
        ("phones[mobile]", "phone"),
        ("address.country", "country"),
        ("addresses[billing].city", "text"),
        ("custom.anything", "text"),
        ("organization", "ref"),
        ("email_opt_out", "consent"),
        ("annual_revenue", "money"),
        ("phones", None),
        ("address", None),
        ("nothing", None),
    ],
)
def test_a_path_has_its_type(path, kind):
    assert STANDARD.entities["customer"].kind_of(path) == kind


def test_every_declared_field_has_a_known_type():
    for entity in STANDARD.entities.values():
        for path, kind in entity.fields.items():
            assert kind in KINDS
            assert well_formed(path.replace("[]", "[x]"))


def test_a_model_is_extended_without_losing_anything():
    model = STANDARD.extend("customer", fields={"tier": "text"}).extend("thing", kinds=("a",), fields={"x": "set"})
    assert model.entities["customer"].kind_of("tier") == "text"
    assert model.entities["customer"].kind_of("email") == "email"
    assert model.entities["thing"].kinds == ("a",)
    assert "tier" not in STANDARD.entities["customer"].fields
