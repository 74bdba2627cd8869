"""Scripted stories for mutants that no random history notices: what they need is too rare to be drawn."""

from __future__ import annotations

from dataclasses import replace

from hub.core.model import MatchRule
from hub.engine.run import run_sync
from tests.simulation.stories.kit import kill, on
from tests.simulation.stories.test_reading import Feed, linked
from tests.simulation.world import F, profile, spoke, sync, world


def what_a_lagging_index_shows_late_arrives() -> None:
    """People enter a dozen records in a system whose index lags by up to half a minute, while runs come thick and fast."""
    lagging = profile(lag=30.0)
    w = world(sync(spoke("a"), spoke("b"), match=(MatchRule(("email",), "link"),)), profiles={"a": lagging}, seed=3)
    for n in range(12):
        w.person("a", first=f"N{n}", last=f"L{n}", mail=f"n{n}@example.org")
        w.clock.advance(2)
        run_sync(w.hub, "people")
    w.clock.advance(4000)
    w.runs(2)
    assert len(w.rows("b")) == 12


def what_a_later_row_does_not_say_stays_pending() -> None:
    """A row is read and not settled yet; then a field is hidden from us, and the record changes once more."""
    w = world(sync(spoke("a"), spoke("b")))
    a = w.person("a", first="Ana", last="Díaz", mail="ana@example.org", title="Clerk")
    w.runs(2)
    w.edit("a", a, title="Chief")
    kill(w, "settle")
    table = w["a"]._tables["person"]
    table.profile = replace(
        table.profile, fields=tuple(replace(f, hidden=f.name == "title") for f in table.profile.fields)
    )
    w.edit("a", a, first="Anna")
    w.runs(2)
    assert (w.only("b")["title"], w.only("b")["first"]) == ("Chief", "Anna")


def somebody_enters_the_same_person_between_our_read_and_our_create() -> None:
    """The product takes an address twice, so that nothing but a look before the create can tell."""
    twice = profile(fields={"mail": F("mail", "email", lower=True, trim=True)}, find_by=("mail",))
    w = world(sync(spoke("a"), spoke("b")), profiles={"b": twice})
    w.person("a", first="Ana", last="Díaz", mail="ana@example.org")
    w.hub.hook = on("push", lambda: w.person("b", first="Ana", last="Díaz", mail="ana@example.org") and None)
    w.runs(3)
    assert len(w.rows("a")) == len(w.rows("b")) == 1


def an_older_row_that_is_told_late_changes_nothing() -> None:
    """The newer version was settled long ago, and no reading comes by it again."""
    w, a, _ = linked()
    feed = Feed(w, "a")
    w.edit("a", a, title="Chief")
    old = feed.row(a)
    w.edit("a", a, title="Boss")
    w.edit("a", w.person("a", first="Bo", last="Berg", mail="bo@example.org"), title="Clerk")
    w.runs(2)
    feed.bring(old)
    w.runs(2)
    assert w.by_mail("b", "ana@example.org")["title"] == "Boss"
