"""The first sync over HTTP: what is the same is linked, what is missing is made once, and then there is silence."""

from __future__ import annotations

from tests.system.sandboxes.world import World

COMMON, ALONE = 40, 20
SPELLINGS = (
    lambda n: f"Person{n}@Example.ORG",
    lambda n: f"PERSON{n}@EXAMPLE.ORG",
    lambda n: f"person{n}@example.org",
)


def fill(world: World) -> None:
    """60 people on each side, of whom 40 are the same, spelled differently; 6 and 6 companies, of which 4 are."""
    sf, hs = world.sf, world.hs
    for n in range(6):
        sf.seed("Account", {"Name": f"Company {n}", "Website": f"https://www.company{n}.example/home"})
    for n in range(2, 8):
        hs.seed("companies", {"name": f"Company {n}", "domain": f"HTTP://Company{n}.example"})
    for n in range(COMMON + ALONE):
        fields = {"LastName": f"Nr{n}", "Email": SPELLINGS[n % 3](n), "MobilePhone": f"(030) 2345{n:03}"}
        sf.seed("Contact", {**fields, "FirstName": "Ana"})
    for n in range(ALONE, COMMON + 2 * ALONE):
        fields = {"lastname": f"nr{n} ", "email": SPELLINGS[(n + 1) % 3](n), "firstname": "ANA"}
        hs.seed("contacts", {**fields, "jobtitle": f"Job {n}"})


def test_a_first_sync_links_what_is_the_same_and_doubles_nobody(world: World) -> None:
    fill(world)
    world.run()
    everybody = {f"person{n}@example.org" for n in range(COMMON + 2 * ALONE)}
    for found in (world.sf_by_email(), world.hs_by_email()):
        assert set(found) == everybody
        assert {len(rows) for rows in found.values()} == {1}
    assert sorted(r["Name"] for r in world.sf.rows("Account").values()) == [f"Company {n}" for n in range(8)]
    assert sorted(r["domain"] for r in world.hs.rows("companies").values()) == [f"company{n}.example" for n in range(8)]
    world.verified()


def test_each_side_gets_what_the_other_knows_of_the_same_person(world: World) -> None:
    fill(world)
    world.run()
    (sf,), (hs,) = world.sf_by_email()["person30@example.org"], world.hs_by_email()["person30@example.org"]
    assert sf["Title"] == hs["jobtitle"] == "Job 30"
    assert sf["MobilePhone"] and hs["mobilephone"]


def test_after_the_first_sync_there_is_silence(world: World) -> None:
    fill(world)
    world.run()
    world.check_silent()
    world.check_silent("--full")


def test_a_silent_run_costs_one_call_for_each_object_and_system(world: World) -> None:
    fill(world)
    world.settle()
    marks = [len(s.calls) for s in world.sandboxes]
    told = world.run("customers", "--json").json
    made = [s.calls[mark:] for s, mark in zip(world.sandboxes, marks, strict=True)]
    signing = [c for calls in made for c in calls if "/oauth" in c[1]]
    assert [len(calls) for calls in made] == [1 + len(signing), 1]
    assert told["read"] == sum(told["outcomes"].values())


def test_a_plan_says_what_the_first_run_will_make_and_makes_nothing(world: World) -> None:
    fill(world)
    before = world.sf.rows("Contact"), world.hs.rows("contacts")
    answer = world("plan", "customers", "--json")
    assert answer.code == 2
    assert (world.sf.rows("Contact"), world.hs.rows("contacts")) == before
    creates = [o for o in answer.json["operations"] if o["action"] == "create"]
    assert len(creates) == 2 * ALONE
