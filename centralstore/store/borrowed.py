"""The relay's side: borrowing a sitting, what of it the central store has not got, and giving it back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlmodel import Session, SQLModel, col, func, select

from centralstore.errors import DamagedError, NotFoundError, NotNowError, TakenError
from centralstore.records import BorrowingView
from centralstore.relay.loan import LentCandidate, Loan, StorePublic, from_base64, open_loan
from centralstore.relay.rows import MOST_ROWS, ROWS, RelayStanding, TellingRow, telling_row
from centralstore.rights import Act, Actor
from centralstore.store.devices import Devices, cleared_devices
from centralstore.store.keeper import Where
from centralstore.store.planning import get_sitting
from centralstore.store.relayed import RelayedRows
from centralstore.tables import (
    Account,
    Audit,
    Borrowing,
    Candidate,
    CentralReceipt,
    Conflict,
    DayCode,
    Deviation,
    Device,
    Enrolment,
    Exit,
    GivenOrder,
    Incident,
    KeptEnvelope,
    KeptGrant,
    KeptProgress,
    OrderAck,
    Place,
    Report,
    SentRow,
    Sitting,
    SittingPart,
    SittingRelease,
)
from centralstore.words import Attendance, DeviceState, LendingState, SittingState
from sync.canonical import parse_model, plain_of
from sync.delegation import Delegation, Return, relay_id, sign_return, verify_delegation
from sync.errors import SyncDataError
from sync.keys import VerifyKey, hpke_seal
from sync.orders import SignedOrder, encode_orders
from sync.release import open_lent_share, share_check, verify_grant
from sync.requests import sign_request
from sync.segment import NO_HASH

ENVELOPES_AT_ONCE: Final = 64
ORDERS_AT_ONCE: Final = 200

CENTRAL: Final = "central store"
"""The role under which a relay logs what it learns that the central store decided."""

_TABLES: Final[Mapping[str, type[SQLModel]]] = {
    "place": Place,
    "enrolment": Enrolment,
    "exit": Exit,
    "deviation": Deviation,
    "incident": Incident,
    "report": Report,
    "ack": OrderAck,
    "progress": KeptProgress,
    "audit": Audit,
}


@dataclass(frozen=True, slots=True)
class Unsent:
    """An envelope that has no receipt of the central store yet, by its identity."""

    sha256: str
    data: bytes = field(repr=False)


class Borrowed(RelayedRows, Devices):
    """Sittings that this store gives for a central one."""

    def public(self, url: str) -> StorePublic:
        """This store's public identity, for the other store's hands."""
        keys = self._house.keys
        return StorePublic(
            name=self._house.folder.settings.name,
            url=url,
            ca_pem=self._house.folder.ca_file.read_text(encoding="ascii"),
            order_key=keys.order.public.hex,
            ticket_key=keys.ticket.public.hex,
            receipt_key=keys.receipt.public.hex,
            log_key=keys.log.public.hex,
            box_key=keys.box.public.hex,
            content_key=self.content_key().hex,
        )

    def open_loan(self, data: bytes, central: StorePublic) -> Loan:
        """A loan for this relay.

        Raises:
            DamagedError: it is none of that central store, or not for this relay.
        """
        try:
            return open_loan(
                data,
                box=self._house.keys.box,
                ticket_key=VerifyKey.from_hex(central.ticket_key),
                content_key=self.content_key(),
            )
        except SyncDataError as error:
            raise DamagedError("Loan", str(error).rstrip(".")) from error

    def borrow(self, actor: Actor, loan: Loan, central: StorePublic) -> bool:
        """Take a loan in; its packages are here already. The same one again changes nothing.

        Returns:
            Whether it was new.

        Raises:
            DamagedError: delegation, share or grants do not fit each other or this relay.
            TakenError: this store has a sitting of that name of its own.
            NotNowError: an older loan, or the one before is not given back.
        """
        delegation = self._fitting(loan, central)

        def work(session: Session) -> bool:
            known = session.get(Borrowing, loan.sitting)
            if known is None and session.get(Sitting, loan.sitting) is not None:
                raise TakenError("Sitting", loan.sitting, "It is this store's own.")
            if known is not None and known.number == loan.number:
                return False
            if known is not None and (known.number > loan.number or not known.returned):
                why = "a newer loan is here" if known.number > loan.number else "the loan before is not given back"
                raise NotNowError("Borrowing", f"sitting {loan.sitting}", why, "Ask the central store.")
            _take_in(session, loan)
            self._take_in_place(session, loan)
            session.merge(
                Borrowing(
                    sitting=loan.sitting,
                    number=loan.number,
                    delegation=delegation,
                    central=plain_of(central),
                    borrowed_ms=self.now_ms(),
                )
            )
            return True

        where = Where(loan.site, loan.room, loan.sitting)
        detail: dict[str, object] = {"central": central.name, "number": loan.number}
        is_new = self._act(actor, Act.BORROW, where, work, detail=detail)
        for device in loan.devices:
            self.forget_device(device.device)
        return is_new

    def borrowings(self) -> tuple[BorrowingView, ...]:
        """Every borrowed sitting and how much of it the central store has got."""

        def work(session: Session) -> tuple[BorrowingView, ...]:
            rows = session.exec(select(Borrowing).order_by(col(Borrowing.sitting))).all()
            return tuple(_borrowing_view(session, row) for row in rows)

        return self._read(work)

    def borrowing(self, sitting: str) -> BorrowingView | None:
        """One borrowed sitting; None where the sitting is this store's own."""
        return next((view for view in self.borrowings() if view.sitting == sitting), None)

    def central_of(self, sitting: str) -> StorePublic:
        """The central store that a sitting was borrowed from.

        Raises:
            NotFoundError: it was not borrowed.
        """
        row = self._read(lambda session: session.get(Borrowing, sitting))
        if row is None:
            raise NotFoundError(what="Borrowed sitting", name=sitting, remedy="'store borrow' takes one in.")
        return parse_model(StorePublic, row.central, "public file")

    # --- what the central store decided meanwhile ---------------------------------------------------------------------

    def heed(self, sitting: str, standing: RelayStanding) -> tuple[str, ...]:
        """Shut out whom the central store has shut out, and give nothing more when it has taken the sitting back.

        Args:
            sitting: a borrowed one.
            standing: the central store's word of it, as it came over a line with its certificate.

        Returns:
            A sentence for each thing that is new by it.
        """
        where = self._where(sitting)
        # Asked every few seconds, and nearly always nothing is new: then nothing is written.
        if not self._read(lambda session: any(_news(session, sitting, where, standing))):
            return ()

        def work(session: Session) -> tuple[str, ...]:
            row = session.get_one(Borrowing, sitting)
            who = (str(row.central.get("name", "")), CENTRAL)
            pcs, people, is_over = _news(session, sitting, where, standing)
            for device in pcs:
                device.state = DeviceState.REVOKED.value
                self._note(session, who, "revoked", where, {"device": device.id}, is_allowed=True)
            for account in people:
                account.is_active = False
                self._note(session, who, "withdrawn", where, {"withdrawn": account.user}, is_allowed=True)
            told = [f"PC {each.id} was revoked by the central store." for each in pcs]
            told += [f"The access of {each.user} was taken away by the central store." for each in people]
            if is_over:
                row.returned = sign_return(self._return(session, row), self._house.keys.ticket)
                self._note(session, who, "taken back", where, {"number": row.number}, is_allowed=True)
                told.append(f"Sitting {sitting} was taken back by the central store; nothing more is given here.")
            return tuple(told)

        told = self._write(work, sitting)
        for device in standing.revoked:
            self.forget_device(device)
        self.bell.ring(f"orders/{sitting}")
        return told

    # --- forwarding ---------------------------------------------------------------------------------------------------

    def unsent_envelopes(self, sitting: str, without: Sequence[str] = ()) -> tuple[Unsent, ...]:
        """The next envelopes without a receipt of the central store: kept ones in order of arrival, then conflicts.

        Args:
            sitting: a borrowed one.
            without: identities that are left out, since the central store just refused them.
        """

        def work(session: Session) -> tuple[Unsent, ...]:
            sent = select(CentralReceipt.sha256).where(CentralReceipt.sitting == sitting)
            kept = select(KeptEnvelope.sha256, KeptEnvelope.data).where(
                KeptEnvelope.sitting == sitting,
                col(KeptEnvelope.sha256).not_in(sent),
                col(KeptEnvelope.sha256).not_in(without),
            )
            found = session.exec(kept.order_by(col(KeptEnvelope.id)).limit(ENVELOPES_AT_ONCE)).all()
            if not found:
                others = select(Conflict.offered_sha256, Conflict.data).where(
                    Conflict.sitting == sitting,
                    col(Conflict.offered_sha256).not_in(sent),
                    col(Conflict.offered_sha256).not_in(without),
                )
                found = session.exec(others.order_by(col(Conflict.id)).limit(ENVELOPES_AT_ONCE)).all()
            return tuple(Unsent(sha256, data) for sha256, data in found)

        return self._read(work)

    def keep_central_receipt(self, sitting: str, sha256: str, receipt: bytes, *, is_conflict: bool) -> None:
        """Keep the central store's receipt for an envelope; durable when this returns."""

        def work(session: Session) -> None:
            row = CentralReceipt(
                sha256=sha256, sitting=sitting, is_conflict=is_conflict, received_ms=self.now_ms(), receipt=receipt
            )
            session.merge(row)

        self._write(work, sitting)

    def orders_after(self, sitting: str, number: int) -> tuple[bytes, int] | None:
        """The orders after a number as they travel, and the last one's number; None when there is none."""

        def work(session: Session) -> tuple[bytes, int] | None:
            query = select(GivenOrder.data).where(GivenOrder.sitting == sitting, GivenOrder.number > number)
            found = session.exec(query.order_by(col(GivenOrder.number)).limit(ORDERS_AT_ONCE)).all()
            signed = [SignedOrder.model_validate_json(data) for data in found]
            return (encode_orders(sitting, signed), signed[-1].order.number) if signed else None

        return self._read(work)

    def order_sha256(self, sitting: str, number: int) -> str:
        """The hash of an order here; zeros where there is none of that number."""
        row = self._read(lambda session: session.get(GivenOrder, (sitting, number)))
        return row.sha256 if row is not None else NO_HASH

    def untold_rows(self, sitting: str) -> tuple[TellingRow, ...]:
        """The next rows that the central store has not got as they are now, at most `MOST_ROWS`."""

        def work(session: Session) -> tuple[TellingRow, ...]:
            sent = {
                (row.kind, row.source): row.sha256
                for row in session.exec(select(SentRow).where(SentRow.sitting == sitting)).all()
            }
            untold = (row for row in _rows(session, sitting) if sent.get((row.kind, row.source)) != row.sha256)
            return tuple(row for row, _ in zip(untold, range(MOST_ROWS), strict=False))

        return self._read(work)

    def note_told(self, sitting: str, rows: Sequence[TellingRow]) -> None:
        """The central store has these rows."""

        def work(session: Session) -> None:
            for row in rows:
                session.merge(SentRow(sitting=sitting, kind=row.kind, source=row.source, sha256=row.sha256))

        self._write(work)

    # --- giving back --------------------------------------------------------------------------------------------------

    def give_back(self, actor: Actor, sitting: str) -> bytes:
        """Give nothing more for a borrowed sitting, and say what is held of it: the signed return, the same each time.

        Raises:
            NotFoundError: it was not borrowed.
        """
        where = self._where(sitting)

        def work(session: Session) -> bytes:
            row = session.get(Borrowing, sitting)
            if row is None:
                raise NotFoundError(what="Borrowed sitting", name=sitting, remedy="'store borrow' takes one in.")
            if not row.returned:
                row.returned = sign_return(self._return(session, row), self._house.keys.ticket)
                session.add(row)
            return row.returned

        return self._act(actor, Act.BORROW, where, work, detail={"given back": True})

    def note_return_known(self, sitting: str) -> None:
        """The central store has the return."""

        def work(session: Session) -> None:
            row = session.get_one(Borrowing, sitting)
            row.is_return_known = True
            session.add(row)

        self._write(work, sitting)

    def returned(self, sitting: str) -> bytes:
        """The signed return; b"" while the sitting is given here."""
        row = self._read(lambda session: session.get(Borrowing, sitting))
        return row.returned if row is not None else b""

    def sign_relay_request(self, *, method: str, path: str, body: bytes, now_utc_ms: int) -> dict[str, str]:
        """The headers that show the central store which relay asks."""
        key = self._house.keys.ticket
        return sign_request(
            device=relay_id(key.public), key=key, method=method, path=path, body=body, now_utc_ms=now_utc_ms
        )

    # --- helpers ------------------------------------------------------------------------------------------------------

    def _fitting(self, loan: Loan, central: StorePublic) -> bytes:
        """The delegation of a loan whose pieces belong together.

        Raises:
            DamagedError: they do not.
        """
        ticket_key = VerifyKey.from_hex(central.ticket_key)
        try:
            data = from_base64(loan.delegation, "delegation")
            delegation = verify_delegation(data, ticket_key)
            share = open_lent_share(
                from_base64(loan.share, "share"), sitting=loan.sitting, box=self._house.keys.box, ticket_key=ticket_key
            )
            grants = [verify_grant(from_base64(each.grant, "grant"), self.content_key()) for each in loan.grants]
        except SyncDataError as error:
            raise DamagedError("Loan", str(error).rstrip(".")) from error
        self._require_mine(loan, delegation)
        wanted = share_check(loan.sitting, share)
        if any((grant.sitting, grant.share_check) != (loan.sitting, wanted) for grant in grants):
            raise DamagedError(what="Loan", problem="its release share is not the one that the authority's grants name")
        if any(grant.recovery_public != loan.recovery_public for grant in grants):
            raise DamagedError(what="Loan", problem="its recovery key is not the one that the authority's grants name")
        return data

    def _require_mine(self, loan: Loan, delegation: Delegation) -> None:
        keys = self._house.keys
        mine = (keys.order, keys.ticket, keys.receipt, keys.box)
        named = (delegation.order_key, delegation.ticket_key, delegation.receipt_key, delegation.box_key)
        if tuple(key.public.hex for key in mine) != named or (delegation.sitting, delegation.number) != (
            loan.sitting,
            loan.number,
        ):
            raise DamagedError(what="Loan", problem="its delegation is for another relay or sitting")

    def _take_in_place(self, session: Session, loan: Loan) -> None:
        """Staff, PCs and day code of the place; a PC that was revoked here stays so."""
        for account in loan.accounts:
            plain = plain_of(account)
            session.merge(Account(site=loan.site, created_ms=self.now_ms(), **plain))
        for device in loan.devices:
            _take_row(
                session,
                Device(
                    id=device.device,
                    name=device.name,
                    site=loan.site,
                    room=loan.room,
                    x25519=bytes.fromhex(device.x25519),
                    ed25519=bytes.fromhex(device.ed25519),
                    state=DeviceState.CLEARED.value,
                    enrolled_ms=device.enrolled_ms,
                ),
            )
        code = loan.day_code
        session.merge(
            DayCode(
                site=code.site,
                date=code.date,
                sitting=code.sitting,
                sealed=hpke_seal(
                    self._house.keys.box.public, code.code.encode(), "day-code", [code.site, code.date, code.sitting]
                ),
                verifier=code.verifier,
                made_ms=self.now_ms(),
            )
        )

    def _return(self, session: Session, row: Borrowing) -> Return:
        delegation = verify_delegation(row.delegation, VerifyKey.from_hex(str(row.central["ticket_key"])))
        query = select(GivenOrder).where(GivenOrder.sitting == row.sitting).order_by(col(GivenOrder.number).desc())
        last = session.exec(query.limit(1)).first()
        kept = session.exec(select(KeptEnvelope.sha256).where(KeptEnvelope.sitting == row.sitting)).all()
        return Return(
            sitting=row.sitting,
            number=row.number,
            relay=delegation.relay,
            last_order=last.number if last is not None else 0,
            last_order_sha256=last.sha256 if last is not None else NO_HASH,
            envelopes=tuple(sorted(kept)),
            at_utc_ms=self.now_ms(),
        )


