"""A real program, really killed (SIGKILL) while it writes: every answer it had told of is read back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sync.bundle import read_journal
from tests.sync.examples import BINDING, recovery

ROOT = Path(__file__).parents[2]


def kill_after(lines: int, folder: Path, mode: str) -> int:
    """Run the program, kill it after so many lines; the last number it told."""
    child = subprocess.Popen(
        [sys.executable, str(ROOT / "tests/sync/killed_child.py"), str(folder), mode],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert child.stdout is not None
    with child:
        told = -1
        for _ in range(lines):
            told = int(child.stdout.readline())
        child.send_signal(signal.SIGKILL)
        rest = child.stdout.read().split(b"\n")[:-1]  # the line after the last line end may be torn
    return int(rest[-1]) if rest else told


def found_in(folder: Path) -> list[int]:
    bundle = read_journal(folder, BINDING.attempt, recovery())
    return [event.at_ms // 1000 for event in bundle.events]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="SIGKILL is POSIX")
@pytest.mark.parametrize(("mode", "lines"), [("commit", 3), ("commit", 40), ("append", 100), ("append", 300)])
def test_a_killed_program_loses_nothing_it_had_written(tmp_path: Path, mode: str, lines: int) -> None:
    told = kill_after(lines, tmp_path, mode)
    found = found_in(tmp_path)
    assert found == list(range(len(found)))
    assert len(found) > told >= lines - 1


@pytest.mark.prove
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="SIGKILL is POSIX")
def test_two_hundred_kills_lose_nothing(tmp_path: Path) -> None:
    for run in range(200):
        folder = tmp_path / str(run)
        told = kill_after(1 + run % 37, folder, ("commit", "append")[run % 2])
        found = found_in(folder)
        assert found == list(range(len(found)))
        assert len(found) > told
