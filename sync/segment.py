"""A journal segment as bytes: header, records, and how they are read back whatever happened to them.

One segment belongs to one attempt, one device and one run of the program, has fresh random keys and is never appended
to after that run. Layouts, hash inputs and the order of checks are in `PROTOCOL.md` §5.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sync.errors import CannotOpenError, DamagedError, SyncUsageError
from sync.keys import sha256
from sync.preamble import (
    MAX_HEADER_BYTES,
    NO_HASH,
    SEGMENT_MAGIC,
    STREAMS,
    Binding,
    Count,
    Hash,
    Id,
    Link,
    NewSegment,
    Opener,
    Preamble,
    Recipient,
    SealedKey,
    SealedKeys,
    SegmentHeader,
    Stream,
    StreamKeys,
    StreamName,
    block_length,
    decode_preamble,
    encode_preamble,
    header_hash,
    keys_commitment,
    new_segment,
    open_stream_keys,
    parse_preamble,
    recovery_opener,
    recovery_recipient,
    results_opener,
    results_recipients,
    without_stream,
)

__all__ = [
    "FORM_ENTRY",
    "KEY_TIMINGS",
    "MAX_HEADER_BYTES",
    "MAX_PAYLOAD_BYTES",
    "MAX_RECORD_BYTES",
    "MAX_SEGMENT_BYTES",
    "MAX_TYPE",
    "NO_HASH",
    "RECORD_MARK",
    "RECORD_OVERHEAD",
    "SEGMENT_MAGIC",
    "STREAMS",
    "Binding",
    "Count",
    "Damage",
    "Hash",
    "Id",
    "Link",
    "NewSegment",
    "Opener",
    "Preamble",
    "Recipient",
    "Record",
    "RecordOpener",
    "RecordSealer",
    "SealedKey",
    "SealedKeys",
    "SegmentHeader",
    "SegmentScan",
    "Stream",
    "StreamKeys",
    "StreamName",
    "chain_after",
    "check_run",
    "decode_preamble",
    "encode_preamble",
    "erased_segment",
    "header_hash",
    "keys_commitment",
    "new_segment",
    "open_stream_keys",
    "parse_preamble",
    "parse_record",
    "record_associated",
    "record_nonce",
    "recovery_opener",
    "recovery_recipient",
    "results_opener",
    "results_recipients",
    "scan_segment",
    "without_stream",
]

RECORD_MARK: Final = b"\xa5\xc3"
MAX_PAYLOAD_BYTES: Final = 65_536
MAX_SEGMENT_BYTES: Final = 2**28
"""Of a segment file: far above what a whole day of key timings fills."""

KEY_TIMINGS: Final = 200
FORM_ENTRY: Final = 201
MAX_TYPE: Final = 255
"""Record types outside the engine's event codes (1…127): a batch of key timings, an entry of the form."""

_PAD: Final = 32
_ZEROS: Final = bytes(4096)
_TAG: Final = 16
_FIXED: Final = struct.Struct(">2sIQBB")
_HASHED: Final = 6
"""Where the chained part of a record begins: counter, type, stream, ciphertext stand as `chain_after` hashes them."""

_CHAIN: Final = 32
_CRC: Final = 4
RECORD_OVERHEAD: Final = _FIXED.size + _TAG + _CHAIN + _CRC
MAX_RECORD_BYTES: Final = RECORD_OVERHEAD + MAX_PAYLOAD_BYTES + _PAD
_MIN_RECORD_BYTES: Final = RECORD_OVERHEAD + _PAD

# --- records ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Record:
    """One record as it stands in the file. ``stream`` is the index in the header's streams."""

    counter: int
    type: int
    stream: int
    ciphertext: bytes
    chain: bytes
    raw: bytes = field(repr=False)


