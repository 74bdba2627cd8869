"""The HTTP application of `accordant serve`: GET /health for monitors, GET / for people."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from hub.core.errors import HubError
from hub.engine.selfcheck import last_result
from hub.engine.status import status
from hub.jobs.assemble import Assembly
from hub.web.pages import HEADERS, health, page

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def make_app(project: Assembly, *, loopback_only: bool = False, extra: Callable[[], dict[str, Any]] = dict) -> FastAPI:
    """`extra()` adds to the health answer: scheduler, queue. With `loopback_only`, a foreign Host header is refused, so
    that no web page can read the status through a name that it made point here."""
    app = FastAPI(title="Accordant", docs_url=None, redoc_url=None, openapi_url=None)

    @app.middleware("http")
    async def guarded(request: Request, go_on: Any) -> Response:
        host = request.url.hostname or ""
        if loopback_only and host not in LOOPBACK:
            return JSONResponse({"error": "this host name is not served"}, 421, HEADERS)
        response: Response = await go_on(request)
        response.headers.update(HEADERS)
        return response

    @app.get("/health")
    def _health() -> JSONResponse:
        try:
            told = health(status(project.hub), {n: s.schedule.every for n, s in project.project.syncs.items()})
            with project.store.read() as tx:
                told["self_check"] = last_result(tx)
        except HubError as problem:
            told = {"ok": False, "database": problem.code, "syncs": [], "problems": [f"database: {problem.code}"]}
        added = extra()
        told |= added
        told["ok"] = told["ok"] and added.get("scheduler", "running") == "running"
        return JSONResponse(told, 200 if told["ok"] else 503)

    @app.get("/", response_class=HTMLResponse)
    def _page() -> HTMLResponse:
        try:
            return HTMLResponse(page(status(project.hub)))
        except HubError as problem:
            return HTMLResponse(
                f"<!doctype html><title>Accordant</title><p>The database does not answer. {problem.code}", 503
            )

    return app
