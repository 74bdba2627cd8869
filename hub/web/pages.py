"""The status page and the health answer, made from what `status` says. No record's values appear in either."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from html import escape
from typing import Any

STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #8886}
td.n{text-align:right;font-variant-numeric:tabular-nums}code{font-size:.9em}li{margin:.4rem 0}
"""
CSP = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    f"style-src 'sha256-{base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()}'"
)
HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
MARKS = {"in sync": "●", "pending": "◐", "running": "▶", "not applied": "○"}
COLUMNS = (
    ("in_sync", "in sync"),
    ("pending", "pending"),
    ("conflict", "conflicts"),
    ("failed", "failed"),
    ("excluded", "excluded"),
    ("deleted", "deleted"),
)
SLOWEST = 600.0
"""A sync that is read less often than this, and than three times its schedule, is behind."""


def health(status: Mapping[str, Any], every: Mapping[str, float | None]) -> dict[str, Any]:
    """What a monitor wants to know. `ok` is False where a person is needed for syncs to go on."""
    syncs = [_sync_health(s, every.get(s["sync"])) for s in status["syncs"]]
    stopped = [c["name"] for c in status["connections"] if c["state"] != "ok"]
    problems = [f"{s['sync']}: {s['problem']}" for s in syncs if s["problem"]]
    problems += [f"{name}: stopped" for name in stopped]
    return {"ok": not problems, "database": "ok", "syncs": syncs, "problems": problems}


def _sync_health(sync: Mapping[str, Any], every: float | None) -> dict[str, Any]:
    last = sync["last_run"] or {}
    behind = sync["lag"] is not None and every and sync["lag"] > max(SLOWEST, 3 * every)
    checked = sync["state"] == "paused" and "self-check" in sync.get("reason", "")
    problem = "paused by the self-check" if checked else "behind its schedule" if behind else ""
    problem = "broken" if sync["state"] == "broken" else problem
    return {
        "sync": sync["sync"],
        "state": sync["state"],
        "lag": sync["lag"],
        "last_run": {n: last.get(n) for n in ("id", "state", "started", "ended")} if last else None,
        "next_run": sync["next_run"],
        "open": sync["open"],
        "problem": problem,
    }


def page(status: Mapping[str, Any]) -> str:
    """One page for people: what needs somebody first, then each sync with its records by state."""
    well = sum(s["state"] in ("in sync", "running", "pending") for s in status["syncs"])
    needs = "".join(f"<li>{escape(n['what'])}<br><code>{escape(n['next'])}</code></li>" for n in status["needs_you"])
    head = "".join(f"<th scope=col>{escape(word)}</th>" for _, word in COLUMNS)
    rows = "".join(_rows(s) for s in status["syncs"])
    return (
        "<!doctype html><html lang=en><head><meta charset=utf-8><title>Accordant</title>"
        f"<meta name=viewport content='width=device-width'><style>{STYLE}</style></head><body>"
        f"<h1>Accordant</h1><p>{well} of {len(status['syncs'])} syncs well.</p>"
        + (f"<h2>For you</h2><ul>{needs}</ul>" if needs else "")
        + f"<h2>Syncs</h2><table><thead><tr><th scope=col>sync</th><th scope=col>state</th>{head}</tr></thead>"
        f"<tbody>{rows}</tbody></table></body></html>"
    )


def _rows(sync: Mapping[str, Any]) -> str:
    mark = MARKS.get(sync["state"], "■")
    found = [f"<tr><th scope=row>{escape(sync['sync'])}</th><td>{mark} {escape(sync['state'])}</td>"]
    found += [f"<td class=n>{sync['records'][name]:,}</td>" for name, _ in COLUMNS]
    return "".join([*found, "</tr>"])