class RecordSealer:
    """Makes a segment's records one after the other; counters start at 0 and never repeat under these keys."""

    def __init__(self, segment: NewSegment) -> None:
        self._hash = segment.preamble.hash
        self._names: tuple[StreamName, ...] = tuple(stream.name for stream in segment.header.streams)
        self._aeads = tuple(AESGCM(segment.keys[name]) for name in self._names)
        self.count = 0
        self.head = self._hash

    def seal(self, stream: StreamName, kind: int, payload: bytes) -> Record:
        """The next record; the chain and the counter move on.

        Raises:
            SyncUsageError: no such stream, a type outside 1…255, or more than `MAX_PAYLOAD_BYTES`.
        """
        if stream not in self._names or not 1 <= kind <= MAX_TYPE:
            raise SyncUsageError(
                what=f"stream '{stream}', type {kind} cannot be recorded", remedy="Use a stream of this segment"
            )
        if len(payload) > MAX_PAYLOAD_BYTES:
            raise SyncUsageError(what=f"a record of {len(payload)} bytes is too long", remedy="Divide it")
        index = self._names.index(stream)
        nonce = record_nonce(self.count)
        associated = record_associated(self._hash, self.count, kind, index)
        ciphertext = self._aeads[index].encrypt(nonce, _padded(payload), associated)
        record = _encode_record(self.count, kind, index, ciphertext, self.head)
        self.count += 1
        self.head = record.chain
        return record


def record_nonce(counter: int) -> bytes:
    """12 bytes: four zero bytes and the counter."""
    return struct.pack(">IQ", 0, counter)


def record_associated(hash_of_header: bytes, counter: int, kind: int, stream: int) -> bytes:
    """The associated data of a record: header hash ‖ counter ‖ type ‖ stream."""
    return hash_of_header + struct.pack(">QBB", counter, kind, stream)


def chain_after(chain: bytes, counter: int, kind: int, stream: int, ciphertext: bytes) -> bytes:
    """The chain value of a record: SHA-256(chain before ‖ counter ‖ type ‖ stream ‖ ciphertext)."""
    return sha256(chain + struct.pack(">QBB", counter, kind, stream) + ciphertext)


def parse_record(data: bytes, offset: int) -> Record | None:
    """The record that begins at ``offset``; None when there is none that is whole and has its right CRC."""
    if len(data) - offset < _MIN_RECORD_BYTES:
        return None
    mark, length, counter, kind, stream = _FIXED.unpack_from(data, offset)
    if mark != RECORD_MARK or not _MIN_RECORD_BYTES <= length <= MAX_RECORD_BYTES or len(data) - offset < length:
        return None
    raw = data[offset : offset + length]
    if zlib.crc32(raw[:-_CRC]) != struct.unpack_from(">I", raw, length - _CRC)[0]:
        return None
    return Record(counter, kind, stream, raw[_FIXED.size : -_CHAIN - _CRC], raw[-_CHAIN - _CRC : -_CRC], raw)


def check_run(data: bytes, first: int, chain: bytes | None, streams: int, what: str) -> tuple[int, bytes]:
    """Check a run of whole records, one after the other and nothing else, in one pass; nothing is opened.

    Args:
        data: the records' bytes.
        first: the counter that the first record must have; each further one has the next.
        chain: the chain value before the first record; None where it is not known.
        streams: how many streams the segment's header names.
        what: what is checked, for the error's sentence.

    Returns:
        The counter after the last record and the chain value there.

    Raises:
        DamagedError: a record is cut, changed, out of its place, breaks the chain or names no stream.
    """
    unpack, crc32, digest, view = _FIXED.unpack_from, zlib.crc32, hashlib.sha256, memoryview(data)
    place, counter, size = 0, first, len(data)
    while place < size:
        if size - place < _MIN_RECORD_BYTES:
            raise _out_of_place(what, counter)
        mark, length, found, _, stream = unpack(data, place)
        end = place + length
        if (
            mark != RECORD_MARK
            or found != counter
            or not _MIN_RECORD_BYTES <= length <= MAX_RECORD_BYTES
            or end > size
            or data[end - _CRC : end] != crc32(view[place : end - _CRC]).to_bytes(_CRC, "big")
        ):
            raise _out_of_place(what, counter)
        value = data[end - _CHAIN - _CRC : end - _CRC]
        if chain is not None and value != digest(chain + data[place + _HASHED : end - _CHAIN - _CRC]).digest():
            raise DamagedError(what=what, fault=f"record {counter} does not continue the chain")
        if stream >= streams:
            raise DamagedError(what=what, fault=f"record {counter} names a stream that there is none of")
        chain, counter, place = value, counter + 1, end
    if chain is None or counter == first:
        raise _out_of_place(what, first)
    return counter, chain


