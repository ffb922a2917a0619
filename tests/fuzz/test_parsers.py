"""Whatever bytes come, every parser gives a value or one of our errors, soon, in little memory, in a short sentence.

Each is fuzzed by atheris in a process of its own (`tests.fuzz.worker`); what it once found stands in ``found/``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final

import pytest

from tests.fuzz.controls import TOLD
from tests.fuzz.target import DRESSED, Target
from tests.fuzz.targets import targets
from tests.fuzz.worker import Asked, change
from tests.proof import Trial

ROOT: Final = Path(__file__).parents[2]
FOUND: Final = Path(__file__).parent / "found"
FOUND_CASES: Final = sorted(path.relative_to(FOUND).as_posix() for path in FOUND.glob("*/*"))
QUICK: Final = frozenset(
    {
        *("journal entry", "package file", "canonical JSON", "request headers", "password verifier", "bank stimulus"),
        *("bank task", "bank file", "bank item", "service message", "web form", "relay's rows", "auditor: fact"),
        *("central store's standing", "consistency proof"),
    }
)
SLOW: Final = {
    "package content": 400,
    "list of releases": 300,
    "auditor: exported files": 400,
    "memory of the list": 800,
    "auditor: package": 800,
    "auditor: envelope": 1_500,
    "store's answers to a PC": 1_500,
    "ticket": 1_500,
}
"""Executions in CI: 20 000 where they take under a tenth of a millisecond, 3 000 of most, fewer of the dearest."""


def in_ci(name: str) -> int:
    """How many executions of a target CI pays for: about a second's worth."""
    return SLOW.get(name, 20_000 if name in QUICK else 3_000)


class Worker:
    """The fuzzing process."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.fuzz.worker"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONHASHSEED": "0"},
        )

    def fuzz(self, target: str, **asked: Any) -> dict[str, Any]:
        """Run; what came of it (`tests.fuzz.worker.Told`)."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"target": target, **asked}).encode() + b"\n")
        self._process.stdin.flush()
        told: dict[str, Any] = json.loads(self._process.stdout.readline())
        return told

    def end(self) -> None:
        """Let the process end."""
        self._process.communicate(timeout=30)


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    made = Worker()
    yield made
    made.end()


@pytest.mark.parametrize("name", targets())
def test_any_bytes_are_read_or_refused(
    name: str, worker: Worker, proof: Callable[..., AbstractContextManager[Trial]]
) -> None:
    with proof(f"fuzzing: {name}", ci=in_ci(name), full=2_000_000) as trial:
        told = worker.fuzz(name, runs=trial.most, least=trial.least, seconds=trial.seconds, seed=trial.first % 2**30)
        trial.tried = told["executions"]
        trial.count("with right sums, seals and signatures", told["dressed"])
        trial.count("faults", int(bool(told["fault"])))
        assert not told["fault"], f"{told['fault']}; the bytes: {told['case'] or 'lost with the process'}"
        assert trial.tried == trial.most or told["seconds"] > trial.seconds
        assert told["dressed"] > trial.tried / 50 or targets()[name].dress is None


@pytest.mark.parametrize("name", TOLD)
def test_control_a_planted_fault_is_found(name: str, worker: Worker) -> None:
    told = worker.fuzz(name, runs=200_000, seconds=60.0, seed=1)
    assert told["fault"].startswith(f"{name}: ")
    assert TOLD[name] in told["fault"]
    assert told["executions"] > 1 or name == "planted: end"


def test_control_a_planted_fault_is_found_without_atheris_too(worker: Worker) -> None:
    told = worker.fuzz("planted: index", runs=50_000, seconds=60.0, seed=1, is_guided=False)
    assert "IndexError" in told["fault"]
    assert (told["by"], told["executions"] > 5) == ("our own mutations", True)


@pytest.mark.parametrize("name", targets())
def test_every_example_is_read_or_refused_and_so_are_changes_without_atheris(name: str, worker: Worker) -> None:
    told = worker.fuzz(name, runs=100, seconds=60.0, seed=7, is_guided=False)
    assert (told["fault"], told["executions"]) == ("", 100)


@pytest.mark.parametrize("case", FOUND_CASES)
def test_what_was_found_once_is_refused_now(case: str) -> None:
    name, _, _ = case.partition("/")
    target = next(each for each in targets().values() if folder_of(each) == name)
    target.try_bytes((FOUND / case).read_bytes())


def test_something_was_found_and_is_kept() -> None:
    assert FOUND_CASES
    assert {case.partition("/")[0] for case in FOUND_CASES} <= {folder_of(each) for each in targets().values()}


def test_a_seed_gives_the_same_changes_again() -> None:
    import random

    for target in targets().values():
        for case in target.examples()[:2]:
            first, again = (change(case, random.Random(5)) for _ in range(2))
            assert first == again
            assert Asked(target.name, 1, 1.0, 5).is_guided
            assert case[0] < DRESSED or target.dress is not None


def folder_of(target: Target) -> str:
    """Where what was found in a target is kept."""
    return "".join(letter if letter.isalnum() else "-" for letter in target.name)
