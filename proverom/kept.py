"""What the exam PCs hold against what the store holds, record by record: is anything lost?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeAlias

from sync.envelope import claimed_device, verify
from sync.keys import VerifyKey
from sync.segment import Record, scan_segment

Identity: TypeAlias = tuple[str, int, bytes]
"""A record's segment, counter and chain value, which stands for its content and for all before it."""


def written(journals: Iterable[Path]) -> Mapping[str, frozenset[Identity]]:
    """The records in journal folders, by attempt.

    Raises:
        DamagedError: a journal file has no readable header.
    """
    found: defaultdict[str, set[Identity]] = defaultdict(set)
    for folder in journals:
        for file in sorted(folder.glob("*.journal")):
            scan = scan_segment(file.read_bytes())
            found[scan.header.attempt] |= _identities(scan.header.segment, scan.records)
    return {attempt: frozenset(records) for attempt, records in found.items()}


def received(envelopes: Iterable[bytes], devices: Mapping[str, VerifyKey]) -> frozenset[Identity]:
    """The records in a store's envelopes, each verified anew.

    Raises:
        SyncDataError: one that does not verify.
    """
    found: set[Identity] = set()
    for data in envelopes:
        envelope = verify(data, devices[claimed_device(data)])
        found |= _identities(envelope.header.segment, envelope.records)
    return frozenset(found)


def _identities(segment: str, records: Iterable[Record]) -> set[Identity]:
    return {(segment, record.counter, record.chain) for record in records}
