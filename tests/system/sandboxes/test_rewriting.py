"""Remotes that store something else than they were given are not argued with."""

from __future__ import annotations

import pytest

from tests.system.sandboxes.world import World


def test_an_address_that_one_side_lower_cases_stays_as_it_is_on_both(agreed: World) -> None:
    agreed.sf.edit("Contact", agreed.ids["sf:ana"], {"Email": "Ana.Diaz@Acme.Example"})
    agreed.run("customers")
    assert agreed.person("ana")["email"] == "ana.diaz@acme.example"
    assert agreed.contact("ana")["Email"].lower() == "ana.diaz@acme.example"
    agreed.check_silent("customers", "--full")


def test_a_domain_that_one_side_shortens_is_no_edit(agreed: World) -> None:
    agreed.hs.edit("companies", agreed.ids["hs:acme"], {"domain": "https://WWW.Acme-Group.example/start"})
    agreed.run("organizations")
    agreed.check_silent("organizations")
    agreed.check_silent("organizations", "--full")
    assert agreed.hs.rows("companies")[agreed.ids["hs:acme"]]["domain"] == "acme-group.example"


REWRITES = {
    "cuts": lambda v: v and v[:8],
    "shouts": lambda v: v and v.upper(),
    "squeezes": lambda v: v and " ".join(v.split()),
    "appends": lambda v: v and (v if v.endswith(" (x)") else f"{v} (x)"),
    "empties": lambda v: None,
    "fixes": lambda v: "Always this",
}


@pytest.mark.parametrize("how", sorted(REWRITES))
def test_an_automation_that_rewrites_what_we_write_starts_no_ping_pong(agreed: World, how: str) -> None:
    agreed.sf.rewrite("Contact", "Title", REWRITES[how])
    agreed.hs.edit("contacts", agreed.ids["hs:ana"], {"jobtitle": "Head  of  sales"})
    agreed.run("customers")
    stored = agreed.contact("ana")["Title"]
    assert stored == REWRITES[how]("Head  of  sales")
    assert agreed.person("ana")["jobtitle"] == "Head  of  sales"
    agreed.check_silent("customers")
    agreed.check_silent("customers", "--full")


def test_a_phone_in_another_writing_is_no_edit(agreed: World) -> None:
    agreed.sf.rewrite("Contact", "MobilePhone", lambda v: v and v.replace(" ", "").replace("+49", "0049 "))
    agreed.hs.edit("contacts", agreed.ids["hs:ana"], {"mobilephone": "+49 30 2345678"})
    agreed.run("customers")
    agreed.check_silent("customers", "--full")
    assert agreed.person("ana")["mobilephone"] == "+49 30 2345678"


def test_after_a_rewriting_a_persons_edit_still_travels(agreed: World) -> None:
    agreed.sf.rewrite("Contact", "Title", lambda v: v and v.upper())
    agreed.hs.edit("contacts", agreed.ids["hs:ana"], {"jobtitle": "Buyer"})
    agreed.run("customers")
    agreed.sf.edit("Contact", agreed.ids["sf:ana"], {"Title": "Chief"})
    agreed.run("customers")
    assert agreed.person("ana")["jobtitle"] == "CHIEF"
    agreed.check_silent("customers", "--full")
