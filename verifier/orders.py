"""What the test leader decided: one signed, numbered, chained list (PROTOCOL.md §8)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from verifier import canonical
from verifier.bundle import Bundle
from verifier.crypto import is_signed, open_message, sha256_hex
from verifier.envelope import NO_HASH
from verifier.errors import need
from verifier.log import TOLERANCE_MS
from verifier.report import Report

CHECK: Final = "orders signed and chained"
KINDS: Final = frozenset(
    {"open", "start_part", "extra_time", "reset", "unlock", "expel", "left_alone", "permit_handover", "close"}
)
_MOST_BYTES: Final = 64 * 2**20
_MOST_DELEGATION: Final = 32_768


@dataclass(frozen=True)
class Loan:
    """A relay that could give orders of the sitting from one time to another."""

    order_key: str
    from_utc_ms: int
    to_utc_ms: int


@dataclass(frozen=True)
class Order:
    """One decision; ``leaf`` is what the log holds of it, ``loan`` that of the relay that signed it."""

    number: int
    kind: str
    candidate: str
    part: str
    data: Mapping[str, object]
    at_utc_ms: int
    leaf: bytes
    loan: Loan | None


def read_orders(bundle: Bundle, report: Report) -> Sequence[Order]:
    """The orders that are genuine; what is wrong with others goes to the report."""
    orders: list[Order] = []
    with report.checking("order list", "orders.json"):
        loans = _loans(bundle, report)
        answer = canonical.table(bundle.file("orders.json"), "the order list", limit=_MOST_BYTES)
        answer.is_value("format", 1)
        answer.is_value("sitting", bundle.sitting)
        listed = answer.objects("orders")
        answer.end()
        previous = NO_HASH
        for number, entry in enumerate(listed, 1):
            with report.checking(CHECK, f"order {number}"):
                order = _order(entry, bundle, loans)
                plain = entry.object("order").plain
                orders.append(order)
                need(order.number == number, f"it is number {order.number}: one is missing, doubled or moved")
                need(plain["previous_sha256"] == previous, "it does not follow the order before it")
                need(
                    _is_in_time(order),
                    "it is dated outside the time for which the relay that signed it had the sitting",
                )
            previous = sha256_hex(canonical.encode(entry.plain.get("order")))
    with report.checking("orders acknowledged", "acks.json"):
        for ack in canonical.entries(canonical.decode(bundle.file("acks.json"), "the list", limit=_MOST_BYTES), "it"):
            fields = canonical.Fields(ack, "an acknowledgement")
            number, device = fields.count("number"), fields.id("device")
            need(1 <= number <= len(orders), f"PC '{device}' acknowledged order {number}, which is not here")
            need(device in bundle.devices, f"PC '{device}' acknowledged order {number} and is not on the list")
    return orders


def _order(entry: canonical.Fields, bundle: Bundle, loans: Sequence[Loan]) -> Order:
    signature = bytes.fromhex(entry.hex("signature", 64))
    fields = entry.object("order")
    entry.end()
    message = canonical.encode(fields.plain)
    loan = next((each for each in loans if is_signed(each.order_key, "order", message, signature)), None)
    is_genuine = loan is not None or is_signed(bundle.keys["order_key"], "order", message, signature)
    need(is_genuine, "it is not signed by the store's order key")
    fields.is_value("format", 1)
    fields.is_value("sitting", bundle.sitting)
    kind = fields.text("kind")
    need(kind in KINDS, f"there is no kind of order '{kind[:40]}'")
    fields.text("reason")
    fields.text("by")
    fields.hex("previous_sha256", 32)
    order = Order(
        fields.count("number", 1),
        kind,
        fields.text("candidate"),
        fields.text("part"),
        fields.object("data").plain,
        fields.count("at_utc_ms"),
        canonical.encode(entry.plain),
        loan,
    )
    fields.end()
    return order


def _loans(bundle: Bundle, report: Report) -> Sequence[Loan]:
    """The relays to which the store lent this sitting."""
    loans: list[Loan] = []
    for number, text in enumerate(bundle.delegations, 1):
        with report.checking("delegations to relays", f"delegation {number}"):
            body = open_message(text.encode(), "delegation", bundle.keys["ticket_key"], limit=_MOST_DELEGATION)
            body.is_value("format", 1)
            body.is_value("sitting", bundle.sitting)
            body.is_value("number", number)
            name = f"relay-{sha256_hex(bytes.fromhex(body.hex('ticket_key', 32)))[:16]}"
            need(body.text("relay") == name, f"the relay's name does not belong to its key: that is of {name}")
            begin, end = body.count("valid_from_utc_ms"), body.count("valid_to_utc_ms")
            loans.append(Loan(body.hex("order_key", 32), begin, end))
    return loans


def _is_in_time(order: Order) -> bool:
    """Whether the sitting was lent to the relay that gave an order; the clocks of two stores may differ a little."""
    if order.loan is None:
        return True
    return order.loan.from_utc_ms - TOLERANCE_MS <= order.at_utc_ms <= order.loan.to_utc_ms + TOLERANCE_MS


def order_fits(order: Order | None, kind: str, candidate: str, part: str, attempt: str) -> bool:
    """Whether an order is of this kind, and for this candidate, part and attempt ("" in it: for all)."""
    if order is None or order.kind != kind:
        return False
    is_for = order.candidate in {"", candidate} and order.part in {"", part}
    return is_for and order.data.get("attempt", attempt) == attempt
