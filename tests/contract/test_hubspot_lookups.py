"""Reading particular HubSpot records: absence is proof, and old ids lead to survivors."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.contract.hubspot_kit import LINKED, SLOW, WANT, create, kit, update


@pytest.fixture
def hs():
    yield from kit()


def test_records_read_by_id_are_direct_and_know_their_key(hs):
    [receipt] = hs.hubspot.write("contacts", [create(email="a@example.org", key="k-7")])
    [record] = hs.hubspot.get("contacts", [receipt.id], WANT)
    assert (record.direct, record.key) == (True, "k-7")


def test_ids_are_read_in_batches_of_a_hundred_and_only_once(hs):
    ids = hs.people(230)
    records = hs.hubspot.get("contacts", [*ids, *ids], WANT)
    assert sorted(r.id for r in records) == sorted(ids)
    assert hs.calls == ["contacts batch/read"] * 3


def test_an_archived_record_is_proof_of_a_delete_with_its_time(hs):
    here, gone = hs.people(2)
    hs.sandbox.remove("contacts", gone)
    found = {r.id: r for r in hs.hubspot.get("contacts", [here, gone], WANT)}
    assert found[here].kind == "updated"
    assert (found[gone].kind, found[gone].stamp) == ("deleted", "2023-11-14T22:13:22.000Z")


@pytest.mark.parametrize("nobody", ["999999", "no-number"])
def test_a_record_that_never_was_is_deleted(hs, nobody):
    [record] = hs.hubspot.get("contacts", [nobody], WANT)
    assert (record.id, record.kind, record.direct) == (nobody, "deleted", True)


def test_an_erased_record_is_deleted_although_no_list_shows_it(hs):
    [id] = hs.people(1)
    with hs.sandbox.lock:
        hs.sandbox.account.erase("contacts", hs.sandbox.account.table("contacts").rows[int(id)])
    assert hs.hubspot.get("contacts", [id], WANT)[0].kind == "deleted"


@pytest.mark.parametrize("follows", [True, False], ids=["batch follows merges", "batch does not"])
@pytest.mark.parametrize("object", ["contacts", "companies"])
def test_an_old_id_answers_with_its_survivor(hs, follows, object):
    hs.sandbox.shop.aliases_in_batch = follows
    a, b, c = (hs.sandbox.seed(object, {"name" if object == "companies" else "lastname": n}) for n in "ABC")
    survivor = hs.sandbox.merge(object, a, b)
    found = {r.id: r for r in hs.hubspot.get(object, [a, b, c], WANT)}
    assert {found[a].into, found[b].into} == {((object, survivor),)}
    assert (found[a].kind, found[c].kind) == ("merged_into", "updated")


def test_an_alias_without_a_list_of_losers_is_still_a_merge(hs):
    a, b = hs.people(2)
    survivor = hs.sandbox.merge("contacts", a, b)
    hs.sandbox.shop.aliases_in_batch = True
    table = hs.sandbox.account.table("contacts")
    hidden = {"hs_merged_object_ids": "", "hs_calculated_merged_vids": ""}
    table.put(table.rows[int(survivor)], hidden, "CRM_UI", "")
    found = {r.id: r for r in hs.hubspot.get("contacts", [a], WANT)}
    assert (found[a].kind, found[a].into) == ("merged_into", (("contacts", survivor),))


def test_an_archived_company_is_no_mirage_of_the_same_id_among_contacts(hs):
    company = hs.sandbox.seed("companies", {"name": "Acme"})
    [contact] = hs.people(1)
    assert company == contact, "ids are unique only within an object"
    hs.sandbox.remove("companies", company)
    assert hs.hubspot.get("contacts", [contact], WANT)[0].kind == "updated"


# ---------------------------------------------------------------- find


def test_an_email_is_found_at_once_whatever_the_index_says():
    for hs in kit(lag=30.0):
        hs.sandbox.seed("contacts", {"email": "new@example.org"})
        [record] = hs.hubspot.find("contacts", "email", ["new@example.org", "nobody@example.org"], WANT)
        assert record.fields["email"] == "new@example.org"


def test_a_secondary_email_finds_its_contact_once(hs):
    a, b = hs.people(2)
    survivor = hs.sandbox.merge("contacts", a, b)
    found = hs.hubspot.find("contacts", "email", ["p0@example.org", "p1@example.org"], WANT)
    assert [r.id for r in found] == [survivor]


def test_other_properties_are_found_by_search_in_any_number(hs):
    for n in range(450):
        hs.sandbox.seed("companies", {"name": f"Acme {n}", "domain": f"acme{n % 150}.example"})
    want = replace(WANT, fields=("domain",))
    values = [f"ACME{n}.example" for n in range(150)]
    found = hs.hubspot.find("companies", "domain", values, want)
    assert len({r.id for r in found}) == 450
    assert hs.calls == ["companies search"] * 3


def test_create_keys_are_found_in_batches(hs):
    hs.hubspot.write("contacts", [create(f"o{n}", email=f"p{n}@example.org", key=f"k{n}") for n in range(100)])
    hs.calls.clear()
    found = hs.hubspot.find_key("contacts", "accordant_id", [f"k{n}" for n in range(120)], LINKED)
    assert {r.key for r in found} == {f"k{n}" for n in range(100)}
    assert hs.calls == ["contacts batch/read"] * 2


def test_all_live_ids_are_listed_in_order(hs):
    ids = hs.people(205)
    hs.sandbox.remove("contacts", ids.pop(50))
    assert [id for page in hs.hubspot.ids("contacts") for id in page] == ids
    olga = hs.sandbox.seed("owners", {"email": "o@example.org"})
    assert [id for page in hs.hubspot.ids("owners") for id in page] == [olga]


# ---------------------------------------------------------------- history


def test_history_tells_who_wrote_each_value_newest_first(hs):
    [id] = hs.people(1)
    hs.hubspot.write("contacts", [update(id, phone="1")])
    hs.clock.advance(5)
    hs.sandbox.edit("contacts", id, {"phone": "2"})
    hs.clock.advance(5)
    hs.hubspot.write("contacts", [update(id, phone=None)])
    versions = hs.hubspot.history("contacts", [id], ["phone", "@companies.primary"])[id]["phone"]
    assert [(v.value, v.by_us, v.stamp[-10:]) for v in versions] == [
        (None, True, "13:31.000Z"),
        ("2", False, "13:26.000Z"),
        ("1", True, "13:21.000Z"),
    ]
    assert versions[1].by.startswith("CRM_UI")


def test_another_app_is_not_us(hs):
    [id] = hs.people(1)
    hs.hubspot.write("contacts", [update(id, phone="1")])
    hs.connect(app_id="1111")
    assert not hs.hubspot.history("contacts", [id], ["phone"])[id]["phone"][0].by_us


def test_history_is_read_fifty_at_a_time(hs):
    ids = hs.people(120)
    hs.calls.clear()
    found = hs.hubspot.history("contacts", ids, ["firstname"])
    assert set(found) == set(ids)
    assert hs.calls == ["token introspection"] + ["contacts batch/read"] * 3


# ---------------------------------------------------------------- discovery


def test_properties_are_described_with_types_choices_and_what_can_be_written(hs):
    info = hs.hubspot.describe("contacts")
    expected = {
        "email": ("email", True, True, ()),
        "mobilephone": ("phone", True, False, ()),
        "hs_email_optout": ("bool", False, False, ()),
        "associatedcompanyid": ("number", False, False, ()),
        "date_of_joining": ("date", True, False, ()),
        "accordant_id": ("text", True, True, ()),
        "tags": ("choices", True, False, ("vip", "newsletter", "partner", "press", "trade_fair", "reseller")),
    }
    found = {f.name: (f.type, f.writable, f.unique, f.choices) for f in info.fields}
    assert {name: found[name] for name in expected} == expected
    assert info.field("hubspot_owner_id").refers_to == ("owners",)
    assert info.field("@companies.primary").refers_to == ("companies",)
    assert info.field("lifecyclestage").type == "choice"


def test_a_new_property_shows_up_and_an_unknown_object_is_named(hs):
    from hub.core.errors import Reject

    with pytest.raises(Reject, match="no object gadgets"):
        hs.hubspot.describe("gadgets")
    assert hs.hubspot.describe("owners").field("email").writable is False


def test_every_object_can_be_described_and_read(hs):
    for object in hs.hubspot.objects():
        assert hs.hubspot.describe(object).fields
        assert hs.pull(want=SLOW, object=object)[0] == []
        assert hs.hubspot.capabilities(object).writes == (
            frozenset() if object == "owners" else frozenset({"create", "update", "delete"})
        )


def test_further_objects_are_named_in_the_options(hs):
    hs.connect(objects=["deals"])
    assert hs.hubspot.objects() == ("companies", "contacts", "owners", "deals")
