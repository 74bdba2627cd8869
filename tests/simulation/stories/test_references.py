"""Stories of references: a person and its organization, whichever comes first, and what happens if it never comes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hub.connect.profiles import ObjectProfile
from hub.core import expressions
from hub.core.compile import mapping_of
from hub.core.errors import Retry
from hub.core.model import MatchRule, Policy
from tests.simulation.stories.kit import adds_up, nothing, silent
from tests.simulation.world import F, World, profile, spoke, sync, world

OBJECTS = {
    "org": ObjectProfile(fields=(F("name", trim=True), F("site", unique=True)), unique_key="hub_key"),
    "person": profile(fields={"org": F("org", "reference")}),
}
HEAD = {"connector": "memory", "entity": "customer"}
ORGANIZATION = mapping_of(
    {**HEAD, "object": "org", "set": {"kind": "organization"}, "fields": {"name": "name", "website": "site"}},
    "memory.org",
)


def person(**rule: Any) -> Any:
    fields = {
        "given_name": "first",
        "email": {"field": "mail", "as": "email"},
        "organization": {"field": "org", "ref": "customer", "object": "org", **rule},
    }
    return mapping_of({**HEAD, "object": "person", "set": {"kind": "person"}, "fields": fields}, "memory.person")


def firms(scope: str = "") -> Any:
    where = expressions.parse(scope, condition=True)[0] if scope else None
    one = sync(
        spoke("a", mapping=ORGANIZATION, where=where),
        spoke("b", mapping=ORGANIZATION),
        name="firms",
        match=(MatchRule(("website",), "link"),),
    )
    return replace(one, kind="organization")


def people(**rule: Any) -> Any:
    return sync(spoke("a", mapping=person(**rule)), spoke("b", mapping=person(**rule)))


def town(scope: str = "", **rule: Any) -> World:
    return world(firms(scope), people(**rule), objects=OBJECTS)


def org_of(w: World, remote: str) -> str | None:
    """The name of the organization to which the one person of a remote belongs."""
    id = w.only(remote)["org"]
    return w[remote].rows("org")[id]["name"] if id else None


def test_organizations_first_then_people_and_each_person_points_to_the_right_one_by_its_own_id():
    w = town()
    w["a"].create("org", {"name": "Other", "site": "other.example"})
    acme = w["a"].create("org", {"name": "Acme", "site": "acme.example"})
    for n in range(3):
        w["b"].create("org", {"name": f"Own {n}", "site": f"own{n}.example"})
    w.person("a", first="Ana", mail="ana@example.org", org=acme)
    for name in ("firms", "people"):
        adds_up(w.run(name))
    assert org_of(w, "b") == "Acme" and w.only("b")["org"] != acme
    before = w.written()
    for name in ("firms", "people", "people"):
        w.run(name)
    assert w.written() == before


def test_a_person_arrives_before_its_organization_and_is_synced_without_it_and_completed_later():
    w = town()
    acme = w["a"].create("org", {"name": "Acme", "site": "acme.example"})
    w.person("a", first="Ana", mail="ana@example.org", org=acme)
    adds_up(w.run("people"))
    assert w.only("b")["first"] == "Ana" and w.only("b")["org"] is None
    w.run("firms")
    adds_up(w.run("people"))
    assert org_of(w, "a") == org_of(w, "b") == "Acme"
    silent(w)


def test_a_person_arrives_before_its_required_organization_and_waits_and_says_why():
    w = town(required=True)
    acme = w["a"].create("org", {"name": "Acme", "site": "acme.example"})
    w.person("a", first="Ana", mail="ana@example.org", org=acme)
    told = w.run("people")
    adds_up(told)
    assert told.outcomes["waiting"] == 1 and told.state == "partial"
    assert not w.rows("b")
    w.run("firms")
    w.run("people")
    assert org_of(w, "b") == "Acme"
    silent(w)


def test_the_organization_is_out_of_scope_for_ever_and_the_person_is_synced_without_it():
    w = town(scope='record.name != "Acme"')
    acme = w["a"].create("org", {"name": "Acme", "site": "acme.example"})
    w.person("a", first="Ana", mail="ana@example.org", org=acme)
    for name in ("firms", "people", "firms", "people"):
        w.run(name)
    assert w.only("b")["first"] == "Ana" and w.only("b")["org"] is None
    assert w.only("a")["org"] == acme
    silent(w)


def test_a_required_organization_is_out_of_scope_for_ever_and_the_person_waits_and_nothing_is_created():
    w = town(scope='record.name != "Acme"', required=True)
    acme = w["a"].create("org", {"name": "Acme", "site": "acme.example"})
    w.person("a", first="Ana", mail="ana@example.org", org=acme)
    for name in ("firms", "people", "firms", "people"):
        w.run(name)
    assert not w.rows("b")
    silent(w)


def test_an_unresolved_reference_never_clears_what_b_holds():
    w = town()
    acme = w["a"].create("org", {"name": "Acme", "site": "acme.example"})
    a = w.person("a", first="Ana", mail="ana@example.org", org=acme)
    w.run("firms")
    w.run("people")
    new = w["a"].create("org", {"name": "New", "site": "new.example"})
    w.edit("a", a, org=new, first="Anna")
    w.run("people")
    assert w.only("b")["first"] == "Anna" and org_of(w, "b") == "Acme"
    w.run("firms")
    w.run("people")
    assert org_of(w, "b") == "New"
    silent(w)


def test_a_person_leaves_its_organization_and_that_travels():
    w = town()
    acme = w["a"].create("org", {"name": "Acme", "site": "acme.example"})
    a = w.person("a", first="Ana", mail="ana@example.org", org=acme)
    w.run("firms")
    w.run("people")
    w.edit("a", a, org=None)
    w.run("people")
    assert w.only("b")["org"] is None
    silent(w)


def test_both_sides_point_to_the_same_organization_at_the_first_link_so_nothing_is_written():
    w = town()
    for remote in "ab":
        acme = w[remote].create("org", {"name": "Acme", "site": "acme.example"})
        w.person(remote, first="Ana", mail="ana@example.org", org=acme)
        w[remote].create("org", {"name": f"Own of {remote}", "site": f"{remote}.example"})
    w.run("firms")
    before = w.written()
    adds_up(w.run("people"))
    assert w.written() == before and org_of(w, "a") == org_of(w, "b") == "Acme"


def test_people_met_before_their_organizations_were_linked_agree_once_they_are():
    w = world(firms(), replace(people(), policy=Policy(first_link={"default": ("hold",)})), objects=OBJECTS)
    for remote in "ab":
        acme = w[remote].create("org", {"name": "Acme", "site": "acme.example"})
        w.person(remote, first="Ana", mail="ana@example.org", org=acme)
    for name in ("people", "firms", "people", "people"):
        w.run(name)
    assert org_of(w, "a") == org_of(w, "b") == "Acme"
    silent(w)


def test_a_person_is_moved_to_an_organization_that_is_not_in_the_other_system_yet_and_follows_once_it_is():
    """Nothing was read in b that day: what b waits for is noted all the same."""
    w = town()
    a, _ = w.person("a", first="Ana", mail="ana@example.org"), w.run("people")
    w.run("people")
    acme = w["a"].create("org", {"name": "Acme", "site": "acme.example"})
    w["b"].hook = refuse_creates
    w.run("firms")
    w.edit("a", a, org=acme)
    w.run("people")
    assert w.only("b")["org"] is None
    w["b"].hook = nothing
    w.run("firms")
    w.run("people")
    assert org_of(w, "a") == org_of(w, "b") == "Acme"
    silent(w)


def refuse_creates(event: str) -> None:
    if event == "before:write":
        raise Retry("busy")


def test_a_person_that_waits_for_an_organization_is_woken_when_a_merge_brings_one_to_the_other_system():
    """Acme is deleted in b, so that b has none to point to; then a merges it with one that b has."""
    w = town()
    acme = w["a"].create("org", {"name": "Acme", "site": "acme.example"})
    other = w["a"].create("org", {"name": "Ace", "site": "ace.example"})
    w.run("firms")
    a, _ = w.person("a", first="Ana", mail="ana@example.org"), w.run("people")
    gone = next(i for i, row in w["b"].rows("org").items() if row["name"] == "Acme")
    w["b"].delete("org", gone)
    w.run("firms")
    w.edit("a", a, org=acme)
    w.run("people")
    assert w.only("b")["org"] is None
    w["a"].merge("org", acme, other)
    w.run("firms")
    w.run("people")
    (left,) = w["b"].rows("org")
    assert w.only("b")["org"] == left
