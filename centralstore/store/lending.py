"""Lending a sitting to a relay, and having it back: what the central store decides and signs.

While a sitting is lent nothing is given for it here (`centralstore.store.lent`); envelopes are taken at any time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlmodel import Session, col, select

from centralstore.errors import DamagedError, NotFoundError, NotNowError
from centralstore.records import DeviceView, LendingView
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
from centralstore.rights import Act, Actor
from centralstore.store.devices import cleared_devices
from centralstore.store.lent import newest_lending
from centralstore.store.planning import get_sitting, sitting_parts, sitting_releases
from centralstore.store.releases import MARGIN_MS, Releases, staff_of
from centralstore.tables import (
    Account,
    Candidate,
    Enrolment,
    KeptGrant,
    KeptRelease,
    Lending,
    Place,
    Sitting,
    SittingPart,
)
from centralstore.words import LendingState, SittingState
from sync.delegation import Delegation, Recall, relay_id, sign_delegation, sign_recall, verify_delegation
from sync.keys import BoxPublic, VerifyKey
from sync.release import open_store_share, reseal_share, share_check, verify_grant


@dataclass(frozen=True, slots=True)
class LoanFiles:
    """What is carried to the relay: the delegation for the PCs, the sealed loan, and the packages."""

    delegation: bytes
    loan: bytes
    releases: Mapping[str, Path]


class Lendings(Releases):
    """Loans, at the store that lends."""

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


# --- rows to values -----------------------------------------------------------------------------------------------


def _id_of(relay: StorePublic) -> str:
    return relay_id(VerifyKey.from_hex(relay.ticket_key))


def _lent(session: Session, sitting: str) -> Lending:
    row = newest_lending(session, sitting)
    if row is None or row.state != LendingState.LENT.value:
        raise NotNowError(
            what="Taking back", where=f"sitting {sitting}", why="it is not lent", remedy="Nothing more to do."
        )
    return row


def _detached(session: Session, row: Lending | None) -> Lending | None:
    if row is not None:
        session.expunge(row)
    return row


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
