"""What relays tell the central store of a sitting: their orders, and that they give it no more.

Which relay's orders count is decided here and nowhere else (`_giver`): that of the loan that lasts; of one that was
taken back only what PCs had heard, as long as nobody gave anything since.
"""

from __future__ import annotations

from dataclasses import replace

from sqlmodel import Session, col, delete, select

from centralstore.errors import DamagedError, NotFoundError, NotNowError, UnknownDeviceError
from centralstore.records import DeviceView
from centralstore.relay.rows import RelayStanding
from centralstore.rights import EVERYWHERE
from centralstore.store.contradictions import Contradictions, contradict_order, is_order_contradicted
from centralstore.store.lending import Lendings
from centralstore.store.lent import newest_lending
from centralstore.store.orders import keep_order
from centralstore.store.planning import get_sitting
from centralstore.store.releases import TICKET_ROLES
from centralstore.tables import (
    Account,
    Conflict,
    Device,
    GivenOrder,
    KeptEnvelope,
    KeptGrant,
    Lending,
    Sitting,
    SittingPart,
)
from centralstore.words import DeviceState, LendingState, OrderKind, SittingState
from sync.canonical import read_model
from sync.delegation import Return, open_return
from sync.errors import ForgedOrderError, SyncDataError
from sync.keys import VerifyKey
from sync.orders import MAX_ORDERS_BYTES, OrderList, OrderMessage, SignedOrder
from sync.segment import NO_HASH

Keys = tuple[VerifyKey, ...]


class Relays(Lendings, Contradictions):
    """What relays tell."""

    def take_heard_orders(self, device: DeviceView, data: bytes) -> int:
        """Orders of a relay that a PC of the room kept; the number of the last order here.

        Raises:
            DamagedError: not an order list, or not signed by a relay that this sitting was lent to.
            NotFoundError: the sitting is not in the PC's room.
        """
        sitting = _sitting_of_orders(data)
        self.require_device_sitting(device, sitting)
        return self._take_orders(sitting, data, is_heard=True)

    def take_relay_orders(self, relay: str, data: bytes) -> int:
        """The orders that a relay gave; the number of the last order here.

        Raises:
            DamagedError: not an order list, or not signed by that relay.
            NotFoundError: the sitting was not lent to this relay.
        """
        sitting = _sitting_of_orders(data)
        self._read(lambda session: lent_to(session, relay, sitting).number)
        return self._take_orders(sitting, data, is_heard=False)

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
        """What is held here of a sitting that this relay borrowed, and who of its room was shut out.

        Raises:
            NotFoundError: it was not lent to this relay.
        """

        def work(session: Session) -> RelayStanding:
            row = lent_to(session, relay, sitting)
            last = _last_order(session, sitting)
            planned = get_sitting(session, sitting)
            return RelayStanding(
                sitting=sitting,
                number=row.number,
                state=row.state,
                last_order=last.number if last is not None else 0,
                last_order_sha256=last.sha256 if last is not None else NO_HASH,
                revoked=_revoked(session, planned),
                withdrawn=_withdrawn(session, planned),
            )

        return self._read(work)

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

    def _take_orders(self, sitting: str, data: bytes, *, is_heard: bool) -> int:
        """Keep what follows the orders here and counts; what does not is a contradiction to show.

        Args:
            sitting: which.
            data: the order list.
            is_heard: it comes from a PC of the room that accepted it.
        """
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
            here = OrderList(sitting, own, _kept_orders(session, sitting))
            for entry in signed:
                counting = replace(here, also_by=self._giver(session, here, is_heard=is_heard))
                here = self._take_order(session, row, counting, entry)
            return here.last_number

        last = self._write(work, sitting)
        self.bell.ring(f"orders/{sitting}")
        return last

    def _giver(self, session: Session, here: OrderList, *, is_heard: bool) -> Keys:
        """Whose orders may follow those that are here, beside this store's own: one relay's, or nobody's.

        A relay that returned named its last order. One that was taken back may have been stolen, and its own word adds
        nothing; what PCs have heard of it goes on, for they cannot forget it, until this store or another relay gives.
        """
        lending = newest_lending(session, here.sitting)
        if lending is None or lending.state == LendingState.RETURNED.value:
            return ()
        key = VerifyKey.from_hex(self._opened(lending.delegation).order_key)
        is_following = lending.state == LendingState.LENT.value or (is_heard and _is_last_by(key, here))
        return (key,) if is_following else ()

    def _take_order(self, session: Session, row: Sitting, here: OrderList, entry: SignedOrder) -> OrderList:
        number = entry.order.number
        known = here.orders[number - 1] if number <= here.last_number else None
        if known == entry.order:
            return here
        try:
            longer = here.with_order(entry)
        except ForgedOrderError:
            contradict_order(session, entry, known.sha256 if known is not None else "", self.now_ms())
            return here
        except SyncDataError as error:
            raise DamagedError("Orders", str(error).rstrip(".")) from error
        keep_order(session, entry)
        _take_effect(session, row, entry)
        return longer


def _is_last_by(key: VerifyKey, here: OrderList) -> bool:
    """Whether the last order here is by that key, or there is none: then nobody gave anything after it."""
    try:
        for entry in here.signed[-1:]:
            OrderList(here.sitting, key).check(entry)
    except ForgedOrderError:
        return False
    return True


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


def _require_all(session: Session, told: Return) -> None:
    """Let pass a return of what is wholly here.

    Raises:
        NotNowError: something is missing.
    """
    order = session.get(GivenOrder, (told.sitting, told.last_order)) if told.last_order else None
    is_here = (order.sha256 if order is not None else NO_HASH) == told.last_order_sha256
    if not is_here and not is_order_contradicted(session, told.sitting, told.last_order, told.last_order_sha256):
        raise NotNowError(
            what="The return", where=f"sitting {told.sitting}", why="an order is not here", remedy="Forward again."
        )
    here = set(session.exec(select(KeptEnvelope.sha256).where(KeptEnvelope.sitting == told.sitting)).all())
    here |= set(session.exec(select(Conflict.offered_sha256).where(Conflict.sitting == told.sitting)).all())
    if missing := set(told.envelopes) - here:
        why = f"{len(missing)} envelopes are not here"
        raise NotNowError(
            what="The return",
            where=f"sitting {told.sitting}",
            why=why,
            remedy="Forward again; those of a revoked PC are let in as evidence by 'store accept-evidence'.",
        )


# --- rows to values and back ------------------------------------------------------------------------------------------


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


def _revoked(session: Session, row: Sitting) -> tuple[str, ...]:
    """The PCs of a sitting's room that may not be used any more."""
    query = select(Device.id).where(
        Device.site == row.site, Device.room == row.room, Device.state == DeviceState.REVOKED.value
    )
    return tuple(session.exec(query.order_by(col(Device.id))).all())


def _withdrawn(session: Session, row: Sitting) -> tuple[str, ...]:
    """The accounts of a sitting's room whose access was taken away."""
    query = select(Account.user).where(
        Account.site == row.site,
        col(Account.room).in_((EVERYWHERE, row.room)),
        col(Account.role).in_(TICKET_ROLES),
        col(Account.is_active).is_(False),
    )
    return tuple(session.exec(query.order_by(col(Account.user))).all())


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