_COURSE: Final[Mapping[type[SQLModel], tuple[str, ...]]] = {
    Sitting: ("state", "current_part", "opened_ms", "closed_ms", "signed_by", "signed_ms"),
    SittingPart: ("started_ms",),
    Enrolment: ("signed_delivered_ms",),
    Place: ("attendance", "id_kind", "marked_by", "marked_ms"),
    Device: ("state", "last_contact_ms"),
}
"""What happened here stays when a sitting is lent to this relay again: orders that PCs have heard cannot be unsaid."""


def _take_row(session: Session, row: SQLModel) -> None:
    """Take in a row of a loan; of one that is here, what happened to it stays."""
    table = type(row)
    key = [column.name for column in table.metadata.tables[table.__name__.lower()].primary_key.columns]
    here = session.get(table, tuple(getattr(row, name) for name in key))
    if here is not None:
        for name in _COURSE[table]:
            setattr(row, name, getattr(here, name))
    session.merge(row)


def _take_in(session: Session, loan: Loan) -> None:
    """The sitting, its plan and its people; no secret for one that was closed here."""
    known = session.get(Sitting, loan.sitting)
    is_closed = known is not None and known.state == SittingState.CLOSED.value
    _take_row(
        session,
        Sitting(
            id=loan.sitting,
            site=loan.site,
            room=loan.room,
            date=loan.date,
            programme=loan.programme,
            state=SittingState.PLANNED.value,
            current_part="",
            test_leader=loan.test_leader,
            recovery_public=loan.recovery_public,
            store_share=b"" if is_closed else from_base64(loan.share, "share"),
        ),
    )
    for part in loan.parts:
        _take_row(session, SittingPart(sitting=loan.sitting, **plain_of(part)))
    for release in loan.releases:
        session.merge(SittingRelease(sitting=loan.sitting, release=release.release))
    for candidate in loan.candidates:
        _take_in_candidate(session, loan.sitting, candidate)
    for grant in () if is_closed else loan.grants:
        data = from_base64(grant.grant, "grant")
        session.merge(KeptGrant(sitting=loan.sitting, release=grant.release, device=grant.device, data=data))


