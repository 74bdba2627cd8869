"""Stories of people who edit while we write: what each kind of remote lets us promise, and that doctor says so."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hub.core.model import Policy
from hub.engine.run import run_sync
from hub.jobs.doctor import guarantee_of
from hub.store import audit
from tests.simulation.stories.kit import audited, conflicts, kill, letters, lost_values, meddle, resolve, settle_down
from tests.simulation.world import mapping, profile, spoke, sync, world

HOLD = Policy(conflicts={"default": ("hold",)})


def race(moment: str, policy: Policy = HOLD, **switches):
    """A is edited; a person edits the same field in b at `moment` of our write there."""
    w = world(sync(spoke("a"), spoke("b"), policy=policy), profiles={"b": profile(**switches)})
    a = w.person("a", first="Ana", last="Díaz", mail="ana@example.org", title="Clerk")
    w.runs(3)
    (b,) = w.rows("b")
    w.edit("a", a, title="Chief")
    meddle(w, "b", moment, lambda: w.edit("b", b, title="Boss"))
    w.run()
    return w, a, b


def kept_values(w) -> set[str]:
    """Where a person finds values: in the systems, in open conflicts, in the audit log."""
    rows = {r["title"] for name in "ab" for r in w.rows(name).values()}
    claims = {v for c in conflicts(w) for v in (*c["shown"].values(), c["hub_value"])}
    return rows | claims | {v for _, v, _ in lost_values(w)}


def word(**switches) -> str:
    one = sync(spoke("a"), spoke("b"))
    return str(guarantee_of(one, one.spokes[1], profile(**switches).capabilities())["guarantee"])


def test_with_a_strong_precondition_an_edit_in_the_window_is_prevented_from_being_lost():
    w, _, _ = race("before:write")
    settle_down(w)
    assert len(conflicts(w)) == 1 and {"Chief", "Boss"} <= kept_values(w)
    assert w.only("b")["title"] == "Boss"
    resolve(w, keep="b")
    settle_down(w)
    assert w.only("a")["title"] == w.only("b")["title"] == "Boss"
    assert word() == "prevented"


def test_with_a_coarse_stamp_an_edit_more_than_a_second_after_our_read_is_kept():
    w, _, _ = race("before:write", conditional_write="coarse", resolution=1.0)
    settle_down(w)
    assert {"Chief", "Boss"} <= kept_values(w)
    assert word(conditional_write="coarse") == "nearly"


def test_with_field_history_an_edit_that_we_ran_over_is_detected_and_can_be_brought_back():
    w, _, _ = race("before:write", conditional_write="none", field_history=True)
    assert w.only("b")["title"] == "Chief"
    assert "Boss" in kept_values(w)
    settle_down(w)
    assert {"Chief", "Boss"} <= kept_values(w) and audited(w, "overwritten")
    assert word(conditional_write="none", field_history=True) == "detected"


def test_with_field_history_and_a_policy_the_overwritten_edit_may_win_and_is_written_back():
    policy = Policy(conflicts={"default": ("b", "a")})
    w, _, _ = race("before:write", policy, conditional_write="none", field_history=True)
    settle_down(w)
    assert w.only("a")["title"] == w.only("b")["title"] == "Boss"
    assert {"Chief", "Boss"} <= kept_values(w)


def test_with_field_history_a_kill_between_the_write_and_its_check_does_not_hide_the_overwritten_edit():
    w = world(
        sync(spoke("a"), spoke("b"), policy=HOLD), profiles={"b": profile(conditional_write="none", field_history=True)}
    )
    a = w.person("a", first="Ana", last="Díaz", mail="ana@example.org", title="Clerk")
    w.runs(3)
    (b,) = w.rows("b")
    w.edit("a", a, title="Chief")
    meddle(w, "b", "before:write", lambda: w.edit("b", b, title="Boss"))
    kill(w, "written")
    settle_down(w)
    assert {"Chief", "Boss"} <= kept_values(w)


def test_without_precondition_and_history_the_guarantee_says_narrowed_and_an_edit_before_the_last_look_is_kept():
    w, _, _ = race("before:get", conditional_write="none")
    settle_down(w)
    assert {"Chief", "Boss"} <= kept_values(w) and len(conflicts(w)) == 1
    assert word(conditional_write="none") == "narrowed"


def test_without_precondition_and_history_an_edit_after_the_last_look_is_the_window_that_the_guarantee_names():
    w, _, _ = race("before:write", conditional_write="none")
    settle_down(w)
    assert w.only("a")["title"] == w.only("b")["title"] == "Chief"
    one = sync(spoke("a"), spoke("b"))
    told = guarantee_of(one, one.spokes[1], profile(conditional_write="none").capabilities())
    assert told["guarantee"] == "narrowed" and told["fields"]["job_title"] == "narrowed" and told["means"]


def test_an_edit_of_another_field_in_the_window_is_never_touched():
    for switches in ({}, {"conditional_write": "none"}, {"conditional_write": "none", "field_history": True}):
        w = world(sync(spoke("a"), spoke("b"), policy=HOLD), profiles={"b": profile(**switches)})
        a = w.person("a", first="Ana", mail="ana@example.org", title="Clerk")
        w.runs(3)
        (b,) = w.rows("b")
        w.edit("a", a, title="Chief")
        meddle(w, "b", "before:write", lambda w=w, b=b: w.edit("b", b, phone="+34600100200"))
        w.run()
        settle_down(w)
        for remote in "ab":
            assert (w.only(remote)["title"], w.only(remote)["phone"]) == ("Chief", "+34600100200")
        assert not conflicts(w) and not letters(w)


@pytest.mark.parametrize(
    ("receipts", "conditional", "history"),
    [("body", "strong", False), ("version", "strong", False), ("none", "none", True), ("body", "none", False)],
    ids=["receipt", "read-back", "history", "receipt without versions"],
)
def test_a_person_shortens_our_value_before_our_first_read_and_where_it_can_be_told_it_is_an_edit(
    receipts, conditional, history
):
    b = profile(receipts=receipts, conditional_write=conditional, field_history=history)
    w = world(sync(spoke("a"), spoke("b")), profiles={"b": b})
    a = w.person("a", first="Ana", mail="ana@example.org", title="Clerk")
    w.runs(3)
    (b,) = w.rows("b")
    w.edit("a", a, title="Head of sales")
    w.run()
    w.edit("b", b, title="Head of")
    settle_down(w)
    assert w.only("a")["title"] == w.only("b")["title"] == "Head of"


def test_an_edit_in_the_very_second_of_the_stamp_that_we_saw_is_not_overwritten():
    coarse = profile(conditional_write="coarse", resolution=1.0)
    w = world(sync(spoke("a"), spoke("b"), policy=Policy(conflicts={"default": ("b", "a")})), profiles={"b": coarse})
    a = w.person("a", first="Ana", mail="ana@example.org")
    w.runs(2)
    b = min(w.rows("b"))
    w["a"].edit("person", a, {"title": "Buyer"})
    w["b"].edit("person", b, {"first": "Anna"})
    # The record's stamp and the run fall into one second, and so does what a person saves just before our write.

    def save_now(event):
        if event == "before:write":
            w["b"].hook = lambda event: None
            w["b"].edit("person", b, {"title": "Chief"})

    w["b"].hook = save_now
    run_sync(w.hub, "people")
    w.runs(3)
    assert w.only("a")["title"] == w.only("b")["title"] == "Chief"
    words = str(w.ask(audit.entries, limit=1000))
    assert "Buyer" in words and "Chief" in words


@pytest.mark.parametrize("strength", ["strong", "coarse"])
def test_a_field_that_was_hidden_when_the_record_was_read_is_looked_at_before_it_is_written(strength):
    """The version is the one that was settled, and says nothing of a field that nobody could see at that version."""
    w = world(sync(spoke("a"), spoke("b")), profiles={"b": profile(conditional_write=strength)})
    a = w.person("a", first="Ana", mail="ana@example.org", phone="1")
    w.runs(2)
    (b,) = w.rows("b")
    w.edit("b", b, phone="2")
    hide(w, "b", "phone", True)
    w.edit("b", b, first="Anna")
    w.run()
    w.person("b", first="Eva", mail="eva@example.org")
    w.run()
    hide(w, "b", "phone", False)
    w.edit("a", a, phone="3")
    w.run()
    assert "2" in {v for _, v, _ in lost_values(w)} | {w.rows("a")[a]["phone"], w.rows("b")[b]["phone"]}


def hide(w, remote, name, hidden):
    table = w[remote]._tables["person"]
    fields = tuple(replace(f, hidden=hidden) if f.name == name else f for f in table.profile.fields)
    table.profile = replace(table.profile, fields=fields)


def test_a_record_whose_create_was_answered_without_a_version_is_looked_at_before_the_first_write():
    """A strong condition protects nothing where no version is known to make it with."""
    blind = profile(conditional_write="strong", receipts="none", delta=False, deletes="sweep")
    w = world(sync(spoke("a"), spoke("b")), profiles={"b": blind})
    a = w.person("a", first="Ana", mail="ana@example.org", title="Clerk")
    w.run()
    (b,) = w.rows("b")
    w["b"].truncate["person"] = 0
    w.edit("b", b, title="Boss")
    w.edit("a", a, title="Chief")
    w.run()
    assert "Boss" in kept_values(w)


@pytest.mark.parametrize("strength", ["strong", "coarse", "none"])
def test_a_value_that_the_mapping_does_not_understand_is_not_written_over(strength):
    """Nobody but the person who entered it knows what it means; it stays where it is until it is corrected."""
    numbers = mapping(job_title=None, **{"custom.size": {"field": "title", "as": "integer"}})
    one = sync(spoke("a", mapping=numbers), spoke("b", mapping=numbers))
    w = world(one, profiles={"b": profile(conditional_write=strength, field_history=False)})
    a = w.person("a", first="Ana", mail="ana@example.org", title="7")
    w.runs(2)
    (b,) = w.rows("b")
    w.edit("b", b, title="many")
    w.run()
    w.clock.advance(100)
    w.edit("a", a, title="9")
    w.runs(3)
    assert w.only("b")["title"] == "many" and len(letters(w)) == 1
    w.edit("b", b, title="12")
    w.runs(2)
    assert str(w.only("a")["title"]) == "12" and not letters(w)


@pytest.mark.parametrize("skew", [-300.0, -1.5, 1.5, 300.0])
def test_a_whole_second_is_told_from_a_remotes_own_clock_and_not_from_ours(skew):
    w = world(sync(spoke("a"), spoke("b")), profiles={"b": profile(conditional_write="coarse", resolution=1.0)})
    w["b"].skew = skew
    a = w.person("a", first="Ana", mail="ana@example.org", title="Clerk")
    w.runs(3)
    b = min(w.rows("b"))
    w["a"].edit("person", a, {"title": "Chief"})
    w["b"].edit("person", b, {"first": "Anna"})
    meddle(w, "b", "before:write", lambda: w["b"].edit("person", b, {"title": "Boss"}))
    run_sync(w.hub, "people")
    w.runs(3)
    assert "Boss" in kept_values(w)
