"""The central side of relays: lending a sitting, taking in what the relay tells, and having it back.

While a sitting is lent nothing is given for it here (`centralstore.store.lent`); envelopes are taken at any time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

from sqlmodel import Session, col, delete, select

from centralstore.errors import DamagedError, NotFoundError, NotNowError, UnknownDeviceError
from centralstore.records import ContradictionView, DeviceView, LendingView
from centralstore.relay.loan import (
    LentAccount,
    LentCandidate,
    LentDayCode,
    LentDevice,
    LentEnrolment,
    LentGrant,
    LentPart,
    LentRelease,
    Loan,
    StorePublic,
    seal_loan,
    to_base64,
)
from centralstore.relay.rows import RelayStanding
from centralstore.rights import Act, Actor
from centralstore.store.devices import cleared_devices
from centralstore.store.lent import newest_lending
from centralstore.store.orders import keep_order
from centralstore.store.planning import get_sitting, sitting_parts, sitting_releases
from centralstore.store.releases import MARGIN_MS, Releases, staff_of
from centralstore.tables import (
    Account,
    Candidate,
    Conflict,
    Contradiction,
    Enrolment,
    GivenOrder,
    KeptEnvelope,
    KeptGrant,
    KeptProgress,
    KeptRelease,
    Lending,
    Place,
    Sitting,
    SittingPart,
)
from centralstore.words import ContradictionKind, LendingState, OrderKind, SittingState
from engine.state import Phase
from sync.canonical import MAX_INT, read_model
from sync.delegation import (
    Delegation,
    Recall,
    Return,
    open_return,
    relay_id,
    sign_delegation,
    sign_recall,
    verify_delegation,
)
from sync.errors import ForgedOrderError, SyncDataError
from sync.keys import BoxPublic, VerifyKey
from sync.orders import MAX_ORDERS_BYTES, OrderList, OrderMessage, SignedOrder
from sync.release import open_store_share, reseal_share, share_check, verify_grant
from sync.segment import NO_HASH


@dataclass(frozen=True, slots=True)
class LoanFiles:
    """What is carried to the relay: the delegation for the PCs, the sealed loan, and the packages."""

    delegation: bytes
    loan: bytes
    releases: Mapping[str, Path]


class Relays(Releases):
    """Loans, and what relays tell."""

    # --- lending ------------------------------------------------------------------------------------------------------

    def lend(self, actor: Actor, sitting: str, relay: StorePublic) -> LoanFiles:
        """Give a planned sitting to a relay: nothing is given for it here until it is back. Asked again, the same loan.

        Raises:
            NotNowError: it was opened, its grants are not here, or it is lent to another relay.
            DamagedError: the relay's file is of another authority, or of this very store.
        """
        key = self.content_key()
        if relay.content_key != key.hex or relay.ticket_key == self._house.keys.ticket.public.hex:
            problem = "it is of another authority, or this store's own"
            raise DamagedError(what="The relay's public file", problem=problem)

        def work(session: Session) -> tuple[bytes, bytes]:
            row = get_sitting(session, sitting)
            lending = newest_lending(session, sitting)
            if lending is None or lending.state != LendingState.LENT.value:
                lending = self._new_lending(session, actor, row, relay)
            elif lending.relay != _id_of(relay):
                raise NotNowError(
                    "Lending", f"sitting {sitting}", f"it is lent to {lending.name}", "Take it back first."
                )
            loan = self._loan(session, row, lending, BoxPublic.from_hex(relay.box_key))
            return lending.delegation, seal_loan(loan, BoxPublic.from_hex(relay.box_key), self._house.keys.ticket)

        detail: dict[str, object] = {"relay": _id_of(relay), "name": relay.name, "url": relay.url}
        delegation, loan = self._act(actor, Act.LEND, self._where(sitting), work, detail=detail)
        self.bell.ring(f"orders/{sitting}")
        return LoanFiles(delegation, loan, self._read(lambda session: self._lent_files(session, sitting)))

    def lending(self, actor: Actor, sitting: str) -> LendingView | None:
        """The newest loan of a sitting; None when it was never lent."""
        self._look(actor, sitting)

        def work(session: Session) -> LendingView | None:
            row = newest_lending(session, sitting)
            return _lending_view(row) if row is not None else None

        return self._read(work)

    def take_back(self, actor: Actor, sitting: str, reason: str) -> None:
        """Have a sitting back without the relay's return, when the relay cannot give it: two lists may exist then.

        Raises:
            NotNowError: it is not lent, or no reason is given.
        """

        def work(session: Session) -> None:
            row = _lent(session, sitting)
            if not reason.strip():
                raise NotNowError(
                    what="Taking back",
                    where=f"sitting {sitting}",
                    why="no reason is given",
                    remedy="Say what happened.",
                )
            row.state, row.reason = LendingState.TAKEN_BACK.value, reason.strip()[:1000]
            row.ended_by, row.ended_ms = actor.user, self.now_ms()
            session.add(row)

        self._act(actor, Act.TAKE_BACK, self._where(sitting), work, detail={"reason": reason.strip()[:1000]})
        self.bell.ring(f"orders/{sitting}")

    def contradictions(self, actor: Actor, sitting: str) -> tuple[ContradictionView, ...]:
        """What two stores, or two PCs, tell differently of a sitting; candidates with two attempts among them."""
        self._look(actor, sitting)

        def work(session: Session) -> tuple[ContradictionView, ...]:
            query = select(Contradiction).where(Contradiction.sitting == sitting).order_by(col(Contradiction.id))
            kept = tuple(_contradiction_view(row) for row in session.exec(query).all())
            return (*kept, *_two_attempts(session, sitting))

        return self._read(work)

    # --- for the PCs --------------------------------------------------------------------------------------------------

    def delegation(self, device: DeviceView, sitting: str) -> bytes:
        """The delegation that holds for a sitting of the PC's room, or the recall of the last one.

        Raises:
            NotFoundError: it was never lent.
        """
        self.require_device_sitting(device, sitting)
        row = self._read(lambda session: _detached(session, newest_lending(session, sitting)))
        if row is None:
            raise NotFoundError(what="Delegation of sitting", name=sitting, remedy="It is given by this store itself.")
        if row.state == LendingState.LENT.value:
            return row.delegation
        return sign_recall(Recall(sitting=sitting, number=row.number, at_utc_ms=row.ended_ms), self._house.keys.ticket)

    def delegations(self, sitting: str) -> tuple[bytes, ...]:
        """Every delegation of a sitting, first first: whose orders count beside this store's."""
        query = select(Lending.delegation).where(Lending.sitting == sitting).order_by(col(Lending.number))
        return self._read(lambda session: tuple(session.exec(query).all()))

    def take_heard_orders(self, device: DeviceView, data: bytes) -> int:
        """Orders of a relay that a PC of the room kept; the number of the last order here.

        Raises:
            DamagedError: not an order list, or not signed by a relay that this sitting was lent to.
            NotFoundError: the sitting is not in the PC's room.
        """
        sitting = _sitting_of_orders(data)
        self.require_device_sitting(device, sitting)
        return self._take_orders(sitting, data)

    # --- for the relay ------------------------------------------------------------------------------------------------

    def relay_key(self, relay: str) -> VerifyKey:
        """The key by which a relay signs its requests: its ticket key, as in the delegation.

        Raises:
            UnknownDeviceError: nothing was ever lent to it.
        """
        query = select(Lending.delegation).where(Lending.relay == relay).limit(1)
        found = self._read(lambda session: session.exec(query).first())
        if found is None:
            raise UnknownDeviceError(relay, "is no relay of this store")
        return VerifyKey.from_hex(self._opened(found).ticket_key)

    def relay_standing(self, relay: str, sitting: str) -> RelayStanding:
        """What is held here of a sitting that this relay borrowed.

        Raises:
            NotFoundError: it was not lent to this relay.
        """

        def work(session: Session) -> RelayStanding:
            row = lent_to(session, relay, sitting)
            last = _last_order(session, sitting)
            return RelayStanding(
                sitting=sitting,
                number=row.number,
                state=row.state,
                last_order=last.number if last is not None else 0,
                last_order_sha256=last.sha256 if last is not None else NO_HASH,
            )

        return self._read(work)

    def take_relay_orders(self, relay: str, data: bytes) -> int:
        """The orders that a relay gave; the number of the last order here.

        Raises:
            DamagedError: not an order list, or not signed by that relay.
            NotFoundError: the sitting was not lent to this relay.
        """
        sitting = _sitting_of_orders(data)
        self._read(lambda session: lent_to(session, relay, sitting).number)
        return self._take_orders(sitting, data)

    def take_return(self, relay: str, sitting: str, data: bytes) -> bool:
        """A relay's return: the sitting is given here again, if everything that it holds is here. Twice is harmless.

        Returns:
            Whether the sitting came back by it (or had before).

        Raises:
            DamagedError: not a return of that loan.
            NotNowError: an order or an envelope that the relay holds is not here yet.
        """

        def work(session: Session) -> bool:
            row = lent_to(session, relay, sitting)
            try:
                told = open_return(data, self._opened(row.delegation))
            except SyncDataError as error:
                raise DamagedError("Return", str(error).rstrip(".")) from error
            _require_all(session, told)
            if row.state == LendingState.LENT.value:
                row.state, row.ended_by, row.ended_ms = LendingState.RETURNED.value, relay, self.now_ms()
            row.returned = data
            session.add(row)
            return row.state == LendingState.RETURNED.value

        came_back = self._write(work, sitting)
        self.bell.ring(f"orders/{sitting}")
        return came_back

    # --- helpers ------------------------------------------------------------------------------------------------------

    def _opened(self, delegation: bytes) -> Delegation:
        return verify_delegation(delegation, self._house.keys.ticket.public)

    def _new_lending(self, session: Session, actor: Actor, row: Sitting, relay: StorePublic) -> Lending:
        where = f"sitting {row.id}"
        if row.state != SittingState.PLANNED.value:
            raise NotNowError("Lending", where, f"it is {row.state}", "A sitting is lent before it is opened.")
        if not row.store_share:
            raise NotNowError("Lending", where, "its grants are not here", "Add them with 'store add-grants'.")
        before = newest_lending(session, row.id)
        number = before.number + 1 if before is not None else 1
        ends = sitting_parts(session, row.id)[-1].planned_end_ms + MARGIN_MS
        delegation = Delegation(
            sitting=row.id,
            number=number,
            relay=_id_of(relay),
            name=relay.name,
            url=relay.url,
            ca_pem=relay.ca_pem,
            order_key=relay.order_key,
            ticket_key=relay.ticket_key,
            receipt_key=relay.receipt_key,
            log_key=relay.log_key,
            box_key=relay.box_key,
            valid_from_utc_ms=self.now_ms(),
            valid_to_utc_ms=max(ends, self.now_ms() + MARGIN_MS),
        )
        lending = Lending(
            sitting=row.id,
            number=number,
            relay=delegation.relay,
            name=relay.name,
            url=relay.url,
            state=LendingState.LENT.value,
            lent_by=actor.user,
            lent_ms=self.now_ms(),
            delegation=sign_delegation(delegation, self._house.keys.ticket),
        )
        session.add(lending)
        session.flush()
        return lending

    def _loan(self, session: Session, row: Sitting, lending: Lending, box: BoxPublic) -> Loan:
        code = self.ensure_day_code(session, row)
        key = self.content_key()
        share = open_store_share(row.store_share, sitting=row.id, box=self._house.keys.box, content_key=key)
        grants = session.exec(select(KeptGrant).where(KeptGrant.sitting == row.id)).all()
        if any(verify_grant(grant.data, key).share_check != share_check(row.id, share) for grant in grants):
            raise NotNowError("Lending", f"sitting {row.id}", "its grants are of two makings", "Make all grants anew.")
        return Loan(
            sitting=row.id,
            number=lending.number,
            delegation=to_base64(lending.delegation),
            content_key=key.hex,
            site=row.site,
            room=row.room,
            date=row.date,
            programme=row.programme,
            test_leader=row.test_leader,
            recovery_public=row.recovery_public,
            share=to_base64(reseal_share(share, sitting=row.id, relay=box, ticket_key=self._house.keys.ticket)),
            day_code=LentDayCode(
                site=code.site,
                date=code.date,
                sitting=code.sitting,
                code=self._open_day_code(code),
                verifier=code.verifier,
            ),
            parts=tuple(_lent_part(part) for part in sitting_parts(session, row.id)),
            releases=tuple(
                LentRelease(release=name, sha256=session.get_one(KeptRelease, name).sha256)
                for name in sitting_releases(session, row.id)
            ),
            candidates=_lent_candidates(session, row.id),
            accounts=_lent_accounts(session, row),
            devices=tuple(
                LentDevice(
                    device=device.id,
                    name=device.name,
                    x25519=device.x25519.hex(),
                    ed25519=device.ed25519.hex(),
                    enrolled_ms=device.enrolled_ms,
                )
                for device in cleared_devices(session, row.site, row.room)
            ),
            grants=tuple(
                LentGrant(device=grant.device, release=grant.release, grant=to_base64(grant.data)) for grant in grants
            ),
        )

    def _lent_files(self, session: Session, sitting: str) -> Mapping[str, Path]:
        folder = self._house.folder.releases
        names = sitting_releases(session, sitting)
        return {name: folder / session.get_one(KeptRelease, name).file_name for name in names}

    def _take_orders(self, sitting: str, data: bytes) -> int:
        """Keep what follows the orders here; another order under a number that is taken is a contradiction to show."""
        keys = tuple(VerifyKey.from_hex(self._opened(each).order_key) for each in self.delegations(sitting))
        own = self._house.keys.order.public
        try:
            signed = read_model(OrderMessage, data, "order list", limit=MAX_ORDERS_BYTES).orders
            # Signatures first: nothing of a list with a forged order is looked at.
            for entry in signed:
                OrderList(sitting, own, also_by=keys).check(entry)
        except SyncDataError as error:
            raise DamagedError("Orders", str(error).rstrip(".")) from error

        def work(session: Session) -> int:
            row = get_sitting(session, sitting)
            here = OrderList(sitting, own, _kept_orders(session, sitting), keys)
            givers = self._givers(session, sitting)
            for entry in signed:
                counting = tuple(key for key, last in givers if entry.order.number <= last)
                here = self._take_order(session, row, replace(here, also_by=counting), entry)
            return here.last_number

        last = self._write(work, sitting)
        self.bell.ring(f"orders/{sitting}")
        return last

    def _givers(self, session: Session, sitting: str) -> list[tuple[VerifyKey, int]]:
        """Relays' order keys, each with the last number that counts: after a return none that it does not name."""
        lendings = session.exec(select(Lending).where(Lending.sitting == sitting)).all()
        given = [(self._opened(row.delegation), row.returned) for row in lendings]
        return [
            (VerifyKey.from_hex(each.order_key), open_return(told, each).last_order if told else MAX_INT)
            for each, told in given
        ]

    def _take_order(self, session: Session, row: Sitting, here: OrderList, entry: SignedOrder) -> OrderList:
        try:
            longer = here.with_order(entry)
        except ForgedOrderError:
            order = entry.order
            known = here.orders[order.number - 1].sha256 if order.number <= here.last_number else ""
            contradict(
                session,
                Contradiction(
                    sitting=row.id,
                    kind=ContradictionKind.ORDER.value,
                    subject=f"order {order.number}, {order.sha256[:16]}",
                    candidate=order.candidate,
                    part=order.part,
                    told={"kind": order.kind, "number": order.number, "by": order.by, "offered": order.sha256,
                          "kept": known, "signed": entry.model_dump(mode="json")},
                    at_ms=self.now_ms(),
                ),
            )  # fmt: skip
            return here
        except SyncDataError as error:
            raise DamagedError("Orders", str(error).rstrip(".")) from error
        if longer is not here:
            keep_order(session, entry)
            _take_effect(session, row, entry)
        return longer


