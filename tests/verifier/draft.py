"""Envelopes taken apart and put together again by a PC that signs whatever it likes."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from sync.canonical import canonical_bytes
from sync.keys import SigningKey, sha256, sha256_hex
from verifier.canonical import decode


@dataclass(frozen=True)
class Draft:
    """An envelope taken apart; `signed` puts it together as it is now."""

    header: dict[str, Any]
    segment: dict[str, Any]
    records: tuple[bytes, ...]
    keys: dict[str, Any]
    tail: bytes = b""

    @classmethod
    def of(cls, data: bytes) -> Draft:
        blocks: list[bytes] = []
        place = 8
        for number in range(4):
            length = int.from_bytes(data[place : place + 4], "big")
            blocks.append(data[place + 4 : place + 4 + length])
            place += 4 + length + 64 * (number == 2)
        records: list[bytes] = []
        at = 0
        while at < len(blocks[2]):
            length = int.from_bytes(blocks[2][at + 2 : at + 6], "big")
            records.append(blocks[2][at : at + length])
            at += length
        header, segment, keys = (decode(blocks[number], "it", limit=2**20) for number in (0, 1, 3))
        return cls(header, segment, tuple(records), keys)  # type: ignore[arg-type]

    def signed(self, key: SigningKey) -> bytes:
        blocks = (canonical_bytes(self.header), canonical_bytes(self.segment), b"".join(self.records))
        signed = b"PVRMENV1" + b"".join(struct.pack(">I", len(block)) + block for block in blocks)
        keys = canonical_bytes(self.keys)
        return signed + key.sign("envelope", signed) + struct.pack(">I", len(keys)) + keys + self.tail

    def headed(self, **changes: object) -> Draft:
        return replace(self, header={**self.header, **changes})

    def of_segment(self, **changes: object) -> Draft:
        return replace(self, segment={**self.segment, **changes})

    def with_record(self, number: int, change: Callable[[bytes], bytes]) -> Draft:
        return replace(
            self, records=(*self.records[:number], change(self.records[number]), *self.records[number + 1 :])
        )


def with_crc(record: bytes) -> bytes:
    return record[:-4] + struct.pack(">I", zlib.crc32(record[:-4]))


def chained(draft: Draft) -> Draft:
    """The records numbered and chained anew, and the header's head with them."""
    chain = sha256(canonical_bytes(draft.segment))
    records: list[bytes] = []
    for record in draft.records:
        chain = sha256(chain + record[6:16] + record[16:-36])
        records.append(with_crc(record[:-36] + chain + bytes(4)))
    return replace(
        draft.headed(before=sha256_hex(canonical_bytes(draft.segment)), head=chain.hex()), records=tuple(records)
    )


def chained_from(draft: Draft, chain: bytes) -> Draft:
    before = chain.hex()
    records: list[bytes] = []
    for record in draft.records:
        chain = sha256(chain + record[6:16] + record[16:-36])
        records.append(with_crc(record[:-36] + chain + bytes(4)))
    return replace(draft.headed(before=before, head=chain.hex()), records=tuple(records))
