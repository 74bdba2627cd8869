"""What every kind of rule must keep: absent, null and unresolved stay apart, and no personal value is in a message."""

from __future__ import annotations

import pytest

from hub.core.errors import Place, Reject
from hub.core.functions import FUNCTIONS, as_text, bounded
from hub.core.model import ABSENT, UNRESOLVED
from hub.core.rules import FieldRule, PairRule, ReadExpression, RefRule, WriteExpression, remote_id
from tests.unit.mapping_kit import REFS, contact, yaml_mapping

MAPPING = contact(
    given_name="FirstName",
    email={"field": "Email", "as": "email", "required": True},
    phones__mobile={"field": "Mobile", "as": "phone"},
    birth_date={"field": "Born", "as": "date"},
    employees={"field": "Size", "as": "integer"},
    tags={"field": "Tags", "separator": ";"},
    lead_source={"field": "Source", "values": {"Web": "web"}},
    annual_revenue={"field": "Revenue", "currency": "EUR"},
    credit_limit={"field": "Limit", "currency": {"field": "Iso"}},
    organization={"field": "AccountId", "ref": "customer", "object": "Account"},
    parent={"association": "companies", "label": "parent", "ref": "customer", "object": "Account"},
    email_opt_out={"field": "Out", "as": "consent"},
    custom__fee={"direction": "read", "value": "record.A * record.B", "as": "number"},
    label={"field": "Label", "direction": "write", "value": "upper(given_name)"},
)
RECORD = {
    "FirstName": "Ana",
    "Email": "ana@example.org",
    "Mobile": "+34600100200",
    "Born": "1980-01-31",
    "Size": 5,
    "Tags": "a;b",
    "Source": "Web",
    "Revenue": 12.5,
    "Limit": 3,
    "Iso": "USD",
    "AccountId": "a1",
    "@companies.parent": "a1",
    "Out": True,
    "A": 2,
    "B": 3,
    "Label": "ANA",
}
RULES = list(MAPPING.rules.values())
BY_PATH = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.path)


def test_the_kinds_of_rules_are_chosen_by_what_is_declared():
    kinds = {path: type(rule) for path, rule in MAPPING.rules.items()}
    assert kinds["given_name"] is FieldRule
    assert kinds["annual_revenue"] is FieldRule
    assert kinds["credit_limit"] is PairRule
    assert kinds["organization"] is kinds["parent"] is RefRule
    assert kinds["custom.fee"] is ReadExpression
    assert kinds["label"] is WriteExpression


@BY_PATH
def test_spread_is_the_inverse_of_raw(rule):
    raw = rule.raw(RECORD)
    assert raw is not ABSENT
    assert rule.spread(raw) == {name: RECORD[name] for name in rule.remote_names()}
    assert rule.raw(rule.spread(raw)) == raw


@BY_PATH
def test_a_record_that_lacks_any_of_its_fields_says_nothing(rule):
    for name in rule.remote_names():
        rest = {k: v for k, v in RECORD.items() if k != name}
        assert rule.raw(rest) is ABSENT
    assert rule.to_canonical(ABSENT, "sf", REFS) is ABSENT
    assert rule.spread(ABSENT) == {}


@BY_PATH
def test_null_is_read_as_null(rule):
    nothing = {name: None for name in rule.remote_names()}
    assert rule.to_canonical(rule.raw(nothing), "sf", REFS) is None


@BY_PATH
def test_empty_text_is_read_as_null(rule):
    empty = {name: "" for name in rule.remote_names()}
    assert rule.to_canonical(rule.raw(empty), "sf", REFS) is None


@BY_PATH
def test_null_clears_and_absent_writes_nothing(rule):
    if not rule.writable:
        assert rule.to_remote(None, {}, "sf", REFS) is ABSENT
        return
    cleared = rule.spread(rule.to_remote(None, {}, "sf", REFS))
    assert cleared == {rule.remote_names()[0]: None}
    if not rule.derived:
        assert rule.to_remote(ABSENT, {}, "sf", REFS) is ABSENT


@BY_PATH
def test_what_is_read_and_written_again_is_as_it_was(rule):
    value = rule.to_canonical(rule.raw(RECORD), "sf", REFS)
    golden = {"given_name": "Ana", rule.path: value}
    if rule.writable:
        assert rule.spread(rule.to_remote(value, golden, "sf", REFS)) == {n: RECORD[n] for n in rule.remote_names()}
    assert rule.same(value, value)
    assert rule.richer(value, None) == value


