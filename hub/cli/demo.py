"""demo: two invented CRMs on this machine are brought into agreement, and everything that is said is checked."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub.cli import exits
from hub.cli.output import as_json, note
from hub.cli.session import Json, session
from hub.core.errors import HubError

if TYPE_CHECKING:
    from hub.cli.demo_show import Stage
    from hub.cli.demo_world import World

LEAST_COMMON, LEAST_ALONE = 20, 5


def demo(
    ctx: typer.Context,
    people: Annotated[int, typer.Option("--people", min=25, max=20_000, help="How many people each CRM has.")] = 500,
    common: Annotated[int, typer.Option("--common", min=LEAST_COMMON, help="How many of them are in both.")] = 300,
    seed: Annotated[int, typer.Option("--seed", help="Another seed invents other people.")] = 1,
    folder: Annotated[
        Path | None, typer.Option("--dir", help="Where the project goes, and stays (default: a temporary folder).")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Afterwards leave sandboxes and project for playing.")] = False,
    json: Json = False,
) -> int:
    """Watch two invented CRMs being brought into agreement. Needs no account; nothing leaves this machine."""
    from hub.cli.demo_show import Stage

    if common > people - LEAST_ALONE:
        raise HubError(
            f"{common} people cannot be in both, for each has {people} and some are to be in one only",
            unchanged="Nothing was done",
            next=f"accordant demo --people {people} --common {people - LEAST_ALONE}",
            code="E-USAGE",
        )
    stage = Stage(quiet=json)
    with _ended_by_signals() as ended, ExitStack() as stack:
        told = _perform(stack, stage, session(ctx).env, folder, (people, common, seed))
        if json:
            as_json(told)
        if keep:
            _stay(stage, told, ended)
    return exits.OK if stage.kept else exits.ERROR


def _perform(
    stack: ExitStack, stage: Stage, env: dict[str, str], folder: Path | None, size: tuple[int, int, int]
) -> dict[str, Any]:
    """Set the scene, play it, and sum up."""
    import time

    from hub.cli import demo_project, demo_world
    from hub.cli.demo_checks import Systems
    from hub.cli.demo_steps import STEPS, Play, casting
    from hub.jobs.assemble import Assembly

    started = time.monotonic()
    root = _folder(stack, folder)
    stage.say("Accordant brings two CRMs into agreement. Both are sandboxes on this machine; nothing leaves it.")
    boxes = {name: stack.enter_context(demo_project.sandbox(name)) for name in demo_project.SYSTEMS}
    world = demo_world.invent(*size)
    with stage.bars(invented=2 * (size[0] + size[0] // 5)):
        demo_world.populate(world, *boxes.values(), told=lambda n: stage.progress("invented", {"records": n}))
    demo_project.make(root, env, boxes)
    with Assembly(root, env, progress=stage.progress) as project:
        play = Play(stage, project, Systems(boxes), world, cast=casting(world))
        for step in STEPS:
            step(play)
    seconds = time.monotonic() - started
    _sum_up(stage, seconds)
    return _told(stage, seconds, root, boxes, world)


def _folder(stack: ExitStack, folder: Path | None) -> Path:
    """A folder of our own. A temporary one goes when the demo ends."""
    import tempfile

    from hub.cli import demo_project

    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        return folder.resolve()
    made = Path(tempfile.mkdtemp(prefix="accordant-demo-")).resolve()
    stack.callback(demo_project.remove, made)
    return made


def _sum_up(stage: Stage, seconds: float) -> None:
    broken = [p for p in stage.promises if not p.kept]
    stage.say()
    if not broken:
        stage.say(f"All {len(stage.promises)} promises were compared with the two systems, and kept. {seconds:.0f} s.")
    else:
        stage.say(f"{len(broken)} of {len(stage.promises)} promises were broken. {seconds:.0f} s.")
    for one in broken:
        stage.say(f"  ✗ {one.text}: expected {one.expected[:300]}, found {one.found[:300]}")
    stage.say()
    stage.say("Where to look next")
    for what, command in NEXT:
        stage.say(f"  {what:<38}  {command}")


NEXT = (
    ("play with these two CRMs", "accordant demo --keep"),
    ("a project of your own", "accordant init my-project"),
    ("which systems can be connected", "accordant connector list"),
    ("how fields are mapped", "mappings/salesforce.contact.yaml, config/syncs/customers.yaml"),
    ("everything else", "accordant --help, README.md"),
)


def _told(stage: Stage, seconds: float, root: Path, boxes: dict[str, Any], world: World) -> dict[str, Any]:
    promises = [{"text": p.text, "kept": p.kept, "expected": p.expected, "found": p.found} for p in stage.promises]
    return {
        "ok": stage.kept,
        "seconds": round(seconds, 1),
        "project": str(root),
        "sandboxes": {name: box.url for name, box in boxes.items()},
        "people": len(world.people),
        "try": _things_to_try(root, boxes, world),
        "promises": promises,
    }


# ---------------------------------------------------------------- --keep


@contextmanager
def _ended_by_signals() -> Iterator[threading.Event]:
    """SIGTERM ends the demo as Ctrl-C does, so that its folder is removed either way."""
    ended = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield ended
        return

    def interrupt(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield ended
    finally:
        signal.signal(signal.SIGTERM, before)


def _stay(stage: Stage, told: dict[str, Any], ended: threading.Event) -> None:
    """Leave everything running until somebody ends it."""
    try:
        stage.say()
        stage.say("The two sandboxes run until you press Ctrl-C. In another terminal:")
        for line in told["try"]:
            stage.say(f"  {line}")
        ended.wait()
    except KeyboardInterrupt:
        note("Stopped.")


def _things_to_try(root: Path, boxes: dict[str, Any], world: World) -> list[str]:
    """Lines that can be copied into another terminal while the sandboxes run."""
    me, auth = program(), boxes["hs"].config()["auth"]
    one = next(p for p in world.common("email") if p.number % 7 != 3)
    return [
        f"export ACCORDANT_PROJECT={root}",
        f"{me} status",
        f"{me} matches list",
        f"{me} explain {one.email}",
        "",
        "# change somebody in HubSpot through its API, and let the change travel",
        f"curl -sX PATCH {boxes['hs'].url}/crm/v3/objects/contacts/{world.person_ids['hs'][one.number]} \\",
        f"  -H 'Authorization: Bearer {auth['token']}' -H 'Content-Type: application/json' \\",
        """  -d '{"properties": {"jobtitle": "Astronaut"}}'""",
        f"{me} plan customers",
        f"{me} run customers",
        f"{me} explain {one.email} job_title",
        "",
        "# or let the schedules do it",
        f"{me} serve",
    ]


def program() -> str:
    """How a person starts this program from here."""
    import shutil
    import sys

    found, mine = shutil.which("accordant"), Path(sys.argv[0])
    if found and Path(found).resolve() == mine.resolve():
        return "accordant"
    here = Path.cwd()
    return str(mine.relative_to(here)) if mine.is_absolute() and mine.is_relative_to(here) else str(mine)
