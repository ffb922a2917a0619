"""Bundle: an attempt read back, from segment files or envelopes of one or several PCs, with what is wrong as values.

The store's scoring, a restarted PC and a PC that takes over all read an attempt this way, so they see the same facts in
the same order. Segments follow each other by their links; of each only as many records count as the next one says.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Final, Literal

from engine.events import Event
from sync.entries import EVENT_STREAM, TimedEvent, decode_event
from sync.envelope import Envelope, claimed_device, verify
from sync.errors import CannotOpenError, DamagedError, SyncDataError
from sync.files import DiskFiles, Files, disk_errors
from sync.journal import FoundSegment, Recovered, recover
from sync.keys import KEY_BYTES, VerifyKey
from sync.outbox import ENVELOPE_SUFFIX
from sync.segment import (
    Link,
    Opener,
    Preamble,
    Record,
    RecordOpener,
    SegmentScan,
    StreamName,
    open_stream_keys,
)

HANDED_SUFFIX: Final = ".handed"

FaultKind = Literal[
    "damaged_envelope",
    "damaged_bytes",
    "broken_chain",
    "torn_tail",
    "missing_records",
    "missing_segment",
    "conflict",
    "fork",
    "superseded",
    "wrong_link",
    "unopened",
    "unknown_entry",
]


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is not as it should be. ``first`` and ``last`` are record counters, -1 where none are meant."""

    kind: FaultKind
    segment: str
    ordinal: int
    first: int
    last: int
    sentence: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A journal record that counts, opened. ``payload`` is None when its stream was erased or is not for this key."""

    ordinal: int
    counter: int
    device: str
    stream: StreamName
    type: int
    payload: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class AttemptBundle:
    """An attempt in order. ``facts`` are the decoded entries of the stream "answers"."""

    attempt: str
    preambles: tuple[Preamble, ...] = field(repr=False)
    entries: tuple[Entry, ...] = field(repr=False)
    facts: tuple[TimedEvent, ...] = field(repr=False)
    faults: tuple[Fault, ...]
    link: Link | None
    next_ordinal: int

    @property
    def events(self) -> tuple[Event, ...]:
        """The facts without their wall clock times, for `engine.attempt.replay`."""
        return tuple(fact.event for fact in self.facts)

    @property
    def last_utc_ms(self) -> int:
        """The wall clock at the last fact; 0 when there is none."""
        return self.facts[-1].utc_ms if self.facts else 0

    def recovered(self) -> Recovered:
        """Where another PC's journal goes on after a hand-over (for `JournalWriter.begin`)."""
        return Recovered(self.attempt, (), (), self.link, self.next_ordinal)


@dataclass(slots=True)
class _Segment:
    """What is known of one segment, from a file, from envelopes or both."""

    preamble: Preamble
    records: dict[int, Record]
    faults: list[Fault]

    @property
    def id(self) -> str:
        return self.preamble.header.segment

    @property
    def ordinal(self) -> int:
        return self.preamble.header.ordinal

    @property
    def count(self) -> int:
        return max(self.records, default=-1) + 1

    def fault(self, kind: FaultKind, sentence: str, *, first: int = -1, last: int = -1) -> Fault:
        return Fault(kind, self.id, self.ordinal, first, last, sentence)


def read_envelopes(
    data: Iterable[bytes],
    opener: Opener,
    devices: Mapping[str, VerifyKey],
    *,
    attempt: str,
    holder: str = "",
    erased: Sequence[StreamName] = (),
) -> AttemptBundle:
    """An attempt from its envelopes, in any order, with duplicates; each is verified again before it counts.

    Args:
        data: the envelopes' bytes; those of other attempts or unknown devices are reported, not used.
        opener: the results key's or recovery key's private side.
        devices: device id → its Ed25519 key.
        attempt: which attempt.
        holder: the device that the attempt was last handed over to by an order ("": none). When two PCs went on by
            themselves, its line counts and the other is reported as a fork; without an order, the longer line.
        erased: streams whose keys may be missing.
    """
    envelopes: list[Envelope] = []
    faults: list[Fault] = []
    for each in data:
        try:
            envelopes.append(_verified(each, devices, attempt, erased))
        except SyncDataError as error:
            faults.append(Fault("damaged_envelope", "", -1, -1, -1, str(error)))
    return _assemble(attempt, _main_line(_segments_of_envelopes(envelopes), holder, faults), opener, faults)


