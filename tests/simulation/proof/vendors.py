"""How five kinds of product treat those who sync with them. Each draws the manners of its objects from a seed.

`narrowed`: the product has neither a conditional write nor a history, so that an edit made between our read and our write
can be overwritten unseen; the guarantee says so, and the laws allow it there alone.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from hub.connect.profiles import FieldProfile as F
from hub.connect.profiles import ObjectProfile

STATUSES = ("new", "paid", "sent", "back")


@dataclass(frozen=True, slots=True)
class Vendor:
    """A product: `make(rng)` gives the switches that all of its objects share."""

    name: str
    make: Callable[[random.Random], dict[str, Any]]
    narrowed: bool = False


def _salesforce(rng: random.Random) -> dict[str, Any]:
    return {
        "conditional_write": "coarse",
        "resolution": 1.0,
        "lag": rng.choice([0.0, 3.0]),
        "unique_key": "hub_key",
        "receipts": rng.choice(["none", "version"]),
        "deletes": rng.choice(["tombstone", "flag"]),
        "field_history": rng.random() < 0.5,
        "redirects": True,
    }


def _hubspot(rng: random.Random) -> dict[str, Any]:
    return {
        "conditional_write": "none",
        "field_history": True,
        "lag": rng.choice([3.0, 30.0]),
        "unique_key": "hub_key",
        "slow_deletes": rng.random() < 0.7,
        "search_cap": 0,
        "merge_makes_new_id": rng.random() < 0.5,
        "resolution": rng.choice([0.001, 1.0]),
    }


def _dataverse(rng: random.Random) -> dict[str, Any]:
    return {"conditional_write": "strong", "unique_key": "hub_key", "resolution": rng.choice([0.001, 1.0])}


def _shop(rng: random.Random) -> dict[str, Any]:
    return {
        "conditional_write": "none",
        "field_history": False,
        "unique_key": "",
        "delta": rng.random() < 0.3,
        "deletes": "sweep",
        "resolution": 1.0,
        "redirects": False,
        "marks_us": False,
        "receipts": rng.choice(["body", "version"]),
    }


def _erp(rng: random.Random) -> dict[str, Any]:
    return {
        "conditional_write": "strong",
        "unique_key": "hub_key",
        "delta": False,
        "deletes": "sweep",
        "resolution": rng.choice([1.0, 60.0]),
        "receipts": rng.choice(["body", "none"]),
        "redirects": rng.random() < 0.5,
    }


VENDORS = (
    Vendor("salesforce", _salesforce),
    Vendor("hubspot", _hubspot),
    Vendor("dataverse", _dataverse),
    Vendor("shop", _shop, narrowed=True),
    Vendor("erp", _erp),
)


def objects(vendor: Vendor, rng: random.Random, wild: frozenset[str]) -> dict[str, ObjectProfile]:
    """All objects of a system of this kind. `wild`: what is switched on in this history."""
    shared = vendor.make(rng) | {"page_size": rng.choice([2, 3, 100])}
    clash = "clash" in wild and rng.random() < 0.6
    wary = "validation" in wild and rng.random() < 0.5
    person = ObjectProfile(
        fields=(
            F("first", trim=True, lower=rng.random() < 0.2),
            F("last", trim=True),
            F("mail", "email", lower=True, trim=True, unique=rng.random() < 0.4),
            F("phone"),
            F("title", trim=True, lower=rng.random() < 0.2, length=rng.choice([None, None, 5])),
            F("tags", "choices", choices=rng.choice([(), (), ("a", "b", "c")])),
            F("code", unique=clash),
            F("level", choices=("low", "high") if wary else ()),
            F("org", "reference"),
        ),
        find_by=("mail",),
        **shared,
    )
    org = ObjectProfile(
        fields=(F("name", trim=True), F("site", unique=rng.random() < 0.5), F("city", length=rng.choice([None, 6]))),
        find_by=("site",),
        **shared,
    )
    order = ObjectProfile(
        fields=(
            F("number", unique=True),
            F("amount", "number", round=2),
            F("status", choices=STATUSES if not wary else STATUSES[:3]),
            F("note", trim=True),
            F("buyer", "reference"),
        ),
        find_by=("number",),
        **shared,
    )
    lead = ObjectProfile(
        fields=(F("first", trim=True), F("last", trim=True), F("mail", "email", lower=True, trim=True)),
        find_by=("mail",),
        **shared,
    )
    if "automation" in wild and rng.random() < 0.5:
        person = replace(person, after_write=_automation)
    return {"org": org, "person": person, "order": order, "lead": lead}


def _automation(id: str, fields: Any) -> dict[str, Any]:
    """A workflow of the product: it fills in a title where there is none, after each write of ours."""
    return {} if fields.get("title") else {"title": "Auto"}
