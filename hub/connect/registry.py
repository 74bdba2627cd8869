"""Find connectors by name among the installed plug-ins (entry-point group `accordant.connectors`).

A connector's module is imported when it is first asked for, never to list names. Importing one runs its code, so only
what was installed on purpose is found here.
"""

from __future__ import annotations

import difflib
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from hub.connect.connector import Connector
from hub.core.errors import ConfigError, Place, Problem

GROUP = "accordant.connectors"
NOWHERE = Place()


def connector_names() -> list[str]:
    """The names that `connector:` in config/connections.yaml may take."""
    return sorted(_found())


def connector_class(name: str, place: Place = NOWHERE) -> type[Connector]:
    """The class behind a name. Raises ConfigError, at `place`, if there is none or it cannot be used."""
    entry = _found().get(name)
    if entry is None:
        raise ConfigError([Problem(place, "E-CONNECTOR", f'there is no connector "{name}"', _advice(name))])
    return _load(entry, place)


def _advice(name: str) -> str:
    near = difflib.get_close_matches(name, _found(), n=1)
    if near:
        return f'did you mean "{near[0]}"?'
    known = ", ".join(connector_names()) or "none"
    return f"installed: {known}; a connector of your own comes with: pip install accordant-{name or 'NAME'}"


def _load(entry: EntryPoint, place: Place) -> type[Connector]:
    try:
        found = entry.load()
    except ImportError as error:
        text = f'the connector "{entry.name}" cannot be imported: {error}'
        missing = (error.name or "").split(".")[0]
        hint = f"pip install {missing}" if missing and isinstance(error, ModuleNotFoundError) else "reinstall it"
        raise ConfigError([Problem(place, "E-CONNECTOR", text, hint)]) from error
    except AttributeError as error:
        text = f'the connector "{entry.name}" is registered as {entry.value}, which does not exist'
        raise ConfigError([Problem(place, "E-CONNECTOR", text, "ask its author, or reinstall it")]) from error
    if not (isinstance(found, type) and issubclass(found, Connector)):
        text = f'the connector "{entry.name}" ({entry.value}) is not a subclass of hub.connect.Connector'
        raise ConfigError([Problem(place, "E-CONNECTOR", text, "ask its author")])
    return found


@cache
def _found() -> dict[str, EntryPoint]:
    """Entry points by name. Where two distributions offer one name, the first by package name counts, always."""
    found: dict[str, EntryPoint] = {}
    for entry in sorted(entry_points(group=GROUP), key=lambda e: (e.name, e.dist.name if e.dist else "")):
        found.setdefault(entry.name, entry)
    return found
