"""Stories of references: a person and its organization, whichever comes first, and what happens if it never comes."""

from __future__ import annotations

from typing import Any

from hub.connect.profiles import ObjectProfile
from hub.core.compile import mapping_of
from hub.core.model import MatchRule
from tests.simulation.world import F, profile, spoke, sync, world

ORG = ObjectProfile(fields=(F("name", trim=True), F("site", unique=True)), unique_key="hub_key")
FIELDS = {"given_name": "first", "family_name": "last", "email": {"field": "mail", "as": "email"}}
KEYS = {"key_field": "hub_key"}


def org_mapping():
    data = {"name": "name", "website": {"field": "site", "as": "url"}}
    head = {"connector": "memory", "object": "org", "entity": "customer", "set": {"kind": "organization"}}
    return mapping_of({**head, "fields": data}, "memory.org")


def person_mapping(**rule: Any):
    ref = {"field": "org", "ref": "customer", "object": "org", **rule}
    head = {"connector": "memory", "object": "person", "entity": "customer", "set": {"kind": "person"}}
    return mapping_of({**head, "fields": {**FIELDS, "organization": ref}}, "memory.person")


def firms(*, where: Any = None):
    match = (MatchRule(("website",), "link"),)
    a = spoke("a", mapping=org_mapping(), where=where)
    return sync(a, spoke("b", mapping=org_mapping()), name="firms", match=match)


def people(**rule: Any):
    made = person_mapping(**rule)
    return sync(spoke("a", mapping=made), spoke("b", mapping=made))


def two_syncs(*syncs: Any):
    person = profile(fields={"org": F("org", "reference")})
    w = world(*syncs, profiles={n: person for n in "ab"}, objects=("person",))
    for remote in w.remotes.values():
        remote._tables["org"] = type(remote._tables["person"])(ORG)
    return w
