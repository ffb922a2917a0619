"""The network of a simulated room: the real client's requests on their way to the store, and its answers back.

Each way takes a drawn time. A request or an answer may be lost, an old request may come a second time, a PC's line or
the whole store may be cut off, and the store may crash before, in the middle of or after its work. Connections are TLS,
so nothing is changed on the way; that is the fault proxy's matter (`tests/faults`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

import httpx

from tests.simulation.place import SimulatedStore, StoreCrashed
from tests.simulation.scheduler import Crew, Scheduler

LONG_POLL = "/v1/orders?"
CALM_MS = 4_000
LOOK_EVERY_MS = 200
"""How often a waiting long poll looks whether an order came."""


@dataclass
class Network:
    """The room's network. ``calm`` is drawn per simulation: 0 never fails, 1 often."""

    scheduler: Scheduler
    store: SimulatedStore
    chance: Callable[[str], Random]
    roughness: float
    latency_ms: float
    count: Counter[str]
    trace: Callable[[str], None]
    orders_given: Callable[[], int]
    on_answer: Callable[[str, str, bytes, int, bytes], None]
    on_arrival: Callable[[str, str, int, bytes], None]
    cut: set[str] = field(default_factory=set[str])
    is_store_down: bool = False

    @property
    def is_rough(self) -> bool:
        """Whether anything may go wrong now; while PCs fetch what they need in the beginning, nothing does."""
        return self.roughness > 0 and self.scheduler.now_ms > CALM_MS

    def heal(self) -> None:
        """From now on all goes through."""
        self.roughness = 0.0
        self.cut.clear()
        self.is_store_down = False

    def delay_ms(self, pc: str) -> float:
        """How long one way takes now: mostly short, sometimes long."""
        chance = self.chance(f"ways of {pc}")
        drawn = chance.expovariate(1 / self.latency_ms)
        return drawn * 20 if self.is_rough and chance.random() < self.roughness * 0.2 else drawn

    def happens(self, pc: str, likelihood: float) -> bool:
        """Whether a fault of this likelihood happens now."""
        return self.is_rough and self.chance(f"faults of {pc}").random() < likelihood * self.roughness


class Line(httpx.BaseTransport):
    """One PC's way to the store. Its requests wait as threads of the PC's program do."""

    def __init__(self, network: Network, pc: str, crew: Crew) -> None:
        self._network = network
        self._pc = pc
        self._crew = crew

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """One request: there, answered, and back."""
        network = self._network
        target = request.url.raw_path.decode()
        body = request.read()
        self._travel(request, is_there=False)
        if network.happens(self._pc, 0.08):
            network.count["requests lost on the way"] += 1
            self._times_out(request)
        if target.startswith(LONG_POLL):
            self._wait_for_orders(request, target)
        status, answer = self._answered(request, target, body)
        network.on_answer(self._pc, target, body, status, answer)
        if network.happens(self._pc, 0.08):
            network.count["replies lost on the way"] += 1
            self._times_out(request)
        self._travel(request, is_there=True)
        network.on_arrival(self._pc, target, status, answer)
        return httpx.Response(status, content=answer)

    def _answered(self, request: httpx.Request, target: str, body: bytes) -> tuple[int, bytes]:
        network = self._network
        dies = request.method == "POST" and network.happens(self._pc, 0.01)
        network.trace(f"{self._pc} → {request.method} {_short(target)} {len(body)}")
        try:
            status, answer = network.store.answer(
                request.method, target, dict(request.headers), body, dies_at_commit=dies
            )
        except StoreCrashed:
            network.count["store crashes before a commit"] += 1
            network.trace("the store crashed before its commit")
            raise httpx.ReadError("the connection ended (simulated)", request=request) from None
        if network.happens(self._pc, 0.03):
            network.count["requests doubled"] += 1
            second, _ = network.store.answer(request.method, target, dict(request.headers), body)
            network.trace(f"{self._pc} → again: {second}")
        if request.method == "POST" and network.happens(self._pc, 0.01):
            network.count["store crashes after a commit"] += 1
            network.trace("the store crashed after its commit")
            network.on_answer(self._pc, target, body, status, answer)
            network.store.restart()
            raise httpx.ReadError("the connection ended (simulated)", request=request)
        network.trace(f"{self._pc} ← {status}")
        return status, answer

    def _travel(self, request: httpx.Request, *, is_there: bool) -> None:
        """One way, if the line is up now and when it has arrived."""
        self._need_line(request)
        self._crew.sleep(self._network.delay_ms(self._pc))
        if is_there:
            self._need_line(request)

    def _need_line(self, request: httpx.Request) -> None:
        network = self._network
        if self._pc in network.cut:
            self._times_out(request)
        if network.is_store_down:
            self._crew.sleep(5)
            raise httpx.ConnectError("connection refused (simulated)", request=request)

    def _times_out(self, request: httpx.Request) -> None:
        self._crew.sleep(3_000 + self._network.chance(f"faults of {self._pc}").random() * 7_000)
        raise httpx.ReadTimeout("no answer came (simulated)", request=request)

    def _wait_for_orders(self, request: httpx.Request, target: str) -> None:
        """The store holds the answer back until there is an order to tell, or the time asked for is over."""
        query = httpx.QueryParams(target.partition("?")[2])
        after, left_ms = int(query.get("after", "0")), float(query.get("wait_ms", "0"))
        while left_ms > 0 and self._network.orders_given() <= after:
            self._crew.sleep(LOOK_EVERY_MS)
            left_ms -= LOOK_EVERY_MS
            self._need_line(request)


def _short(target: str) -> str:
    return target.removeprefix("/v1/").partition("?")[0].partition("/")[0]
