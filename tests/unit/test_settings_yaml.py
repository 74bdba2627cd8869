"""Reading YAML: text stays text, everything has a place, and what could mislead is refused."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.core.tree import Node, plant
from hub.settings import yaml


def read(text):
    return yaml.read_bytes(text.encode() if isinstance(text, str) else text, "f.yaml")


def value(text):
    node, problems = read(text)
    assert not problems, problems
    return node.value


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("a: NO", {"a": "NO"}),
        ("a: no", {"a": "no"}),
        ("a: yes", {"a": "yes"}),
        ("a: on", {"a": "on"}),
        ("NO: Norway", {"NO": "Norway"}),
        ("on: x", {"on": "x"}),
        ("a: 007", {"a": "007"}),
        ("a: 12:30:45", {"a": "12:30:45"}),
        ("a: 2026-01-31", {"a": "2026-01-31"}),
        ("a: 0x1F", {"a": "0x1F"}),
        ("a: 0o17", {"a": "0o17"}),
        ("a: 1_000", {"a": "1_000"}),
        ("a: +1", {"a": "+1"}),
        ("a: .5", {"a": ".5"}),
        ("a: .inf", {"a": ".inf"}),
        ("a: True", {"a": "True"}),
        ("a: Null", {"a": "Null"}),
        ("a: 1", {"a": 1}),
        ("a: -1.5", {"a": -1.5}),
        ("a: 1e3", {"a": 1000.0}),
        ("a: true", {"a": True}),
        ("a: 'true'", {"a": "true"}),
        ('a: "1"', {"a": "1"}),
        ("a:", {"a": None}),
        ("a: ~", {"a": None}),
        ("a: null", {"a": None}),
        ("a: ''", {"a": ""}),
        ("a: |\n  x\n  y\n", {"a": "x\ny\n"}),
        ("a: >\n  x\n  y\n", {"a": "x y\n"}),
        ("a: [1, x, [y]]\nb: {c: d}", {"a": [1, "x", ["y"]], "b": {"c": "d"}}),
        ("- 1\n- a: b", [1, {"a": "b"}]),
        ("# nothing\n", None),
        ("", None),
        ("a: 1\r\nb: 2\r\n", {"a": 1, "b": 2}),
        ("a: '\t'", {"a": "\t"}),
        ("a: Größe 😀", {"a": "Größe 😀"}),
        ("a: 123456789012345678901234567890", {"a": 1.2345678901234568e29}),
        ("x-d: &d {q: 1}\nb: *d\nc: [*d, *d]", {"x-d": {"q": 1}, "b": {"q": 1}, "c": [{"q": 1}, {"q": 1}]}),
    ],
)
def test_what_is_written_is_what_is_read(text, data):
    assert value(text) == data


def test_text_is_there_as_it_was_written():
    node, _ = read("version: 1.10\nport: 0080")
    assert node.entries["version"].text == "1.10"
    assert node.entries["port"].text == "0080"


def test_every_key_and_value_has_its_place():
    node, _ = read("a: 1\nb:\n  - x\n  - {c: 'y'}\n")
    assert str(node.place) == "f.yaml:1:1"
    assert str(node.keys["b"]) == "f.yaml:2:1"
    inner = node.entries["b"].items[1]
    assert str(inner.keys["c"]) == "f.yaml:4:6"
    assert str(inner.entries["c"].place) == "f.yaml:4:9"
    assert str(inner.entries["c"].within(0, 0)) == "f.yaml:4:10"


def test_columns_count_letters_and_not_bytes():
    node, _ = read("é😀: x")
    assert str(node.entries["é😀"].place) == "f.yaml:1:5"


BOMB = "x-a: &a [1,1,1,1,1,1,1,1,1,1]\n" + "".join(
    f"x-{c}: &{c} [{','.join(['*' + p] * 10)}]\n" for p, c in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "code", "place", "said"),
    [
        ("a:\n\tb: 1\n", "Y015", "2:1", "tab"),
        ("a:\n  \tb: 1\n", "Y015", "2:3", "tab"),
        ("a: b: c\n", "Y001", "1:5", "second `:`"),
        ("a: 1\nb\n", "Y001", "2:1", "without its `:`"),
        ("a: 1\na: 2\n", "Y003", "2:1", "twice (first in line 1)"),
        ("a: {b: 1, b: 2}\n", "Y003", "1:11", "twice"),
        ("a: 1\n---\nb: 2\n", "Y004", "2:1", "second document"),
        ("a: !!python/object:os.system x\n", "Y005", "1:4", "tag"),
        ("a: !custom {b: 1}\n", "Y005", "1:4", "tag"),
        ("a: !!str 1\n", "Y005", "1:4", "tag"),
        ("x-a: &a {b: 1}\nc: {<<: *a}\n", "Y005", "2:5", "merge key"),
        ("a: &x 1\n", "Y006", "1:4", "anchor"),
        ("a: &x {b: 1}\nc: *x\n", "Y006", "1:4", "anchor"),
        ("a: *x\n", "Y006", "1:4", "no anchor above"),
        (BOMB, "Y007", "5:19", "50,000"),
        ("x-a: &a [*a]\n", "Y008", "1:10", "contains itself"),
        ("x-a: &a {b: {c: *a}}\n", "Y008", "1:17", "contains itself"),
        ("[" * 33 + "]" * 33, "Y009", "1:33", "32 levels"),
        ("{a: " * 40 + "1" + "}" * 40, "Y009", "1:129", "32 levels"),
        ("[" * 100_000, "Y001", "1:", "32 levels"),
        ("? [a]\n: b\n", "Y002", "1:3", "key that is a list"),
        ("? {a: b}\n: c\n", "Y002", "1:3", "key that is a list"),
        ("a: b\0c", "Y013", "1:5", "U+0000"),
        ("a: 'x\x1b[2J'", "Y013", "1:6", "U+001B"),
        ("a: \u202ex\n", "Y014", "1:4", "U+202E"),
        ("b: 1\na\u200b: x\n", "Y014", "2:2", "U+200B"),
        ("a: 'x\n", "Y001", "2:1", "quote is not closed"),
        ("a: [1, 2\n", "Y001", "2:1", "not closed"),
        ("a: {b: 1\nc: 2\n", "Y001", "2:2", "not closed"),
        ("a: @x\n", "Y001", "1:4", "quotes"),
        ('a: "\\q"\n', "Y001", "1:5", "escape"),
        ("- a\nb: 1\n", "Y001", "2:1", ""),
        ("a:\n  b: 1\n c: 2\n", "Y001", "3:2", "indented"),
        ("a: {phones[mobile]: hold}\n", "Y001", "1:", 'quote it: {"phones[mobile]": hold}'),
        ("a: - b\n", "Y001", "1:4", "list entry"),
    ],
)
def test_what_could_mislead_is_refused_at_its_place(text, code, place, said):
    node, problems = read(text)
    assert node is None
    first = problems[0]
    assert first.code == code
    assert str(first.place).startswith(f"f.yaml:{place}")
    assert said in f"{first.text} {first.hint}"
    assert first.hint or code == "Y001"


@pytest.mark.parametrize(
    ("data", "code", "place"),
    [
        ("a: é".encode("utf-16"), "Y012", "1:1"),
        ("a: e".encode("utf-16-be"), "Y013", "1:1"),
        (b"\xef\xbb\xbfa: 1", "Y012", "1:1"),
        (b"a: 1\nb: \xff", "Y012", "2:4"),
        ("a: é".encode("latin-1"), "Y012", "1:4"),
        (b"a: " + b"x" * yaml.MOST_BYTES, "Y010", "1:1"),
    ],
)
def test_other_encodings_and_large_files_are_refused(data, code, place):
    node, (problem, *_) = read(data)
    assert node is None
    assert (problem.code, str(problem.place)) == (code, f"f.yaml:{place}")


@pytest.mark.parametrize(
    "text",
    [
        "[" * 900_000, "{a: " * 200_000, "- " * 400_000, "? " * 400_000, "a: " * 300_000, "[phones[m], " * 80_000, "'" * 900_000,
        "!" * 900_000, "x-a: &a 1\nb: [" + "*a," * 300_000, "".join(f"k{i}: v\n" for i in range(60_000)), "[a, {b: " * 100_000,
    ],
    ids=lambda text: text[:8],
)  # fmt: skip
def test_a_large_file_of_one_trick_is_answered(text):
    node, problems = read(text)
    assert (node is None) == bool(problems)


def test_all_doubled_keys_are_told():
    _, problems = read("a: 1\na: 2\nb: 1\nb: 2\n")
    assert [str(p.place) for p in problems] == ["f.yaml:2:1", "f.yaml:4:1"]


def test_a_file_that_is_not_there_is_a_problem(tmp_path):
    node, (problem,) = yaml.read(tmp_path / "none.yaml", "none.yaml")
    assert node is None
    assert problem.code == "Y011"


def test_a_large_file_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "large.yaml"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    _, (problem,) = yaml.read(path, "large.yaml")
    assert problem.code == "Y010"


@settings(max_examples=100, deadline=None)
@given(
    data=st.binary(max_size=80)
    | st.text(alphabet="ab:-[]{}&*!|>'\"# \n\t,?<%@`~0\\é\u202e", max_size=80).map(str.encode)
)
def test_any_bytes_are_either_read_or_explained(data):
    node, problems = yaml.read_bytes(data, "f.yaml")
    assert (node is None) == bool(problems)
    for problem in problems:
        assert problem.place.line >= 1 and problem.text


KEYS = st.text(alphabet="abcdefgh_", min_size=1, max_size=8)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(alphabet="abc: #'\"-\n1", max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=100, deadline=None)
@given(data=PLAIN)
def test_what_another_writer_writes_is_read_the_same(data):
    import yaml as pyyaml

    text = pyyaml.safe_dump(data, allow_unicode=True, default_flow_style=False)
    text = text.removesuffix("...\n")
    assert value(text) == data
    assert plant(data).value == data


def test_a_node_says_what_it_is():
    node, _ = read("a: [1]\nb: {c: 1}\nd: text\ne:\n")
    assert [node.entries[k].describe() for k in "abde"] == ["a list", "a block of keys", "`text`", "nothing"]
    assert len(list(node.walk())) == 7
    assert Node().place == node.entries["a"].items[0].within(0, 0).__class__()
