"""Stored decisions stay what they are, unless the change log says which one changes and why."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest

from tests.unit.core.decisions import store
from tests.unit.core.decisions.broken import BROKEN, the_oldest_wins
from tests.unit.core.decisions.form import read_case, tell
from tests.unit.core.decisions.reach import REACHED, features

CASES = store.load()


def log(*lines: str, version: str = "") -> str:
    return "\n".join([f"## [{version or store.version()}] - unreleased", "", "### Changed decisions", "", *lines, ""])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of some of the stored cases that a test may spoil."""
    for name in ("kinds.yaml", "policies.yaml", "stories.yaml"):
        shutil.copy(store.HERE / name, tmp_path)
    known = store.baseline()
    store.write_baseline(tmp_path, {case.id: known[case.id] for case in store.load(tmp_path)})
    return tmp_path


# ---------------------------------------------------------------- the decisions


def test_every_decision_is_what_it_was():
    found = store.changes(CASES)
    told = "\n\n".join(change.text for change in found[:20])
    assert not found, f"\n{told}\n\n{store.advice([c.case.id for c in found])}"


def test_a_stored_decision_differs_from_the_baseline_only_where_the_change_log_says_why():
    assert list(store.unexplained(CASES, store.HERE, store.LOG.read_text())) == []


def test_the_change_log_names_cases_that_there_are():
    known = {case.id for case in CASES} | set(store.baseline())
    assert set(store.named(store.LOG.read_text(), store.version())) <= known


def test_there_are_three_hundred_cases_each_with_a_name_of_its_own():
    ids = [case.id for case in CASES]
    assert len(ids) == len(set(ids)) >= 300
    assert all(case.data.get("title") for case in CASES if case.file != "drawn.yaml")


def test_the_cases_reach_every_story_policy_and_state():
    seen: Counter[str] = Counter()
    for stored in CASES:
        seen.update(set(features(stored.id, stored.case, stored.case.decide())))
    missing = sorted(REACHED - seen.keys())
    assert missing == []


def test_no_case_is_stored_twice():
    questions = Counter(
        str(sorted((k, str(v)) for k, v in c.data.items() if k not in ("id", "title", "decision"))) for c in CASES
    )
    assert [text for text, n in questions.items() if n > 1] == []


def test_a_key_that_no_case_has_is_refused():
    for wrong in ({"sidez": {}}, {"sides": {"a": {"raeds": {}}}}):
        with pytest.raises(ValueError, match="there is no key"):
            read_case({"id": "x", "fields": {"job_title": {}}, "sides": {}, **wrong})


def test_the_order_of_the_sides_is_of_no_account():
    for stored in CASES:
        made = stored.case.decide(stored.case.sides[::-1])
        assert tell(stored.case, made) == stored.decision, stored.id


# ---------------------------------------------------------------- a heart that decides otherwise


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_rule_changes_a_stored_decision(name, monkeypatch):
    BROKEN[name](monkeypatch)
    assert any(case.today() != case.decision for case in CASES)


def test_a_changed_decision_is_told_line_by_line(monkeypatch):
    the_oldest_wins(monkeypatch)
    text = next(c.text for c in store.changes(CASES) if c.case.id == "newest-the-later-edit-wins")
    assert text.startswith("newest-the-later-edit-wins (policies.yaml): Two edits whose times do not overlap.")
    assert '    -change job_title: "Boss" -> "Chief" by b, conflict [conflicts.default: newest]' in text
    assert '    +change job_title: "Boss" -> "Head" by a, conflict [conflicts.default: newest]' in text


def test_a_changed_decision_that_the_log_does_not_name_is_not_written_down(monkeypatch, folder):
    the_oldest_wins(monkeypatch)
    changed = [c.case.id for c in store.changes(store.load(folder))]
    before = {file.name: file.read_text() for file in folder.iterdir()}
    assert len(changed) > 1
    named = [f"- decision `{id}`: the oldest wins" for id in changed]
    without_a_reason = [line.partition(": ")[0] + ": " for line in named]
    for text in ("", log(*named[1:]), log(*named, version="0.0.9"), log(*without_a_reason)):
        written, refused = store.accept(folder, text)
        assert written == [] and changed[0] in refused
    assert {file.name: file.read_text() for file in folder.iterdir()} == before


def test_a_changed_decision_that_the_log_names_is_written_down_and_passes(monkeypatch, folder):
    the_oldest_wins(monkeypatch)
    changed = [c.case.id for c in store.changes(store.load(folder))]
    told = log(*(f"- decision `{id}`: the oldest wins now" for id in changed))
    assert store.accept(folder, told) == (changed, [])
    assert store.changes(store.load(folder)) == []
    assert list(store.unexplained(store.load(folder), folder, told)) == []
    missing = list(store.unexplained(store.load(folder), folder, log()))
    assert missing == [f"{id} is not what it was" for id in sorted(changed)]


def test_a_release_makes_a_new_baseline(monkeypatch, folder):
    the_oldest_wins(monkeypatch)
    changed = [c.case.id for c in store.changes(store.load(folder))]
    store.accept(folder, log(*(f"- decision `{id}`: the oldest wins now" for id in changed)))
    assert store.release(folder) == len(store.load(folder))
    assert list(store.unexplained(store.load(folder), folder, log())) == []


# ---------------------------------------------------------------- what is done to the files by hand


def _spoil(folder: Path, was: str, now: str) -> list[str]:
    file = folder / "stories.yaml"
    text = file.read_text()
    assert was in text
    file.write_text(text.replace(was, now, 1))
    return list(store.unexplained(store.load(folder), folder, log()))


def test_a_stored_answer_that_was_edited_by_hand_is_found(folder):
    was = 'lost job_title: "Chief" of b, ownership'
    assert _spoil(folder, was, was.replace("Chief", "Head")) == [
        "story-01-an-owner-s-field-is-edited-elsewhere is not what it was"
    ]


def test_a_stored_question_that_was_edited_by_hand_is_found(folder):
    was = "reads: {job_title: Chief}"
    found = _spoil(folder, was, was.replace("Chief", "Head"))
    assert found == ["story-01-an-owner-s-field-is-edited-elsewhere is not what it was"]


def test_a_title_may_be_put_better(folder):
    assert _spoil(folder, "title: ERP owns a field;", "title: The ERP owns a field;") == []


def test_a_case_that_was_taken_away_is_found(folder):
    store.write(folder / "kinds.yaml", [c.data for c in store.load(folder) if c.file == "kinds.yaml"][1:])
    assert list(store.unexplained(store.load(folder), folder, log())) == [
        "set-two-people-add-different-options is gone"
    ]
    line = "- decision `set-two-people-add-different-options`: options are text now"
    assert list(store.unexplained(store.load(folder), folder, log(line))) == []


def test_a_new_case_is_written_down_without_a_line_and_is_part_of_the_baseline_then(folder):
    first = {k: v for k, v in CASES[0].data.items() if k != "decision"}
    store.write(folder / "more.yaml", [{**first, "id": "one-more"}])
    assert list(store.unexplained(store.load(folder), folder, "")) == ["one-more is new and not in baseline.txt"]
    assert store.accept(folder, "") == (["one-more"], [])
    assert next(c.decision for c in store.load(folder) if c.id == "one-more") == CASES[0].decision
    assert list(store.unexplained(store.load(folder), folder, "")) == []
