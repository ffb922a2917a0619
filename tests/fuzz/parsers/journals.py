"""A PC's journal and the envelopes it is sent in: examples, and how a case is made to look genuine."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Sequence
from functools import cache
from typing import Any

from engine.wire import TYPES
from sync.canonical import canonical_bytes, plain_of
from sync.entries import decode_event, encode_event, event_code
from sync.envelope import (
    ENVELOPE_MAGIC,
    MAX_ENVELOPE_BYTES,
    Envelope,
    claimed_device,
    envelope_sha256,
    erase_stream,
    open_envelope,
    verify,
)
from sync.errors import SyncDataError
from sync.keys import sha256_hex
from sync.segment import (
    MAX_HEADER_BYTES,
    MAX_SEGMENT_BYTES,
    SEGMENT_MAGIC,
    SegmentScan,
    chain_after,
    decode_preamble,
    encode_preamble,
    scan_segment,
)
from tests.fuzz.target import PC, Fault, Target, parts, raw, writes_back
from tests.sync.examples import NOW, written
from tests.sync.test_envelope import packed


@cache
def journal() -> tuple[Any, bytes]:
    """A segment with its keys, and its file."""
    fact = encode_event(TYPES[21](1, "R-101", ("B",)), utc_ms=NOW)  # type: ignore[call-arg]
    return written([fact, b"two", b"x" * 200])


def _records(scan: SegmentScan) -> list[bytes]:
    return [record.raw for record in scan.records]


def _right_records(pieces: Sequence[bytes], before: bytes, flags: int) -> tuple[list[bytes], bytes]:
    """Records with right lengths (1), chain (2) and CRC (4), as the flags say; and the last chain value."""
    made: list[bytes] = []
    for piece in pieces:
        record = bytearray(piece)
        if len(record) < 52:
            made.append(bytes(record))
            continue
        if flags & 1:
            record[2:6] = struct.pack(">I", len(record))
        counter, kind, stream = struct.unpack_from(">QBB", record, 6)
        if flags & 2:
            before = chain_after(before, counter, kind, stream, bytes(record[16:-36]))
            record[-36:-4] = before
        if flags & 4:
            record[-4:] = struct.pack(">I", zlib.crc32(record[:-4]))
        made.append(bytes(record))
    return made, before


def _right_keys(preamble: bytes) -> tuple[bytes, bytes]:
    """The preamble's JSON with the commitments to its keys made right; and its header's hash."""
    try:
        plain = json.loads(preamble)
        for stream in plain["header"]["streams"]:
            keys = plain["keys"].get(stream["name"])
            stream["keys_sha256"] = sha256_hex(canonical_bytes(keys)) if keys else stream["keys_sha256"]
        return canonical_bytes(plain), bytes.fromhex(sha256_hex(canonical_bytes(plain["header"])))
    except Exception:  # noqa: BLE001 - whatever is wrong with it, it is tried as it is
        return preamble, bytes(32)


def dress_segment(pieces: Sequence[bytes], flags: int) -> bytes:
    """A segment file from its preamble's JSON and its records."""
    preamble, before = _right_keys(pieces[0]) if flags & 8 else (pieces[0], bytes(32))
    block = SEGMENT_MAGIC + struct.pack(">I", len(preamble)) + preamble
    block += struct.pack(">I", zlib.crc32(block))
    return 2 * block + b"".join(_right_records(pieces[1:], before, flags)[0])


def dress_preamble(pieces: Sequence[bytes], flags: int) -> bytes:
    """One header block."""
    return dress_segment(pieces[:1], flags)[: 16 + len(_right_keys(pieces[0])[0] if flags & 8 else pieces[0])]


def segment_examples() -> list[bytes]:
    """A file as it was written, and its parts."""
    data = journal()[1]
    scan = scan_segment(data)
    preamble = canonical_bytes(plain_of(scan.preamble))
    return [*raw(data[:9000], data[:2500]), parts(preamble, *_records(scan))]


