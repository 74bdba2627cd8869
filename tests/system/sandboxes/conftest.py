"""Fixtures: a project between two sandboxes that answer over HTTP, empty or already in agreement."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.hubspot.sandbox import HubSpotSandbox
from connectors.salesforce.sandbox import SalesforceSandbox
from tests.system.sandboxes.world import World, make


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Two empty systems. What a sandbox had no answer for is a failure of the test."""
    with SalesforceSandbox(seed=1) as sf, HubSpotSandbox(seed=2) as hs:
        yield make(tmp_path / "shop", sf, hs)
        assert not sf.bugs and not hs.bugs


@pytest.fixture
def agreed(world: World) -> World:
    """Ana and Bo are in both systems, Cy started in Salesforce and Di in HubSpot; one company is in both."""
    sf, hs, ids = world.sf, world.hs, world.ids
    ids["sf:acme"] = sf.seed("Account", {"Name": "Acme", "Website": "https://acme.example"})
    ids["hs:acme"] = hs.seed("companies", {"name": "Acme", "domain": "acme.example"})
    for name in ("ana", "bo", "cy"):
        email = f"{name}@acme.example"
        ids[f"sf:{name}"] = sf.seed("Contact", {"LastName": name.title(), "Email": email, "Title": "Clerk"})
    for name in ("ana", "bo", "di"):
        email = f"{name}@acme.example"
        ids[f"hs:{name}"] = hs.seed("contacts", {"lastname": name.title(), "email": email, "jobtitle": "Clerk"})
    world.settle()
    ids["hs:cy"] = next(i for i, r in hs.rows("contacts").items() if r["email"] == "cy@acme.example")
    ids["sf:di"] = next(i for i, r in sf.rows("Contact").items() if r["Email"] == "di@acme.example")
    return world
