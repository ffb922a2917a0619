"""A checkpoint every few seconds while the service runs, so that little of the log is ever unsigned."""

from __future__ import annotations

import logging
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from centralstore.errors import StoreError
from centralstore.store import Store

CHECKPOINT_SECONDS: Final = 10.0
"""At 2 000 envelopes a second this is 20 000 leaves at a time: some 40 ms of hashing between answers."""

_LOG: Final = logging.getLogger("centralstore")


@contextmanager
def checkpointing(store: Store, seconds: float = CHECKPOINT_SECONDS) -> Generator[None]:
    """Make checkpoints in a thread of its own, the first at once and a last one at the end.

    A log that is broken is told of once, as an error; the exams go on.
    """
    is_over = threading.Event()
    told: set[str] = set()

    def run() -> None:
        while True:
            is_last = is_over.is_set()
            try:
                store.checkpoint()
            except StoreError as error:
                if error.code not in told:
                    told.add(error.code)
                    _LOG.error("%s", error)
            except Exception as error:  # noqa: BLE001 - a database that is away comes back, and must be signed for again
                kind = type(error).__name__
                if kind not in told:
                    told.add(kind)
                    _LOG.exception("no checkpoint could be made; it is tried again every %g s", seconds)
            else:
                told.clear()
            if is_last:
                return
            is_over.wait(seconds)

    thread = threading.Thread(target=run, name="store-checkpoints", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
