"""Envelopes (PROTOCOL.md §5 and §6): one range of a journal's records, signed by the PC that wrote them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from verifier import canonical
from verifier.canonical import Fields
from verifier.crypto import aes_open, hpke_open, is_signed, sha256, sha256_hex
from verifier.errors import need

MOST_BYTES: Final = 200_892
NO_HASH: Final = "0" * 64
STREAMS: Final = ("answers", "keys", "form")
_NAMES: Final = ("sitting", "attempt", "device", "release", "segment")


@dataclass(frozen=True)
class Record:
    """A record as it stands in the journal: sealed, numbered, chained."""

    counter: int
    type: int
    stream: int
    ciphertext: bytes = field(repr=False)
    chain: str


@dataclass(frozen=True)
class Link:
    """What a segment follows: of ``segment`` the first ``count`` records count, and ``head`` is its chain there."""

    segment: str
    count: int
    head: str


@dataclass(frozen=True)
class Segment:
    """The header of a program run's part of the journal, and its stream keys as they are sealed to others."""

    sitting: str
    attempt: str
    device: str
    release: str
    id: str
    ordinal: int
    previous: Link | None
    begun_utc_ms: int
    streams: tuple[str, ...]
    header: bytes = field(repr=False)
    sealed: Mapping[str, Mapping[str, bytes]] = field(repr=False)

    @property
    def hash(self) -> bytes:
        """H: what every record is bound to."""
        return sha256(self.header)


@dataclass(frozen=True)
class Envelope:
    """A genuine envelope; ``sha256`` is its identity."""

    sha256: str
    segment: Segment
    first: int
    last: int
    previous: str
    before: str
    head: str
    records: tuple[Record, ...] = field(repr=False)


def read_envelope(data: bytes, devices: Mapping[str, str]) -> Envelope:
    """A whole envelope, signed by a device of the list, that is consistent in itself.

    Args:
        data: the file.
        devices: device → its Ed25519 key as hexadecimal digits.

    Raises:
        WrongError: the first thing that is not so.
    """
    need(len(data) <= MOST_BYTES, f"it has {len(data)} bytes where {MOST_BYTES} is the most")
    need(data[:8] == b"PVRMENV1", "it does not begin as an envelope does")
    header_bytes, place = _block(data, 8)
    segment_bytes, place = _block(data, place)
    records, place = _block(data, place)
    keys, end = _block(data, place + 64)
    need(end == len(data), "something stands after its end")
    header = canonical.table(header_bytes, "its header", limit=4096)
    device = header.id("device")
    need(device in devices, f"PC '{device}' is not on the list of devices")
    is_genuine = is_signed(devices[device], "envelope", data[:place], data[place : place + 64])
    need(is_genuine, f"it is not signed by PC '{device}'")
    segment = _segment(segment_bytes, keys)
    return _checked(header, segment, sha256_hex(data[: place + 64]), records)


def _block(data: bytes, place: int) -> tuple[bytes, int]:
    begin = place + 4
    end = begin + int.from_bytes(data[place:begin], "big")
    need(begin <= len(data) and end <= len(data), "it is cut")
    return data[begin:end], end


def _checked(header: Fields, segment: Segment, identity: str, records: bytes) -> Envelope:
    header.is_value("format", 1)
    header.is_value("suite", 1)
    told = (*(header.id(name) for name in _NAMES), header.count("ordinal"))
    held = (segment.sitting, segment.attempt, segment.device, segment.release, segment.id, segment.ordinal)
    need(told == held, "its header and its segment's header differ")
    first, last = header.count("first"), header.count("last")
    before = header.hex("before", None if header.plain.get("before") == "" else 32)
    envelope = Envelope(
        identity,
        segment,
        first,
        last,
        header.hex("previous", 32),
        before,
        header.hex("head", 32),
        _records(records, first, before, len(segment.streams)),
    )
    header.end()
    need(len(envelope.records) == last - first + 1 > 0, f"it does not hold the records {first} to {last}")
    need(envelope.records[-1].chain == envelope.head, "its head is not the end of its chain")
    need(first > 0 or before in {"", segment.hash.hex()}, "its chain does not begin with the segment's header")
    return envelope


