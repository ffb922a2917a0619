"""Perform lockdown steps in order, undo them in reverse, and remember across a crash what is still done."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Protocol, cast

from kiosk.errors import LockdownError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

_log = logging.getLogger(__name__)


class Step(Protocol):
    """One thing to lock, and how to unlock it again."""

    @property
    def name(self) -> str:
        """A stable name; kept in the state folder while the step is done."""
        ...

    def perform(self) -> None:
        """Lock; raises `LockdownError` when it did not take hold."""
        ...

    def revert(self) -> None:
        """Unlock; harmless when nothing was locked."""
        ...


class Sequence:
    """The steps of this PC, and the file that says which of them are done."""

    def __init__(self, steps: Iterable[Step], done_file: Path) -> None:
        self._steps: Mapping[str, Step] = {step.name: step for step in steps}
        self._done_file = done_file

    def perform(self) -> None:
        """Undo what a crash left done, then perform every step; if one fails, undo those before it and raise.

        Raises:
            LockdownError: the step that did not take hold.
        """
        self.revert()
        done: list[str] = []
        for step in self._steps.values():
            self._remember([*done, step.name])
            try:
                step.perform()
            except LockdownError:
                self.revert()
                raise
            done.append(step.name)

    def revert(self) -> list[str]:
        """Undo what is done, last first, going on over failures; the names of the steps that could not be undone."""
        stuck: list[str] = []
        for name in reversed(self.done()):
            step = self._steps.get(name)
            if step is None:
                continue
            try:
                step.revert()
            except (LockdownError, OSError) as error:
                _log.warning("lockdown step %s could not be undone: %s", name, error)
                stuck.insert(0, name)
        self._remember(stuck)
        return stuck

    def done(self) -> list[str]:
        """Names of the steps that are done, first performed first."""
        try:
            names: object = json.loads(self._done_file.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return []
        return [str(name) for name in cast("list[object]", names)] if isinstance(names, list) else []

    def _remember(self, names: list[str]) -> None:
        self._done_file.parent.mkdir(parents=True, exist_ok=True)
        spare = self._done_file.with_suffix(".new")
        spare.write_text(json.dumps(names), encoding="utf-8")
        spare.replace(self._done_file)
