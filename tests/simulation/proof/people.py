"""What people do, in any system at any step, with values that nobody else types; and what an operator decides."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from hub.core.errors import HubError
from hub.engine import repair
from hub.store import goldens, reviews
from hub.store.db import Tx
from tests.simulation.proof.history import History
from tests.simulation.proof.scene import REFERENCES
from tests.simulation.proof.vendors import STATUSES

PLAIN = {
    "org": ["city", "name"],
    "person": ["first", "phone", "title"],
    "order": ["note", "status", "amount"],
    "lead": ["first"],
}
OPTIONAL = {"org": ["city"], "person": ["phone", "title", "tags"], "order": ["note"], "lead": ["first"]}
Act = Callable[[History, random.Random, str, str], None]


def act(h: History, dice: random.Random, verb: Act | None = None) -> None:
    """One person does one thing to one kind of record in one system. What the product refuses does not happen."""
    name, object = dice.choice(h.scene.pairs())
    if object != "person" and dice.random() < 0.3:
        object = "person"
    verb = verb or dice.choices(list(VERBS), weights=list(VERBS.values()))[0]
    h.scene.clock.advance(dice.choice([0.0, 0.0, 0.3, 2.0, 20.0]))
    if verb is not enter and verb is not restore and not h.scene.rows(name, object):
        verb = enter
    try:
        verb(h, dice, name, object)
    except HubError:
        h.count("refused by the product")


# ---------------------------------------------------------------- entering and editing


def enter(h: History, dice: random.Random, name: str, object: str) -> None:
    """Enter a record; sometimes the same thing is entered in a second system at about the same time."""
    serial = h.token(dice)
    fields = _fresh(h, dice, name, object, serial)
    others = [n for n in h.scene.holds[object] if n != name]
    known = "mail" in fields or len(h.scene.hub.syncs["people"].match) > 1
    if others and object == "person" and known and dice.random() < 0.3:
        other = dice.choice(others)
        # Without a mail it is the name and the phone that may tell, and a person who is asked.
        twin = {k: v for k, v in fields.items() if k not in ("org", "code")}
        made = h.scene.remotes[other].create(object, twin | ({"phone": h.token(dice)} if "mail" in fields else {}))
        h.say(f"a person enters {object} {serial} in {other} ({made})")
        h.count("twins")
    made = h.scene.remotes[name].create(object, fields)
    h.say(f"a person enters {object} {serial} in {name} ({made}): {fields}")


def _fresh(h: History, dice: random.Random, name: str, object: str, serial: str) -> dict[str, Any]:
    if object == "org":
        return {"name": serial, "site": f"{serial}.example", "city": h.token(dice)}
    if object == "order":
        amount = f"{dice.randrange(10_000) / 100:.2f}"
        made = {"number": serial, "amount": amount, "status": dice.choice(STATUSES), "note": h.token(dice)}
        return made | _reference(h, dice, name, object)
    if object == "lead":
        return {"first": h.token(dice), "last": serial, "mail": f"{serial}@example.org"}
    made = {"first": h.token(dice), "last": serial, "phone": h.token(dice), "title": h.token(dice)}
    if dice.random() < 0.75:
        made["mail"] = f"{serial}@example.org"
    if dice.random() < 0.3:
        made["tags"] = ";".join(sorted(dice.sample("abc", 2)))
    if dice.random() < 0.3:
        made["level"] = dice.choice(["low", "high", "odd"])
    if "clash" in h.scene.wild and dice.random() < 0.4:
        made["code"] = dice.choice(["C1", "C2", "C3"])
    return made | _reference(h, dice, name, object)


def _reference(h: History, dice: random.Random, name: str, object: str) -> dict[str, Any]:
    """A reference to another record of the same system, or none."""
    if object not in REFERENCES:
        return {}
    _, raw, target, _ = REFERENCES[object]
    if name not in h.scene.holds.get(target, ()):
        return {}
    ids = sorted(h.scene.rows(name, target))
    return {raw: dice.choice(ids)} if ids and dice.random() < 0.7 else {}


def edit(h: History, dice: random.Random, name: str, object: str) -> None:
    id, field = _any_record(h, dice, name, object), dice.choice(PLAIN[object])
    value = h.token(dice)
    if field == "status":
        value = dice.choice(STATUSES)
    if field == "amount":
        value = f"{dice.randrange(100_000) / 100:.2f}"
    _type(h, name, object, id, {field: value})


def spell(h: History, dice: random.Random, name: str, object: str) -> None:
    """Type the same value in another spelling, or a shorter one."""
    id, field = _any_record(h, dice, name, object), dice.choice(PLAIN[object][:1])
    old = h.scene.rows(name, object)[id].get(field)
    if isinstance(old, str) and len(old) > 3:
        _type(h, name, object, id, {field: dice.choice([f"{old} ", f" {old}", old[:-2]])})


def tag(h: History, dice: random.Random, name: str, object: str) -> None:
    if object == "person":
        id = _any_record(h, dice, name, object)
        _type(h, name, object, id, {"tags": ";".join(sorted(dice.sample("abcz", dice.choice([1, 2, 3]))))})


def move(h: History, dice: random.Random, name: str, object: str) -> None:
    """Point a record to another parent."""
    target = _reference(h, dice, name, object)
    if target:
        _type(h, name, object, _any_record(h, dice, name, object), target)


def put_back(h: History, dice: random.Random, name: str, object: str) -> None:
    """Put back an earlier value of a field."""
    id = _any_record(h, dice, name, object)
    earlier = [e for e in h.scene.remotes[name].log if (e.object, e.id, e.who) == (object, id, "person") and e.before]
    if earlier:
        entry = dice.choice(earlier)
        fields = {k: v for k, v in entry.before.items() if k in PLAIN[object]}
        if fields:
            _type(h, name, object, id, fields)


def clear(h: History, dice: random.Random, name: str, object: str) -> None:
    id, field = _any_record(h, dice, name, object), dice.choice(OPTIONAL[object])
    h.scene.remotes[name].clear(object, id, field)
    h.say(f"a person clears {field} of {object} {id} in {name}")


def readdress(h: History, dice: random.Random, name: str, object: str) -> None:
    """A person's e-mail address changes, where it was entered once only: of two that were not linked yet, nothing else
    says that they are one."""
    if object == "person" and "mails" in h.scene.wild:
        id = _any_record(h, dice, name, object)
        serial = h.scene.rows(name, object)[id]["last"]
        entries = [
            e for n in h.scene.names for e in h.scene.remotes[n].log if e.action == "create" and e.who == "person"
        ]
        if sum(e.object == object and e.fields.get("last") == serial for e in entries) == 1:
            _type(h, name, object, id, {"mail": f"{h.token(dice)}@example.org"})


def _any_record(h: History, dice: random.Random, name: str, object: str) -> str:
    return dice.choice(sorted(h.scene.rows(name, object)))


def _type(h: History, name: str, object: str, id: str, fields: dict[str, Any]) -> None:
    h.scene.remotes[name].edit(object, id, fields)
    h.say(f"a person edits {object} {id} in {name}: {fields}")


# ---------------------------------------------------------------- records that come and go


def delete(h: History, dice: random.Random, name: str, object: str) -> None:
    id = _any_record(h, dice, name, object)
    h.scene.remotes[name].delete(object, id)
    h.say(f"a person deletes {object} {id} in {name}")


def restore(h: History, dice: random.Random, name: str, object: str) -> None:
    gone = [e.id for e in h.scene.remotes[name].log if e.action == "delete" and e.object == object]
    if gone:
        id = dice.choice(gone)
        h.scene.remotes[name].restore(object, id)
        h.say(f"a person restores {object} {id} in {name}")


def merge(h: History, dice: random.Random, name: str, object: str) -> None:
    ids = sorted(h.scene.rows(name, object))
    if len(ids) > 1 and object == "person":
        winner, loser = dice.sample(ids, 2)
        survivor = h.scene.remotes[name].merge(object, winner, loser)
        h.say(f"a person merges {object} {loser} into {winner} in {name} (survivor {survivor})")
        h.count("merges")


def convert(h: History, dice: random.Random, name: str, object: str) -> None:
    """A lead becomes a person of the same system."""
    if object == "lead":
        id = _any_record(h, dice, name, object)
        row = h.scene.rows(name, object)[id]
        serial = h.token(dice)
        fields = {"first": row["first"], "last": serial, "mail": f"{serial}@example.org"}
        (made,) = h.scene.remotes[name].convert(object, id, [("person", fields)])
        h.say(f"a person converts lead {id} of {name} into person {made}")
        h.count("conversions")


VERBS: dict[Act, float] = {
    enter: 3.0,
    edit: 12.0,
    spell: 1.0,
    tag: 1.0,
    move: 1.0,
    put_back: 1.0,
    clear: 2.0,
    readdress: 1.0,
    delete: 1.0,
    restore: 0.6,
    merge: 0.5,
    convert: 1.0,
}


# ---------------------------------------------------------------- the operator


def decide(h: History, dice: random.Random) -> None:
    """An operator resolves one open conflict, or tries one dead letter again."""
    hub = h.scene.hub
    with hub.store.read() as tx:
        open_, letters = list(reviews.conflicts(tx)), _letters(tx)
    if open_ and dice.random() < 0.7:
        one = dice.choice(open_)
        keep = dice.choice([*sorted({link.split("/", 1)[0] for link in one["shown"]}), "hub"])
        repair.resolve_conflict(hub, one["id"], keep=keep, by="operator")
        h.say(f"the operator resolves {one['path']} of {one['golden']}: keep {keep}")
        h.count("resolved")
    elif dice.random() < 0.2:
        unlink(h, dice)
    elif letters:
        one = dice.choice(letters)
        repair.retry_letter(hub, one["id"], by="operator")
        h.say(f"the operator tries {one['code']} of {one['golden'] or one['remote_id']} again")
        h.count("retried")


def _letters(tx: Tx) -> list[dict[str, Any]]:
    """Dead letters to try again. A create of which nobody knows whether it was done is not among them: trying it again
    means to create again, and no careful operator does so with a record that is there."""
    return [letter for letter in reviews.letters(tx) if letter["code"] != "E-UNKNOWN"]


def retry_all(h: History) -> None:
    """Once the trouble is over, everything that waits for a person is tried again."""
    with h.scene.hub.store.read() as tx:
        letters = _letters(tx)
    for one in letters:
        repair.retry_letter(h.scene.hub, one["id"], by="operator")
    if letters:
        h.say(f"the operator tries {len(letters)} dead letters again")


def unlink(h: History, dice: random.Random) -> None:
    """An operator parts a record from its golden record for good."""
    hub, (name, object) = h.scene.hub, dice.choice(h.scene.pairs())
    ids = sorted(h.scene.rows(name, object))
    with hub.store.read() as tx:
        links = goldens.links_by_record(tx, name, object, ids)
    linked = sorted(k.golden for k in links.values() if k.state == "linked" and k.primary)
    if linked:
        golden = dice.choice(linked)
        repair.unlink(hub, golden, name, by="operator")
        h.say(f"the operator unlinks {golden} from {object} in {name}")
        h.count("unlinked")


def answer_all(h: History) -> None:
    """Every question whether two records are one is answered with yes. Where nothing is named that it may be (a record of
    ours that a restored hub does not know any more), a careful operator looks first, and here leaves it."""
    hub = h.scene.hub
    with hub.store.read() as tx:
        open_ = list(reviews.reviews(tx))
    for one in (review for review in open_ if review["candidates"]):
        golden = min(one["candidates"])
        repair.answer_match(hub, one["id"], golden=golden, by="operator")
        h.say(f"the operator says that {one['object']} {one['remote_id']} of {one['connection']} is {golden}")
        h.count("answered")


def resolve_all(h: History) -> None:
    """Every open conflict is decided, one way or another."""
    hub = h.scene.hub
    with hub.store.read() as tx:
        open_ = list(reviews.conflicts(tx))
    for one in open_:
        keep = min([*(link.split("/", 1)[0] for link in one["shown"]), "hub"])
        repair.resolve_conflict(hub, one["id"], keep=keep, by="operator")
        h.say(f"the operator resolves {one['path']} of {one['golden']}: keep {keep}")
        h.count("resolved")
