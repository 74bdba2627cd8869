"""A command line in a process of its own, which may be killed: `victim.py MOMENT NUMBER WORDS...`.

At the n-th MOMENT (`before:commit` or `after:commit` of a writing transaction) it kills itself as the system would.
Its naps are short, so that waiting for a remote costs a test nothing.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
from typing import Any

from hub.cli import run
from hub.connect.clock import SystemClock
from hub.store.db import Store


def die_at(moment: str, number: int) -> None:
    """Arrange for the end of this process."""
    counter = itertools.count(1)

    def hook(event: str) -> None:
        if event == moment and next(counter) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    make = Store.__init__

    def made(self: Store, *args: Any, **more: Any) -> None:
        make(self, *args, **more)
        self.hook = hook

    Store.__init__ = made


def nap_briefly(seconds: float = 0.01) -> None:
    sleep = SystemClock.sleep
    SystemClock.sleep = lambda self, wanted: sleep(self, min(wanted, seconds))


if __name__ == "__main__":
    moment, number, *words = sys.argv[1:]
    nap_briefly()
    die_at(moment, int(number))
    raise SystemExit(run(words))
