"""Expressions in mappings and syncs: a small part of Python's grammar, checked and compiled once.

`parse` reads the text with `ast`, refuses everything that is not on the list, and builds closures. There are no loops, no
attributes but `record.X` and canonical paths, no regular expressions, and no functions but those in `functions`: so an
expression takes at most as many steps as it has nodes. Null in gives null out; numbers are exact decimals.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Context, Decimal, DecimalException
from typing import Any

from hub.core import values
from hub.core.errors import Place, Problem, Reject
from hub.core.functions import FUNCTIONS, Function, as_number, as_text, bounded
from hub.core.model import ABSENT, Missing
from hub.core.shapes import did_you_mean
from hub.core.tree import Node

MOST_NODES = 200
LONGEST_SOURCE = 4_000
DEEPEST = 40
# 50 digits hold any amount; the exponent is bounded so that no product can grow into a megabyte of zeros.
_EXACT = Context(prec=50, Emax=100, Emin=-100)
_CONSTANTS: dict[str, Any] = {"null": None, "true": True, "false": False}

Scope = tuple[Mapping[str, Any], Mapping[str, Any]]  # the record's fields, and the named values
Closure = Callable[[Scope], Any]


class _Wrong(ValueError):
    """What is wrong with an expression, at a syntax node."""

    def __init__(self, node: Any, number: int, text: str, hint: str = "") -> None:
        super().__init__(text)
        self.node, self.number, self.hint = node, number, hint


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression. `record_names`: the remote fields that it reads; `names`: the canonical paths or names.
    `condition`: its value is True or False, where null counts as False."""

    source: str
    run: Closure = field(repr=False, compare=False)
    record_names: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    place: Place = Place()
    condition: bool = False

    @property
    def text(self) -> str:
        return self.source

    def evaluate(self, *, record: Mapping[str, Any] | None = None, names: Mapping[str, Any] | None = None) -> Any:
        """See `evaluate`."""
        return evaluate(self, record=record, names=names)


def evaluate(
    expression: Expression, *, record: Mapping[str, Any] | None = None, names: Mapping[str, Any] | None = None
) -> Any:
    """The value: text, bool, None or a list; numbers as exact text. ABSENT if a record field was not read.

    Raises Reject with the expression's place where it cannot be computed (a division by zero, text times a number).
    """
    record = record or {}
    if any(record.get(name, ABSENT) is ABSENT for name in expression.record_names):
        return ABSENT
    try:
        found = expression.run((record, names or {}))
        return bool(found) if expression.condition else _outward(bounded(found))
    except (ValueError, TypeError, DecimalException, KeyError) as error:
        raise Reject(
            f"the expression `{expression.source[:80]}` cannot be computed",
            where=str(expression.place),
            why=_why(error),
            unchanged="The field was left as it is",
            next="correct the record, or make the expression allow for such values, for example with `x if … else null`",
            code="X020",
        ) from error


def holds(
    expression: Expression | None, record: Mapping[str, Any], names: Mapping[str, Any] | None = None
) -> bool | None:
    """Whether a condition is true of a record; None if the fields that it looks at were not read."""
    if expression is None:
        return True
    found = evaluate(expression, record=record, names=names)
    return None if found is ABSENT else bool(found)


def _why(error: Exception) -> str:
    if isinstance(error, DecimalException):
        return "it divides by zero or the number grows too large"
    return f"expected {error}" if isinstance(error, ValueError) else "a value is of the wrong type"


def _outward(value: Any) -> Any:
    if isinstance(value, Decimal):
        return values.plain(values.decimal(value))
    return [_outward(v) for v in value] if isinstance(value, list) else value


def parse(
    source: str | Node,
    *,
    known: Callable[[str], bool] | None = None,
    numbers: Callable[[str], bool] | None = None,
    condition: bool = False,
) -> tuple[Expression | None, list[Problem]]:
    """Compile an expression, or say what is wrong with it and where.

    `known` tells which bare names there are (none if it is not given); `numbers` which of them are numbers.
    """
    node = source if isinstance(source, Node) else Node(text=source)
    try:
        made = _Compiler(node, known or (lambda name: False), numbers or (lambda name: False)).expression()
        return replace(made, condition=condition), []
    except _Wrong as wrong:
        return None, [Problem(_place(node, wrong.node), f"X{wrong.number:03d}", str(wrong), wrong.hint)]


