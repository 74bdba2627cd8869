"""Connectors with one mistake each. The suite must catch every one: see test_conformance.py, which runs this file."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from hub.connect.conformance import ConnectorTests
from hub.connect.connector import Capabilities, Connector, Context, Identity, ObjectInfo, Page, Receipt, Want, Write
from hub.connect.http import Answer, Call, Http
from hub.connect.memory import MemoryConnector
from hub.core.errors import HubError, Refused, Reject, SignIn, Unknown
from hub.core.model import Record
from tests.contract.test_memory import SAMPLE, MemorySandbox
from tests.contract.zoo import SAMPLE as VISITOR
from tests.contract.zoo import Zoo, ZooSandbox


class Memory(ConnectorTests):
    connector: Any = MemoryConnector
    sandbox = MemorySandbox
    samples = {"contacts": SAMPLE}
    http = False
    page_size = 10
    catches = ""

    def make(self, connection: str, config: Any, context: Context, sandbox: Any) -> Connector:
        made: Connector = self.connector(connection, config, context, remote=sandbox.remote)
        return made


class Http_(ConnectorTests):
    connector: Any = Zoo
    sandbox = ZooSandbox
    samples = {"visitors": VISITOR}
    page_size = 5
    catches = ""


# ---------------------------------------------------------------- reading


class TestAnybodyMayComeIn(Memory):
    catches = "test_bad_credentials_stop_with_the_next_step"

    class connector(MemoryConnector):
        def check(self) -> Identity:
            return Identity("memory")


class TestForgetsAnObject(Memory):
    catches = "test_objects_are_listed_once"

    class connector(MemoryConnector):
        def objects(self) -> Sequence[str]:
            return ("contacts", "contacts")


class TestDescribesInItsOwnWay(Memory):
    catches = "test_describe_is_stable"

    class connector(MemoryConnector):
        def describe(self, object: str) -> ObjectInfo:
            info = super().describe(object)
            return replace(info, label=f"{info.label} {id(self)}")


class TestTellsMoreThanWanted(Memory):
    catches = "test_only_the_wanted_fields_are_told_and_empty_is_not_absent"

    class connector(MemoryConnector):
        def get(self, object: str, ids: Sequence[str], want: Want) -> list[Record]:
            return super().get(object, ids, Want(("name", "email", "phone")))


class TestTakesEmptyForAbsent(Memory):
    catches = "test_only_the_wanted_fields_are_told_and_empty_is_not_absent"

    class connector(MemoryConnector):
        def get(self, object: str, ids: Sequence[str], want: Want) -> list[Record]:
            found = super().get(object, ids, want)
            return [replace(r, fields={n: v for n, v in r.fields.items() if v is not None}) for r in found]


class TestForgetsThatAbsenceIsProof(Memory):
    catches = "test_absence_by_id_is_told_as_deleted"

    class connector(MemoryConnector):
        def get(self, object: str, ids: Sequence[str], want: Want) -> list[Record]:
            return [r for r in super().get(object, ids, want) if r.kind == "updated"]


class TestFindsOnlyTheFirst(Memory):
    catches = "test_records_are_found_by_each_declared_field"

    class connector(MemoryConnector):
        def find(self, object: str, by: str, values: Sequence[str], want: Want) -> list[Record]:
            return super().find(object, by, values[1:], want)


class TestLooksForEverybody(Memory):
    catches = "test_what_is_looked_for_is_never_read_as_a_query"

    class connector(MemoryConnector):
        def find(self, object: str, by: str, values: Sequence[str], want: Want) -> list[Record]:
            everybody = [r for page in self.changes(object, "", want) for r in page.records]
            return everybody if "%" in values[0] else super().find(object, by, values, want)


class Skipping(MemoryConnector):
    """Drops the first record of every page but the first."""

    def changes(self, object: str, cursor: str, want: Want) -> Iterator[Page]:
        for n, page in enumerate(super().changes(object, cursor, want)):
            yield replace(page, records=page.records[1:]) if n else page


class TestLosesARecordBetweenPages(Memory):
    catches = "test_a_page_may_be_just_full"
    connector = Skipping


class TestLosesARecordWhenStampsAreEqual(Memory):
    catches = "test_records_that_share_one_stamp_are_all_read"
    connector = Skipping


class TestCannotResume(Memory):
    catches = "test_a_pull_can_be_taken_up_from_every_cursor"

    class connector(MemoryConnector):
        def changes(self, object: str, cursor: str, want: Want) -> Iterator[Page]:
            pages = list(super().changes(object, cursor, want))
            yield from [replace(p, cursor=pages[-1].cursor) for p in pages]


class TestReadsASnapshotAndForgetsTheRest(Memory):
    catches = "test_what_is_edited_while_we_read_is_not_lost"

    class connector(MemoryConnector):
        def changes(self, object: str, cursor: str, want: Want) -> Iterator[Page]:
            pages = list(super().changes(object, cursor, want))
            yield from pages[:-1]
            *_, end = super().changes(object, "", want)
            yield replace(pages[-1], cursor=end.cursor)


class TestBelievesTheFuture(Memory):
    catches = "test_a_cursor_from_the_future_loses_nothing"

    class connector(MemoryConnector):
        def changes(self, object: str, cursor: str, want: Want) -> Iterator[Page]:
            for page in super().changes(object, cursor, want):
                yield replace(page, records=[r for r in page.records if not cursor or r.stamp > "2030"])


class TestHidesDeletes(Memory):
    catches = "test_a_deleted_record_is_told_as_deleted"

    class connector(MemoryConnector):
        def changes(self, object: str, cursor: str, want: Want) -> Iterator[Page]:
            for page in super().changes(object, cursor, want):
                yield replace(page, records=[r for r in page.records if r.kind != "deleted"])


class TestReadsEverythingEachTime(Memory):
    catches = "test_an_edit_comes_with_the_next_pull"

    class connector(MemoryConnector):
        def changes(self, object: str, cursor: str, want: Want) -> Iterator[Page]:
            yield from super().changes(object, "", want)


class TestListsDeletedIds(Memory):
    catches = "test_all_live_ids_are_listed"

    class connector(MemoryConnector):
        def ids(self, object: str) -> Iterator[Sequence[str]]:
            yield [id for _, id in {(e.object, e.id) for e in self.remote.log}]


class TestHistoryIsUpsideDown(Memory):
    catches = "test_history_is_newest_first"

    class connector(MemoryConnector):
        def history(self, object: str, ids: Sequence[str], fields: Sequence[str]) -> Any:
            told = super().history(object, ids, fields)
            return {id: {n: v[::-1] for n, v in by.items()} for id, by in told.items()}


# ---------------------------------------------------------------- writing


class Careless(MemoryConnector):
    """Never sends a condition."""

    def write(self, object: str, batch: Sequence[Write]) -> list[Receipt]:
        return super().write(object, [replace(w, careful=False) for w in batch])


class TestWritesOverAnything(Memory):
    catches = "test_a_write_on_a_version_that_moved_changes_nothing"
    connector = Careless


class TestForgetsTheKey(Memory):
    catches = "test_two_creates_with_one_key_make_one_record"

    class connector(MemoryConnector):
        def write(self, object: str, batch: Sequence[Write]) -> list[Receipt]:
            return super().write(object, [replace(w, key="") for w in batch])


class TestSendsTheWholeRecord(Memory):
    catches = "test_an_update_changes_only_the_given_fields"

    class connector(MemoryConnector):
        def write(self, object: str, batch: Sequence[Write]) -> list[Receipt]:
            return super().write(object, [replace(w, fields={"phone": None, **w.fields}) for w in batch])


class TestNeverClears(Memory):
    catches = "test_clearing_a_field_really_clears_it"

    class connector(MemoryConnector):
        def write(self, object: str, batch: Sequence[Write]) -> list[Receipt]:
            kept = [replace(w, fields={n: v for n, v in w.fields.items() if v is not None}) for w in batch]
            return super().write(object, kept)


class TestAnswersForAnother(Memory):
    catches = "test_a_refused_value_names_its_field_and_stops_nobody_else"

    class connector(MemoryConnector):
        def write(self, object: str, batch: Sequence[Write]) -> list[Receipt]:
            receipts = super().write(object, batch)
            return [replace(r, op=w.op) for r, w in zip(receipts[::-1], batch, strict=True)]


class TestForgetsTheField(Memory):
    catches = "test_a_refused_value_names_its_field_and_stops_nobody_else"

    class connector(MemoryConnector):
        def write(self, object: str, batch: Sequence[Write]) -> list[Receipt]:
            receipts = super().write(object, batch)
            return [replace(r, error=Reject("no")) if r.status == "rejected" else r for r in receipts]


class TestStopsHalfWay(Memory):
    catches = "test_a_batch_above_the_limit_is_split_or_refused_whole"

    class connector(MemoryConnector):
        def write(self, object: str, batch: Sequence[Write]) -> list[Receipt]:
            super().write(object, batch[:20])
            raise Refused("too many", next="send fewer")


class TestPromisesABody(Memory):
    catches = "test_receipts_say_what_is_claimed"

    class connector(MemoryConnector):
        def write(self, object: str, batch: Sequence[Write]) -> list[Receipt]:
            return [replace(r, fields=None) for r in super().write(object, batch)]


class TestMangles(Memory):
    catches = "test_any_text_survives_the_way_there_and_back"

    class connector(MemoryConnector):
        def write(self, object: str, batch: Sequence[Write]) -> list[Receipt]:
            plain = [
                replace(w, fields={n: v.encode("ascii", "replace").decode() if isinstance(v, str) else v
                    for n, v in w.fields.items()})
                for w in batch
            ]  # fmt: skip
            return super().write(object, plain)


class TestClaimsWhatIsNotThere(Memory):
    catches = "test_capabilities_need_no_call_and_name_real_fields"

    class connector(MemoryConnector):
        def capabilities(self, object: str) -> Capabilities:
            return replace(super().capabilities(object), find_by=("shoe_size",))


# ---------------------------------------------------------------- HTTP


class Eager(Http):
    """Repeats everything, writes too."""

    def once(self, call: Call) -> Answer:
        try:
            return super().once(call)
        except Unknown:
            return super().once(call)


class TestRepeatsWrites(Http_):
    catches = "test_a_write_whose_outcome_is_unknown_is_never_repeated"

    class connector(Zoo):
        def __init__(self, connection: str, config: Any, context: Context) -> None:
            super().__init__(connection, config, context)
            old = self.http
            self.http = Eager(connection, context, old.base, allow_private=["127.0.0.1/32"], secrets=old._secrets)


class TestGivesUpAtOnce(Http_):
    catches = "test_a_read_with_a_broken_answer_is_repeated"

    class connector(Zoo):
        def _read(self, what: str, path: str, *query: tuple[str, str]) -> Any:
            return self._once(Call(what, "GET", path, query=query)).json


class TestDoesNotWait(Http_):
    catches = "test_a_throttled_read_waits_as_long_as_it_was_asked_to"

    class connector(Zoo):
        def _read(self, what: str, path: str, *query: tuple[str, str]) -> Any:
            for _ in range(5):
                try:
                    return self._once(Call(what, "GET", path, query=query)).json
                except HubError as error:
                    last = error
            raise last


class TestEveryCallSignsIn(Http_):
    catches = "test_an_ended_session_is_renewed_once_by_many_threads"

    class connector(Zoo):
        def _once(self, call: Call) -> Answer:
            form = {n: str(self.config["auth"][n]) for n in ("client_id", "client_secret")}
            token = self.http.once(Call("sign in", "POST", "/token", form=form)).json["access_token"]
            return self.http.once(replace(call, headers={**call.headers, "Authorization": f"Bearer {token}"}))


class TestFollowsRedirects(Http_):
    catches = "test_a_redirect_is_not_followed"

    class connector(Zoo):
        def __init__(self, connection: str, config: Any, context: Context) -> None:
            super().__init__(connection, config, context)
            self.http.client.follow_redirects = True
            send = self.http.client.send
            self.http.client.send = lambda request, **o: send(request, follow_redirects=True, **o)  # type: ignore[method-assign]


class TestGoesAnywhere(Http_):
    catches = "test_a_private_address_is_refused_unless_it_is_named"

    class connector(Zoo):
        def __init__(self, connection: str, config: Any, context: Context) -> None:
            super().__init__(connection, {**config, "network": {"allow_private": ["127.0.0.1/32"]}}, context)


class TestLogsItsSettings(Http_):
    catches = "test_no_secret_gets_into_messages_or_logs"

    class connector(Zoo):
        def check(self) -> Identity:
            logging.getLogger("zoo").debug("settings %s", self.config)
            return super().check()


class TestQuotesTheVendor(Http_):
    catches = "test_no_secret_gets_into_messages_or_logs"

    class connector(Zoo):
        def __init__(self, connection: str, config: Any, context: Context) -> None:
            super().__init__(connection, config, context)
            self.http._translate = lambda call, answer: SignIn(answer.body.decode())


class TestTurnsTheSamePageForEver(Http_):
    catches = "test_pages_that_never_end_are_noticed"

    class connector(Zoo):
        def changes(self, object: str, cursor: str, want: Want) -> Iterator[Page]:
            while True:
                rows = self._read("changes", "/visitors", ("since", ""), ("after", ""))["rows"]
                yield Page([Record("visitors", r["id"]) for r in rows], "", len(rows) < 5)
                if len(rows) < 5:
                    return


MUTANTS = {
    name: cls.catches
    for name, cls in list(globals().items())
    if isinstance(cls, type) and issubclass(cls, ConnectorTests) and name.startswith("Test")
}
