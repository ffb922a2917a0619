"""Envelope: a range of one segment's records on its way to the store, signed by the PC (`PROTOCOL.md` §6).

It carries the record bytes as they stand in the file, and the segment's header, so that each envelope can be verified
and (with a results or recovery key) opened by itself. The store verifies before it stores, and can read nothing.
"""

from __future__ import annotations

import struct
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Annotated, Final, Literal

from pydantic import Field

from sync.canonical import Message, canonical_bytes, parse_canonical, parse_table, plain_of, read_checked, read_model
from sync.errors import DamagedError, SyncUsageError
from sync.keys import SIGNATURE_BYTES, SUITE, SigningKey, VerifyKey, sha256_hex
from sync.segment import (
    MAX_HEADER_BYTES,
    MAX_RECORD_BYTES,
    Count,
    Hash,
    Id,
    Preamble,
    Record,
    RecordOpener,
    SegmentHeader,
    SegmentScan,
    StreamKeys,
    StreamName,
    check_run,
    parse_record,
)

ENVELOPE_MAGIC: Final = b"PVRMENV1"
RECORDS_BYTES: Final = 20_000
"""Records are packed up to this size; a single longer record travels alone."""

_MAX_HEADER: Final = 4096
MAX_ENVELOPE_BYTES: Final = 12 + _MAX_HEADER + 2 * (4 + MAX_HEADER_BYTES) + 4 + MAX_RECORD_BYTES + SIGNATURE_BYTES
_PURPOSE: Final = "envelope"
_WHAT: Final = "envelope"
_LENGTH: Final = struct.Struct(">I")


class EnvelopeHeader(Message):
    """What an envelope is. ``previous`` is the hash of this PC's envelope before it in the segment (zeros: the first).

    ``before`` is the chain value before record ``first``, "" where it is not known (after damage on the PC's disk);
    ``head`` the one after record ``last``.
    """

    format: Literal[1]
    suite: Literal[1]
    sitting: Id
    attempt: Id
    device: Id
    release: Id
    segment: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    ordinal: Count
    first: Count
    last: Count
    previous: Hash
    before: Hash | Literal[""]
    head: Hash


@dataclass(frozen=True, slots=True)
class Envelope:
    """A verified envelope. ``sha256`` (hexadecimal) is its identity: receipts and the next envelope name it."""

    header: EnvelopeHeader
    preamble: Preamble = field(repr=False)
    run: bytes = field(repr=False)
    sha256: str
    data: bytes = field(repr=False)

    @property
    def records(self) -> tuple[Record, ...]:
        """Its records, taken apart anew at each call: the store, which opens nothing, never needs them."""
        found: list[Record] = []
        place = 0
        while (record := parse_record(self.run, place)) is not None:
            found.append(record)
            place += len(record.raw)
        return tuple(found)

    @property
    def key(self) -> tuple[str, str, int, int]:
        """(attempt, segment, first, last): what is unique in the store."""
        return (self.header.attempt, self.header.segment, self.header.first, self.header.last)


@dataclass(frozen=True, slots=True)
class _Parts:
    header: bytes
    segment: bytes
    records: bytes
    signature: bytes
    keys: bytes
    signed: bytes

    @property
    def sha256(self) -> str:
        return sha256_hex(self.signed + self.signature)


def next_range(
    scan: SegmentScan, first: int, *, below: int | None = None, limit: int = RECORDS_BYTES
) -> tuple[int, int] | None:
    """The next records to pack from counter ``first`` on: whole, without a gap, up to ``limit`` bytes, one at least.

    ``below``: only records with a smaller counter. None when there is nothing from ``first`` on.

    A gap (damage on the disk) ends a range; the next begins after it.
    """
    chosen: list[Record] = []
    size = 0
    for record in scan.records:
        if record.counter < first or (below is not None and record.counter >= below):
            continue
        follows = not chosen or (record.counter == chosen[-1].counter + 1 and record.counter not in scan.broken_chain)
        if not follows or (chosen and size + len(record.raw) > limit):
            break
        chosen.append(record)
        size += len(record.raw)
    return (chosen[0].counter, chosen[-1].counter) if chosen else None


