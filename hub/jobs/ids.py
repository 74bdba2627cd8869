"""New ids, and the name under which this process holds a lease.

Ids begin with a letter for what they name and grow with time, so that new rows lie beside each other in an index.
"""

from __future__ import annotations

import os
import re
import secrets
import socket
import threading
import time
from collections.abc import Callable

LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"  # without i, l, o and u, which people misread
TAIL_BITS = 30
_HOLDER = re.compile(r"process (\d+) on (\S+) since (\d+)")


def base32(number: int, length: int) -> str:
    found = ""
    for _ in range(length):
        number, digit = divmod(number, 32)
        found = LETTERS[digit] + found
    return found


class Ids:
    """Makes ids such as `r-01k3v9z0qh7mabx`: the time in milliseconds, then chance. Unique and growing within a process."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._last = 0

    def __call__(self, kind: str) -> str:
        with self._lock:
            fresh = int(self._now() * 1000) << TAIL_BITS | secrets.randbits(TAIL_BITS - 1)
            self._last = max(fresh, self._last + 1)
            return f"{kind}-{base32(self._last, 15)}"


_STARTED = int(time.time())


def holder_name() -> str:
    """Who holds a lease: this process, on this machine, since it started."""
    return f"process {os.getpid()} on {socket.gethostname()} since {_STARTED}"


def is_alive(holder: str) -> bool:
    """False only where a holder is known to be gone: a process of this machine that does not run any more."""
    match = _HOLDER.search(holder)
    if not match or match[2] != socket.gethostname():
        return True
    pid = int(match[1])
    if pid == os.getpid():
        return int(match[3]) == _STARTED
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
