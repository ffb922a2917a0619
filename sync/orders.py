"""Orders: what the test leader decides for a sitting, one numbered, chained, signed list (`PROTOCOL.md` §8).

The store signs; a PC journals an order before it takes effect, applies it once, in sequence, and acknowledges it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Final, Literal

from pydantic import Field

from sync.canonical import MAX_INT, Message, canonical_bytes, parse_model, plain_of, read_model
from sync.errors import DamagedError, ForgedOrderError, NotForUsError, OrderSequenceError, WrongSignatureError
from sync.keys import SigningKey, VerifyKey, sha256_hex
from sync.segment import NO_HASH, Hash, Id

MAX_ORDERS_BYTES: Final = 2**20
_PURPOSE: Final = "order"

OrderKind = Literal[
    "open", "start_part", "extra_time", "reset", "unlock", "expel", "left_alone", "permit_handover", "close"
]
OrderValue = Annotated[int, Field(ge=-MAX_INT, le=MAX_INT)] | Annotated[str, Field(max_length=256)]


class Order(Message):
    """One decision. ``number`` counts from 1; ``previous_sha256`` is the hash of the one before (zeros: none).

    ``candidate`` and ``part`` are "" where an order is for the whole sitting. ``data`` by kind: extra_time
    ``{"extra_ms"}``, reset and permit_handover ``{"attempt"}``, permit_handover also ``{"to_device"}``.
    """

    format: Literal[1] = 1
    sitting: Id
    number: Annotated[int, Field(ge=1, le=MAX_INT)]
    kind: OrderKind
    candidate: Annotated[str, Field(max_length=64)] = ""
    part: Annotated[str, Field(max_length=64)] = ""
    data: Annotated[dict[Annotated[str, Field(max_length=32)], OrderValue], Field(max_length=16)] = {}  # noqa: RUF012 (pydantic copies it)
    reason: Annotated[str, Field(max_length=1000)] = ""
    by: Annotated[str, Field(max_length=128)]
    at_utc_ms: Annotated[int, Field(ge=0, le=MAX_INT)]
    previous_sha256: Hash

    @property
    def sha256(self) -> str:
        """The hash that the next order names."""
        return sha256_hex(canonical_bytes(plain_of(self)))


class SignedOrder(Message):
    """An order and the store's signature over its canonical bytes, as 128 hexadecimal digits."""

    order: Order
    signature: Annotated[str, Field(pattern=r"^[0-9a-f]{128}$")]


class OrderMessage(Message):
    """Orders as they travel, each signed; the frame is not."""

    format: Literal[1]
    orders: Annotated[tuple[SignedOrder, ...], Field(max_length=1000)]
    sitting: Id


def sign_order(order: Order, order_key: SigningKey) -> SignedOrder:
    """The order with its signature; the store keeps it so and sends it in a list by `encode_orders`."""
    signature = order_key.sign(_PURPOSE, canonical_bytes(plain_of(order)))
    return SignedOrder(order=order, signature=signature.hex())


def encode_orders(sitting: str, orders: Sequence[SignedOrder]) -> bytes:
    """What the store answers to "orders after N": canonical JSON, possibly with no order in it."""
    return canonical_bytes({"format": 1, "orders": [plain_of(order) for order in orders], "sitting": sitting})


def sign_orders(sitting: str, orders: Sequence[Order], order_key: SigningKey) -> bytes:
    """Sign each order and encode them as one answer."""
    return encode_orders(sitting, [sign_order(order, order_key) for order in orders])


