"""Envelopes that a dishonest PC signs with its own key: each thing that is wrong in them is told by a sentence."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sync.keys import SigningKey, hpke_seal, sha256
from tests.verifier.draft import Draft, chained, chained_from, with_crc
from tests.verifier.room import Room
from verifier.envelope import open_record, read_envelope, stream_keys
from verifier.errors import WrongError


@pytest.fixture(scope="module")
def genuine(bundle: Path) -> bytes:
    paths = sorted((bundle / "envelopes").glob("*-00000000-*.envelope"), key=lambda path: path.stat().st_size)
    return paths[len(paths) // 2].read_bytes()


@pytest.fixture(scope="module")
def key(room: Room, genuine: bytes) -> SigningKey:
    device = Draft.of(genuine).header["device"]
    return next(pc.keys.signing for pc in room.site.pcs if pc.id == device)


Change = Callable[[Draft], Draft]
CHANGES: dict[str, tuple[Change, str]] = {
    "format": (lambda draft: draft.headed(format=2), "'format' is not 1"),
    "suite": (lambda draft: draft.headed(suite=True), "'suite' is not 1"),
    "another field": (lambda draft: draft.headed(more=1), "unknown field 'more'"),
    "no id": (lambda draft: draft.headed(attempt="ø"), "'attempt' is not an id"),
    "attempt": (lambda draft: draft.headed(attempt="c" * 32), "differ"),
    "ordinal": (lambda draft: draft.headed(ordinal=7), "differ"),
    "last": (lambda draft: draft.headed(last=draft.header["last"] + 1), "it does not hold the records"),
    "first": (lambda draft: draft.headed(first=1), "is not where it should be"),
    "head": (lambda draft: draft.headed(head="0" * 64), "its head is not the end of its chain"),
    "before": (lambda draft: draft.headed(before="0" * 64), "does not continue the chain"),
    "before, chained": (
        lambda draft: replace(chained(draft), header={**chained(draft).header, "before": ""}).headed(first=0),
        "",
    ),
    "another beginning": (
        lambda draft: chained_from(draft, sha256(b"elsewhere")),
        "its chain does not begin with the segment's header",
    ),
    "no records": (lambda draft: replace(draft, records=()), "it does not hold the records"),
    "record: mark": (lambda draft: draft.with_record(1, lambda raw: b"\xa5\xc4" + raw[2:]), "does not begin"),
    "record: cut": (lambda draft: draft.with_record(1, lambda raw: raw[:40]), "record"),
    "record: length": (
        lambda draft: draft.with_record(0, lambda raw: raw[:2] + struct.pack(">I", 2**31) + raw[6:]),
        "is not where it should be",
    ),
    "record: damaged": (lambda draft: draft.with_record(1, lambda raw: raw[:-1] + bytes([raw[-1] ^ 1])), "is damaged"),
    "record: chain": (
        lambda draft: draft.with_record(1, lambda raw: with_crc(raw[:-36] + bytes(36))),
        "does not continue the chain",
    ),
    "record: stream": (
        lambda draft: chained(draft.with_record(0, lambda raw: raw[:15] + b"\x09" + raw[16:])),
        "names a stream that there is none of",
    ),
    "record: twice": (
        lambda draft: replace(draft, records=(draft.records[0], *draft.records)),
        "is not where it should be",
    ),
    "segment: format": (lambda draft: chained(draft.of_segment(format=9)), "'format' is not 1"),
    "segment: another field": (lambda draft: chained(draft.of_segment(more=1)), "unknown field 'more'"),
    "segment: stream twice": (
        lambda draft: chained(draft.of_segment(streams=[*draft.segment["streams"], draft.segment["streams"][0]])),
        "not named once each",
    ),
    "segment: no stream": (lambda draft: chained(draft.of_segment(streams=[])), "not named once each"),
    "segment: unknown stream": (
        lambda draft: chained(draft.of_segment(streams=[{**draft.segment["streams"][0], "name": "camera"}])),
        "unknown stream",
    ),
    "keys: other ones": (
        lambda draft: replace(draft, keys={**draft.keys, "answers": draft.keys["keys"]}),
        "are not those of its header",
    ),
    "keys: of no stream": (
        lambda draft: replace(draft, keys={**draft.keys, "camera": []}),
        "are not those of its header",
    ),
    "something behind": (lambda draft: replace(draft, tail=b"x"), "something stands after its end"),
}


def test_control_taken_apart_and_signed_again_it_is_the_same(genuine: bytes, key: SigningKey) -> None:
    draft = Draft.of(genuine)
    assert draft.signed(key) == genuine
    assert chained(draft).signed(key) == genuine
    assert read_envelope(genuine, {draft.header["device"]: key.public.hex}).records


@pytest.mark.parametrize("name", CHANGES)
def test_what_a_dishonest_pc_signs_is_refused_for_what_is_wrong(name: str, genuine: bytes, key: SigningKey) -> None:
    change, sentence = CHANGES[name]
    data = change(Draft.of(genuine)).signed(key)
    devices = {Draft.of(genuine).header["device"]: key.public.hex}
    if not sentence:  # the chain value before it may be unknown after damage on the PC's disk
        assert read_envelope(data, devices).before == ""
        return
    with pytest.raises(WrongError, match=sentence):
        read_envelope(data, devices)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "does not begin"),
        (b"PVRMENV2" + bytes(100), "does not begin"),
        (b"PVRMENV1" + b"\xff" * 100, "it is cut"),
        (b"PVRMENV1" + bytes(3), "it is cut"),
        (bytes(300_000), "300000 bytes where 200892 is the most"),
        (b"PVRMENV1" + bytes(4 * 3 + 64 + 4), "its header is not canonical JSON"),
    ],
    ids=range(6),
)
def test_what_is_no_envelope_is_told(data: bytes, sentence: str) -> None:
    with pytest.raises(WrongError, match=sentence):
        read_envelope(data, {})


def test_records_and_keys_of_elsewhere_do_not_open(room: Room, genuine: bytes, key: SigningKey) -> None:
    devices = {Draft.of(genuine).header["device"]: key.public.hex}
    envelope = read_envelope(genuine, devices)
    private = room.keys.results_key().raw
    keys = stream_keys(envelope.segment, "results:0", [private])
    assert open_record(envelope.records[0], envelope.segment, keys)
    with pytest.raises(WrongError, match="does not open"):
        open_record(replace(envelope.records[0], counter=1), envelope.segment, keys)
    with pytest.raises(WrongError, match="does not open"):
        open_record(envelope.records[0], replace(envelope.segment, header=b"{}"), keys)
    with pytest.raises(WrongError, match="does not open with this key"):
        stream_keys(replace(envelope.segment, sitting="s2"), "results:0", [private])
    with pytest.raises(WrongError, match="not sealed to 'results:1'"):
        stream_keys(envelope.segment, "results:1", [private])
    assert open_record(envelope.records[0], envelope.segment, {}) is None


def test_a_stream_key_that_is_none_and_a_record_without_its_padding_are_told(
    room: Room, genuine: bytes, key: SigningKey
) -> None:
    segment = read_envelope(genuine, {Draft.of(genuine).header["device"]: key.public.hex}).segment
    record = read_envelope(genuine, {segment.device: key.public.hex}).records[0]
    names = ("attempt", "device", "release", "sitting")
    context = {name: getattr(segment, name) for name in names} | {"segment": segment.id, "stream": "answers"}
    short = hpke_seal(room.keys.results_key().public, b"short", "stream-key", {**context, "recipient": "results:0"})
    sealed = {"answers": {"results:0": short}}
    with pytest.raises(WrongError, match="is no key"):
        stream_keys(replace(segment, sealed=sealed), "results:0", [room.keys.results_key().raw])
    bound = struct.pack(">QBB", record.counter, record.type, record.stream)
    unpadded = AESGCM(bytes(32)).encrypt(bytes(4) + bound[:8], bytes(32), segment.hash + bound)
    with pytest.raises(WrongError, match="not padded"):
        open_record(replace(record, ciphertext=unpadded), segment, {"answers": bytes(32)})
