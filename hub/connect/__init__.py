"""What connector authors import. Names are loaded when they are first used, so that importing this costs nothing."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hub.connect.clock import ManualClock as ManualClock
    from hub.connect.clock import MemoryTokens as MemoryTokens
    from hub.connect.clock import SystemClock as SystemClock
    from hub.connect.clock import from_stamp as from_stamp
    from hub.connect.clock import to_stamp as to_stamp
    from hub.connect.connector import Buckets as Buckets
    from hub.connect.connector import Capabilities as Capabilities
    from hub.connect.connector import Clock as Clock
    from hub.connect.connector import Connector as Connector
    from hub.connect.connector import Context as Context
    from hub.connect.connector import FieldInfo as FieldInfo
    from hub.connect.connector import FieldVersion as FieldVersion
    from hub.connect.connector import Identity as Identity
    from hub.connect.connector import ObjectInfo as ObjectInfo
    from hub.connect.connector import Option as Option
    from hub.connect.connector import Page as Page
    from hub.connect.connector import Receipt as Receipt
    from hub.connect.connector import TokenStore as TokenStore
    from hub.connect.connector import Want as Want
    from hub.connect.connector import Write as Write
    from hub.connect.faults import Faulty as Faulty
    from hub.connect.http import Http as Http
    from hub.connect.http import read_with_retries as read_with_retries
    from hub.connect.http import retry_after as retry_after
    from hub.connect.limits import Breaker as Breaker
    from hub.connect.limits import MemoryBuckets as MemoryBuckets
    from hub.connect.limits import NoLimits as NoLimits
    from hub.connect.memory import MemoryConnector as MemoryConnector
    from hub.connect.memory_remote import MemoryRemote as MemoryRemote
    from hub.connect.network import check_url as check_url
    from hub.connect.profiles import FieldProfile as FieldProfile
    from hub.connect.profiles import ObjectProfile as ObjectProfile
    from hub.connect.registry import connector_class as connector_class
    from hub.connect.registry import connector_names as connector_names
    from hub.connect.sandbox import Fault as Fault
    from hub.connect.sandbox import Request as Request
    from hub.connect.sandbox import Response as Response
    from hub.connect.sandbox import Sandbox as Sandbox

_HOMES = {
    "clock": "ManualClock MemoryTokens SystemClock from_stamp to_stamp",
    "connector": "Buckets Capabilities Clock Connector Context FieldInfo FieldVersion Identity ObjectInfo Option Page "
    "Receipt TokenStore Want Write",
    "faults": "Faulty",
    "http": "Http read_with_retries retry_after",
    "limits": "Breaker MemoryBuckets NoLimits",
    "memory": "MemoryConnector",
    "memory_remote": "MemoryRemote",
    "network": "check_url",
    "profiles": "FieldProfile ObjectProfile",
    "registry": "connector_class connector_names",
    "sandbox": "Fault Request Response Sandbox",
}
_HOME = {name: module for module, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"hub.connect.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(_HOME)
