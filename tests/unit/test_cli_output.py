"""Words, tables and progress as people and pipes get them."""

from __future__ import annotations

import io
import json

import pytest

from hub.cli import output
from hub.cli.progress import Progress
from hub.core.errors import ConfigError, HubError, Place, Problem


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


# ---------------------------------------------------------------- words


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3600, "1 h"), (7440, "2 h 4 min"), (180_000, "2 d 2 h")],
)
def test_a_span_of_time_in_words(seconds: float, text: str) -> None:
    assert output.span(seconds) == text


def test_never_and_long_ago() -> None:
    assert output.ago(0, 100) == "never"
    assert output.ago(40, 100) == "1 min ago"
    assert output.moment(0) == ""
    assert output.moment(1_700_000_000) == "2023-11-14T22:13:20Z"


def test_one_and_many() -> None:
    assert output.count(1, "record") == "1 record"
    assert output.count(1204, "record") == "1,204 records"
    assert output.count(2, "match", "matches") == "2 matches"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "(empty)"),
        ("", "(empty)"),
        ("Ana", "Ana"),
        (True, "true"),
        (["a", "b"], '["a", "b"]'),
        ({"amount": "12.50", "currency": "EUR"}, "12.50 EUR"),
    ],
)
def test_a_value_in_words(value: object, text: str) -> None:
    assert output.shown(value) == text


def test_colour_is_for_terminals_that_want_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert output.paint("no", "red", Terminal()) == "\x1b[31mno\x1b[0m"
    assert output.paint("no", "red", io.StringIO()) == "no"
    monkeypatch.setenv("NO_COLOR", "1")
    assert output.paint("no", "red", Terminal()) == "no"


def test_a_table_for_a_pipe_is_one_line_per_row(capsys: pytest.CaptureFixture[str]) -> None:
    output.table(("a", "b"), [("x\ty", None), ("two\nlines", 3)])
    assert capsys.readouterr().out == "a\tb\nx y\t\ntwo lines\t3\n"


def test_a_table_for_a_terminal_never_reads_markup_in_values(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr("sys.stdout", screen)
    monkeypatch.setenv("NO_COLOR", "1")
    output.table(("name", "n"), [("[red]Ana[/red]", 1)], right=("n",))
    assert "[red]Ana[/red]" in screen.getvalue()


# ---------------------------------------------------------------- errors


def test_an_error_is_one_line_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    problem = HubError(
        "it broke", where="here", why="it was old", unchanged="Nothing was done", next="buy one", code="E-X"
    )
    output.show_error(problem)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == "error: here: it broke. it was old. Nothing was done. Next: buy one. [E-X]\n"


def test_problems_of_files_are_listed_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    problems = [
        Problem(Place("m.yaml", 3, 5), "M010", "no such field", "Did you mean `email`?"),
        Problem(Place("m.yaml", 9, 1), "M041", "not used", level="warning"),
    ]
    output.show_error(ConfigError(problems, unchanged="Nothing was read"))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "m.yaml:3:5 error[M010]: no such field"
    assert lines[1] == "    Did you mean `email`?"
    assert lines[-1] == "1 error, 1 warning. Nothing was read."


def test_an_error_as_json_has_stable_keys() -> None:
    found = output.error_json(ConfigError([Problem(Place("m.yaml", 3, 5), "M010", "wrong")]))
    assert set(found) == {"code", "what", "where", "why", "unchanged", "next", "problems"}
    assert found["problems"] == [
        {"file": "m.yaml", "line": 3, "column": 5, "level": "error", "code": "M010", "text": "wrong", "hint": ""}
    ]
    json.dumps(found)


# ---------------------------------------------------------------- progress


class Moving:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_progress_tells_rate_and_time_left_where_the_total_is_known() -> None:
    clock, screen = Moving(), Terminal()
    progress = Progress(clock, screen)
    progress("read", {"connection": "sf", "read": 100, "total": 1000})
    clock.now += 10
    progress("read", {"connection": "sf", "read": 400, "total": 1000})
    assert screen.getvalue().split("\r\x1b[2K")[-1] == "reading sf 400 / 1,000 · 40 % · 40/s · about 15 s left"


def test_progress_without_a_total_gives_no_estimate() -> None:
    clock, screen = Moving(), Terminal()
    progress = Progress(clock, screen)
    progress("written", {"connection": "hs", "records": 50})
    clock.now += 5
    progress("written", {"connection": "hs", "records": 50})
    assert screen.getvalue().endswith("writing hs 100 · 20/s")


def test_progress_without_a_terminal_is_a_plain_line_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Moving()
    progress = Progress(clock, io.StringIO())
    for n in range(1, 101):
        clock.now += 0.1
        progress("read", {"connection": "sf", "read": n, "total": None})
    lines = capsys.readouterr().err.splitlines()
    assert 2 <= len(lines) <= 3
    assert all("\r" not in line and "\x1b" not in line for line in lines)


def test_progress_takes_its_line_away_at_the_end() -> None:
    screen = Terminal()
    progress = Progress(Moving(), screen)
    progress("settled", {"records": 3})
    progress.close()
    assert screen.getvalue().endswith("\r\x1b[2K")


def test_events_that_nobody_knows_are_not_shown() -> None:
    screen = Terminal()
    Progress(Moving(), screen)("odd", {"read": 1})
    assert screen.getvalue() == ""
