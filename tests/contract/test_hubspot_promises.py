"""What the README and quality.yaml of the HubSpot connector say is what the code does."""

from __future__ import annotations

from pathlib import Path

import yaml

from connectors.hubspot import HubSpot
from connectors.hubspot.auth import KINDS

FOLDER = Path(__file__).parents[2] / "connectors" / "hubspot"
README = (FOLDER / "README.md").read_text(encoding="utf-8")


def test_every_option_and_way_to_sign_in_is_documented():
    assert [o.name for o in HubSpot.options if f"| `{o.name}` |" not in README] == []
    needed = [o.name for kind in KINDS.values() for o in kind]
    assert [name for name in (*KINDS, *needed) if f"`{name}`" not in README] == []


def test_documented_defaults_are_the_real_ones():
    rows = [line.split("|") for line in README.splitlines() if line.startswith("| `") and line.count("|") == 4]
    told = {row[1].strip(" `"): row[2].strip(" `") for row in rows}
    for option in HubSpot.options:
        if option.default not in (None, ()):
            assert told[option.name] == f"{option.default:g}" if option.type is float else str(option.default)


def test_every_exemption_of_the_quality_list_gives_its_reason():
    rules = yaml.safe_load((FOLDER / "quality.yaml").read_text(encoding="utf-8"))["rules"]
    assert len(rules) >= 30
    for name, verdict in rules.items():
        assert verdict == "done" or any(len(verdict.get(k, "")) > 10 for k in ("exempt", "done")), name


def test_secrets_are_declared_as_such():
    secret = {o.name for kind in KINDS.values() for o in kind if o.secret}
    assert secret == {"token", "client_secret", "refresh_token"}
