"""What this PC knows of its room, and how it comes to know: one thread that talks to the store, and keeps at it.

The thread publishes immutable snapshots (`RoomState`); the conductor reads the newest and never waits for the network.
What is needed for a sitting lies in the state folder, so a kiosk that starts without a network goes on from there.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from engine.errors import EngineError
from engine.state import Phase
from itembank.errors import ItemBankError, PackageError
from itembank.package import Package, open_public, open_sealed
from kiosk.errors import KioskError
from kiosk.folder import write_atomically
from kiosk.lines import Lines
from kiosk.releases import DAY_MS, CurrentList
from kiosk.resending import Resending
from kiosk.roster import KnownAttempt
from sync.errors import (
    DamagedError,
    ListExpiredError,
    ListRefusedError,
    NotCurrentError,
    StoreRefusedError,
    SyncError,
    WrongSignatureError,
)
from sync.keys import sha256_hex
from sync.orders import OrderList
from sync.outbox import Outbox
from sync.release import open_device_share, open_grant
from sync.threads import SystemThreads
from sync.ticket import open_ticket

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping
    from pathlib import Path

    from itembank.package import PublicPart
    from kiosk.clock import SystemClock
    from kiosk.folder import Enrolment, StateFolder
    from sync.client import StoreClient
    from sync.keys import BoxKey, DeviceKeys, VerifyKey
    from sync.outbox import Delivered
    from sync.threads import Running, Threads
    from sync.ticket import Ticket, TicketRelease

_log = logging.getLogger(__name__)
T = TypeVar("T")

SEND_EVERY_S: Final = 3.0
ASK_EVERY_S: Final = 5.0
REPORT_EVERY_S: Final = 5.0
LIST_EVERY_S: Final = 900.0
LIST_AGAIN_S: Final = 10.0
"""How often the list of current releases is asked for: usually; and where it lacks a release or one is to be opened."""
HOME_EVERY_S: Final = 15.0
"""How often the home store is asked while a relay gives the sitting, or holds what the home store may lack."""
IDLE_S: Final = 0.2
ORDERS_WAIT_MS: Final = 10_000
STOP_S: Final = 2.0
RETRY_S: Final = 1.0
PARCELS_AT_ONCE: Final = 32


@dataclass(frozen=True, slots=True)
class Receipted:
    """How far an attempt's records have come, and which records were counted: by segment, how many were durable."""

    delivered: Delivered
    counted: Mapping[str, int]

    def covers(self, durable: Mapping[str, int]) -> bool:
        """Whether every record on this disk has its receipt, those in ``durable`` included."""
        is_counted = all(self.counted.get(segment, -1) >= count for segment, count in durable.items())
        return is_counted and self.delivered.is_complete


@dataclass(frozen=True, slots=True)
class RoomState:
    """A snapshot: what is known now. ``trouble`` is the sentence of what could not be done last, "" if none.

    ``is_list_expired``: what the sitting needs cannot be opened, since the list of current releases has run out.
    """

    ticket: Ticket | None = None
    orders: OrderList | None = None
    public: Mapping[str, PublicPart] = field(default_factory=dict[str, "PublicPart"])
    packages: Mapping[str, Package] = field(default_factory=dict[str, Package])
    recovery: BoxKey | None = None
    attempts: tuple[KnownAttempt, ...] = ()
    handovers: Mapping[str, tuple[bytes, ...]] = field(default_factory=dict[str, "tuple[bytes, ...]"])
    delivered: Mapping[str, Receipted] = field(default_factory=dict[str, Receipted])
    is_online: bool = False
    contact_ms: int = 0
    trouble: str = ""
    is_list_expired: bool = False


@dataclass(frozen=True, slots=True)
class Watch:
    """A journal being written: how many of its records are durable, asked for when envelopes are packed."""

    attempt: str
    durable_counts: Callable[[], Mapping[str, int]]


