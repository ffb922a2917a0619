"""A segment's preamble: what it is bound to, its keys, and to whom they are sealed (`PROTOCOL.md` §5)."""

from __future__ import annotations

import secrets
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from sync.canonical import MAX_INT, Message, canonical_bytes, parse_model, plain_of, read_model
from sync.errors import CannotOpenError, DamagedError, SyncUsageError
from sync.keys import SUITE, BoxKey, BoxPublic, hpke_open, hpke_seal, random_key, sha256, sha256_hex

SEGMENT_MAGIC: Final = b"PVRMJRN1"
MAX_HEADER_BYTES: Final = 65_536

StreamName = Literal["answers", "keys", "form"]
STREAMS: Final[tuple[StreamName, ...]] = ("answers", "keys", "form")
"""Answers and edits; key timings; personal-data form. Each has a key of its own, so that one can be erased."""

NO_HASH: Final = "0" * 64

Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$")]
Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0, le=MAX_INT)]


# --- who can open -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Recipient:
    """Someone to whom stream keys are sealed: one key pair, or several that are all needed together."""

    name: str
    publics: tuple[BoxPublic, ...]


@dataclass(frozen=True, slots=True)
class Opener:
    """The private side of a `Recipient`, in the same order."""

    name: str
    privates: tuple[BoxKey, ...]


def results_recipients(custodians: Sequence[BoxPublic], needed: int) -> tuple[Recipient, ...]:
    """One recipient for each choice of ``needed`` custodians: "results:0+1", "results:0+2" … (m of n by nesting).

    Raises:
        SyncUsageError: ``needed`` is not 1…number of custodians.
    """
    if not 1 <= needed <= len(custodians):
        raise SyncUsageError(
            what=f"{needed} of {len(custodians)} custodians cannot be asked for", remedy="Choose 1 to all of them"
        )
    return tuple(
        Recipient("results:" + "+".join(str(index) for index in chosen), tuple(custodians[index] for index in chosen))
        for chosen in combinations(range(len(custodians)), needed)
    )


def results_opener(held: Mapping[int, BoxKey]) -> Opener:
    """The opener that custodians make together: their index among the custodians and their private key."""
    order = sorted(held)
    return Opener("results:" + "+".join(str(index) for index in order), tuple(held[index] for index in order))


def recovery_recipient(public: BoxPublic) -> Recipient:
    """The sitting's recovery key as a recipient."""
    return Recipient("recovery", (public,))


def recovery_opener(private: BoxKey) -> Opener:
    """The sitting's recovery key as an opener."""
    return Opener("recovery", (private,))


# --- header -----------------------------------------------------------------------------------------------------------


class Link(Message):
    """What a segment follows: only the first ``count`` records of ``segment`` count; ``head`` is the chain there."""

    segment: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    count: Count
    head: Hash


class SealedKey(Message):
    """A stream key sealed to one recipient, as hexadecimal digits."""

    recipient: Annotated[str, Field(pattern=r"^(recovery|results:[0-9]+(\+[0-9]+)*)$", max_length=64)]
    sealed: Annotated[str, Field(pattern=r"^([0-9a-f]{2})+$", max_length=2048)]


class Stream(Message):
    """A stream's name and the SHA-256 of its sealed keys, which travel beside the header (see `Preamble`)."""

    name: StreamName
    keys_sha256: Hash


class SegmentHeader(Message):
    """What a segment is bound to. Its canonical bytes are hashed into every record's associated data and the chain."""

    format: Literal[1]
    suite: Literal[1]
    sitting: Id
    attempt: Id
    device: Id
    release: Id
    segment: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    ordinal: Count
    previous: Link | None
    begun_utc_ms: Count
    streams: Annotated[tuple[Stream, ...], Field(min_length=1, max_length=3)]

    @model_validator(mode="after")
    def _streams_differ(self) -> SegmentHeader:
        if len({stream.name for stream in self.streams}) != len(self.streams):
            raise ValueError
        return self


SealedKeys = dict[StreamName, Annotated[tuple[SealedKey, ...], Field(min_length=1, max_length=32)]]
"""Stream name → its key, sealed to each recipient. A stream that is not in it was erased: nothing opens it again."""


class Preamble(Message):
    """A header and the sealed keys it commits to. Erasing a stream takes its keys out and leaves the header alone."""

    header: SegmentHeader
    keys: SealedKeys

    @model_validator(mode="after")
    def _keys_are_committed(self) -> Preamble:
        promised = {stream.name: stream.keys_sha256 for stream in self.header.streams}
        for name, keys in self.keys.items():
            if promised.get(name) != keys_commitment(keys):
                raise ValueError
        return self

    @property
    def hash(self) -> bytes:
        """SHA-256 of the header's canonical bytes: the same before and after erasing a stream."""
        return header_hash(self.header)


def keys_commitment(keys: tuple[SealedKey, ...]) -> str:
    """What a header says of a stream's sealed keys: SHA-256 of their canonical bytes, in hexadecimal digits."""
    return sha256_hex(canonical_bytes([{"recipient": key.recipient, "sealed": key.sealed} for key in keys]))


def header_hash(header: SegmentHeader) -> bytes:
    """SHA-256 of a header's canonical bytes."""
    return sha256(canonical_bytes(plain_of(header)))


