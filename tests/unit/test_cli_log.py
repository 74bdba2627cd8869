"""Logs and bug files hold no secrets and no personal values."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.cli import log
from hub.core.errors import HubError


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("ana.diaz+x@example.org called", "ana.diaz"),
        ("Authorization: Bearer abc.def.ghi", "abc.def.ghi"),
        ("token=xyz123", "xyz123"),
        ("postgresql://user:hunter2@host/db", "hunter2"),
        ("call +49 30 1234567 now", "1234567"),
        ("pat-na1-0123456789abcdef0123456789abcdef0123", "0123456789abcdef"),
        ("INSERT … [parameters: ('Ana', 'Diaz')]", "Diaz"),
    ],
)
def test_what_may_be_secret_or_personal_is_masked(text: str, gone: str) -> None:
    assert gone not in log.mask(text)


def test_plain_words_stay() -> None:
    assert log.mask("sync customers: 12 records of Contact") == "sync customers: 12 records of Contact"


def test_log_lines_keep_only_harmless_keys() -> None:
    found = log.redact(None, "info", {"event": "written", "records": 3, "email": "ana@example.org", "fields": ["x"]})
    assert found == {"event": "written", "records": 3, "email": "<redacted>", "fields": "<redacted>"}


def test_the_log_goes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    log.events(lambda event, facts: None, verbose=True)("read", {"connection": "sf", "read": 3, "name": "Ana"})
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "event='read'" in shown.err and "connection='sf'" in shown.err and "Ana" not in shown.err


def test_without_v_the_progress_line_gets_the_events() -> None:
    seen: list[str] = []

    def progress(event: str, facts: dict[str, object]) -> None:
        seen.append(event)

    log.events(progress, verbose=False)("read", {})
    assert seen == ["read"]


def test_a_bug_is_kept_with_its_place_and_its_cause(tmp_path: Path) -> None:
    try:
        try:
            raise KeyError("ana@example.org")
        except KeyError as cause:
            raise RuntimeError("while doing it") from cause
    except RuntimeError as problem:
        told = log.bug(problem, tmp_path)
    (kept,) = (tmp_path / ".accordant" / "log").iterdir()
    text = kept.read_text()
    assert told.code == "X-BUG" and kept.name.removesuffix(".txt") in told.explain()
    assert "RuntimeError: while doing it" in text and "KeyError" in text and __file__ in text
    assert "ana@" not in text


def test_a_bug_outside_of_a_project_is_told_without_a_file() -> None:
    told = log.bug(RuntimeError("x"), None)
    assert isinstance(told, HubError)
    assert "Next: report it." in told.explain()
