"""People and a hub, step by step, as hypothesis likes: what breaks a promise is shrunk to the shortest story that does.

Each rule is one thing that happens. After calm runs every promise must hold; a failure prints the story as sentences.
A soak tells longer stories: EXAMPLES=2000 STEPS=30 pytest tests/simulation/test_state_machine.py -k promises
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from hub.core.errors import HubError, Reject, Unknown
from hub.core.model import MatchRule, Policy
from hub.engine.repair import resolve_conflict
from hub.store import reviews
from tests.simulation.history import Crash, History, Rates, restart
from tests.simulation.oracles import violations
from tests.simulation.proof.mutants import MUTANTS
from tests.simulation.world import NO_GUARDS, F, profile, spoke, sync, world

EXAMPLES, STEPS = int(os.environ.get("EXAMPLES", "15")), int(os.environ.get("STEPS", "12"))
CALM = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    derandomize="EXAMPLES" not in os.environ,
    deadline=None,
    database=None,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.generate, Phase.shrink),
)
SYSTEM, ONE = st.sampled_from("abc"), st.integers(0, 3)
FIELD = st.sampled_from(["first", "phone", "title"])
CUTTING = {"title": F("title", trim=True, length=5), "first": F("first", trim=True, lower=True)}
MANNERS: Mapping[str, Any] = {
    "conditional writes": profile(conditional_write="strong"),
    "field history": profile(conditional_write="none", field_history=True, receipts="version"),
    "whole seconds, cuts and small letters": profile(
        conditional_write="coarse", field_history=True, resolution=1.0, receipts="none", fields=CUTTING
    ),
}
POLICIES: Mapping[str, Policy] = {
    "the newest wins": Policy(conflicts={"default": ("newest", "a", "b", "c")}),
    "conflicts wait": Policy(conflicts={"default": ("hold",)}),
    "c, then b, then a": Policy(conflicts={"default": ("c", "b", "a")}),
    "a owns the title": Policy(ownership={"job_title": "a"}, conflicts={"default": ("newest", "hold")}),
}
MANNERS_OF, POLICY = st.sampled_from(sorted(MANNERS)), st.sampled_from(sorted(POLICIES))


class People(RuleBasedStateMachine):
    """Three systems, the people who work in them, and the hub between them."""

    last: ClassVar[list[str]] = []  # the story told last; after shrinking, the shortest one that fails

    @initialize(b=MANNERS_OF, c=MANNERS_OF, policy=POLICY, known=st.sampled_from([True, True, True, False]))
    def start(self, b: str, c: str, policy: str, known: bool) -> None:
        """A world in which one person is known in all systems, or nobody yet."""
        one = sync(
            *(spoke(n) for n in "abc"),
            policy=POLICIES[policy],
            match=(MatchRule(("email",), "link"),),
            guards=NO_GUARDS,
        )
        w = world(one, profiles={"a": MANNERS["conditional writes"], "b": MANNERS[b], "c": MANNERS[c]})
        w.hub.is_alive = lambda holder: False
        self.h = History(0, random.Random(0), w, Rates(0, 0, 0))
        type(self).last = self.h.story
        self.watch(lambda event: None)
        if known:
            self.enter("a", with_mail=True)
            self.run()

    # ------------------------------------------------------------ what people do

    @rule(name=SYSTEM, with_mail=st.booleans())
    def enter(self, name: str, with_mail: bool) -> None:
        serial = self.h.token()
        fields = {"first": self.h.token(), "last": serial, "phone": self.h.token(), "title": self.h.token()}
        fields |= {"mail": f"{serial.lower()}@example.org"} if with_mail else {}
        self.by_hand(f"a person enters {serial} in {name}", lambda: self.h.world.person(name, **fields))

    @rule(name=SYSTEM, other=SYSTEM, which=ONE)
    def enter_the_same(self, name: str, other: str, which: int) -> None:
        """Somebody who is known in one system is entered in another one, with the same address."""
        row, log = self.row(other, which)[1], self.h.world[name].log
        if row.get("mail") and not any(e.fields.get("last") == row["last"] for e in log):
            fields = {k: row[k] for k in ("first", "last", "mail")} | {"phone": self.h.token()}
            self.by_hand(f"a person enters {row['last']} in {name} too", lambda: self.h.world.person(name, **fields))

    @rule(name=SYSTEM, which=ONE, field=FIELD)
    def edit(self, name: str, which: int, field: str) -> None:
        self.change(name, which, field, self.h.token())

    @rule(name=SYSTEM, which=ONE)
    def change_mail(self, name: str, which: int) -> None:
        self.change(name, which, "mail", f"{self.h.token().lower()}@example.org")

    @rule(name=SYSTEM, which=ONE, field=st.sampled_from(["phone", "title"]))
    def clear(self, name: str, which: int, field: str) -> None:
        self.change(name, which, field, None)

    @rule(name=SYSTEM, which=ONE)
    def delete(self, name: str, which: int) -> None:
        id = self.row(name, which)[0]
        if id:
            self.by_hand(f"a person deletes {id} in {name}", lambda: self.h.world[name].delete("person", id))

    @rule(name=SYSTEM, which=ONE)
    def restore(self, name: str, which: int) -> None:
        gone = [e.id for e in self.h.world[name].log if e.action == "delete" and e.id not in self.h.world.rows(name)]
        if gone:
            id = gone[which % len(gone)]
            self.by_hand(f"a person restores {id} in {name}", lambda: self.h.world[name].restore("person", id))

    @rule(name=SYSTEM, which=ONE)
    def merge(self, name: str, which: int) -> None:
        ids = sorted(self.h.world.rows(name))
        if len(ids) > 1:
            kept, gone = ids[which % len(ids)], ids[(which + 1) % len(ids)]
            text = f"a person merges {gone} into {kept} in {name}"
            self.by_hand(text, lambda: self.h.world[name].merge("person", kept, gone))

    @rule(which=ONE, keep=st.sampled_from(["a", "b", "c", "hub"]))
    def decide(self, which: int, keep: str) -> None:
        """A person decides an open conflict."""
        open_ = self.h.world.ask(reviews.conflicts)
        if open_:
            one = open_[which % len(open_)]
            text = f"a person decides {one['path']} of {one['golden']}: {keep}"
            self.by_hand(text, lambda: resolve_conflict(self.h.world.hub, one["id"], keep=keep))

    # ------------------------------------------------------------ what the hub and the world do

    @rule()
    def run(self) -> None:
        self.h.say("the hub runs")
        self.one_run()

    @rule(at=st.integers(1, 90))
    def run_and_be_killed(self, at: int) -> None:
        """A run that dies at its n-th step; a new hub stands on the same store."""

        def kill(event: str) -> None:
            self.steps += 1
            if self.steps == at:
                self.h.say(f"the hub is killed at step {at}, {event}")
                raise Crash(event)

        self.watch(kill)
        self.h.say("the hub runs")
        self.one_run()

    @rule(name=SYSTEM, nth=st.integers(1, 3), done=st.booleans())
    def run_without_an_answer(self, name: str, nth: int, done: bool) -> None:
        """A write whose answer is lost, after it was done or before."""

        def lose(event: str) -> None:
            self.steps += event == ("after:write" if done else "before:write")
            if self.steps == nth:
                self.steps += 1000
                self.h.say(
                    f"{name} {'does a write' if done else 'is sent a write, does not do it'} and does not answer"
                )
                raise Unknown("no answer")

        self.watch(lambda event: None)
        self.h.world[name].hook = lose
        self.h.say("the hub runs")
        self.one_run()

    @rule(at=st.integers(1, 25), name=SYSTEM, which=ONE, field=FIELD)
    def run_while_a_person_edits(self, at: int, name: str, which: int, field: str) -> None:
        """A person edits between two calls of a run."""

        def edit(event: str) -> None:
            self.steps += 1
            if self.steps == at:
                self.change(name, which, field, self.h.token())

        self.watch(lambda event: None)
        for remote in self.h.world.remotes.values():
            remote.hook = edit
        self.h.say("the hub runs")
        self.one_run()

    @rule(seconds=st.sampled_from([1, 30, 4000]))
    def wait(self, seconds: int) -> None:
        self.h.world.clock.advance(seconds)
        self.h.say(f"{seconds} seconds pass")

    @precondition(lambda self: len(self.h.story) > 2)
    @rule()
    def all_is_calm(self) -> None:
        self.settle()

    def teardown(self) -> None:
        if hasattr(self, "h"):
            self.settle()

    # ------------------------------------------------------------ inside

    steps = 0

    def watch(self, step: Callable[[str], None]) -> None:
        """What happens at every step of the next run."""
        self.steps = 0
        self.h.world.hub.hook = self.h.world.hub.store.hook = step
        for remote in self.h.world.remotes.values():
            remote.hook = step

    def one_run(self) -> None:
        try:
            self.h.reports.append(self.h.world.run())
        except Crash:
            restart(self.h)
        except HubError as problem:
            self.h.say(f"the run fails: {problem.what}")
        self.watch(lambda event: None)

    def settle(self) -> None:
        """Calm runs, and then every promise holds."""
        for _ in range(3):
            self.h.world.clock.advance(4000)
            self.one_run()
        before = self.h.world.written()
        self.one_run()
        self.h.quiet_writes = self.h.world.written() - before
        found = violations(self.h)
        if found:
            raise AssertionError("\n".join(["", *self.h.story, "all is calm, and then:", *found]))

    def row(self, name: str, which: int) -> tuple[str, Mapping[str, Any]]:
        rows = self.h.world.rows(name)
        ids = sorted(rows)
        return (ids[which % len(ids)], rows[ids[which % len(ids)]]) if ids else ("", {})

    def change(self, name: str, which: int, field: str, value: str | None) -> None:
        id = self.row(name, which)[0]
        if id:
            text = (
                f"a person sets {field} of {id} in {name} to {value}"
                if value
                else f"a person clears {field} of {id} in {name}"
            )
            self.by_hand(text, lambda: self.h.world[name].edit("person", id, {field: value}))

    def by_hand(self, text: str, work: Callable[[], Any]) -> None:
        self.h.world.clock.advance(2)
        try:
            work()
        except (Reject, HubError):
            return
        self.h.say(text)


def test_whatever_people_do_and_whatever_breaks_the_promises_hold():
    run_state_machine_as_test(People, settings=CALM)


def test_a_broken_engine_is_told_in_a_story_of_a_few_sentences():
    """An engine without bases takes every form that a remote makes of a value for an edit."""
    with MUTANTS["last_writer_wins"](), pytest.raises(AssertionError) as failure:
        run_state_machine_as_test(
            People, settings=settings(CALM, max_examples=100, stateful_step_count=8, derandomize=True)
        )
    story = People.last
    assert 1 <= len(story) <= 8
    assert str(failure.value).startswith("\n".join(["", *story, "all is calm, and then:"]))
