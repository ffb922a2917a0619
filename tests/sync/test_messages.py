"""Signed messages, receipts and progress: one form only, one signer only, strict fields."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.canonical import MAX_INT, canonical_bytes, parse_canonical
from sync.errors import DamagedError, WrongSignatureError
from sync.progress import Incident, Progress, sign_progress, verify_progress
from sync.receipt import Receipt, is_receipt, sign_receipt, verify_receipt
from sync.signed import open_message
from tests.proof import Proof
from tests.sync.examples import NOW, signing
from tests.sync.mutations import none_is_accepted

STORE, PC = signing("store receipts"), signing("pc-07")
RECEIPT = Receipt(attempt="a1", segment="0" * 32, first=0, last=9, sha256="ab" * 32, device="pc-07", stored_utc_ms=NOW)
PROGRESS = Progress(
    sitting="oslo-a",
    device="pc-07",
    sequence=17,
    at_utc_ms=NOW,
    phase="running",
    attempt="a1",
    candidate="100234",
    part="reading",
    module_number=2,
    task_number=7,
    task_count=12,
    left_ms=1_200_000,
    incidents=(Incident(kind="focus_lost", at_ms=83_212),),
)

plain_values = st.recursive(
    st.none() | st.booleans() | st.integers(-MAX_INT, MAX_INT) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)


@given(plain_values)
def test_canonical_form_is_read_back_and_is_its_own_only_spelling(plain: object) -> None:
    data = canonical_bytes(plain)
    assert parse_canonical(data, "thing", limit=10_000) == plain
    for other in (data + b" ", b" " + data, data + b"\n"):
        with pytest.raises(DamagedError, match="thing is damaged"):
            parse_canonical(other, "thing", limit=10_000)


@pytest.mark.parametrize(
    "text",
    [
        '{"b":1,"a":2}',
        '{"a": 1}',
        '{"a":1,"a":1}',
        "1.0",
        "1e3",
        "NaN",
        "-0",
        '"\\u0061"',
        '"\\ud800"',
        "[1,]",
        "",
        "[" * 100_000,
        "\ufeff{}",
    ],
)
def test_another_spelling_is_refused(text: str) -> None:
    with pytest.raises(DamagedError):
        parse_canonical(text.encode("utf-8", "surrogatepass"), "thing", limit=200_000)


def test_size_is_looked_at_before_anything_else() -> None:
    with pytest.raises(DamagedError, match="11 bytes where 10 is the most"):
        parse_canonical(b'"\xff\xff\xff\xff\xff\xff\xff\xff\xff"'[:11], "thing", limit=10)


def test_a_receipt_is_read_back_and_counts_from_its_store_only() -> None:
    data = sign_receipt(RECEIPT, STORE)
    assert verify_receipt(data, STORE.public) == RECEIPT
    with pytest.raises(WrongSignatureError, match="The receipt is not signed by the store's receipt key"):
        verify_receipt(data, PC.public)


def test_a_receipt_is_told_from_every_other_without_being_read() -> None:
    data, later = sign_receipt(RECEIPT, STORE), RECEIPT.model_copy(update={"last": RECEIPT.last + 1})
    assert is_receipt(data, RECEIPT, STORE.public)
    assert not is_receipt(data, later, STORE.public)
    assert not is_receipt(data, RECEIPT, PC.public)
    assert not is_receipt(sign_receipt(RECEIPT, PC), RECEIPT, STORE.public)
    body, _, signature = data.rpartition(b'"signature":"')
    for wrong in (signature.upper(), b"\xff" * 128 + b'"}', b"0" * 128 + b'"}', b'"}', signature + b" "):
        assert not is_receipt(body + b'"signature":"' + wrong, RECEIPT, STORE.public), wrong


def test_a_message_of_one_kind_is_not_taken_for_another() -> None:
    data = sign_receipt(RECEIPT, STORE)
    with pytest.raises(DamagedError, match="of another kind"):
        open_message("progress", Progress, data, STORE.public, signer="x")
    renamed = canonical_bytes({**json.loads(data), "kind": "progress"})
    with pytest.raises(WrongSignatureError):
        open_message("progress", Progress, renamed, STORE.public, signer="x")


def test_progress_is_read_back_and_counts_from_its_device_only() -> None:
    data = sign_progress(PROGRESS, PC)
    assert verify_progress(data, PC.public) == PROGRESS
    with pytest.raises(WrongSignatureError):
        verify_progress(data, STORE.public)


@pytest.mark.parametrize(
    "change",
    [
        {"answer": "B"},
        {"phase": "Svaret er B"},
        {"incidents": [{"kind": "the answer is B", "at_ms": 1}]},
        {"incidents": [{"kind": "focus_lost", "at_ms": 1, "detail": "B"}]},
        {"head": "B"},
    ],
)
def test_progress_has_no_place_for_an_answer(change: dict[str, object]) -> None:
    body = {**PROGRESS.model_dump(mode="json"), **change}
    signature = PC.sign("signed/progress", canonical_bytes(body)).hex()
    with pytest.raises(DamagedError, match="The progress is damaged: field"):
        verify_progress(canonical_bytes({"body": body, "kind": "progress", "signature": signature}), PC.public)


def test_no_changed_message_is_accepted(proof: Proof) -> None:
    receipts = [sign_receipt(each, STORE) for each in (RECEIPT, RECEIPT.model_copy(update={"last": RECEIPT.last + 1}))]
    with proof("changed, reordered, cut, spliced receipts", ci=3_000, full=300_000) as trial:
        none_is_accepted(trial, receipts, lambda data: verify_receipt(data, STORE.public))
    with proof("changed, reordered, cut, spliced progress reports", ci=3_000, full=300_000) as trial:
        none_is_accepted(trial, [sign_progress(PROGRESS, PC)], lambda data: verify_progress(data, PC.public))
