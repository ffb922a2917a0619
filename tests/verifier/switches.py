"""Every check of the verifier as a switch: where it stands, and the module as it is with this one check off.

A check is a call that stands for itself (`need(…)`, `body.end()`, `report.find(…)`), a `raise`, a `return refuse(…)`
or a `present(…)`. Off, the call and the `raise` do nothing, `return refuse(…)` gives None, and `present(x, …)` gives x.
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

VERIFIER = Path(__file__).parents[2] / "verifier"
NO_CHECKS = frozenset({"__init__", "add", "add_argument", "append", "discard", "extend", "remove", "update"})
"""Calls that stand for themselves and check nothing: they fill a list or a set, or describe a command."""


@dataclass(frozen=True)
class Switch:
    """A check: in which function of which module, which lines, and its text; ``name`` does not change with lines."""

    module: str
    function: str
    first: int
    last: int
    name: str


@cache
def sources() -> Mapping[str, str]:
    """The verifier's modules as they stood when they were first asked for."""
    return {path.stem: path.read_text("utf-8") for path in sorted(VERIFIER.glob("*.py"))}


@cache
def switches() -> Sequence[Switch]:
    """All checks there are."""
    found: list[Switch] = []
    taken: dict[str, int] = {}
    for module, source in sources().items():
        for function, node in _checks(ast.parse(source)):
            text = f"{module}.{function}: {ast.unparse(node)}"[:160]
            taken[text] = taken.get(text, 0) + 1
            name = text if taken[text] == 1 else f"{text} ({taken[text]})"
            found.append(Switch(module, function, node.lineno, node.end_lineno or node.lineno, name))
    return found


def turn_off(number: int) -> None:
    """Turn off the check of this number in `switches`, in the running program; there is no way back."""
    switch = switches()[number]
    place = number - next(at for at, each in enumerate(switches()) if each.module == switch.module)
    tree = ast.parse(sources()[switch.module])
    _, node = list(_checks(tree))[place]
    _Off(node).visit(tree)
    code = compile(ast.fix_missing_locations(tree), str(VERIFIER / f"{switch.module}.py"), "exec")
    owner: Any = importlib.import_module(f"verifier.{switch.module}")
    *path, name = switch.function.partition(".<locals>")[0].split(".")
    for step in path:
        owner = getattr(owner, step)
    held: Any = vars(owner)[name]
    function: FunctionType = getattr(held, "fget", held)
    function.__code__ = next(each for each in _codes(code) if each.co_qualname == function.__qualname__)


def _checks(tree: ast.Module) -> Iterator[tuple[str, ast.stmt | ast.expr]]:
    """(name of the function, node) of every check, in the order in which they stand."""

    def look(node: ast.AST, function: str) -> Iterator[tuple[str, ast.stmt | ast.expr]]:
        for child in ast.iter_child_nodes(node):
            inner = function
            if isinstance(child, (ast.FunctionDef, ast.ClassDef)):
                between = "." if isinstance(node, (ast.Module, ast.ClassDef)) else ".<locals>."
                inner = f"{function}{between}{child.name}" if function else child.name
            if inner and _is_check(child):
                yield inner, child  # type: ignore[misc]
            yield from look(child, inner)

    return look(tree, "")


def _is_check(node: ast.AST) -> bool:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        return _called(node.value) not in NO_CHECKS
    if isinstance(node, ast.Return) and isinstance(node.value, ast.Call):
        return _called(node.value) == "refuse"
    return isinstance(node, ast.Raise) or (isinstance(node, ast.Call) and _called(node) == "present")


def _called(node: ast.Call) -> str:
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


class _Off(ast.NodeTransformer):
    def __init__(self, node: ast.stmt | ast.expr) -> None:
        self.node = node

    def visit(self, node: ast.AST) -> Any:
        if node is not self.node:
            return self.generic_visit(node)
        if isinstance(node, ast.Call):
            return node.args[0]
        nothing = ast.Return(ast.Constant(None)) if isinstance(node, ast.Return) else ast.Pass()
        return ast.copy_location(nothing, node)


def _codes(code: CodeType) -> Iterator[CodeType]:
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield each
            yield from _codes(each)
