"""Stories of changed mappings: what was read before is read anew, and nobody's value is lost by it."""

from __future__ import annotations

from hub.core.model import Policy
from tests.simulation.stories.kit import adds_up, agree, conflicts, letters, lost_values, settle_down, silent
from tests.simulation.world import mapping, spoke, sync, world

NO_TITLE = mapping(job_title=None)


def linked(a=None, b=None, **options):
    w = world(sync(spoke("a", mapping=a or mapping()), spoke("b", mapping=b or mapping()), **options))
    id = w.person("a", first="Ana", last="Díaz", mail="ana@example.org", title="Clerk")
    w.runs(2)
    return w, id


def test_a_field_added_to_both_mappings_fills_the_side_that_has_none():
    w, _ = linked(NO_TITLE, NO_TITLE)
    assert w.only("b")["title"] is None
    w.with_sync(sync(spoke("a"), spoke("b")))
    adds_up(w.run())
    assert w.only("b")["title"] == "Clerk" and w.only("a")["title"] == "Clerk"
    silent(w)


def test_a_field_added_to_the_mappings_where_both_sides_differ_is_decided_like_a_first_link():
    w, _ = linked(NO_TITLE, NO_TITLE)
    (b,) = w.rows("b")
    w.edit("b", b, title="Chief")
    w.run()
    w.with_sync(sync(spoke("a"), spoke("b"), policy=Policy(first_link={"default": ("b", "a")})))
    settle_down(w)
    assert w.only("a")["title"] == w.only("b")["title"] == "Chief"
    assert lost_values(w) == [("job_title", "Clerk", "first_link")]


def test_a_field_added_to_one_mapping_only_writes_nothing_until_the_other_maps_it_too():
    w, _ = linked(NO_TITLE, NO_TITLE)
    before = w.written()
    w.with_sync(sync(spoke("a"), spoke("b", mapping=NO_TITLE)))
    w.runs(2)
    assert w.written() == before
    w.with_sync(sync(spoke("a"), spoke("b")))
    w.run()
    assert w.only("b")["title"] == "Clerk"
    silent(w)


def test_a_field_taken_out_of_a_mapping_is_left_alone_in_that_system():
    w, a = linked()
    w.with_sync(sync(spoke("a"), spoke("b", mapping=NO_TITLE)))
    w.edit("a", a, title="Chief")
    w.runs(2)
    assert w.only("b")["title"] == "Clerk" and w.only("a")["title"] == "Chief"
    silent(w)


def table(**values: str):
    return mapping(job_title={"field": "title", "values": values, "unknown": "hold"})


def test_a_value_table_changed_carries_the_newly_mapped_value_to_the_others_and_not_back():
    w, _ = linked(table(Clerk="clerk", Chief="chief"))
    assert w.only("b")["title"] == "clerk"
    before = len(w["a"].writes)
    w.with_sync(sync(spoke("a", mapping=table(Clerk="officer", Chief="chief")), spoke("b")))
    adds_up(w.run())
    assert w.only("b")["title"] == "officer" and w.only("a")["title"] == "Clerk"
    assert len(w["a"].writes) == before
    silent(w)


def test_a_value_table_changed_in_the_spoke_that_a_value_did_not_come_from_changes_nothing():
    w, a = linked(None, table(Clerk="Clerk", Chief="Chief"))
    w.edit("a", a, title="Chief")
    w.runs(2)
    before = w.written()
    w.with_sync(sync(spoke("a"), spoke("b", mapping=table(Clerk="Clerk", Chief="chief"))))
    w.runs(2)
    assert w.only("a")["title"] == "Chief"
    assert not any("title" in c.write.fields for c in w["a"].writes)
    assert w.written() - before <= 1
    silent(w)


def test_a_value_that_the_table_does_not_list_is_held_by_itself_and_flows_once_it_is_listed():
    w, a = linked(table(Clerk="clerk"))
    w.edit("a", a, title="Chief", first="Anna")
    told = w.run()
    adds_up(told)
    assert told.outcomes["held"] == 1
    assert w.only("b")["first"] == "Anna" and w.only("b")["title"] == "clerk"
    assert [(e["path"], e["action"]) for e in letters(w)] == [("job_title", "read")]
    w.with_sync(sync(spoke("a", mapping=table(Clerk="clerk", Chief="chief")), spoke("b")))
    adds_up(w.run())
    assert w.only("b")["title"] == "chief" and not letters(w)
    silent(w)


def test_a_changed_mapping_while_an_edit_is_pending_loses_neither():
    w, a = linked()
    w.edit("a", a, title="Chief")
    with_phone = mapping(**{"phones[mobile]": {"field": "phone", "as": "phone"}})
    w.edit("a", a, phone="+34 600 100 200")
    w.with_sync(sync(spoke("a", mapping=with_phone), spoke("b", mapping=with_phone)))
    settle_down(w)
    assert w.only("b")["title"] == "Chief" and w.only("b")["phone"] == "+34600100200"


def test_a_spoke_made_read_only_is_not_written_any_more_and_still_heard():
    w, a = linked()
    w.with_sync(sync(spoke("a"), spoke("b", direction="read")))
    (b,) = w.rows("b")
    before = len(w["b"].writes)
    w.edit("a", a, title="Chief")
    w.edit("b", b, phone="+34600100200")
    w.runs(2)
    assert w.only("a")["phone"] == "+34600100200" and w.only("b")["title"] == "Clerk"
    assert len(w["b"].writes) == before
    silent(w)
    assert not conflicts(w)


def test_a_default_is_written_where_a_required_field_is_empty_and_never_flows_back():
    named = mapping(family_name={"field": "last", "required": True, "default": "(unknown)"})
    w = world(sync(spoke("a"), spoke("b", mapping=named)))
    w.person("a", first="Ana", mail="ana@example.org")
    settle_down(w)
    assert w.only("b")["last"] == "(unknown)" and w.only("a")["last"] is None
    agree(w, "first", "mail")


def test_a_required_field_without_a_default_holds_the_create_and_says_so():
    named = mapping(family_name={"field": "last", "required": True})
    w = world(sync(spoke("a"), spoke("b", mapping=named)))
    a = w.person("a", first="Ana", mail="ana@example.org")
    w.run()
    assert not w.rows("b") and [e["code"] for e in letters(w)] == ["E-REQUIRED"]
    w.edit("a", a, last="Díaz")
    w.run()
    assert w.only("b")["last"] == "Díaz" and not letters(w)
    silent(w)
