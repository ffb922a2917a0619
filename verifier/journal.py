"""An attempt's journal put together from its envelopes (PROTOCOL.md §5 and §6): order, gaps, forks, links, contents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from verifier.envelope import NO_HASH, Envelope, Link, Record, Segment, open_record, stream_keys
from verifier.errors import need, present
from verifier.events import Fact, read_fact
from verifier.report import Report

KEY_TIMINGS = 200
MOST_FACT_TYPE = 127


@dataclass(frozen=True)
class Kept:
    """An envelope as the store kept it: the stem of its files, when it was stored, and its place in the log."""

    stem: str
    envelope: Envelope
    stored_utc_ms: int
    index: int


@dataclass
class Part:
    """A segment as far as envelopes hold it: record counter → record and when the store had it."""

    segment: Segment
    kept: list[Kept]
    records: dict[int, tuple[Record, int]] = field(default_factory=dict[int, tuple[Record, int]])

    @property
    def count(self) -> int:
        """One more than the last counter."""
        return max(self.records) + 1


@dataclass(frozen=True)
class Opened:
    """What an attempt's journal says. ``records`` is how many of each type there are."""

    facts: tuple[Fact, ...]
    envelopes: int
    records: Mapping[int, int]


def parts_of(kept: Sequence[Kept], report: Report) -> list[Part]:
    """The segments of an attempt, each with its envelopes held against one another."""
    parts: dict[str, Part] = {}
    for each in sorted(kept, key=lambda one: (one.envelope.segment.ordinal, one.envelope.first, one.envelope.last)):
        segment = each.envelope.segment
        part = parts.setdefault(segment.id, Part(segment, []))
        with report.checking("envelopes follow one another", each.stem):
            need(part.segment.header == segment.header, "its segment has another header in another envelope")
            _follows(part, each)
        part.kept.append(each)
        for record in each.envelope.records:
            part.records.setdefault(record.counter, (record, each.stored_utc_ms))
    return list(parts.values())


def _follows(part: Part, each: Kept) -> None:
    """Whether an envelope continues the one before it, by hash, chain and counters."""
    envelope = each.envelope
    before = part.kept[-1].envelope if part.kept else None
    wanted = NO_HASH if before is None else before.sha256
    expected = 0 if before is None else before.last + 1
    need(envelope.first <= expected, f"the records {expected} to {envelope.first - 1} before it are missing")
    need(envelope.first == expected, f"it holds the records from {envelope.first} on, which another envelope holds too")
    need(envelope.previous == wanted, "it does not name the envelope before it")
    continues = before is None or envelope.before == before.head
    need(continues, "its chain does not continue the envelope before it")


def line_of(parts: Sequence[Part], holder: str, where: str, report: Report) -> list[tuple[Part, int]]:
    """The segments that count, oldest first, and of each how many records; others are findings.

    ``holder``: the PC that an order last handed the attempt to ("": none); its line counts.
    """
    ranked = sorted(
        parts,
        key=lambda part: (part.segment.device == holder, part.segment.ordinal, part.count, part.segment.begun_utc_ms),
    )
    by_id = {part.segment.id: part for part in parts}
    line: list[tuple[Part, int]] = []
    current: Part | None = ranked[-1] if ranked else None
    counted = current.count if current is not None else 0
    while current is not None:
        line.append((current, counted))
        with report.checking("segments follow one another", f"{where}, segment {current.segment.id}"):
            if current.count > counted:
                report.find(
                    "segments follow one another",
                    f"{where}, segment {current.segment.id}",
                    f"its records from {counted} on were superseded by another run of the program",
                )
            current, counted = _before(current, by_id)
            continue
        break
    for part in parts:
        if all(part is not each for each, _ in line):
            device = part.segment.device
            report.find(
                "segments follow one another",
                f"{where}, segment {part.segment.id}",
                f"PC '{device}' wrote it beside the line that counts: a fork",
            )
    return line[::-1]


def _before(part: Part, by_id: Mapping[str, Part]) -> tuple[Part | None, int]:
    """The segment that one follows, with how much of it counts."""
    link: Link | None = part.segment.previous
    if link is None:
        need(part.segment.ordinal == 0, "it follows no segment and is not the first")
        return None, 0
    found = present(by_id.get(link.segment), f"segment {link.segment}, which it follows, is missing")
    need(found.segment.ordinal < part.segment.ordinal, "it follows a segment that is not before it")
    need(
        link.count <= found.count, f"the records {found.count} to {link.count - 1} of the segment before it are missing"
    )
    head = found.records.get(link.count - 1)
    is_right = link.head == found.segment.hash.hex() if link.count == 0 else head is None or head[0].chain == link.head
    need(is_right, "it follows another record than the one that is there")
    return found, link.count


def check_whole(line: Sequence[tuple[Part, int]], where: str, report: Report) -> None:
    """Say where records of the counting line are missing."""
    with report.checking("journals without a gap", where):
        for part, counted in line:
            known = [-1, *sorted(number for number in part.records if number < counted), counted]
            for low, high in pairwise(known):
                if high - low > 1:
                    sentence = f"the records {low + 1} to {high - 1} of segment {part.segment.id} are missing"
                    report.find("journals without a gap", where, sentence)


def open_line(
    line: Sequence[tuple[Part, int]],
    recipient: str,
    privates: Sequence[bytes],
    where: str,
    report: Report,
) -> Opened:
    """Open the records that count."""
    facts: list[Fact] = []
    types: dict[int, int] = {}
    for part, counted in line:
        with report.checking("answers opened", f"{where}, segment {part.segment.id}"):
            keys = stream_keys(part.segment, recipient, privates)
            need("answers" in keys, "the keys of its answers were erased")
            for record, stored_utc_ms in _counted(part, counted):
                with report.checking("records opened", f"{where}, record {record.counter}"):
                    payload = open_record(record, part.segment, keys)
                    types[record.type] = types.get(record.type, 0) + 1
                    name = part.segment.streams[record.stream]
                    need(
                        (name == "answers") == (record.type <= MOST_FACT_TYPE),
                        f"type {record.type} stands on stream '{name}'",
                    )
                    if payload is not None and name == "answers":
                        facts.append(read_fact(record.type, payload, stored_utc_ms))
    return Opened(tuple(facts), sum(len(part.kept) for part, _ in line), types)


def _counted(part: Part, counted: int) -> Iterator[tuple[Record, int]]:
    for counter in sorted(part.records):
        if counter < counted:
            yield part.records[counter]