def attempt_bundle(
    folder: Path,
    opener: Opener,
    devices: Mapping[str, VerifyKey],
    *,
    attempt: str,
    holder: str = "",
    files: Files | None = None,
) -> AttemptBundle:
    """An attempt from a folder of ``.envelope`` files, as `Outbox.export` writes them; see `read_envelopes`.

    Raises:
        FileFailedError: the disk refused.
    """
    disk = DiskFiles() if files is None else files
    with disk_errors("read", folder):
        data = [disk.read(folder / name) for name in disk.names(folder) if name.endswith(ENVELOPE_SUFFIX)]
    return read_envelopes(data, opener, devices, attempt=attempt, holder=holder)


def read_journal(folder: Path, attempt: str, opener: Opener, *, files: Files | None = None) -> AttemptBundle:
    """An attempt from this PC's own segment files, after a restart; torn tails are set aside (`sync.journal.recover`).

    What another PC handed over and `keep_handed_over` kept in the folder is read with it.

    Raises:
        FileFailedError: the disk refused.
    """
    with disk_errors("read", folder):
        found = recover(folder, attempt, files=files)
        handed, damaged = _handed_over(folder, attempt, DiskFiles() if files is None else files)
    faults = [
        Fault("damaged_bytes", "", -1, -1, -1, f"Nothing can be read of {path.name}; keep it for examination.")
        for path in found.unreadable
    ]
    faults += damaged
    segments = _merged([_segment_of_file(segment) for segment in found.segments], _segments_of_envelopes(handed))
    return _assemble(attempt, _main_line(segments, "", faults), opener, faults)


def keep_handed_over(
    folder: Path,
    data: Iterable[bytes],
    devices: Mapping[str, VerifyKey],
    *,
    attempt: str,
    files: Files | None = None,
) -> None:
    """Keep another PC's envelopes beside this PC's journals, so that a restart here still has the whole attempt.

    Call it before going on with ``read_envelopes(…).recovered()``. Only envelopes that are genuine are kept, each with
    the key it was verified by.

    Raises:
        FileFailedError: the disk refused.
    """
    disk = DiskFiles() if files is None else files
    for each in data:
        with contextlib.suppress(SyncDataError):  # read_envelopes has told what is wrong with it
            envelope = _verified(each, devices, attempt, ())
            path = folder / f"{attempt}-{envelope.sha256}{HANDED_SUFFIX}"
            with disk_errors("write", path):
                disk.replace(path, devices[envelope.header.device].raw + each)


def _handed_over(folder: Path, attempt: str, files: Files) -> tuple[list[Envelope], list[Fault]]:
    """The kept envelopes of an attempt, and what is wrong with others."""
    envelopes: list[Envelope] = []
    faults: list[Fault] = []
    for name in files.names(folder):
        if name.endswith(HANDED_SUFFIX) and name[: -len(HANDED_SUFFIX) - 65] == attempt:
            data = files.read(folder / name)
            try:
                envelopes.append(verify(data[KEY_BYTES:], VerifyKey(data[:KEY_BYTES])))
            except SyncDataError as error:
                faults.append(Fault("damaged_envelope", "", -1, -1, -1, str(error)))
    return envelopes, faults


def _merged(own: Sequence[_Segment], handed: Sequence[_Segment]) -> list[_Segment]:
    """All segments; of one that came both ways, the file's records and what only the envelopes still have."""
    segments = {segment.id: segment for segment in own}
    for other in handed:
        segment = segments.setdefault(other.id, other)
        for counter, record in other.records.items():
            segment.records.setdefault(counter, record)
    return list(segments.values())