def _place(node: Node, at: Any) -> Place:
    line, offset = (getattr(at, "lineno", 1) or 1) - 1, max(getattr(at, "col_offset", 0) or 0, 0)
    lines = node.text.splitlines() or [""]
    if line >= len(lines):
        return node.within(len(lines) - 1, len(lines[-1]))
    offset = len(lines[line].encode()[:offset].decode(errors="ignore"))
    # The text was wrapped in one bracket before it was parsed, which moves the first line.
    return node.within(line, max(offset - 1, 0) if line == 0 else offset)


# ---------------------------------------------------------------- operators


def _add(a: Any, b: Any) -> Any:
    if isinstance(a, str) and isinstance(b, str):
        return bounded(a + b)
    if isinstance(a, str) != isinstance(b, str):
        raise ValueError("two texts or two numbers around `+`: use text(…) or number(…)")
    return _EXACT.add(as_number(a), as_number(b))


def _exactly(name: str) -> Callable[[Any, Any], Any]:
    calculate = getattr(_EXACT, name)
    return lambda a, b: calculate(as_number(a), as_number(b))


def _coerced(a: Any, b: Any) -> tuple[Any, Any]:
    """Both as numbers if both are, both as truth if one is, else both as they are."""
    if isinstance(a, bool) or isinstance(b, bool):
        try:
            return values.truth(a), values.truth(b)
        except ValueError:
            return a, b
    if isinstance(a, int | float | Decimal) or isinstance(b, int | float | Decimal):
        try:
            return as_number(a), as_number(b)
        except ValueError:
            return as_text(a), as_text(b)
    return a, b


def _order(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], Any]:
    def ordered(a: Any, b: Any) -> Any:
        if a is None or b is None:
            return None
        try:
            return compare(as_number(a), as_number(b))
        except ValueError:
            return compare(as_text(a), as_text(b))

    return ordered


def _within(a: Any, b: Any) -> Any:
    if a is None or b is None:
        return None
    if isinstance(b, list):
        return any(alike(a, item) for item in b)
    return as_text(a) in as_text(b)


def alike(a: Any, b: Any) -> bool:
    """Equal as expressions see it: empty text is null, 12 is "12.0", true is "true"."""
    if a is None or b is None:
        return (a in (None, "", [])) and (b in (None, "", []))
    one, two = _coerced(a, b)
    return bool(one == two)


def _negated(test: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def negated(a: Any, b: Any) -> Any:
        found = test(a, b)
        return None if found is None else not found

    return negated


_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: _add,
    ast.Sub: _exactly("subtract"),
    ast.Mult: _exactly("multiply"),
    ast.Div: _exactly("divide"),
}
_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: alike,
    ast.NotEq: _negated(alike),
    ast.Is: alike,
    ast.IsNot: _negated(alike),
    ast.Lt: _order(operator.lt),
    ast.LtE: _order(operator.le),
    ast.Gt: _order(operator.gt),
    ast.GtE: _order(operator.ge),
    ast.In: _within,
    ast.NotIn: _negated(_within),
}
_ALLOWED = "Allowed: + - * /, comparisons, and, or, not, in, `x if c else y`, lists, record.X and functions."


# ---------------------------------------------------------------- compiling