class Room:
    """The thread's handle: snapshots out, wishes in."""

    def __init__(
        self,
        folder: StateFolder,
        enrolment: Enrolment,
        keys: DeviceKeys,
        connect: Callable[[], StoreClient],
        clock: SystemClock,
        *,
        threads: Threads | None = None,
    ) -> None:
        self._folder = folder
        self._enrolment = enrolment
        self._keys = keys
        self._clock = clock
        self._lines = Lines(folder, enrolment, connect, clock)
        self._line = self._ticket_line = self._lines.home
        self._closed: set[str] = set()
        self._heard: dict[str, int] = {}
        self._has_told_orders: set[str] = set()
        self._is_home_near = False
        self._state = RoomState()
        self._reports: dict[str, bytes] = {}
        self._followed: dict[str, None] = {}
        self._acks: deque[tuple[str, int, int]] = deque()
        self._wanted: deque[str] = deque()
        self._watch: Watch | None = None
        self._durable: dict[str, int] = {}
        self._threads = SystemThreads() if threads is None else threads
        self._hurry = self._threads.waker()
        self._stopping = self._threads.waker()
        self._lock = threading.Lock()
        self._outbox = Outbox(
            folder.journals,
            device_key=keys.signing,
            receipt_key=enrolment.key("receipt_key"),
            files=folder.files,
            relay_keys=self._lines.receipt_keys(),
        )
        self._resending = Resending(self._outbox, enrolment.device, self._threads)
        self._running: list[Running] = []
        self._list = CurrentList(folder, enrolment, self._threads)
        self._list_asked_s = -LIST_EVERY_S

    # --- for the conductor --------------------------------------------------------------------------------------------

    @property
    def state(self) -> RoomState:
        """The newest snapshot."""
        return self._state

    def start(self) -> None:
        """Take in what lies in the state folder, then talk to the store from now on."""
        self._load()
        self._resending.begin(self._clock.wall_ms())
        for name, work in (("room", self._once), ("orders", self._orders_once), ("home", self._home_once)):
            self._running.append(self._threads.start(name, partial(self._run, work)))

    def stop(self) -> None:
        """End the threads; what is unsent waits for the next start."""
        self._stopping.set()
        self._hurry.set()
        for thread in self._running:
            thread.join(timeout=STOP_S)
        self._lines.close()

    def report(self, progress: bytes, attempt: str = "") -> None:
        """Send a signed progress report when the store is in reach; of each attempt only the newest ("": of none)."""
        with self._lock:
            self._reports[attempt] = progress

    def follow(self, attempt: str) -> None:
        """From now on tell how far this attempt is delivered, though nobody sits at it."""
        self._followed[attempt] = None

    def acknowledge(self, sitting: str, number: int, applied_ms: int) -> None:
        """Tell the store that an order has taken effect here."""
        self._acks.append((sitting, number, applied_ms))

    def watch(self, watch: Watch | None) -> None:
        """From now on send what this journal makes durable; of the one before, closed by now, all of it."""
        self._counts()
        self._watch = watch

    def hurry(self) -> None:
        """Send what is unsent now, not at the next turn."""
        self._hurry.set()

    def want_handover(self, attempt: str) -> None:
        """Fetch an attempt's envelopes that another PC sent; they come in ``handovers``."""
        self._wanted.append(attempt)
        self._hurry.set()

    # --- which store --------------------------------------------------------------------------------------------------

    @property
    def _client(self) -> StoreClient:
        return self._line.client

    def _choose_line(self) -> None:
        """Talk to the relay that the home store lent the sitting to, while that holds; else to the home store."""
        for sitting, key in self._lines.receipt_keys().items():
            self._outbox.trust_relay(sitting, key)
        line = self._lines.choose(self._is_done)
        if line is self._line:
            return
        self._line = line
        with self._lock:
            orders = self._state.orders
            if orders is not None:
                known = replace(orders, also_by=self._lines.order_keys(orders.sitting))
                self._state = replace(self._state, orders=known, is_online=False)

    def _is_done(self, sitting: str) -> bool:
        """Whether a sitting is closed and everything on this disk has a receipt."""
        return sitting in self._closed and not self._outbox.has_unsent(self._counts())

    def _home_once(self) -> None:
        """Beside a relay: ask the home store whether the loan still holds, and tell it the relay's orders."""
        is_near = False
        for sitting in self._lines.delegated():
            try:
                self._lines.watcher.synchronise()
                is_near = True
                self._tell_orders(sitting)
                self._lines.keep(sitting, self._lines.watcher.delegation(sitting))
            except SyncError as error:
                _log.info("about sitting %s the home store was not asked: %s", sitting, error)
        self._is_home_near = is_near
        self._stopping.wait(HOME_EVERY_S)

    def _tell_orders(self, sitting: str) -> None:
        kept = self._folder.read(self._folder.orders(sitting))
        if kept is None:
            return
        known = self._no_orders(sitting).extended(kept)
        if known.last_number > self._heard.get(sitting, 0):
            self._lines.watcher.hear_orders(kept)
            self._heard[sitting] = known.last_number

    def _send_home(self) -> None:
        """Send the home store what only a relay has receipted: should the relay be lost, nothing is."""
        if not self._is_home_near:
            return
        try:
            self._lines.home.client.synchronise()
            self._outbox.send(
                self._lines.home.client.deliver,
                self._counts,
                at_once=PARCELS_AT_ONCE,
                goes_on=lambda: not self._stopping.is_set(),
                kept="home",
                receipts=self._lines.home.client.receipts,
            )
        except SyncError as error:
            self._is_home_near = False
            _log.info("the home store is away: %s", error)

    def _no_orders(self, sitting: str) -> OrderList:
        return OrderList(sitting, self._enrolment.key("order_key"), also_by=self._lines.order_keys(sitting))

    # --- the threads --------------------------------------------------------------------------------------------------

    def _run(self, work: Callable[[], None]) -> None:
        while not self._stopping.is_set():
            if not self._attempted(work):
                self._stopping.wait(RETRY_S)

    def _attempted(self, work: Callable[[], None]) -> bool:
        """Do it; False when it failed, which is told in ``trouble`` and ends nothing else."""
        try:
            work()
        except (SyncError, ItemBankError, EngineError, KioskError, OSError) as error:
            self._tell(str(error))
            return False
        except Exception as error:  # noqa: BLE001 - a fault of ours must not end the thread that delivers answers
            _log.exception("the room's thread goes on after a fault")
            self._tell(f"{type(error).__name__} in the kiosk; tell support")
            return False
        return True

    def _tell(self, trouble: str) -> None:
        """What could not be done, for the log too: the next contact in another thread takes it out of the snapshot."""
        if trouble != self._state.trouble:
            _log.warning("%s", trouble)
        self._change(is_online=False, trouble=trouble)

    def _change(self, **changes: object) -> None:
        with self._lock:
            self._state = replace(self._state, **changes)  # type: ignore[arg-type]

    def _in_contact(self) -> None:
        self._change(is_online=True, contact_ms=self._clock.wall_ms(), trouble="")

    def _once(self) -> None:
        """One turn. What fails holds up nothing else: answers go out whatever is wrong with a ticket."""
        begun = self._threads.now_s()
        self._attempted(self._choose_line)
        self._attempted(self._send)
        self._attempted(self._send_home)
        self._attempted(self._ask)
        next_send = begun + SEND_EVERY_S
        while not self._stopping.is_set() and self._threads.now_s() < begun + ASK_EVERY_S:
            hurried = self._hurry.wait(IDLE_S)
            self._hurry.clear()
            went_well = [self._attempted(self._send_reports), self._attempted(self._fetch_handovers)]
            if not all(went_well):
                self._stopping.wait(RETRY_S)
            if hurried or self._threads.now_s() >= next_send:
                self._attempted(self._send)
                next_send = self._threads.now_s() + SEND_EVERY_S

    def _ask(self) -> None:
        """Time, ticket, packages, grants, share: whatever is missing or newer."""
        self._client.synchronise(self._clock.correct_by_store)
        self._in_contact()
        self._attempted(self._compare)
        offered = self._choose_sitting()
        if offered is None:
            return
        sitting = str(offered["sitting"])
        if offered.get("lent") and not self._line.is_relay:
            self._lines.keep(sitting, self._client.delegation(sitting))
            self._hurry.set()
            return
        known = self._state.ticket
        # Making and sealing a ticket is the dearest thing a PC asks of the store: only when there is another one.
        is_other = known is None or known.sitting != sitting or self._ticket_line is not self._line
        if is_other or known is None or int(offered.get("ticket_version", 0)) > known.version:
            self._attempted(lambda: self._refresh_ticket(sitting))
        ticket = self._state.ticket
        if ticket is None or ticket.sitting != sitting:
            return
        self._refresh_attempts(sitting)
        every_s = LIST_EVERY_S if self._is_listed(ticket) else LIST_AGAIN_S
        self._attempted(lambda: self._refresh_list(self._client, every_s))
        for release in ticket.releases:
            self._attempted(lambda wanted=release: self._fetch_release(sitting, wanted))
        self._open_what_may_be_opened(self._client)

    def _compare(self) -> None:
        """What the home store has lost waits again, its orders first; a relay's receipts are not held against it."""
        if self._line.is_relay:
            return
        if self._client.has_gone_back:
            self._has_told_orders.clear()
        self._attempted(self._tell_orders_again)
        if self._resending.turn(self._client, self._clock.wall_ms()):
            self._hurry.set()

    def _tell_orders_again(self) -> None:
        """A store that lost orders would give their numbers once more, and no PC here would hear it any longer."""
        orders = self._state.orders
        if orders is not None and orders.last_number and orders.sitting not in self._has_told_orders:
            self._client.hear_orders(orders.encode())
            self._has_told_orders.add(orders.sitting)

    def _fetch_release(self, sitting: str, release: TicketRelease) -> None:
        """The package and the grant, where they are not here yet; a package other than the ticket names is not kept."""
        path = self._folder.release(release.release)
        if not path.exists():
            at_ms = self._opened_at_ms()
            listed = self._list.releases(at_utc_ms=at_ms).release(release.release, now_utc_ms=at_ms)
            data = self._client.package(release.release)
            if sha256_hex(data) != release.sha256:
                raise DamagedError(what="test package", fault="it is not the one that the ticket names")
            listed.verify_file(data)
            write_atomically(path, data)
        grant = self._folder.grant(sitting, release.release)
        if not self._folder.has(grant) and not self._is_closed():
            self._folder.write(grant, self._client.grant(sitting, release.release))
            self._wipe_if_closed(sitting)

    def _wipe_if_closed(self, sitting: str) -> None:
        """CLOSED may have come in the other thread while this one wrote what is to be wiped."""
        if self._is_closed():
            self._folder.wipe_secrets(sitting)

    def _choose_sitting(self) -> dict[str, Any] | None:
        """The sitting to serve: the one here while it is open; else an open before a planned one, the latest day."""
        known = self._state.ticket
        offered = [
            each
            for each in self._client.sittings()
            if str(each.get("state", "")).upper() != "CLOSED" and self._line.sitting in {"", each["sitting"]}
        ]
        served = [each for each in offered if known is not None and each["sitting"] == known.sitting]
        if served and self._is_open():
            return served[0]
        offered.sort(key=lambda each: (str(each.get("state", "")).upper() == "OPENED", str(each.get("date", ""))))
        return offered[-1] if offered else None

    def _refresh_ticket(self, sitting: str) -> None:
        line = self._line
        data = line.client.ticket(sitting)
        water = line.water or f"ticket {sitting}"
        ticket = self._opened_ticket(sitting, data, line.ticket_key, water)
        known, is_here = self._state.ticket, self._ticket_line is line
        if known is None or ticket.version > known.version or known.sitting != sitting or not is_here:
            self._folder.write(self._folder.ticket(sitting), data)
            self._folder.keep_high_water(water, ticket.version)
        if known is None or known.sitting != sitting:
            none_yet = self._no_orders(sitting)
            self._change(ticket=ticket, orders=none_yet, packages={}, recovery=None, attempts=(), handovers={})
        self._ticket_line = line
        self._change(ticket=ticket)

    def _opened_ticket(self, sitting: str, data: bytes, ticket_key: VerifyKey, water: str) -> Ticket:
        return open_ticket(
            data,
            sitting=sitting,
            device=self._enrolment.device,
            box=self._keys.box,
            ticket_key=ticket_key,
            now_utc_ms=self._clock.wall_ms(),
            seen_version=self._folder.high_water().get(water, 0),
        )

    def _refresh_attempts(self, sitting: str) -> None:
        self._change(
            attempts=tuple(
                KnownAttempt(
                    attempt=each.attempt,
                    candidate=each.candidate,
                    part=each.part,
                    device=each.device,
                    phase=Phase(each.phase),
                    is_local=False,
                )
                for each in self._client.attempts(sitting)
            )
        )

    def _orders_once(self) -> None:
        ticket, orders = self._state.ticket, self._state.orders
        if ticket is None or orders is None:
            self._stopping.wait(IDLE_S)
            return
        client = self._line.orders_client
        data = client.orders(ticket.sitting, after=orders.last_number, wait_ms=ORDERS_WAIT_MS)
        longer = orders.extended(data)
        self._in_contact()
        if longer.last_number > orders.last_number:
            if _is_closed(longer):
                # Wiped before the order is kept: a kill in between leaves nothing that could open anything.
                self._folder.wipe_secrets(ticket.sitting)
            self._folder.write(self._folder.orders(ticket.sitting), longer.encode())
            with self._lock:
                if self._state.orders is orders:
                    self._state = replace(self._state, orders=longer)
                    if _is_closed(longer):
                        self._closed.add(ticket.sitting)
                        self._state = replace(self._state, packages={}, recovery=None)
            self._wipe_if_closed(ticket.sitting)
            self._open_what_may_be_opened(client)

    def _is_open(self) -> bool:
        orders = self._state.orders
        return orders is not None and any(order.kind == "open" for order in orders.orders) and not self._is_closed()

    def _is_closed(self) -> bool:
        return self._state.orders is not None and _is_closed(self._state.orders)

    # --- opening ------------------------------------------------------------------------------------------------------

    def _refresh_list(self, client: StoreClient, every_s: float) -> None:
        """Ask for the list of current releases, if that was not done so many seconds ago."""
        if self._threads.now_s() - self._list_asked_s < every_s:
            return
        self._list_asked_s = self._threads.now_s()
        self._list.refresh(client.metadata, now_utc_ms=self._clock.wall_ms())

    def _is_listed(self, ticket: Ticket) -> bool:
        try:
            current = self._list.releases(at_utc_ms=self._clock.wall_ms())
        except SyncError:
            return False
        return {each.release for each in ticket.releases} <= set(current.releases)

    def _opened_at_ms(self) -> int:
        """The time at which a release must be current: now; in an open sitting that of its opening, a day ago at most.

        So a PC that is started again in the middle of an exam opens what it had opened before.
        """
        now_ms = self._clock.wall_ms()
        orders = self._state.orders
        opened = [] if orders is None else [order.at_utc_ms for order in orders.orders if order.kind == "open"]
        return min(now_ms, max(opened[0], now_ms - DAY_MS)) if opened else now_ms

    def _open_what_may_be_opened(self, client: StoreClient, *, asks_list: bool = True) -> None:
        """Public parts at any time; packages and the recovery key once the sitting is OPENED."""
        with self._lock:
            ticket = self._state.ticket
        if ticket is None:
            return
        missing = {each.release for each in ticket.releases} - set(self._state.packages)
        if self._is_open() and missing and asks_list:
            # Withdrawn this morning: not opened any more. Without a network what was verified before still holds.
            self._attempted(lambda: self._refresh_list(client, LIST_AGAIN_S))
        try:
            self._list.releases(at_utc_ms=self._opened_at_ms())
        except ListRefusedError:
            return
        except ListExpiredError:
            self._change(is_list_expired=True)
            raise
        self._change(is_list_expired=False)
        for release in {each.release for each in ticket.releases}:
            self._open_public(release)
        for release in missing if self._is_open() else ():
            self._open_package(client, ticket.sitting, release)

    def _open_public(self, release: str) -> None:
        path = self._folder.release(release)
        if release in self._state.public or not path.exists():
            return
        at_ms = self._opened_at_ms()
        with _set_aside_if_damaged(path):
            part = open_public(path, self._list.trust(release, at_utc_ms=at_ms), now_utc_ms=at_ms)
        self._change(public={**self._state.public, release: part})

    def _open_package(self, client: StoreClient, sitting: str, release: str) -> None:
        grant = self._folder.read(self._folder.grant(sitting, release))
        if grant is None or not self._folder.release(release).exists():
            return
        at_ms = self._opened_at_ms()
        trust = self._list.trust(release, at_utc_ms=at_ms)
        content_key = trust.current.release(release, now_utc_ms=at_ms).content_key
        share = self._folder.read(self._folder.share(sitting))
        if share is None:
            share = client.share(sitting)
            self._folder.write(self._folder.share(sitting), share)
            self._wipe_if_closed(sitting)
        release_share = self._opened_share(sitting, share)
        granted = open_grant(
            grant,
            sitting=sitting,
            device=self._enrolment.device,
            release=release,
            keys=self._keys,
            release_share=release_share,
            content_key=content_key,
            now_utc_ms=at_ms,
        )
        path = self._folder.release(release)
        with _set_aside_if_damaged(path):
            package = open_sealed(path, granted.content_key, trust, now_utc_ms=at_ms)
        with self._lock:
            # CLOSED may have come meanwhile, in the other thread: then nothing is kept.
            if self._is_open():
                packages = {**self._state.packages, release: package}
                self._state = replace(self._state, packages=packages, recovery=granted.recovery)
                return
        self._folder.wipe_secrets(sitting)

    def _opened_share(self, sitting: str, share: bytes) -> bytes:
        """The release share; one of a store that gives the sitting no more is fetched anew at the next turn."""
        for key, _ in self._lines.ticket_keys(sitting):
            with suppress(WrongSignatureError):
                return open_device_share(
                    share, sitting=sitting, device=self._enrolment.device, box=self._keys.box, ticket_key=key
                )
        self._folder.files.remove(self._folder.share(sitting))
        raise WrongSignatureError(what="release share", signer="a store that gives this sitting")

    def _load(self) -> None:
        """What earlier runs left: closed sittings are wiped; of the rest the newest is gone on with."""
        self._attempted(self._choose_line)
        for sitting in reversed(self._folder.sittings()):
            self._attempted(lambda wanted=sitting: self._load_sitting(wanted))

    def _load_sitting(self, sitting: str) -> None:
        orders = self._no_orders(sitting)
        kept = self._folder.read(self._folder.orders(sitting))
        if kept is not None:
            orders = orders.extended(kept)
        if _is_closed(orders):
            self._closed.add(sitting)
            self._folder.wipe_secrets(sitting)
            return
        data = self._folder.read(self._folder.ticket(sitting))
        if data is None or self._state.ticket is not None:
            return
        for key, water in self._lines.ticket_keys(sitting):
            with suppress(WrongSignatureError):
                self._change(ticket=self._opened_ticket(sitting, data, key, water), orders=orders)
                break
        # Not waiting for a network: what was open before the program ended goes on at once.
        self._open_what_may_be_opened(self._client, asks_list=False)

    # --- sending ------------------------------------------------------------------------------------------------------

    def _counts(self) -> Mapping[str, int]:
        """How many records of every segment of this run of the program are durable."""
        watch = self._watch
        if watch is not None:
            self._durable.update(watch.durable_counts())
        return dict(self._durable)

    def _send(self) -> None:
        """Send what is unsent. An envelope that the store refuses is told of and does not hold up the others."""
        watch = self._watch
        refused: list[StoreRefusedError] = []
        received = self._outbox.send(
            self._client.deliver,
            self._counts,
            at_once=PARCELS_AT_ONCE,
            goes_on=lambda: not self._stopping.is_set(),
            on_refused=refused.append,
            receipts=self._client.receipts,
        )
        if refused:
            self._change(trouble=str(refused[-1]))
        elif received:
            self._in_contact()
        self._tell_delivered(watch)

    def _tell_delivered(self, watch: Watch | None) -> None:
        attempts = {**self._state.delivered, **self._followed, **({} if watch is None else {watch.attempt: None})}
        durable = self._counts()
        self._change(delivered={each: Receipted(self._outbox.delivered(each, durable), durable) for each in attempts})

    def _send_reports(self) -> None:
        """Send what is to be told; it is kept until the store has it; what it refuses waits behind the rest."""
        while self._acks:
            sitting, number, applied_ms = self._acks[0]
            with _behind_the_rest(self._acks):
                self._client.acknowledge(sitting, number, applied_at_ms=applied_ms)
            self._acks.popleft()
        for attempt, report in tuple(self._reports.items()):
            try:
                self._client.progress(report)
            except StoreRefusedError:
                with self._lock:
                    self._reports[attempt] = self._reports.pop(attempt, report)
                raise
            if self._reports.get(attempt) is report:
                del self._reports[attempt]
            self._in_contact()

    def _fetch_handovers(self) -> None:
        while self._wanted:
            attempt = self._wanted[0]
            with _behind_the_rest(self._wanted):
                envelopes = self._client.envelopes(attempt)
            self._wanted.popleft()
            self._change(handovers={**self._state.handovers, attempt: envelopes})


@contextmanager
def _behind_the_rest(waiting: deque[T]) -> Generator[None]:
    """When the store refuses the first that waits, let the others have their turn before it."""
    try:
        yield
    except StoreRefusedError:
        waiting.rotate(-1)
        raise


def _is_closed(orders: OrderList) -> bool:
    return any(order.kind == "close" for order in orders.orders)


@contextmanager
def _set_aside_if_damaged(path: Path) -> Generator[None]:
    """A package that cannot be read, or is not the one listed, is put aside and fetched anew at the next turn."""
    try:
        yield
    except (PackageError, DamagedError, NotCurrentError):
        path.replace(path.with_suffix(".damaged"))
        raise
