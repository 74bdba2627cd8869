"""The stories that break a two-way sync, as far as one decision or a short history of decisions can show them."""

from __future__ import annotations

from dataclasses import replace

from hub.core.match import create_key, golden_id, origin_part
from hub.core.match import verdict as match_verdict
from hub.core.model import Due, Golden, Held, Pair, Policy
from tests.unit.small_hub import FakeRule, Lookup, SmallHub, golden, link, rules, side, verdict


def cutting(at: int = 6):
    return lambda path, value: value[:at] if isinstance(value, str) else value


def two(policy: Policy | None = None, **store) -> SmallHub:
    """Spokes a and b with one text field, already in agreement on `old`."""
    spokes = {"a": rules("x"), "b": {"x": FakeRule("x", cut=6 if "b" in store else 99)}}
    hub = SmallHub(spokes, policy or Policy(), store)
    hub.join("a", x="old")
    hub.join("b", x="old")
    hub.run()
    assert hub.run() == 0
    return hub


def test_erp_owns_a_field_and_a_person_edits_it_in_b():
    hub = two(Policy(ownership={"x": "a"}))
    hub.edit("b", x="mine")
    decision = hub.settle()
    assert [(p.value, p.connection, p.reason) for p in decision.lost] == [("mine", "b", "ownership")]
    assert decision.outcome == {"a": "unchanged", "b": "applied"}
    hub.push()
    assert hub.remotes == {"a": {"x": "old"}, "b": {"x": "old"}}
    assert hub.run() == 0


def test_a_create_without_a_match_field_is_recognised_by_its_key():
    origin = ("a", "Contact", "7", 0)
    key = create_key("w", origin, ("b", "contacts"))
    assert origin_part(key) == origin_part(create_key("w", origin, ("c", "partner")))
    assert golden_id("w", origin)[1:] == origin_part(key)[1:]


def test_the_hub_is_restored_from_a_backup_and_a_had_edits():
    hub = two()
    hub.edit("a", x="newer")
    hub.links = {n: replace(k, base={}) for n, k in hub.links.items()}
    hub.policy = Policy(first_link={"default": ("a",)})
    hub.run()
    assert hub.remotes["b"] == {"x": "newer"}
    assert hub.run() == 0


def test_an_update_times_out_after_b_stored_it_cut():
    hub = two(b=cutting())
    hub.edit("a", x="abcdefgh")
    hub.settle()
    hub.push(receipt="lost")
    assert hub.remotes["b"] == {"x": "abcdef"}
    assert hub.run() == 0
    assert hub.golden.fields["x"] == "abcdefgh" and hub.remotes["a"] == {"x": "abcdefgh"}
    assert hub.links["b"].base["x"] == Pair("abcdefgh", "abcdef")


def test_a_create_times_out_at_a_cutting_b_and_is_adopted_by_key():
    hub = SmallHub({"a": rules("x"), "b": rules("x", cut=6)}, store={"b": cutting()})
    hub.join("a", x="abcdefgh")
    hub.settle()
    hub.join("b", x="abcdef")
    hub.links["b"] = replace(hub.links["b"], base={"x": Pair("abcdefgh", "abcdefgh", seen=False)})
    assert hub.run() == 0
    assert hub.remotes["a"] == {"x": "abcdefgh"} and hub.links["b"].base["x"] == Pair("abcdefgh", "abcdef")


def test_a_create_known_only_by_its_open_intent_is_adopted_the_same_way():
    hub = SmallHub({"a": rules("x"), "b": rules("x", cut=6)}, store={"b": cutting()})
    hub.join("a", x="abcdefgh")
    hub.settle()
    hub.join("b", x="abcdef")
    hub.intents["b"] = {"x": ["abcdefgh"]}
    assert hub.run() == 0
    assert hub.links["b"].base["x"] == Pair("abcdefgh", "abcdef") and hub.lost == []


def test_someone_adds_a_blank_to_a_cut_or_lower_cased_form():
    for store, options in ((cutting(), {"cut": 6}), (lambda path, value: value.lower(), {"lower": True})):
        hub = SmallHub({"a": rules("x"), "b": rules("x", **options)}, store={"b": store})
        hub.join("a", x="Abcdefgh")
        hub.join("b", x="")
        hub.run()
        hub.edit("b", x=hub.remotes["b"]["x"] + " ")
        assert hub.run() == 0
        assert hub.remotes["a"] == {"x": "Abcdefgh"} and hub.golden.fields["x"] == "Abcdefgh"


