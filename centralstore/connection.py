"""What one network connection may cost the store: how many there are, and how slowly each may speak.

Uvicorn bounds neither the time nor the size of a request's head (slow-loris), nor how many connections one address
opens; both are bounded here, before anything of a request is looked at.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

MOST_UNDER_WAY: Final = 192
"""Envelopes that came in whole and are not answered; more are sent away at once, so that those inside wait shortly."""

SPARE_FILES: Final = 256
"""File descriptors that are not for connections: database, logs, packages being read."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on connections. An exam PC has two; a school may show all its PCs behind one address.

    ``body_bytes``: of requests that are not answered yet, altogether; who sends more is cut, so that slow bodies cannot
    fill the memory. ``head_seconds``: from a connection's start, or a request's first byte, to the end of its head.
    ``rest_seconds`` and ``rest_bytes``: what is still taken in of a body after the request was answered (refused), so
    that the sender can read the refusal; then the connection is cut.
    """

    connections: int = 24_000
    connections_per_address: int = 1_000
    handshake_seconds: float = 10.0
    head_seconds: float = 10.0
    head_bytes: int = 16_384
    body_bytes: int = 512 * 2**20
    body_bytes_per_address: int = 64 * 2**20
    rest_seconds: float = 5.0
    rest_bytes: int = 262_144
    keep_alive_seconds: int = 75
    envelopes_under_way: int = MOST_UNDER_WAY


class Gate:
    """Counts connections by address; a `Pass` is held for each until it ends."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._most = min(limits.connections, _room_for_files())
        self._held: Counter[str] = Counter()
        self._total = 0
        self._bytes: Counter[str] = Counter()
        self._all_bytes = 0

    def enter(self, address: str) -> Pass | None:
        """A pass for one more connection from ``address``; None when there are too many."""
        if self._total >= self._most or self._held[address] >= self._limits.connections_per_address:
            return None
        self._total += 1
        self._held[address] += 1
        return Pass(self, address)

    def leave(self, address: str) -> None:
        """A connection from ``address`` ended."""
        self._total -= 1
        self._held[address] -= 1
        if not self._held[address]:
            del self._held[address], self._bytes[address]

    def hold(self, address: str, size: int) -> bool:
        """Account for more (or less) of a body from ``address``; False when it holds too much."""
        self._bytes[address] += size
        self._all_bytes += size
        return (
            self._bytes[address] <= self._limits.body_bytes_per_address and self._all_bytes <= self._limits.body_bytes
        )


class Pass:
    """The right to one connection; given back once."""

    __slots__ = ("_address", "_bytes", "_gate")

    def __init__(self, gate: Gate, address: str) -> None:
        self._gate: Gate | None = gate
        self._address = address
        self._bytes = 0

    def hold(self, size: int) -> bool:
        """More of a body is in memory; False when this address, or all together, hold too much."""
        self._bytes += size
        return self._gate is None or self._gate.hold(self._address, size)

    def let_go(self) -> None:
        """The request was answered: its body is in memory no more."""
        if self._gate is not None and self._bytes:
            self._gate.hold(self._address, -self._bytes)
        self._bytes = 0

    def give_back(self) -> None:
        """The connection ended; told again, nothing happens."""
        self.let_go()
        gate, self._gate = self._gate, None
        if gate is not None:
            gate.leave(self._address)


def _room_for_files() -> int:
    """How many connections fit in this process's file descriptors, after raising the limit as far as is allowed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
    return 2**31 if soft == resource.RLIM_INFINITY else max(soft - SPARE_FILES, 1)


class BoundedProtocol(HttpToolsProtocol):
    """HTTP over one connection, with bounds on heads and on bodies that nobody waits for any more."""

    def __init__(
        self, config: Config, state: ServerState, app_state: dict[str, Any], *, admission: Pass, limits: Limits
    ) -> None:
        super().__init__(config=config, server_state=state, app_state=app_state)
        self._admission = admission
        self._limits = limits
        self._timer: asyncio.TimerHandle | None = None
        self._is_in_head = False
        self._is_in_message = False
        self._has_begun = False
        self._left = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The TLS handshake is over; the first head must come."""
        super().connection_made(transport)
        self._begin_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the place back."""
        self._stop_timer()
        self._admission.give_back()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what is not yet, or no longer, part of a request that is being served."""
        if not self._is_in_head and not self._is_in_message:
            self._begin_head()
        was_counted = self._is_counted()
        super().data_received(data)
        if was_counted and self._is_counted():
            self._left -= len(data)
            if self._left < 0:
                self.transport.abort()

    def on_message_begin(self) -> None:
        """A request begins; its head must come."""
        if not self._is_in_head:
            self._begin_head()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is here; its body has limits of its own (`centralstore.door.read_body`)."""
        self._stop_timer()
        self._is_in_head, self._is_in_message, self._has_begun = False, True, True
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        if not self._is_answered_early() and not self._admission.hold(len(body)):
            self.transport.abort()
        super().on_body(body)

    def on_message_complete(self) -> None:
        """All of the request is here."""
        if self._is_answered_early():
            self._stop_timer()
        self._is_in_message = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """The answer is written, perhaps before all of the request came."""
        self._admission.let_go()
        super().on_response_complete()
        if self._is_answered_early() and self._timer is None:
            self._left = self._limits.rest_bytes
            self._start_timer(self._limits.rest_seconds)

    def owes_an_answer(self) -> bool:
        """A request came in whole and is not answered yet."""
        return self._has_begun and not self._is_in_message and not self.cycle.response_complete

    def has_unsent(self) -> bool:
        """Something written has not left yet."""
        return self.transport.get_write_buffer_size() > 0

    def _is_counted(self) -> bool:
        return self._is_in_head or self._is_answered_early()

    def _is_answered_early(self) -> bool:
        return self._is_in_message and self.cycle.response_complete

    def _begin_head(self) -> None:
        self._is_in_head = True
        self._left = self._limits.head_bytes
        if self._timer is None:
            self._start_timer(self._limits.head_seconds)

    def _start_timer(self, seconds: float) -> None:
        self._timer = self.loop.call_later(seconds, self.transport.abort)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
