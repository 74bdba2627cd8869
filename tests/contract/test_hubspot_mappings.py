"""The mappings that come with HubSpot: they compile, their own examples hold, and the account takes what they write."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.connect.connector import Want, Write
from hub.core.compile import Surroundings, compile_mapping
from hub.core.shapes import Findings
from hub.settings.tools import TOOLS
from hub.settings.yaml import read
from tests.contract.hubspot_kit import kit

FOLDER = Path(__file__).parents[2] / "mappings"
NAMES = ("hubspot.contact", "hubspot.company", "hubspot.owner")
WRITTEN = NAMES[:2]


class Links:
    """Whatever is asked for is linked to a golden of the same name."""

    def golden(self, connection, object, remote_id):
        return f"g-{remote_id}"

    def remote(self, connection, object, golden_id):
        return golden_id.removeprefix("g-")


def tree(name):
    node, problems = read(FOLDER / name, name)
    assert node is not None and not problems, problems
    return node


def mapping(name):
    found = Findings("M")
    made = compile_mapping(tree(f"{name}.yaml"), name, found, Surroundings(tools=TOOLS))
    assert made is not None and not found.errors, "\n".join(map(str, found.problems))
    return made


EXAMPLES = [(name, example) for name in NAMES for example in tree(f"{name}.test.yaml").value]


@pytest.fixture
def hs():
    yield from kit()


@pytest.mark.parametrize("name, example", EXAMPLES, ids=[f"{n}: {e['name']}" for n, e in EXAMPLES])
def test_the_examples_beside_each_mapping_hold(name, example):
    made = mapping(name)
    canonical = made.read(example["record"], "hs", Links())
    assert {**canonical, **made.set} == example["canonical"]
    assert made.write(canonical, "hs", Links()) == example["back"]


@pytest.mark.parametrize("name", NAMES)
def test_every_mapped_field_exists_and_written_ones_can_be_written(hs, name):
    made = mapping(name)
    info = hs.hubspot.describe(made.object)
    assert [n for n in made.reads() if info.field(n) is None] == []
    assert [n for n in made.writes() if not info.field(n).writable] == []


@pytest.mark.parametrize("name, remote", [("hubspot.contact", "lead_source"), ("hubspot.company", "industry")])
def test_every_option_of_a_mapped_property_is_known(hs, name, remote):
    made = mapping(name)
    field = hs.hubspot.describe(made.object).field(remote)
    rule = next(r for r in made.rules.values() if remote in r.names)
    assert field.choices
    for choice in field.choices:
        assert rule.to_remote(rule.to_canonical(choice, "hs", Links()), {}, "hs", Links()) == choice


@pytest.mark.parametrize("name", WRITTEN)
def test_the_account_takes_what_a_mapping_writes_and_gives_it_back(hs, name):
    made = mapping(name)
    for number, example in enumerate(e for n, e in EXAMPLES if n == name):
        fields = {"lastname" if name == "hubspot.contact" else "name": "Someone", **example["back"]}
        write = Write("a", "create", fields, key_field="accordant_id", key=f"k{number}")
        if "email" in fields:
            write = Write(
                "a", "create", {**fields, "email": f"a{number}@example.org"}, key_field="accordant_id", key=f"k{number}"
            )
        [receipt] = hs.hubspot.write(made.object, [write])
        assert receipt.status == "done", receipt.error and receipt.error.explain()
        [record] = hs.hubspot.get(made.object, [receipt.id], Want(made.reads(), "accordant_id"))
        golden, sent = made.read(record.fields, "hs", Links()), made.read(write.fields, "hs", Links())
        assert {path: golden[path] for path in sent} == sent


def test_a_contact_names_its_company_and_owner_by_their_golden_ids(hs):
    company = hs.sandbox.seed("companies", {"name": "Acme"})
    owner = hs.sandbox.seed("owners", {"email": "o@example.org"})
    hs.sandbox.seed("contacts", {"lastname": "Díaz", "hubspot_owner_id": owner}, company=company)
    made = mapping("hubspot.contact")
    [record], _ = hs.pull(want=Want(made.reads(), "accordant_id", slow=False))
    golden = made.read(record.fields, "hs", Links())
    assert (golden["organization"], golden["owner"]) == (f"g-{company}", f"g-{owner}")
    assert made.write(golden, "hs", Links())["@companies.primary"] == company


def test_owners_become_users(hs):
    hs.sandbox.seed("owners", {"email": "Pat@Example.org", "firstName": "Pat", "lastName": "Person"})
    hs.sandbox.seed("owners", {"email": "fran@example.org", "archived": True})
    made = mapping("hubspot.owner")
    records, _ = hs.pull(want=Want(made.reads()), object="owners")
    found = {u["email"]: u["active"] for u in (made.read(r.fields, "hs", Links()) for r in records)}
    assert found == {"pat@example.org": True, "fran@example.org": False}