def _out_of_place(what: str, counter: int) -> DamagedError:
    return DamagedError(what=what, fault=f"record {counter} is not where it should be")


class RecordOpener:
    """Opens records of one segment with its stream keys."""

    def __init__(self, header: SegmentHeader, keys: StreamKeys) -> None:
        self._hash = header_hash(header)
        self.names: tuple[StreamName, ...] = tuple(stream.name for stream in header.streams)
        self._aeads = {name: AESGCM(key) for name, key in keys.items()}

    def stream_name(self, record: Record) -> StreamName:
        """The name of a record's stream.

        Raises:
            CannotOpenError: the header has no such stream.
        """
        if record.stream >= len(self.names):
            raise CannotOpenError(what="journal record", context=f"stream {record.stream}")
        return self.names[record.stream]

    def open(self, record: Record) -> bytes | None:
        """The payload; None when the key of the record's stream is not here.

        Raises:
            CannotOpenError: changed, moved from elsewhere, or under another key.
        """
        aead = self._aeads.get(self.stream_name(record))
        if aead is None:
            return None
        associated = record_associated(self._hash, record.counter, record.type, record.stream)
        try:
            return _unpadded(aead.decrypt(record_nonce(record.counter), record.ciphertext, associated))
        except (InvalidTag, ValueError) as error:
            raise CannotOpenError(what="journal record", context=f"counter {record.counter}") from error


