"""`./run check`, `./run test`: what must hold before a change goes in."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
UV = ROOT / ".tools" / "uv" / "bin" / "uv"


@dataclass(frozen=True, slots=True)
class Check:
    """One check: its name and the program with arguments that passes by ending with 0."""

    name: str
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a check ended: what it printed, and how long it took in seconds."""

    check: Check
    has_passed: bool
    output: str
    seconds: float


def checks(uv: str) -> tuple[Check, ...]:
    """The checks in their order.

    Args:
        uv: the path of uv; it must be the pinned one, for another may want to write the lock file differently.
    """
    return (
        Check("format", (str(BIN / "ruff"), "format", "--check", ".")),
        Check("lint", (str(BIN / "ruff"), "check", "--output-format=concise", ".")),
        Check("types", (str(BIN / "basedpyright"), "--warnings")),
        Check("imports", (str(BIN / "lint-imports"), "--no-logo")),
        Check("lock file", (uv, "lock", "--check", "--offline")),
        Check("shell", ("shellcheck", "run", ".ci/run")),
    )


def run_check(check: Check) -> Outcome:
    """Run one check in the project's folder; a program that is not there is a check that failed."""
    begun = monotonic()
    try:
        done = subprocess.run(
            check.arguments, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
    except FileNotFoundError:
        sentence = f"'{check.arguments[0]}' is not installed; ./run check installs it."
        return Outcome(check, has_passed=False, output=sentence, seconds=monotonic() - begun)
    return Outcome(check, has_passed=done.returncode == 0, output=done.stdout, seconds=monotonic() - begun)


def summary(outcomes: Sequence[Outcome]) -> str:
    """A line for each check: passed or failed, and its time."""
    return "\n".join(
        f"{'passed' if outcome.has_passed else 'FAILED'}  {outcome.check.name:<10} {outcome.seconds:6.1f} s"
        for outcome in outcomes
    )


def check(argv: Sequence[str]) -> int:
    """Run every check, or those named, also after one failed; 0 when all passed, else 1, 2 for an unknown name."""
    uv = str(UV) if UV.exists() else shutil.which("uv") or str(UV)
    known = {each.name: each for each in checks(uv)}
    if {"-h", "--help"} & set(argv):
        print(f"usage: ./run check [NAME ...]\n\nRun every check, or those named: {', '.join(known)}.")
        return 0
    unknown = [name for name in argv if name not in known]
    if unknown:
        print(f"./run check: there is no check '{unknown[0]}'; there are {', '.join(known)}.", file=sys.stderr)
        return 2
    outcomes: list[Outcome] = []
    for each in [known[name] for name in argv] or known.values():
        outcome = run_check(each)
        outcomes.append(outcome)
        if not outcome.has_passed:
            print(f"--- {each.name}: {' '.join(each.arguments)}\n{outcome.output.rstrip()}\n", flush=True)
    print(summary(outcomes), flush=True)
    return 0 if all(outcome.has_passed for outcome in outcomes) else 1


def test(argv: Sequence[str]) -> int:
    """Speak the clips that are missing, then run the tests on two processes; a test that skips itself fails."""
    # once and beforehand: a minute's work that no test's time should pay for
    if (
        not {"-h", "--help"} & set(argv)
        and subprocess.run([sys.executable, "-m", "proverom", "bank", "build"], cwd=ROOT, check=False).returncode
    ):
        return 1
    # a process that dies ends the run: with another in its place, xdist's loadscope may wait for ever
    return _pytest(["-n", "2", "--dist", "loadscope", "--max-worker-restart", "0", *argv], {"PROVEROM_NO_SKIPS": "1"})


def _pytest(arguments: Sequence[str], settings: Mapping[str, str]) -> int:
    command = [sys.executable, "-m", "pytest", *arguments]
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **settings}, check=False).returncode
