"""A Salesforce org and a HubSpot account on loopback, in a process of their own, so that their CPU does not count.

`Sandboxes` starts the process and ends it; run as a module it is that process. It prints where the two are, waits for a
line on standard input, and then prints which calls it was asked.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from bench import people


@dataclass(slots=True)
class Sandboxes:
    """`each`: how many people each side holds; `shared`: how many of them both hold, one in ten with another job title
    in HubSpot. `latency`: seconds added to every answer. `only`: the one side that holds anybody."""

    each: int
    shared: int
    latency: float = 0.0
    only: str = ""
    sf: dict[str, Any] = field(default_factory=dict)
    hs: dict[str, Any] = field(default_factory=dict)
    process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Sandboxes:
        wanted = {"each": self.each, "shared": self.shared, "latency": self.latency, "only": self.only}
        command = [sys.executable, "-m", "bench.sandboxes", json.dumps(wanted)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        told = self._line()
        self.sf, self.hs = told["sf"], told["hs"]
        return self

    def calls(self) -> dict[str, dict[str, int]]:
        """{side: {method and path: how often}} of what was asked since the last question, and what each side holds."""
        told: dict[str, dict[str, int]] = self._ask("calls")
        return told

    def pass_hours(self, hours: int) -> None:
        """Let time pass on both sides, so that what was just written lies behind the window that each pull reads again."""
        self._ask(f"pass {hours}")

    def _ask(self, question: str) -> Any:
        assert self.process is not None and self.process.stdin is not None
        self.process.stdin.write(f"{question}\n")
        self.process.stdin.flush()
        return self._line()

    def _line(self) -> Any:
        assert self.process is not None and self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("the sandboxes did not start")
        return json.loads(line)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self.process is not None and self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(30)


def serve(each: int, shared: int, latency: float, only: str) -> None:
    from connectors.hubspot.sandbox import HubSpotSandbox
    from connectors.salesforce.sandbox import SalesforceSandbox

    passed = [0.0]

    def clock() -> float:
        return time.time() + passed[0]

    with SalesforceSandbox(clock=clock, requests_a_day=10_000_000) as sf, HubSpotSandbox(clock=clock) as hs:
        for n in range(each if only != "hs" else 0):
            sf.seed("Contact", people.salesforce(n))
        for n in range(each - shared, 2 * each - shared if only != "sf" else 0):
            hs.seed("contacts", people.hubspot(n, newer_title=n < each and n % 10 == 0))
        for box in (sf, hs):
            box.fault("delay", times=None, seconds=latency) if latency else None
        print(json.dumps({"sf": sf.config(), "hs": hs.config()}), flush=True)
        for line in sys.stdin:
            word, _, hours = line.strip().partition(" ")
            passed[0] += 3600 * float(hours or 0)
            told: dict[str, Any] = {name: counted(box) for name, box in (("sf", sf), ("hs", hs))}
            told["held"] = {"sf": len(sf.rows("Contact")), "hs": len(hs.rows("contacts"))}
            print(json.dumps(told if word == "calls" else passed), flush=True)


def counted(box: Any) -> dict[str, int]:
    """Calls since the last time, without the ids in their paths. A sandbox that had a bug measures nothing."""
    if box.bugs:
        raise box.bugs[0]
    found = Counter(f"{method} {path.split('/query/')[0]}" for method, path in box.calls)
    box.calls.clear()
    return dict(found)


if __name__ == "__main__":
    serve(**json.loads(sys.argv[1]))
