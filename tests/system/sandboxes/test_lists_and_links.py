"""Lists that fall silent delete nothing; companies and owners of people travel in both directions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from connectors.hubspot.sandbox_table import Index
from connectors.salesforce import soql
from connectors.salesforce.sandbox_store import Table
from hub.connect.sandbox import Request, Response
from tests.system.sandboxes.world import World

CROWD = 30
NOTHING_SF = Response(200, {"totalSize": 0, "done": True, "records": []})
NOTHING_HS = Response(200, {"total": 0, "results": []})


def lists(*parts: str) -> Callable[[Request], bool]:
    """Requests that list people, not those that ask for one by id."""
    return lambda r: any(p in r.path for p in parts) and not r.path.endswith("/batch/read")


@pytest.fixture
def crowd(world: World) -> World:
    for n in range(CROWD):
        world.sf.seed("Contact", {"LastName": f"Nr {n}", "Email": f"p{n}@example.org", "Title": "Clerk"})
    world.settle()
    return world


def empty(world: World, side: str) -> None:
    """One side answers every question for a list with an empty one, and says that all is well."""
    if side == "sf":
        world.sf.fault("answer", when=lists("/query"), response=NOTHING_SF, times=None)
    else:
        world.hs.fault("answer", when=lists("/contacts", "/companies"), response=NOTHING_HS, times=None)


@contextmanager
def blind(world: World, side: str) -> Iterator[None]:
    """As long as this lasts one side shows us no person, also none that we ask for by id."""
    if side == "sf":
        tables = world.sf.store.tables
        table = tables["Contact"]
        tables["Contact"] = Table(table.kind)
        yield
        tables["Contact"] = table
        return
    table = world.hs.account.tables["contacts"]
    held = table.rows, table.ids, table.index
    table.rows, table.ids, table.index = {}, [], Index(table.index.now, table.index.lag)
    yield
    table.rows, table.ids, table.index = held


def check_all_there(world: World) -> None:
    assert len(world.sf.rows("Contact")) == len(world.hs.rows("contacts")) == CROWD
    assert {r["Title"] for r in world.sf.rows("Contact").values()} == {"Clerk"}
    assert {r["jobtitle"] for r in world.hs.rows("contacts").values()} == {"Clerk"}


@pytest.mark.parametrize("side", ["sf", "hs"])
@pytest.mark.parametrize("words", [("run", "customers"), ("run", "customers", "--full"), ("sweep", "customers")])
def test_a_side_that_suddenly_lists_nothing_deletes_and_clears_nothing(
    crowd: World, side: str, words: tuple[str, ...]
) -> None:
    empty(crowd, side)
    with crowd.watched() as writes:
        answer = crowd(*words)
    assert writes() == []
    assert answer.code == (6 if words[0] == "sweep" else 0), answer
    check_all_there(crowd)
    for sandbox in crowd.sandboxes:
        sandbox.faults.clear()
    crowd.check_silent("customers", "--full")


@pytest.mark.parametrize("side", ["sf", "hs"])
@pytest.mark.parametrize("policy", ["unlink", "delete"])
def test_a_side_that_shows_nobody_any_more_loses_nobody(crowd: World, side: str, policy: str) -> None:
    crowd.change("config/syncs/customers.yaml", ("deletes: unlink", f"deletes: {policy}"))
    with blind(crowd, side), crowd.watched() as writes:
        crowd("run", "customers", "--full")
        assert crowd("sweep", "customers").code == 6
        assert crowd("sweep", "customers").code == 6
    assert writes() == []
    check_all_there(crowd)
    crowd.run("customers", "--full")
    crowd.check_silent("customers", "--full")


@pytest.mark.parametrize("side", ["sf", "hs"])
def test_a_handful_of_people_hidden_from_us_are_unlinked_and_found_again(agreed: World, side: str) -> None:
    before = agreed.sf.rows("Contact"), agreed.hs.rows("contacts")
    with blind(agreed, side), agreed.watched() as writes:
        agreed("sweep", "customers")
        agreed("run", "customers")
    assert writes() == []
    agreed.run("customers", "--full")
    assert (agreed.sf.rows("Contact"), agreed.hs.rows("contacts")) == before
    agreed.hs.edit("contacts", agreed.ids["hs:ana"], {"jobtitle": "Buyer"})
    agreed.run("customers")
    assert agreed.contact("ana")["Title"] == "Buyer"
    agreed.check_silent("customers", "--full")


@pytest.mark.parametrize("side", ["sf", "hs"])
def test_a_sweep_that_finds_nothing_says_that_it_looks_like_a_missing_permission(crowd: World, side: str) -> None:
    empty(crowd, side)
    answer = crowd("sweep", "customers")
    assert f"{side} lists 0 of {CROWD}" in answer.out + answer.err
    assert "Nothing was deleted" in answer.out + answer.err
    assert f"accordant connections test {side}" in answer.out + answer.err


def test_a_record_erased_without_a_trace_is_found_by_the_sweep_and_its_twin_stays(crowd: World) -> None:
    lost = next(iter(crowd.sf.rows("Contact")))
    crowd.sf.remove("Contact", lost)
    crowd.sf.purge("Contact", lost)
    assert crowd("sweep", "customers").code == 0
    assert len(crowd.hs.rows("contacts")) == CROWD
    assert crowd("status", "--json").json["syncs"][0]["spokes"]["sf.Contact"]["records"]["deleted"] == 1
    crowd.check_silent("customers", "--full")


# ---------------------------------------------------------------- companies


@pytest.fixture
def employed(agreed: World) -> World:
    """Ana and Bo work for Acme; there is another company, Best."""
    agreed.sf.edit("Contact", agreed.ids["sf:ana"], {"AccountId": agreed.ids["sf:acme"]})
    agreed.hs.edit("contacts", agreed.ids["hs:bo"], {"@companies.primary": agreed.ids["hs:acme"]})
    agreed.ids["sf:best"] = agreed.sf.seed("Account", {"Name": "Best", "Website": "https://best.example"})
    agreed.run("--full")
    rows = agreed.hs.rows("companies")
    agreed.ids["hs:best"] = next(i for i, r in rows.items() if r["name"] == "Best")
    return agreed


def works_for(world: World, person: str, company: str) -> bool:
    """Whether both systems say so."""
    told = world.contact(person)["AccountId"], world.person(person)["@companies.primary"]
    wanted = (world.ids[f"sf:{company}"], world.ids[f"hs:{company}"]) if company else (None, None)
    return told == wanted


def test_who_works_where_travels_in_both_directions(employed: World) -> None:
    assert works_for(employed, "ana", "acme")
    assert works_for(employed, "bo", "acme")
    employed.check_silent("--full")


def test_a_person_who_moves_moves_on_the_other_side(employed: World) -> None:
    employed.sf.edit("Contact", employed.ids["sf:ana"], {"AccountId": employed.ids["sf:best"]})
    employed.hs.edit("contacts", employed.ids["hs:bo"], {"@companies.primary": employed.ids["hs:best"]})
    employed.run("--full")
    assert works_for(employed, "ana", "best")
    assert works_for(employed, "bo", "best")
    employed.check_silent("--full")


def test_a_person_who_leaves_leaves_on_the_other_side(employed: World) -> None:
    employed.sf.edit("Contact", employed.ids["sf:ana"], {"AccountId": None})
    employed.hs.edit("contacts", employed.ids["hs:bo"], {"@companies.primary": None})
    employed.run("--full")
    assert works_for(employed, "ana", "")
    assert works_for(employed, "bo", "")
    employed.check_silent("--full")


def test_other_companies_of_a_person_are_never_touched(employed: World) -> None:
    hs, ids = employed.hs, employed.ids
    hs.account.associate(int(ids["hs:ana"]), int(ids["hs:best"]), primary=False)
    employed.sf.edit("Contact", ids["sf:ana"], {"AccountId": None})
    employed.run("--full")
    assert int(ids["hs:best"]) in hs.account.links[int(ids["hs:ana"])]


def test_a_new_company_and_its_people_arrive_together(agreed: World) -> None:
    account = agreed.sf.seed("Account", {"Name": "Gem", "Website": "https://gem.example"})
    agreed.sf.seed("Contact", {"LastName": "Eve", "Email": "eve@gem.example", "AccountId": account})
    agreed.run()
    (eve,) = agreed.hs_by_email()["eve@gem.example"]
    assert agreed.hs.rows("companies")[str(eve["@companies.primary"])]["name"] == "Gem"
    agreed.check_silent("--full")


# ---------------------------------------------------------------- owners


def test_an_owner_travels_as_the_person_with_the_same_address(agreed: World) -> None:
    pat = next(u for u in agreed.sf.rows("User").values() if u["Username"].startswith("pat@"))
    owner = agreed.hs.seed("owners", {"email": "PAT@sandbox.example", "firstName": "Pat", "lastName": "Person"})
    agreed.run("--full")
    agreed.hs.edit("contacts", agreed.ids["hs:bo"], {"hubspot_owner_id": owner})
    agreed.run("--full")
    assert agreed.contact("bo")["OwnerId"] == soql.id18(pat["Id"])
    assert agreed.person("ana")["hubspot_owner_id"] == owner
    agreed.check_silent("--full")


def test_an_owner_whom_the_other_side_does_not_know_is_left_out(agreed: World) -> None:
    before = agreed.contact("ana")["OwnerId"]
    stranger = agreed.hs.seed("owners", {"email": "lee@elsewhere.example", "firstName": "Lee", "lastName": "Elsewhere"})
    agreed.hs.edit("contacts", agreed.ids["hs:ana"], {"hubspot_owner_id": stranger, "jobtitle": "Buyer"})
    agreed.run("--full", code=None)
    assert agreed.contact("ana")["OwnerId"] == before
    assert agreed.contact("ana")["Title"] == "Buyer"
    assert agreed.person("ana")["hubspot_owner_id"] == stranger
