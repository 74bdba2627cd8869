"""The health answer and the status page."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any

import pytest

from hub.web import pages


def sync(**changes: Any) -> dict[str, Any]:
    records = dict.fromkeys(("in_sync", "pending", "conflict", "failed", "excluded", "deleted"), 0)
    plain = {
        "sync": "customers",
        "state": "in sync",
        "lag": 10.0,
        "last_run": {"id": "r-1", "state": "ok", "started": 1.0, "ended": 2.0, "error": "secret detail"},
        "next_run": None,
        "open": {"conflicts": 0, "matches": 0, "errors": 0},
        "records": {**records, "in_sync": 1204},
    }
    return {**plain, **changes}


def status(*syncs: dict[str, Any], connections: Any = (), needs: Any = ()) -> dict[str, Any]:
    return {"syncs": list(syncs), "connections": list(connections), "needs_you": list(needs)}


@pytest.mark.parametrize(
    ("changes", "ok"),
    [
        ({}, True),
        ({"state": "needs you"}, True),
        ({"state": "paused"}, True),
        ({"state": "paused", "reason": "self-check I9: audit row 5"}, False),
        ({"state": "broken"}, False),
        ({"lag": 5_000.0}, False),
        ({"lag": 500.0}, True),
        ({"lag": None}, True),
    ],
)
def test_health_is_red_where_a_sync_does_not_go_on(changes: dict[str, Any], ok: bool) -> None:
    assert pages.health(status(sync(**changes)), {"customers": 300.0})["ok"] is ok


def test_a_sync_without_a_schedule_is_never_behind() -> None:
    assert pages.health(status(sync(lag=1e9)), {"customers": None})["ok"] is True


def test_a_stopped_connection_makes_health_red() -> None:
    found = pages.health(status(sync(), connections=[{"name": "hs", "state": "stopped"}]), {})
    assert found["ok"] is False
    assert found["problems"] == ["hs: stopped"]


def test_health_tells_no_details_of_errors() -> None:
    assert "secret detail" not in str(pages.health(status(sync(state="broken")), {}))


def test_the_page_says_first_what_needs_somebody() -> None:
    html = pages.page(status(sync(state="broken"), needs=[{"what": "hs: sign-in expired", "next": "accordant doctor"}]))
    assert html.index("sign-in expired") < html.index("customers")
    assert "0 of 1 syncs well" in html and "1,204" in html


def test_the_page_shows_markup_in_names_as_text() -> None:
    html = pages.page(status(sync(sync="<script>alert(1)</script>"), needs=[{"what": "<b>x", "next": "<i>"}]))
    assert "<script>" not in html and "<b>x" not in html
    assert "&lt;script&gt;" in html


def test_the_only_style_that_is_allowed_is_the_one_on_the_page() -> None:
    html = pages.page(status(sync()))
    (style,) = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in pages.CSP
    assert "default-src 'none'" in pages.CSP and "unsafe" not in pages.CSP