def _verified(data: bytes, devices: Mapping[str, VerifyKey], attempt: str, erased: Sequence[StreamName]) -> Envelope:
    device = claimed_device(data)
    if device not in devices:
        raise DamagedError(what="envelope", fault=f"its device '{device}' is not known", remedy="Add the device's key")
    envelope = verify(data, devices[device], erased=erased)
    if envelope.header.attempt != attempt:
        fault = f"it is of attempt '{envelope.header.attempt}', not '{attempt}'"
        raise DamagedError(what="envelope", fault=fault, remedy="Read it with that attempt")
    return envelope


def _segments_of_envelopes(envelopes: Sequence[Envelope]) -> list[_Segment]:
    segments: dict[str, _Segment] = {}
    for envelope in sorted(envelopes, key=lambda each: (each.header.ordinal, each.header.first, each.header.last)):
        preamble = envelope.preamble
        segment = segments.setdefault(preamble.header.segment, _Segment(preamble, {}, []))
        for record in envelope.records:
            known = segment.records.setdefault(record.counter, record)
            if preamble.header != segment.preamble.header or known.raw != record.raw:
                sentence = f"Two envelopes hold different records {record.counter}; the one signed first here counts."
                segment.faults.append(segment.fault("conflict", sentence, first=record.counter, last=record.counter))
    return list(segments.values())


def _segment_of_file(found: FoundSegment) -> _Segment:
    scan = found.scan
    segment = _Segment(scan.preamble, {record.counter: record for record in scan.records}, [])
    segment.faults.extend(_scan_faults(segment, scan, found.path.name))
    return segment


def _scan_faults(segment: _Segment, scan: SegmentScan, name: str) -> Iterable[Fault]:
    for damage in scan.damages:
        sentence = f"{damage.length} bytes at {damage.offset} in {name} are no records; later ones were read."
        yield segment.fault("damaged_bytes", sentence, first=damage.after + 1, last=damage.before - 1)
    for counter in scan.broken_chain:
        sentence = f"Record {counter} in {name} does not continue the chain: the file was changed."
        yield segment.fault("broken_chain", sentence, first=counter, last=counter)
    if scan.torn_tail:
        sentence = f"{len(scan.torn_tail)} bytes at the end of {name} are a torn record; they were set aside."
        yield segment.fault("torn_tail", sentence)


# --- putting segments in order ----------------------------------------------------------------------------------------


def _assemble(attempt: str, line: Sequence[_Segment], opener: Opener, faults: list[Fault]) -> AttemptBundle:
    """Open what counts of the segments that count, oldest first."""
    entries: list[Entry] = []
    for index, segment in enumerate(line):
        following = line[index + 1].preamble.header.previous if index + 1 < len(line) else None
        counted = segment.count if following is None or following.segment != segment.id else following.count
        faults.extend(segment.faults)
        faults.extend(_count_faults(segment, counted, following))
        entries.extend(_open_entries(segment, counted, opener, faults))
    facts = tuple(_decode(entries, faults))
    link = next((_link(segment) for segment in reversed(line) if segment.records), None)
    ordinal = max((segment.ordinal for segment in line), default=-1) + 1
    preambles = tuple(segment.preamble for segment in line)
    return AttemptBundle(attempt, preambles, tuple(entries), facts, tuple(faults), link, ordinal)


def _link(segment: _Segment) -> Link:
    return Link(segment=segment.id, count=segment.count, head=segment.records[segment.count - 1].chain.hex())