def check_scan(data: bytes, scan: Any) -> None:
    """Damage, gaps and tail are within the file, records stand where they are said to, and each opens or is refused."""
    assert isinstance(scan, SegmentScan)
    counters = [record.counter for record in scan.records]
    if counters != sorted(set(counters)) or not 0 <= scan.end <= len(data) or scan.count < len(counters):
        raise Fault("records out of order")
    if any(record.raw not in data for record in scan.records) or any(each.length <= 0 for each in scan.damages):
        raise Fault("a record or a damage that is not in the file")
    assert scan.missing is not None


def dress_envelope(pieces: Sequence[bytes], flags: int) -> bytes:
    """An envelope from header, preamble and records: agreement (16), signature (32) and what a segment's flags mean."""
    header, preamble, *records = pieces if len(pieces) > 1 else (pieces[0], b"{}")
    preamble, before = _right_keys(preamble) if flags & 8 else (preamble, bytes(32))
    made, head = _right_records(records, before, flags)
    try:
        plain = json.loads(preamble)
        segment, keys = canonical_bytes(plain["header"]), canonical_bytes(plain["keys"])
        if flags & 16:
            told = json.loads(header)
            told |= {"before": before.hex(), "head": head.hex()} if told["first"] == 0 else {"head": head.hex()}
            header = canonical_bytes(told)
    except Exception:  # noqa: BLE001 - whatever is wrong with it, it is tried as it is
        segment, keys = preamble, b"{}"
    signed = ENVELOPE_MAGIC + b"".join(
        struct.pack(">I", len(each)) + each for each in (header, segment, b"".join(made))
    )
    signature = PC.sign("envelope", signed) if flags & 32 else bytes(64)
    return signed + signature + struct.pack(">I", len(keys)) + keys


def envelope_examples() -> list[bytes]:
    """An envelope as it was packed, and its parts."""
    scan = scan_segment(journal()[1])
    data = packed(scan)[0]
    header = canonical_bytes(plain_of(verify(data, PC.public).header))
    return [*raw(data), parts(header, canonical_bytes(plain_of(scan.preamble)), *_records(scan))]


def check_envelope(data: bytes, envelope: Any) -> None:
    """What is verified has one identity, may be erased and stays genuine, and opens or is refused with our keys."""
    assert isinstance(envelope, Envelope)
    if envelope.sha256 != envelope_sha256(data) or claimed_device(data) != envelope.header.device:
        raise Fault("two ways to read one envelope")
    erased = verify(erase_stream(data, "keys"), PC.public, erased=("keys",))
    if erased.sha256 != envelope.sha256 or [r.raw for r in erased.records] != [r.raw for r in envelope.records]:
        raise Fault("erasing a stream changed the envelope")
    try:
        open_envelope(envelope, journal()[0].keys)
    except SyncDataError:
        return


def entries() -> list[bytes]:
    """A fact of every type, with the byte that names it."""
    filled = {"str": "R-101", "int": 7, "bool": True, "Response": ("B", "ø")}
    made: list[bytes] = []
    for code, kind in TYPES.items():
        values = {name: filled[str(each.type)] for name, each in kind.__dataclass_fields__.items()}
        made.append(bytes([code]) + encode_event(kind(**values), utc_ms=NOW))  # type: ignore[arg-type]
    return made


def targets() -> list[Target]:
    """The targets of this module."""
    public = canonical_bytes
    return [
        Target(
            "journal file",
            scan_segment,
            (SyncDataError,),
            segment_examples,
            MAX_SEGMENT_BYTES,
            dress_segment,
            check_scan,
        ),
        Target(
            "journal header",
            decode_preamble,
            (SyncDataError,),
            lambda: [
                *raw(encode_preamble(journal()[0].preamble)),
                parts(public(plain_of(journal()[0].preamble)), flags=8),
            ],
            MAX_HEADER_BYTES,
            dress_preamble,
            writes_back(encode_preamble),
        ),
        Target(
            "journal entry",
            lambda data: decode_event(data[0] if data else 0, data[1:]),
            (SyncDataError,),
            lambda: raw(*entries()),
            65_537,
            check=writes_back(
                lambda timed: bytes([event_code(timed.event)]) + encode_event(timed.event, utc_ms=timed.utc_ms)
            ),
        ),
        Target(
            "envelope",
            lambda data: verify(data, PC.public),
            (SyncDataError,),
            envelope_examples,
            MAX_ENVELOPE_BYTES,
            dress_envelope,
            check_envelope,
        ),
    ]
