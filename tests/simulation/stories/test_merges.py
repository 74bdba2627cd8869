"""Stories of merges inside one system: links follow the survivor, and what the others hold twice is left alone."""

from __future__ import annotations

import pytest

from hub.core.model import Policy
from hub.engine import repair
from tests.simulation.stories.kit import (
    adds_up,
    conflicts,
    golden_count,
    golden_of,
    heal,
    kill,
    links,
    lose_answers,
    lost_values,
    resolve,
    settle_down,
    silent,
)
from tests.simulation.world import F, profile, spoke, sync, world


def linked(*people: str, profiles=None):
    """People known in a and b under their first names: {name: (id in a, id in b)}."""
    w = world(sync(spoke("a"), spoke("b")), profiles=profiles)
    for name in people:
        w.clock.advance(1)
        w.person("a", first=name, mail=f"{name.lower()}@example.org", title=f"Title of {name}")
    w.runs(2)
    by = {r: {row["first"]: id for id, row in w.rows(r).items()} for r in "ab"}
    return w, {name: (by["a"][name], by["b"][name]) for name in people}


def no_more_writes_to(w, remote, id):
    return not any(c.write.id == id for c in w[remote].writes)


def test_a_merges_two_linked_people_and_the_record_that_b_has_too_many_becomes_secondary_and_is_not_written():
    w, at = linked("Ana", "Anna")
    (keep, kept_in_b), (lose, surplus) = at["Ana"], at["Anna"]
    w["a"].merge("person", keep, lose)
    adds_up(w.run())
    assert golden_count(w) == 1
    assert golden_of(w, "b", surplus) == golden_of(w, "b", kept_in_b) == golden_of(w, "a", keep)
    assert links(w, "b")[surplus].primary is False and links(w, "b")[kept_in_b].primary
    w.edit("a", keep, title="Chief")
    w.run()
    assert w.rows("b")[kept_in_b]["title"] == "Chief" and w.rows("b")[surplus]["title"] == "Title of Anna"
    assert no_more_writes_to(w, "b", surplus)
    assert len(w.rows("a")) == 1 and len(w.rows("b")) == 2
    silent(w)


@pytest.mark.parametrize("which", ["kept", "surplus"])
def test_a_merges_two_linked_people_while_b_edits_one_of_them_and_the_edit_is_kept_or_in_conflict(which):
    w, at = linked("Ana", "Anna")
    (keep, kept_in_b), (lose, surplus) = at["Ana"], at["Anna"]
    w["a"].merge("person", keep, lose)
    w.edit("b", kept_in_b if which == "kept" else surplus, phone="+34600100200", title="Chief")
    settle_down(w)
    survivor = w.rows("a")[keep]
    kept = {survivor["phone"], survivor["title"]}
    claims = {str(v) for c in conflicts(w) for v in c["shown"].values()}
    lost = {str(v) for _, v, _ in lost_values(w)}
    assert {"+34600100200", "Chief"} <= kept | claims | lost
    assert survivor["first"] == "Ana" and len(w.rows("b")) == 2 and golden_count(w) == 1


def test_the_survivors_values_as_read_in_a_win_over_what_the_other_golden_record_had():
    w, at = linked("Ana", "Anna")
    w["a"].merge("person", at["Ana"][0], at["Anna"][0])
    settle_down(w)
    assert w.only("a")["title"] == "Title of Ana" and w.only("a")["mail"] == "ana@example.org"
    assert w.rows("b")[at["Ana"][1]]["title"] == "Title of Ana"


def test_the_loser_fills_what_the_survivor_left_empty_and_that_travels():
    w, at = linked("Ana", "Anna")
    w["a"].clear("person", at["Ana"][0], "title")
    w.run()
    w["a"].merge("person", at["Ana"][0], at["Anna"][0])
    settle_down(w)
    assert w.only("a")["title"] == "Title of Anna"
    assert w.rows("b")[at["Ana"][1]]["title"] == "Title of Anna"


@pytest.mark.parametrize("runs_between", [False, True])
def test_a_chain_of_merges_leads_to_the_last_survivor(runs_between):
    w, at = linked("Ana", "Bea", "Cai")
    a = {name: ids[0] for name, ids in at.items()}
    w["a"].merge("person", a["Bea"], a["Ana"])
    if runs_between:
        w.run()
    w.clock.advance(1)
    w["a"].merge("person", a["Cai"], a["Bea"])
    settle_down(w)
    assert golden_count(w) == 1 and list(w.rows("a")) == [a["Cai"]]
    assert {golden_of(w, "b", ids[1]) for ids in at.values()} == {golden_of(w, "a", a["Cai"])}
    assert len(w.rows("b")) == 3


def test_a_merge_into_a_third_id_keeps_the_golden_record_and_its_link_in_b():
    w, at = linked("Ana", "Anna", profiles={"a": profile(merge_makes_new_id=True)})
    before = golden_of(w, "b", at["Ana"][1])
    third = w["a"].merge("person", at["Ana"][0], at["Anna"][0])
    settle_down(w)
    assert golden_count(w) == 1 and list(w.rows("a")) == [third]
    assert golden_of(w, "a", third) in (before, golden_of(w, "b", at["Anna"][1]))
    w.edit("a", third, title="Chief")
    settle_down(w)
    assert "Chief" in {r["title"] for r in w.rows("b").values()}
    assert len(w.rows("a")) == 1 and len(w.rows("b")) == 2


