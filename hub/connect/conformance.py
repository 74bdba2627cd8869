"""The suite that every connector passes, ours or yours.

A complete test file names the connector, its sandbox, and sample data per object:

    from hub.connect.conformance import ConnectorTests, Sample

    class TestZoo(ConnectorTests):
        connector, sandbox = Zoo, ZooSandbox
        samples = {"visitor": Sample(create={"name": "Ana", "email": "ana@example.org"}, edit={"name": "Eva"})}

What a connector does not claim is skipped with the reason; what it claims is checked. `exempt` {check: reason} leaves a
check out by name. Sandboxes act as people by `seed(object, fields) -> id`, `edit`, `remove`, `merge`, `rows(object)`, and
take the time from `clock=`, a function; `config()` is the connection's block that leads to them.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import pytest

# Before they are imported, so that a failed check shows the values that it compared.
GROUPS = ("base", "reads", "writes", "faults")
pytest.register_assert_rewrite(*(f"hub.connect.conformance_{group}" for group in GROUPS))

from hub.connect.clock import ManualClock, MemoryTokens  # noqa: E402
from hub.connect.conformance_base import Sample, World  # noqa: E402
from hub.connect.conformance_faults import FaultChecks  # noqa: E402
from hub.connect.conformance_reads import ReadChecks  # noqa: E402
from hub.connect.conformance_writes import WriteChecks  # noqa: E402
from hub.connect.connector import Connector, Context  # noqa: E402
from hub.connect.limits import NoLimits  # noqa: E402
from hub.connect.sandbox import Request  # noqa: E402

__all__ = ["ConnectorTests", "Sample", "World"]

NOON = 1_790_000_000.0


class ConnectorTests(ReadChecks, WriteChecks, FaultChecks):
    """Subclass it with `connector`, `sandbox` and `samples`.

    `http`: the connector speaks HTTP to the sandbox. `page_options`, `page_size`: settings that make its pages small,
    and how small. `sign_in_path`: part of the path of token requests. Override `is_write` where the guess is wrong.
    """

    connector: ClassVar[type[Connector]]
    sandbox: ClassVar[type[Any]]
    samples: ClassVar[Mapping[str, Any]] = {}
    http: ClassVar[bool] = True
    page_options: ClassVar[Mapping[str, Any]] = {}
    page_size: ClassVar[int] = 100
    sign_in_path: ClassVar[str] = "token"
    exempt: ClassVar[Mapping[str, str]] = {}

    def is_write(self, request: Request) -> bool:
        """Does this request change records? A read that is sent by POST must not count."""
        reading = ("/search", "/read", "/query", "/list", "/count", "/introspect")
        path = request.path.lower().rstrip("/")
        return request.method != "GET" and not path.endswith(reading) and self.sign_in_path not in path

    def open_sandbox(self, clock: ManualClock) -> Any:
        takes_clock = "clock" in inspect.signature(self.sandbox).parameters
        return self.sandbox(clock=clock.now) if takes_clock else self.sandbox()

    def make(self, connection: str, config: Mapping[str, Any], context: Context, sandbox: Any) -> Connector:
        """Build the connector; override it where more than the three usual things are needed."""
        return self.connector(connection, config, context)

    # -- the machinery

    @classmethod
    def pytest_generate_tests(cls, metafunc: pytest.Metafunc) -> None:
        if "object" in metafunc.fixturenames:
            metafunc.parametrize("object", list(cls.samples), ids=str)

    @pytest.fixture(autouse=True)
    def _exemptions(self, request: pytest.FixtureRequest) -> None:
        name = getattr(request.node, "originalname", request.node.name)
        if name in self.exempt:
            pytest.skip(f"exempt: {self.exempt[name]}")

    @pytest.fixture
    def world(self) -> Iterator[World]:
        clock = ManualClock(NOON)
        with self.open_sandbox(clock) as sandbox:
            world = World(self, sandbox, clock, MemoryTokens())
            yield world
            world.close()
            assert not getattr(sandbox, "bugs", []), f"the sandbox itself failed: {sandbox.bugs}"

    @pytest.fixture
    def spot(self, world: World, object: str) -> World:
        """The world, looking at one object."""
        world.look_at(object, Sample.of(self.samples[object]))
        return world

    def context(self, world: World) -> Context:
        return Context(world.clock, world.tokens, NoLimits(), on_call=world.on_call)

    def test_exemptions_name_real_checks_and_give_a_reason(self) -> None:
        assert all(reason.strip() for reason in self.exempt.values())
        assert set(self.exempt) <= {name for name in dir(self) if name.startswith("test_")}

    def test_there_is_sample_data(self) -> None:
        assert self.samples, "no check of reading or writing runs without sample data"
