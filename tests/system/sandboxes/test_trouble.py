"""What goes wrong outside gives one clear message with the next step, the right exit code, and nothing half-done."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

import hub.store.engines
from hub.connect.sandbox import Request, Response
from tests.system.cli_project import Answer
from tests.system.sandboxes.world import HS_TOKEN, World

CLI = "from hub.cli import main; main()"


def told(answer: Answer, *words: str) -> str:
    """Everything that a person read: each of the words in it, a next step, no trace."""
    text = answer.out + answer.err
    for word in (*words, "Next: "):
        assert word in text, text
    assert "Traceback" not in text and "X-BUG" not in text
    return text


def both(world: World) -> tuple[object, ...]:
    return world.sf.rows("Contact"), world.hs.rows("contacts")


@pytest.fixture
def edited(agreed: World) -> World:
    """Ana was edited on both sides, in different fields, and somebody new came on each side."""
    agreed.sf.edit("Contact", agreed.ids["sf:ana"], {"Title": "Buyer"})
    agreed.hs.edit("contacts", agreed.ids["hs:ana"], {"city": "Berlin"})
    agreed.sf.seed("Contact", {"LastName": "Eve", "Email": "eve@acme.example"})
    agreed.hs.seed("contacts", {"lastname": "Fay", "email": "fay@acme.example"})
    return agreed


def check_caught_up(world: World) -> None:
    """What was edited before the trouble has arrived, once."""
    assert (world.contact("ana")["MailingCity"], world.person("ana")["jobtitle"]) == ("Berlin", "Buyer")
    for found in (world.sf_by_email(), world.hs_by_email()):
        assert len(found["eve@acme.example"]) == len(found["fay@acme.example"]) == 1
    world.check_silent("customers")


# ---------------------------------------------------------------- files


def test_a_bad_mapping_is_refused_with_its_place_and_nothing_is_asked(edited: World) -> None:
    edited.change("mappings/salesforce.contact.yaml", ("as: email}", "as: emial}"))
    line, column = edited.place("mappings/salesforce.contact.yaml", "emial")
    calls = [len(s.calls) for s in edited.sandboxes]
    answer = edited("run", "customers")
    assert answer.code == 3
    assert re.search(rf"mappings/salesforce\.contact\.yaml:{line}:{column} error", answer.err), answer.err
    assert "email" in answer.err
    assert [len(s.calls) for s in edited.sandboxes] == calls


# ---------------------------------------------------------------- sign-in, permissions, fields


def test_a_refused_hubspot_token_exits_5_and_the_next_run_catches_up(edited: World) -> None:
    before = edited.hs.rows("contacts")
    edited.hs.door.static = "rotated"
    answer = edited("run", "customers")
    assert answer.code == 5
    told(answer, "HubSpot refused the token", "accordant secrets set", "[E-AUTH]")
    assert HS_TOKEN not in answer.out + answer.err
    assert edited.hs.rows("contacts") == before
    edited.hs.door.static = HS_TOKEN
    edited.run("customers")
    check_caught_up(edited)


def test_a_refused_salesforce_secret_exits_5_and_the_next_run_catches_up(edited: World) -> None:
    before = edited.sf.rows("Contact")
    edited.sf.login.refusal = "invalid_client"
    answer = edited("run", "customers")
    assert answer.code == 5
    told(answer, "sf", "[E-AUTH]")
    assert "sandbox-secret" not in answer.out + answer.err
    assert edited.sf.rows("Contact") == before
    edited.sf.login.refusal = ""
    edited.run("customers")
    check_caught_up(edited)


@pytest.mark.parametrize("verb", ["read", "write"])
def test_a_missing_scope_is_named_and_the_next_run_catches_up(edited: World, verb: str) -> None:
    before = edited.hs.rows("contacts")
    edited.hs.hide_scope(f"crm.objects.contacts.{verb}")
    answer = edited("run", "customers")
    assert answer.code in (1, 4)
    told(answer, f"crm.objects.contacts.{verb}", "[E-PERMISSION]")
    assert edited.hs.rows("contacts") == before
    edited.hs.door.hidden.clear()
    edited.run("customers")
    check_caught_up(edited)


def test_a_field_that_is_hidden_from_us_is_left_alone_and_the_others_go_on(edited: World) -> None:
    cities = {i: r["MailingCity"] for i, r in edited.sf.rows("Contact").items()}
    edited.sf.hide_field("Contact", "MailingCity")
    answer = edited.run("customers", code=4)
    told(answer, "MailingCity", "accordant discover sf Contact")
    assert edited.person("ana")["jobtitle"] == "Buyer"
    assert edited.person("ana")["city"] == "Berlin"
    assert {i: r["MailingCity"] for i, r in edited.sf.rows("Contact").items() if i in cities} == cities
    edited.sf.store.table("Contact").kind.hidden.clear()
    assert edited("errors", "retry", "--all").code == 0
    edited.run("customers", "--full")
    check_caught_up(edited)


@pytest.mark.parametrize("side", ["sf", "hs"])
def test_a_key_field_that_is_missing_is_named_and_nothing_is_created_without_it(edited: World, side: str) -> None:
    before = len(edited.sf.rows("Contact")), len(edited.hs.rows("contacts"))
    if side == "sf":
        key = edited.sf.store.table("Contact").kind.columns["Accordant_Id__c"]
        edited.sf.remove_field("Contact", "Accordant_Id__c")
    else:
        key = edited.hs.account.properties["contacts"].pop("accordant_id")
    answer = edited("run", "customers")
    assert answer.code in (1, 4)
    told(answer, "Accordant_Id__c" if side == "sf" else "accordant_id")
    grown = len(edited.sf.rows("Contact")) - before[0], len(edited.hs.rows("contacts")) - before[1]
    assert grown[0 if side == "sf" else 1] == 0
    assert edited("errors", "list", "--json").json["errors"] == []
    if side == "sf":
        edited.sf.add_field("Contact", key)
    else:
        edited.hs.account.properties["contacts"]["accordant_id"] = key
    edited.run("customers", "--full", code=None)
    check_caught_up(edited)


# ---------------------------------------------------------------- the machine


@pytest.mark.parametrize(("blocks", "codes"), [(8, {1}), (64, {1}), (140, {0, 1}), (240, {0, 1})])
def test_a_full_disk_is_told_and_the_next_run_catches_up(edited: World, blocks: int, codes: set[int]) -> None:
    """A process whose files may grow by so many KiB and no more, as on a disk that fills up in the middle of a run."""
    size = max(p.stat().st_size for p in edited.root.glob("accordant.db*"))
    limit = f'ulimit -f {size // 1024 + blocks}; exec "$@"'
    command = ["bash", "-c", limit, "-", sys.executable, "-c", CLI, "--project", str(edited.root), "run", "customers"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode in codes
    if done.returncode:
        told(Answer(done.returncode, done.stdout, done.stderr), "the disk is full", "[E-DISK]")
    edited.run("customers", code=None)
    edited.run("customers")
    check_caught_up(edited)
    edited.verified()


def test_a_locked_database_is_told_and_nothing_is_written(edited: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub.store.engines, "PATIENCE", 0)
    before = both(edited)
    holder = sqlite3.connect(edited.root / "accordant.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        answer = edited("run", "customers")
    finally:
        holder.close()
    assert answer.code == 1
    told(answer, "the database is locked by another process", "[E-LOCKED]")
    assert both(edited) == before
    edited.run("customers")
    check_caught_up(edited)


@pytest.fixture
def held_up(edited: World) -> Iterator[tuple[World, threading.Event, threading.Event]]:
    """HubSpot answers the first question only when it is told to: a run that asks stands still in the middle."""
    arrived, go = threading.Event(), threading.Event()
    respond = edited.hs.respond

    def waiting(request: Request) -> tuple[Response, object]:
        arrived.set()
        assert go.wait(60)
        return respond(request)

    edited.hs.respond = waiting
    yield edited, arrived, go
    go.set()


def test_a_second_run_beside_the_first_is_refused_and_names_the_holder(
    held_up: tuple[World, threading.Event, threading.Event],
) -> None:
    world, arrived, go = held_up
    command = [sys.executable, "-c", CLI, "--project", str(world.root), "run", "customers"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as first:
        assert arrived.wait(60)
        before = both(world)
        answer = world("run", "customers")
        assert answer.code == 6
        told(answer, f"process {first.pid} on ", "accordant status customers", "[S-BUSY]")
        assert both(world) == before
        go.set()
        text, _ = first.communicate(timeout=60)
        assert first.returncode == 0, text
    check_caught_up(world)


# ---------------------------------------------------------------- quota


def test_a_daily_quota_that_is_used_up_waits_and_says_when(edited: World) -> None:
    before = both(edited)
    edited.sf.quota(0)
    answer = edited("run", "customers")
    assert answer.code in (1, 4)
    told(answer, "the org's API requests of 24 hours are used up", "goes on by itself")
    assert edited.sf.rows("Contact") == before[0]
    edited.sf.quota(1000)
    edited.run("customers")
    check_caught_up(edited)


def test_hubspots_daily_quota_waits_and_says_when(edited: World) -> None:
    before = both(edited)
    edited.hs.limit("DAILY", 0)
    answer = edited("run", "customers")
    assert answer.code in (1, 4)
    text = told(answer, "HubSpot's daily limit is used up", "[E-LIMIT]")
    assert re.search(r"run again after 20\d\d-\d\d-\d\d \d\d:\d\d UTC", text)
    assert edited.hs.rows("contacts") == before[1]
    edited.hs.limit("DAILY", None)
    edited.run("customers")
    check_caught_up(edited)