def test_a_person_puts_back_the_value_that_was_last_settled():
    hub = two()
    hub.edit("a", x="y")
    hub.run()
    assert hub.remotes["b"] == {"x": "y"}
    hub.edit("b", x="old")
    hub.run()
    assert hub.remotes == {"a": {"x": "old"}, "b": {"x": "old"}}


def test_at_first_link_the_richer_value_stands_before_any_rank():
    for order in (("a", "b"), ("b", "a")):
        hub = SmallHub(
            {"a": rules("x"), "b": rules("x", cut=6)}, Policy(first_link={"default": ("b", "a")}), {"b": cutting()}
        )
        for name in order:
            hub.join(name, x="abcdefgh" if name == "a" else "abcdef")
            hub.run()
        assert hub.golden.fields["x"] == "abcdefgh" and hub.lost == [] and hub.remotes["a"] == {"x": "abcdefgh"}
        assert hub.run() == 0


def test_golden_becomes_equal_to_what_b_already_holds_and_later_b_is_edited():
    hub = two()
    hub.edit("a", x="same")
    hub.edit("b", x="same")
    assert hub.run() == 0
    hub.edit("b", x="later")
    decision = hub.settle()
    assert decision.holds == () and decision.lost == () and hub.golden.fields["x"] == "later"


def test_an_agreement_is_renewed_without_a_write_when_an_edit_is_taken_back_elsewhere():
    hub = two()
    hub.edit("a", x="other")
    hub.settle("a")
    hub.edit("a", x="old")
    assert hub.settle("a").due == ()
    hub.edit("b", x="later")
    assert hub.settle("b").holds == () and hub.golden.fields["x"] == "later"


def test_b_does_not_know_an_option_and_someone_adds_another_one_there():
    known = FakeRule("tags", "set", knows={"a": "a", "b": "b"})
    hub = SmallHub({"a": rules("tags", kind="set"), "b": {"tags": known}})
    hub.join("a", tags="a;z")
    hub.join("b", tags=None)
    hub.run()
    assert hub.remotes["b"] == {"tags": "a"}
    hub.edit("b", tags="a;b")
    hub.run()
    assert hub.golden.fields["tags"] == ["a", "b", "z"] and hub.remotes["a"] == {"tags": "a;b;z"}
    assert hub.remotes["b"] == {"tags": "a;b"} and hub.run() == 0


def test_a_delete_was_decided_and_b_is_edited_before_it_is_sent():
    policy = Policy(deletes="delete")
    both = frozenset({"update", "delete"})
    a, b = link("a", {"x": "old"}), link("b", {"x": "old"})
    first = verdict(golden({"x": "old"}), side(a, {}, kind="deleted"), side(b, writes=both), policy=policy)
    assert first.due == (Due("b", "delete"),)
    gone = side(first.links[0])
    edited = side(b, {"x": "new"}, writes=both, deleting="delete")
    second = verdict(first.golden, gone, edited, policy=policy)
    assert second.due == () and [n.what for n in second.notes] == ["delete_against_edit"]
    assert second.golden.fields["x"] == "new" and second.outcome == {"b": "held"}


def test_a_person_shortens_our_value_where_the_receipt_said_what_was_stored():
    hub = two(b=cutting())
    hub.edit("a", x="abcdefgh")
    hub.run()
    hub.edit("b", x="abc")
    hub.run()
    assert hub.golden.fields["x"] == "abc" and hub.remotes["a"] == {"x": "abc"}


def test_a_hold_is_open_and_a_takes_the_edit_back_before_it_is_resolved():
    hub = SmallHub({n: rules("x") for n in "abc"}, Policy(conflicts={"default": ("hold",)}))
    for name in "abc":
        hub.join(name, x="old")
    hub.run()
    for name in "abc":
        hub.edit(name, x=f"from {name}")
    hub.run()
    hub.edit("a", x="old")
    decision = hub.settle()
    assert decision.holds == (Held("x", {"b": "from b", "c": "from c"}, "old"),)
    hub.settle(resolved={"x": ("from b", "person:kim")})
    hub.push()
    assert [hub.remotes[n]["x"] for n in "abc"] == ["from b"] * 3
    assert hub.run() == 0 and hub.holds == ()


