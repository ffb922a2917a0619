"""What benchmarks share: a line of the table, writing the lines down, and envelopes sealed beforehand."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from sync.envelope import envelope_sha256, next_range, pack
from sync.keys import BoxPublic, SigningKey
from sync.segment import (
    NO_HASH,
    Binding,
    RecordSealer,
    encode_preamble,
    new_segment,
    results_recipients,
    scan_segment,
)

RESULTS = Path(__file__).resolve().parent / "results"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the benchmark table; ``spread`` is the distance between the quartiles where nothing else is said."""

    name: str
    unit: str
    median: float
    spread: float
    n: int
    peer: None
    goal: str
    note: str


def row(name: str, unit: str, values: Sequence[float], goal: str, note: str) -> Row:
    """The median of repeated measurements."""
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return Row(name, unit, round(median, 3), round(high - low, 3), len(values), None, goal, note)


def write_rows(name: str, rows: Sequence[Row]) -> None:
    """Write ``results/<name>.json``, and show the lines."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    plain = json.dumps([asdict(each) for each in rows], indent=2)
    (RESULTS / f"{name}.json").write_text(plain + "\n", encoding="utf-8")
    for each in rows:
        print(f"{each.name:<56} {each.median:>10} {each.unit:<5} (n {each.n}) {each.goal}\n    {each.note}")


@dataclass(frozen=True, slots=True)
class Sealed:
    """An envelope of a segment, with the range of records that it holds."""

    first: int
    last: int
    sha256: str
    data: bytes


def sealed_segment(
    binding: Binding,
    signing: SigningKey,
    custodian: BoxPublic,
    payloads: Sequence[bytes],
    *,
    begun_utc_ms: int,
    limit: int,
) -> tuple[str, list[Sealed]]:
    """A fresh segment with these answers in it: its id, and its envelopes of up to ``limit`` bytes of records each."""
    recipients = results_recipients([custodian], 1)
    segment = new_segment(binding, recipients, ordinal=0, previous=None, begun_utc_ms=begun_utc_ms)
    sealer, block = RecordSealer(segment), encode_preamble(segment.preamble)
    scan = scan_segment(block + block + b"".join(sealer.seal("answers", 21, payload).raw for payload in payloads))
    made: list[Sealed] = []
    previous, first = NO_HASH, 0
    while (span := next_range(scan, first, limit=limit)) is not None:
        data = pack(scan, *span, previous, signing)
        previous, first = envelope_sha256(data), span[1] + 1
        made.append(Sealed(*span, previous, data))
    return segment.header.segment, made