def without_stream(preamble: Preamble, stream: str) -> Preamble:
    """The preamble with one stream's keys destroyed; every hash, chain value and signature still fits."""
    return Preamble(header=preamble.header, keys={name: key for name, key in preamble.keys.items() if name != stream})


@dataclass(frozen=True, slots=True)
class Binding:
    """What a new segment is for; `new_segment` adds id, keys and the link."""

    sitting: str
    attempt: str
    device: str
    release: str


StreamKeys = Mapping[StreamName, bytes]
"""Stream name → 32-byte key."""


@dataclass(frozen=True, slots=True)
class NewSegment:
    """A fresh preamble with the stream keys in the clear, for the one run of the program that writes it."""

    preamble: Preamble
    keys: StreamKeys

    @property
    def header(self) -> SegmentHeader:
        """The header."""
        return self.preamble.header


def new_segment(
    binding: Binding,
    recipients: Sequence[Recipient],
    *,
    ordinal: int,
    previous: Link | None,
    begun_utc_ms: int,
    streams: Sequence[StreamName] = STREAMS,
) -> NewSegment:
    """A fresh segment: random id, a random key for each stream, each sealed to every recipient."""
    segment = secrets.token_hex(16)
    keys: dict[StreamName, bytes] = {name: random_key() for name in streams}
    sealed: SealedKeys = {
        name: tuple(
            SealedKey(recipient=recipient.name, sealed=_seal(key, recipient, binding, segment, name).hex())
            for recipient in recipients
        )
        for name, key in keys.items()
    }
    header = {
        "format": 1,
        "suite": SUITE,
        "sitting": binding.sitting,
        "attempt": binding.attempt,
        "device": binding.device,
        "release": binding.release,
        "segment": segment,
        "ordinal": ordinal,
        "previous": None if previous is None else plain_of(previous),
        "begun_utc_ms": begun_utc_ms,
        "streams": [{"name": name, "keys_sha256": keys_commitment(sealed[name])} for name in streams],
    }
    return NewSegment(Preamble(header=parse_model(SegmentHeader, header, "segment header"), keys=sealed), keys)


def open_stream_keys(preamble: Preamble, opener: Opener) -> StreamKeys:
    """The stream keys that ``opener`` can open; streams that were erased are left out.

    Raises:
        CannotOpenError: nothing in this preamble is sealed to this opener, or its key does not fit.
    """
    header = preamble.header
    binding = Binding(header.sitting, header.attempt, header.device, header.release)
    keys: dict[StreamName, bytes] = {}
    for name, entries in preamble.keys.items():
        for entry in entries:
            if entry.recipient == opener.name:
                context = _key_context(binding, header.segment, name, opener.name)
                keys[name] = _open_nested(bytes.fromhex(entry.sealed), opener, context)
    if not keys:
        raise CannotOpenError(what="journal segment", context=f"recipient '{opener.name}'")
    return keys


def encode_preamble(preamble: Preamble) -> bytes:
    """The block that begins a segment file: magic ‖ length ‖ canonical JSON ‖ CRC32 (it stands there twice)."""
    body = canonical_bytes(plain_of(preamble))
    block = SEGMENT_MAGIC + struct.pack(">I", len(body)) + body
    return block + struct.pack(">I", zlib.crc32(block))


def decode_preamble(block: bytes) -> Preamble:
    """The preamble in a block that is exactly as long as it says.

    Raises:
        DamagedError: wrong magic, length, CRC, form or field, or keys that the header does not commit to.
    """
    if block_length(block, 0) != len(block):
        raise DamagedError(what="journal segment", fault="its header block is cut or changed")
    return parse_preamble(block[12:-4])


def parse_preamble(body: bytes) -> Preamble:
    """A preamble from its canonical JSON; see `decode_preamble` for what is refused."""
    return read_model(Preamble, body, "segment header", limit=MAX_HEADER_BYTES)


def block_length(data: bytes, offset: int) -> int | None:
    """The length of the whole header block at ``offset``; None when there is none."""
    if data[offset : offset + 8] != SEGMENT_MAGIC or len(data) < offset + 16:
        return None
    length = 16 + struct.unpack_from(">I", data, offset + 8)[0]
    if length > MAX_HEADER_BYTES or len(data) < offset + length:
        return None
    block = data[offset : offset + length]
    return length if zlib.crc32(block[:-4]) == struct.unpack_from(">I", block, length - 4)[0] else None


def _key_context(binding: Binding, segment: str, stream: str, recipient: str) -> dict[str, str]:
    return {
        "attempt": binding.attempt,
        "device": binding.device,
        "recipient": recipient,
        "release": binding.release,
        "segment": segment,
        "sitting": binding.sitting,
        "stream": stream,
    }


def _seal(key: bytes, recipient: Recipient, binding: Binding, segment: str, stream: str) -> bytes:
    """The key sealed to the last of the recipient's keys, that to the one before, and so on: all are needed."""
    context = _key_context(binding, segment, stream, recipient.name)
    sealed = key
    for public in reversed(recipient.publics):
        sealed = hpke_seal(public, sealed, "stream-key", context)
    return sealed


def _open_nested(sealed: bytes, opener: Opener, context: dict[str, str]) -> bytes:
    key = sealed
    for private in opener.privates:
        key = hpke_open(private, key, "stream-key", context, what="stream key")
    return key
