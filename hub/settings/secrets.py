"""References in settings: `${ENV}`, `file:PATH` and `secret:NAME` become their values when a connection is opened."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hub.core.errors import ConfigError, Place, Problem

Secrets = Callable[[str], str | None]
_ENV = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_MOST_BYTES = 65_536


def is_reference(text: str) -> bool:
    return text.startswith(("secret:", "file:")) or "${" in text


def resolve(
    config: Mapping[str, Any],
    env: Mapping[str, str],
    secrets: Secrets,
    *,
    places: Mapping[str, Place] | None = None,
    root: Path | None = None,
) -> dict[str, Any]:
    """The same settings with every reference replaced. Raises ConfigError that names all that are missing, and the
    command or variable that sets each. `places` and `root` are the connection's, for messages and relative files."""
    problems: list[Problem] = []

    def walk(value: Any, path: str) -> Any:
        if isinstance(value, Mapping):
            return {k: walk(v, f"{path}.{k}" if path else k) for k, v in value.items()}
        if isinstance(value, list):
            return [walk(v, path) for v in value]
        if not isinstance(value, str) or not is_reference(value):
            return value
        found, missing = _value(value, env, secrets, root)
        if missing is not None:
            code, text, hint = missing
            problems.append(Problem((places or {}).get(path, Place()), code, f"`{path}`: {text}", hint))
        return found

    made: dict[str, Any] = walk(config, "")
    if problems:
        raise ConfigError(problems, unchanged="Nothing was sent")
    return made


def expand(text: str, env: Mapping[str, str]) -> tuple[str, list[str]]:
    """`${NAME}` and `${NAME:-otherwise}` replaced, and the names that are not set."""
    missing: list[str] = []

    def one(match: re.Match[str]) -> str:
        held = env.get(match[1], match[2])
        if held is None:
            missing.append(match[1])
        return held or ""

    return _ENV.sub(one, text), missing


_Missing = tuple[str, str, str]


def _value(text: str, env: Mapping[str, str], secrets: Secrets, root: Path | None) -> tuple[str, _Missing | None]:
    if text.startswith("secret:"):
        return _secret(text.removeprefix("secret:"), secrets)
    expanded, missing = expand(text, env)
    if missing:
        names = ", ".join(missing)
        return "", ("C020", f"the environment variable {names} is not set", f"Set it: export {missing[0]}=…")
    if "${" in _ENV.sub("", text):
        return "", ("C023", "a `${` that is not closed or names no variable", "Write ${NAME}.")
    return _file(expanded.removeprefix("file:"), root) if text.startswith("file:") else (expanded, None)


def _secret(name: str, secrets: Secrets) -> tuple[str, _Missing | None]:
    if not _NAME.fullmatch(name):
        return "", ("C021", f"`{name}` is not a name for a secret", "Use letters, digits, points, - and _.")
    held = secrets(name)
    if held is None:
        return "", ("C021", f"the secret `{name}` is not set", f"Run: accordant secrets set {name}")
    return held, None


def _file(path: str, root: Path | None) -> tuple[str, _Missing | None]:
    place = (root or Path()) / path
    try:
        with place.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            return "", ("C022", f"the file {path} is larger than 64 kB", "Name the file that holds the secret alone.")
        return data.decode().strip(), None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8 text"
        return "", ("C022", f"the file {path} cannot be read: {why}", "Check the path and who may read it.")
