"""The documentation says what is so: commands, options, samples, links, codes and tests are compared with the program."""

from __future__ import annotations

import re
import shutil
import tomllib
from pathlib import Path

import pytest

from docs import generate
from docs.generate import PAGES as GENERATED
from docs.generate import REFERENCE, commands, declared, unconnected
from hub.core.errors import ConfigError
from hub.core.shapes import Key, ListOf, Shape, Text
from hub.jobs.assemble import known_connector
from hub.jobs.doctor import GUARANTEES, guarantee_of
from hub.settings.mapping_tests import run_tests
from hub.settings.project import Project, load_project
from tests.docs import kit
from tests.docs.kit import PAGES, ROOT, Block, blocks, name_of

MARKED = ("mapping", "mapping-test", "sync", "connections", "accordant", "model")
SAMPLES = [b for page in PAGES for b in blocks(page) if b.info.startswith("yaml ") or b.info == "yaml"]
SHELL = [(name_of(page), line) for page in PAGES for line in kit.shell_lines(page)]


def text_of(*parts: str) -> str:
    return ROOT.joinpath(*parts).read_text(encoding="utf-8")


# ---------------------------------------------------------------- generated pages


@pytest.mark.parametrize("name", sorted(GENERATED))
def test_a_generated_page_is_what_the_code_declares_today(name):
    stored = (REFERENCE / name).read_text(encoding="utf-8")
    assert stored == GENERATED[name]().rstrip("\n") + "\n", f"docs/reference/{name} is old. Next: make docs"


def test_make_docs_writes_every_generated_page_and_names_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(generate, "REFERENCE", tmp_path / "reference")
    generate.main()
    assert {p.name for p in (tmp_path / "reference").iterdir()} == set(GENERATED)
    assert capsys.readouterr().out.split() == [f"docs/reference/{name}" for name in GENERATED]


def test_a_shape_is_shown_with_the_blocks_inside_it_each_once():
    inner = Shape("a spoke", (Key("name", Text(("a", "b")), "which one", default="a", example="b"),), short="name")
    page = generate.shapes(
        Shape("config/x.yaml", (Key("one", inner, "first", required=True), Key("two", ListOf(inner), "more")))
    )
    assert page.count("## A spoke") == 1 and "## config/x.yaml" in page
    assert "| `one` | a spoke | first | **required** |  |" in page
    assert "| `name` | `a` · `b` | which one | `a` | `b` |" in page
    assert "A single value stands for `{name: value}`." in page


def test_a_bar_inside_a_cell_does_not_break_the_table():
    assert generate.table(("a",), [("x|y",)]).splitlines()[-1] == "| x\\|y |"


def test_every_command_and_option_is_in_the_reference():
    import typer

    from hub.cli.app import app

    page = text_of("docs", "reference", "cli.md")
    for path, command in commands(typer.main.get_command(app)):
        head, _, rest = page.partition(f"# {' '.join(path)}\n")
        assert head and rest, f"{path} has no section"
        section = re.split(r"^##+ ", rest, maxsplit=1, flags=re.MULTILINE)[0]
        for parameter in command.params:
            for option in parameter.opts:
                if option.startswith("-") and option not in ("--help", "-h"):
                    assert f"`{option}`" in section, f"{path} {option}"


def test_the_guide_to_guarantees_uses_the_words_of_doctor():
    page = text_of("docs", "explanation", "what-is-guaranteed.md")
    for meaning in GUARANTEES.values():
        assert meaning in page


def test_the_guarantees_told_are_those_that_doctor_computes():
    """Read from the table of the guide: what it says of Salesforce, HubSpot and the users' objects."""
    page = text_of("docs", "explanation", "what-is-guaranteed.md")
    project = load_project(ROOT, {}, known_connector)
    for sync in project.syncs.values():
        for spoke in sync.spokes:
            connector = project.connections[spoke.connection].connector
            label = {"salesforce": "Salesforce", "hubspot": "HubSpot"}[connector]
            able = unconnected(connector).capabilities(spoke.object)
            word = guarantee_of(sync, spoke, able)["guarantee"]
            rows = [line for line in page.splitlines() if f"{label} " in line and spoke.object in line]
            assert any(f"| {word}" in row for row in rows), f"{connector} {spoke.object}: {word}"


def test_the_objects_of_every_shipped_mapping_are_in_the_table_of_connectors():
    page = text_of("docs", "reference", "connectors.md")
    found = list(declared())
    assert {connector for connector, _, _ in found} == {"salesforce", "hubspot"}
    for _, object, _ in found:
        assert f"| {object} " in page


# ---------------------------------------------------------------- links, tests and files that are named


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_relative_link_leads_somewhere(page):
    assert [wrong for target in kit.links(page) if (wrong := kit.broken(page, target))] == []