def _take_in_candidate(session: Session, sitting: str, candidate: LentCandidate) -> None:
    session.merge(
        Candidate(
            number=candidate.number,
            name=candidate.name,
            is_protected=candidate.is_protected,
            login=candidate.login,
            verifier=candidate.verifier,
        )
    )
    for entry in candidate.enrolments:
        _take_row(session, Enrolment(sitting=sitting, candidate=candidate.number, **plain_of(entry)))
    place = Place(
        sitting=sitting, candidate=candidate.number, seat=candidate.seat, attendance=Attendance.EXPECTED.value
    )
    _take_row(session, place)


def _news(
    session: Session, sitting: str, where: Where, standing: RelayStanding
) -> tuple[list[Device], list[Account], bool]:
    """The PCs and people to be shut out here, and whether the loan is over without this store knowing it."""
    row = session.get_one(Borrowing, sitting)
    accounts = select(Account).where(Account.site == where.site, col(Account.is_active).is_(True))
    pcs = [each for each in cleared_devices(session, where.site, where.room) if each.id in standing.revoked]
    people = [
        each for each in session.exec(accounts.order_by(col(Account.user))).all() if each.user in standing.withdrawn
    ]
    is_over = standing.number == row.number and standing.state == LendingState.TAKEN_BACK.value
    return pcs, people, is_over and not row.returned


