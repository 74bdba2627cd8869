"""What every command shares: the options before the command, and opening the project."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub.cli.output import note

if TYPE_CHECKING:
    from hub.jobs.assemble import Assembly

Json = Annotated[bool, typer.Option("--json", help="Print the whole result as JSON.")]
By = Annotated[str, typer.Option("--by", help="Who decides, for the audit log.", envvar="ACCORDANT_USER")]


@dataclass
class Session:
    """The options before the command."""

    project: Path | None = None
    verbose: bool = False
    env: dict[str, str] = field(default_factory=lambda: dict(os.environ))

    def root(self) -> Path:
        from hub.jobs.folder import find_root

        return find_root(self.project, self.env, Path.cwd())


def session(ctx: typer.Context) -> Session:
    found = ctx.find_root().obj
    return found if isinstance(found, Session) else Session()


@contextmanager
def opened(ctx: typer.Context, **ports: Any) -> Iterator[Assembly]:
    """The project, assembled lazily; closed at the end."""
    from hub.jobs.assemble import Assembly

    mine = session(ctx)
    with Assembly(mine.root(), mine.env, **ports) as assembly:
        yield assembly


@contextmanager
def working(ctx: typer.Context) -> Iterator[tuple[Assembly, Interrupt]]:
    """The project for a command that takes long: with progress, and Ctrl-C as a request to stop."""
    from hub.cli.log import events
    from hub.cli.progress import Progress

    progress, interrupt = Progress(), Interrupt()
    try:
        with (
            interrupt.watching(),
            opened(
                ctx, progress=events(progress, verbose=session(ctx).verbose), cancelled=interrupt.asked.is_set
            ) as found,
        ):
            yield found, interrupt
    finally:
        progress.close()


class Interrupt:
    """Ctrl-C once: what is under way is finished and stored. Twice: stop at once, which is safe as well."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.on_first: Callable[[], None] = _raise
        """What to do at the first Ctrl-C; runs in a thread of its own, for the main one may hold the database."""

    @contextmanager
    def watching(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(signal.SIGINT, self._caught)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def _caught(self, number: int, frame: Any) -> None:
        if self.asked.is_set():
            # Past every buffer and lock: the first Ctrl-C may still be in the middle of writing its own line.
            os.write(2, b"Stopped at once. The next run goes on from what is stored.\n")
            os._exit(130)
        self.asked.set()
        if self.on_first is _raise:
            raise KeyboardInterrupt
        note("Interrupted: finishing what is under way. Press Ctrl-C again to stop at once.")
        threading.Thread(target=self.on_first, daemon=True).start()


def _raise() -> None:
    raise KeyboardInterrupt


def who() -> str:
    """The name of the person at the keyboard, for the audit log."""
    import getpass

    try:
        return os.environ.get("ACCORDANT_USER") or getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