def test_a_link_to_nowhere_or_to_a_missing_heading_is_found():
    page = ROOT / "docs" / "README.md"
    assert "does not exist" in kit.broken(page, "tutorials/none.md")
    assert "no such heading" in kit.broken(page, "reference/cli.md#none")
    assert kit.broken(page, "reference/cli.md#exit-codes") == ""


def test_every_page_is_reached_from_the_map():
    """The map, the pages that it names, and those that they name: nothing lies where nobody comes by."""
    seen, open_ = set(), [ROOT / "README.md"]
    while open_:
        page = open_.pop()
        if page in seen or page.suffix != ".md" or not page.exists():
            continue
        seen.add(page)
        open_ += [(page.parent / target.partition("#")[0]).resolve() for target in kit.links(page)]
    ours = set((ROOT / "docs").rglob("*.md")) - {ROOT / "docs" / n for n in ("performance.md", "reliability.md")}
    assert sorted(name_of(page) for page in ours - seen) == []


def test_every_story_is_proved_by_a_test_of_that_name():
    page = text_of("docs", "explanation", "how-two-way-sync-works.md")
    found = re.findall(r"\[`(test_\w+)`\]\(\.\./\.\./([^)]+)\)", page)
    assert len(found) == page.count("\n### ") - len(["Newest, by intervals"])
    for test, file in found:
        assert f"def {test}(" in text_of(file), f"{file} has no {test}"


def test_files_of_the_project_that_pages_name_exist():
    for page in PAGES:
        for path in re.findall(
            r"`((?:hub|tests|mappings|config|connectors)/[\w./-]+\.(?:py|yaml|md))`", kit.prose(page)
        ):
            assert "NAME" in path or (ROOT / path).exists(), f"{name_of(page)}: {path}"


# ---------------------------------------------------------------- command lines


@pytest.mark.parametrize(("page", "line"), SHELL, ids=[f"{p}:{line}" for p, line in SHELL])
def test_a_command_line_in_a_shell_block_is_understood(page, line):
    kit.parse(line)


def test_a_wrong_command_line_would_be_found():
    for line in (
        "accordant plann customers",
        "accordant plan customers --none",
        "accordant plan",
        "accordant runs none",
    ):
        with pytest.raises(Exception, match=r".*"):
            kit.parse(line)
    assert kit.mention("accordant runs none") and kit.mention("accordant run --none")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_command_that_is_mentioned_exists(page):
    assert [wrong for line in kit.inline_commands(page) if (wrong := kit.mention(line))] == []


def test_there_are_command_lines_to_check():
    assert len(SHELL) > 50


def test_the_readme_begins_with_two_targets_of_the_makefile():
    first = next(blocks(ROOT / "README.md"))
    targets = re.findall(r"^make (\w+)", first.text, re.MULTILINE)
    assert targets == ["demo", "test"]
    assert text_of("README.md").index("make demo") < text_of("README.md").index("Accordant is")


def test_every_make_target_that_is_named_exists():
    makefile = text_of("Makefile")
    for page in PAGES:
        shell = "\n".join(b.text for b in blocks(page) if b.info == "sh")
        named = re.findall(r"^make (\w+)", shell, re.MULTILINE) + re.findall(r"`make (\w+)", kit.prose(page))
        for target in named:
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"{name_of(page)}: make {target}"


# ---------------------------------------------------------------- samples


def load(folder: Path) -> Project:
    """A project read as the program reads it; every problem is told."""
    try:
        return load_project(folder, {"DB_PASSWORD": "x"}, known_connector)
    except ConfigError as error:
        raise AssertionError(str(error)) from None


def put(folder: Path, path: str, text: str) -> None:
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_text(text, encoding="utf-8")


def examples(folder: Path) -> None:
    for name in ("config", "mappings"):
        shutil.copytree(ROOT / name, folder / name)


def read_mapping(sample: Block, folder: Path) -> None:
    put(folder, "config/accordant.yaml", "{}\n")
    put(folder, "mappings/sample.yaml", sample.text)
    loaded = load(folder)
    assert loaded.mappings["sample"].rules and not loaded.warnings


def read_mapping_test(sample: Block, folder: Path) -> None:
    examples(folder)
    put(folder, "mappings/salesforce.contact.test.yaml", sample.text)
    results = run_tests(folder, load(folder).mappings, ["salesforce.contact"])
    assert results and all(result.passed for result in results), results


def read_sync(sample: Block, folder: Path) -> None:
    examples(folder)
    name = re.search(r"^sync: (\w+)", sample.text, re.MULTILINE)
    assert name
    put(folder, f"config/syncs/{name[1]}.yaml", sample.text)
    loaded = load(folder)
    mine = [w for w in loaded.warnings if w.place.path == f"config/syncs/{name[1]}.yaml"]
    assert name[1] in loaded.syncs and not mine


