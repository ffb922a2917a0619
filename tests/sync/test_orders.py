"""Orders are genuine, in sequence and of this sitting, or nothing of them is applied."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.canonical import canonical_bytes
from sync.errors import DamagedError, ForgedOrderError, NotForUsError, OrderSequenceError
from sync.orders import Order, OrderList, encode_orders, order_attempt, sign_order, sign_orders
from tests.proof import Proof
from tests.sync.examples import NOW, signing
from tests.sync.mutations import none_is_accepted

STORE = signing("store orders")
SITTING = "oslo-2026-12-01-a"
EMPTY = OrderList(SITTING, STORE.public)
KINDS = ("open", "start_part", "extra_time", "reset", "unlock", "expel", "left_alone", "permit_handover", "close")


def issued(count: int) -> OrderList:
    """The store's own list after so many orders."""
    known = EMPTY
    for number in range(count):
        order = known.following(
            KINDS[number % len(KINDS)],
            by="leader-1",
            at_utc_ms=NOW + number,
            candidate="100234",
            data={"extra_ms": 60_000 * number, "attempt": "a1"},
            reason="strømbrudd i rommet",
        )
        known = known.with_order(sign_order(order, STORE))
    return known


@given(st.integers(0, 9), st.integers(0, 9))
def test_orders_arrive_in_pieces_and_make_the_same_list(first: int, more: int) -> None:
    whole = issued(first + more)
    known = EMPTY.extended(encode_orders(SITTING, whole.signed[:first]))
    data = encode_orders(SITTING, whole.signed[max(0, first - 2) :])
    assert known.verify(data) == whole.orders[first:]
    assert known.extended(data) == whole
    assert EMPTY.extended(whole.encode()) == whole


def test_an_order_kept_on_the_pc_says_what_the_leader_decided() -> None:
    order = EMPTY.verify(issued(3).encode())[2]
    assert (order.kind, order.data["extra_ms"], order.by, order.reason) == (
        "extra_time",
        120_000,
        "leader-1",
        "strømbrudd i rommet",
    )
    assert order_attempt(order) == "a1"
    with pytest.raises(DamagedError, match="order 1 \\(open\\) names no attempt"):
        order_attempt(EMPTY.following("open", by="x", at_utc_ms=NOW))


def test_a_missing_order_is_told_with_the_number_to_fetch() -> None:
    whole = issued(4)
    with pytest.raises(
        OrderSequenceError, match=f"Order 3 of sitting '{SITTING}' came out of sequence: order 1 is next"
    ):
        EMPTY.verify(encode_orders(SITTING, whole.signed[2:]))
    swapped = (whole.signed[0], whole.signed[2], whole.signed[1])
    with pytest.raises(OrderSequenceError, match="order 2 is next"):
        EMPTY.verify(encode_orders(SITTING, swapped))


def test_a_forged_order_is_told_and_nothing_of_the_answer_is_applied() -> None:
    order = issued(1).following("extra_time", by="candidate", at_utc_ms=NOW, data={"extra_ms": 10})
    forged = (*issued(1).signed, sign_order(order, signing("candidate")))
    with pytest.raises(ForgedOrderError, match=r"Order 2 .* is not genuine: it is not signed by the store's order key"):
        EMPTY.extended(encode_orders(SITTING, forged))


def test_another_order_under_a_known_number_is_forged() -> None:
    other = EMPTY.following("close", by="leader-1", at_utc_ms=NOW)
    with pytest.raises(ForgedOrderError, match="another order with this number is known already"):
        issued(2).verify(encode_orders(SITTING, [sign_order(other, STORE)]))


def test_a_chain_that_does_not_continue_is_forged() -> None:
    other = OrderList(SITTING, STORE.public).with_order(
        sign_order(EMPTY.following("open", by="leader-2", at_utc_ms=NOW + 5), STORE)
    )
    second = sign_order(other.following("close", by="leader-2", at_utc_ms=NOW + 6), STORE)
    with pytest.raises(ForgedOrderError, match="does not continue the orders known here"):
        issued(1).verify(encode_orders(SITTING, [second]))


def test_orders_of_another_sitting_are_refused_even_if_genuine() -> None:
    other = OrderList("bergen", STORE.public)
    order = sign_order(other.following("open", by="x", at_utc_ms=NOW), STORE)
    with pytest.raises(NotForUsError, match="for sitting 'bergen'"):
        EMPTY.verify(encode_orders("bergen", [order]))
    with pytest.raises(ForgedOrderError, match="was signed for sitting 'bergen'"):
        EMPTY.verify(encode_orders(SITTING, [order]))


def test_an_empty_answer_is_no_order() -> None:
    assert issued(2).verify(sign_orders(SITTING, [], STORE)) == ()


@pytest.mark.parametrize(
    ("field", "value"),
    [("number", True), ("number", "1"), ("number", 1.0), ("number", 0), ("kind", "pause"), ("extra", 1), ("by", None)],
)
def test_a_field_that_breaks_its_rule_is_refused_even_when_signed(field: str, value: object) -> None:
    plain = {**json.loads(issued(1).encode())["orders"][0]["order"], field: value}
    body = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    signature = STORE.sign("order", body).hex().encode()
    answer = b'{"format":1,"orders":[{"order":' + body + b',"signature":"' + signature + b'"}],"sitting":"%s"}'
    with pytest.raises(DamagedError, match="The order list is damaged"):
        EMPTY.verify(answer % SITTING.encode())


def test_no_changed_order_list_is_accepted(proof: Proof) -> None:
    whole = issued(6)

    def more(chance: random.Random) -> tuple[str, bytes]:
        signed = list(whole.signed)
        one, two = chance.sample(range(6), 2)
        signed[one], signed[two] = signed[two], signed[one]
        kind = chance.choice(("orders in another order", "an order left out", "orders of another sitting"))
        if kind == "an order left out":
            signed = [each for place, each in enumerate(whole.signed) if place != one or place == 5]
            signed = signed if one < 5 else signed[1:]
        sitting = "bergen" if kind == "orders of another sitting" else SITTING
        return kind, encode_orders(sitting, signed)

    with proof("changed, reordered, cut, spliced order lists", ci=5_000, full=500_000) as trial:
        none_is_accepted(trial, [whole.encode()], EMPTY.extended, more)


def test_an_order_hash_covers_every_field() -> None:
    order = issued(1).orders[0]
    hashes = {order.sha256}
    for field, value in (
        ("by", "x"),
        ("at_utc_ms", 1),
        ("reason", ""),
        ("candidate", ""),
        ("data", {}),
        ("kind", "close"),
    ):
        hashes.add(order.model_copy(update={field: value}).sha256)
    assert len(hashes) == 7
    assert Order.model_validate_json(canonical_bytes(order.model_dump(mode="json"))) == order
