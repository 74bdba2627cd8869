"""A first walk through the connector: read everything, read a change, write, look by id."""

from __future__ import annotations

import pytest

from tests.contract.hubspot_kit import LINKED, WANT, create, kit, update


@pytest.fixture(params=["v3", "2026-09"])
def hs(request):
    yield from kit(api_version=request.param)


def test_the_first_pull_brings_everything_once(hs):
    ids = hs.people(250)
    records, _ = hs.pull()
    assert [r.id for r in records] == ids
    assert records[0].fields == {
        "email": "p0@example.org", "firstname": "Ana", "lastname": "Nr 0", "phone": None, "tags": None
    }  # fmt: skip
    assert len(hs.calls) == 3


def test_when_nothing_changed_a_pull_is_one_call(hs):
    hs.people(5)
    hs.clock.advance(120)
    _, cursor = hs.pull()
    hs.clock.advance(600)
    hs.calls.clear()
    records, _ = hs.pull(cursor)
    assert records == []
    assert hs.calls == ["contacts search"]


def test_an_edit_comes_with_the_next_pull(hs):
    ids = hs.people(5)
    hs.clock.advance(120)
    _, cursor = hs.pull()
    hs.clock.advance(600)
    hs.sandbox.edit("contacts", ids[2], {"phone": "+49 30 1"})
    records, _ = hs.pull(cursor)
    assert [(r.id, r.fields["phone"]) for r in records] == [(ids[2], "+49 30 1")]


def test_a_created_record_can_be_read_by_id_and_by_key(hs):
    [receipt] = hs.hubspot.write("contacts", [create(email=" ANA@Example.org ", lastname="Díaz", key="k1")])
    assert receipt.status == "done"
    assert receipt.fields == {"email": "ana@example.org", "lastname": "Díaz"}
    [by_id] = hs.hubspot.get("contacts", [receipt.id], WANT)
    [by_key] = hs.hubspot.find_key("contacts", "accordant_id", ["k1", "k2"], WANT)
    assert by_id == by_key
    assert (by_id.fields["email"], by_id.version, by_id.stamp) == ("ana@example.org", receipt.version, receipt.stamp)


def test_an_update_changes_only_what_it_names(hs):
    [id] = hs.people(1)
    [receipt] = hs.hubspot.write("contacts", [update(id, phone="1", firstname=None)])
    assert receipt.status == "done"
    assert hs.sandbox.rows("contacts")[id]["phone"] == "1"
    assert hs.sandbox.rows("contacts")[id]["lastname"] == "Nr 0"
    assert "firstname" not in hs.sandbox.rows("contacts")[id]


def test_the_primary_company_is_read_set_moved_and_cleared(hs):
    a, b = (hs.sandbox.seed("companies", {"name": n}) for n in "AB")
    [made] = hs.hubspot.write("contacts", [create(email="x@example.org", **{"@companies.primary": a})])
    assert hs.hubspot.get("contacts", [made.id], LINKED)[0].fields["@companies.primary"] == a
    for target in (b, None):
        [receipt] = hs.hubspot.write("contacts", [update(made.id, **{"@companies.primary": target})])
        assert (receipt.status, receipt.fields) == ("done", {"@companies.primary": target})
        assert hs.hubspot.get("contacts", [made.id], LINKED)[0].fields["@companies.primary"] == target
    assert set(hs.sandbox.account.links[int(made.id)]) == {int(a), int(b)}, "the associations themselves stay"


def test_check_names_the_account_and_its_scopes(hs):
    identity = hs.hubspot.check()
    assert identity.org == "24681357"
    assert identity.missing == ()
    hs.sandbox.hide_scope("crm.objects.contacts.write")
    assert hs.hubspot.check().missing == ("crm.objects.contacts.write",)
