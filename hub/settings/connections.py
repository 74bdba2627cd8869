"""config/connections.yaml: which accounts there are. Each block is checked against what its connector declares.

Values may be references: `${ENV}` anywhere in a text, `file:PATH` or `secret:NAME` as a whole. They stay as they are here
and are resolved when a connection is opened.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Any

from hub.connect.connector import Option
from hub.core.errors import Place
from hub.core.shapes import (
    Anything,
    Bool,
    Findings,
    Integer,
    Key,
    ListOf,
    MapOf,
    Parsed,
    Scalar,
    Shape,
    Text,
    Type,
    did_you_mean,
    plain_number,
)
from hub.core.tree import Node
from hub.settings.forms import percentages
from hub.settings.secrets import is_reference

Connectors = Callable[[str], type | None]


@dataclass(frozen=True, slots=True)
class ConnectionSettings:
    """One connection as written. `config` holds references unresolved; `places`: {"auth.token": where it stands}."""

    name: str
    connector: str
    config: Mapping[str, Any]
    place: Place = Place()
    places: Mapping[str, Place] = field(default_factory=dict)


def _network(text: str) -> str:
    try:
        return str(ip_network(text, strict=False))
    except ValueError as error:
        raise ValueError("Write a network such as 127.0.0.1/32 or 10.0.0.0/8.") from error


@dataclass(frozen=True, slots=True)
class Referable:
    """A value of a type, or a reference that will become one."""

    inner: Type

    def read(self, node: Node, found: Findings) -> Any:
        return node.text if node.form == "scalar" and is_reference(node.text) else self.inner.read(node, found)

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [self.inner.schema(), {"type": "string", "pattern": r"^(secret:|file:)|\$\{"}]}


NETWORK = Shape(
    "`network`",
    (
        Key(
            "allow_private",
            ListOf(Parsed(_network, "a network"), lone=True),
            "private networks that the connection may reach, also by plain http",
            example="[127.0.0.1/32]",
        ),
    ),
)
COMMON = (
    Key("connector", Text(), "which connector speaks to the account", required=True, example="salesforce"),
    Key("auth", Anything(), "how to sign in", example="{kind: private_app, token: secret:hs-token}"),
    Key("network", NETWORK, "which private networks may be reached"),
    Key("limits", MapOf(Scalar()), "how much of the account's API limits to use", example="{reserve: 20%}"),
    Key("note", Anything(), "a remark for people"),
)
CONNECTIONS = Shape(
    "config/connections.yaml",
    (Key("connections", MapOf(Anything()), "the connections by name", required=True),),
)
_TYPES: dict[type, Type] = {
    str: Text(),
    int: Integer(),
    float: Parsed(plain_number, "a number"),
    bool: Bool(),
    list: ListOf(Scalar(), lone=True),
    dict: MapOf(Anything()),
}


def type_of(option: Option) -> Type:
    return Referable(Text(choices=option.choices) if option.choices else _TYPES.get(option.type, Anything()))


def key_of(option: Option) -> Key:
    return Key(option.name, type_of(option), option.help, option.required, option.default, option.example)


def shape_of(connector: Any) -> Shape:
    """The shape of a connection of this connector."""
    own = [key_of(option) for option in connector.options]
    taken = {key.name for key in own}
    return Shape(f"a {connector.name} connection", (*(k for k in COMMON if k.name not in taken), *own))


def auth_shape(connector: Any, kind: str) -> Shape:
    kinds = Key("kind", Text(tuple(connector.auth_kinds)), "the way of signing in", required=True)
    return Shape(f"`auth` of kind {kind}", (kinds, *(key_of(o) for o in connector.auth_kinds[kind])))


def read_connections(node: Node, connectors: Connectors, found: Findings) -> dict[str, ConnectionSettings]:
    """All connections; problems go to `found`."""
    CONNECTIONS.read(node, found)
    block = node.entries.get("connections", Node(node.place, "map"))
    made = {}
    for name, entry in block.entries.items():
        place = block.keys[name]
        if not name.replace("-", "").replace("_", "").isalnum() or not name.isascii():
            found.error(place, 6, f"`{name}` is not a name for a connection", "Use letters, digits, - and _.")
        one = _connection(name, entry, place, connectors, found)
        if one is not None:
            made[name] = one
    return made


def _connection(
    name: str, node: Node, place: Place, connectors: Connectors, found: Findings
) -> ConnectionSettings | None:
    chosen = node.entries.get("connector") if node.form == "map" else None
    connector: Any = connectors(chosen.text) if chosen is not None else None
    if connector is None:
        Shape(f"the connection `{name}`", COMMON, free=True).read(node, found)
        if chosen is not None:
            hint = "See `accordant connector list` for the ones that are installed."
            found.error(chosen.place, 10, f"there is no connector `{chosen.text}`", hint)
        return None
    shape_of(connector).read(node, found)
    _check_auth(name, node, connector, found)
    config = {k: percentages(n.value) for k, n in node.entries.items() if k not in ("connector", "note")}
    for option in connector.options:
        entry = node.entries.get(option.name)
        if entry is not None and option.type is str and entry.form == "scalar":
            config[option.name] = entry.text  # `api_version: 1.10` is text and not a number
    return ConnectionSettings(name, chosen.text if chosen else "", config, place, dict(_places(node)))


def _check_auth(name: str, node: Node, connector: Any, found: Findings) -> None:
    if not connector.auth_kinds:
        return
    auth = node.entries.get("auth")
    known = ", ".join(connector.auth_kinds)
    if auth is None or auth.form != "map" or "kind" not in auth.entries:
        at = auth.place if auth is not None else node.place
        found.error(at, 11, f"`{name}` does not say how to sign in", f"Add auth: {{kind: …}} with one of: {known}.")
        return
    kind = auth.entries["kind"].text
    if kind not in connector.auth_kinds:
        hint = did_you_mean(kind, connector.auth_kinds)
        found.error(auth.entries["kind"].place, 11, f"{connector.name} does not know the sign-in `{kind}`", hint)
        return
    auth_shape(connector, kind).read(auth, found)
    for option in connector.auth_kinds[kind]:
        held = auth.entries.get(option.name)
        if option.secret and held is not None and held.text and not is_reference(held.text):
            hint = f"Write `secret:NAME` and run `accordant secrets set NAME`, or ${{{option.name.upper()}}}."
            found.warn(held.place, 12, f"`auth.{option.name}` is a secret and stands in the file", hint)


def _places(node: Node, prefix: str = "") -> list[tuple[str, Place]]:
    found = []
    for key, child in node.entries.items():
        found.append((prefix + key, child.place))
        found += _places(child, f"{prefix}{key}.")
    return found
