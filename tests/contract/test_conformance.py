"""The suite catches the mistakes that it is there for: each connector of conformance_mutants.py fails its check."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from hub.connect.conformance import ConnectorTests, Sample
from tests.contract.conformance_mutants import MUTANTS

FILE = Path(__file__).with_name("conformance_mutants.py")


@pytest.fixture(scope="module")
def failed() -> set[tuple[str, str]]:
    """Run each mutant against the one check that should catch it; return (mutant, check) for those that failed."""
    wanted = " or ".join(f"({mutant} and {check})" for mutant, check in MUTANTS.items())
    command = [
        sys.executable,
        "-m",
        "pytest",
        str(FILE),
        "-k",
        wanted,
        "-q",
        "--tb=no",
        "-rf",
        "-p",
        "no:cacheprovider",
    ]
    told = subprocess.run(command, capture_output=True, text=True, cwd=FILE.parents[2], check=False).stdout
    return set(re.findall(r"^FAILED \S+::(\w+)::(test_\w+)", told, re.MULTILINE))


@pytest.mark.parametrize("mutant", MUTANTS)
def test_each_mistake_is_caught_by_its_check(mutant: str, failed: set[tuple[str, str]]) -> None:
    assert (mutant, MUTANTS[mutant]) in failed


def test_sample_data_may_be_a_plain_mapping() -> None:
    plain = {"object": "contacts", "create": {"name": "Ana"}, "text_field": "name"}
    assert Sample.of(plain) == Sample(create={"name": "Ana"}, text_field="name")
    assert Sample.of(Sample.of(plain)) == Sample.of(plain)


def test_an_exemption_must_name_a_check_and_say_why() -> None:
    class Typo(ConnectorTests):
        exempt = {"test_nothing_of_that_name": "because"}

    class Silent(ConnectorTests):
        exempt = {"test_objects_are_listed_once": " "}

    for wrong in (Typo, Silent):
        with pytest.raises(AssertionError):
            wrong().test_exemptions_name_real_checks_and_give_a_reason()


def test_without_samples_the_suite_does_not_pass_in_silence() -> None:
    with pytest.raises(AssertionError, match="without sample data"):
        ConnectorTests().test_there_is_sample_data()


def test_there_are_as_many_checks_as_the_goal_says() -> None:
    assert len([name for name in dir(ConnectorTests) if name.startswith("test_")]) >= 40
