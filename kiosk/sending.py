"""What this PC tells the store: envelopes, orders it has heard, reports; and what it fetches of another PC's work."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeVar

from kiosk.contact import Contact
from kiosk.roomstate import Receipted, Watch
from sync.errors import StoreRefusedError, SyncError

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Generator, Mapping

_log = logging.getLogger("kiosk.room")
T = TypeVar("T")

PARCELS_AT_ONCE: Final = 32


class Sending(Contact):
    """Everything that goes out."""

    # --- for the conductor --------------------------------------------------------------------------------------------

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

    # --- envelopes ----------------------------------------------------------------------------------------------------

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
            self._failed("refused answers", str(refused[-1]), keeps_contact=True)
        else:
            self._succeeded("refused answers")
        if received:
            self._in_contact()
        self._tell_delivered(watch)

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

    def _tell_delivered(self, watch: Watch | None) -> None:
        attempts = {**self._state.delivered, **self._followed, **({} if watch is None else {watch.attempt: None})}
        durable = self._counts()
        self._change(delivered={each: Receipted(self._outbox.delivered(each, durable), durable) for each in attempts})

    def _compare(self) -> None:
        """What the home store has lost waits again, its orders first; a relay's receipts are not held against it."""
        if self._line.is_relay:
            return
        if self._client.has_gone_back:
            self._has_told_orders.clear()
        self._attempted("orders kept here", self._tell_orders_again)
        if self._resending.turn(self._client, self._clock.wall_ms()):
            self._hurry.set()
        if self._resending.rounds != self._state.compared:
            # Where envelopes may be lost, orders and reports may be: they are told once more.
            self._has_told_orders.clear()
            self._change(compared=self._resending.rounds)

    # --- orders, reports, hand-overs ----------------------------------------------------------------------------------

    def _tell_orders(self, sitting: str) -> None:
        kept = self._folder.read(self._folder.orders(sitting))
        if kept is None:
            return
        known = self._no_orders(sitting).extended(kept)
        if known.last_number > self._heard.get(sitting, 0):
            self._lines.watcher.hear_orders(kept)
            self._heard[sitting] = known.last_number

    def _tell_orders_again(self) -> None:
        """A store that lost orders would give their numbers once more, and no PC here would hear it any longer."""
        orders = self._state.orders
        if orders is not None and orders.last_number and orders.sitting not in self._has_told_orders:
            self._client.hear_orders(orders.encode())
            self._has_told_orders.add(orders.sitting)

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
