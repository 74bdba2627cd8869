"""What people change travels over HTTP, in both directions; what they say against each other waits for an answer."""

from __future__ import annotations

import pytest

from tests.system.sandboxes.world import World

PHONES = ("+49 30 2345671", "+49 30 2345672", "+49 30 2345673")


def test_edits_of_both_sides_cross_in_one_run(agreed: World) -> None:
    agreed.sf.edit("Contact", agreed.ids["sf:ana"], {"Title": "Head of sales", "MailingCity": "Berlin"})
    agreed.hs.edit("contacts", agreed.ids["hs:ana"], {"firstname": "Ana"})
    agreed.hs.edit("contacts", agreed.ids["hs:cy"], {"jobtitle": "Buyer"})
    agreed.run("customers")
    assert (agreed.person("ana")["jobtitle"], agreed.person("ana")["city"]) == ("Head of sales", "Berlin")
    assert agreed.contact("ana")["FirstName"] == "Ana"
    assert agreed.contact("cy")["Title"] == "Buyer"
    agreed.check_silent("customers")


def test_new_people_appear_once_on_the_other_side(agreed: World) -> None:
    agreed.sf.seed("Contact", {"LastName": "Eve", "Email": "eve@acme.example"})
    agreed.hs.seed("contacts", {"lastname": "Fay", "email": "fay@acme.example"})
    agreed.run("customers")
    agreed.check_silent("customers", "--full")
    for name in ("eve", "fay"):
        assert len(agreed.sf_by_email()[f"{name}@acme.example"]) == 1
        assert len(agreed.hs_by_email()[f"{name}@acme.example"]) == 1


@pytest.mark.parametrize(("side", "name"), [("sf", "Title"), ("hs", "jobtitle")])
def test_a_field_that_a_person_clears_is_cleared_on_the_other_side(agreed: World, side: str, name: str) -> None:
    if side == "sf":
        agreed.sf.edit("Contact", agreed.ids["sf:ana"], {name: None})
    else:
        agreed.hs.edit("contacts", agreed.ids["hs:ana"], {name: ""})
    agreed.run("customers")
    assert not agreed.contact("ana")["Title"]
    assert not agreed.person("ana").get("jobtitle")
    assert agreed.contact("bo")["Title"] == "Clerk"
    agreed.check_silent("customers")


def test_a_deleted_record_is_unlinked_and_its_twin_stays(agreed: World) -> None:
    agreed.sf.remove("Contact", agreed.ids["sf:ana"])
    agreed.hs.remove("contacts", agreed.ids["hs:bo"])
    agreed.run("customers", "--full")
    assert agreed.ids["hs:ana"] in agreed.hs.rows("contacts")
    assert agreed.ids["sf:bo"] in agreed.sf.rows("Contact")
    agreed.check_silent("customers", "--full")
    assert len(agreed.sf.rows("Contact")) == len(agreed.hs.rows("contacts")) == 3


# ---------------------------------------------------------------- conflicts


@pytest.fixture
def torn(agreed: World) -> World:
    """A phone was changed to two different numbers; the policy for phones is `hold`. A title was changed as well."""
    agreed.sf.edit("Contact", agreed.ids["sf:ana"], {"MobilePhone": PHONES[0]})
    agreed.hs.edit("contacts", agreed.ids["hs:ana"], {"mobilephone": PHONES[1], "jobtitle": "Buyer"})
    agreed.run("customers", code=4)
    return agreed


def digits(text: object) -> str:
    return "".join(c for c in str(text) if c.isdigit())


def test_a_conflict_waits_with_both_values_while_the_rest_flows(torn: World) -> None:
    (found,) = torn.conflicts()
    assert found["path"] == "phones[mobile]"
    assert {side: digits(v) for side, v in found["claims"].items()} == {
        "sf": digits(PHONES[0]),
        "hs": digits(PHONES[1]),
    }
    assert (torn.contact("ana")["MobilePhone"], torn.person("ana")["mobilephone"]) == (PHONES[0], PHONES[1])
    assert torn.contact("ana")["Title"] == "Buyer"


def test_a_conflict_that_waits_writes_nothing_and_asks_once(torn: World) -> None:
    with torn.watched() as writes:
        torn.run("customers", code=None)
        torn.run("customers", "--full", code=None)
    assert writes() == []
    assert len(torn.conflicts()) == 1


@pytest.mark.parametrize(
    ("words", "wanted"),
    [(("--keep", "sf"), PHONES[0]), (("--keep", "hs"), PHONES[1]), (("--value", PHONES[2]), PHONES[2])],
)
def test_a_decision_reaches_both_sides_and_stays(torn: World, words: tuple[str, ...], wanted: str) -> None:
    (found,) = torn.conflicts()
    assert torn("conflicts", "resolve", found["id"], *words).code == 0
    torn.run("customers")
    assert digits(torn.contact("ana")["MobilePhone"]) == digits(torn.person("ana")["mobilephone"]) == digits(wanted)
    torn.check_silent("customers")
    torn.check_silent("customers", "--full")
    assert torn.conflicts() == []
    torn.verified()


def test_the_value_that_lost_is_in_the_audit_log(torn: World) -> None:
    (found,) = torn.conflicts()
    torn("conflicts", "resolve", found["id"], "--keep", "sf")
    torn.run("customers")
    told = torn("audit", "export", "--json")
    assert digits(PHONES[1])[-7:] in digits(told.out)