def read_connections(sample: Block, folder: Path) -> None:
    put(folder, "config/connections.yaml", sample.text)
    loaded = load(folder)
    assert loaded.connections and not loaded.warnings


def read_accordant(sample: Block, folder: Path) -> None:
    put(folder, "config/accordant.yaml", sample.text)
    assert load(folder).database.startswith("postgresql")


def read_model(sample: Block, folder: Path) -> None:
    put(folder, "config/model.yaml", sample.text)
    assert load(folder).model.entities["customer"].kind_of("custom.seats") == "integer"


READERS = {
    "mapping": read_mapping,
    "mapping-test": read_mapping_test,
    "sync": read_sync,
    "connections": read_connections,
    "accordant": read_accordant,
    "model": read_model,
}


@pytest.mark.parametrize("sample", SAMPLES, ids=str)
def test_a_yaml_sample_is_read_by_the_real_loader_without_problems(sample, tmp_path):
    kind = sample.info.removeprefix("yaml").strip()
    if not kind:  # the connectors' READMEs show connections, and say so in the first line
        assert sample.text.startswith("# config/connections.yaml"), f"{sample} does not say what kind of file it is"
        kind = "connections"
    READERS[kind](sample, tmp_path)


def test_each_kind_of_file_has_a_sample():
    assert {s.info.removeprefix("yaml").strip() or "connections" for s in SAMPLES} == set(MARKED)


def test_a_sample_with_a_mistake_is_found(tmp_path):
    with pytest.raises(AssertionError, match="M001"):
        read_mapping(Block(ROOT, "yaml mapping", "connector: salesforce\nobjekt: Contact\n"), tmp_path)


# ---------------------------------------------------------------- error codes


def test_every_error_code_of_the_source_is_on_the_page():
    assert sorted(kit.codes_in_source() - set(kit.codes_on_page())) == []


def test_the_page_holds_no_code_that_nothing_raises_and_none_twice():
    found = kit.codes_on_page()
    assert sorted(set(found) - kit.codes_in_source()) == []
    assert sorted({code for code in found if found.count(code) > 1}) == []


def test_codes_are_found_in_every_form_in_which_the_source_writes_them():
    source = '''
"""Not X-DOC."""
def f(found):
    raise Stop("x", code="E-ONE")
    text = f"{a}. [S-TWO]"
    found.error(place, 7, "text")
    found.warn(place, 31, "text", area="S")
    Problem(place, "Y003", "text")
'''
    assert kit.codes_of("hub/core/build.py", source) == {"E-ONE", "S-TWO", "M007", "S031", "Y003"}


# ---------------------------------------------------------------- what is told as missing, and the rest


def test_what_the_limits_say_is_without_effect_is_so():
    """When somebody builds one of these, the page has to change with it."""
    page = text_of("docs", "explanation", "known-limits.md")
    source = "\n".join(p.read_text() for f in ("engine", "jobs", "web") for p in (ROOT / "hub" / f).rglob("*.py"))
    for told, used in (
        ("`schedule.webhooks` is accepted and has no effect", r"\.webhooks\b"),
        ("`merges: propagate` is accepted and does what `hold` does", r"\.merges\b"),
        ("`scope_exit: archive` suspends the link as `keep` does", r"scope_exit == .archive"),
    ):
        assert told in page and not re.search(used, source), told


def test_a_distributed_project_is_refused_as_the_limits_say():
    assert "S-ENGINE" in text_of("docs", "explanation", "known-limits.md")
    assert 'code="S-ENGINE"' in text_of("hub", "cli", "setup.py")


def test_the_changelog_names_the_version_of_the_package():
    version = tomllib.loads(text_of("pyproject.toml"))["project"]["version"]
    assert f"## [{version}]" in text_of("CHANGELOG.md")


def test_decisions_are_numbered_without_gaps_and_say_what_was_given_up():
    found = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [int(p.name[:3]) for p in found] == list(range(1, len(found) + 1))
    for page in found:
        text = page.read_text()
        assert [w for w in ("**Context.**", "**Choice.**", "**What we gave up.**") if w not in text] == [], page.name


@pytest.mark.parametrize("page", sorted((ROOT / "docs").rglob("*.md")), ids=name_of)
def test_pages_hold_no_paths_of_a_machine_and_only_addresses_that_lead_nowhere(page):
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"/(?:home|Users|work|root)/\w", text)
    mails = re.findall(r"[\w.+-]+@([\w.-]+\w)", text)
    assert {m.lower() for m in mails if not m.lower().endswith("example.org")} <= {"db.example.org"}
