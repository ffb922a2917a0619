"""What a test leader decides for a running sitting: opening, starting, orders to single candidates, closing.

Each becomes one signed, numbered order; the PCs fetch them, journal them and apply each once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeVar

from sqlmodel import Session, col, delete, select

from centralstore.errors import FieldError, NotFoundError, NotNowError
from centralstore.leaves import order_leaf
from centralstore.records import DeviceView, OrderView
from centralstore.rights import Act, Actor
from centralstore.store.board import attempt_of, is_running, running_candidates
from centralstore.store.devices import require_cleared
from centralstore.store.keeper import House, Keeper
from centralstore.store.lent import require_here
from centralstore.store.log import append
from centralstore.store.planning import get_place, get_sitting, programme_of, sitting_parts
from centralstore.tables import (
    Deviation,
    Device,
    Enrolment,
    GivenOrder,
    KeptGrant,
    KeptProgress,
    OrderAck,
    Place,
    Sitting,
)
from centralstore.words import Attendance, DeviationKind, DeviceState, OrderKind, SittingState
from sync.canonical import canonical_bytes, parse_model, plain_of
from sync.orders import Order, SignedOrder, encode_orders, sign_order
from sync.segment import NO_HASH

_ORDER_VALUE_CHARS: Final = 256
"""The longest text value of an order (`sync.orders`)."""

LAST_NUMBER: Final = 2**31 - 1
"""No order has a larger number, and PostgreSQL takes none for that column."""

T = TypeVar("T")

ORDERS_AT_ONCE = 500
"""Most orders in one answer; a PC asks again from the last one it got."""


class Orders(Keeper):
    """The sitting's course and its orders."""

    def open_sitting(self, actor: Actor, sitting: str) -> None:
        """PLANNED → OPENED: from now the PCs can get the second half of the content key, and candidates can log in.

        Raises:
            NotNowError: it was opened before, or the authority's grants are not on this store.
        """

        def work(session: Session) -> None:
            row = get_sitting(session, sitting)
            where = f"sitting {sitting}"
            if row.state != SittingState.PLANNED.value:
                raise NotNowError("Opening", where, f"it is {row.state}", "A sitting is opened once.")
            if not row.store_share:
                raise NotNowError("Opening", where, "its grants are not here", "Add them with 'store add-grants'.")
            row.state, row.opened_ms = SittingState.OPENED.value, self.now_ms()
            session.add(row)
            append_order(session, self._house, actor, row, Decision(OrderKind.OPEN))

        self._order(actor, Act.OPEN_SITTING, sitting, "", work)

    def start_part(self, actor: Actor, sitting: str, part: str) -> None:
        """Start a part in the room; whoever was not admitted by now is late for it (reglement 4.5).

        Raises:
            NotNowError: the sitting is not open, the part has started, or it is not its turn.
        """

        def work(session: Session) -> None:
            row = _opened(session, sitting, "Starting a part")
            parts = sitting_parts(session, sitting)
            waiting = [entry for entry in parts if not entry.started_ms]
            if part not in {entry.part for entry in parts}:
                raise NotFoundError(what=f"In sitting {sitting}, part", name=part)
            if not waiting or waiting[0].part != part:
                why = f"{waiting[0].part} is next" if waiting else "all parts have started"
                raise NotNowError(
                    what="Starting a part",
                    where=f"sitting {sitting}, {part}",
                    why=why,
                    remedy="Keep the planned order.",
                )
            waiting[0].started_ms = self.now_ms()
            row.current_part = part
            session.add(waiting[0])
            session.add(row)
            present = _present(session, sitting)
            append_order(session, self._house, actor, row, Decision(OrderKind.START_PART, part=part, data=present))

        self._order(actor, Act.START_PART, sitting, "", work, detail={"part": part})

    def close_sitting(self, actor: Actor, sitting: str, reason: str = "") -> None:
        """OPENED → CLOSED: whoever did not come is noted "ikke møtt", and this store's half of the key is deleted.

        Args:
            reason: needed when candidates are still writing, as when a PC broke down for good.

        Raises:
            NotNowError: not open, or candidates are running and no reason is given.
        """

        def work(session: Session) -> None:
            row = _opened(session, sitting, "Closing")
            running = running_candidates(session, sitting)
            if running and not reason.strip():
                raise NotNowError(
                    "Closing", f"sitting {sitting}", f"{', '.join(running)} are not finished", "Wait, or give a reason."
                )
            append_order(session, self._house, actor, row, Decision(OrderKind.CLOSE, reason=reason))
            self._note_no_shows(session, actor, sitting)
            row.state, row.closed_ms, row.store_share = SittingState.CLOSED.value, self.now_ms(), b""
            session.add(row)
            session.exec(delete(KeptGrant).where(col(KeptGrant.sitting) == sitting))

        self._order(actor, Act.CLOSE_SITTING, sitting, "", work, detail={"reason": reason})

    def give_extra_time(
        self, actor: Actor, sitting: str, candidate: str, part: str, *, extra_ms: int, reason: str
    ) -> int:
        """Give time back after a disturbance; not in a part that does not allow it (listening, reglement 4.10).

        Returns:
            The order's number.

        Raises:
            FieldError: no reason, or no time.
            NotNowError: the part allows no extra time, or the candidate is not in it.
        """

        def work(session: Session) -> int:
            row = _opened(session, sitting, "Giving time")
            place = _place(sitting, candidate, part)
            _need_reason(reason, place)
            if extra_ms <= 0:
                raise FieldError(place, "extra time", f"{extra_ms} ms is not a time to give", "Give at least a minute.")
            _need_enrolled(session, sitting, candidate, part)
            if not programme_of(session, row).part(part).allows_extra_time:
                raise NotNowError(
                    what="Giving time", where=place, why="this part allows none", remedy="Note a deviation instead."
                )
            _need_running(session, sitting, candidate, part, "Giving time")
            data: dict[str, int | str] = {"extra_ms": extra_ms}
            return append_order(
                session,
                self._house,
                actor,
                row,
                Decision(OrderKind.EXTRA_TIME, candidate=candidate, part=part, data=data, reason=reason),
            )

        detail: dict[str, object] = {"part": part, "extra_ms": extra_ms, "reason": reason}
        return self._order(actor, Act.GIVE_TIME, sitting, candidate, work, detail=detail)

    def reset(self, actor: Actor, sitting: str, candidate: str, part: str, *, consent: str, reason: str) -> int:
        """Reset a broken-off part: the candidate starts it anew with full time, the old log is kept (reglement 4.10).

        Args:
            consent: how and when the candidate consented; without it nothing is reset.
            reason: what happened.

        Raises:
            FieldError: no consent or no reason.
            NotNowError: the candidate has no attempt at the part.
        """

        def work(session: Session) -> int:
            row = _opened(session, sitting, "Resetting")
            place = _place(sitting, candidate, part)
            if not consent.strip():
                raise FieldError(
                    place, "consent", "none is recorded (reglement 4.10)", "Ask the candidate and note it."
                )
            _need_reason(reason, place)
            attempt = attempt_of(session, sitting, candidate, part)
            if not attempt:
                raise NotNowError("Resetting", place, "there is no attempt", "The candidate can simply log in.")
            data: dict[str, int | str] = {"attempt": attempt, "consent": consent.strip()[:256]}
            return append_order(
                session,
                self._house,
                actor,
                row,
                Decision(OrderKind.RESET, candidate=candidate, part=part, data=data, reason=reason),
            )

        detail: dict[str, object] = {"part": part, "consent": consent, "reason": reason}
        return self._order(actor, Act.RESET, sitting, candidate, work, detail=detail)

    def unlock(self, actor: Actor, sitting: str, candidate: str, part: str, *, reason: str = "") -> int:
        """Unlock a candidate's screen."""

        def work(session: Session) -> int:
            row = _opened(session, sitting, "Unlocking")
            get_place(session, sitting, candidate)
            return append_order(
                session,
                self._house,
                actor,
                row,
                Decision(OrderKind.UNLOCK, candidate=candidate, part=part, reason=reason),
            )

        return self._order(actor, Act.UNLOCK, sitting, candidate, work, detail={"part": part, "reason": reason})

    def permit_handover(
        self, actor: Actor, sitting: str, candidate: str, part: str, *, to_device: str, reason: str
    ) -> int:
        """Let another cleared PC of the room take over an attempt, from where this store has it.

        Args:
            to_device: the other PC; "" = whichever cleared PC of the room the candidate logs in at next.
            reason: what happened.

        Raises:
            NotNowError: no attempt, or the other PC is not cleared for this room.
            FieldError: no reason.
        """

        def work(session: Session) -> int:
            row = _opened(session, sitting, "Handing over")
            place = _place(sitting, candidate, part)
            _need_reason(reason, place)
            attempt = attempt_of(session, sitting, candidate, part)
            if not attempt:
                raise NotNowError(
                    what="Handing over",
                    where=place,
                    why="there is no attempt",
                    remedy="The candidate can simply log in there.",
                )
            if to_device and not _is_cleared_for(session.get(Device, to_device), row):
                raise NotNowError(
                    what="Handing over",
                    where=place,
                    why=f"PC '{to_device}' is not cleared for this room",
                    remedy="Choose another.",
                )
            row_now = session.get(KeptProgress, attempt)
            holder = row_now.device if row_now is not None else ""
            data: dict[str, int | str] = {"attempt": attempt, "to_device": to_device, "from_device": holder}
            return append_order(
                session,
                self._house,
                actor,
                row,
                Decision(OrderKind.PERMIT_HANDOVER, candidate=candidate, part=part, data=data, reason=reason),
            )

        detail: dict[str, object] = {"part": part, "to_device": to_device, "reason": reason}
        return self._order(actor, Act.PERMIT_HANDOVER, sitting, candidate, work, detail=detail)

    def expel(self, actor: Actor, sitting: str, candidate: str, part: str, *, reason: str) -> int:
        """Expel at once; a running part is closed with what was answered. No warning is needed (reglement 4.11).

        Raises:
            FieldError: no reason.
            NotFoundError: not on the list, or not enrolled for the part.
        """

        def work(session: Session) -> int:
            row = _opened(session, sitting, "Expelling")
            get_place(session, sitting, candidate)
            _need_enrolled(session, sitting, candidate, part)
            _need_reason(reason, _place(sitting, candidate, part))
            return append_order(
                session,
                self._house,
                actor,
                row,
                Decision(OrderKind.EXPEL, candidate=candidate, part=part, reason=reason),
            )

        return self._order(actor, Act.EXPEL, sitting, candidate, work, detail={"part": part, "reason": reason})

    def orders(self, actor: Actor, sitting: str) -> tuple[OrderView, ...]:
        """All orders of a sitting, first first, with the PCs that have applied them."""
        self._look(actor, sitting)

        def work(session: Session) -> tuple[OrderView, ...]:
            acks = defaultdict[int, list[str]](list)
            for ack in session.exec(select(OrderAck).where(OrderAck.sitting == sitting)).all():
                acks[ack.number].append(ack.device)
            rows = session.exec(
                select(GivenOrder).where(GivenOrder.sitting == sitting).order_by(col(GivenOrder.number))
            ).all()
            return tuple(_order_view(row, tuple(sorted(acks[row.number]))) for row in rows)

        return self._read(work)

    # --- for the PCs --------------------------------------------------------------------------------------------------

    def signed_orders(self, sitting: str, after: int) -> tuple[bytes, int]:
        """The orders after number ``after`` as they travel, and how many they are."""
        after = min(after, LAST_NUMBER)

        def work(session: Session) -> tuple[bytes, int]:
            query = select(GivenOrder.data).where(GivenOrder.sitting == sitting, GivenOrder.number > after)
            found = session.exec(query.order_by(col(GivenOrder.number)).limit(ORDERS_AT_ONCE)).all()
            signed = [SignedOrder.model_validate_json(data) for data in found]
            return encode_orders(sitting, signed), len(signed)

        return self._read(work)

    def acknowledge(self, device: DeviceView, sitting: str, number: int, applied_ms: int) -> None:
        """A PC has applied an order; told twice, the first time stays.

        Raises:
            NotFoundError: no such order.
        """
        require_cleared(device)

        def work(session: Session) -> None:
            if number > LAST_NUMBER or session.get(GivenOrder, (sitting, number)) is None:
                raise NotFoundError(what=f"In sitting {sitting}, order", name=str(number))
            if session.get(OrderAck, (sitting, number, device.id)) is None:
                session.add(
                    OrderAck(
                        sitting=sitting,
                        number=number,
                        device=device.id,
                        applied_ms=applied_ms,
                        received_ms=self.now_ms(),
                    )
                )

        self._write(work, sitting)

    # --- helpers ------------------------------------------------------------------------------------------------------

    def _order(
        self, actor: Actor, act: Act, sitting: str, candidate: str, work: Callable[[Session], T], *,
        detail: dict[str, object] | None = None,
    ) -> T:  # fmt: skip
        answer = self._act(actor, act, self._where(sitting, candidate), work, detail=detail)
        self.bell.ring(f"orders/{sitting}")
        return answer

    def _note_no_shows(self, session: Session, actor: Actor, sitting: str) -> None:
        expected = select(Place).where(Place.sitting == sitting, Place.attendance == Attendance.EXPECTED.value)
        for place in session.exec(expected).all():
            place.attendance, place.marked_by, place.marked_ms = Attendance.NO_SHOW.value, actor.user, self.now_ms()
            session.add(place)
            session.add(
                Deviation(
                    sitting=sitting,
                    candidate=place.candidate,
                    part="",
                    kind=DeviationKind.NO_SHOW.value,
                    note="",
                    at_ms=self.now_ms(),
                    by=actor.user,
                )
            )


