"""What this PC knows of its room, and how it comes to know: threads that talk to the store, and keep at it.

They publish immutable snapshots (`RoomState`); the conductor reads the newest and never waits for the network.
What is needed for a sitting lies in the state folder, so a kiosk that starts without a network goes on from there.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from engine.state import Phase
from kiosk.contact import LIST_EVERY_S, RETRY_S, is_closed
from kiosk.contents import LIST_AGAIN_S, Contents
from kiosk.roomstate import Receipted, RoomState, Watch
from kiosk.roster import KnownAttempt
from sync.errors import SyncError, WrongSignatureError
from sync.ticket import open_ticket

if TYPE_CHECKING:
    from sync.keys import VerifyKey
    from sync.ticket import Ticket

__all__ = ["Receipted", "Room", "RoomState", "Watch"]

_log = logging.getLogger(__name__)

SEND_EVERY_S: Final = 3.0
ASK_EVERY_S: Final = 5.0
HOME_EVERY_S: Final = 15.0
"""How often the home store is asked while a relay gives the sitting, or holds what the home store may lack."""
IDLE_S: Final = 0.2
ORDERS_WAIT_MS: Final = 10_000
STOP_S: Final = 2.0


class Room(Contents):
    """The threads' handle: snapshots out, wishes in."""

    def start(self) -> None:
        """Take in what lies in the state folder, then talk to the store from now on."""
        self._load()
        self._resending.begin(self._clock.wall_ms())
        for name, work in (("room", self._once), ("orders", self._orders_once), ("home", self._home_once)):
            self._running.append(self._threads.start(name, partial(self._run, name, work)))

    def stop(self) -> None:
        """End the threads; what is unsent waits for the next start."""
        self._stopping.set()
        self._hurry.set()
        self._wait_for_threads()
        if self._lines.hang_up():
            self._wait_for_threads()
        self._lines.close()

    def _wait_for_threads(self) -> None:
        for thread in self._running:
            thread.join(timeout=STOP_S)

    # --- which store --------------------------------------------------------------------------------------------------

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

    # --- the threads --------------------------------------------------------------------------------------------------

    def _once(self) -> None:
        """One turn. What fails holds up nothing else: answers go out whatever is wrong with a ticket."""
        begun = self._threads.now_s()
        self._attempted("line", self._choose_line)
        self._attempted("answers", self._send)
        self._attempted("answers to the home store", self._send_home)
        self._attempted("ask", self._ask)
        next_send = begun + SEND_EVERY_S
        while not self._stopping.is_set() and self._threads.now_s() < begun + ASK_EVERY_S:
            hurried = self._hurry.wait(IDLE_S)
            self._hurry.clear()
            went_well = [
                self._attempted("reports", self._send_reports),
                self._attempted("hand-overs", self._fetch_handovers),
            ]
            if not all(went_well):
                self._stopping.wait(RETRY_S)
            if hurried or self._threads.now_s() >= next_send:
                self._attempted("answers", self._send)
                next_send = self._threads.now_s() + SEND_EVERY_S

    def _ask(self) -> None:
        """Time, ticket, packages, grants, share: whatever is missing or newer."""
        self._client.synchronise(self._set_clock)
        self._in_contact()
        self._attempted("receipts", self._compare)
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
            self._attempted("ticket", partial(self._refresh_ticket, sitting), keeps_contact=True)
        ticket = self._state.ticket
        if ticket is None or ticket.sitting != sitting:
            return
        self._refresh_attempts(sitting)
        every_s = LIST_EVERY_S if self._is_listed(ticket) else LIST_AGAIN_S
        self._attempted("list", lambda: self._refresh_list(self._client, every_s), keeps_contact=True)
        for release in ticket.releases:
            self._attempted(
                f"fetch {release.release}", partial(self._fetch_release, sitting, release), keeps_contact=True
            )
        self._open_what_may_be_opened(self._client)

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
            self._forget_refused()
        self._ticket_line = line
        self._change(ticket=ticket)
        self._forget_troubles("kept")

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
            if is_closed(longer):
                # Wiped before the order is kept: a kill in between leaves nothing that could open anything.
                self._folder.wipe_secrets(ticket.sitting)
            self._folder.write(self._folder.orders(ticket.sitting), longer.encode())
            with self._lock:
                if self._state.orders is orders:
                    self._state = replace(self._state, orders=longer)
                    if is_closed(longer):
                        self._closed.add(ticket.sitting)
                        self._state = replace(self._state, packages={}, recovery=None)
            self._wipe_if_closed(ticket.sitting)
            self._open_what_may_be_opened(client)

    # --- after a start ------------------------------------------------------------------------------------------------

    def _load(self) -> None:
        """What earlier runs left: closed sittings are wiped; of the rest the newest is gone on with."""
        self._attempted("line", self._choose_line)
        for sitting in reversed(self._folder.sittings()):
            self._attempted(f"kept {sitting}", partial(self._load_sitting, sitting))

    def _load_sitting(self, sitting: str) -> None:
        orders = self._no_orders(sitting)
        kept = self._folder.read(self._folder.orders(sitting))
        if kept is not None:
            orders = orders.extended(kept)
        if is_closed(orders):
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
