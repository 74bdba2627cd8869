"""The command line in front of the sandboxes of Salesforce and HubSpot: what is missing there is named, with the step."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.hubspot.sandbox import HubSpotSandbox
from connectors.salesforce.sandbox import SalesforceSandbox
from tests.system.sandboxes.world import World, make


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with SalesforceSandbox(seed=1) as sf, HubSpotSandbox(seed=1) as hs:
        assert isinstance(sf, SalesforceSandbox) and isinstance(hs, HubSpotSandbox)
        made = make(tmp_path / "crm", sf, hs)
        sf.seed("Contact", {"FirstName": "Ana", "LastName": "Diaz", "Email": "ana@example.org"})
        hs.seed("contacts", {"firstname": "Bo", "lastname": "Berg", "email": "bo@example.org"})
        yield made


def broken(world: World) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for finding in world("doctor", "--json").json["findings"]:
        if finding["level"] == "broken":
            found.setdefault(finding["about"], []).append(finding)
    return found


def test_doctor_finds_both_systems_well_and_says_what_each_can_promise(world: World) -> None:
    answer = world("doctor", "--json")
    assert answer.code == 0, [f for f in answer.json["findings"] if f["level"] == "broken"]
    found = {(g["connection"], g["object"]): g["guarantee"] for g in answer.json["guarantees"]}
    assert found[("sf", "Contact")] == "nearly"
    assert found[("hs", "contacts")] == "detected"


def test_validate_live_finds_the_repositorys_mappings_sound(world: World) -> None:
    answer = world("validate", "--live")
    assert answer.code == 0, answer.out


def test_a_wrong_token_exits_5_and_says_what_to_do(world: World) -> None:
    assert world("secrets", "set", "hs-token", stdin="pat-eu1-wrong").code == 0
    answer = world("connections", "test")
    assert answer.code == 5
    assert answer.out.startswith("✓ sf:")
    (line,) = answer.err.splitlines()
    assert "hs" in line and "Next:" in line and "[E-AUTH]" in line
    assert "pat-eu1-wrong" not in answer.err
    assert world("run", "customers").code == 5


def test_a_wrong_client_secret_exits_5(world: World) -> None:
    assert world("secrets", "set", "sf-client-secret", stdin="wrong").code == 0
    answer = world("connections", "test", "sf", "--json")
    assert answer.code == 5
    assert answer.json["connections"][0]["error"]["next"]


def test_a_missing_permission_is_named_with_the_step_that_grants_it(world: World) -> None:
    world.hs.hide_scope("crm.objects.contacts.write")
    (finding,) = broken(world)["hs"]
    assert finding["text"] == "the permission crm.objects.contacts.write is missing"
    assert "accordant connections test hs" in finding["next"]
    tested = world("connections", "test", "hs", "--json")
    assert tested.code == 1
    assert tested.json["connections"][0]["missing"] == ["crm.objects.contacts.write"]


def test_a_missing_key_field_is_named_with_the_step_that_adds_it(world: World) -> None:
    world.sf.remove_field("Contact", "Accordant_Id__c")
    (finding,) = broken(world)["customers/sf"]
    assert "Contact has no field Accordant_Id__c" in finding["text"]
    for word in (
        "create a text field Accordant_Id__c on Contact",
        "unique",
        "external id",
        "config/syncs/customers.yaml:",
    ):
        assert word in finding["next"]


def test_a_field_that_our_user_may_not_see_is_named_with_its_place(world: World) -> None:
    world.sf.hide_field("Contact", "Title")
    found = broken(world)["customers/sf"]
    assert any("no field Title" in f["text"] and "mappings/salesforce.contact.yaml:" in f["next"] for f in found)


def test_discover_shows_what_a_system_has(world: World) -> None:
    assert "Contact" in world("discover", "sf", "--json").json["objects"]
    found = world("discover", "hs", "contacts", "--json").json
    assert {"email", "firstname", "accordant_id"} <= {f["name"] for f in found["fields"]}


def test_an_unknown_object_is_told_with_the_next_step(world: World) -> None:
    answer = world("discover", "sf", "Contct")
    assert answer.code == 1
    assert "Contct" in answer.err and "Traceback" not in answer.err


def test_try_reads_one_record_and_changes_nothing(world: World) -> None:
    (id,) = world.sf.rows("Contact")
    with world.watched() as writes:
        found = world("try", "salesforce.contact", "--record", id, "--json").json
    assert found["canonical"]["email"] == "ana@example.org"
    assert writes() == []


def test_plan_then_apply_does_what_the_plan_said(world: World) -> None:
    path = world.root / "first.plan"
    planned = world("plan", "customers", "-o", str(path), "--json")
    assert planned.code == 2, planned.err
    applied = world("apply", str(path), "--json")
    assert applied.code == 0, applied
    wanted = sum(counts["create"] for counts in planned.json["counts"].values())
    assert applied.json["operations"]["created"] == wanted == 2
    assert world("plan", "customers").code == 0


def test_a_run_counts_its_api_calls_per_system(world: World) -> None:
    world("run", "customers")
    sf, hs = (len(s.calls) for s in world.sandboxes)
    found = world("run", "customers", "--json").json
    assert found["spokes"]["sf"]["api_calls"] == len(world.sf.calls) - sf - logins(world.sf, sf)
    assert found["spokes"]["hs"]["api_calls"] == len(world.hs.calls) - hs


def logins(sandbox: Any, since: int) -> int:
    """Signing in is not a call that counts against the limit."""
    return sum("/oauth2/token" in path for _, path in sandbox.calls[since:])