@dataclass(frozen=True, slots=True)
class Decision:
    """What an order says; ``candidate`` and ``part`` are "" where it is for the whole sitting."""

    kind: OrderKind
    candidate: str = ""
    part: str = ""
    reason: str = ""
    data: Mapping[str, int | str] = field(default_factory=dict[str, int | str])


def append_order(session: Session, house: House, actor: Actor, sitting: Sitting, decision: Decision) -> int:
    """Sign the next order of a sitting and keep it; its number.

    Runs inside the one writing transaction, so numbers have no gap and the chain no fork.

    Raises:
        LentError: another store gives this sitting.
    """
    require_here(session, sitting.id, f"An order ({decision.kind.value})")
    query = select(GivenOrder).where(GivenOrder.sitting == sitting.id).order_by(col(GivenOrder.number).desc())
    last = session.exec(query.limit(1)).first()
    plain: dict[str, object] = {
        "sitting": sitting.id,
        "number": last.number + 1 if last is not None else 1,
        "kind": decision.kind.value,
        "candidate": decision.candidate,
        "part": decision.part,
        "data": dict(decision.data),
        "reason": decision.reason.strip()[:1000],
        "by": actor.user,
        "at_utc_ms": house.clock(),
        "previous_sha256": last.sha256 if last is not None else NO_HASH,
    }
    order = parse_model(Order, plain, "order")
    keep_order(session, sign_order(order, house.keys.order))
    return order.number


