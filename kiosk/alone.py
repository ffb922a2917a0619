"""One program at a time on a state folder: two would pack the same journals side by side."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from kiosk.errors import SetUpError

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path


@contextmanager
def alone(state: Path) -> Generator[None]:
    """Hold the state folder; the operating system frees it when the program ends, however it ends.

    Raises:
        SetUpError: another program holds it.
    """
    descriptor = os.open(state / "kiosk.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _lock(descriptor)
    except OSError as error:
        os.close(descriptor)
        raise SetUpError(
            what=f"The exam window is open on this PC and uses {state}", remedy="Leave it first, then try again."
        ) from error
    try:
        yield
    finally:
        os.close(descriptor)


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