def _take_effect(session: Session, row: Sitting, entry: SignedOrder) -> None:
    """What a relay's order did to the sitting as a whole."""
    order = entry.order
    if order.kind == OrderKind.OPEN.value and row.state == SittingState.PLANNED.value:
        row.state, row.opened_ms = SittingState.OPENED.value, order.at_utc_ms
    elif order.kind == OrderKind.START_PART.value:
        part = session.get(SittingPart, (row.id, order.part))
        if part is not None:
            part.started_ms, row.current_part = order.at_utc_ms, order.part
            session.add(part)
    elif order.kind == OrderKind.CLOSE.value:
        row.state, row.closed_ms, row.store_share = SittingState.CLOSED.value, order.at_utc_ms, b""
        session.exec(delete(KeptGrant).where(col(KeptGrant.sitting) == row.id))
    session.add(row)


def contradict(session: Session, found: Contradiction) -> None:
    """Keep a contradiction, once."""
    known = select(Contradiction.id).where(
        Contradiction.sitting == found.sitting,
        Contradiction.kind == found.kind,
        Contradiction.subject == found.subject,
    )
    if session.exec(known).first() is None:
        session.add(found)
        session.flush()


def _two_attempts(session: Session, sitting: str) -> tuple[ContradictionView, ...]:
    """Candidates of whom PCs told two attempts at one part, neither of them reset."""
    resets = select(GivenOrder.data).where(GivenOrder.sitting == sitting, GivenOrder.kind == OrderKind.RESET.value)
    reset = {str(SignedOrder.model_validate_json(each).order.data.get("attempt", "")) for each in session.exec(resets)}
    query = select(KeptProgress).where(KeptProgress.sitting == sitting, KeptProgress.phase != Phase.RESET.value)
    rows = [
        row
        for row in session.exec(
            query.order_by(col(KeptProgress.candidate), col(KeptProgress.part), col(KeptProgress.attempt))
        )
        if row.attempt not in reset
    ]
    found: list[ContradictionView] = []
    for (candidate, part), group in groupby(rows, key=lambda row: (row.candidate, row.part)):
        attempts = list(group)
        if len(attempts) > 1:
            told: dict[str, object] = {row.attempt: f"{row.device} {row.phase}" for row in attempts}
            at_ms = max(row.received_ms for row in attempts)
            subject = f"{candidate} {part}"
            found.append(ContradictionView(ContradictionKind.TWO_ATTEMPTS, subject, candidate, part, told, at_ms))
    return tuple(found)


