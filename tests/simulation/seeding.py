"""The one place where a simulation takes hold of what Python's own modules give: chance, and the store's threads.

Keys, ids and nonces come from the seed, so that a run can be played again. What OpenSSL draws by itself (the ephemeral
key of a seal) stays its own: it changes bytes that nobody can read, never a length, an order or a decision.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Awaitable, Callable, Generator
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from random import Random
from typing import Any, Final, TypeVar
from unittest.mock import patch

import centralstore.door
import centralstore.height
import centralstore.store
import kiosk.conductor
import kiosk.preparing
import kiosk.resending
import kiosk.room
import sync.client
from centralstore.bell import Bell
from centralstore.database import Database
from kiosk.sound import decode
from sync.passwords import PasswordVerifier

T = TypeVar("T")


@contextmanager
def seeded(chance: Random) -> Generator[None]:
    """Inside, what should be random comes from ``chance``."""
    replaced: dict[str, Callable[..., Any]] = {
        "token_bytes": lambda count=32: chance.randbytes(count),
        "token_hex": lambda count=32: chance.randbytes(count).hex(),
        "token_urlsafe": lambda count=32: chance.randbytes(count).hex(),
        "randbelow": chance.randrange,
    }
    with ExitStack() as stack:
        for name, drawn in replaced.items():
            stack.enter_context(patch.object(secrets, name, drawn))
        stack.enter_context(patch.object(uuid, "uuid4", lambda: uuid.UUID(bytes=chance.randbytes(16), version=4)))
        yield


async def _at_once(work: Callable[..., T], *arguments: Any) -> T:
    return work(*arguments)


async def _no_wait(bell: Bell, topic: str, _seen: int, _timeout_s: float) -> int:
    """A long poll has waited in simulated time already (`tests.simulation.network`)."""
    return bell.version(topic)


def _write_now(database: Database, job: Any) -> None:
    """The writer's work, one job to a transaction, in the thread that hands it over."""
    database._commit([job])


class SimulatedTime:
    """What `time` gives where a module measures how long something took: never the machine's own pace."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms

    def monotonic(self) -> float:
        """See `time.monotonic`."""
        return self._now_ms() / 1000


COMPARE_S: Final = 5.0
"""Over how long PCs spread their comparing after a store was put back, or after their start: hours are seconds here."""


@contextmanager
def one_thread(*, ask_s: float, now_ms: Callable[[], int]) -> Generator[None]:
    """Inside, the store works in the calling thread, and what is asked again for every PC is worked out once.

    Args:
        ask_s: how often a PC asks the store for everything (`kiosk.room`).
        now_ms: simulated time.
    """
    at_once: Callable[..., Awaitable[Any]] = _at_once
    with ExitStack() as stack:
        stack.enter_context(patch.object(Database, "_enqueue", _write_now))
        for module in (sync.client, centralstore.height):
            stack.enter_context(patch.object(module, "time", SimulatedTime(now_ms)))
        for name in ("START_SPREAD_S", "BACK_SPREAD_S"):
            stack.enter_context(patch.object(kiosk.resending, name, COMPARE_S))
        stack.enter_context(patch.object(centralstore.door, "run_in_threadpool", at_once))
        stack.enter_context(patch.object(kiosk.room, "ASK_EVERY_S", ask_s))
        stack.enter_context(patch.object(Bell, "wait", _no_wait))
        stack.enter_context(patch.object(centralstore.store, "upgrade", lambda _url: None))
        for module in (kiosk.conductor, kiosk.preparing):
            stack.enter_context(patch.object(module, "decode", lru_cache(64)(decode)))
        stack.enter_context(patch.object(PasswordVerifier, "accepts", _remembered(PasswordVerifier.accepts)))
        yield


def _remembered(accepts: Callable[[PasswordVerifier, str], bool]) -> Callable[[PasswordVerifier, str], bool]:
    known: dict[tuple[str, str], bool] = {}

    def remembered(verifier: PasswordVerifier, secret: str) -> bool:
        key = (verifier.text, secret)
        if key not in known:
            known[key] = accepts(verifier, secret)
        return known[key]

    return remembered
