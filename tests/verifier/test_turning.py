"""No check of the verifier is there for nothing: with any one of them off, the test that names it goes red."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.verifier.switches import Switch, switches, turn_off

ROOT = Path(__file__).parents[2]
KILLERS: dict[str, str] = json.loads(Path(__file__).with_name("killers.json").read_text("utf-8"))


TURNED = [number for number, switch in enumerate(switches()) if switch.name in KILLERS]
LEFT = 80
"""Checks that were not turned off yet: the number only goes down."""


def test_every_check_names_a_test_that_is_there() -> None:
    """After a change: ``python -m tests.verifier.turning`` finds tests for the checks that have none."""
    names = {switch.name for switch in switches()}
    assert set(KILLERS) <= names, "a check was changed or taken out"
    assert len(names - set(KILLERS)) <= LEFT, sorted(names - set(KILLERS))
    for name in {each.partition("[")[0] for each in KILLERS.values()}:
        path, _, test = name.partition("::")
        tree = ast.parse((ROOT / path).read_text("utf-8"))
        assert any(isinstance(node, ast.FunctionDef) and node.name == test for node in ast.walk(tree)), name


@pytest.mark.parametrize(
    ("kind", "wanted"), [("call", "need("), ("raise", "raise UnreadableError("), ("return", "return refuse(")]
)
def test_checks_of_every_kind_are_switches(kind: str, wanted: str) -> None:
    texts = [switch.name.partition(": ")[2] for switch in switches()]
    assert sum(text.startswith(wanted) for text in texts) >= 1, kind


def of_text(text: str) -> tuple[int, Switch]:
    return next((number, switch) for number, switch in enumerate(switches()) if text in switch.name)


def test_control_a_check_that_is_off_is_silent() -> None:
    """In a process of its own, for there is no way back."""
    number, _ = of_text("tree.root_by_path: need(not path")
    words = (
        "from tests.verifier.switches import turn_off; from verifier.tree import root_by_path;"
        f"turn_off({number}); print(root_by_path(b'x' * 32, 0, 1, [b'y']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", words], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == repr(b"x" * 32)
    assert callable(turn_off)


@pytest.mark.prove
def test_without_any_one_check_a_test_is_red(proof: Any) -> None:
    """One process makes the room once and answers for each check whether its test went red without it."""
    words = [sys.executable, "-m", "tests.verifier.turning", "--serve"]
    with (
        subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as turning,
        proof("checks of the verifier switched off", ci=5, full=len(TURNED)) as trial,
    ):
        assert turning.stdin is not None
        assert turning.stdout is not None
        trial.count("not seen", 0)
        for seed in trial.seeds():
            turning.stdin.write(f"{TURNED[seed * 67 % len(TURNED)]}\n")
            turning.stdin.flush()
            answer = turning.stdout.readline().strip()
            trial.count("not seen", answer != "seen")
            assert answer == "seen", (seed, answer)
        turning.stdin.close()
