"""One table from errors and states to exit codes."""

from __future__ import annotations

import pytest

from hub.cli import exits
from hub.core.errors import ConfigError, HubError, Place, Problem, Refused, Reject, Retry, SignIn, Stop
from hub.engine.report import Report

BAD_FILE = ConfigError([Problem(Place("a.yaml", 1, 1), "Y001", "wrong")])


@pytest.mark.parametrize(
    ("problem", "code"),
    [
        (SignIn("no"), 5),
        (Refused("no"), 6),
        (Refused("no", code="S-BUSY"), 6),
        (Refused("no", code="S-NAME"), 1),
        (Refused("no", code="S-NONE"), 1),
        (Refused("no", code="S-CANCELLED"), 130),
        (BAD_FILE, 3),
        (Stop("no"), 1),
        (Retry("no"), 1),
        (Reject("no"), 1),
        (HubError("no"), 1),
    ],
)
def test_an_error_has_one_exit_code(problem: HubError, code: int) -> None:
    assert exits.of_error(problem) == code


@pytest.mark.parametrize(
    ("state", "problems", "code"),
    [
        ("ok", (), 0),
        ("partial", (), 4),
        ("refused", (), 6),
        ("failed", (), 1),
        ("cancelled", (), 130),
        ("partial", (SignIn("no"),), 5),
        ("failed", (SignIn("no"), Stop("no")), 5),
        ("partial", (Retry("no"),), 4),
        ("failed", (Refused("no"),), 6),
    ],
)
def test_a_run_has_one_exit_code(state: str, problems: tuple[HubError, ...], code: int) -> None:
    report = Report("r", "s", state, problems={str(n): p for n, p in enumerate(problems)})
    assert exits.of_report(report) == code


@pytest.mark.parametrize(
    ("plan", "code"),
    [
        ({"operations": [], "problems": {}}, 0),
        ({"operations": [1], "problems": {}}, 2),
        ({"operations": [], "problems": {}, "first": True}, 2),
        ({"operations": [1], "problems": {"sf": SignIn("no").explain()}}, 5),
        ({"operations": [1], "problems": {"sf": Stop("no").explain()}}, 1),
        ({"operations": [1], "problems": {"sf": "no code at all"}}, 1),
    ],
)
def test_a_plan_has_one_exit_code(plan: dict[str, object], code: int) -> None:
    assert exits.of_plan(plan) == code


@pytest.mark.parametrize(
    ("codes", "worst"),
    [([], 0), ([0, 0], 0), ([0, 2], 2), ([2, 4], 4), ([4, 6], 6), ([6, 1], 1), ([1, 5], 5), ([5, 130], 130)],
)
def test_the_gravest_of_several_counts(codes: list[int], worst: int) -> None:
    assert exits.worst(codes) == worst


def test_every_exit_code_says_what_it_means() -> None:
    assert set(exits.MEANING) == {0, 1, 2, 3, 4, 5, 6, 130}
    assert set(exits.BY_STATE.values()) <= set(exits.MEANING)
