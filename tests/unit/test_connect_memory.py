"""The invented system and its connector: what people and our user may do, and that no change gets lost on the way."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from hub.connect.clock import ManualClock, MemoryTokens, to_stamp
from hub.connect.connector import Context, Want, Write
from hub.connect.limits import NoLimits
from hub.connect.memory import FieldProfile, MemoryConnector, MemoryRemote, ObjectProfile
from hub.core.errors import ConfigError, Duplicate, Gone, Refused, Reject, SignIn, Unknown

CONTACTS = ObjectProfile(
    fields=(
        FieldProfile("name", length=8, trim=True, required=True),
        FieldProfile("email", type="email", lower=True, trim=True, unique=True),
        FieldProfile("level", choices=("gold", "silver")),
        FieldProfile("tags", type="choices", choices=("a", "b", "c")),
        FieldProfile("score", type="number", round=2),
        FieldProfile("seen", type="datetime", seconds=True),
        FieldProfile("active", type="bool"),
        FieldProfile("total", read_only=True),
        FieldProfile("secret", hidden=True),
    ),
    unique_key="hub_key",
    field_history=True,
)
WANT = Want(("name", "email", "level", "secret"), key_field="hub_key")


def remote(profile: ObjectProfile = CONTACTS, **options: Any) -> MemoryRemote:
    return MemoryRemote({"contacts": profile}, ManualClock(), random.Random(1), **options)


def connect(to: MemoryRemote, calls: list[str] | None = None, **config: Any) -> MemoryConnector:
    context = Context(to.clock, MemoryTokens(), NoLimits(), on_call=(calls if calls is not None else []).append)
    return MemoryConnector("mem", config, context, remote=to)


def pull(connector: MemoryConnector, cursor: str = "", want: Want = WANT) -> tuple[list[Any], str]:
    records = []
    for page in connector.changes("contacts", cursor, want):
        records += page.records
        cursor = page.cursor
    return records, cursor


def passes(to: MemoryRemote, seconds: float = 60) -> None:
    assert isinstance(to.clock, ManualClock)
    to.clock.advance(seconds)


# ---------------------------------------------------------------- what the product makes of a value


@pytest.mark.parametrize(
    ("field", "given", "kept"),
    [
        ("name", "  Ana Diaz Lopez ", "Ana Diaz"),
        ("name", "Ana Dia  x", "Ana Dia"),
        ("email", " ANA@Example.org ", "ana@example.org"),
        ("level", "gold", "gold"),
        ("level", "", None),
        ("tags", "c;a;a", "a;c"),
        ("tags", ["b", "a"], "a;b"),
        ("tags", ";", None),
        ("score", "1.005", "1.01"),
        ("score", 1.5, 1.5),
        ("score", 2, 2),
        ("seen", "2026-01-31T10:00:00.123Z", "2026-01-31T10:00:00Z"),
        ("active", False, False),
        ("total", 17, 17),
    ],
)
def test_values_are_kept_in_the_products_own_form(field: str, given: Any, kept: Any) -> None:
    profile = CONTACTS.field(field)
    assert profile is not None
    stored = profile.store(given)
    assert (stored, profile.store(stored)) == (kept, kept)


@pytest.mark.parametrize(
    ("field", "value"),
    [("level", "bronze"), ("tags", "a;z"), ("score", "many"), ("active", "yes"), ("email", "ana"), ("nickname", "A"),
     ("total", 1), ("secret", "x"), ("name", "")],
)  # fmt: skip
def test_our_user_is_refused_with_the_field_at_fault(field: str, value: Any) -> None:
    system = remote()
    with pytest.raises(Reject) as caught:
        system.write("contacts", Write("1", "create", {"name": "Ana", field: value}))
    assert caught.value.fields == (field,)
    assert system.rows("contacts") == {}


def test_a_long_text_is_rejected_where_the_product_does_not_cut() -> None:
    with pytest.raises(Reject, match="at most 3 characters"):
        FieldProfile("code", length=3, cuts=False).store("abcd")


def test_people_may_fill_what_our_user_may_not() -> None:
    system = remote()
    id = system.create("contacts", {"name": "Ana", "total": 5, "secret": "s"})
    assert system.rows("contacts")[id]["secret"] == "s"


def test_hidden_fields_are_neither_described_nor_read() -> None:
    system = remote()
    system.create("contacts", {"name": "Ana", "secret": "s"})
    connector = connect(system)
    assert connector.describe("contacts").field("secret") is None
    assert "secret" not in pull(connector)[0][0].fields


# ---------------------------------------------------------------- what people do


def test_a_unique_value_is_free_again_after_a_delete_and_taken_after_a_restore() -> None:
    system = remote()
    one = system.create("contacts", {"name": "A", "email": "a@x.org"})
    with pytest.raises(Duplicate) as caught:
        system.create("contacts", {"name": "B", "email": "A@x.org"})
    assert caught.value.ids == (one,)
    system.delete("contacts", one)
    two = system.create("contacts", {"name": "B", "email": "a@x.org"})
    with pytest.raises(Duplicate):
        system.restore("contacts", one)
    system.delete("contacts", two)
    system.restore("contacts", one)
    assert list(system.rows("contacts")) == [one]


def test_only_a_deleted_record_can_be_restored() -> None:
    system = remote()
    with pytest.raises(Reject, match="is live"):
        system.restore("contacts", system.create("contacts", {"name": "A"}))


def test_a_merge_fills_blanks_and_redirects_the_loser() -> None:
    system = remote()
    a = system.create("contacts", {"name": "A", "level": "gold"})
    b = system.create("contacts", {"name": "B", "email": "b@x.org", "level": "silver"})
    assert system.merge("contacts", a, b) == a
    kept, lost = connect(system).get("contacts", [a, b], WANT)
    assert (kept.fields["level"], kept.fields["email"], kept.kind) == ("gold", "b@x.org", "updated")
    assert (lost.kind, lost.into, lost.direct) == ("merged_into", (("contacts", a),), True)


def test_a_merge_may_make_a_third_record() -> None:
    system = remote(replace(CONTACTS, merge_makes_new_id=True))
    a = system.create("contacts", {"name": "A", "email": "a@x.org", "hub_key": "k1"})
    b = system.create("contacts", {"name": "B"})
    c = system.merge("contacts", a, b)
    assert list(system.rows("contacts")) == [c]
    assert [r.into for r in connect(system).get("contacts", [a, b], WANT)] == [(("contacts", c),)] * 2
    assert [r.id for r in connect(system).find_key("contacts", "hub_key", ["k1"], WANT)] == [c]


def test_a_product_without_redirects_only_says_deleted() -> None:
    system = remote(replace(CONTACTS, redirects=False))
    a, b = system.create("contacts", {"name": "A"}), system.create("contacts", {"name": "B"})
    system.merge("contacts", a, b)
    lost = connect(system).get("contacts", [b], WANT)[0]
    assert (lost.kind, lost.into) == ("deleted", ())


def test_a_converted_record_names_what_became_of_it() -> None:
    system = MemoryRemote({"leads": CONTACTS, "contacts": CONTACTS}, ManualClock(), random.Random(1))
    lead = system.create("leads", {"name": "L"})
    made = system.convert("leads", lead, [("contacts", {"name": "L"})])
    gone = [r for p in connect(system).changes("leads", "", WANT) for r in p.records]
    assert [(r.kind, r.into) for r in gone] == [("converted_into", (("contacts", made[0]),))]


def test_the_log_tells_who_wrote_what_over_what() -> None:
    system = remote()
    id = system.create("contacts", {"name": "A"}, by="person:ana")
    system.write("contacts", Write("1", "update", {"name": "B"}, id=id))
    assert [(e.who, e.action, e.fields.get("name"), e.before.get("name")) for e in system.log] == [
        ("person:ana", "create", "A", None),
        ("hub", "edit", "B", "A"),
    ]


def test_a_skewed_clock_stamps_wrongly_but_the_log_knows_the_true_time() -> None:
    system = remote(skew=300)
    system.create("contacts", {"name": "A"})
    assert system.log[0].time == system.clock.now()
    assert system.log[0].stamp == to_stamp(system.clock.now() + 300)


# ---------------------------------------------------------------- what our user writes


def update(system: MemoryRemote, id: str, **write: Any) -> Any:
    return connect(system).write("contacts", [Write("op", "update", {"name": "new"}, id=id, **write)])[0]


def test_a_strong_condition_stops_a_write_on_a_version_that_moved() -> None:
    system = remote()
    id = system.create("contacts", {"name": "A"})
    seen = connect(system).get("contacts", [id], WANT)[0]
    system.edit("contacts", id, {"level": "gold"})
    assert update(system, id, version=seen.version).status == "changed"
    assert system.rows("contacts")[id]["name"] == "A"
    assert update(system, id, version=seen.version, careful=False).status == "done"


def test_a_coarse_condition_misses_an_edit_in_the_same_second() -> None:
    system = remote(replace(CONTACTS, conditional_write="coarse", resolution=1))
    id = system.create("contacts", {"name": "A"})
    stamp = connect(system).get("contacts", [id], WANT)[0].stamp
    system.edit("contacts", id, {"level": "gold"})
    assert update(system, id, stamp=stamp).status == "done"
    passes(system, 1)
    system.edit("contacts", id, {"level": "silver"})
    assert update(system, id, stamp=stamp).status == "changed"


def test_without_conditions_the_last_writer_wins() -> None:
    system = remote(replace(CONTACTS, conditional_write="none"))
    id = system.create("contacts", {"name": "A"})
    passes(system)
    system.edit("contacts", id, {"name": "B"})
    assert update(system, id, version="old", stamp=to_stamp(0)).status == "done"


@pytest.mark.parametrize(
    ("receipts", "fields", "version"), [("body", {"name": "long nam"}, True), ("version", None, True), ("none", None, False)]
)  # fmt: skip
def test_receipts_say_as_much_as_the_product_does(receipts: Any, fields: Any, version: bool) -> None:
    system = remote(replace(CONTACTS, receipts=receipts))
    receipt = connect(system).write("contacts", [Write("1", "create", {"name": "long name of Ana"})])[0]
    assert (receipt.status, receipt.fields, bool(receipt.version), bool(receipt.id)) == ("done", fields, version, True)


def test_one_bad_write_does_not_stop_the_batch() -> None:
    system = remote()
    lost = system.create("contacts", {"name": "A"})
    into = system.create("contacts", {"name": "B"})
    system.merge("contacts", into, lost)
    batch = [
        Write("1", "create", {"name": "C"}, key="k1"),
        Write("2", "create", {"name": "C"}, key="k1"),
        Write("3", "update", {"level": "bronze"}, id=into),
        Write("4", "update", {"name": "x"}, id=lost),
        Write("5", "delete", id="never"),
        Write("6", "associate", {"x": "y"}, id=into),
        Write("7", "delete", id=into),
    ]
    receipts = connect(system).write("contacts", batch)
    assert [r.op for r in receipts] == [w.op for w in batch]
    assert [r.status for r in receipts] == ["done", "duplicate", "rejected", "gone", "gone", "rejected", "done"]
    assert receipts[1].error.ids == (receipts[0].id,)  # type: ignore[union-attr]
    assert receipts[3].error.into == into  # type: ignore[union-attr]
    assert [w.status for w in system.writes] == ["done", "duplicate", "reject", "gone", "gone", "reject", "done"]


def test_a_batch_above_the_limit_is_refused_whole() -> None:
    system = remote(replace(CONTACTS, write_batch=2))
    with pytest.raises(Refused, match="batch of 3"):
        connect(system).write("contacts", [Write(str(n), "create", {"name": "x"}) for n in range(3)])
    assert system.writes == []


def test_automation_edits_the_record_after_our_write() -> None:
    def shout(id: str, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"name": str(fields["name"]).upper()}

    system = remote(replace(CONTACTS, after_write=shout))
    receipt = connect(system).write("contacts", [Write("1", "create", {"name": "ana"})])[0]
    assert (receipt.fields, system.rows("contacts")[receipt.id]["name"]) == ({"name": "ana"}, "ANA")
    assert [e.who for e in system.log] == ["hub", "automation"]


def test_history_is_newest_first_and_knows_our_user() -> None:
    system = remote()
    id = system.create("contacts", {"name": "A"})
    system.write("contacts", Write("1", "update", {"name": "B"}, id=id))
    system.clear("contacts", id, "level")
    told = connect(system).history("contacts", [id], ["name", "level"])[id]
    assert [(v.value, v.by_us) for v in told["name"]] == [("B", True), ("A", False)]
    assert "level" not in told
    assert connect(remote(replace(CONTACTS, field_history=False))).history("contacts", [id], ["name"]) == {}


def test_records_say_when_our_user_wrote_last() -> None:
    for marks in (True, False):
        system = remote(replace(CONTACTS, marks_us=marks))
        system.write("contacts", Write("1", "create", {"name": "A"}))
        assert pull(connect(system))[0][0].by_us is marks


# ---------------------------------------------------------------- the hook


def test_the_hook_runs_around_every_call_and_calls_are_counted() -> None:
    system, calls, events = remote(), [], []
    connector = connect(system, calls)
    system.hook = events.append
    pull(connector)
    connector.get("contacts", ["x"], WANT)
    connector.write("contacts", [])
    assert calls == ["changes", "gone", "get", "write"]
    assert events == [f"{when}:{c}" for c in calls for when in ("before", "after")]


@pytest.mark.parametrize(("event", "written"), [("before:write", 0), ("after:write", 1)])
def test_a_hook_that_raises_loses_the_call_or_its_answer(event: str, written: int) -> None:
    system = remote()

    def time_out(now: str) -> None:
        if now == event:
            raise Unknown("timed out")

    system.hook = time_out
    with pytest.raises(Unknown):
        connect(system).write("contacts", [Write("1", "create", {"name": "A"})])
    assert len(system.rows("contacts")) == written


# ---------------------------------------------------------------- reading changes


def test_a_second_pull_reads_the_overlap_only_and_the_cursor_stands_still() -> None:
    system = remote()
    for n in range(250):
        system.create("contacts", {"name": str(n)})
        passes(system, 1)
    connector = connect(system, calls := [])
    records, cursor = pull(connector)
    assert (len(records), calls.count("changes")) == (250, 3)
    again, cursor_2 = pull(connector, cursor)
    assert ([r.fields["name"] for r in again], cursor_2) == (["249"], cursor)


def test_a_first_pull_says_how_many_there_are() -> None:
    system = remote()
    system.create("contacts", {"name": "A"})
    assert next(iter(connect(system).changes("contacts", "", WANT))).total == 1


def test_the_index_shows_the_old_copy_until_it_has_caught_up() -> None:
    system = remote(replace(CONTACTS, lag=10))
    connector = connect(system)
    id = system.create("contacts", {"name": "old"})
    passes(system)
    _, cursor = pull(connector)
    system.edit("contacts", id, {"name": "new"})
    assert [r.fields["name"] for r in connector.find("contacts", "email", ["none"], WANT)] == []
    assert [r.fields["name"] for r in connector.get("contacts", [id], WANT)] == ["new"]
    assert [r.fields["name"] for r in pull(connector, cursor)[0]] == ["old"]
    passes(system)
    assert [r.fields["name"] for r in pull(connector, cursor)[0]] == ["new"]


def test_late_versions_come_after_the_overlap_and_are_not_covered() -> None:
    system = remote(replace(CONTACTS, late=(1.0, 100.0)))
    connector = connect(system)
    system.create("contacts", {"name": "A"})
    page = next(iter(connector.changes("contacts", "", Want(("name",), slow=False))))
    assert (list(page.records), page.covers) == ([], "")
    assert list(connector.ids("contacts")) == [["co0000001"]]


@pytest.mark.parametrize(("deletes", "kinds"), [("tombstone", ["deleted"]), ("flag", ["deleted"]), ("sweep", [])])
def test_deletes_are_told_as_the_product_tells_them(deletes: Any, kinds: list[str]) -> None:
    system = remote(replace(CONTACTS, deletes=deletes))
    connector = connect(system)
    id = system.create("contacts", {"name": "A"})
    _, cursor = pull(connector)
    passes(system)
    system.delete("contacts", id)
    assert [r.kind for r in pull(connector, cursor)[0] if r.kind != "updated"] == kinds
    assert [r.kind for r in connector.get("contacts", [id, "never"], WANT)] == ["deleted", "deleted"]


def test_a_slow_feed_is_read_only_when_it_is_due_and_then_loses_nothing() -> None:
    system = remote(replace(CONTACTS, slow_deletes=True))
    connector = connect(system)
    id = system.create("contacts", {"name": "A"})
    _, cursor = pull(connector)
    passes(system)
    system.delete("contacts", id)
    for n in range(5):
        system.create("contacts", {"name": str(n)})
        passes(system)
        records, cursor = pull(connector, cursor, replace(WANT, slow=False))
        assert all(r.kind == "updated" for r in records)
    records, cursor = pull(connector, cursor)
    assert [r.id for r in records if r.kind == "deleted"] == [id]
    assert [r.id for r in pull(connector, cursor)[0] if r.kind == "deleted"] == [id], "the overlap is read again"


def test_more_records_on_one_stamp_than_a_search_gives_are_all_read() -> None:
    system = remote(replace(CONTACTS, resolution=3600, search_cap=20, page_size=10))
    for n in range(55):
        system.create("contacts", {"name": str(n)})
    with pytest.raises(Reject, match="at most 20"):
        system.search("contacts", "", "", 10, offset=20)
    assert len({r.id for r in pull(connect(system))[0]}) == 55


@pytest.mark.parametrize("cursor", ["nonsense", "{}", "[1]", '{"began": 1, "rows": 7}'])
def test_a_cursor_of_somebody_else_is_refused(cursor: str) -> None:
    with pytest.raises(Refused, match="no cursor"):
        pull(connect(remote()), cursor)
    if "began" not in cursor:
        with pytest.raises(Refused, match="no cursor"):
            pull(connect(remote(replace(CONTACTS, delta=False))), cursor)


def test_a_clock_that_is_set_back_makes_the_next_pull_a_full_one() -> None:
    system = remote(skew=300)
    connector = connect(system)
    system.create("contacts", {"name": "A"})
    _, cursor = pull(connector)
    system.skew = -300
    system.create("contacts", {"name": "B"})
    assert {r.fields["name"] for r in pull(connector, cursor)[0]} == {"A", "B"}


def test_a_product_without_changes_gives_the_whole_list_each_time() -> None:
    system = remote(replace(CONTACTS, delta=False, page_size=2))
    for n in range(5):
        system.create("contacts", {"name": str(n)})
    connector = connect(system)
    first, cursor = pull(connector)
    assert [r.fields["name"] for r in first] == [r.fields["name"] for r in pull(connector, cursor)[0]] == list("01234")


def test_a_truncated_list_looks_complete() -> None:
    system = remote(replace(CONTACTS, page_size=3))
    for n in range(10):
        system.create("contacts", {"name": str(n)})
    system.truncate["contacts"] = 4
    connector = connect(system)
    assert sum(len(page) for page in connector.ids("contacts")) == 4
    assert len(pull(connector)[0]) == 4


def test_ids_are_the_live_ones_only() -> None:
    system = remote(replace(CONTACTS, page_size=2))
    made = [system.create("contacts", {"name": str(n)}) for n in range(4)]
    system.delete("contacts", made[1])
    assert [id for page in connect(system).ids("contacts") for id in page] == [made[0], made[2], made[3]]


def test_find_ignores_case_and_refuses_a_field_that_cannot_be_searched() -> None:
    system = remote()
    id = system.create("contacts", {"name": "A", "email": "a@x.org"})
    connector = connect(system)
    assert [r.id for r in connector.find("contacts", "email", ["A@X.org", "b@x.org"], WANT)] == [id]
    with pytest.raises(Reject, match="cannot be searched"):
        connector.find("contacts", "level", ["gold"], WANT)


def test_a_pull_stops_between_pages_when_it_is_cancelled() -> None:
    system = remote(replace(CONTACTS, page_size=1))
    for name in "AB":
        system.create("contacts", {"name": name})
    connector = connect(system)
    connector.context.cancelled = lambda: True
    assert len(list(connector.changes("contacts", "", WANT))) == 1


# ---------------------------------------------------------------- signing in


def test_the_token_is_checked_and_never_repeated() -> None:
    system = remote()
    system.token = "right"
    connect(system, auth={"kind": "token", "token": "right"}).check()
    with pytest.raises(SignIn) as caught:
        connect(system, auth={"kind": "token", "token": "wr0ng"}).check()
    assert "wr0ng" not in caught.value.explain()


def test_a_connection_from_files_finds_its_system_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    system = remote(name="a")
    monkeypatch.setitem(MemoryConnector.remotes, "a", system)
    context = Context(system.clock, MemoryTokens(), NoLimits())
    assert MemoryConnector("mem", {"remote": "a"}, context).check().org == "a"
    with pytest.raises(ConfigError, match='no system in memory named "b"'):
        MemoryConnector("mem", {"remote": "b"}, context)


def test_unknown_objects_and_records_are_refused() -> None:
    system = remote()
    with pytest.raises(Reject, match="no object deals"):
        connect(system).describe("deals")
    with pytest.raises(Gone, match="does not exist"):
        system.edit("contacts", "never", {"name": "x"})


# ---------------------------------------------------------------- nothing gets lost, whatever happens


def somebody_acts(system: MemoryRemote, rng: random.Random) -> None:
    live = list(system.rows("contacts"))
    binned = [e.id for e in system.log if e.action == "delete" and e.id not in live]
    acts: list[Callable[[], Any]] = [lambda: system.create("contacts", {"name": f"n{rng.random()}"[:8]})]
    if len(live) > 1:
        acts += [lambda: system.edit("contacts", rng.choice(live), {"name": f"e{rng.random()}"[:8]})] * 4
        acts += [lambda: system.delete("contacts", rng.choice(live))]
        acts += [lambda: system.merge("contacts", live[0], live[-1])]
    if binned:
        acts += [lambda: system.restore("contacts", rng.choice(binned))]
    with contextlib.suppress(Reject):  # a record of the bin that was restored already
        rng.choice(acts)()


def mirror_of(seed: int, profile: ObjectProfile) -> tuple[Any, Any]:
    """Pull again and again while people work and pulls break off; return what we hold and what there is."""
    rng = random.Random(seed)
    clock = ManualClock()
    system = MemoryRemote({"contacts": profile}, clock, rng)
    connector = connect(system)
    held: dict[str, tuple[str, Any]] = {}
    cursor = ""

    def busy(event: str) -> None:
        clock.advance(rng.choice([0, 0.0004, 0.3, 2]))
        if rng.random() < 0.7:
            somebody_acts(system, rng)

    def store(break_off: float) -> None:
        nonlocal cursor
        for page in connector.changes("contacts", cursor, Want(("name",))):
            if rng.random() < break_off:
                return
            for r in page.records:
                if r.stamp >= held.get(r.id, ("", None))[0]:
                    held[r.id] = (r.stamp, r.fields.get("name") if r.kind == "updated" else None)
            cursor = page.cursor
            if rng.random() < break_off:
                return

    system.hook = busy
    for _ in range(25):
        store(break_off=0.2)
    system.hook = lambda event: None
    clock.advance(profile.lag + 1)
    store(break_off=0)
    return {id: name for id, (_, name) in held.items() if name is not None}, {
        id: row["name"] for id, row in system.rows("contacts").items()
    }


PLAIN = ObjectProfile(fields=(FieldProfile("name"),), page_size=3)
PROFILES = {
    "fine stamps": PLAIN,
    "whole seconds": replace(PLAIN, resolution=1),
    "minutes": replace(PLAIN, resolution=60),
    "a lagging index": replace(PLAIN, lag=5),
    "deletes as flags, lagging": replace(PLAIN, deletes="flag", lag=5, resolution=1),
    "merges with new ids": replace(PLAIN, merge_makes_new_id=True, lag=2),
}


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES.keys())
def test_what_is_pulled_in_pieces_while_people_work_is_what_there_is(profile: ObjectProfile) -> None:
    for seed in range(40):
        held, there = mirror_of(seed, profile)
        assert held == there, f"seed {seed}"


def test_without_an_overlap_a_lagging_index_loses_changes() -> None:
    """The invented system is mean enough to catch a connector that forgets the overlap."""
    careless = replace(PLAIN, lag=5, overlap=0)
    assert any(held != there for held, there in (mirror_of(seed, careless) for seed in range(40)))


def test_the_same_seed_tells_the_same_story() -> None:
    assert mirror_of(7, PROFILES["a lagging index"]) == mirror_of(7, PROFILES["a lagging index"])
