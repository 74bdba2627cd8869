"""Conformance: signing in, describing, reading by id and key, and above all reading what changed."""

from __future__ import annotations

from typing import Any

import pytest

from hub.connect.clock import from_stamp
from hub.connect.conformance_base import Checks, World, live, need
from hub.connect.connector import Option, Want
from hub.core.errors import HubError, Refused, Reject, SignIn

TYPES = {"text", "email", "phone", "url", "number", "integer", "money", "bool", "date", "datetime", "choice", "choices",
    "reference", "association", "other"}  # fmt: skip
COMMON = {"connector", "auth", "network", "limits"}
DECADE = 10 * 365 * 86400.0


class ReadChecks(Checks):
    """Checks that write nothing."""

    # -- signing in and describing

    def test_good_credentials_are_accepted(self, world: World) -> None:
        assert world.connector.check().org

    def test_bad_credentials_stop_with_the_next_step(self, world: World) -> None:
        config = world.sandbox.config()
        secrets = [o for o in _auth_options(world) if o.secret and config["auth"].get(o.name)]
        need(secrets, "signs in without secrets")
        for option in secrets:
            wrong = {**config, "auth": {**config["auth"], option.name: "wr0ng-secret"}}
            with pytest.raises(SignIn) as caught:
                world.connect(wrong).check()
            assert caught.value.next, "the message says what to do"
            assert "wr0ng-secret" not in caught.value.explain() + repr(caught.value.__cause__)

    def test_settings_are_declared(self, world: World) -> None:
        config, kind = world.sandbox.config(), type(world.connector)
        assert set(config) - COMMON <= {o.name for o in kind.options}
        assert all(o.help for o in (*kind.options, *_auth_options(world)))
        if kind.auth_kinds:
            auth = config.get("auth", {"kind": "none"})
            assert set(auth) - {"kind"} <= {o.name for o in kind.auth_kinds[auth["kind"]]}

    def test_objects_are_listed_once(self, world: World, object: str) -> None:
        listed = list(world.connector.objects())
        assert listed.count(object) == 1
        assert len(set(listed)) == len(listed)

    def test_describe_lists_types_and_required_fields(self, spot: World) -> None:
        names = [f.name for f in spot.info.fields]
        assert len(set(names)) == len(names)
        assert {f.type for f in spot.info.fields} <= TYPES
        assert all(f.label for f in spot.info.fields)
        writable = {f.name for f in spot.info.fields if f.writable}
        assert set(spot.sample.create) - writable == set()
        assert set(spot.sample.required) <= {f.name for f in spot.info.fields if f.required}

    def test_describe_is_stable(self, spot: World) -> None:
        assert spot.connector.describe(spot.object) == spot.connect().describe(spot.object)

    def test_an_unknown_object_is_refused(self, world: World) -> None:
        with pytest.raises(Reject):
            world.connector.describe("NoSuchObjectAtAll")

    def test_capabilities_need_no_call_and_name_real_fields(self, spot: World) -> None:
        names = {f.name for f in spot.info.fields}
        calls = len(spot.calls)
        can = spot.connect().capabilities(spot.object)
        assert len(spot.calls) == calls
        assert set(can.find_by) <= names
        assert can.writes <= {"create", "update", "delete", "associate"}
        assert min(can.read_batch, can.write_batch) >= 1

    # -- by id and by value

    def test_a_record_is_read_by_id_as_it_is_now(self, spot: World) -> None:
        id = spot.seed()
        record = spot.read(id)
        kept = spot.rows()[id]
        assert (record.object, record.kind, record.direct) == (spot.object, "updated", True)
        assert {n: record.fields[n] for n in spot.sample.create} == {n: kept[n] for n in spot.sample.create}
        spot.edit(id, spot.sample.edit)
        assert {n: spot.read(id).fields[n] for n in spot.sample.edit} == dict(spot.sample.edit)

    def test_only_the_wanted_fields_are_told_and_empty_is_not_absent(self, spot: World) -> None:
        need(spot.sample.clear, "the sample names no field to leave empty")
        fields = spot.fields()
        del fields[spot.sample.clear]
        id = str(spot.sandbox.seed(spot.object, fields))
        record = spot.connector.get(spot.object, [id], Want((spot.sample.clear,)))[0]
        assert dict(record.fields) == {spot.sample.clear: None}

    def test_versions_and_stamps_move_with_an_edit_and_only_then(self, spot: World) -> None:
        id = spot.seed(seconds=5)
        before, again = spot.read(id), spot.read(id)
        spot.edit(id, spot.sample.edit)
        after = spot.read(id)
        assert (before.version, before.stamp) == (again.version, again.stamp)
        if before.version:
            assert before.version != after.version
        if before.stamp:
            assert from_stamp(before.stamp) < from_stamp(after.stamp)
            assert before.stamp < after.stamp, "stamps sort as text"

    def test_absence_by_id_is_told_as_deleted(self, spot: World) -> None:
        gone, kept = spot.seed(), spot.seed()
        spot.remove(gone)
        asked = [gone, kept, *([spot.sample.missing_id] if spot.sample.missing_id else [])]
        told = {r.id: r.kind for r in spot.connector.get(spot.object, asked, spot.want)}
        assert told == {id: "updated" if id == kept else "deleted" for id in asked}

    def test_more_ids_than_one_call_takes_are_all_answered(self, spot: World) -> None:
        ids = [spot.seed(0) for _ in range(spot.can.read_batch + 1 if spot.can.read_batch <= 500 else 3)]
        assert sorted(r.id for r in spot.connector.get(spot.object, ids, spot.want)) == sorted(ids)

    def test_records_are_found_by_each_declared_field(self, spot: World) -> None:
        fields = [f for f in spot.can.find_by if spot.sample.create.get(f)]
        need(fields, "find is not claimed for a field of the sample")
        id, other = spot.seed(), spot.seed()
        for name in fields:
            value = str(spot.rows()[id][name])
            found = {r.id for r in spot.connector.find(spot.object, name, [value, "nobody-has-this"], spot.want)}
            assert id in found
            assert other not in found or spot.rows()[other][name] == spot.rows()[id][name]

    def test_what_is_looked_for_is_never_read_as_a_query(self, spot: World) -> None:
        fields = [f for f in spot.can.find_by if isinstance(spot.sample.create.get(f), str)]
        need(fields, "find is not claimed for a field of the sample")
        spot.seed()
        for text in ("' OR Id != '", "%", "_%", "*", "\\", "a' --", '"', "{x}", "x;y"):
            assert spot.connector.find(spot.object, fields[0], [text], spot.want) == []

    def test_all_live_ids_are_listed(self, spot: World) -> None:
        need(_lists_ids(spot), "ids() is not there: a sweep cannot list this object")
        ids = [spot.seed(0) for _ in range(3)]
        spot.remove(ids[1])
        before = sorted(spot.rows())
        assert sorted(id for page in spot.connector.ids(spot.object) for id in page) == before
        assert ids[1] not in before

    def test_history_is_newest_first(self, spot: World) -> None:
        need(spot.can.field_history, "no field history is claimed")
        need(spot.sample.edit, "the sample edits nothing")
        id = spot.seed()
        name, value = next(iter(spot.sample.edit.items()))
        first = spot.rows()[id][name]
        spot.edit(id, {name: value})
        told = spot.connector.history(spot.object, [id], [name])[id][name]
        assert [v.value for v in told[:2]] == [value, first]
        assert told[0].stamp >= told[1].stamp
        assert not told[0].by_us

    # -- what changed

    def test_a_first_pull_brings_everything(self, spot: World) -> None:
        ids = [spot.seed() for _ in range(3)]
        records, cursor = spot.pull()
        held = live(records)
        assert cursor
        assert set(ids) <= set(held)
        for id in ids:
            assert {n: held[id][n] for n in spot.sample.create} == {n: spot.rows()[id][n] for n in spot.sample.create}

    def test_an_edit_comes_with_the_next_pull(self, spot: World) -> None:
        still, id = spot.seed(3600), spot.seed(3600)
        _, cursor = spot.pull()
        spot.clock.advance(3600)
        spot.edit(id, spot.sample.edit)
        records, _ = spot.pull(cursor)
        assert {n: live(records)[id][n] for n in spot.sample.edit} == dict(spot.sample.edit)
        if spot.can.delta:
            assert still not in live(records), "an old record that nobody touched is not read again"

    def test_an_unchanged_pull_costs_next_to_nothing(self, spot: World) -> None:
        spot.seed(86400)
        _, cursor = spot.pull()
        _, cursor = spot.pull(cursor)
        calls = len(spot.calls)
        records, _ = spot.pull(cursor, slow=False)
        least = spot.connector.minimum_calls(spot.object, read=len(records), written=0, created=0)
        assert len(spot.calls) - calls <= max(1, least)

    def test_two_pulls_in_a_row_tell_the_same(self, spot: World) -> None:
        for _ in range(5):
            spot.seed()
        assert live(spot.pull()[0]) == live(spot.pull()[0])

    @pytest.mark.parametrize("more", [-1, 0, 1], ids=["one less than a page", "a page", "one more than a page"])
    def test_a_page_may_be_just_full(self, spot: World, more: int) -> None:
        before = set(spot.rows())
        ids = {spot.seed(0.1) for _ in range(self.page_size + more)}
        records, _ = spot.pull(by=self._small(spot))
        assert ids <= set(live(records)) <= ids | before

    def test_an_object_without_records_gives_an_empty_page_and_a_cursor(self, spot: World) -> None:
        need(not spot.rows(), "the sandbox starts with records")
        records, cursor = spot.pull()
        id = spot.seed()
        assert records == []
        assert set(live(spot.pull(cursor)[0])) == {id}

    def test_records_that_share_one_stamp_are_all_read(self, spot: World) -> None:
        ids = {spot.seed(0) for _ in range(2 * self.page_size + 1)}
        spot.clock.advance(60)
        records, cursor = spot.pull(by=self._small(spot))
        assert ids <= set(live(records))
        later = spot.seed(0)
        assert later in live(spot.pull(cursor)[0])

    def test_a_pull_can_be_taken_up_from_every_cursor(self, spot: World) -> None:
        ids = {spot.seed(0.2) for _ in range(2 * self.page_size + 1)}
        connector = self._small(spot)
        pages = spot.pages(by=connector)
        assert len(pages) > 1, "page_size and page_options do not make several pages: nothing would be checked"
        for n, page in enumerate(pages):
            stored = {r.id for p in pages[: n + 1] for r in p.records}
            rest, _ = spot.pull(page.cursor, by=connector)
            assert ids <= stored | {r.id for r in rest}, f"lost after page {n + 1} of {len(pages)}"

    def test_what_is_edited_while_we_read_is_not_lost(self, spot: World) -> None:
        ids = [spot.seed(0.2) for _ in range(2 * self.page_size + 1)]
        connector, records, cursor, edited = self._small(spot), [], "", {ids[0]}
        for n, page in enumerate(connector.changes(spot.object, "", spot.want)):
            records += page.records
            cursor = page.cursor
            if n < 2:
                edited.add(ids[self.page_size + n])
                spot.edit(ids[0], spot.sample.edit)
                spot.edit(ids[self.page_size + n], spot.sample.edit)
                ids.append(spot.seed())
        spot.clock.advance(60)
        held = live([*records, *spot.pull(cursor, by=connector)[0]])
        assert set(ids) <= set(held)
        for id in edited:
            assert {n: held[id][n] for n in spot.sample.edit} == dict(spot.sample.edit)

    def test_a_cursor_from_the_future_loses_nothing(self, spot: World) -> None:
        spot.clock.advance(DECADE)
        spot.seed()
        _, cursor = spot.pull()
        spot.clock.advance(-DECADE)
        id = spot.seed()
        try:
            records, _ = spot.pull(cursor)
        except Refused as refusal:
            assert refusal.next, "a cursor that is refused says what to do instead"
        else:
            assert id in live(records)

    def test_a_cursor_that_cannot_be_read_is_refused(self, spot: World) -> None:
        spot.seed()
        with pytest.raises(HubError) as caught:
            spot.pull("this is no cursor")
        assert caught.value.next

    def test_a_deleted_record_is_told_as_deleted(self, spot: World) -> None:
        need(spot.can.deletes != "sweep", "deletes are not reported here; a sweep finds them")
        id, kept = spot.seed(), spot.seed()
        _, cursor = spot.pull()
        spot.clock.advance(60)
        spot.remove(id)
        records, _ = spot.pull(cursor)
        assert "deleted" in {r.kind for r in records if r.id == id}
        assert id not in live(records)
        assert "deleted" not in {r.kind for r in records if r.id == kept}

    def test_a_merged_record_names_its_survivor(self, spot: World) -> None:
        need(getattr(spot.sandbox, "merge", None), "the sandbox merges nothing")
        a, b = spot.seed(), spot.seed()
        _, cursor = spot.pull()
        spot.clock.advance(60)
        try:
            survivor = spot.sandbox.merge(spot.object, a, b) or a
        except (KeyError, HubError, NotImplementedError):
            pytest.skip("records of this object cannot be merged")
        spot.clock.advance(60)
        told = [r for r in [*spot.pull(cursor)[0], *spot.connector.get(spot.object, [b], spot.want)] if r.id == b]
        assert ("merged_into", ((spot.object, survivor),)) in {(r.kind, r.into) for r in told}
        assert survivor in live(spot.pull(cursor)[0])

    def _small(self, spot: World) -> Any:
        return spot.connect(**self.page_options)


def _auth_options(world: World) -> tuple[Option, ...]:
    auth = world.sandbox.config().get("auth") or {}
    return tuple(type(world.connector).auth_kinds.get(auth.get("kind", ""), ()))


def _lists_ids(spot: World) -> bool:
    try:
        next(iter(spot.connector.ids(spot.object)), None)
    except NotImplementedError:
        return False
    return True