def pack(scan: SegmentScan, first: int, last: int, previous: str, key: SigningKey) -> bytes:
    """The envelope of records ``first`` to ``last``: the same bytes whenever it is packed from the same file.

    Args:
        scan: the segment as read from its file.
        first, last: counters of a range from `next_range`.
        previous: hash of the envelope before, or zeros.
        key: this PC's signing key.

    Raises:
        SyncUsageError: the file does not hold that range whole.
    """
    records = [record for record in scan.records if first <= record.counter <= last]
    if not records or len(records) != last - first + 1:
        raise SyncUsageError(
            what=f"records {first} to {last} are not all in the segment", remedy="Ask next_range what to pack"
        )
    before = _chain_before(scan, records[0])
    segment = scan.header
    header = {
        "format": 1,
        "suite": SUITE,
        "sitting": segment.sitting,
        "attempt": segment.attempt,
        "device": segment.device,
        "release": segment.release,
        "segment": segment.segment,
        "ordinal": segment.ordinal,
        "first": first,
        "last": last,
        "previous": previous,
        "before": before,
        "head": records[-1].chain.hex(),
    }
    signed = (
        ENVELOPE_MAGIC
        + _block(canonical_bytes(header))
        + _block(canonical_bytes(plain_of(segment)))
        + _block(b"".join(record.raw for record in records))
    )
    return signed + key.sign(_PURPOSE, signed) + _block(_encode_keys(scan.preamble))


def envelope_sha256(data: bytes) -> str:
    """An envelope's identity: SHA-256 of everything up to and with the signature, the sealed keys after it left out.

    Raises:
        DamagedError: not an envelope.
    """
    return _split(data).sha256


class Claim:
    """An envelope whose header was read to look its device's key up; nothing is verified yet."""

    __slots__ = ("_data", "_header", "_parts")

    def __init__(self, data: bytes) -> None:
        """Take an envelope apart.

        Raises:
            DamagedError: not an envelope.
        """
        self._data = data
        self._parts = _split(data)
        self._header = _header(self._parts)

    @property
    def device(self) -> str:
        """The device it says it comes from."""
        return self._header.device

    def verify(self, device_key: VerifyKey) -> Envelope:
        """As `verify` for all of its bytes; what it raises, too."""
        _check_signature(self._parts, device_key)
        return _checked(self._data, self._parts, self._header, ())


def claimed_device(data: bytes) -> str:
    """The device an envelope says it comes from; nothing is verified yet.

    Raises:
        DamagedError: not an envelope.
    """
    return Claim(data).device


def verify(data: bytes, device_key: VerifyKey, *, erased: Collection[StreamName] = ()) -> Envelope:
    """A genuine envelope of that device, whole and consistent.

    ``erased`` names the streams whose keys may be missing; at the store's door none may.

    Order of checks: size, framing, signature, header, segment header and key commitments, agreement of the two,
    each record's framing and CRC, counters, chain, head. Nothing is opened.

    Raises:
        DamagedError: cut, changed, or not consistent in itself.
        WrongSignatureError: not signed by this device.
    """
    parts = _split(data)
    _check_signature(parts, device_key)
    return _checked(data, parts, _header(parts), erased)


def recognise(data: bytes, sha256: str, *, erased: Collection[StreamName] = ()) -> EnvelopeHeader:
    """The header of an envelope that somebody trusted verified under this identity.

    The identity covers all of it but the sealed keys behind the signature, so these alone are checked anew.

    Raises:
        DamagedError: it is another envelope, or its sealed keys are not those it committed to.
    """
    parts = _split(data)
    if parts.sha256 != sha256:
        raise DamagedError(what=_WHAT, fault="it is another envelope than the one that was verified")
    _check_keys(_preamble(parts.segment, parts.keys), erased)
    return read_checked(EnvelopeHeader, parts.header, _WHAT)


def _check_signature(parts: _Parts, device_key: VerifyKey) -> None:
    device_key.verify(_PURPOSE, parts.signed, parts.signature, what=_WHAT, signer="the device it names")


def _checked(data: bytes, parts: _Parts, header: EnvelopeHeader, erased: Collection[StreamName]) -> Envelope:
    """What remains to be checked once the signature holds."""
    preamble = _preamble(parts.segment, parts.keys)
    _check_keys(preamble, erased)
    _check_agreement(header, preamble.header)
    _check_records(parts, header, len(preamble.header.streams))
    return Envelope(header, preamble, parts.records, parts.sha256, data)


@dataclass(frozen=True, slots=True)
class OpenedRecord:
    """A record's content; ``payload`` is None when its stream was erased or is not for this key."""

    counter: int
    type: int
    stream: StreamName
    payload: bytes | None = field(repr=False)