def _borrowing_view(session: Session, row: Borrowing) -> BorrowingView:
    def count(table: type[KeptEnvelope | Conflict | CentralReceipt]) -> int:
        return session.exec(select(func.count()).select_from(table).where(table.sitting == row.sitting)).one()

    return BorrowingView(
        sitting=row.sitting,
        number=row.number,
        central=str(row.central.get("name", "")),
        central_url=str(row.central.get("url", "")),
        is_returned=bool(row.returned),
        is_return_known=row.is_return_known,
        forwarded=count(CentralReceipt),
        kept=count(KeptEnvelope) + count(Conflict),
    )


# --- rows to tell -----------------------------------------------------------------------------------------------------


def _rows(session: Session, sitting: str) -> Iterator[TellingRow]:
    """Every row of a sitting as it is told, in the order of their kinds."""
    row = get_sitting(session, sitting)
    for kind, model in ROWS.items():
        if kind == "sitting":
            if row.signed_ms:
                yield telling_row(kind, sitting, parse_model(model, _fields(row, model), kind))
        elif kind == "candidate":
            query = select(Candidate).join(Place, col(Place.candidate) == col(Candidate.number))
            for person in session.exec(query.where(Place.sitting == sitting).order_by(col(Candidate.number))).all():
                yield telling_row(kind, person.number, parse_model(model, _fields(person, model), kind))
        else:
            yield from _table_rows(session, sitting, kind)


def _table_rows(session: Session, sitting: str, kind: str) -> Iterator[TellingRow]:
    table, model = _TABLES[kind], ROWS[kind]
    columns = [column.name for column in table.metadata.tables[table.__name__.lower()].primary_key.columns]
    query = select(table).where(col(getattr(table, "sitting")) == sitting)  # noqa: B009 - each has it, the base has not
    for row in session.exec(query.order_by(*(col(getattr(table, name)) for name in columns))).all():
        source = " ".join(str(getattr(row, name)) for name in columns if name != "sitting")
        yield telling_row(kind, source, parse_model(model, _fields(row, model), kind))


def _fields(row: SQLModel, model: type[Any]) -> dict[str, object]:
    """The fields that a row's model has, as plain data."""
    found = {name: getattr(row, name) for name in model.model_fields}
    return {name: value.decode() if isinstance(value, bytes) else value for name, value in found.items()}
