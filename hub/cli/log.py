"""Logs for people who operate the hub, and the file that keeps the details of a bug.

Nothing personal and nothing secret is logged: names of fields and ids, never values.
"""

from __future__ import annotations

import re
import secrets
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hub.core.errors import HubError

Events = Callable[[str, dict[str, object]], None]
SAFE = frozenset(
    "event level timestamp connection object sync run records read total state code task trigger seconds".split()  # noqa: SIM905
)
_MASKED = (
    (re.compile(r"\[parameters:.*", re.DOTALL), "[parameters: not shown]"),
    (re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+"), "<e-mail>"),
    (re.compile(r"(?i)\b(bearer|token|secret|password|key)([\"'=: ]+)\S+"), r"\1\2<secret>"),
    (re.compile(r"://[^/@\s]+@"), "://<secret>@"),
    (re.compile(r"\b[A-Za-z0-9_\-]{32,}\b"), "<long text>"),
    (re.compile(r"\+?\d[\d\s()/-]{7,}\d"), "<number>"),
)


def mask(text: str) -> str:
    """Take out what may be a secret or a personal value."""
    for pattern, shown in _MASKED:
        text = pattern.sub(shown, text)
    return text


def redact(_logger: Any, _method: str, event: Any) -> Any:
    """A processor of structlog: only known, harmless keys keep their values."""
    return {k: v if k in SAFE else "<redacted>" for k, v in event.items()}


def logger() -> Any:
    """Structured lines on standard error."""
    import structlog

    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            redact,
            structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "event"]),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    return structlog.get_logger()


def events(progress: Events, *, verbose: bool) -> Events:
    """What receives the engine's events: the progress line, or with -v one log line each."""
    if not verbose:
        return progress
    log = logger()
    return lambda event, facts: log.info(event, **facts)


def bug(problem: BaseException, root: Path | None) -> HubError:
    """An error that nobody foresaw: the details go to a private file, the message names it."""
    id = secrets.token_hex(4)
    where = ""
    if root is not None:
        from hub.jobs.folder import private_file, write_private

        path = private_file(root, "log", f"{id}.txt")
        write_private(path, _details(problem).encode())
        where = str(path.relative_to(root))
    return HubError(
        f"accordant hit a bug ({type(problem).__name__}, log id {id})",
        unchanged="What was stored before stays; each step is stored whole or not at all",
        next=f"report it with {where}, which holds no personal values" if where else "report it",
        code="X-BUG",
        log_id=id,
    )


def _details(problem: BaseException) -> str:
    """Where it happened, without the values that were at hand."""
    lines = []
    seen: BaseException | None = problem
    while seen is not None:
        lines += [f"{type(seen).__module__}.{type(seen).__name__}: {mask(str(seen))}"]
        lines += [f"  {f.filename}:{f.lineno} {f.name}" for f in traceback.extract_tb(seen.__traceback__)]
        seen = seen.__cause__ or seen.__context__
    return "\n".join(lines) + "\n"
