"""Delegations, recalls and returns: from their signer only, for one sitting, in their time, never an older one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from centralstore.folder import init_folder
from sync.delegation import (
    Delegation,
    Recall,
    Return,
    Standing,
    open_delegation,
    open_recall,
    open_return,
    relay_id,
    sign_delegation,
    sign_recall,
    sign_return,
    verify_delegation,
)
from sync.errors import DamagedError, ExpiredError, NotForUsError, RollbackError, SyncDataError, WrongSignatureError
from sync.keys import SigningKey
from sync.orders import Order, OrderList, sign_orders
from sync.passwords import TEST_COST
from sync.segment import NO_HASH
from sync.signed import sign_message
from tests.proof import Proof
from tests.sync.mutations import none_is_accepted

CENTRAL, RELAY, OTHER = SigningKey(bytes([1]) * 32), SigningKey(bytes([2]) * 32), SigningKey(bytes([3]) * 32)
FROM, TO = 1_000_000, 2_000_000


@pytest.fixture(scope="module")
def ca_pem(tmp_path_factory: pytest.TempPathFactory) -> str:
    return init_folder(tmp_path_factory.mktemp("relay") / "store", cost=TEST_COST).ca_file.read_text()


Make = Callable[..., Delegation]


@pytest.fixture
def make(ca_pem: str) -> Make:
    def made(**more: object) -> Delegation:
        plain: dict[str, object] = {
            "sitting": "s1", "number": 2, "relay": relay_id(RELAY.public), "name": "laptop", "url": "https://10.0.0.5:8443",
            "ca_pem": ca_pem, "order_key": RELAY.public.hex, "ticket_key": RELAY.public.hex,
            "receipt_key": RELAY.public.hex, "box_key": OTHER.public.hex,
            "valid_from_utc_ms": FROM, "valid_to_utc_ms": TO,
        }  # fmt: skip
        return Delegation.model_validate({**plain, **more})

    return made


def opened(data: bytes, *, now: int = FROM, seen: Standing | None = None, sitting: str = "s1") -> Delegation:
    return open_delegation(data, sitting=sitting, ticket_key=CENTRAL.public, now_utc_ms=now, seen=seen)


def test_a_delegation_is_read_back_and_holds_from_its_first_to_its_last_moment(make: Make) -> None:
    data = sign_delegation(make(), CENTRAL)
    assert opened(data) == opened(data, now=TO) == make()
    for wrong in (FROM - 1, TO + 1):
        with pytest.raises(ExpiredError):
            opened(data, now=wrong)
    assert verify_delegation(data, CENTRAL.public) == make()


def test_a_delegation_counts_from_the_pinned_store_and_for_its_sitting_only(make: Make) -> None:
    with pytest.raises(WrongSignatureError):
        opened(sign_delegation(make(), RELAY))
    with pytest.raises(NotForUsError):
        opened(sign_delegation(make(), CENTRAL), sitting="s2")
    with pytest.raises(DamagedError):
        opened(sign_message("ticket", make(), CENTRAL))


def test_an_older_or_recalled_delegation_is_never_taken_again(make: Make) -> None:
    data = sign_delegation(make(), CENTRAL)
    assert opened(data, seen=Standing(2)).number == 2
    for seen in (Standing(3), Standing(2, is_recalled=True)):
        with pytest.raises(RollbackError):
            opened(data, seen=seen)
    assert opened(data, seen=Standing(1, is_recalled=True)).number == 2


@pytest.mark.parametrize("fault", ["name", "no certificate", "two certificates", "no authority"])
def test_what_does_not_belong_together_is_refused(make: Make, ca_pem: str, fault: str, tmp_path: Path) -> None:
    server = init_folder(tmp_path / "store", cost=TEST_COST).server_certificate.read_text()
    wrong: dict[str, object] = {
        "name": {"relay": relay_id(OTHER.public)},
        "no certificate": {"ca_pem": ca_pem[:200]},
        "two certificates": {"ca_pem": ca_pem + ca_pem},
        "no authority": {"ca_pem": server},
    }[fault]  # type: ignore[assignment]
    with pytest.raises(DamagedError):
        opened(sign_delegation(make(**wrong), CENTRAL))  # type: ignore[arg-type]


def test_no_changed_delegation_recall_or_return_is_accepted(make: Make, proof: Proof) -> None:
    delegation = make()
    other = make(sitting="s1", number=3, url="https://10.0.0.6:8443")
    genuine = [sign_delegation(delegation, CENTRAL), sign_delegation(other, CENTRAL)]
    with proof("relay: changed delegations", ci=1_000, full=100_000) as trial:
        none_is_accepted(trial, genuine, opened)
    recalls = [sign_recall(Recall(sitting="s1", number=number, at_utc_ms=FROM), CENTRAL) for number in (1, 2)]
    with proof("relay: changed recalls", ci=1_000, full=100_000) as trial:
        none_is_accepted(trial, recalls, lambda data: open_recall(data, sitting="s1", ticket_key=CENTRAL.public))
    returns = [sign_return(a_return(at_utc_ms=at), RELAY) for at in (FROM, TO)]
    with proof("relay: changed returns", ci=1_000, full=100_000) as trial:
        none_is_accepted(trial, returns, lambda data: open_return(data, delegation))


def test_a_recall_is_for_its_sitting_and_from_the_central_store_only() -> None:
    recall = Recall(sitting="s1", number=2, at_utc_ms=FROM)
    assert open_recall(sign_recall(recall, CENTRAL), sitting="s1", ticket_key=CENTRAL.public) == recall
    with pytest.raises(NotForUsError):
        open_recall(sign_recall(recall, CENTRAL), sitting="s2", ticket_key=CENTRAL.public)
    with pytest.raises(WrongSignatureError):
        open_recall(sign_recall(recall, RELAY), sitting="s1", ticket_key=CENTRAL.public)


def a_return(**more: object) -> Return:
    plain: dict[str, object] = {
        "sitting": "s1", "number": 2, "relay": relay_id(RELAY.public), "last_order": 0, "last_order_sha256": NO_HASH,
        "envelopes": ("ab" * 32,), "at_utc_ms": FROM,
    }  # fmt: skip
    return Return.model_validate({**plain, **more})


def test_a_return_counts_for_its_loan_only(make: Make) -> None:
    assert open_return(sign_return(a_return(), RELAY), make()) == a_return()
    for field, value in (("sitting", "s2"), ("number", 1), ("relay", relay_id(OTHER.public))):
        with pytest.raises(NotForUsError):
            open_return(sign_return(a_return(**{field: value}), RELAY), make())
    with pytest.raises(WrongSignatureError):
        open_return(sign_return(a_return(), CENTRAL), make())


def test_a_relays_orders_count_in_its_sitting_and_the_central_store_goes_on_with_the_list() -> None:
    first = Order(sitting="s1", number=1, kind="open", by="lars", at_utc_ms=FROM, previous_sha256=NO_HASH)
    second = first.model_copy(update={"number": 2, "kind": "close", "previous_sha256": first.sha256})
    by_relay, by_central = sign_orders("s1", [first], RELAY), sign_orders("s1", [second], CENTRAL)
    known = OrderList("s1", CENTRAL.public, also_by=(RELAY.public,))
    assert known.extended(by_relay).extended(by_central).orders == (first, second)
    with pytest.raises(SyncDataError, match="not signed"):
        OrderList("s1", CENTRAL.public).extended(by_relay)
    with pytest.raises(SyncDataError, match="not signed"):
        known.extended(sign_orders("s1", [first], OTHER))
    with pytest.raises(NotForUsError):
        OrderList("s2", CENTRAL.public, also_by=(RELAY.public,)).extended(by_relay)
