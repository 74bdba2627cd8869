"""The laws of deciding, on records of every kind with real rules: drawn anew by hypothesis each way that the dice fall."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.core.model import Decision, Policy
from tests.unit.core.decisions.broken import BROKEN
from tests.unit.core.decisions.drawing import draw as draw_case
from tests.unit.core.decisions.form import Case, read_case, rules_of
from tests.unit.core.laws import LAWS, carried_out, paths
from tests.unit.small_hub import Lookup, SmallHub

# A soak draws more: EXAMPLES=50 pytest tests/unit/core
MORE = int(os.environ.get("EXAMPLES", "1"))
CALM = settings(
    max_examples=100 * MORE,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


@st.composite
def cases(draw: st.DrawFn) -> dict[str, Any]:
    """A case as it would stand in a file, so that one which fails can be put there."""
    return draw_case(lambda of: of[draw(st.integers(0, len(of) - 1))])


@CALM
@given(cases())
def test_every_decision_keeps_to_the_laws(data):
    case = read_case(data)
    made = case.decide()
    assert {name: found for name, law in LAWS.items() if (found := list(law(case, made)))} == {}


@CALM
@given(cases(), st.randoms(use_true_random=False))
def test_the_order_in_which_sides_are_told_is_of_no_account(data, dice):
    case = read_case(data)
    shuffled = list(case.sides)
    dice.shuffle(shuffled)
    assert case.decide(shuffled) == case.decide()


def _is_not_done(case: Case, made: Decision) -> bool:
    """Two cases in which the next decision has more to say: a record that is deleted takes claims and bases with it; and
    where two records of an owner contradict each other, the claims of the others are judged only when they are read again."""
    own = [(path, case.policy.ownership.get(path) or case.policy.ownership.get("default")) for path in paths(case)]
    owners = {path: {s.link.id for s in case.sides if s.link.connection == name} for path, name in own}
    claims = [
        h.claims.keys() & owners.get(h.path, set()) for h in made.holds if h.claims.keys() - owners.get(h.path, set())
    ]
    return any(claims) or any(due.action != "update" for due in made.due)


@CALM
@given(cases())
def test_once_all_is_sent_and_read_again_there_is_nothing_left_to_do(data):
    case = read_case(data)
    made = case.decide()
    if _is_not_done(case, made):
        return
    again = carried_out(case, made).decide()
    assert (again.changes, again.lost, again.holds) == ((), (), made.holds)
    assert [due for due in again.due if due.action == "update"] == []


@CALM
@given(cases())
def test_a_side_that_says_nothing_new_changes_nothing_for_the_others(data):
    """Reading a record that stands as it did is as good as not reading it."""
    case = read_case(data)
    made = case.decide()
    if _is_not_done(case, made):
        return
    quiet = carried_out(case, made)
    silent = [
        s if n % 2 else type(s)(s.link, s.rules, None, s.direction, s.drift, s.writes)
        for n, s in enumerate(quiet.sides)
    ]
    one, other = quiet.decide(), quiet.decide(silent)
    assert (one.golden, one.holds, one.changes, one.lost) == (other.golden, other.holds, other.changes, other.lost)


# ---------------------------------------------------------------- the laws can be broken

# Which law forbids what a broken heart does.
FORBIDDEN_BY: Mapping[str, str] = {
    "losers_are_not_kept": "what_loses_is_kept",
    "nobody_owns": "an_owner_s_word_stands",
    "anybody_may_opt_in_again": "an_opt_out_stands",
    "secondary_records_are_written": "writes_keep_to_their_place",
    "what_is_held_already_is_written_again": "what_is_held_already_is_not_written",
    "another_form_is_an_edit": "what_nobody_touched_stays",
    "an_empty_side_clears": "only_people_clear",
}


def _broken_laws(case: Case) -> set[str]:
    made = case.decide()
    return {name for name, law in LAWS.items() if next(law(case, made), None)}


@pytest.mark.parametrize("name", FORBIDDEN_BY)
def test_a_broken_heart_breaks_a_law(name, monkeypatch):
    BROKEN[name](monkeypatch)
    broken: set[str] = set()
    for seed in range(1500):
        broken |= _broken_laws(read_case(draw_case(random.Random(seed).choice)))
        if FORBIDDEN_BY[name] in broken:
            return
    pytest.fail(f"only {broken} noticed")


# ---------------------------------------------------------------- edits of different fields

FIELDS: Mapping[str, tuple[dict[str, Any], list[Any]]] = {
    "job_title": ({}, ["Boss", "Chief", " Head ", None]),
    "given_name": ({}, ["Ana", "Anna", None]),
    "email": ({}, ["ana@example.org", "ANA.B@example.org", None]),
    "phones[mobile]": ({"region": "DE"}, ["+49301234567", "030 7654321", None]),
    "employees": ({}, [7, "12", None]),
    "annual_revenue": ({"currency": "EUR"}, [5, "7.50", None]),
    "last_contacted_at": ({}, ["2026-01-31T10:00:00.000Z", "2026-02-01", None]),
    "birth_date": ({}, ["1999-01-31", "2000-02-29", None]),
    "active": ({}, [True, "no", None]),
    "tags": ({"separator": ";"}, ["a", "b;a", "c", None]),
    "email_opt_out": ({}, [None, True]),
    "organization": ({"ref": "customer", "object": "Account"}, ["001", "002", None]),
    "website": ({}, ["https://example.org", "HTTPS://Example.org/a", None]),
    "address.country": ({}, ["DE", "france", None]),
    "language": ({}, ["de", "PT_br", None]),
}
REFS = Lookup({(c, "Account", id): g for c in "abc" for id, g in (("001", "g8"), ("002", "g9"))})


def played(edits: list[tuple[str, str, Any]], groups: list[int], pushes: list[bool], policy: Policy) -> SmallHub:
    """Three spokes in agreement; then the edits, so many to a settle, some of the settles followed by a push."""
    rules = rules_of(json.dumps({path: options for path, (options, _) in FIELDS.items()}))
    hub = SmallHub({n: dict(rules) for n in "abc"}, policy, refs=REFS)
    for n in "abc":
        hub.join(n, **{path: values[0] for path, (_, values) in FIELDS.items()})
    hub.run()
    left = list(edits)
    for size, push in zip(groups, pushes, strict=True):
        for name, path, raw in left[:size]:
            hub.edit(name, **{path: raw})
        hub.settle(*sorted({name for name, _, _ in left[:size]} or "a"))
        left = left[size:]
        if push:
            hub.push()
    for name, path, raw in left:
        hub.edit(name, **{path: raw})
    hub.run()
    return hub


@st.composite
def edits_of_different_fields(draw: st.DrawFn) -> list[tuple[str, str, Any]]:
    paths = draw(st.lists(st.sampled_from(sorted(FIELDS)), min_size=2, max_size=6, unique=True))
    return [(draw(st.sampled_from("abc")), path, draw(st.sampled_from(FIELDS[path][1]))) for path in paths]


@settings(CALM, max_examples=40 * MORE)
@given(edits_of_different_fields(), st.data())
def test_edits_of_different_fields_come_to_the_same_in_any_order_and_in_any_number_of_runs(edits, data):
    order = data.draw(st.permutations(edits))
    groups = data.draw(st.lists(st.integers(0, 3), max_size=4))
    pushes = data.draw(st.lists(st.booleans(), min_size=len(groups), max_size=len(groups)))
    policy = Policy(conflicts={"default": data.draw(st.sampled_from([("hold",), ("newest",), ("b", "a")]))})
    at_once, one_by_one = played(edits, [len(edits)], [True], policy), played(order, groups, pushes, policy)
    assert one_by_one.golden.fields == at_once.golden.fields
    assert (one_by_one.lost, one_by_one.holds) == ([], ())
    assert one_by_one.run() == 0
    for name in "abc":
        for path, rule in one_by_one.spokes[name].items():
            held = rule.to_canonical(one_by_one.remotes[name][path], name, REFS)
            assert (held or None) == (one_by_one.golden.fields.get(path) or None), (name, path)


OPTIONS = st.sets(st.sampled_from("uvwxyz"), max_size=4)


@settings(CALM, max_examples=40 * MORE)
@given(st.lists(OPTIONS, min_size=3, max_size=3), st.lists(OPTIONS, min_size=3, max_size=3), st.data())
def test_options_that_are_added_and_removed_on_several_sides_come_to_the_same_in_any_order(plus, minus, data):
    """Each side adds some options and removes others, and no side adds what another one removes."""
    gone = set().union(*minus) - set().union(*plus)
    edits = [(name, plus[n], minus[n] & gone) for n, name in enumerate("abc")]

    def ended(order: list[tuple[str, set[str], set[str]]], push: bool) -> SmallHub:
        rules = rules_of('{"tags": {"separator": ";"}}')
        hub = SmallHub({n: dict(rules) for n in "abc"})
        for n in "abc":
            hub.join(n, tags="u;v;w;x")
        hub.run()
        for name, added, removed in order:
            held = set(filter(None, (hub.remotes[name]["tags"] or "").split(";")))
            hub.edit(name, tags=";".join(sorted((held | added) - removed)) or None)
            hub.settle(name)
            if push:
                hub.push()
        hub.run()
        return hub

    one, other = ended(edits, False), ended(data.draw(st.permutations(edits)), data.draw(st.booleans()))
    expected = ({*"uvwx"} | set().union(*plus)) - gone
    for hub in (one, other):
        assert {*(hub.golden.fields["tags"] or ())} == expected and hub.run() == 0
        assert all({*filter(None, (hub.remotes[n]["tags"] or "").split(";"))} == expected for n in "abc")
