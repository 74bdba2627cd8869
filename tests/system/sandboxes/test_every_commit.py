"""A hub that is killed before each of a run's commits in turn: what it asked of the remotes by then, it never stores."""

from __future__ import annotations

import signal
import subprocess

from tests.system.sandboxes.killing import victim
from tests.system.sandboxes.world import World

MOST_COMMITS = 60


def killed_before(world: World, number: int) -> bool:
    """Run until that commit. False if the run had fewer of them, and ended by itself."""
    command = victim(world, "run", "customers", moment="before:commit", number=number)
    code = subprocess.run(command, capture_output=True, check=False).returncode
    assert code in (0, -signal.SIGKILL)
    return code != 0


def test_a_kill_before_any_commit_loses_and_doubles_nothing(agreed: World) -> None:
    agreed.change("config/connections.yaml", ("timeout: 5", "timeout: 5\n    overlap: 0"))
    agreed.run("customers")
    for number in range(1, MOST_COMMITS):
        agreed.sf.edit("Contact", agreed.ids["sf:ana"], {"Title": f"Title {number}"})
        agreed.hs.edit("contacts", agreed.ids["hs:ana"], {"city": f"City {number}"})
        agreed.sf.seed("Contact", {"LastName": f"New {number}", "Email": f"new{number}@example.org"})
        was_killed = killed_before(agreed, number)
        agreed.run("customers", code=None)
        assert agreed.contact("ana")["MailingCity"] == f"City {number}"
        assert agreed.person("ana")["jobtitle"] == f"Title {number}"
        assert len(agreed.hs_by_email()[f"new{number}@example.org"]) == 1
        if not was_killed:
            break
    assert 5 < number < MOST_COMMITS - 1
    agreed.check_silent("customers")
    agreed.verified()
