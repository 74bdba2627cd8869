"""A third party's connector, on hub.connect.http, against the conformance suite."""

from __future__ import annotations

from hub.connect.conformance import ConnectorTests
from tests.contract.zoo import SAMPLE, Zoo, ZooSandbox


class TestZoo(ConnectorTests):
    connector, sandbox = Zoo, ZooSandbox
    samples = {"visitors": SAMPLE}
    page_size = 5
