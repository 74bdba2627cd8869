"""The invented systems live on while processes die: they stay in the parent, and a child reaches them through a pipe."""

from __future__ import annotations

from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from hub.connect.memory_remote import MemoryRemote
from hub.connect.profiles import ObjectProfile

DISTANT = ("now", "count", "search", "gone", "read", "lookup", "ids", "history", "write", "hook")


class DistantRemote:
    """A remote as a connector in another process sees it. What it raises there is raised here."""

    token = ""
    etag = staticmethod(MemoryRemote.etag)

    def __init__(self, name: str, near: MemoryRemote, pipe: Connection) -> None:
        self.name, self.objects = name, near.objects
        self.profile: Callable[[str], ObjectProfile] = near.profile
        for method in DISTANT:
            setattr(self, method, self._asking(pipe, method))

    def _asking(self, pipe: Connection, method: str) -> Callable[..., Any]:
        def ask(*args: Any, **options: Any) -> Any:
            pipe.send((self.name, method, args, options))
            answer, problem = pipe.recv()
            if problem is not None:
                raise problem
            return answer

        return ask


def answer(remotes: dict[str, MemoryRemote], asked: tuple[str, str, Any, Any]) -> tuple[Any, Exception | None]:
    """Carry out what a child asked."""
    name, method, args, options = asked
    try:
        return getattr(remotes[name], method)(*args, **options), None
    except Exception as problem:
        return None, problem