def _require_all(session: Session, told: Return) -> None:
    """Let pass a return of what is wholly here.

    Raises:
        NotNowError: something is missing.
    """
    order = session.get(GivenOrder, (told.sitting, told.last_order)) if told.last_order else None
    contradicted = select(Contradiction.id).where(
        Contradiction.sitting == told.sitting, Contradiction.kind == ContradictionKind.ORDER.value
    )
    is_here = (order.sha256 if order is not None else NO_HASH) == told.last_order_sha256
    if not is_here and session.exec(contradicted).first() is None:
        raise NotNowError(
            what="The return", where=f"sitting {told.sitting}", why="an order is not here", remedy="Forward again."
        )
    here = set(session.exec(select(KeptEnvelope.sha256).where(KeptEnvelope.sitting == told.sitting)).all())
    here |= set(session.exec(select(Conflict.offered_sha256).where(Conflict.sitting == told.sitting)).all())
    if missing := set(told.envelopes) - here:
        why = f"{len(missing)} envelopes are not here"
        raise NotNowError(what="The return", where=f"sitting {told.sitting}", why=why, remedy="Forward again.")


# --- rows to values and back ------------------------------------------------------------------------------------------


def _id_of(relay: StorePublic) -> str:
    return relay_id(VerifyKey.from_hex(relay.ticket_key))


