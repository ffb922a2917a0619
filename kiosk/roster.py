"""What this PC knows of a sitting: its ticket, the orders so far, which attempts there are. Pure decisions on these."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from engine.admission import Admission, AdmissionFacts, SittingState, admit
from engine.state import Phase
from sync.passwords import PRODUCTION_MINIMUM, Cost, PasswordVerifier

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from engine.programme import Programme
    from sync.orders import Order
    from sync.ticket import Ticket, TicketCandidate, TicketPart, TicketRelease, TicketStaff


@dataclass(frozen=True, slots=True)
class KnownAttempt:
    """An attempt that this PC has, or that the store told of: the newest of a candidate's in a part.

    ``seen_order`` is the newest order that its journal on this PC knows of.
    """

    attempt: str
    candidate: str
    part: str
    device: str
    phase: Phase
    is_local: bool
    seen_order: int = 0


def _no_attempts() -> Mapping[tuple[str, str], KnownAttempt]:
    return {}


@dataclass(frozen=True, slots=True)
class Roster:
    """A sitting as this PC sees it. ``attempts`` is keyed by candidate number and part."""

    ticket: Ticket
    device: str
    orders: tuple[Order, ...] = ()
    attempts: Mapping[tuple[str, str], KnownAttempt] = field(default_factory=_no_attempts)

    # --- the sitting ------------------------------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """OPENED and not CLOSED."""
        return self._has("open") and not self.is_closed

    @property
    def is_closed(self) -> bool:
        """CLOSED."""
        return self._has("close")

    def is_started(self, part: str) -> bool:
        """The test leader has started the part in the room."""
        return any(order.kind == "start_part" and order.part == part for order in self.orders)

    def state(self, part: str) -> SittingState:
        """How far the sitting is, as far as a part is concerned."""
        if self.is_closed:
            return SittingState.CLOSED
        if not self.is_open:
            return SittingState.PLANNED
        return SittingState.STARTED if self.is_started(part) else SittingState.OPENED

    def was_present_at_start(self, candidate: str, part: str) -> bool:
        """Whether the start of the part named the candidate as present (True while the part is not started)."""
        for order in self.orders:
            if order.kind == "start_part" and order.part == part:
                named = " ".join(str(value) for key, value in order.data.items() if key.startswith("present"))
                return candidate in named.split()
        return True

    # --- people -----------------------------------------------------------------------------------------------------

    def candidate(self, login: str) -> TicketCandidate | None:
        """The candidate with this user name; letter case and spaces around do not matter."""
        wanted = login.strip().casefold()
        return next((each for each in self.ticket.candidates if each.login.casefold() == wanted), None)

    def staff(self, user: str) -> TicketStaff | None:
        """The member of staff with this user name."""
        wanted = user.strip().casefold()
        return next((each for each in self.ticket.staff if each.user.casefold() == wanted), None)

    def is_staff_password(self, user: str, password: str, minimum: Cost = PRODUCTION_MINIMUM) -> bool:
        """Whether user name and password are those of a test leader or test manager of the sitting."""
        member = self.staff(user)
        if member is None or member.role == "invigilator":
            return False
        return PasswordVerifier.parse(member.verifier, minimum).accepts(password)

    def parts_of(self, candidate: TicketCandidate) -> tuple[TicketPart, ...]:
        """The candidate's parts in the sitting's order."""
        order = {(each.programme, each.part): place for place, each in enumerate(self.ticket.parts)}
        last = len(order)
        return tuple(sorted(candidate.parts, key=lambda each: order.get((each.programme, each.part), last)))

    def next_part(self, candidate: TicketCandidate) -> TicketPart | None:
        """The part that the candidate takes now: the first, in the sitting's order, that has no ended attempt."""
        for part in self.parts_of(candidate):
            known = self.attempts.get((candidate.number, part.part))
            if known is None or known.phase in {Phase.LOGGED_IN, Phase.READY, Phase.RUNNING, Phase.RESET}:
                return part
        return None

    def release(self, part: TicketPart) -> TicketRelease | None:
        """The test package for a candidate's part."""
        wanted = (part.programme, part.part)
        return next((each for each in self.ticket.releases if (each.programme, each.part) == wanted), None)

    # --- decisions --------------------------------------------------------------------------------------------------

    def admission(
        self, candidate: TicketCandidate | None, part: TicketPart | None, *, is_password_right: bool
    ) -> Admission:
        """Whether the candidate may log in, or type a day code, at this PC now."""
        known = self.attempts.get((candidate.number, part.part)) if candidate is not None and part is not None else None
        return admit(
            AdmissionFacts(
                is_on_list=candidate is not None,
                is_password_right=is_password_right,
                is_device_cleared=self.device in self.ticket.devices,
                is_enrolled_for_part=part is not None,
                sitting=self.state(part.part) if part is not None else self._state_without_part(),
                was_admitted=(
                    part is None or candidate is None or self.was_present_at_start(candidate.number, part.part)
                ),
                earlier=None if known is None or known.phase is Phase.RESET else known.phase,
                is_running_elsewhere=known is not None and not known.is_local and known.device != self.device,
                is_handover_permitted=known is not None and self.permits_handover(known),
                is_expelled=candidate is not None and self.is_expelled(candidate.number),
            )
        )

    def _state_without_part(self) -> SittingState:
        if self.is_closed:
            return SittingState.CLOSED
        return SittingState.OPENED if self.is_open else SittingState.PLANNED

    def handover(self, attempt: str) -> Order | None:
        """The newest order that lets an attempt go on at another PC; None if there is none."""
        for order in reversed(self.orders):
            if order.kind == "permit_handover" and order.data.get("attempt") == attempt:
                return order
        return None

    def permits_handover(self, known: KnownAttempt) -> bool:
        """Whether the test leader lets this attempt come to this PC. An order is used up when the attempt has moved."""
        order = self.handover(known.attempt)
        if order is None or order.data.get("to_device", "") not in {"", self.device}:
            return False
        return order.data.get("from_device", known.device) in {"", known.device}

    def lets_go(self, attempt: str, since: int) -> Order | None:
        """The order after number ``since`` by which this PC lets an attempt go; None: it may stay."""
        order = self.handover(attempt)
        if order is None or order.number <= since or order.data.get("to_device", "") == self.device:
            return None
        return order

    def is_expelled(self, candidate: str) -> bool:
        """Whether an order expelled the candidate."""
        return any(order.kind == "expel" and order.candidate == candidate for order in self.orders)

    def orders_for(self, candidate: str, part: str) -> tuple[Order, ...]:
        """Orders about this candidate in this part (an empty part in an order means every part)."""
        return tuple(order for order in self.orders if order.candidate == candidate and order.part in {"", part})

    def superseded(self, candidate: str, part: str) -> str:
        """The attempt that a reset order ended last, "" if none."""
        resets = [order for order in self.orders_for(candidate, part) if order.kind == "reset"]
        return str(resets[-1].data.get("attempt", "")) if resets else ""

    def _has(self, kind: str) -> bool:
        return any(order.kind == kind for order in self.orders)


def newest(attempts: Iterable[KnownAttempt]) -> Mapping[tuple[str, str], KnownAttempt]:
    """By candidate and part, the last one given (callers give older ones first)."""
    return {(each.candidate, each.part): each for each in attempts}


def part_title(programme: Programme, part: str, language: str) -> str:
    """The part's name in a language."""
    titles = programme.part(part).titles
    return titles.get(language, titles["nb"])
