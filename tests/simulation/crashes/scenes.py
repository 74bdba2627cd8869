"""Fifteen small scenes: what there is before, what is done, and in one sentence what must hold wherever it is stopped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from hub.connect.profiles import ObjectProfile
from hub.core.compile import mapping_of
from hub.core.errors import Unknown
from hub.core.model import MatchRule, Policy, Sync
from hub.engine import repair
from hub.engine.hints import hear
from hub.engine.sweep import sweep
from hub.store import goldens, reviews
from tests.simulation.crashes.pictures import nothing
from tests.simulation.world import F, World, mapping, profile, spoke, sync, world

Act = Callable[[World], None]
BY_MAIL = (MatchRule(("email",), "link"),)
MANNERS: dict[str, dict[str, Any]] = {
    "strong": {"conditional_write": "strong"},
    "history": {"conditional_write": "none", "field_history": True, "receipts": "version"},
}
"""A remote that checks our condition itself, and one where nothing protects but the engine."""
NEWEST = Policy(conflicts={"default": ("newest", "a", "b")})


def run(w: World) -> None:
    w.run()


@dataclass(frozen=True, slots=True)
class Scene:
    """`build(manners)`: a world as it is before. `acts`: what is done then, one after another; an act that was stopped is
    done once more, so it does nothing that is done already. `spared`: oracles of the usual world that do not apply."""

    name: str
    proves: str
    build: Callable[[dict[str, Any]], World]
    acts: tuple[Act, ...] = (run,)
    spared: frozenset[str] = field(default=frozenset())


def _two(manners: dict[str, Any], one: Sync | None = None, **b: Any) -> World:
    """a and b with these manners, b with some of its own."""
    one = one or sync(spoke("a"), spoke("b"), match=BY_MAIL, policy=NEWEST)
    return world(one, profiles={"a": profile(**manners), "b": profile(**{**manners, **b})})


def _ana(w: World, remote: str = "a", **fields: Any) -> str:
    return w.person(remote, **{"first": "Ana", "last": "Díaz", "mail": "ana@example.org", **fields})


def _linked(manners: dict[str, Any], one: Sync | None = None, **b: Any) -> tuple[World, str, str]:
    """Ana is in a and b, and they agree."""
    w = _two(manners, one, **b)
    a = _ana(w, title="Clerk", phone="1")
    w.runs(2)
    return w, a, next(iter(w.rows("b")))


# ---------------------------------------------------------------- creates and edits


def _created(manners: dict[str, Any]) -> World:
    w = _two(manners)
    _ana(w)
    return w


def _keyless(manners: dict[str, Any]) -> World:
    one = sync(spoke("a", key_field=""), spoke("b", key_field=""), match=BY_MAIL, policy=NEWEST)
    bare = profile(**manners, unique_key="")
    w = world(one, profiles={"a": bare, "b": bare})
    w.person("b", first="Bo", last="Li", phone="7")
    return w


def _run_and_answer(w: World) -> None:
    """A person who is asked whether a create arrived looks, and has it repeated only if it did not."""
    w.run()
    for letter in w.ask(reviews.letters):
        if letter["code"] == "E-UNKNOWN" and not w.rows(letter["connection"]):
            repair.retry_letter(w.hub, letter["id"], by="ana")
    w.run()


def _edited(manners: dict[str, Any]) -> World:
    w = _two(manners)
    a = _ana(w, phone="1")
    b = _ana(w, "b")
    w.run()
    w.edit("a", a, phone="2")
    w.edit("b", b, title="Boss")
    return w


def _in_conflict(manners: dict[str, Any]) -> World:
    one = sync(spoke("a"), spoke("b"), match=BY_MAIL, policy=Policy(conflicts={"default": ("hold",)}))
    w, a, b = _linked(manners, one)
    w.edit("a", a, title="Chief", phone="2")
    w.edit("b", b, title="Boss")
    return w


def _decide_for_b(w: World) -> None:
    for conflict in w.ask(reviews.conflicts):
        repair.resolve_conflict(w.hub, conflict["id"], keep="b", by="ana")


def _answer_lost(manners: dict[str, Any]) -> World:
    w, a, _ = _linked(manners)
    w.edit("a", a, title="Chief", phone="2")

    def lose(event: str) -> None:
        if event == "after:write":
            w["b"].hook = nothing
            raise Unknown("the connection broke")

    w["b"].hook = lose
    return w


def _rewriting(manners: dict[str, Any]) -> World:
    own = {
        "first": F("first", lower=True, trim=True),
        "title": F("title", length=4),
        "phone": F("phone", length=3, cuts=False),
    }
    w = _two(manners, fields=own, write_batch=2)
    _ana(w, title="Clerk", phone="1")
    w.run()
    w.edit("a", next(iter(w.rows("a"))), title="Director")
    for n in "12":
        w.person("a", first=f"Bo{n}", last=f"Li{n}", mail=f"bo{n}@example.org", phone="12345" if n == "1" else "7")
    w.person("a", first="Cy", last="Ng", mail="cy@example.org", title="Engineer")
    return w


# ---------------------------------------------------------------- deletes, merges, links


def _deleting() -> Sync:
    all_three = {"writes": frozenset({"create", "update", "delete"})}
    one = sync(spoke("a", **all_three), spoke("b", **all_three), match=BY_MAIL)
    return replace(one, policy=replace(NEWEST, deletes="delete"))


def _deleted(manners: dict[str, Any]) -> World:
    w, a, _ = _linked(manners, _deleting())
    w["a"].delete("person", a)
    return w


def _deleted_and_edited(manners: dict[str, Any]) -> World:
    w, a, b = _linked(manners, _deleting())
    w["a"].delete("person", a)
    w.edit("b", b, title="Boss")
    return w


def _merged(manners: dict[str, Any]) -> World:
    w = _two(manners)
    for n in "12":
        w.person("a", first=f"Ana{n}", last=f"Díaz{n}", mail=f"ana{n}@example.org", title=f"Clerk {n}")
    w.run()
    first, second = sorted(w.rows("a"))
    w["a"].merge("person", first, second)
    return w


def _populated(manners: dict[str, Any]) -> World:
    rules = (*BY_MAIL, MatchRule(("family_name", "phones[mobile]"), "review"))
    w = _two(manners, sync(spoke("a"), spoke("b"), match=rules, policy=NEWEST))
    _ana(w, title="Clerk")
    _ana(w, "b", phone="1")
    w.person("a", first="Bo", last="Li", phone="7")
    w.person("b", first="Bob", last="Li", phone="7", title="Boss")
    w.person("a", first="Cy", last="Ng", mail="cy@example.org")
    return w


def _accept_matches(w: World) -> None:
    for review in w.ask(reviews.reviews):
        repair.answer_match(w.hub, review["id"], golden=review["candidates"][0], by="ana")


def _joined(manners: dict[str, Any]) -> World:
    w, _, _ = _linked(manners)
    w.person("a", first="Bo", last="Li", mail="bo@example.org")
    w.run()
    two = w.hub.syncs["people"]
    w.with_sync(replace(two, spokes=(*two.spokes, spoke("c"))), profiles={"c": profile(**manners)})
    _ana(w, "c", title="Clerk")
    w.person("c", first="Di", last="Ek", mail="di@example.org")
    return w


def _unlinked(manners: dict[str, Any]) -> World:
    w, a, b = _linked(manners)
    w.edit("a", a, title="Chief")
    w.edit("b", b, title="Boss")
    return w


def _part(w: World) -> None:
    links = w.ask(goldens.links_by_record, "b", "person", list(w.rows("b")))
    for link in links.values():
        if link.state == "linked":
            repair.unlink(w.hub, link.golden, "b", by="ana")


# ---------------------------------------------------------------- references and sweeps

HEAD = {"connector": "memory", "entity": "customer"}
FIRM = mapping_of(
    {**HEAD, "object": "org", "set": {"kind": "organization"}, "fields": {"name": "name", "website": "site"}}, "org"
)


def _family(manners: dict[str, Any]) -> World:
    member = mapping(organization={"field": "org", "ref": "customer", "object": "org", "required": True})
    firms = sync(
        spoke("a", mapping=FIRM), spoke("b", mapping=FIRM), name="firms", match=(MatchRule(("website",), "link"),)
    )
    people = sync(spoke("a", mapping=member), spoke("b", mapping=member), match=BY_MAIL, policy=NEWEST)
    objects = {
        "org": ObjectProfile(fields=(F("name", trim=True), F("site", unique=True)), unique_key="hub_key", **manners),
        "person": profile(fields={"org": F("org", "reference")}, **manners),
    }
    w = world(replace(firms, kind="organization"), people, objects=objects)
    acme = w["a"].create("org", {"name": "Acme", "site": "acme.example"})
    _ana(w, org=acme)
    return w


def _run_firms(w: World) -> None:
    w.run("firms")


def _named(manners: dict[str, Any]) -> World:
    w = _edited(manners)
    gone = w.person("a", first="Gone", last="Away")
    w["a"].delete("person", gone)
    for remote in "ab":
        hear(w.hub, remote, "person", [*w.rows(remote), gone, "nobody"])
    return w


class _FirstLate:
    """Chance that was decided beforehand: the first version shows late, the others at once."""

    def __init__(self) -> None:
        self.rolled = False

    def random(self) -> float:
        first, self.rolled = not self.rolled, True
        return 0.0 if first else 1.0


def _missed(manners: dict[str, Any]) -> World:
    one = sync(spoke("a"), spoke("b"), match=BY_MAIL, policy=NEWEST)
    late = profile(**manners, late=(0.5, 500.0), overlap=0.0)
    w = world(one, profiles={"a": late, "b": profile(**manners)})
    w.run()
    w["a"].random = _FirstLate()  # type: ignore[assignment]
    _ana(w)
    w.clock.advance(100)
    w.person("a", first="Bo", last="Li", mail="bo@example.org")
    w.run()
    w.clock.advance(500)
    w.run()
    assert len(w.rows("b")) == 1, "the cursor should have missed one"
    return w


def _sweep(w: World) -> None:
    w.clock.advance(60)
    told, _ = sweep(w.hub, "people")
    w.reports.append(told)


SCENES = {
    scene.name: scene
    for scene in (
        Scene("one is created", "A new record is created in the other system once, whatever was under way.", _created),
        Scene(
            "no key and no match field",
            "Where a record cannot be recognised by key or match, it is known by content or a person is asked; never two.",
            _keyless,
            (run, _run_and_answer),
        ),
        Scene("both are edited", "Edits of two sides cross over, and neither runs over the other.", _edited),
        Scene(
            "a conflict is held and decided",
            "A held conflict opens once, keeps both values, and its decision is carried out once.",
            _in_conflict,
            (run, _decide_for_b, run),
        ),
        Scene(
            "a delete goes on",
            "A delete that goes on deletes that record alone, once, and its link ends.",
            _deleted,
            spared=frozenset({"no_delete_by_us", "links_stand"}),
        ),
        Scene(
            "a delete against an edit",
            "An edit beats a delete, wherever the hub was stopped between them.",
            _deleted_and_edited,
        ),
        Scene(
            "two are merged",
            "Merged records become one golden record, and nothing is created or deleted for it.",
            _merged,
        ),
        Scene(
            "two populated systems meet",
            "At the first meeting nobody is doubled, and what a person must answer is asked once.",
            _populated,
            (run, _accept_matches, run),
        ),
        Scene(
            "a person waits for its organization",
            "A child is created after its parent, once, and points to it in each system's own ids.",
            _family,
            (run, _run_firms, run),
            spared=frozenset({"converged", "no_twins", "links_stand"}),
        ),
        Scene(
            "an answer is lost",
            "An update that was carried out and not confirmed is found out, not repeated.",
            _answer_lost,
            (run, run),
        ),
        Scene("webhooks name records", "What a webhook names is read again, until it was read and stored.", _named),
        Scene("a spoke joins", "A system that joins is matched first and filled then, and nobody is doubled.", _joined),
        Scene(
            "a remote rewrites, and refuses one of a batch",
            "What a remote made of our values is no edit, and a refused row stops no other.",
            _rewriting,
            (run, run),
        ),
        Scene(
            "a person unlinks",
            "A pair that a person parted stays parted, and neither side is created anew.",
            _unlinked,
            (_part, run),
        ),
        Scene(
            "a sweep finds a missed change", "What a cursor missed arrives with the sweep, once.", _missed, (_sweep,)
        ),
    )
}


__all__ = ["MANNERS", "SCENES", "Act", "Scene"]