def keep_order(session: Session, signed: SignedOrder) -> None:
    """Keep an order that follows those kept already, with its leaf in the log."""
    order = signed.order
    row = GivenOrder(
        sitting=order.sitting,
        number=order.number,
        kind=order.kind,
        candidate=order.candidate,
        part=order.part,
        reason=order.reason,
        by=order.by,
        at_ms=order.at_utc_ms,
        sha256=order.sha256,
        data=canonical_bytes(plain_of(signed)),
    )
    session.add(row)
    session.flush()
    append(session.connection(), [order_leaf(row)])


def _present(session: Session, sitting: str) -> dict[str, int | str]:
    """The numbers of those marked present, in values of at most 256 signs: "present_1", "present_2" and so on."""
    query = select(Place.candidate).where(Place.sitting == sitting, Place.attendance == Attendance.PRESENT.value)
    lines: list[str] = [""]
    for number in session.exec(query.order_by(col(Place.candidate))).all():
        if len(lines[-1]) + len(number) + 1 > _ORDER_VALUE_CHARS:
            lines.append("")
        lines[-1] = f"{lines[-1]} {number}".strip()
    return {f"present_{place}": line for place, line in enumerate(lines, start=1)}


def _is_cleared_for(device: Device | None, row: Sitting) -> bool:
    return (
        device is not None
        and device.state == DeviceState.CLEARED.value
        and (device.site, device.room) == (row.site, row.room)
    )