def _lent(session: Session, sitting: str) -> Lending:
    row = newest_lending(session, sitting)
    if row is None or row.state != LendingState.LENT.value:
        raise NotNowError(
            what="Taking back", where=f"sitting {sitting}", why="it is not lent", remedy="Nothing more to do."
        )
    return row


def lent_to(session: Session, relay: str, sitting: str) -> Lending:
    """The newest loan of a sitting to a relay.

    Raises:
        NotFoundError: there was none.
    """
    query = select(Lending).where(Lending.sitting == sitting, Lending.relay == relay)
    row = session.exec(query.order_by(col(Lending.number).desc()).limit(1)).first()
    if row is None:
        raise NotFoundError(what=f"Of relay {relay}, sitting", name=sitting, remedy="It was not lent to this relay.")
    return row


def _detached(session: Session, row: Lending | None) -> Lending | None:
    if row is not None:
        session.expunge(row)
    return row


def _last_order(session: Session, sitting: str) -> GivenOrder | None:
    query = select(GivenOrder).where(GivenOrder.sitting == sitting).order_by(col(GivenOrder.number).desc())
    return session.exec(query.limit(1)).first()


def _kept_orders(session: Session, sitting: str) -> tuple[SignedOrder, ...]:
    query = select(GivenOrder.data).where(GivenOrder.sitting == sitting).order_by(col(GivenOrder.number))
    return tuple(SignedOrder.model_validate_json(data) for data in session.exec(query).all())


