"""The walk of the demo, step by step. Each step does what a command does, and compares the two systems afterwards."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

from hub.cli import demo_checks as checks
from hub.cli.demo_checks import LABELS, OBJECTS, Systems
from hub.cli.demo_show import Stage
from hub.cli.demo_world import Person, World
from hub.cli.operate import read_plan, store_plan
from hub.cli.output import count, shown
from hub.engine import planning, repair
from hub.engine.report import Report
from hub.engine.run import run_sync
from hub.jobs.assemble import Assembly
from hub.store import goldens, reviews

PERSON = "the demo"
Pairs = dict[str, dict[str, str]]


@dataclass
class Play:
    """The demo under way: the stage, the opened project, the systems, and what was found so far."""

    stage: Stage
    project: Assembly
    systems: Systems
    world: World
    plans: dict[str, Any] = field(default_factory=dict)
    cast: dict[str, Person] = field(default_factory=dict)

    def rows(self, system: str, what: str = "people") -> dict[str, dict[str, Any]]:
        return self.systems.rows(system, what)

    def row(self, system: str, person: Person) -> dict[str, Any]:
        return self.rows(system).get(self.world.person_ids[system][person.number], {})

    def edit(self, system: str, person: Person, **fields: Any) -> None:
        """Somebody changes a record in one of the two."""
        id = self.world.person_ids[system][person.number]
        self.systems.boxes[system].edit(OBJECTS[system]["people"], id, fields)

    def run(self, sync: str) -> Report:
        """What `accordant run SYNC` does."""
        with self.stage.bars(read=_expected(self, sync)):
            report = run_sync(self.project.hub, sync)
        if report.state not in ("ok", "partial"):
            self.stage.promise(f"{sync} runs: {report.error}", report.state, "ok")
        return report

    def pairs(self, what: str) -> Pairs:
        """{golden id: {system: remote id}}, by the hub's own links."""
        found: Pairs = {}
        with self.project.store.read() as tx:
            for system, box in self.systems.boxes.items():
                object = OBJECTS[system][what]
                for id, link in goldens.links_by_record(tx, system, object, list(box.rows(object))).items():
                    if link.state == "linked":
                        found.setdefault(link.golden, {})[system] = id
        return found


# ---------------------------------------------------------------- 1, 2: the scene, and what people refer to


def scene(play: Play) -> None:
    stage, world = play.stage, play.world
    stage.step("Two CRMs that disagree")
    counts = play.systems.counts()
    urls = {s: box.url for s, box in play.systems.boxes.items()}
    rows = [(LABELS[s], counts[s]["companies"], counts[s]["people"]) for s in LABELS]
    both = (sum(len(c.systems) == 2 for c in world.companies), len(world.common()))
    stage.table(("", "companies", "people"), [*rows, ("in both", *both)], right=True)
    stage.line(", ".join(f"{LABELS[s]} is a sandbox at {url}" for s, url in urls.items()))
    stage.line("")
    stage.line("The same person, as each has it:")
    names = (("FirstName", "firstname"), ("Email", "email"), ("MobilePhone", "mobilephone"), ("Title", "jobtitle"))

    def spelled(person: Person) -> list[tuple[str, str, str]]:
        sf, hs = play.row("sf", person), play.row("hs", person)
        return [(b, sf.get(a) or "(empty)", hs.get(b) or "(empty)") for a, b in names]

    # The one whose spellings differ most shows best what there is to do.
    one = max(world.common("email")[:60], key=lambda p: sum(a != b != "(empty)" for _, a, b in spelled(p)))
    stage.table(("", *LABELS.values()), spelled(one))


def parents(play: Play) -> None:
    """Users and companies come first: people refer to them."""
    stage = play.stage
    stage.step(
        "Owners and companies first, for people refer to them",
        "accordant plan organizations -o organizations.plan && accordant apply organizations.plan",
    )
    apply(play, "users", plan(play, "users"))
    found = plan(play, "organizations")
    linked = found["linked"].get("hs", 0)
    report = apply(play, "organizations", found)
    asked = accept(play, "organizations")
    again = play.run("organizations")
    made = {s: _made(report, s) + _made(again, s) for s in LABELS}
    stage.line(
        f"{count(linked, 'company', 'companies')} linked by domain, or by name and postal code; "
        f"{count(asked, 'was', 'were')} only alike by name, and a person said yes"
    )
    stage.line(f"created: {made['sf']} in Salesforce, {made['hs']} in HubSpot")
    everyone = len(play.world.companies)
    stage.promise(
        f"all {everyone} companies are in both, each once",
        {s: c["companies"] for s, c in play.systems.counts().items()},
        dict.fromkeys(LABELS, everyone),
    )
    agree(play, "organizations", "companies")