def _opened(session: Session, sitting: str, what: str) -> Sitting:
    row = get_sitting(session, sitting)
    if row.state != SittingState.OPENED.value:
        raise NotNowError(what, f"sitting {sitting}", f"it is {row.state}", "This needs an open sitting.")
    return row


def _place(sitting: str, candidate: str, part: str) -> str:
    return f"sitting {sitting}, candidate {candidate}, {part}"


def _need_reason(reason: str, place: str) -> None:
    if not reason.strip():
        raise FieldError(place, "reason", "it is empty", "Write in a few words what happened.")


def _need_enrolled(session: Session, sitting: str, candidate: str, part: str) -> None:
    if session.get(Enrolment, (sitting, candidate, part)) is None:
        raise NotFoundError(what=f"In sitting {sitting}, candidate {candidate}, part", name=part)


def _need_running(session: Session, sitting: str, candidate: str, part: str, what: str) -> None:
    _need_enrolled(session, sitting, candidate, part)
    if not is_running(session, sitting, candidate, part):
        place = _place(sitting, candidate, part)
        raise NotNowError(what, place, "the part is not running", "Look at the room page.")


def _order_view(row: GivenOrder, applied_by: tuple[str, ...]) -> OrderView:
    return OrderView(
        sitting=row.sitting,
        number=row.number,
        kind=OrderKind(row.kind),
        candidate=row.candidate,
        part=row.part,
        reason=row.reason,
        by=row.by,
        at_ms=row.at_ms,
        applied_by=applied_by,
    )