def test_a_merge_into_a_record_that_was_not_linked_yet_moves_the_link():
    w, at = linked("Ana")
    other = w.person("a", first="Anna", title="Chief")
    w["a"].merge("person", other, at["Ana"][0])
    settle_down(w)
    assert list(w.rows("a")) == [other]
    assert golden_count(w) == 1 and golden_of(w, "a", other) == golden_of(w, "b", at["Ana"][1])
    assert w.only("b")["title"] == "Chief" and w.only("b")["first"] == "Anna"


def test_a_merge_that_a_remote_shows_as_a_mere_delete_ends_the_losers_link_and_deletes_nothing_in_b():
    w, at = linked("Ana", "Anna", profiles={"a": profile(redirects=False)})
    w["a"].merge("person", at["Ana"][0], at["Anna"][0])
    settle_down(w)
    assert len(w.rows("a")) == 1 and len(w.rows("b")) == 2
    assert links(w, "a")[at["Anna"][0]].state == "ended"


def test_a_merge_while_the_two_are_in_conflict_with_b_lets_a_person_decide_still():
    from hub.core.model import Policy

    w, at = linked("Ana", "Anna")
    w.with_sync(sync(spoke("a"), spoke("b"), policy=Policy(conflicts={"default": ("hold",)})))
    w.edit("a", at["Ana"][0], title="Chief")
    w.edit("b", at["Ana"][1], title="Boss")
    w.run()
    assert len(conflicts(w)) == 1
    w["a"].merge("person", at["Ana"][0], at["Anna"][0])
    settle_down(w)
    assert len(conflicts(w)) == 1
    resolve(w, keep="b")
    settle_down(w)
    assert w.only("a")["title"] == "Boss" and not conflicts(w)


@pytest.mark.parametrize("event", ["page", "settle"])
@pytest.mark.parametrize("nth", [1, 2])
def test_a_kill_during_a_merge_unites_the_two_once(event, nth):
    w, at = linked("Ana", "Anna")
    w["a"].merge("person", at["Ana"][0], at["Anna"][0])
    kill(w, event, nth if event == "page" else 1)
    settle_down(w)
    assert golden_count(w) == 1 and len(w.rows("a")) == 1 and len(w.rows("b")) == 2


def test_people_merged_in_both_systems_end_as_one_everywhere():
    w, at = linked("Ana", "Anna")
    w["a"].merge("person", at["Ana"][0], at["Anna"][0])
    w["b"].merge("person", at["Ana"][1], at["Anna"][1])
    settle_down(w)
    assert golden_count(w) == 1 and len(w.rows("a")) == len(w.rows("b")) == 1


def test_people_merged_crosswise_in_two_systems_do_not_come_apart():
    w, at = linked("Ana", "Anna")
    w["a"].merge("person", at["Ana"][0], at["Anna"][0])
    w["b"].merge("person", at["Anna"][1], at["Ana"][1])
    settle_down(w)
    assert golden_count(w) == 1 and len(w.rows("a")) == len(w.rows("b")) == 1
    assert golden_of(w, "a", at["Ana"][0]) == golden_of(w, "b", at["Anna"][1])
    w.edit("a", at["Ana"][0], title="Chief")
    settle_down(w)
    assert w.only("b")["title"] == "Chief"


def test_a_claim_in_a_conflict_of_the_merged_away_record_is_heard_by_the_survivor():
    hold = Policy(conflicts={"default": ("hold",)})
    w = world(sync(spoke("a"), spoke("b"), spoke("c", writes=frozenset({"update"})), policy=hold))
    keep = w.person("a", first="Ana", mail="ana@example.org", title="Clerk")
    lose = w.person("a", first="Anna", mail="anna@example.org", title="Clerk")
    c = w.person("c", first="Anna", mail="anna@example.org", title="Clerk")
    w.runs(2)
    w.edit("a", lose, title="Chief")
    w.edit("c", c, title="Boss")
    w.run()
    w.person("c", first="Eva", mail="eva@example.org")
    w.run()
    w["a"].merge("person", keep, lose)
    w.runs(2)
    claimed = {v for x in conflicts(w) for v in x["shown"].values()}
    assert "Boss" in claimed | {v for _, v, _ in lost_values(w)} | {w.rows("c")[c]["title"]}
    while conflicts(w):
        repair.resolve_conflict(w.hub, conflicts(w)[0]["id"], keep="c", by="ana")
        w.run()
    w.run()
    assert {w.rows("a")[keep]["title"], w.rows("c")[c]["title"]} == {"Boss"}


def test_a_record_is_merged_into_one_that_we_created_and_whose_answer_was_lost_and_no_cut_form_travels():
    """The merge is read before the create is recognised; the key tells whose record the survivor is."""
    w = world(sync(spoke("a"), spoke("b")), profiles={"b": profile(fields={"title": F("title", length=5)})})
    w.person("a", first="Ana", mail="ana@example.org", title="Magician")
    theirs = w.person("b", first="Anna", phone="7", title="Clerk")
    lose_answers(w, "b")
    w.run()
    heal(w)
    ours = next(id for id in w.rows("b") if id != theirs)
    w["b"].merge("person", ours, theirs)
    settle_down(w)
    assert "Magic" not in {c.write.fields.get("title") for r in w.remotes.values() for c in r.writes}
    assert golden_count(w) == 1 and len(w.rows("b")) == 1
