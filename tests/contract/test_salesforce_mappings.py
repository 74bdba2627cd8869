"""The mappings that come with Salesforce: they compile, their own examples hold, and the org accepts what they write."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.salesforce.sandbox import SalesforceSandbox
from hub.connect.clock import ManualClock
from hub.connect.connector import Want, Write
from hub.core.compile import Surroundings, compile_mapping
from hub.core.mapping import Mapping
from hub.core.shapes import Findings
from hub.core.tree import Node
from hub.settings.tools import TOOLS
from hub.settings.yaml import read
from tests.contract.salesforce_world import KEY, World

FOLDER = Path(__file__).parents[2] / "mappings"
NAMES = ("salesforce.contact", "salesforce.account", "salesforce.user")


class NoLinks:
    """Nothing is linked."""

    def golden(self, connection: str, object: str, remote_id: str) -> str | None:
        return None

    def remote(self, connection: str, object: str, golden_id: str) -> str | None:
        return None


def tree(name: str) -> Node:
    path = FOLDER / name
    node, problems = read(path, path.name)
    assert node is not None and not problems, problems
    return node


def mapping(name: str) -> Mapping:
    found = Findings("M")
    made = compile_mapping(tree(f"{name}.yaml"), name, found, Surroundings(tools=TOOLS))
    assert made is not None and not found.errors, "\n".join(map(str, found.problems))
    return made


EXAMPLES = [(name, example) for name in NAMES for example in tree(f"{name}.test.yaml").value]


@pytest.fixture
def world() -> Iterator[World]:
    clock = ManualClock()
    with SalesforceSandbox(clock=clock.now) as sandbox:
        yield World(sandbox, clock)
        assert not sandbox.bugs


@pytest.mark.parametrize(("name", "example"), EXAMPLES, ids=[f"{n}: {e['name']}" for n, e in EXAMPLES])
def test_the_examples_beside_each_mapping_hold(name: str, example: dict[str, Any]) -> None:
    made = mapping(name)
    canonical = made.read(example["record"], "sf", NoLinks())
    assert {**canonical, **made.set} == example["canonical"]
    assert made.write(canonical, "sf", NoLinks()) == example["back"]


@pytest.mark.parametrize("name", NAMES)
def test_every_mapped_field_exists_and_written_ones_can_be_written(world: World, name: str) -> None:
    made = mapping(name)
    info = world.connect().describe(made.object)
    assert [n for n in made.reads() if info.field(n) is None] == []
    assert [n for n in made.writes() if not getattr(info.field(n), "writable", False)] == []


@pytest.mark.parametrize(("name", "remote"), [("salesforce.contact", "LeadSource"), ("salesforce.account", "Industry")])
def test_every_value_of_a_mapped_picklist_is_known(world: World, name: str, remote: str) -> None:
    made = mapping(name)
    field = world.connect().describe(made.object).field(remote)
    assert field is not None and field.choices
    rule = next(r for r in made.rules.values() if remote in r.names)
    for choice in field.choices:
        canonical = rule.to_canonical(choice, "sf", NoLinks())
        assert rule.to_canonical(rule.to_remote(canonical, {}, "sf", NoLinks()), "sf", NoLinks()) == canonical


@pytest.mark.parametrize("name", ["salesforce.contact", "salesforce.account"])
def test_the_org_takes_what_a_mapping_writes_and_gives_it_back(world: World, name: str) -> None:
    made, sf = mapping(name), world.connect()
    for number, example in enumerate(e for n, e in EXAMPLES if n == name):
        write = Write("a", "create", example["back"], key_field=KEY, key=f"k{number}")
        [receipt] = sf.write(made.object, [write])
        assert receipt.status == "done", receipt.error and receipt.error.explain()
        [record] = sf.get(made.object, [receipt.id], Want(made.reads(), KEY))
        golden = made.read(record.fields, "sf", NoLinks())
        sent = made.read(example["back"], "sf", NoLinks())
        # Money and dates come back as they went; what was not sent is empty, not wrong.
        assert {path: golden[path] for path in sent if path != "display_name"} == sent


@pytest.mark.parametrize("name", ["salesforce.contact", "salesforce.account"])
def test_the_connector_can_look_up_by_the_fields_that_it_names(world: World, name: str) -> None:
    sf, made = world.connect(), mapping(name)
    known = sf.describe(made.object)
    assert [f for f in sf.capabilities(made.object).find_by if known.field(f) is None] == []
