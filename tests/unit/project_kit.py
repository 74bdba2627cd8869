"""Helpers for tests of projects: a small sound project on disk, with files exchanged, and two invented connectors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hub.connect.connector import Option
from hub.core.errors import ConfigError, Problem
from hub.settings.project import Project, load_project


class Sales:
    name = "sales"
    options = (
        Option("url", "Where it is", required=True),
        Option("api_version", "Which API", default="1.0"),
        Option("page", "Records a page", type=int, default=100),
        Option("wait", "Seconds", type=float),
        Option("safe", "Whether to be careful", type=bool, default=True),
        Option("region", "Where", choices=("eu", "us")),
        Option("objects", "More objects", type=list),
    )
    auth_kinds = {
        "token": (Option("token", "The token", required=True, secret=True),),
        "password": (Option("user", "Name", required=True), Option("password", "Password", secret=True)),
    }


class Mail:
    name = "mail"
    options = ()
    auth_kinds: dict[str, Any] = {}


def connectors(name: str) -> type | None:
    return {"sales": Sales, "mail": Mail}.get(name)


FILES = {
    "config/accordant.yaml": "database: sqlite:///hub.db\n",
    "config/connections.yaml": """\
connections:
  sf:
    connector: sales
    auth: {kind: token, token: secret:sf}
    url: https://sales.example
  hs:
    connector: mail
""",
    "config/syncs/people.yaml": """\
sync: people
entity: customer
kind: person
spokes:
  - {connection: sf, mapping: sales.contact, where: "record.Email != null", key_field: Hub_Id}
  - {connection: hs, mapping: mail.contact}
match:
  - {when: email, decide: link}
""",
    "mappings/sales.contact.yaml": """\
connector: sales
object: Contact
entity: customer
set: {kind: person}
fields:
  email: Email
  family_name: LastName
  phones[mobile]: Mobile
""",
    "mappings/mail.contact.yaml": """\
connector: mail
object: contacts
entity: customer
set: {kind: person}
fields:
  email: email
  family_name: lastname
""",
}


def write(root: Path, changes: dict[str, str | None] | None = None) -> Path:
    for name, text in {**FILES, **(changes or {})}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if text is not None:
            path.write_text(text, encoding="utf-8")
    return root


def load(root: Path, changes: dict[str, str | None] | None = None, **env: str) -> Project:
    return load_project(write(root, changes), env, connectors)


def problems(root: Path, changes: dict[str, str | None]) -> list[Problem]:
    """All problems of the project with these files, warnings of a sound one included."""
    try:
        return list(load(root, changes).warnings)
    except ConfigError as error:
        return list(error.problems)


def sync(more: str = "", **changes: str) -> dict[str, str]:
    """The people sync with some text exchanged and some added."""
    text = FILES["config/syncs/people.yaml"] + more
    for was, now in changes.items():
        text = text.replace(was, now)
    return {"config/syncs/people.yaml": text}