@BY_PATH
def test_null_is_the_same_as_null_only(rule):
    value = rule.to_canonical(rule.raw(RECORD), "sf", REFS)
    assert rule.same(None, None)
    assert not rule.same(value, None)
    assert not rule.same(None, value)


SECRET = "SECRET-VALUE-4711"


@pytest.mark.parametrize(
    "path", ["email", "birth_date", "employees", "annual_revenue", "credit_limit", "email_opt_out"]
)
def test_a_refused_value_is_told_without_repeating_it(path):
    rule = MAPPING.rules[path]
    raw = [SECRET, "EUR"] if path == "credit_limit" else SECRET
    with pytest.raises(Reject) as caught:
        rule.to_canonical(raw, "sf", REFS)
    error = caught.value
    assert SECRET not in error.explain() and SECRET.lower() not in error.explain().lower()
    assert error.fields == rule.remote_names()
    assert path in error.what and error.why.startswith("expected ") and error.unchanged and error.next
    assert error.code == "E-VALUE"


def test_a_refusal_names_the_line_of_the_rule_and_of_the_table():
    mapping, _ = yaml_mapping(
        "connector: c\nobject: o\nentity: customer\nset: {kind: person}\n"
        "fields:\n  email: Email\n  lead_source:\n    field: Source\n    values: {Web: web}\n"
    )
    with pytest.raises(Reject) as caught:
        mapping.read({"Email": "x"}, "sf", REFS)
    assert caught.value.where == "m.yaml:6:3"
    with pytest.raises(Reject) as caught:
        mapping.read({"Source": "Fax"}, "sf", REFS)
    assert caught.value.where == "m.yaml:7:3"
    assert "m.yaml:9:13" in caught.value.next


@pytest.mark.parametrize(
    ("path", "value"),
    [("credit_limit", "no money"), ("annual_revenue", "no money"), ("lead_source", "fax"), ("tags", 7)],
)
def test_a_golden_value_that_cannot_be_written_is_refused(path, value):
    with pytest.raises(Reject, match="cannot be written"):
        MAPPING.rules[path].to_remote(value, {}, "sf", REFS)


def test_required_is_what_the_file_says():
    assert [r.path for r in RULES if r.required] == ["email"]


def test_a_whole_record_is_written_without_what_is_empty_or_unresolved():
    golden, refused = MAPPING.read_each(RECORD, "sf", REFS)
    assert refused == {}
    back = MAPPING.write({**golden, "organization": "g9", "email": None}, "sf", REFS)
    expected = {k: v for k, v in RECORD.items() if k not in ("A", "B", "AccountId", "Email")}
    assert back == expected


@pytest.mark.parametrize(
    ("raw", "id"),
    [
        ("a1", "a1"),
        (" a1 ", "a1"),
        ("", None),
        (None, None),
        (False, None),
        (7, "7"),
        (["a1", "a2"], "a1"),
        ([], None),
        ([None], None),
        ((7, "Acme"), "7"),
    ],
)
def test_the_id_in_a_raw_reference(raw, id):
    assert remote_id(raw) == id


def test_an_unresolved_value_waits_only_where_it_is_written():
    read_only = contact(organization={"field": "A", "ref": "customer", "object": "Account", "direction": "read"})
    assert read_only.rules["organization"].to_remote(UNRESOLVED, {}, "sf", REFS) is ABSENT
    assert MAPPING.rules["organization"].to_remote(UNRESOLVED, {}, "sf", REFS) is UNRESOLVED


def test_rules_know_where_they_stand():
    assert all(rule.place == Place() for rule in RULES), "plain data has no place"


# ---------------------------------------------------------------- functions


@pytest.mark.parametrize("name", sorted(n for n, f in FUNCTIONS.items() if not f.nulls))
def test_null_into_a_function_gives_null(name):
    from hub.core.expressions import evaluate, parse

    function = FUNCTIONS[name]
    expression, problems = parse(f"{name}({', '.join(['null'] * function.least)})")
    assert not problems
    assert evaluate(expression) is None


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_function_refuses_too_few_and_too_many_values(name):
    from hub.core.expressions import parse

    function = FUNCTIONS[name]
    for count in (function.least - 1, function.most + 1):
        expression, (problem,) = parse(f"{name}({', '.join(['1'] * count)})")
        assert expression is None
        assert problem.code == "X008" and function.help in problem.hint


def test_results_are_bounded_by_all_their_parts():
    with pytest.raises(ValueError, match="64 kB"):
        bounded(["x" * 1000] * 70)
    assert bounded(["x" * 1000] * 60)
    assert as_text(["a", 1, True]) == "a;1;true"
