"""Exit codes: the one place where errors and states of runs become a number."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hub.core.errors import ConfigError, HubError, Refused, SignIn

OK, ERROR, CHANGES, INVALID, PARTIAL, SIGN_IN, REFUSED, INTERRUPTED = 0, 1, 2, 3, 4, 5, 6, 130

MEANING = {
    OK: "done, nothing wrong",
    ERROR: "error",
    CHANGES: "changes are present: `plan`, and `run` on a sync never applied",
    INVALID: "files are invalid",
    PARTIAL: "some records failed, conflict, wait or moved",
    SIGN_IN: "sign-in failed",
    REFUSED: "refused for safety",
    INTERRUPTED: "interrupted",
}

BY_CODE = {
    "S-NAME": ERROR,  # a name that does not exist is a mistake, not a danger
    "S-NONE": ERROR,
    "S-CANCELLED": INTERRUPTED,
}
BY_CLASS: tuple[tuple[type[HubError], int], ...] = ((SignIn, SIGN_IN), (Refused, REFUSED), (ConfigError, INVALID))
BY_MESSAGE = {SignIn.code: SIGN_IN, Refused.code: REFUSED, "S-ORG": REFUSED, ConfigError.code: INVALID}
BY_STATE = {
    "ok": OK,
    "partial": PARTIAL,
    "waiting": PARTIAL,
    "failed": ERROR,
    "refused": REFUSED,
    "cancelled": INTERRUPTED,
}


def of_error(problem: HubError) -> int:
    if problem.code in BY_CODE:
        return BY_CODE[problem.code]
    return next((code for kind, code in BY_CLASS if isinstance(problem, kind)), ERROR)


def of_problems(problems: Iterable[HubError]) -> int:
    """The gravest of several."""
    return worst(of_error(problem) for problem in problems)


def of_report(report: Any) -> int:
    """How a run ended. A connection that could not sign in outweighs what the others did."""
    problems = of_problems(report.problems.values())
    if problems == SIGN_IN:
        return SIGN_IN
    code = BY_STATE.get(report.state, ERROR)
    return problems if code == ERROR and problems else code


def of_plan(plan: Mapping[str, Any]) -> int:
    """A plan with something to write is `changes present`; so is a `first` one, whatever it holds.

    Systems that could not be read come first: they are known by the code at the end of their message.
    """
    codes = {BY_MESSAGE.get(text.rpartition("[")[2].rstrip("]"), ERROR) for text in plan["problems"].values()}
    if codes:
        return worst(codes)
    return CHANGES if plan["operations"] or plan.get("first") else OK


def worst(codes: Iterable[int]) -> int:
    """The exit code of several runs: the gravest."""
    order = (INTERRUPTED, SIGN_IN, INVALID, ERROR, REFUSED, PARTIAL, CHANGES, OK)
    found = set(codes)
    return next((code for code in order if code in found), OK)