def _records(data: bytes, first: int, before: str, streams: int) -> tuple[Record, ...]:
    records: list[Record] = []
    place, chain = 0, before
    while place < len(data):
        counter = first + len(records)
        need(data[place : place + 2] == b"\xa5\xc3" and len(data) - place >= 84, f"record {counter} does not begin")  # noqa: PLR2004
        length, found, kind, stream = struct.unpack_from(">IQBB", data, place + 2)
        raw = data[place : place + length]
        need(len(raw) == length >= 84 and found == counter, f"record {counter} is not where it should be")  # noqa: PLR2004
        need(zlib.crc32(raw[:-4]) == int.from_bytes(raw[-4:], "big"), f"record {counter} is damaged")
        told = raw[-36:-4].hex()
        if chain:
            right = sha256(bytes.fromhex(chain) + raw[6:16] + raw[16:-36]).hex()
            need(told == right, f"record {counter} does not continue the chain")
        need(stream < streams, f"record {counter} names a stream that there is none of")
        records.append(Record(counter, kind, stream, raw[16:-36], told))
        place, chain = place + length, told
    return tuple(records)


def _segment(data: bytes, keys: bytes) -> Segment:
    header = canonical.table(data, "its segment's header", limit=65_536)
    header.is_value("format", 1)
    header.is_value("suite", 1)
    link = header.optional_object("previous")
    streams: dict[str, str] = {}
    for each in header.objects("streams"):
        streams[each.text("name")] = each.hex("keys_sha256", 32)
        each.end()
    need(0 < len(streams) == len(header.list("streams")), "its streams are not named once each")
    need(set(streams) <= set(STREAMS), "it has an unknown stream")
    segment = Segment(
        sitting=header.id("sitting"),
        attempt=header.id("attempt"),
        device=header.id("device"),
        release=header.id("release"),
        id=header.hex("segment", 16),
        ordinal=header.count("ordinal"),
        previous=None if link is None else Link(link.hex("segment", 16), link.count("count"), link.hex("head", 32)),
        begun_utc_ms=header.count("begun_utc_ms"),
        streams=tuple(streams),
        header=data,
        sealed=_sealed_keys(keys, streams),
    )
    header.end()
    return segment


def _sealed_keys(data: bytes, streams: Mapping[str, str]) -> Mapping[str, Mapping[str, bytes]]:
    """Stream → recipient → its key, sealed; held against what the header commits to."""
    keys = canonical.table(data, "its sealed keys", limit=65_536)
    sealed: dict[str, Mapping[str, bytes]] = {}
    for stream in keys:
        commitment = sha256_hex(canonical.encode(keys.list(stream)))
        need(streams.get(stream) == commitment, f"the sealed keys of stream '{stream}' are not those of its header")
        entries = keys.objects(stream)
        sealed[stream] = {each.text("recipient"): bytes.fromhex(each.hex("sealed", None)) for each in entries}
    return sealed


def stream_keys(segment: Segment, recipient: str, privates: Sequence[bytes]) -> Mapping[str, bytes]:
    """Stream → key, opened with the private keys of a recipient in their order; erased streams are left out.

    Raises:
        WrongError: nothing is sealed to this recipient, or a key does not fit.
    """
    opened: dict[str, bytes] = {}
    for stream, sealed in segment.sealed.items():
        context: dict[str, object] = {
            "attempt": segment.attempt,
            "device": segment.device,
            "recipient": recipient,
            "release": segment.release,
            "segment": segment.id,
            "sitting": segment.sitting,
            "stream": stream,
        }
        need(recipient in sealed, f"the answers are not sealed to '{recipient}'")
        key = sealed[recipient]
        for private in privates:
            key = hpke_open(private, key, "stream-key", context)
        need(len(key) == 32, f"the key of stream '{stream}' is no key")  # noqa: PLR2004
        opened[stream] = key
    return opened


def open_record(record: Record, segment: Segment, keys: Mapping[str, bytes]) -> bytes | None:
    """A record's payload; None where the key of its stream was erased.

    Raises:
        WrongError: it was not sealed under this segment's keys, at this place.
    """
    key = keys.get(segment.streams[record.stream])
    if key is None:
        return None
    bound = struct.pack(">QBB", record.counter, record.type, record.stream)
    nonce, what = bytes(4) + bound[:8], f"record {record.counter}"
    padded = aes_open(key, nonce, record.ciphertext, segment.hash + bound, what)
    payload = padded.rstrip(b"\0")
    need(len(padded) % 32 == 0 and payload[-1:] == b"\x80", f"{what} is not padded as it must be")
    return payload[:-1]