def _made(report: Report, system: str) -> int:
    return int(report.spokes.get(system, {}).get("operations", {}).get("created", 0))


# ---------------------------------------------------------------- 3, 4, 5: match report, plan, apply


def plan(play: Play, sync: str) -> dict[str, Any]:
    """What `accordant plan SYNC -o FILE` does."""
    play.project.check_accounts(sync)
    with play.stage.bars(read=_expected(play, sync), settled=_expected(play, sync)):
        found = planning.plan(play.project.hub, sync)
    store_plan(_file(play, sync), found)
    return found


def _file(play: Play, sync: str) -> Path:
    return play.project.root / f"{sync}.plan"


def _expected(play: Play, sync: str) -> int:
    what = {"customers": "people", "organizations": "companies"}.get(sync)
    return sum(c[what] for c in play.systems.counts().values()) if what else 0


def apply(play: Play, sync: str, found: Mapping[str, Any]) -> Report:
    """What `accordant apply FILE` does."""
    with play.stage.bars(read=_expected(play, sync), settled=_expected(play, sync), written=len(found["operations"])):
        return planning.apply(play.project.hub, read_plan(_file(play, sync)))


def match_report(play: Play) -> None:
    stage, world = play.stage, play.world
    stage.step("Who is who", "accordant plan customers")
    before = play.systems.everything()
    started = time.monotonic()
    found = play.plans["customers"] = plan(play, "customers")
    stage.line(f"read {found['report']['read']:,} people in {time.monotonic() - started:.1f} s")
    linked = sum(found["linked"].values())
    asked = Counter(r["reason"] for r in found["reviews"])
    stage.table(
        ("", "people"),
        [
            ("linked by e-mail", linked),
            *((_question(reason), n) for reason, n in sorted(asked.items())),
            ("only in Salesforce", len(world.only("sf"))),
            ("only in HubSpot", len(world.only("hs"))),
        ],
        right=True,
    )
    lost = sum(found["first_link"].values())
    stage.line(f"{count(lost, 'value')} will give way where the two differ; each stays in the audit log")
    stage.promise("everybody known by e-mail is linked, and nobody else", linked, len(world.common("email")))
    stage.promise(
        "what is only likely is asked, not guessed",
        len(found["reviews"]),
        len(world.common("phone")) + len(world.twins),
    )
    stage.promise("planning changed nothing in either system", play.systems.everything() == before)


def _question(reason: str) -> str:
    words = {
        "the rule asks for a person": "ask: same family name and mobile number, no e-mail to be sure",
        "duplicate inside sf": "ask: a second record of somebody inside Salesforce",
    }
    return words.get(reason, f"ask: {reason}")


def show_plan(play: Play) -> None:
    stage, found = play.stage, play.plans["customers"]
    stage.step("What would be written", "accordant plan customers -o customers.plan")
    rows = [
        (LABELS[s], *(found["counts"][s][a] for a in ("create", "update", "associate", "delete")), found["cost"][s])
        for s in LABELS
    ]
    stage.table(("", "create", "update", "company links", "delete", "API calls"), rows, right=True)
    updates = [o for o in found["operations"] if o["action"] == "update"]
    one = max(updates, key=lambda o: (sum(f["old"] is not None for f in o["fields"]), len(o["fields"])))
    stage.line(
        f"one of {len(found['operations']):,}: update {one['name']} ({LABELS[one['connection']]} {one['remote_id']})"
    )
    for f in one["fields"][:3]:
        stage.line(f"    {f['field']}: {shown(f['old'])} → {shown(f['new'])}   from {LABELS[f['from']]}, {f['place']}")
    if found["guards"]:
        stage.line("A run on its own would stop at a guard: " + found["guards"][0].split(": ", 1)[-1] + ".")
        stage.line("A plan that somebody has read carries its own allowance.")
    stage.promise("no deletes are planned", sum(c["delete"] for c in found["counts"].values()), 0)


def carry_out(play: Play) -> None:
    stage, world, found = play.stage, play.world, play.plans["customers"]
    stage.step("Carry it out", "accordant apply customers.plan")
    started = time.monotonic()
    report = apply(play, "customers", found)
    seconds = time.monotonic() - started
    ops = report.operations
    stage.line(
        f"created {ops['created']:,}, updated {ops['updated']:,}, company links {ops['associated']:,}, "
        f"failed {ops['failed'] + ops['dead']:,}; {count(report.api_calls, 'API call')}, {seconds:.1f} s"
    )
    done = sum(ops[n] for n in ("created", "updated", "associated"))
    stage.promise("what was planned was done, no more and no less", done, len(found["operations"]))
    expected = {"sf": len(world.people) + len(world.twins), "hs": len(world.people)}
    stage.promise(f"Salesforce holds {expected['sf']} people, HubSpot {expected['hs']}", _people(play), expected)
    everybody(play)


