"""Steps are undone in reverse, failures do not stop the undoing, and a crash is cleaned up at the next start."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kiosk.errors import LockdownError
from kiosk.lockdown import Sequence

if TYPE_CHECKING:
    from pathlib import Path


class Recorded:
    """A step that writes down what is done to it."""

    def __init__(self, name: str, log: list[str], *, fails: str = "") -> None:
        self.name = name
        self._log = log
        self._fails = fails

    def perform(self) -> None:
        self._log.append(f"+{self.name}")
        if self._fails == "perform":
            raise LockdownError(self.name, "made to fail")

    def revert(self) -> None:
        self._log.append(f"-{self.name}")
        if self._fails == "revert":
            raise OSError(self.name)


def test_steps_are_undone_in_reverse(tmp_path: Path) -> None:
    log: list[str] = []
    sequence = Sequence([Recorded(name, log) for name in "abc"], tmp_path / "done.json")
    sequence.perform()
    assert sequence.done() == ["a", "b", "c"]
    assert sequence.revert() == []
    assert log == ["+a", "+b", "+c", "-c", "-b", "-a"]
    assert sequence.done() == []


def test_a_step_that_fails_undoes_those_before_it(tmp_path: Path) -> None:
    log: list[str] = []
    sequence = Sequence(
        [Recorded("a", log), Recorded("b", log, fails="perform"), Recorded("c", log)], tmp_path / "done.json"
    )
    with pytest.raises(LockdownError, match="step 'b': made to fail"):
        sequence.perform()
    assert log == ["+a", "+b", "-b", "-a"]


def test_undoing_goes_on_over_a_failure_and_remembers_it(tmp_path: Path) -> None:
    log: list[str] = []
    sequence = Sequence(
        [Recorded("a", log), Recorded("b", log, fails="revert"), Recorded("c", log)], tmp_path / "done.json"
    )
    sequence.perform()
    assert sequence.revert() == ["b"]
    assert log[-3:] == ["-c", "-b", "-a"]
    assert sequence.done() == ["b"]


def test_the_next_start_undoes_what_a_crash_left_done(tmp_path: Path) -> None:
    log: list[str] = []
    Sequence([Recorded(name, log) for name in "ab"], tmp_path / "done.json").perform()
    del log[:]
    Sequence([Recorded(name, log) for name in "ab"], tmp_path / "done.json").perform()
    assert log == ["-b", "-a", "+a", "+b"]
