"""The `accordant` command. `main` starts it; `run` does the same for tests, with arguments in and an exit code out.

Nothing heavy is imported before a command needs it: `--help` and `--version` answer at once.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main() -> None:
    raise SystemExit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
    if list(arguments) in (["--version"], ["-V"]):
        from importlib.metadata import version

        sys.stdout.write(f"accordant {version('accordant')}\n")
        return 0
    from hub.cli.app import invoke

    return invoke(list(arguments))
