"""A project between a Salesforce org and a HubSpot account on loopback: the repository's own mappings and syncs, typed
commands, and what both sides hold, in words of the canonical model."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from connectors.hubspot.sandbox import HubSpotSandbox
from connectors.salesforce.sandbox import SalesforceSandbox
from connectors.salesforce.sandbox_login import SECRETS
from hub.connect.sandbox import Sandbox
from tests.system.cli_project import Answer, type_in

REPOSITORY = Path(__file__).parents[3]
CONNECTIONS = """\
connections:
  sf:
    connector: salesforce
    auth: {{kind: client_credentials, client_id: {client}, client_secret: secret:sf-client-secret}}
    login_url: {sf}
    network: {{allow_private: [127.0.0.1/32]}}
    timeout: 5
  hs:
    connector: hubspot
    auth: {{kind: private_app, token: secret:hs-token}}
    base_url: {hs}
    network: {{allow_private: [127.0.0.1/32]}}
    limits: {{burst: 100000, search: 10000}}
    timeout: 5
"""
HS_TOKEN = "pat-eu1-sandbox"

READS = re.compile(r"/search$|/batch/read$|/oauth|/services/oauth2|access-token-info|/composite/sobjects/\w+$")
# One person's plain fields: Salesforce's name, HubSpot's name.
PLAIN = {
    "given_name": ("FirstName", "firstname"),
    "family_name": ("LastName", "lastname"),
    "email": ("Email", "email"),
    "mobile": ("MobilePhone", "mobilephone"),
    "title": ("Title", "jobtitle"),
    "city": ("MailingCity", "city"),
}


def is_write(call: tuple[str, str]) -> bool:
    """Whether a call can have changed anything. Salesforce's careful updates travel in composite calls."""
    method, path = call
    return method != "GET" and not READS.search(path)


@dataclass
class World:
    """Both systems, the project between them, and the names of who is where."""

    root: Path
    sf: SalesforceSandbox
    hs: HubSpotSandbox
    ids: dict[str, str] = field(default_factory=dict)

    def __call__(self, *words: str, stdin: str = "") -> Answer:
        return type_in("--project", str(self.root), *words, stdin=stdin)

    @property
    def sandboxes(self) -> tuple[Sandbox, Sandbox]:
        return self.sf, self.hs

    # -- files

    def change(self, path: str, *pairs: tuple[str, str]) -> None:
        text = (self.root / path).read_text()
        for old, new in pairs:
            assert old in text, old
            text = text.replace(old, new)
        (self.root / path).write_text(text)

    def place(self, path: str, words: str) -> tuple[int, int]:
        """Line and column of some words in a file."""
        before, found, _ = (self.root / path).read_text().partition(words)
        assert found
        return before.count("\n") + 1, len(before) - before.rfind("\n")

    # -- running

    def run(self, *words: str, code: int | None = 0) -> Answer:
        """`accordant run`, all syncs unless told, and the exit code that was expected."""
        answer = self("run", *(words if words and not words[0].startswith("-") else ("--all", *words)))
        assert code is None or answer.code == code, (answer.code, answer.err, answer.out)
        return answer

    def settle(self) -> None:
        """First agreement, and that it holds."""
        self.run()
        self.run(code=0)

    @contextmanager
    def watched(self) -> Iterator[Callable[[], list[tuple[str, str]]]]:
        """Which writing calls were made since."""
        marks = [len(s.calls) for s in self.sandboxes]

        def writes() -> list[tuple[str, str]]:
            made = [s.calls[mark:] for s, mark in zip(self.sandboxes, marks, strict=True)]
            return [call for calls in made for call in calls if is_write(call)]

        yield writes

    def check_silent(self, *words: str) -> None:
        """A run that writes nothing, and changes nothing in either system."""
        before = self.sf.rows("Contact"), self.hs.rows("contacts"), self.sf.rows("Account"), self.hs.rows("companies")
        with self.watched() as writes:
            self.run(*words)
        assert writes() == []
        after = self.sf.rows("Contact"), self.hs.rows("contacts"), self.sf.rows("Account"), self.hs.rows("companies")
        assert after == before

    # -- what is there

    def contact(self, name: str) -> Mapping[str, Any]:
        return self.sf.rows("Contact")[self.ids[f"sf:{name}"]]

    def person(self, name: str) -> Mapping[str, Any]:
        return self.hs.rows("contacts")[self.ids[f"hs:{name}"]]

    def sf_by_email(self) -> dict[str, list[Mapping[str, Any]]]:
        return _by(self.sf.rows("Contact").values(), "Email")

    def hs_by_email(self) -> dict[str, list[Mapping[str, Any]]]:
        return _by(self.hs.rows("contacts").values(), "email")

    def conflicts(self) -> list[dict[str, Any]]:
        return list(self("conflicts", "list", "--json").json["conflicts"])

    def verified(self) -> None:
        answer = self("audit", "verify", "--json")
        assert answer.code == 0, answer


def _by(rows: Any, name: str) -> dict[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault((row.get(name) or "").lower(), []).append(row)
    return found


def make(root: Path, sf: SalesforceSandbox, hs: HubSpotSandbox, *, syncs: Sequence[str] = ()) -> World:
    """A project with the repository's mappings and syncs, which applies at its first run."""
    assert type_in("init", str(root)).code == 0
    world = World(root, sf, hs)
    (root / "config/connections.yaml").write_text(CONNECTIONS.format(client=SECRETS["client_id"], sf=sf.url, hs=hs.url))
    for path in (REPOSITORY / "mappings").glob("*.yaml"):
        shutil.copy(path, root / "mappings")
    for path in (REPOSITORY / "config/syncs").glob("*.yaml"):
        if not syncs or path.stem in syncs:
            shutil.copy(path, root / "config/syncs")
            text = path.read_text() + "first_run: apply\n"
            (root / "config/syncs" / path.name).write_text(text.replace("updates: 20%", "updates: none"))
    for name, value in (("sf-client-secret", SECRETS["client_secret"]), ("hs-token", HS_TOKEN)):
        assert world("secrets", "set", name, stdin=value).code == 0
    return world
