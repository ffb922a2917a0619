"""A cleared PC that is not honest, or whose memory is bad: what it signs must still be right in itself to be kept."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from sync.canonical import canonical_bytes, plain_of
from sync.envelope import MAX_ENVELOPE_BYTES, Claim, next_range, pack, verify
from sync.errors import DamagedError
from sync.segment import NO_HASH, scan_segment
from tests.sync.examples import scanned, signing, written

KEY = signing("pc-07")


@dataclass
class Forger:
    """The parts of a genuine envelope, to be changed; `signed` puts them together again with a right signature.

    ``records`` are (counter, type, stream, ciphertext); their chain is made anew from ``start`` (PROTOCOL.md §5).
    """

    header: dict[str, Any]
    segment: dict[str, Any]
    keys: dict[str, Any]
    records: list[tuple[int, int, int, bytes]]
    start: bytes | None = None
    said: dict[str, Any] = field(default_factory=dict[str, Any])
    """Fields of the envelope's header that say something else."""
    spoilt: dict[int, int] = field(default_factory=dict[int, int])
    """Record's place → which of its bytes, counted from its end, is changed after all sums are made."""

    @classmethod
    def of_three(cls) -> Forger:
        """An honest envelope of three records."""
        scan = scanned([b"one", b"two", b"three"])
        envelope = verify(pack(scan, 0, 2, NO_HASH, KEY), KEY.public)
        plain = plain_of(scan.preamble)
        records = [(each.counter, each.type, each.stream, each.ciphertext) for each in scan.records]
        return cls(plain_of(envelope.header), plain["header"], plain["keys"], records)

    def signed(self) -> bytes:
        segment = canonical_bytes(self.segment)
        start = hashlib.sha256(segment).digest() if self.start is None else self.start
        chain, run = start, b""
        for place, (counter, kind, stream, ciphertext) in enumerate(self.records):
            hashed = struct.pack(">QBB", counter, kind, stream) + ciphertext
            chain = hashlib.sha256(chain + hashed).digest()
            body = b"\xa5\xc3" + struct.pack(">I", 6 + len(hashed) + 36) + hashed + chain
            record = bytearray(body + struct.pack(">I", zlib.crc32(body)))
            if place in self.spoilt:
                record[-self.spoilt[place]] ^= 1
            run += record
        header = self.header | {"before": start.hex(), "head": chain.hex()} | self.said
        signed = b"PVRMENV1" + b"".join(_block(each) for each in (canonical_bytes(header), segment, run))
        return signed + KEY.sign("envelope", signed) + _block(canonical_bytes(self.keys))


def _block(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def nothing(_: Forger) -> None:
    """The control: put together again unchanged."""


def a_stream_that_there_is_none_of(forger: Forger) -> None:
    counter, kind, _, ciphertext = forger.records[2]
    forger.records[2] = (counter, kind, 3, ciphertext)


def a_record_left_out(forger: Forger) -> None:
    del forger.records[1]


def a_record_twice(forger: Forger) -> None:
    forger.records.insert(1, forger.records[1])


def records_in_another_order(forger: Forger) -> None:
    forger.records[0], forger.records[1] = forger.records[1], forger.records[0]


def a_wrong_crc(forger: Forger) -> None:
    forger.spoilt[1] = 1


def a_beginning_of_its_own(forger: Forger) -> None:
    forger.start = bytes(32)


def another_head(forger: Forger) -> None:
    forger.said["head"] = "ab" * 32


def one_more_than_there_are(forger: Forger) -> None:
    forger.said["last"] = 3


def one_fewer_than_there_are(forger: Forger) -> None:
    forger.said["last"] = 1


def no_records(forger: Forger) -> None:
    forger.records.clear()


def two_streams_of_one_name(forger: Forger) -> None:
    forger.segment["streams"][1] = dict(forger.segment["streams"][0])
    del forger.keys["keys"]


def keys_that_the_header_does_not_name(forger: Forger) -> None:
    forger.keys["form"] = forger.keys["keys"]


def keys_left_out(forger: Forger) -> None:
    del forger.keys["form"]


FORGERIES: list[Callable[[Forger], None]] = [
    a_stream_that_there_is_none_of,
    a_record_left_out,
    a_record_twice,
    records_in_another_order,
    a_wrong_crc,
    a_beginning_of_its_own,
    another_head,
    one_more_than_there_are,
    one_fewer_than_there_are,
    no_records,
    two_streams_of_one_name,
    keys_that_the_header_does_not_name,
    keys_left_out,
]


def test_control_what_is_put_together_unchanged_is_taken() -> None:
    data = Forger.of_three().signed()
    assert verify(data, KEY.public).data == data
    assert Claim(data).verify(KEY.public).records[2].counter == 2


@pytest.mark.parametrize("change", FORGERIES, ids=lambda change: change.__name__)
def test_what_a_pc_signs_is_refused_when_it_is_not_right_in_itself(change: Callable[[Forger], None]) -> None:
    forger = Forger.of_three()
    change(forger)
    data = forger.signed()
    with pytest.raises(DamagedError):
        verify(data, KEY.public)
    with pytest.raises(DamagedError):
        Claim(data).verify(KEY.public)


@pytest.mark.parametrize("name", ["sitting", "attempt", "device", "release", "segment", "ordinal"])
def test_the_two_headers_of_an_envelope_must_say_the_same(name: str) -> None:
    forger = Forger.of_three()
    forger.said[name] = 7 if name == "ordinal" else "0" * 32
    with pytest.raises(DamagedError, match=f"differ in '{name}'"):
        verify(forger.signed(), KEY.public)


def test_sealed_keys_in_another_spelling_are_refused_though_no_signature_covers_them() -> None:
    data = Forger.of_three().signed()
    (length,) = struct.unpack(">I", data[-len(canonical_bytes(Forger.of_three().keys)) - 4 :][:4])
    whole, keys = data[: -length - 4], data[-length:]
    for spelling in (keys + b"\n", keys.replace(b",", b", ", 1), keys.replace(b'"answers"', b'"\\u0061nswers"', 1)):
        with pytest.raises(DamagedError):
            verify(whole + _block(spelling), KEY.public)


def test_what_is_longer_than_any_envelope_is_refused_before_it_is_looked_at() -> None:
    with pytest.raises(DamagedError, match=f"{MAX_ENVELOPE_BYTES + 1} bytes where {MAX_ENVELOPE_BYTES} is the most"):
        Claim(bytes(MAX_ENVELOPE_BYTES + 1))


def test_a_record_that_breaks_the_chain_on_the_disk_begins_an_envelope_of_its_own() -> None:
    """Somebody changed the file: what is whole on both sides of it still travels, and the break is there to see."""
    one, data = written([b"one", b"two", b"three", b"four"])
    scan, other = scan_segment(data), scan_segment(written([b"strange"] * 4)[1])
    spliced = b"".join(record.raw for record in (*scan.records[:2], other.records[2], scan.records[3]))
    changed = scan_segment(data[: data.index(scan.records[0].raw)] + spliced)
    assert changed.broken_chain == (2, 3)
    ranges, first = list[tuple[int, int]](), 0
    while (found := next_range(changed, first)) is not None:
        ranges.append(found)
        first = found[1] + 1
    assert ranges == [(0, 1), (2, 2), (3, 3)]
    sent = [verify(pack(changed, *each, NO_HASH, KEY), KEY.public) for each in ranges]
    assert [each.header.before == "" for each in sent] == [False, True, True]
    assert one.header.segment == sent[0].header.segment