# --- reading a file ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes in the middle of a segment file that are no record; later records were still read.

    ``after`` is the counter before the damage (-1: none), ``before`` the first one after it.
    """

    offset: int
    length: int
    after: int
    before: int


@dataclass(frozen=True, slots=True)
class SegmentScan:
    """What a segment file holds: whole records in order, damage inside, and what is left of a torn tail."""

    preamble: Preamble
    records: tuple[Record, ...]
    damages: tuple[Damage, ...]
    broken_chain: tuple[int, ...]
    torn_tail: bytes = field(repr=False)
    end: int

    @property
    def header(self) -> SegmentHeader:
        """The header."""
        return self.preamble.header

    @property
    def count(self) -> int:
        """One more than the last counter; 0 when there is no record."""
        return self.records[-1].counter + 1 if self.records else 0

    @property
    def head(self) -> bytes:
        """The chain value after the last record."""
        return self.records[-1].chain if self.records else self.preamble.hash

    @property
    def missing(self) -> tuple[tuple[int, int], ...]:
        """Counters that should be there and are not, as (first, last)."""
        found = (-1, *(record.counter for record in self.records))
        return tuple((a + 1, b - 1) for a, b in pairwise(found) if b - a > 1)


def scan_segment(data: bytes) -> SegmentScan:
    """Read a segment file's bytes, whatever state they are in.

    Raises:
        DamagedError: longer than `MAX_SEGMENT_BYTES`, or neither copy of the header can be read; the file must then be
            kept for examination.
    """
    if len(data) > MAX_SEGMENT_BYTES:
        fault = f"{len(data)} bytes where {MAX_SEGMENT_BYTES} is the most"
        raise DamagedError(what="journal segment", fault=fault, remedy="Keep the file for examination")
    block, start = _find_header(data)
    preamble = decode_preamble(block)
    records: list[Record] = []
    damages: list[Damage] = []
    if start > 2 * len(block) or data[: len(block)] != block or data[len(block) : 2 * len(block)] != block:
        damages.append(Damage(0, start, -1, 0))
    offset = start
    while (found := _next_record(data, offset, records[-1].counter if records else -1)) is not None:
        place, record = found
        if place > offset:
            damages.append(Damage(offset, place - offset, records[-1].counter if records else -1, record.counter))
        records.append(record)
        offset = place + len(record.raw)
    tail = data[offset : _end_without_zeros(data, offset)]
    broken = tuple(_broken_chain(preamble.hash, records))
    return SegmentScan(preamble, tuple(records), tuple(damages), broken, tail, offset)


def erased_segment(data: bytes, stream: StreamName) -> bytes:
    """A segment file's bytes with one stream's sealed keys destroyed in both copies; its records stay as they are.

    Raises:
        DamagedError: neither copy of the header can be read.
    """
    block, start = _find_header(data)
    return 2 * encode_preamble(without_stream(decode_preamble(block), stream)) + data[start:]


def _end_without_zeros(data: bytes, start: int) -> int:
    """Where the zeros at the end begin, not before ``start``; whole blocks at once, since reserved space is long."""
    end = len(data)
    while end - len(_ZEROS) >= start and data[end - len(_ZEROS) : end] == _ZEROS:
        end -= len(_ZEROS)
    low = max(start, end - len(_ZEROS))
    return low + len(data[low:end].rstrip(b"\0"))


def _next_record(data: bytes, offset: int, last: int) -> tuple[int, Record] | None:
    """The first whole record at or after ``offset`` that can follow counter ``last``, and where it begins.

    It follows when the bytes passed over have room for the records that are missing; a stale one has not.
    """
    place = data.find(RECORD_MARK, offset)
    while place >= 0:
        record = parse_record(data, place)
        if record is not None and 0 < record.counter - last <= 1 + (place - offset) // _MIN_RECORD_BYTES:
            return place, record
        place = data.find(RECORD_MARK, place + 1)
    return None


def _broken_chain(start: bytes, records: Sequence[Record]) -> Iterator[int]:
    """Counters of records that follow their forerunner directly and do not continue its chain."""
    chain, expected = start, 0
    for record in records:
        right = chain_after(chain, record.counter, record.type, record.stream, record.ciphertext)
        if record.counter == expected and record.chain != right:
            yield record.counter
        chain, expected = record.chain, record.counter + 1


def _find_header(data: bytes) -> tuple[bytes, int]:
    """A whole header block and where the records begin. The block stands twice, so one may be damaged."""
    length = block_length(data, 0)
    if length is not None:
        return data[:length], min(2 * length, len(data))
    place = data.find(SEGMENT_MAGIC, 1, 2 * MAX_HEADER_BYTES)
    while place >= 0:
        length = block_length(data, place)
        if length is not None:
            return data[place : place + length], place + length
        place = data.find(SEGMENT_MAGIC, place + 1, 2 * MAX_HEADER_BYTES)
    raise DamagedError(
        what="journal segment", fault="neither copy of its header can be read", remedy="Keep the file for examination"
    )


def _encode_record(counter: int, kind: int, stream: int, ciphertext: bytes, before: bytes) -> Record:
    chain = chain_after(before, counter, kind, stream, ciphertext)
    length = _FIXED.size + len(ciphertext) + _CHAIN + _CRC
    body = _FIXED.pack(RECORD_MARK, length, counter, kind, stream) + ciphertext + chain
    return Record(counter, kind, stream, ciphertext, chain, body + struct.pack(">I", zlib.crc32(body)))


def _padded(payload: bytes) -> bytes:
    """Payload, 0x80, zeros up to a multiple of 32 (ISO/IEC 7816-4), so that a length does not tell the answer."""
    return payload + b"\x80" + bytes(-(len(payload) + 1) % _PAD)


def _unpadded(padded: bytes) -> bytes:
    payload = padded.rstrip(b"\0")
    if not payload.endswith(b"\x80"):
        raise ValueError
    return payload[:-1]