def open_envelope(envelope: Envelope, keys: StreamKeys) -> tuple[OpenedRecord, ...]:
    """The records of a verified envelope, opened with keys from `sync.segment.open_stream_keys`.

    Raises:
        CannotOpenError: a record was not sealed under this segment's keys.
    """
    opener = RecordOpener(envelope.preamble.header, keys)
    return tuple(
        OpenedRecord(record.counter, record.type, opener.stream_name(record), opener.open(record))
        for record in envelope.records
    )


def erase_stream(data: bytes, stream: StreamName) -> bytes:
    """The envelope with one stream's sealed keys destroyed. Its signature, hash, chain and receipt all stay valid.

    Raises:
        DamagedError: not an envelope.
    """
    parts = _split(data)
    keys = parse_table(parts.keys, _WHAT, limit=MAX_HEADER_BYTES)
    left = {name: sealed for name, sealed in keys.items() if name != stream}
    return parts.signed + parts.signature + _block(canonical_bytes(left))


def _chain_before(scan: SegmentScan, record: Record) -> str:
    if record.counter in scan.broken_chain:
        return ""
    if record.counter == 0:
        return scan.preamble.hash.hex()
    return next((entry.chain.hex() for entry in scan.records if entry.counter == record.counter - 1), "")


def _block(data: bytes) -> bytes:
    return _LENGTH.pack(len(data)) + data


def _split(data: bytes) -> _Parts:
    """Cut an envelope along its lengths, which must add up exactly."""
    if len(data) > MAX_ENVELOPE_BYTES:
        raise DamagedError(what=_WHAT, fault=f"{len(data)} bytes where {MAX_ENVELOPE_BYTES} is the most")
    if not data.startswith(ENVELOPE_MAGIC):
        raise DamagedError(what=_WHAT, fault="it does not begin as an envelope does")
    header, place = _take(data, len(ENVELOPE_MAGIC))
    segment, place = _take(data, place)
    records, place = _take(data, place)
    signature = data[place : place + SIGNATURE_BYTES]
    keys, end = _take(data, place + SIGNATURE_BYTES)
    if end != len(data):
        raise DamagedError(what=_WHAT, fault="something stands after its end")
    return _Parts(header, segment, records, signature, keys, data[:place])


def _take(data: bytes, place: int) -> tuple[bytes, int]:
    if len(data) < place + _LENGTH.size:
        raise DamagedError(what=_WHAT, fault="it is cut")
    begin = place + _LENGTH.size
    end = begin + _LENGTH.unpack_from(data, place)[0]
    if len(data) < end:
        raise DamagedError(what=_WHAT, fault="it is cut")
    return data[begin:end], end


def _header(parts: _Parts) -> EnvelopeHeader:
    return read_model(EnvelopeHeader, parts.header, _WHAT, limit=_MAX_HEADER)


@lru_cache(maxsize=256)
def _preamble(segment: bytes, keys: bytes) -> Preamble:
    """The preamble in these bytes. Remembered, because the envelopes of a segment all carry the same."""
    parse_canonical(segment, _WHAT, limit=MAX_HEADER_BYTES)
    parse_canonical(keys, _WHAT, limit=MAX_HEADER_BYTES)
    return read_checked(Preamble, b'{"header":%b,"keys":%b}' % (segment, keys), _WHAT)


def _check_keys(preamble: Preamble, erased: Collection[StreamName]) -> None:
    for stream in preamble.header.streams:
        if stream.name not in preamble.keys and stream.name not in erased:
            raise DamagedError(what=_WHAT, fault=f"the sealed keys of stream '{stream.name}' are missing")


def _check_agreement(header: EnvelopeHeader, segment: SegmentHeader) -> None:
    for name in ("sitting", "attempt", "device", "release", "segment", "ordinal"):
        if getattr(header, name) != getattr(segment, name):
            raise DamagedError(what=_WHAT, fault=f"its header and its segment's header differ in '{name}'")


def _check_records(parts: _Parts, header: EnvelopeHeader, streams: int) -> None:
    """All records, in one pass; see `check_run`."""
    if header.first == 0 and header.before not in ("", sha256_hex(parts.segment)):
        raise DamagedError(what=_WHAT, fault="its chain does not begin with the segment's header")
    before = bytes.fromhex(header.before) if header.before else None
    end, head = check_run(parts.records, header.first, before, streams, _WHAT)
    if end != header.last + 1:
        raise DamagedError(what=_WHAT, fault=f"it does not end with record {header.last}")
    if head.hex() != header.head:
        raise DamagedError(what=_WHAT, fault="its head is not the chain's end")


def _encode_keys(preamble: Preamble) -> bytes:
    return canonical_bytes(plain_of(preamble)["keys"])
