"""Connections and their secrets: checked against what the connector declares, resolved only when needed."""

from __future__ import annotations

import pytest

from hub.core.errors import ConfigError, Place
from hub.settings.secrets import is_reference, resolve
from tests.unit.project_kit import load, problems

HEAD = "connections:\n  sf:\n    connector: sales\n    url: https://sales.example\n"
TAIL = "    auth: {kind: token, token: secret:sf}\n"
REST = "  hs: {connector: mail}\n"
PATH = "config/connections.yaml"


def connection(root, text):
    return load(root, {PATH: text + REST}).connections["sf"]


def found(root, text):
    return [
        (p.code, str(p.place).removeprefix(PATH + ":"), p.text, p.hint) for p in problems(root, {PATH: text + REST})
    ]


def test_a_connection_keeps_its_references(tmp_path):
    read = connection(
        tmp_path, HEAD + TAIL + "    limits: {reserve: 20%, burst: 5}\n    network: {allow_private: 127.0.0.1/32}\n"
    )
    assert read.connector == "sales"
    assert read.config["auth"] == {"kind": "token", "token": "secret:sf"}
    assert read.config["limits"] == {"reserve": 0.2, "burst": 5}
    assert read.config["network"] == {"allow_private": "127.0.0.1/32"}
    assert "connector" not in read.config
    assert str(read.places["auth.token"]) == f"{PATH}:5:32"


def test_options_keep_the_type_that_they_declare(tmp_path):
    more = "    api_version: 1.10\n    page: 50\n    wait: 1.5\n    safe: false\n    objects: [a, b]\n    region: eu\n"
    config = connection(tmp_path, HEAD + more + TAIL).config
    assert config["api_version"] == "1.10"
    assert (config["page"], config["wait"], config["safe"]) == (50, 1.5, False)
    assert (config["objects"], config["region"]) == (["a", "b"], "eu")


@pytest.mark.parametrize(
    ("text", "code", "place", "said"),
    [
        (HEAD, "C011", "3:5", "how to sign in"),
        (HEAD + "    auth: {token: secret:x}\n", "C011", "5:11", "how to sign in"),
        (HEAD + "    auth: {kind: tokn, token: secret:x}\n", "C011", "5:18", "`tokn`"),
        (HEAD + "    auth: {kind: token}\n", "C002", "5:11", "lacks `token`"),
        (HEAD + "    auth: {kind: token, tokn: x}\n", "C001", "5:25", "`tokn`"),
        (HEAD + "    auth: {kind: token, token: abc}\n", "C012", "5:32", "stands in the file"),
        (HEAD.replace("    url: https://sales.example\n", "") + TAIL, "C002", "3:5", "lacks `url`"),
        (HEAD + TAIL + "    pgae: 5\n", "C001", "6:5", "`pgae`"),
        (HEAD + TAIL + "    page: many\n", "C003", "6:11", "whole number"),
        (HEAD + TAIL + "    wait: long\n", "C005", "6:11", "not a number"),
        (HEAD + TAIL + "    safe: yes\n", "C003", "6:11", "true or false"),
        (HEAD + TAIL + "    region: asia\n", "C004", "6:13", "`asia` is not one of"),
        (HEAD + TAIL + "    network: {allow_private: localhost}\n", "C005", "6:30", "not a network"),
        (HEAD.replace("connector: sales", "connector: slaes"), "C010", "3:16", "no connector `slaes`"),
        (HEAD.replace("    connector: sales\n", ""), "C002", "3:5", "lacks `connector`"),
        ("connections:\n  'my sf': {connector: mail}\n", "C006", "2:3", "not a name"),
        ("conections: {}\nconnections:\n", "C001", "1:1", "`conections`"),
    ],
)
def test_a_wrong_connection_is_told_at_its_place(tmp_path, text, code, place, said):
    all_ = found(tmp_path, text)
    assert any(c == code and p == place and said in t for c, p, t, _ in all_), all_


def test_a_secret_in_the_file_is_a_warning_that_does_not_repeat_it(tmp_path):
    (warning,) = load(tmp_path, {PATH: HEAD + "    auth: {kind: token, token: hunter2}\n" + REST}).warnings
    assert warning.level == "warning"
    assert "hunter2" not in str(warning)
    assert "accordant secrets set" in warning.hint


def test_a_reference_is_good_for_any_type(tmp_path):
    read = connection(tmp_path, HEAD + TAIL + "    page: ${PAGE}\n    region: ${REGION}\n")
    assert read.config["page"] == "${PAGE}"


# ---------------------------------------------------------------- resolving


def stored(name):
    return {"sf": "s3cret"}.get(name)


def test_references_become_values(tmp_path):
    (tmp_path / "token.txt").write_text("from file\n")
    config = {
        "auth": {"token": "secret:sf", "key": "file:token.txt"},
        "url": "https://${HOST}/${PART:-api}",
        "list": ["${HOST}", 5],
        "plain": "text",
    }
    assert resolve(config, {"HOST": "h"}, stored, root=tmp_path) == {
        "auth": {"token": "s3cret", "key": "from file"},
        "url": "https://h/api",
        "list": ["h", 5],
        "plain": "text",
    }
    assert config["auth"]["token"] == "secret:sf", "what was written stays as it was"


def test_everything_that_is_missing_is_told_with_what_sets_it(tmp_path):
    config = {
        "auth": {"token": "secret:nope", "bad": "secret:a b"},
        "a": "${NOT_SET}",
        "b": "file:none",
        "c": "${broken",
    }
    with pytest.raises(ConfigError) as caught:
        resolve(config, {}, stored, places={"auth.token": Place("c.yaml", 3, 4)}, root=tmp_path)
    told = {p.code: p for p in caught.value.problems}
    assert "accordant secrets set nope" in caught.value.explain()
    assert caught.value.problems[0].place == Place("c.yaml", 3, 4)
    assert {"C020", "C021", "C022", "C023"} == set(told)
    assert "export NOT_SET=" in told["C020"].hint


def test_no_secret_is_in_an_error(tmp_path):
    with pytest.raises(ConfigError) as caught:
        resolve({"a": "secret:sf", "b": "${NOPE}"}, {}, stored)
    assert "s3cret" not in caught.value.explain()


def test_a_secret_file_is_small_text(tmp_path):
    (tmp_path / "large").write_bytes(b"x" * 70_000)
    (tmp_path / "bytes").write_bytes(b"\xff")
    for name, said in (("large", "64 kB"), ("bytes", "UTF-8")):
        with pytest.raises(ConfigError, match=said):
            resolve({"a": f"file:{name}"}, {}, stored, root=tmp_path)


@pytest.mark.parametrize(
    ("text", "is_one"), [("secret:a", True), ("file:a", True), ("x${A}y", True), ("plain", False), ("$A", False)]
)
def test_what_a_reference_is(text, is_one):
    assert is_reference(text) is is_one
