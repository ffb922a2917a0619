"""A central store and a relay for tests: both the product's own, joined in one process by a line that can be cut."""

from __future__ import annotations

import asyncio
import shutil
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
from sync.passwords import TEST_COST
from tests.centralstore.place import Pc, Site

CENTRAL_URL = "https://central.test:8443"
RELAY_URL = "https://relay.test:8443"


class Line(httpx.BaseTransport):
    """The line to a store in this process. ``cut_at``: the request (0 …) at which it breaks, once.

    ``loses_answer``: the cut comes after the store has done what was asked.
    """

    def __init__(self, store: Store) -> None:
        self._app = httpx.ASGITransport(app=build_app(store), raise_app_exceptions=False)
        self.cut_at = -1
        self.loses_answer = False
        self.asked: list[str] = []
        self._loop = ThreadPoolExecutor(1)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        number = len(self.asked)
        self.asked.append(f"{request.method} {request.url.path}")
        if number == self.cut_at and not self.loses_answer:
            raise httpx.ConnectError("the line is cut")
        answer = self._loop.submit(asyncio.run, self._answered(request)).result()
        if number == self.cut_at:
            raise httpx.ReadError("the line is cut")
        return answer

    def close(self) -> None:
        self._loop.shutdown()

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