@dataclass(frozen=True, slots=True)
class OrderList:
    """The orders of one sitting that a PC has accepted, from number 1 without a gap.

    ``also_by``: the order keys of relays that the sitting was lent to (`sync.delegation`); their orders count as well.
    """

    sitting: str
    order_key: VerifyKey
    signed: tuple[SignedOrder, ...] = ()
    also_by: tuple[VerifyKey, ...] = ()

    @property
    def orders(self) -> tuple[Order, ...]:
        """The orders, first first."""
        return tuple(entry.order for entry in self.signed)

    @property
    def last_number(self) -> int:
        """The number of the last accepted order; 0 when there is none."""
        return len(self.signed)

    @property
    def last_sha256(self) -> str:
        """The hash of the last accepted order; zeros when there is none."""
        return self.signed[-1].order.sha256 if self.signed else NO_HASH

    def following(self, kind: OrderKind, *, by: str, at_utc_ms: int, **more: object) -> Order:
        """The next order of this list, unsigned: number and chain are filled in (for the store)."""
        plain: dict[str, object] = {
            "sitting": self.sitting,
            "number": self.last_number + 1,
            "kind": kind,
            "by": by,
            "at_utc_ms": at_utc_ms,
            "previous_sha256": self.last_sha256,
            **more,
        }
        return parse_model(Order, plain, "order")

    def verify(self, data: bytes) -> tuple[Order, ...]:
        """The new orders in an answer of the store; those already known are passed over if they are the same.

        Raises:
            DamagedError: not an order list.
            NotForUsError: of another sitting.
            ForgedOrderError: signature or chain wrong, or another content under a known number.
            OrderSequenceError: a number is missing or out of turn.
        """
        return self.extended(data).orders[self.last_number :]

    def extended(self, data: bytes) -> OrderList:
        """The list with the new orders of an answer; all of them or, with an error as in `verify`, none."""
        message = read_model(OrderMessage, data, "order list", limit=MAX_ORDERS_BYTES)
        if message.sitting != self.sitting:
            raise NotForUsError(what="order list", field="sitting", expected=self.sitting, found=message.sitting)
        known = self
        for entry in message.orders:
            known = known.with_order(entry)
        return known

    def with_order(self, entry: SignedOrder) -> OrderList:
        """The list with one more order; the same list when it is known already. Errors as in `verify`."""
        order = entry.order
        self.check(entry)
        if order.number <= self.last_number:
            if self.signed[order.number - 1].order != order:
                raise ForgedOrderError(
                    sitting=self.sitting, number=order.number, fault="another order with this number is known already"
                )
            return self
        if order.number != self.last_number + 1:
            raise OrderSequenceError(self.sitting, expected=self.last_number + 1, found=order.number)
        if order.previous_sha256 != self.last_sha256:
            raise ForgedOrderError(
                sitting=self.sitting, number=order.number, fault="it does not continue the orders known here"
            )
        return replace(self, signed=(*self.signed, entry))

    def encode(self) -> bytes:
        """All accepted orders, for keeping on this PC; `extended` on an empty list reads them back, checked again."""
        return encode_orders(self.sitting, self.signed)

    def check(self, entry: SignedOrder) -> None:
        """Let pass an order of this sitting that one of the keys signed; its place in the list is not looked at.

        Raises:
            ForgedOrderError: signed by none of them, or for another sitting.
        """
        order = entry.order
        if not any(_is_signed_by(key, entry) for key in (self.order_key, *self.also_by)):
            fault = "it is not signed by the store's order key"
            raise ForgedOrderError(sitting=self.sitting, number=order.number, fault=fault)
        if order.sitting != self.sitting:
            raise ForgedOrderError(
                sitting=self.sitting, number=order.number, fault=f"it was signed for sitting '{order.sitting}'"
            )


def _is_signed_by(key: VerifyKey, entry: SignedOrder) -> bool:
    message = canonical_bytes(plain_of(entry.order))
    try:
        key.verify(_PURPOSE, message, bytes.fromhex(entry.signature), what="order", signer="the store's order key")
    except WrongSignatureError:
        return False
    return True


def order_attempt(order: Order) -> str:
    """The attempt an order names in its data.

    Raises:
        DamagedError: it names none.
    """
    attempt = order.data.get("attempt")
    if not isinstance(attempt, str) or not attempt:
        raise DamagedError(what="order", fault=f"order {order.number} ({order.kind}) names no attempt")
    return attempt
