"""The room's common ground: what it holds, how its pieces of work fail without ending a thread, what it publishes."""

from __future__ import annotations

import logging
import threading
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from engine.errors import EngineError
from itembank.errors import ItemBankError
from kiosk.errors import KioskError
from kiosk.lines import Lines
from kiosk.releases import CurrentList
from kiosk.resending import Resending
from kiosk.roomstate import RoomState, Watch
from sync.errors import SyncError
from sync.orders import OrderList
from sync.outbox import Outbox
from sync.threads import SystemThreads

if TYPE_CHECKING:
    from collections.abc import Callable

    from kiosk.clock import SystemClock
    from kiosk.folder import Enrolment, StateFolder
    from sync.client import StoreClient
    from sync.keys import DeviceKeys
    from sync.threads import Running, Threads

_log = logging.getLogger("kiosk.room")
"""One log for all that the room does."""

LIST_EVERY_S: Final = 900.0
RETRY_S: Final = 1.0


class Contact:
    """State that the layers share: `kiosk.sending`, `kiosk.contents`, `kiosk.room`."""

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
        self._troubles: dict[str, str] = {}
        self._refused: set[str] = set()
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
        self._asking_list = self._threads.lock()

    @property
    def state(self) -> RoomState:
        """The newest snapshot."""
        return self._state

    @property
    def _client(self) -> StoreClient:
        return self._line.client

    def _no_orders(self, sitting: str) -> OrderList:
        return OrderList(sitting, self._enrolment.key("order_key"), also_by=self._lines.order_keys(sitting))

    # --- pieces of work -----------------------------------------------------------------------------------------------

    def _run(self, piece: str, work: Callable[[], None]) -> None:
        while not self._stopping.is_set():
            if not self._attempted(piece, work):
                self._stopping.wait(RETRY_S)

    def _attempted(self, piece: str, work: Callable[[], None], *, keeps_contact: bool = False) -> bool:
        """Do a piece of work; False when it failed, which ends nothing else and is ``trouble`` until it succeeds.

        ``keeps_contact``: its failing does not say that the store is away.
        """
        try:
            work()
        except (SyncError, ItemBankError, EngineError, KioskError, OSError) as error:
            self._failed(piece, str(error), keeps_contact=keeps_contact)
            return False
        except Exception as error:  # noqa: BLE001 - a fault of ours must not end the thread that delivers answers
            _log.exception("the room's thread goes on after a fault")
            self._failed(piece, f"{type(error).__name__} in the kiosk; tell support", keeps_contact=keeps_contact)
            return False
        self._succeeded(piece)
        return True

    def _failed(self, piece: str, trouble: str, *, keeps_contact: bool) -> None:
        """Publish it, and log it once for as long as it stays the same."""
        with self._lock:
            is_known = self._troubles.pop(piece, "") == trouble
            self._troubles[piece] = trouble
            is_online = self._state.is_online and keeps_contact
            self._state = replace(self._state, is_online=is_online, trouble=trouble)
        if not is_known:
            _log.warning("%s", trouble)

    def _succeeded(self, piece: str) -> None:
        with self._lock:
            if self._troubles.pop(piece, None) is not None:
                self._state = replace(self._state, trouble=next(reversed(self._troubles.values()), ""))

    def _forget_troubles(self, *pieces: str) -> None:
        """What is not tried any more cannot succeed: the pieces whose names begin so."""
        for piece in [*self._troubles]:
            if piece.startswith(pieces):
                self._succeeded(piece)

    def _change(self, **changes: object) -> None:
        with self._lock:
            self._state = replace(self._state, **changes)  # type: ignore[arg-type]

    def _in_contact(self) -> None:
        self._change(is_online=True, contact_ms=self._clock.wall_ms())

    def _set_clock(self, utc_ms: int) -> None:
        """The store has told its time."""
        self._change(clock_off_ms=self._clock.correct_by_store(utc_ms))

    # --- the sitting --------------------------------------------------------------------------------------------------

    def _is_open(self) -> bool:
        orders = self._state.orders
        return orders is not None and any(order.kind == "open" for order in orders.orders) and not self._is_closed()

    def _is_closed(self) -> bool:
        return self._state.orders is not None and is_closed(self._state.orders)


def is_closed(orders: OrderList) -> bool:
    """Whether an order has closed the sitting."""
    return any(order.kind == "close" for order in orders.orders)