class _Compiler:
    """Builds the closures of one expression and notes the names that it reads."""

    def __init__(self, node: Node, known: Callable[[str], bool], numbers: Callable[[str], bool]) -> None:
        self.node, self.known, self.numbers = node, known, numbers
        self.record_names: dict[str, None] = {}
        self.names: dict[str, None] = {}

    def expression(self) -> Expression:
        tree = self.syntax(self.node.text)
        count = sum(1 for n in ast.walk(tree) if isinstance(n, ast.expr))
        if count > MOST_NODES:
            raise _Wrong(tree, 3, f"the expression has {count} parts, at most {MOST_NODES} are allowed", "Split it.")
        run = self.build(tree, 0)
        return Expression(self.node.text, run, tuple(self.record_names), tuple(self.names), self.node.place)

    def syntax(self, text: str) -> ast.expr:
        if not text.strip():
            raise _Wrong(None, 1, "the expression is empty")
        if len(text) > LONGEST_SOURCE:
            raise _Wrong(None, 3, f"the expression has {len(text)} letters, at most {LONGEST_SOURCE} are allowed")
        try:
            return ast.parse(f"({text}\n)", mode="eval").body
        except SyntaxError as error:
            at = ast.Constant(None, lineno=error.lineno or 1, col_offset=max((error.offset or 1) - 1, 0))
            raise _Wrong(at, 2, f"the expression cannot be read: {error.msg}", _ALLOWED) from error
        except (ValueError, MemoryError, RecursionError) as error:
            raise _Wrong(None, 3, "the expression is nested too deeply or holds a forbidden letter") from error

    def build(self, tree: ast.expr, depth: int) -> Closure:
        if depth > DEEPEST:
            raise _Wrong(tree, 3, f"the expression is nested more than {DEEPEST} deep", "Split it.")
        maker = _BUILDERS.get(type(tree))
        if maker is None:
            raise _Wrong(tree, 4, f"`{_shown(tree)}` is not allowed in an expression", _ALLOWED)
        return maker(self, tree, depth + 1)

    def constant(self, tree: ast.Constant, depth: int) -> Closure:
        held = tree.value
        if isinstance(held, bool) or held is None or isinstance(held, str):
            return lambda scope: held
        if isinstance(held, int | float):
            exact = self.exact(tree)
            return lambda scope: exact
        raise _Wrong(tree, 4, f"`{_shown(tree)}` is not a value that expressions know", _ALLOWED)

    def exact(self, tree: ast.Constant) -> Decimal:
        try:
            return values.decimal(ast.get_source_segment(f"({self.node.text}\n)", tree) or "")
        except ValueError as error:
            raise _Wrong(tree, 5, f"`{_shown(tree)}` is not a number of at most 40 digits") from error

    def name(self, tree: ast.expr, depth: int) -> Closure:
        """A constant, a name, or a canonical path such as `address.country` and `phones[mobile]`."""
        remote = _remote(tree)
        if remote:
            self.record_names[remote] = None
            return lambda scope: _inward(scope[0][remote])
        path = _path(tree)
        if path in _CONSTANTS:
            held = _CONSTANTS[path]
            return lambda scope: held
        if not path or not self.known(path):
            raise self.unknown(tree, path)
        self.names[path] = None
        if self.numbers(path):
            return lambda scope: None if (v := scope[1].get(path)) is None else as_number(v)
        return lambda scope: None if isinstance(v := scope[1].get(path), Missing) else _inward(v)

    def unknown(self, tree: ast.expr, path: str) -> _Wrong:
        if path == "record":
            return _Wrong(tree, 6, "`record` alone is not a value", "Write record.FieldName.")
        if not path:
            return _Wrong(tree, 4, f"`{_shown(tree)}` is not allowed in an expression", _ALLOWED)
        hint = "A text needs quotes; a field of the record is written record.Name."
        return _Wrong(tree, 6, f"there is no `{path}` here", hint)

    def many(self, tree: ast.List | ast.Tuple, depth: int) -> Closure:
        parts = [self.build(e, depth) for e in tree.elts]
        return lambda scope: [part(scope) for part in parts]

    def arithmetic(self, tree: ast.BinOp, depth: int) -> Closure:
        calculate = _ARITHMETIC.get(type(tree.op))
        if calculate is None:
            raise _Wrong(tree, 4, f"`{_shown(tree)}` is not allowed in an expression", _ALLOWED)
        left, right = self.build(tree.left, depth), self.build(tree.right, depth)

        def run(scope: Scope) -> Any:
            a, b = left(scope), right(scope)
            return None if a is None or b is None else calculate(a, b)

        return run

    def unary(self, tree: ast.UnaryOp, depth: int) -> Closure:
        inner = self.build(tree.operand, depth)
        if isinstance(tree.op, ast.Not):
            return lambda scope: not inner(scope)
        if isinstance(tree.op, ast.USub):
            return lambda scope: None if (v := inner(scope)) is None else -as_number(v)
        raise _Wrong(tree, 4, f"`{_shown(tree)}` is not allowed in an expression", _ALLOWED)

    def junction(self, tree: ast.BoolOp, depth: int) -> Closure:
        parts = [self.build(v, depth) for v in tree.values]
        stop = isinstance(tree.op, ast.Or)

        def run(scope: Scope) -> Any:
            found: Any = None
            for part in parts:
                found = part(scope)
                if bool(found) is stop:
                    return found
            return found

        return run

    def comparison(self, tree: ast.Compare, depth: int) -> Closure:
        sides = [self.build(side, depth) for side in (tree.left, *tree.comparators)]
        tests = [_COMPARISONS[type(op)] for op in tree.ops]

        def run(scope: Scope) -> Any:
            held = [side(scope) for side in sides]
            found: Any = True
            for test, a, b in zip(tests, held, held[1:], strict=False):
                found = test(a, b)
                if not found:
                    return found
            return found

        return run

    def choice(self, tree: ast.IfExp, depth: int) -> Closure:
        test, then, other = (self.build(t, depth) for t in (tree.test, tree.body, tree.orelse))
        return lambda scope: then(scope) if test(scope) else other(scope)

    def call(self, tree: ast.Call, depth: int) -> Closure:
        function = self.function(tree)
        parts = [self.build(arg, depth) for arg in tree.args]
        calculate, nulls = function.call, function.nulls

        def run(scope: Scope) -> Any:
            given = [part(scope) for part in parts]
            return bounded(calculate(*given)) if nulls or None not in given else None

        return run

    def function(self, tree: ast.Call) -> Function:
        named = tree.func.id if isinstance(tree.func, ast.Name) else ""
        function = FUNCTIONS.get(named)
        if function is None:
            raise _Wrong(tree, 7, f"there is no function `{_shown(tree.func)}`", did_you_mean(named, FUNCTIONS, 50))
        wrong = tree.keywords or any(isinstance(a, ast.Starred) for a in tree.args)
        if wrong or not function.least <= len(tree.args) <= function.most:
            span = f"{function.least}" if function.least == function.most else f"{function.least} to {function.most}"
            raise _Wrong(
                tree, 8, f"`{named}` takes {span} values, found {len(tree.args)}", f"It gives {function.help}."
            )
        return function