def _main_line(segments: Sequence[_Segment], holder: str, faults: list[Fault]) -> list[_Segment]:
    """The segments that count, oldest first: from the newest back along the links. Others are forks, and reported."""

    def rank(segment: _Segment) -> tuple[bool, int, int, int]:
        header = segment.preamble.header
        return (header.device == holder, segment.ordinal, segment.count, header.begun_utc_ms)

    by_id = {segment.id: segment for segment in segments}
    newest_first = sorted(segments, key=rank, reverse=True)
    line: list[_Segment] = []
    current = newest_first[0] if newest_first else None
    while current is not None:
        line.append(current)
        link = current.preamble.header.previous
        current = _before(current, link, by_id, newest_first, faults)
    for segment in segments:
        if any(segment is each for each in line) or not segment.records:
            continue
        if any(_is_rewritten(segment, each) for each in line):
            sentence = f"Segment {segment.id} failed before anything in it was durable; the next one holds its records."
            faults.append(segment.fault("superseded", sentence, first=0, last=segment.count - 1))
        else:
            sentence = (
                f"Segment {segment.id} of device {segment.preamble.header.device} is beside the line that counts."
            )
            faults.append(segment.fault("fork", sentence, first=0, last=segment.count - 1))
    return line[::-1]


def _is_rewritten(segment: _Segment, by: _Segment) -> bool:
    """True when the same PC began ``by`` in place of ``segment``, after its disk failed."""
    old, new = segment.preamble.header, by.preamble.header
    return old.device == new.device and old.previous == new.previous and old.ordinal < new.ordinal


def _before(
    segment: _Segment,
    link: Link | None,
    by_id: Mapping[str, _Segment],
    newest_first: Sequence[_Segment],
    faults: list[Fault],
) -> _Segment | None:
    """The segment that one follows; when it is missing, the newest with a smaller ordinal, and a fault."""
    if link is None:
        return None
    found = by_id.get(link.segment)
    if found is not None and found.ordinal < segment.ordinal:
        return found
    sentence = f"Segment {link.segment} with {link.count} records, which segment {segment.id} follows, is missing."
    faults.append(segment.fault("missing_segment", sentence, first=0, last=link.count - 1))
    return next((each for each in newest_first if each.ordinal < segment.ordinal), None)


def _count_faults(segment: _Segment, counted: int, following: Link | None) -> Iterable[Fault]:
    for first, last in _gaps(segment.records, counted):
        sentence = f"Records {first} to {last} of segment {segment.id} are missing."
        yield segment.fault("missing_records", sentence, first=first, last=last)
    if segment.count > counted:
        sentence = f"Records {counted} to {segment.count - 1} were written again in the next segment or never counted."
        yield segment.fault("superseded", sentence, first=counted, last=segment.count - 1)
    if following is not None and following.segment == segment.id and following.count > 0:
        record = segment.records.get(following.count - 1)
        if record is not None and record.chain.hex() != following.head:
            sentence = f"The next segment follows another record {following.count - 1} than the one here."
            yield segment.fault("wrong_link", sentence, first=following.count - 1, last=following.count - 1)


def _gaps(records: Mapping[int, Record], counted: int) -> Iterable[tuple[int, int]]:
    known = [-1, *sorted(counter for counter in records if counter < counted), counted]
    for before, after in pairwise(known):
        if after - before > 1:
            yield before + 1, after - 1


def _open_entries(segment: _Segment, counted: int, opener: Opener, faults: list[Fault]) -> list[Entry]:
    header = segment.preamble.header
    try:
        records = RecordOpener(header, open_stream_keys(segment.preamble, opener))
    except CannotOpenError as error:
        faults.append(segment.fault("unopened", str(error), first=0, last=counted - 1))
        return []
    entries: list[Entry] = []
    for counter in sorted(segment.records):
        record = segment.records[counter]
        if counter >= counted:
            break
        try:
            payload = records.open(record)
        except CannotOpenError as error:
            faults.append(segment.fault("unopened", str(error), first=counter, last=counter))
            continue
        name = records.stream_name(record)
        entries.append(Entry(header.ordinal, counter, header.device, name, record.type, payload))
    return entries


def _decode(entries: Iterable[Entry], faults: list[Fault]) -> Iterable[TimedEvent]:
    for entry in entries:
        if entry.stream == EVENT_STREAM and entry.payload is not None:
            try:
                yield decode_event(entry.type, entry.payload)
            except DamagedError as error:
                fault = Fault("unknown_entry", "", entry.ordinal, entry.counter, entry.counter, str(error))
                faults.append(fault)
