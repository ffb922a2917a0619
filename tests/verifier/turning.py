"""Turns every check of the verifier off, one at a time, in a copy of this process, and runs tests that must see it.

python -m tests.verifier.turning           for each check find a test that sees it; writes killers.json (minutes)
python -m tests.verifier.turning --serve   numbers of checks on standard input; answers "seen" or what it saw
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

import pytest

from tests.verifier.room import PREPARED, Prepared, make_room
from tests.verifier.switches import VERIFIER, Switch, switches, turn_off

HERE = Path(__file__).parent
KILLERS = HERE / "killers.json"
"""Name of a check → a test that goes red without it."""

NOT_ASKED = (
    "--ignore=tests/verifier/test_flips.py",
    "--deselect=tests/verifier/test_bad_input.py::test_whatever_a_store_writes_and_signs_is_told_and_never_a_crash",
    "--ignore=tests/verifier/test_turning.py",
)
"""Tests that try at random what others do with intent, and this one: no check needs them."""

CPU_SECONDS = 120
"""So much of a processor a test may take with a check off: one that never ends has seen it, too."""


FOR_ANY = (
    "tests/verifier/test_manipulations.py::test_a_forged_order_is_not_signed_by_the_store",
    "tests/verifier/test_replay.py",
    "tests/verifier/test_main.py",
)
"""Tests for what is done rather than demanded, which finds nothing itself."""

NEVER_ENDED = "it never ended"
MOST_BYTES = 3 * 2**30
AT_ONCE, MOST_TRIED = 6, 48


class Plugin:
    """Gives the tests one room, and remembers which failed and, where asked, in which lines something was found."""

    def __init__(self, prepared: Prepared) -> None:
        self.prepared, self.red, self.lines = prepared, "", defaultdict[str, set[tuple[str, int]]](set)
        self.test = ""

    def pytest_configure(self, config: pytest.Config) -> None:
        config.stash[PREPARED] = self.prepared

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        self.test = item.nodeid

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.red:
            self.red = report.nodeid

    def saw(self) -> None:
        """Remember the lines of the verifier that are being run, and those that an error came through."""
        frame: FrameType | None = sys._getframe(1)
        while frame is not None:
            self._add(frame.f_code.co_filename, frame.f_lineno)
            frame = frame.f_back
        error = sys.exc_info()[1]
        while error is not None:
            trace: TracebackType | None = error.__traceback__
            while trace is not None:
                self._add(trace.tb_frame.f_code.co_filename, trace.tb_lineno)
                trace = trace.tb_next
            error = error.__context__

    def _add(self, file: str, line: int) -> None:
        if Path(file).parent == VERIFIER:
            self.lines[self.test].add((Path(file).stem, line))


def run(plugin: Plugin, tests: Sequence[str]) -> int:
    """Run tests in this process; pytest's exit status."""
    again = "-Wignore::pytest.PytestAssertRewriteWarning"  # pytest begins anew where its plugins are loaded already
    return int(pytest.main([*tests, "-x", "-q", "-p", "no:cacheprovider", "--no-header", again], plugins=[plugin]))


def everything() -> list[str]:
    """All tests but the slow ones, as pytest is told them."""
    return ["tests/verifier", *NOT_ASKED]


def watched(plugin: Plugin) -> dict[str, set[tuple[str, int]]]:
    """Every test with the lines of the verifier that something was found in while it ran."""
    from verifier.errors import VerifierError
    from verifier.report import Report

    find = Report.find

    def made(cls: Any, *arguments: object) -> Any:
        plugin.saw()
        return Exception.__new__(cls, *arguments)

    def found(self: Report, *arguments: str) -> None:
        plugin.saw()
        find(self, *arguments)

    VerifierError.__new__, Report.find = made, found  # type: ignore[assignment, method-assign]
    status = run(plugin, everything())
    del VerifierError.__new__
    Report.find = find  # type: ignore[method-assign]
    assert status == 0, "the tests are red before any check is off"
    return plugin.lines


