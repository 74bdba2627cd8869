"""Random histories and random cases: what must hold whatever happens, in whatever order it is told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.core.model import Decision, Golden, Held, Pair, Policy, Side
from tests.unit.small_hub import FakeRule, SmallHub, golden, link, rules, side, verdict

CALM = settings(max_examples=100, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
VALUES = st.sampled_from([None, "p", "q", "r", "longer text", "longer"])
CHAINS = st.lists(st.sampled_from(["newest", "non_empty", "hold", "a", "b", "c"]), max_size=3).map(tuple)
KINDS = {
    "plain": FakeRule("f"),
    "cut": FakeRule("f", cut=6),
    "lower": FakeRule("f", lower=True),
    "read": FakeRule("f", writable=False),
}


@st.composite
def cases(draw: Any) -> tuple[Golden, list[Side], Policy, tuple[Held, ...]]:
    """One field, up to four sides of every sort, any policy, perhaps an open conflict."""
    held, value = draw(VALUES), draw(VALUES)
    sides, claims = [], {}
    for name in draw(st.lists(st.sampled_from("abcd"), min_size=1, max_size=4, unique=True)):
        rule = KINDS[draw(st.sampled_from(sorted(KINDS)))]
        seen = draw(st.booleans()) or not rule.writable
        agreed = draw(VALUES)
        base = {} if draw(st.booleans()) else {"f": Pair(agreed, draw(VALUES) if seen else agreed, seen)}
        fields = {"f": draw(VALUES)} if draw(st.integers(0, 3)) else None
        one = link(name, base, primary=draw(st.integers(0, 4)) > 0)
        at = draw(st.integers(100, 400))
        intents = {"f": [draw(VALUES)]} if rule.writable and draw(st.integers(0, 4)) == 0 else {}
        sides.append(
            side(one, fields, {"f": rule}, at=at, after=draw(st.sampled_from([None, at - 80])), intents=intents)
        )
        if draw(st.integers(0, 3)) == 0:
            claims[name] = draw(VALUES)
    policy = Policy(
        ownership={"f": draw(st.sampled_from("abc"))} if draw(st.integers(0, 3)) == 0 else {},
        conflicts={"default": draw(CHAINS)},
        first_link={"default": draw(CHAINS)} if draw(st.booleans()) else {},
    )
    record = golden({"f": value}, by=draw(st.sampled_from("abc")), at=draw(st.integers(1, 300)))
    record = record if draw(st.integers(0, 4)) else Golden("g1", "customer", "person")
    return record, sides, policy, (Held("f", claims, held),) if claims else ()


BY_KIND = {
    "set": st.sampled_from([None, "p", "p;q", "q;r", "p;q;r"]),
    "consent": st.sampled_from([None, True, False]),
    "text": VALUES,
}


@st.composite
def records(draw: Any) -> tuple[Golden, list[Side], Policy, dict[str, Any]]:
    """A whole record: fields of all kinds, links in every state, deletes and restores, decisions, open conflicts."""
    rules = {
        k: FakeRule(k, k, writable=draw(st.booleans()))
        for k in draw(st.sets(st.sampled_from(sorted(BY_KIND)), min_size=1))
    }
    rules["label"] = FakeRule("label", readable=False, wanted=lambda fields: f"{fields.get('text')}!")
    value = {k: BY_KIND.get(k, VALUES) for k in rules}
    canonical = {k: lambda raw, k=k: rules[k].to_canonical(raw, "", None) for k in rules}
    sides = []
    for name in draw(st.lists(st.sampled_from("abc"), min_size=1, max_size=3, unique=True)):
        raws = {k: draw(value[k]) for k in draw(st.sets(st.sampled_from(sorted(rules))))}
        base = {k: Pair(canonical[k](raw), raw) for k, raw in raws.items()}
        state, why = draw(
            st.sampled_from([("linked", ""), ("linked", ""), ("suspended", ""), ("ended", "deleted"), ("refused", "")])
        )
        kind = draw(st.sampled_from(["updated", "updated", "deleted", "restored"]))
        fields = {k: draw(value[k]) for k in rules} if draw(st.booleans()) else None
        extra = {
            "direction": draw(st.sampled_from(["both", "both", "read", "write"])),
            "drift": draw(st.sampled_from(["report", "overwrite"])),
        }
        writes = frozenset({"update", "delete"})
        sides.append(side(link(name, base, state=state, why=why), fields, rules, kind=kind, writes=writes, **extra))
    policy = Policy(
        ownership={"default": "a"} if draw(st.booleans()) else {},
        conflicts={"default": draw(CHAINS)},
        deletes=draw(st.sampled_from(["ignore", "unlink", "delete", "archive"])),
        consent_opt_in_from=("b",) if draw(st.booleans()) else (),
    )
    fields = {k: canonical[k](draw(value[k])) for k in rules if k != "label" and draw(st.booleans())}
    held = (
        [Held("text", {"a": draw(VALUES), "b": draw(VALUES)}, fields.get("text"))]
        if "text" in rules and draw(st.booleans())
        else []
    )
    decided = {"text": (draw(VALUES), "person:kim")} if held and draw(st.booleans()) else {}
    return golden(fields, by=draw(st.sampled_from("abc"))), sides, policy, {"held": held, "resolved": decided}


@CALM
@given(records(), st.randoms(use_true_random=False))
def test_a_whole_record_is_decided_the_same_in_any_order(case, random):
    record, sides, policy, rest = case
    shuffled = list(sides)
    random.shuffle(shuffled)
    assert verdict(record, *sides, policy=policy, **rest) == verdict(record, *shuffled, policy=policy, **rest)


@CALM
@given(records())
def test_a_whole_record_settles_and_then_rests(case):
    record, sides, policy, rest = case
    first = verdict(record, *sides, policy=policy, **rest)
    actions = {d.link: d.action for d in first.due if d.action != "update"}
    stored = [replace(s, reading=None, deleting=actions.get(s.link.id, "")) for s in carried_out(sides, first)]
    second = verdict(first.golden, *stored, policy=policy, held=first.holds)
    assert (second.golden, second.holds, second.due) == (first.golden, first.holds, first.due)
    assert (second.changes, second.lost, second.bases, second.links) == ((), (), {}, ())


@CALM
@given(records())
def test_writes_go_only_where_they_may_and_deletes_only_follow_deletes(case):
    record, sides, policy, rest = case
    d = verdict(record, *sides, policy=policy, **rest)
    links = {s.link.id: s.link for s in carried_out(sides, d)}
    by_id = {s.link.id: s for s in sides}
    frozen = {h.path for h in d.holds}
    for due in d.due:
        assert (links[due.link].state == "linked" and by_id[due.link].direction != "read") or due.action != "update"
        for f in due.fields:
            assert by_id[due.link].rules[f.path].writable and f.path not in frozen
        if due.action != "update":
            assert policy.deletes == due.action and any(s.reading and s.reading.kind == "deleted" for s in sides)
    assert set(d.outcome) == {s.link.id for s in sides if s.reading is not None}
    assert not (frozen & set(d.closed)) and not (frozen & set(rest["resolved"]))


def carried_out(sides: list[Side], decision: Decision) -> list[Side]:
    """The sides after the decision was stored."""
    moved = {k.id: k for k in decision.links}
    found = []
    for s in sides:
        after = moved.get(s.link.id, s.link)
        found.append(replace(s, link=replace(after, base=decision.bases.get(s.link.id, s.link.base))))
    return found


@CALM
@given(cases(), st.randoms(use_true_random=False))
def test_the_order_of_the_sides_does_not_matter(case, random):
    record, sides, policy, held = case
    shuffled = list(sides)
    random.shuffle(shuffled)
    assert verdict(record, *sides, policy=policy, held=held) == verdict(record, *shuffled, policy=policy, held=held)


@CALM
@given(cases())
def test_a_decision_that_was_carried_out_changes_nothing_when_nothing_is_new(case):
    record, sides, policy, held = case
    first = verdict(record, *sides, policy=policy, held=held)
    quiet = [replace(s, reading=None, intents={}) for s in carried_out(sides, first)]
    second = verdict(first.golden, *quiet, policy=policy, held=first.holds)
    assert second.golden == first.golden and second.holds == first.holds
    assert (second.changes, second.lost, second.bases, second.outcome) == ((), (), {}, {})
    assert second.due == first.due


@CALM
@given(cases())
def test_the_same_news_told_twice_is_no_news(case):
    record, sides, policy, held = case
    first = verdict(record, *sides, policy=policy, held=held)
    second = verdict(first.golden, *carried_out(sides, first), policy=policy, held=first.holds)
    assert (second.golden, second.holds, second.changes) == (first.golden, first.holds, ())
    assert second.lost == () and second.due == first.due


@CALM
@given(cases())
def test_no_value_is_invented_and_none_that_was_heard_is_lost_in_silence(case):
    record, sides, policy, held = case
    decision = verdict(record, *sides, policy=policy, held=held)
    known = {record.fields.get("f"), *(v for h in held for v in h.claims.values())}
    heard = {s.link.id: s.reading.fields["f"] for s in sides if s.reading is not None}
    read = {s.link.id: s.rules["f"].to_canonical(v, "", None) for s, v in ((s, heard.get(s.link.id)) for s in sides)}
    assert decision.golden.fields.get("f") in known | set(read.values())
    kept = {p.value for p in decision.lost} | {decision.golden.fields.get("f")}
    kept |= {read.get(i) for h in decision.holds for i in h.claims}
    for s in sides:
        if s.link.id not in heard or read[s.link.id] is None:
            continue
        value, base = read[s.link.id], s.link.base.get("f")
        forms = [base.form, base.agreed] if base is not None else []
        stood_for = [*forms, *s.intents.get("f", ()), *kept]
        assert any(value == v or any(k.rules["f"].same(value, v) for k in sides) for v in stood_for)


@CALM
@given(cases())
def test_a_field_in_conflict_is_written_nowhere_and_keeps_its_value(case):
    record, sides, policy, held = case
    decision = verdict(record, *sides, policy=policy, held=held)
    if decision.holds:
        assert decision.due == ()
        assert decision.holds[0].golden == decision.golden.fields.get("f")
        known = {s.link.id for s in sides if s.link.base}
        assert not decision.bases.keys() & decision.holds[0].claims.keys() & known


# ---------------------------------------------------------------- histories


STORES = {
    "keeps": lambda path, value: value,
    "cuts": lambda path, value: value[:6] if isinstance(value, str) else value,
    "lowers": lambda path, value: value.lower() if isinstance(value, str) else value,
}
RULES = {"keeps": FakeRule("f"), "cuts": FakeRule("f", cut=6), "lowers": FakeRule("f", lower=True)}
STEPS = st.lists(
    st.tuples(st.sampled_from(["edit", "edit", "edit", "settle", "push", "run", "resolve"]), st.sampled_from("abc")),
    min_size=3,
    max_size=18,
)


def stored(hub: SmallHub, kinds: dict[str, str], name: str, value: str) -> str:
    return STORES[kinds[name]]("f", value)


@CALM
@given(
    st.fixed_dictionaries({n: st.sampled_from(sorted(STORES)) for n in "abc"}),
    CHAINS,
    st.sampled_from([{}, {}, {"f": "a"}]),
    STEPS,
    st.sampled_from(["body", "none", "lost"]),
)
def test_after_any_history_all_spokes_agree_within_three_runs_and_then_there_is_silence(
    kinds, chain, ownership, steps, receipt
):
    hub = _history(kinds, Policy(conflicts={"default": chain}, ownership=ownership), steps, receipt)
    _quiet_down(hub)
    for _ in range(3):
        hub.run()
    assert hub.run() == 0 and hub.run() == 0
    value = hub.golden.fields["f"]
    for name in "abc":
        assert hub.remotes[name]["f"] in (value, stored(hub, kinds, name, value)), (name, value)


@CALM
@given(st.fixed_dictionaries({n: st.sampled_from(sorted(STORES)) for n in "abc"}), CHAINS, STEPS, st.booleans())
def test_after_any_history_each_edit_stands_or_was_superseded_or_is_kept(kinds, chain, steps, owned):
    policy = Policy(conflicts={"default": chain}, ownership={"f": "b"} if owned else {})
    hub = _history(kinds, policy, steps, "body", full_reads=True)
    _quiet_down(hub)
    hub.run()
    final = {hub.golden.fields["f"]} | {p.value for p in hub.lost} | {v for _, _, v in hub.written}
    for name, values in hub.told.items():
        if values:
            assert values[-1] in final or RULES[kinds[name]].to_canonical(values[-1], "", None) in final


class Played(SmallHub):
    """A small hub that remembers, for each spoke, the values its people entered that a settle has read."""

    told: dict[str, list[str]]


def _history(kinds, policy, steps, receipt, *, full_reads=False) -> Played:
    hub = Played({n: {"f": RULES[k]} for n, k in kinds.items()}, policy, {n: STORES[k] for n, k in kinds.items()})
    hub.told = {n: [] for n in "abc"}
    for name in "abc":
        hub.join(name, f="start")
    hub.run()
    for number, (step, name) in enumerate(steps):
        if step == "edit":
            value = stored(hub, kinds, name, f"{number:02d}{name} Value")
            hub.edit(name, f=value)
            hub.told[name].append(value)
        elif step == "push":
            if full_reads:
                hub.settle()  # a careful protocol: what moved since is settled first
            hub.push(receipt=receipt, only=(name,))
        elif step == "resolve" and hub.holds:
            hub.settle(resolved={"f": (f"decided {number}", "person:kim")})
        else:
            hub.settle(*(() if step == "run" else (name,)))
            if step == "run":
                hub.push(receipt=receipt)
    return hub


def _quiet_down(hub: SmallHub) -> None:
    hub.settle()
    if hub.holds:
        hub.settle(resolved={"f": ("the end", "person:kim")})
    hub.push()


@CALM
@given(st.permutations(["a", "b", "c"]), st.lists(VALUES, min_size=3, max_size=3))
def test_edits_of_different_fields_commute(order, values):
    def played(names):
        hub = SmallHub({n: rules("x", "y", "z") for n in "abc"})
        for n in "abc":
            hub.join(n, x="0", y="0", z="0")
        hub.run()
        for n in names:
            hub.edit(n, **{dict(zip("abc", "xyz", strict=True))[n]: dict(zip("abc", values, strict=True))[n]})
            hub.settle(n)
        hub.push()
        return hub

    hub = played(order)
    assert hub.golden.fields == played("abc").golden.fields
    assert hub.lost == [] and hub.holds == () and hub.run() == 0
    assert hub.remotes["a"] == hub.remotes["b"] == hub.remotes["c"]
