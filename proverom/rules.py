"""`./run rules`: which rules of the exam a test shows, and which are still open.

The rules stand in `tests/golden/rules.csv`, one row each. A test says which it shows with
`@pytest.mark.rule("NP-4.5-2")`; the marks are read from the source, so nothing has to be importable.
"""

from __future__ import annotations

import ast
import csv
import sys
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# A newer catalogue beside the project wins over the copy that it carries.
CATALOGUES = (ROOT.parent / "shared" / "rules.csv", ROOT / "tests" / "golden" / "rules.csv")
WIDTH = 100


@dataclass(frozen=True, slots=True)
class Rule:
    """One testable rule: its id, the package that keeps it, its priority (1 = the exam day) and its text."""

    id: str
    holder: str
    priority: int
    text: str


@dataclass(frozen=True, slots=True)
class Mark:
    """One rule named by one test, as in `tests/kiosk/test_app.py::test_claim`."""

    rule_id: str
    test: str


def catalogue(paths: Sequence[Path] = CATALOGUES) -> Path:
    """The first of the catalogues that is there.

    Raises:
        FileNotFoundError: none is.
    """
    for path in paths:
        if path.is_file():
            return path
    raise FileNotFoundError(paths[-1])


def read_rules(path: Path) -> Mapping[str, Rule]:
    """The rules of a catalogue (columns id, holder, priority, rule; others are left alone), by id in its order."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {row["id"]: Rule(row["id"], row["holder"], int(row["priority"]), row["rule"]) for row in rows}


def marks_in(source: str, name: str) -> Iterator[Mark]:
    """The rules that one test file names in its decorators, parameters and `pytestmark`."""
    for statement in ast.parse(source, name).body:
        yield from _marks_under(statement, name)


def _marks_under(node: ast.AST, place: str) -> Iterator[Mark]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        place = f"{place}::{node.name}"
    if isinstance(node, ast.Call) and _is_rule_mark(node.func):
        for argument in node.args:
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                yield Mark(argument.value, place)
    for child in ast.iter_child_nodes(node):
        yield from _marks_under(child, place)


def _is_rule_mark(function: ast.expr) -> bool:
    return (
        isinstance(function, ast.Attribute)
        and function.attr == "rule"
        and isinstance(function.value, ast.Attribute)
        and function.value.attr == "mark"
    )


def marks_below(tests: Path) -> list[Mark]:
    """The marks of every test file below a folder."""
    files = sorted(tests.rglob("test_*.py"))
    return [
        mark
        for file in files
        for mark in marks_in(file.read_text(encoding="utf-8"), file.relative_to(tests.parent).as_posix())
    ]


def report(rules: Iterable[Rule], marks: Iterable[Mark], *, shows: frozenset[bool]) -> list[str]:
    """The lines to print: by priority and holder, how many rules are shown by a test, and each of those asked for.

    Args:
        rules: the rules to tell of.
        marks: what the tests name.
        shows: True for the rules that a test shows, False for the open ones, both for all.
    """
    tests: dict[str, list[str]] = {}
    for mark in marks:
        tests.setdefault(mark.rule_id, []).append(mark.test)
    lines: list[str] = []
    ordered = sorted(rules, key=lambda rule: (rule.priority, rule.holder))
    for (priority, holder), group in groupby(ordered, key=lambda rule: (rule.priority, rule.holder)):
        members = list(group)
        shown = sum(rule.id in tests for rule in members)
        lines.append(f"priority {priority} · {holder}: {shown} of {len(members)}")
        for rule in members:
            named = tests.get(rule.id, [])
            if bool(named) in shows:
                lines.append(f"  {'✓' if named else '○'} {rule.id:<11} {_shorten(rule.text)}")
                lines.extend(f"      {test}" for test in named)
    return lines


def _shorten(text: str) -> str:
    return text if len(text) <= WIDTH else text[: WIDTH - 1].rstrip() + "…"


def main(argv: Sequence[str]) -> int:
    """List the rules; 1 when a test names a rule that does not exist."""
    parser = ArgumentParser(prog="./run rules", description="Which rules of the exam a test shows, and which are open.")
    parser.add_argument("--open", action="store_true", help="only the rules that no test shows")
    parser.add_argument("--shown", action="store_true", help="only the rules that a test shows")
    parser.add_argument("--summary", action="store_true", help="only the counts")
    parser.add_argument(
        "--priority", type=int, choices=(1, 2, 3), help="1 the exam day, 2 before and after, 3 the other programmes"
    )
    parser.add_argument("--holder", help="only the rules that this package keeps, as in the list")
    options = parser.parse_args(argv)

    rules = read_rules(catalogue())
    marks = marks_below(ROOT / "tests")
    told = [
        rule
        for rule in rules.values()
        if options.priority in {None, rule.priority} and options.holder in {None, rule.holder}
    ]
    shows = _shows(only_open=options.open, only_shown=options.shown, only_counts=options.summary)
    print("\n".join(report(told, marks, shows=shows)))
    marked = {mark.rule_id for mark in marks}
    print(f"\n{sum(rule.id in marked for rule in told)} of {len(told)} rules are shown by a test.")
    unknown = [mark for mark in marks if mark.rule_id not in rules]
    for mark in unknown:
        print(
            f"{mark.test} names rule '{mark.rule_id}', which is not in {catalogue().name}. Correct the id.",
            file=sys.stderr,
        )
    return 1 if unknown else 0


def _shows(*, only_open: bool, only_shown: bool, only_counts: bool) -> frozenset[bool]:
    if only_counts:
        return frozenset()
    if only_open == only_shown:
        return frozenset({True, False})
    return frozenset({only_shown})
