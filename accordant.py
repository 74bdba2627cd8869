"""The launcher, and the name under which Accordant is imported.

`hub` and `connectors` are also names of other distributions on PyPI. Installed beside ours they overwrite it in silence,
so this runs before anything of `hub` is imported and refuses with the line that mends it.
"""

from __future__ import annotations

import sys
from importlib.metadata import packages_distributions

OURS = "accordant"


def strangers() -> dict[str, list[str]]:
    """Which other distributions own one of our package names: {package: [distributions]}."""
    owners = packages_distributions()
    return {
        name: others
        for name in ("hub", "connectors")
        if (others := sorted({d for d in owners.get(name, []) if d.lower() != OURS}))
    }


def main() -> None:
    """Run the command line, unless another distribution owns our packages."""
    for package, others in strangers().items():
        names = " ".join(others)
        print(  # noqa: T201
            f'accordant cannot start: the package "{package}" also belongs to {names}, which overwrites ours. '
            f"Nothing was run. Next: pip uninstall {names} && pip install --force-reinstall --no-deps accordant [E-OWNER]",
            file=sys.stderr,
        )
        raise SystemExit(2)
    from hub.cli import main as run

    run()


if __name__ == "__main__":
    main()
