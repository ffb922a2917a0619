"""A central store and a relay for tests: both the product's own, joined in one process by a line that can be cut."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from centralstore.folder import init_folder
from centralstore.migration import upgrade
from centralstore.relay.forwarding import CentralAwayError, Forwarded, forward
from centralstore.relay.loan import StorePublic
from centralstore.rights import COMMAND_LINE
from centralstore.service import build_app
from centralstore.store import Store
from centralstore.words import IncidentKind
from sync.canonical import canonical_bytes
from sync.passwords import TEST_COST
from tests.centralstore.place import Pc, Site, events_of
from tests.strategies import running

CENTRAL_URL = "https://central.test:8443"
RELAY_URL = "https://relay.test:8443"
A, B = "a" * 32, "b" * 32
"""Attempts of `run_room`."""


class Line(httpx.BaseTransport):
    """The line to a store in this process. ``cut_at``: the request (0 …) at which it breaks, once.

    ``loses_answer``: the cut comes after the store has done what was asked.
    """

    def __init__(self, store: Store) -> None:
        self._app = httpx.ASGITransport(app=build_app(store), raise_app_exceptions=False)
        self.cut_at = -1
        self.loses_answer = False
        self.asked: list[str] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        number = len(self.asked)
        self.asked.append(f"{request.method} {request.url.path}")
        if number == self.cut_at and not self.loses_answer:
            raise httpx.ConnectError("the line is cut")
        with ThreadPoolExecutor(1) as loop:
            answer = loop.submit(asyncio.run, self._answered(request)).result()
        if number == self.cut_at:
            raise httpx.ReadError("the line is cut")
        return answer

    async def _answered(self, request: httpx.Request) -> httpx.Response:
        again = httpx.Request(request.method, request.url, headers=request.headers, content=request.read())
        answer = await self._app.handle_async_request(again)
        return httpx.Response(answer.status_code, content=await answer.aread())


@dataclass
class Lent:
    """A site whose sitting "s1" is lent to a relay, with PCs that know both."""

    site: Site
    relay: Store
    central_public: StorePublic
    relay_public: StorePublic
    pcs: list[Pc] = field(default_factory=list)

    @property
    def central(self) -> Store:
        return self.site.store

    def at_relay(self, pc: Pc) -> Pc:
        """The same PC speaking to the relay."""
        transport = httpx.ASGITransport(app=build_app(self.relay), raise_app_exceptions=False)
        http = httpx.AsyncClient(transport=transport, base_url="https://relay.test")
        return Pc(http, pc.clock, pc.id, pc.keys)

    def restart_relay(self) -> None:
        """As after a kill: everything is read from the disk."""
        path = self.relay.folder.path
        self.relay.close()
        self.relay = Store.open(path, clock=self.site.clock)

    def forward(self) -> Forwarded:
        return forward(self.relay, "s1", transport=Line(self.central))

    def forward_cut(self, cut_at: int, *, loses_answer: bool) -> bool:
        """Forward over a line that breaks at one request; whether it came so far."""
        line = Line(self.central)
        line.cut_at, line.loses_answer = cut_at, loses_answer
        try:
            forward(self.relay, "s1", transport=line)
        except CentralAwayError:
            return True
        return False


def make_relay(site: Site, name: str = "relay") -> Store:
    """A relay's store, as 'store init' makes it, knowing the same authority."""
    folder: Path = site.folder / name
    init_folder(folder, content_key=site.keys.signing_key().public.hex, cost=TEST_COST)
    shutil.copyfile(_empty_database(site.folder.parent), folder / "store.sqlite")
    return Store.open(folder, clock=site.clock)


def _empty_database(place: Path) -> Path:
    """A new store's database, made once: the migrations are most of what a new store costs."""
    path = place / "empty.sqlite"
    if not path.exists():
        upgrade(f"sqlite:///{place / 'making.sqlite'}")
        (place / "making.sqlite").rename(path)
    return path


async def lend_s1(site: Site, pcs: int = 1) -> Lent:
    """Enrol PCs, grant them, lend "s1" to a new relay and borrow it there."""
    made = [await site.enrol(f"PC {number}") for number in range(1, pcs + 1)]
    site.grant()
    relay = make_relay(site)
    lent = Lent(site, relay, site.store.public(CENTRAL_URL), relay.public(RELAY_URL), made)
    borrow_s1(lent)
    return lent


def borrow_s1(lent: Lent) -> bool:
    """Lend and borrow, also again."""
    files = lent.central.lend(lent.site.manager, "s1", lent.relay_public)
    loan = lent.relay.open_loan(files.loan, lent.central_public)
    for path in files.releases.values():
        lent.relay.add_release(COMMAND_LINE, path.read_bytes())
    return lent.relay.borrow(COMMAND_LINE, loan, lent.central_public)


async def run_room(lent: Lent) -> dict[str, list[bytes]]:
    """A little sitting at the relay, with the central store away: the envelopes by attempt."""
    relay, leader = lent.relay, lent.site.leader
    relay.open_sitting(leader, "s1")
    relay.mark_present(leader, "s1", "100234", "passport")
    relay.mark_present(leader, "s1", "100251", "passport")
    sent: dict[str, list[bytes]] = {}
    pcs = [lent.at_relay(pc) for pc in lent.pcs]
    for part in ("listening", "reading"):
        relay.start_part(leader, "s1", part)
    for pc, attempt, candidate in ((pcs[0], A, "100234"), (pcs[1], B, "100251")):
        journal = lent.site.journal(pc, attempt)
        journal.write(events_of(running("reading"), pc.id, attempt=attempt, candidate=candidate)).write_keys(900)
        sent[attempt] = journal.envelopes()
        for envelope in sent[attempt]:
            answer = await pc.ask("POST", "/v1/envelopes", envelope)
            assert answer.status_code == 200, answer.text
        report = pc.report(attempt=attempt, candidate=candidate, records_durable=5)
        assert (await pc.ask("POST", "/v1/progress", report)).status_code == 200
        ack = {"applied_at_ms": lent.site.clock(), "device": pc.id, "number": 1, "sitting": "s1"}
        assert (await pc.ask("POST", "/v1/orders/ack", canonical_bytes(ack))).status_code == 200
    relay.give_extra_time(leader, "s1", "100234", "reading", extra_ms=60_000, reason="brannalarm")
    relay.record_incident(
        lent.site.guard, "s1", "100251", "reading", kind=IncidentKind.MOBILE_PHONE, note="lå på gulvet"
    )
    relay.file_report(leader, "s1", "", "Strømmen var borte i to minutter.")
    return sent


async def until(is_so: Callable[[], bool]) -> None:
    """Wait for something that stays as it is.

    Raises:
        AssertionError: not within a minute.
    """
    for _ in range(6000):
        if is_so():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come to be within a minute")