def seen_by(prepared: Prepared, number: int | None, tests: Sequence[str]) -> str:
    """The first of these tests that goes red with a check off (None: with all on); "" where none does."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 10))
        resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        plugin = Plugin(prepared)
        try:
            if number is not None:
                turn_off(number)
            if run(plugin, tests) == pytest.ExitCode.USAGE_ERROR:
                os.abort()  # a test was named that there is none of
        finally:
            os.write(write, plugin.red.encode())
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as told:
        red = told.read().decode()
    _, status = os.waitpid(child, 0)
    assert not os.WIFSIGNALED(status) or os.WTERMSIG(status) == signal.SIGXCPU, f"{tests} cannot be run"
    return red if status == 0 else NEVER_ENDED


def candidates(switch: Switch, lines: dict[str, set[tuple[str, int]]]) -> list[str]:
    """The tests in which this check found something, those first that find little else."""
    span = {(switch.module, line) for line in range(switch.first, switch.last + 1)}
    return sorted((test for test, seen in lines.items() if seen & span), key=lambda test: len(lines[test]))


def prepare(folder: Path) -> Prepared:
    """One room for all."""
    for name in [name for name in os.environ if name.startswith(("PROVEROM_", "HYPOTHESIS_"))]:
        del os.environ[name]
    room = asyncio.run(make_room(folder))
    return Prepared(room, room.export(room.folder / "bundle"))


def killer_of(prepared: Prepared, number: int, lines: dict[str, set[tuple[str, int]]]) -> str:
    """A test that sees that a check is off; "" where there is none."""
    chosen = candidates(switches()[number], lines)
    for at in range(0, min(len(chosen), MOST_TRIED), AT_ONCE):
        some = chosen[at : at + AT_ONCE]
        if red := seen_by(prepared, number, some):
            return some[0] if red == NEVER_ENDED else red
    return seen_by(prepared, number, FOR_ANY)


def find_all(prepared: Prepared, folder: Path) -> int:
    """Write `KILLERS`, in two processes, keeping what it knows; the number of checks that no test sees."""
    count = len(switches())  # read before anybody edits them
    known: dict[str, str] = json.loads(KILLERS.read_text()) if KILLERS.exists() else {}
    left = [number for number, switch in enumerate(switches()) if switch.name not in known]
    lines = watched(Plugin(prepared))
    sys.stdout.write(f"{count} checks, {len(lines)} tests\n")
    sys.stdout.flush()
    for half in (0, 1):
        if os.fork() == 0:
            found: dict[str, str] = {}
            for number in left[half::2]:
                name = switches()[number].name
                found[name] = killer_of(prepared, number, lines)
                if not found[name]:
                    os.write(1, f"NOT SEEN {number} {name}\n".encode())
            (folder / f"{half}.json").write_text(json.dumps(found))
            os._exit(0)
    for _ in range(2):
        os.wait()
    both = [json.loads((folder / f"{half}.json").read_text()) for half in (0, 1)]
    names = {switch.name for switch in switches()}
    killers = {name: red for each in (known, *both) for name, red in each.items() if red and name in names}
    KILLERS.write_text(json.dumps(killers, indent=1, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")
    sys.stdout.write(f"{len(killers)} checks are seen, {count - len(killers)} are not.\n")
    return count - len(killers)


def serve(prepared: Prepared) -> None:
    """Answer on standard output for each number on standard input."""
    killers: dict[str, str] = json.loads(KILLERS.read_text())
    green: set[str] = set()
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        name = switches()[int(line)].name
        test = killers[name]
        if test not in green:
            assert seen_by(prepared, None, [test]) == "", f"{test} is red with all checks on"
            green.add(test)
        out.write("seen\n" if seen_by(prepared, int(line), [test]) else f"NOT SEEN {name}\n")
        out.flush()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        ready = prepare(Path(temporary))
        if sys.argv[1:] == ["--serve"]:
            serve(ready)
        else:
            sys.exit(bool(find_all(ready, Path(temporary))))
