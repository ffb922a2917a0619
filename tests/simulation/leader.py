"""The test leader of a simulated room: opens, starts, gives orders sensible and silly, and closes."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING

from centralstore.errors import StoreError
from engine.state import Phase
from sync.orders import Order, SignedOrder
from tests.simulation import exam
from tests.simulation.place import LEADER, SITTING

if TYPE_CHECKING:
    from tests.simulation.books import Book
    from tests.simulation.people import Candidate
    from tests.simulation.world import World

REASON = "strømmen gikk"


class Leader:
    """Acts at the store, as the room page does; while the store is down nothing can be done there."""

    def __init__(self, world: World, chance: Random) -> None:
        self.world = world
        self.orders: list[Order] = []
        self.opened_ms: int | None = None
        self.closed_ms: int | None = None
        self._chance = chance
        self._asked: set[str] = set()
        self._awaits_orders = False

    # --- the course of the day ----------------------------------------------------------------------------------------

    def plan(self, gaps_ms: tuple[int, int, int, int]) -> None:
        """Open after the first gap, then start a part after each."""
        at_ms = gaps_ms[0]
        self._insist(at_ms, self._open)
        for part, gap_ms in zip(exam.PARTS, gaps_ms[1:], strict=True):
            at_ms += gap_ms
            self._insist(at_ms, lambda part=part: self._start(part))

    def ask_to_unlock(self, candidate: Candidate) -> None:
        """A hand is raised: the screen is locked."""
        if candidate.name not in self._asked:
            self._asked.add(candidate.name)
            self.world.scheduler.after(self._chance.uniform(500, 4_000), lambda: self._unlock(candidate))

    def close(self) -> bool:
        """Close the sitting; whether it is closed."""
        if self._try("close", lambda: self.world.store.close_sitting(LEADER, SITTING, REASON)):
            self.closed_ms = self.world.scheduler.now_ms
            return True
        return False

    def let_move(self, book: Book, to_device: str) -> bool:
        """Permit an attempt to go on at another PC; whether the order was given."""
        return self._try(
            "permit hand-over",
            lambda: self.world.store.permit_handover(
                LEADER, SITTING, book.candidate, book.part, to_device=to_device, reason=REASON
            ),
        )

    def meddle(self) -> None:
        """One order to somebody, sensible or not."""
        books = [book for book in self.world.books.values() if book.part]
        if not books:
            return
        book = self._chance.choice(books)
        drawn = self._chance.random()
        if drawn < 0.45:
            extra_ms = self._chance.choice((1_000, 4_000, 9_000))
            self._order("extra time", book, "give_extra_time", extra_ms=extra_ms)
        elif drawn < 0.75:
            self._order("unlock", book, "unlock")
        elif drawn < 0.87:
            self._order("reset", book, "reset", consent="muntlig")
        elif drawn < 0.93:
            self._order("expel", book, "expel")
        elif drawn < 0.97:
            store = self.world.store
            self._try("left alone", lambda: store.record_unaccompanied_exit(LEADER, SITTING, book.candidate, book.part))
        else:
            self.let_move(book, "")

    def present(self, candidate: Candidate) -> None:
        """Note that a candidate is here."""
        number = candidate.planned.number
        self._try("present", lambda: self.world.store.mark_present(LEADER, SITTING, number, "passport"))

    def begins_anew(self) -> None:
        """The store was put back from a backup: no order is given before those it lost have come from the PCs."""
        self._awaits_orders = True

    # --- inside -------------------------------------------------------------------------------------------------------

    def _open(self) -> bool:
        self.world.day_code = self.world.store.day_code(LEADER, SITTING)
        if self._try("open", lambda: self.world.store.open_sitting(LEADER, SITTING)):
            self.opened_ms = self.world.scheduler.now_ms
            return True
        return False

    def _start(self, part: str) -> bool:
        return self._try(f"start {part}", lambda: self.world.store.start_part(LEADER, SITTING, part))

    def _unlock(self, candidate: Candidate) -> None:
        self._asked.discard(candidate.name)
        for book in self.world.books.values():
            if book.candidate == candidate.planned.number and book.phase is Phase.RUNNING:
                self._order("unlock", book, "unlock")

    def _order(self, what: str, book: Book, method: str, **more: object) -> None:
        act = getattr(self.world.store, method)
        self._try(what, lambda: act(LEADER, SITTING, book.candidate, book.part, reason=REASON, **more))

    def _insist(self, after_ms: float, act: Callable[[], bool]) -> None:
        """Do it then, and while the store does not answer, again later."""

        def now() -> None:
            if not act():
                self._insist(1_000, act)

        self.world.scheduler.after(after_ms, now)

    def _try(self, what: str, act: Callable[[], object]) -> bool:
        if self.world.network.is_store_down or not self._has_its_orders():
            return False
        try:
            act()
        except StoreError as error:
            self.world.trace(f"leader: {what} refused ({error.code})")
            return False
        self.world.trace(f"leader: {what}")
        self.world.count[f"orders: {what.partition(' ')[0]}"] += 1
        self._read_orders()
        return True

    def _read_orders(self) -> None:
        """What the store gave, as it travels."""
        data, _ = self.world.store.signed_orders(SITTING, len(self.orders))
        self.orders.extend(SignedOrder.model_validate(each).order for each in json.loads(data)["orders"])

    def _has_its_orders(self) -> bool:
        """Whether the store knows all orders; whoever is in the room is noted anew after it had lost some."""
        if self._awaits_orders:
            data, _ = self.world.store.signed_orders(SITTING, 0)
            self._awaits_orders = len(json.loads(data)["orders"]) < len(self.orders)
            if not self._awaits_orders:
                self.world.trace("leader: all orders are back")
                self.world.day_code = self.world.store.day_code(LEADER, SITTING)
                for candidate in self.world.people:
                    if candidate.has_come and not candidate.is_gone:
                        self.present(candidate)
        return not self._awaits_orders
