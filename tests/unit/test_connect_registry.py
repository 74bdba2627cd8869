"""Connectors are found by name, lazily, with advice where a name is wrong."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

import hub.connect
from hub.connect import registry
from hub.connect.memory import MemoryConnector
from hub.core.errors import ConfigError, Place

PLACE = Place("config/connections.yaml", 3, 16)


def installed(monkeypatch: pytest.MonkeyPatch, **entries: str) -> None:
    found = {name: EntryPoint(name, value, registry.GROUP) for name, value in entries.items()}
    monkeypatch.setattr(registry, "_found", lambda: found)


def test_the_connectors_of_this_distribution_are_found() -> None:
    assert {"memory", "salesforce", "hubspot"} <= set(registry.connector_names())
    assert registry.connector_class("memory") is MemoryConnector


def test_a_misspelt_name_gets_the_nearest_one_with_its_place() -> None:
    with pytest.raises(ConfigError) as caught:
        registry.connector_class("memroy", PLACE)
    assert str(caught.value.problems[0]) == (
        'config/connections.yaml:3:16 error[E-CONNECTOR]: there is no connector "memroy"  did you mean "memory"?'
    )


def test_a_strange_name_gets_the_list_and_the_way_to_install_one() -> None:
    with pytest.raises(ConfigError, match=r"installed: .*memory.*pip install accordant-zoo"):
        registry.connector_class("zoo")


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("no_such_package.here:Thing", "pip install no_such_package"),
        ("hub.connect.memory:NoSuchClass", "does not exist"),
        ("hub.connect.clock:ManualClock", "not a subclass"),
        ("hub.connect.clock:to_stamp", "not a subclass"),
    ],
)
def test_a_plug_in_that_cannot_be_used_says_why(monkeypatch: pytest.MonkeyPatch, value: str, says: str) -> None:
    installed(monkeypatch, bad=value)
    with pytest.raises(ConfigError, match=says):
        registry.connector_class("bad", PLACE)


def test_listing_names_imports_no_connector() -> None:
    script = (
        "import sys; from hub.connect.registry import connector_names; connector_names();"
        "print([m for m in sys.modules if m.startswith('connectors.') or m in ('httpx', 'pyrate_limiter', 'pytest')])"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


def test_importing_the_package_loads_none_of_its_modules() -> None:
    script = "import sys, hub.connect; print([m for m in sys.modules if m.startswith('hub.connect.')])"
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


def test_every_public_name_exists() -> None:
    assert all(getattr(hub.connect, name) for name in dir(hub.connect))
    with pytest.raises(AttributeError, match="no attribute 'Nonsense'"):
        _ = hub.connect.Nonsense