def everybody(play: Play) -> None:
    sync = play.project.hub.sync("customers")
    likely = {p.number for p in play.world.common("phone")}
    sure = [p for p in play.world.people if p.number not in likely]
    wrong = checks.wrong_headcounts(sync, play.systems, play.world, sure)
    play.stage.promise(f"each of {len(sure)} people is in both systems exactly once", wrong, [])
    play.stage.promise("no record that people made is gone", checks.lost(play.systems, play.world), [])


# ---------------------------------------------------------------- 6: questions for a person


def accept(play: Play, sync: str) -> int:
    """Say yes to what the rules only asked about; second records inside one system stay open."""
    hub = play.project.hub
    with hub.store.read() as tx:
        found = [r for r in reviews.reviews(tx, sync) if "asks for a person" in r["reason"]]
    for one in found:
        repair.answer_match(hub, one["id"], golden=one["candidates"][0], by=PERSON)
    return len(found)


def questions(play: Play) -> None:
    stage, world = play.stage, play.world
    stage.step("Answer what only a person can", "accordant matches list && accordant matches accept ID")
    before = play.systems.counts()
    asked = accept(play, "customers")
    play.run("customers")
    stage.line(f"{count(asked, 'match', 'matches')} accepted; {count(len(world.twins), 'question')} left open for you")
    stage.promise("nobody was created for it", play.systems.counts(), before)
    pairs = play.pairs("people")
    linked = {(p.get("sf"), p.get("hs")) for p in pairs.values()}
    true = {(world.person_ids["sf"][p.number], world.person_ids["hs"][p.number]) for p in world.common()}
    stage.promise(f"all {len(true)} common people are linked to their own record", len(true & linked), len(true))
    agree(play, "customers", "people", pairs)
    same, differ = checks.homes(play.systems, pairs)
    stage.promise(f"{same} people have the same company in both systems", differ[:5], [])


def agree(play: Play, sync: str, what: str, pairs: Pairs | None = None) -> None:
    found = checks.agreement(play.project.hub.sync(sync), play.systems, what, pairs or play.pairs(what))
    text = f"both agree on {found.values:,} values of {found.records:,} {what}"
    play.stage.promise(text, found.differ[:5], [])


# ---------------------------------------------------------------- 7: edits travel


def edits(play: Play) -> None:
    stage, cast = play.stage, play.cast
    stage.step("An edit on each side travels across", "accordant run customers")
    ada, bo, cy, di = (cast[n] for n in ("sf edit", "hs edit", "both", "cleared"))
    home = next(c for c in play.world.companies if len(c.systems) == 2 and c != bo.company)
    play.edit("sf", ada, Title="Lighthouse Keeper")
    play.edit("hs", bo, jobtitle="Cloud Gardener", **{"@companies.primary": play.world.company_ids["hs"][home.number]})
    play.edit("sf", cy, Title="Tea Taster")
    play.edit("hs", cy, city="Görlitz")
    play.edit("sf", di, Title=None)
    play.run("customers")
    rows = [
        (_name(ada), "title in Salesforce", "HubSpot", play.row("hs", ada).get("jobtitle")),
        (_name(bo), "title in HubSpot", "Salesforce", play.row("sf", bo).get("Title")),
        (_name(cy), "title in Salesforce …", "HubSpot", play.row("hs", cy).get("jobtitle")),
        ("", "… and city in HubSpot", "Salesforce", play.row("sf", cy).get("MailingCity")),
        (_name(di), "title cleared in Salesforce", "HubSpot", play.row("hs", di).get("jobtitle") or "(empty)"),
        (_name(bo), "company in HubSpot", "Salesforce", _home(play, "sf", bo)),
    ]
    stage.table(("", "changed", "arrived in", "as"), rows)
    wanted = ["Lighthouse Keeper", "Cloud Gardener", "Tea Taster", "Görlitz", "(empty)", home.name]
    stage.promise("each edit arrived, and none was overwritten", [r[3] for r in rows], wanted)
    kept = [play.row("sf", cy).get("Title"), play.row("hs", cy).get("city"), play.row("sf", di).get("Title")]
    stage.promise("two edits of one record are both kept", kept, ["Tea Taster", "Görlitz", None])


def _name(person: Person) -> str:
    return f"{person.given} {person.family}"


def _home(play: Play, system: str, person: Person) -> str:
    row = play.rows(system, "companies").get(play.row(system, person).get(checks.HOME[system]) or "", {})
    return str(row.get("Name") or row.get("name") or "(none)")


# ---------------------------------------------------------------- 8: a conflict