def _inward(value: Any) -> Any:
    """A raw value as expressions see it: numbers exact, empty text as null."""
    if value is None or value == "":
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return as_number(value)
    return list(value) if isinstance(value, tuple) else value


def _remote(tree: ast.expr) -> str:
    """The remote name in `record.X`, `record.a.b` or `record["X"]`, "" for anything else."""
    if isinstance(tree, ast.Subscript) and isinstance(tree.value, ast.Name) and tree.value.id == "record":
        return tree.slice.value if isinstance(tree.slice, ast.Constant) and isinstance(tree.slice.value, str) else ""
    path = _path(tree)
    return path.removeprefix("record.") if path.startswith("record.") and "[" not in path else ""


def _path(tree: ast.expr) -> str:
    """The canonical path that a name, a part or a keyed item spells, "" if it is none."""
    if isinstance(tree, ast.Name):
        return tree.id
    if isinstance(tree, ast.Attribute):
        head = _path(tree.value)
        return f"{head}.{tree.attr}" if head and not tree.attr.startswith("__") else ""
    if isinstance(tree, ast.Subscript) and isinstance(tree.slice, ast.Name):
        head = _path(tree.value)
        return f"{head}[{tree.slice.id}]" if head and head != "record" else ""
    return ""


def _shown(tree: ast.AST) -> str:
    return ast.unparse(tree)[:60]


_BUILDERS: dict[type[ast.expr], Callable[[_Compiler, Any, int], Closure]] = {
    ast.Constant: _Compiler.constant,
    ast.Name: _Compiler.name,
    ast.Attribute: _Compiler.name,
    ast.Subscript: _Compiler.name,
    ast.List: _Compiler.many,
    ast.Tuple: _Compiler.many,
    ast.BinOp: _Compiler.arithmetic,
    ast.UnaryOp: _Compiler.unary,
    ast.BoolOp: _Compiler.junction,
    ast.Compare: _Compiler.comparison,
    ast.IfExp: _Compiler.choice,
    ast.Call: _Compiler.call,
}
