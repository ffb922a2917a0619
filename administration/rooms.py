"""What the pages of one sitting stand on: the store's views of this moment put together."""

from __future__ import annotations

from dataclasses import dataclass

from administration.board import (
    Moment,
    RoomView,
    Status,
    Tile,
    coming_part,
    entry_of,
    moment_of,
    progress_of,
    room_view,
)
from administration.offers import Standpoint
from administration.pcs import IdlePcs, idle_pcs
from administration.texts import Language
from administration.watch import Watch
from centralstore.errors import NotFoundError
from centralstore.records import (
    Board,
    BorrowingView,
    ConflictView,
    ContradictionView,
    ExitView,
    LendingView,
    OrderView,
    PartView,
    ProgressView,
    SeatView,
    SittingView,
)
from centralstore.rights import Act, Actor, permits
from centralstore.store import Store
from centralstore.words import Attendance, LendingState
from engine.programme import PartRules, Programme
from engine.state import Phase


@dataclass(frozen=True, slots=True)
class Room:
    """A sitting at one moment."""

    actor: Actor
    board: Board
    programme: Programme
    moment: Moment
    view: RoomView
    orders: tuple[OrderView, ...]
    exits: tuple[ExitView, ...]
    conflicts: tuple[ConflictView, ...]
    lending: LendingView | None = None
    borrowing: BorrowingView | None = None
    contradictions: tuple[ContradictionView, ...] = ()

    @property
    def sitting(self) -> SittingView:
        """The sitting itself."""
        return self.board.sitting

    @property
    def is_lent(self) -> bool:
        """Whether a relay gives the sitting now."""
        return self.lending is not None and self.lending.state is LendingState.LENT

    @property
    def is_elsewhere(self) -> bool:
        """Whether everything is done at another store now: the relay that has it, or the central one after a return."""
        return self.is_lent or (self.borrowing is not None and self.borrowing.is_returned)

    @property
    def elsewhere_url(self) -> str:
        """Where the sitting is given now, as a page's address; "" = here."""
        if self.lending is not None and self.is_lent:
            url = self.lending.url
        else:
            url = self.borrowing.central_url if self.borrowing is not None and self.is_elsewhere else ""
        return f"{url.rstrip('/')}/sittings/{self.sitting.id}" if url.startswith("https://") else ""

    @property
    def coming(self) -> PartView | None:
        """The part to be started next."""
        return coming_part(self.sitting)

    @property
    def pcs(self) -> IdlePcs:
        """The PCs without a candidate that need somebody; where the sitting is given they are known."""
        return IdlePcs() if self.is_elsewhere else idle_pcs(self.board, self.view)

    def may(self, act: Act) -> bool:
        """Whether the person looking may do this here."""
        return permits(self.actor, act, self.sitting.site, self.sitting.room)

    def rules(self, part: str) -> PartRules | None:
        """A part's rules; None for a part that the programme has not."""
        return next((rules for rules in self.programme.parts if rules.part == part), None)

    def title(self, part: str, language: Language) -> str:
        """A part's name."""
        rules = self.rules(part)
        return rules.titles.get(language.value, rules.titles["nb"]) if rules is not None else part

    def seat(self, candidate: str) -> SeatView:
        """A candidate's seat.

        Raises:
            NotFoundError: not on the list.
        """
        found = next((seat for seat in self.board.seats if seat.candidate == candidate), None)
        if found is None:
            raise NotFoundError(what=f"On the list of sitting {self.sitting.id}, candidate", name=candidate)
        return found

    def tile(self, candidate: str) -> Tile:
        """A candidate's tile; the candidate is on the list."""
        return next(tile for tile in self.view.tiles if tile.candidate == candidate)

    def progress(self, seat: SeatView) -> ProgressView | None:
        """The newest report about the shown part."""
        return progress_of(seat, self.view.part)

    def standpoint(self, seat: SeatView) -> Standpoint:
        """The seat as its acts see it."""
        return Standpoint(
            seat=seat,
            entry=entry_of(seat, self.view.part),
            rules=self.rules(self.view.part),
            state=self.sitting.state,
            is_started=bool(self.view.started_ms),
            is_signed=bool(self.sitting.signed_ms),
            is_out=seat.is_out,
            status=self.tile(seat.candidate).status,
        )

    @property
    def present(self) -> tuple[Tile, ...]:
        """Everybody in the room who is to take the shown part."""
        return tuple(
            tile
            for tile in self.view.by_seat()
            if tile.attendance is Attendance.PRESENT and tile.status is not Status.NOT_ENROLLED
        )

    @property
    def running(self) -> tuple[SeatView, ...]:
        """Everybody with a part begun and not ended; closing now needs a reason."""
        return tuple(
            seat for seat in self.board.seats if any(entry.phase == Phase.RUNNING.value for entry in seat.entries)
        )

    @property
    def not_logged_in(self) -> tuple[Tile, ...]:
        """Present and yet not logged in for the shown part (reglement 4.1)."""
        absent = {Status.NOT_LOGGED_IN, Status.EXPECTED, Status.NOT_STARTED}
        return tuple(tile for tile in self.present if tile.status in absent)


class Rooms:
    """Looks into rooms; remembers when states were first seen."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._watch = Watch()

    def look(self, actor: Actor, sitting: str) -> Room:
        """A sitting now.

        Raises:
            NoRightError: another room's or site's; logged.
            NotFoundError: no such sitting.
        """
        board = self.store.board(actor, sitting)
        orders, exits = self.store.orders(actor, sitting), self.store.exits(actor, sitting)
        moment = moment_of(board, orders, exits)
        view = room_view(board, moment, lambda key, suggestion: self._watch.first_seen(f"{sitting}/{key}", suggestion))
        conflicts = self.store.conflicts(actor, sitting)
        return Room(
            *(actor, board, self.store.programme(sitting), moment, view, orders, exits, conflicts),
            lending=self.store.lending(actor, sitting),
            borrowing=self.store.borrowing(sitting),
            contradictions=self.store.contradictions(actor, sitting),
        )