def conflict(play: Play) -> None:
    stage, eva, hub = play.stage, play.cast["conflict"], play.project.hub
    stage.step("Both change the same number: held, until somebody decides", "accordant run customers")
    ours, theirs = "+4915188880001", "+4915188880002"
    play.edit("sf", eva, MobilePhone=ours, Title="Bridge Builder")
    play.edit("hs", eva, mobilephone=theirs)
    play.run("customers")
    with hub.store.read() as tx:
        open_now = reviews.conflicts(tx, "customers")
    for one in open_now:
        for link, value in sorted(one["shown"].items()):
            stage.line(f"{_name(eva)}, {one['path']} in {LABELS[link.split('/', 1)[0]]}: {value}")
        stage.line(f"held by the rule {one['rule']}")
    told = [play.row("sf", eva).get("MobilePhone"), play.row("hs", eva).get("mobilephone")]
    stage.promise("neither number was overwritten", told, [ours, theirs])
    stage.promise("the rest of the record went on", play.row("hs", eva).get("jobtitle"), "Bridge Builder")
    stage.promise("one conflict is open", len(open_now), 1)
    if not open_now:
        return
    stage.line("")
    stage.line(f"$ accordant conflicts resolve {open_now[0]['id']} --keep hs && accordant run customers")
    repair.resolve_conflict(hub, open_now[0]["id"], keep="hs", by=PERSON)
    play.run("customers")
    told = [play.row("sf", eva).get("MobilePhone"), play.row("hs", eva).get("mobilephone")]
    stage.promise("both have the number that was chosen", told, [theirs, theirs])


# ---------------------------------------------------------------- 9: a delete


def delete(play: Play) -> None:
    stage, finn = play.stage, play.cast["deleted"]
    stage.step("A record is deleted in Salesforce: HubSpot keeps its own", "accordant run customers")
    play.systems.boxes["sf"].remove("Contact", play.world.person_ids["sf"][finn.number])
    before = _people(play)
    report = play.run("customers")
    play.run("customers")
    stage.line(f"{_name(finn)}: the link has ended (deletes: unlink), and nothing else happened")
    stage.promise("HubSpot still has the record", bool(play.row("hs", finn)))
    stage.promise("nothing was deleted, and nothing came back", _people(play), before)
    stage.promise("the hub sent no delete", report.operations["deleted"], 0)


def _people(play: Play) -> dict[str, int]:
    return {s: c["people"] for s, c in play.systems.counts().items()}


# ---------------------------------------------------------------- 10, 11, 12: silence, explain, the books


def silence(play: Play) -> None:
    stage = play.stage
    stage.step("Nothing has changed: a run writes nothing", "accordant run --all")
    before, marks, started = play.systems.everything(), play.systems.marks(), time.monotonic()
    reports = [play.run(sync) for sync in ("users", "organizations", "customers")]
    seconds = time.monotonic() - started
    calls = play.systems.calls() - sum(marks.values())
    read = sum(r.read for r in reports)
    stage.line(f"{count(read, 'record')} compared, {count(calls, 'API call')}, {seconds:.1f} s")
    stage.promise("0 writes were sent", play.systems.writes_since(marks), [])
    stage.promise("every row and every stamp is what it was", play.systems.everything() == before)


def explain(play: Play) -> None:
    from hub.cli.recording import show_explanation
    from hub.engine.explain import explain as engine

    stage, eva = play.stage, play.cast["conflict"]
    stage.step("Why is it as it is?", f"accordant explain {eva.email} 'phones[mobile]'")
    found = engine(play.project.hub, eva.email, "phones[mobile]")
    told = StringIO()
    with redirect_stdout(told):
        show_explanation(found)
    for line in told.getvalue().splitlines():
        stage.line(line)
    field = found["fields"]["phones[mobile]"]
    named = [field["value"], len(found["links"]), len(field["spokes"])]
    stage.promise("the answer names the value and both records", named, ["+4915188880002", 2, 2])


def books(play: Play) -> None:
    from hub.jobs.doctor import check_sums

    stage = play.stage
    stage.step("The books add up", "accordant doctor --self-check && accordant audit verify")
    for finding in check_sums(play.project):
        stage.promise(f"{finding.about}: {finding.text}", finding.level, "ok")
    stage.promise("the two sandboxes found no fault in themselves", play.systems.bugs(), [])


STEPS: tuple[Callable[[Play], None], ...] = (
    scene,
    parents,
    match_report,
    show_plan,
    carry_out,
    questions,
    edits,
    conflict,
    delete,
    silence,
    explain,
    books,
)


def casting(world: World) -> dict[str, Person]:
    """Who plays what: common people, known by e-mail, with plain names, each in one part only."""
    parts = ("sf edit", "hs edit", "both", "cleared", "conflict", "deleted")
    free = [p for p in world.common("email")[: -len(world.twins)] if p.number % 9 not in (4, 5, 7) and p.number % 5]
    plain = [p for p in free if p.number % 7 != 3]
    return dict(zip(parts, plain, strict=False))
