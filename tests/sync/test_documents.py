"""Every promise of PROTOCOL.md and SECURITY.md is numbered and names tests that exist; their examples run."""

from __future__ import annotations

import ast
import doctest
import re
from pathlib import Path

import pytest

from sync.envelope import MAX_ENVELOPE_BYTES
from sync.segment import RECORD_OVERHEAD

ROOT = Path(__file__).parents[2]
DOCUMENTS = {"P": ROOT / "sync/PROTOCOL.md", "S": ROOT / "sync/SECURITY.md"}
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def promises(letter: str) -> list[tuple[int, str]]:
    """Number and text of each promise: from its mark to the next promise or blank line."""
    text = DOCUMENTS[letter].read_text()
    found = re.findall(rf"^- \*\*{letter}(\d+)\*\* (.*?)(?=^- \*\*|^$|\Z)", text, re.MULTILINE | re.DOTALL)
    return [(int(number), body) for number, body in found]


def names_in(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text())
    defined = {
        node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }
    assigned = {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    return defined | assigned


@pytest.mark.parametrize("letter", DOCUMENTS)
def test_promises_are_numbered_without_a_gap(letter: str) -> None:
    numbers = [number for number, _ in promises(letter)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) > 20


@pytest.mark.parametrize("letter", DOCUMENTS)
def test_every_promise_names_a_test_that_exists(letter: str) -> None:
    for number, body in promises(letter):
        tests = TEST.findall(body)
        assert tests, f"{letter}{number} names no test"
        for path, name in tests:
            assert name.lower().startswith("test"), f"{letter}{number}"
            assert name in names_in(path), f"{letter}{number}: {path} has no {name}"


def test_figures_in_the_protocol_are_those_of_the_code() -> None:
    text = DOCUMENTS["P"].read_text()
    assert f"The largest envelope is {MAX_ENVELOPE_BYTES:,} bytes".replace(",", " ") in text
    assert f"÷ {RECORD_OVERHEAD + 32}, the shortest record" in text


def test_the_example_in_the_readme_runs() -> None:
    outcome = doctest.testfile(str(ROOT / "sync/README.md"), module_relative=False)
    assert outcome.attempted >= 4
    assert outcome.failed == 0
