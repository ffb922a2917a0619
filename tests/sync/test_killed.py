"""A real program, really killed (SIGKILL) while it writes: every answer it had told of is read back."""

from __future__ import annotations

import contextlib
import multiprocessing
import shutil
from pathlib import Path

import pytest

from sync.bundle import read_journal
from tests.proof import Proof
from tests.sync.examples import BINDING, recovery
from tests.sync.killed_child import write_for_ever

MODES = ("commit", "append", "commit soon")
SERVER = "forkserver"

pytestmark = pytest.mark.skipif(
    SERVER not in multiprocessing.get_all_start_methods(), reason="SIGKILL and a fork server are POSIX"
)


def kill_after(answers: int, folder: Path, mode: str) -> int:
    """Run the program, kill it after so many answers; the last number it told of."""
    context = multiprocessing.get_context(SERVER)
    context.set_forkserver_preload(["tests.sync.killed_child"])
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=write_for_ever, args=(theirs, folder, mode), daemon=True)
    child.start()
    theirs.close()
    told = -1
    for _ in range(answers):
        told = int(ours.recv_bytes())
    child.kill()
    with contextlib.suppress(EOFError, OSError):  # OSError: the kill cut the last message
        while True:
            told = int(ours.recv_bytes())
    child.join()
    ours.close()
    return told


def test_a_killed_program_loses_nothing_it_had_written(tmp_path: Path, proof: Proof) -> None:
    with proof("SIGKILLs of a program that writes its journal", ci=200, full=10_000) as trial:
        trial.count("written answers lost", 0)
        for seed in trial.seeds():
            place = tmp_path / str(seed)
            told = kill_after(1 + 7 * seed % 40, place, MODES[seed % 3])
            bundle = read_journal(place, BINDING.attempt, recovery())
            found = [event.at_ms // 1000 for event in bundle.events]
            assert found == list(range(len(found)))
            trial.count("answers told of", told + 1)
            trial.count("written answers lost", max(0, told + 1 - len(found)))
            shutil.rmtree(place)
        assert trial.counts["written answers lost"] == 0