def _sitting_of_orders(data: bytes) -> str:
    try:
        return read_model(OrderMessage, data, "order list", limit=MAX_ORDERS_BYTES).sitting
    except SyncDataError as error:
        raise DamagedError("Orders", str(error).rstrip(".")) from error


def _lent_part(part: SittingPart) -> LentPart:
    return LentPart(
        part=part.part,
        position=part.position,
        planned_start_ms=part.planned_start_ms,
        planned_end_ms=part.planned_end_ms,
    )


def _lent_candidates(session: Session, sitting: str) -> tuple[LentCandidate, ...]:
    entries: dict[str, list[LentEnrolment]] = {}
    enrolments = select(Enrolment).where(Enrolment.sitting == sitting).order_by(col(Enrolment.part))
    for row in session.exec(enrolments).all():
        entry = LentEnrolment(part=row.part, level=row.level, accommodation_ms=row.accommodation_ms)
        entries.setdefault(row.candidate, []).append(entry)
    places = session.exec(select(Place).where(Place.sitting == sitting).order_by(col(Place.seat))).all()
    return tuple(
        _lent_candidate(session.get_one(Candidate, place.candidate), place.seat, entries.get(place.candidate, []))
        for place in places
    )


def _lent_candidate(person: Candidate, seat: int, entries: Sequence[LentEnrolment]) -> LentCandidate:
    return LentCandidate(
        number=person.number,
        name=person.name,
        is_protected=person.is_protected,
        login=person.login,
        verifier=person.verifier,
        seat=seat,
        enrolments=tuple(entries),
    )


def _lent_accounts(session: Session, row: Sitting) -> tuple[LentAccount, ...]:
    return tuple(_lent_account(account) for account in staff_of(session, row))


def _lent_account(account: Account) -> LentAccount:
    return LentAccount(
        user=account.user, name=account.name, verifier=account.verifier, role=account.role, room=account.room
    )


def _lending_view(row: Lending) -> LendingView:
    return LendingView(
        sitting=row.sitting,
        number=row.number,
        relay=row.relay,
        name=row.name,
        url=row.url,
        state=LendingState(row.state),
        lent_ms=row.lent_ms,
        ended_by=row.ended_by,
        ended_ms=row.ended_ms,
        reason=row.reason,
    )


def _contradiction_view(row: Contradiction) -> ContradictionView:
    kind = ContradictionKind(row.kind)
    return ContradictionView(kind, row.subject, row.candidate, row.part, row.told, row.at_ms)