def test_a_read_only_field_is_edited_twice():
    hub = SmallHub({"a": rules("x", writable=False), "b": rules("x")})
    hub.join("a", x="one")
    hub.join("b", x="one")
    hub.run()
    for value in ("two", "three"):
        hub.edit("a", x=value)
        decision = hub.settle()
        assert decision.holds == () and decision.lost == ()
        hub.push()
    assert hub.remotes["b"] == {"x": "three"} and hub.run() == 0


def test_three_people_edit_the_same_field_in_one_run():
    hub = SmallHub({n: rules("x") for n in "abc"}, Policy(conflicts={"x": ("hold",)}))
    for name in "abc":
        hub.join(name, x="old")
    hub.run()
    for name in "abc":
        hub.edit(name, x=f"from {name}")
    decision = hub.settle()
    assert decision.holds == (Held("x", {n: f"from {n}" for n in "abc"}, "old"),)
    assert set(decision.outcome.values()) == {"conflicted"} and decision.due == ()
    decision = hub.settle(resolved={"x": ("from b", "person:kim")})
    assert sorted(p.value for p in decision.lost) == ["from a", "from c"]
    assert hub.push() == 2 and hub.run() == 0


def test_an_edit_is_made_and_taken_back_while_it_is_still_pending():
    hub = two()
    hub.edit("a", x="y")
    assert hub.settle().due[0].link == "b"
    hub.edit("a", x="old")
    assert hub.settle().due == ()


def test_two_records_of_one_person_in_a_match_one_golden():
    assert match_verdict([(0, "link", "g1")], set()).kind == "link"
    second = match_verdict([(0, "link", "g1")], {"g1"}, "a")
    assert (second.kind, second.golden, second.reason) == ("review", None, "duplicate inside a")


def test_a_populated_spoke_joins_a_running_sync():
    spokes = {n: rules("x", "y", "z") for n in "abc"}
    hub = SmallHub(spokes, Policy(first_link={"default": ("non_empty", "a")}))
    hub.join("a", x="1", y="2", z=None)
    hub.join("b", x="1", y="2", z=None)
    hub.run()
    hub.join("c", x="1", y=None, z="3")
    hub.run()
    assert set(map(str, hub.remotes.values())) == {str({"x": "1", "y": "2", "z": "3"})}
    assert hub.lost == [] and hub.run() == 0


def test_a_record_leaves_the_scope_and_comes_back():
    hub = two()
    hub.links["b"] = replace(hub.links["b"], state="suspended")
    hub.edit("a", x="from a")
    hub.settle("a")
    assert hub.due == {}
    hub.edit("b", x="from b")
    hub.links["b"] = replace(hub.links["b"], state="linked")
    hub.policy = Policy(conflicts={"default": ("b",)})
    decision = hub.settle("b")
    assert [(p.value, p.reason) for p in decision.lost] == [("from a", "conflict")]
    hub.push()
    assert hub.remotes == {"a": {"x": "from b"}, "b": {"x": "from b"}}


def test_a_person_arrives_before_its_organization():
    a = link("a", {})
    for required, outcome in ((False, "applied"), (True, "waiting")):
        paths = {"x": FakeRule("x"), "org": FakeRule("org", "ref", required=required)}
        decision = verdict(Golden("g1", "customer", "person"), side(a, {"x": "1", "org": "001"}, paths))
        assert decision.golden.fields == {"x": "1"} and decision.outcome == {"a": outcome}
        assert [n.waits_for for n in decision.notes] == [("a", "Account", "001")]
        assert "org" not in decision.bases["a"]
    known = Lookup({("a", "Account", "001"): "g9"})
    decision = verdict(decision.golden, side(a, {"x": "1", "org": "001"}, paths), refs=known)
    assert decision.golden.fields["org"] == "g9" and decision.outcome == {"a": "applied"}


def test_delete_in_a_then_undelete_and_b_was_edited_meanwhile():
    a, b = link("a", {"x": "old"}), link("b", {"x": "old"})
    first = verdict(golden({"x": "old"}), side(a, {}, kind="deleted"), side(b))
    ended = first.links[0]
    assert (ended.state, ended.why) == ("ended", "deleted")
    second = verdict(first.golden, side(ended), side(b, {"x": "from b"}, at=200, after=150))
    b = replace(b, base=second.bases["b"])
    third = verdict(second.golden, side(ended, {"x": "old"}, kind="restored", at=300), side(b))
    assert third.links[0].id == "a" and third.links[0].state == "linked"
    assert third.golden.fields["x"] == "from b" and third.lost == ()
    assert [(d.link, d.fields[0].raw) for d in third.due] == [("a", "from b")]
