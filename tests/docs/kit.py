"""What the tests of the documentation read: pages, their blocks and links, command lines, and the error codes in the source."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from hub.cli.app import app

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "connectors").rglob("*.md")])
_FENCE = re.compile(r"^( *)```([^\n]*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_INLINE = re.compile(r"`(accordant [^`]+)`")


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@dataclass(frozen=True)
class Block:
    """A fenced block: the page it stands on, the words after its fence, its text without indentation."""

    page: Path
    info: str
    text: str

    def __str__(self) -> str:
        return f"{name_of(self.page)}: {self.text.splitlines()[0] if self.text else ''}"


def blocks(page: Path) -> Iterator[Block]:
    for indent, info, text in _FENCE.findall(page.read_text(encoding="utf-8")):
        yield Block(page, info.strip(), re.sub(f"^{indent}", "", text, flags=re.MULTILINE))


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


# ---------------------------------------------------------------- links


def links(page: Path) -> list[str]:
    return [target for target in _LINK.findall(prose(page)) if "://" not in target and not target.startswith("mailto:")]


def broken(page: Path, target: str) -> str:
    """What is wrong with a relative link, "" if nothing."""
    path, _, anchor = target.partition("#")
    found = (page.parent / path).resolve() if path else page
    if not found.exists():
        return f"{name_of(page)}: {target} does not exist"
    if anchor and anchor not in anchors(found):
        return f"{name_of(page)}: {target} has no such heading"
    return ""


def anchors(page: Path) -> set[str]:
    """The headings of a page, as links name them."""
    heads = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}


# ---------------------------------------------------------------- command lines


def shell_lines(page: Path) -> Iterator[str]:
    """Every `accordant …` of the shell blocks, continued lines joined."""
    for block in blocks(page):
        if block.info in ("sh", "bash"):
            for line in block.text.replace("\\\n", " ").splitlines():
                yield from (part.strip() for part in line.split("&&") if part.strip().startswith("accordant "))


def inline_commands(page: Path) -> list[str]:
    return [" ".join(found.split()) for found in _INLINE.findall(prose(page))]


def parse(line: str) -> None:
    """Parse a whole command line as the program would; raises what it would raise."""
    command: Any = typer.main.get_command(app)
    words, parent = shlex.split(line, comments=True)[1:], None
    name = "accordant"
    while True:
        group = hasattr(command, "commands")
        own = words if not group else _before_command(command, words)
        parent = command.make_context(name, list(own) + (words[len(own) :] if group else []), parent=parent)
        if not group:
            return
        words = words[len(own) :]
        name, words = words[0], words[1:]
        if name not in command.commands:
            raise AssertionError(f"{line}: there is no command {name}")
        command = command.commands[name]


def _before_command(command: Any, words: list[str]) -> list[str]:
    """The options that stand before the name of a command."""
    taken = 0
    flags = {o: p.is_flag for p in command.params for o in p.opts}
    while taken < len(words) and words[taken].startswith("-"):
        taken += 1 if flags.get(words[taken], True) else 2
    return words[:taken]


def mention(text: str) -> str:
    """What is wrong with a command that is only mentioned, its arguments perhaps left out: "" if nothing."""
    command: Any = typer.main.get_command(app)
    for word in shlex.split(text)[1:]:
        if word.startswith("-"):
            if word.split("=")[0] not in {o for p in command.params for o in p.opts} | {"--help", "-h"}:
                return f"{text}: there is no option {word}"
        elif hasattr(command, "commands"):
            if word not in command.commands:
                return f"{text}: there is no command {word}"
            command = command.commands[word]
    return ""


# ---------------------------------------------------------------- error codes

_WORD = re.compile(r"\b[ESXCL]-[A-Z](?:[A-Z-]*[A-Z])?\b")
_NUMBER = re.compile(r"[MYSCDPTX]\d{3}")
_ON_PAGE = re.compile(r"^\| ((?:`[^`|]+` ?)+)\|", re.MULTILINE)
EXPRESSIONS = "hub/core/expressions.py"
# In which kinds of file a module that only knows numbers reports them; by function where one module serves several.
AREAS = {
    "hub/core/shapes.py": "MSCPT",
    "hub/core/build.py": "M",
    "hub/core/compile.py": "M",
    "hub/core/computed.py": "M",
    "hub/core/draft.py": "M",
    "hub/core/tables.py": "M",
    "hub/settings/connections.py": "C",
    "hub/settings/lint.py": "M",
    "hub/settings/project.py": "S",
    "hub/settings/project.py:check_connector": "M",
    "hub/settings/project.py:model": "P",
    "hub/settings/syncs.py": "S",
}


def codes_in_source() -> set[str]:
    """Every code that the source can put behind a message."""
    found = set()
    for path in (
        *sorted((ROOT / "hub").rglob("*.py")),
        *sorted((ROOT / "connectors").rglob("*.py")),
        ROOT / "accordant.py",
    ):
        found |= codes_of(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"))
    return found


def codes_of(module: str, source: str) -> set[str]:
    tree = ast.parse(source)
    told = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr)}
    found: set[str] = set()
    for function, node in _within(tree, ""):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told:
            found |= set(_WORD.findall(node.value)) | ({node.value} if _NUMBER.fullmatch(node.value) else set())
        elif isinstance(node, ast.Call):
            found |= _numbered(module, function, node)
    return found


def _within(node: ast.AST, function: str) -> Iterator[tuple[str, ast.AST]]:
    for child in ast.iter_child_nodes(node):
        inner = child.name if isinstance(child, ast.FunctionDef) else function
        yield inner, child
        yield from _within(child, inner)


def _numbered(module: str, function: str, call: ast.Call) -> set[str]:
    """`found.error(place, 12, …)`, `found.warn(…)` and, in the expressions, `_Wrong(node, 4, …)`."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name not in ("error", "warn", *(["_Wrong"] if module == EXPRESSIONS else [])) or len(call.args) < 3:
        return set()
    number = call.args[1]
    if not (isinstance(number, ast.Constant) and isinstance(number.value, int)):
        return set()
    given = [k.value.value for k in call.keywords if k.arg == "area" and isinstance(k.value, ast.Constant)]
    areas = "X" if name == "_Wrong" else given[0] if given else AREAS.get(f"{module}:{function}", AREAS.get(module, ""))
    assert areas, f"{module} reports problems: say in AREAS in which kinds of file"
    return {f"{area}{number.value:03d}" for area in areas}


def codes_on_page() -> list[str]:
    text = (ROOT / "docs" / "reference" / "error-codes.md").read_text(encoding="utf-8")
    return [code for cell in _ON_PAGE.findall(text) for code in re.findall(r"`([^`]+)`", cell)]
