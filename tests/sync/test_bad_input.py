"""Whatever bytes come in, every parser gives a value or one of our errors, and errors never quote what was in them."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.canonical import canonical_bytes
from sync.entries import decode_event
from sync.envelope import claimed_device, erase_stream, verify
from sync.errors import SyncDataError
from sync.orders import OrderList
from sync.package import decode_package, open_content
from sync.passwords import PasswordVerifier
from sync.progress import verify_progress
from sync.receipt import verify_receipt
from sync.release import Ed25519Trust, verify_grant
from sync.segment import decode_preamble, encode_preamble, parse_record, scan_segment
from sync.ticket import open_ticket
from tests.sync import test_release as releases
from tests.sync.examples import NOW, answer, box, scanned, segment, signing, written
from tests.sync.test_envelope import packed
from tests.sync.test_orders import issued
from tests.sync.test_ticket import sealed

KEY = signing("pc-07").public


def parse_ticket(data: bytes) -> object:
    return open_ticket(data, sitting="oslo-a", device="pc-07", box=box("pc-07"), ticket_key=KEY, now_utc_ms=NOW)


def parse_manifest(data: bytes) -> object:
    return Ed25519Trust(KEY, {}).verify(data, now_utc_ms=NOW)


PARSERS: dict[str, Callable[[bytes], object]] = {
    "envelope": lambda data: verify(data, KEY),
    "device of an envelope": claimed_device,
    "envelope to erase": lambda data: erase_stream(data, "keys"),
    "segment": scan_segment,
    "preamble": decode_preamble,
    "record": lambda data: parse_record(data, 0),
    "fact": lambda data: decode_event(21, data),
    "order list": lambda data: OrderList("oslo-2026-12-01-a", KEY).verify(data),
    "package": decode_package,
    "sealed content": lambda data: open_content(data, bytes(32), {}),
    "manifest": parse_manifest,
    "grant": lambda data: verify_grant(data, KEY),
    "receipt": lambda data: verify_receipt(data, KEY),
    "progress": lambda data: verify_progress(data, KEY),
    "ticket": parse_ticket,
    "verifier": lambda data: PasswordVerifier.parse(data.decode("latin-1")),
}


def seeds() -> list[bytes]:
    return [
        packed(scanned([b"one", b"two"]))[0],
        written([b"one", b"two"])[1][:6000],
        encode_preamble(segment().preamble),
        scanned([b"one"]).records[0].raw,
        issued(2).encode(),
        releases.package().manifest,
        releases.grants().grants["pc-07", "norskprove-3"],
        sealed(),
        canonical_bytes({"body": {}, "kind": "receipt", "signature": "0" * 128}),
    ]


SEEDS = seeds()


def refusal(name: str, data: bytes) -> str:
    """The sentence with which these bytes are refused, "." when they are read. Any other exception passes through."""
    try:
        PARSERS[name](data)
    except SyncDataError as error:
        return str(error)
    return "."


@pytest.mark.parametrize("name", PARSERS)
@settings(max_examples=60)
@given(data=st.binary(max_size=300) | st.text(max_size=100).map(str.encode))
def test_any_bytes_are_read_or_refused(name: str, data: bytes) -> None:
    assert refusal(name, data).endswith(".")


@pytest.mark.parametrize("name", PARSERS)
def test_any_change_to_genuine_bytes_is_read_or_refused(name: str) -> None:
    chance = random.Random(name)
    for _ in range(150):
        data = bytearray(chance.choice(SEEDS))
        for _ in range(chance.randrange(1, 6)):
            place = chance.randrange(len(data))
            data[place : place + chance.randrange(4)] = chance.randbytes(chance.randrange(5))
        assert refusal(name, bytes(data)).endswith(".")


def test_deep_nesting_huge_numbers_and_lengths_are_refused() -> None:
    for data in (
        b"[" * 5000 + b"]" * 5000,
        b'{"body":' * 3000,
        b"1" * 5000,
        b"PVRMENV1\xff\xff\xff\xff{}",
        b"PVRMPKG1" + b"\xff" * 20,
        b"PVRMJRN1\xff\xff\xff\xff{}{}",
    ):
        for name in PARSERS:
            assert 10 < len(refusal(name, data)) < 400 or name == "record"


def test_an_errors_sentence_never_quotes_a_name_or_an_answer() -> None:
    secret = "Åse Ødegård"
    body = {"attempt": secret, "answers": [secret], "phase": secret, secret: 1}
    signature = signing("pc-07").sign("signed/progress", canonical_bytes(body)).hex()
    data = canonical_bytes({"body": body, "kind": "progress", "signature": signature})
    with pytest.raises(SyncDataError) as refused:
        verify_progress(data, KEY)
    assert secret not in str(refused.value)
    fact = canonical_bytes({"event": {"type": "Answered", "item": 1, "response": [secret]}, "utc_ms": 1})
    with pytest.raises(SyncDataError) as refused:
        decode_event(21, fact)
    assert secret not in str(refused.value)
    assert answer(1) is not None
