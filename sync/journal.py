"""Journal: one segment file being written, and segment files being read back after anything.

`Journal` is the plain, single-threaded file; `sync.writer.JournalWriter` is what a kiosk uses. Every append reaches the
file in one system call before it returns; `sync` makes everything appended so far survive a power cut.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sync.errors import DamagedError, SyncUsageError
from sync.files import DiskFiles, Files, OpenFile, disk_errors, write_whole
from sync.segment import (
    Binding,
    Link,
    NewSegment,
    Recipient,
    RecordSealer,
    SegmentHeader,
    SegmentScan,
    StreamName,
    encode_preamble,
    erased_segment,
    new_segment,
    scan_segment,
)

SEGMENT_BYTES: Final = 4 * 2**20
"""Reserved for a segment when it begins, and again whenever it is full: about 15 000 edits."""

SUFFIX: Final = ".journal"
_NAME: Final = re.compile(r"(.+)-[0-9]{4,}-([0-9a-f]{32})\.journal")


def segment_name(header: SegmentHeader) -> str:
    """The file name of a segment: attempt, ordinal, segment id."""
    return f"{header.attempt}-{header.ordinal:04d}-{header.segment}{SUFFIX}"


def segment_of(name: str) -> str:
    """The segment id in a segment's file name; "" for another file."""
    found = _NAME.fullmatch(name)
    return found[2] if found else ""


class Journal:
    """One segment file, being written by the one run of the program that made it.

    After the first OSError from any method the file must not be used again (`sync.writer` begins a new segment):
    a disk that once failed to sync may report success later without having kept anything.
    """

    def __init__(self, path: Path, segment: NewSegment, file: OpenFile, *, start: int, reserved: int) -> None:
        self.path = path
        self.header = segment.header
        self._sealer = RecordSealer(segment)
        self._file = file
        self._offset = start
        self._reserved = reserved
        self._failed = False
        self.failure: OSError | None = None
        """What the disk refused first; None while all is well."""

    @classmethod
    def create(
        cls, folder: Path, segment: NewSegment, *, files: Files | None = None, size: int = SEGMENT_BYTES
    ) -> Journal:
        """A new segment file of ``size`` reserved bytes whose header is durable when this returns.

        Raises:
            OSError: the disk refused; nothing was begun.
        """
        disk = DiskFiles() if files is None else files
        path = folder / segment_name(segment.header)
        block = 2 * encode_preamble(segment.preamble)
        reserved = max(size, len(block))
        file = disk.create(path, reserved)
        journal = cls(path, segment, file, start=0, reserved=reserved)
        try:
            journal._write(block)
            journal.sync()
        except OSError:
            journal.close()
            with contextlib.suppress(OSError):
                disk.remove(path)  # there is nothing in it yet
            raise
        return journal

    @property
    def count(self) -> int:
        """How many records were appended."""
        return self._sealer.count

    @property
    def head(self) -> bytes:
        """The chain value after the last appended record."""
        return self._sealer.head

    def append(self, stream: StreamName, kind: int, payload: bytes) -> int:
        """Seal a record and hand it to the operating system in one write; its counter.

        Raises:
            OSError: the disk refused or wrote short.
            SyncUsageError: see `RecordSealer.seal`; or the journal failed before.
        """
        self._refuse_after_failure()
        record = self._sealer.seal(stream, kind, payload)
        self._write(record.raw)
        return record.counter

    def sync(self) -> None:
        """Come back when every appended record survives a power cut.

        Raises:
            OSError: the disk refused; what was appended since the last sync must be written elsewhere.
        """
        self._refuse_after_failure()
        try:
            self._file.sync()
        except OSError as error:
            self._failed, self.failure = True, error
            raise

    def close(self) -> None:
        """Let go of the file, without a sync."""
        self._failed = True
        self._file.close()

    def _write(self, data: bytes) -> None:
        end = self._offset + len(data)
        try:
            if end > self._reserved:
                self._reserved += max(SEGMENT_BYTES, len(data))
                self._file.extend(self._reserved)
            write_whole(self._file, self._offset, data)
        except OSError as error:
            self._failed, self.failure = True, error
            raise
        self._offset = end

    def _refuse_after_failure(self) -> None:
        if self._failed:
            raise SyncUsageError(what="this segment failed or was closed", remedy="Begin a new segment")


# --- after a restart --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FoundSegment:
    """A segment file on this PC and what it holds."""

    path: Path
    scan: SegmentScan


@dataclass(frozen=True, slots=True)
class Recovered:
    """An attempt's segment files on this PC, in order, files that nothing can be read of, and where to go on.

    ``link`` and ``next_ordinal`` say what the segment to begin now follows; after a hand-over they come from the other
    PC's envelopes (`sync.bundle.AttemptBundle.recovered`).
    """

    attempt: str
    segments: tuple[FoundSegment, ...]
    unreadable: tuple[Path, ...]
    link: Link | None
    next_ordinal: int

    @classmethod
    def nothing(cls, attempt: str) -> Recovered:
        """An attempt that begins."""
        return cls(attempt, (), (), None, 0)


def recover(folder: Path, attempt: str, *, files: Files | None = None) -> Recovered:
    """Read an attempt's segment files after a restart. Nothing is rewritten: a torn tail is copied aside as ``.torn``.

    What was read is synced first, so that a segment that follows never points to records that a power cut takes away.

    Raises:
        OSError: the disk refused.
    """
    disk = DiskFiles() if files is None else files
    segments: list[FoundSegment] = []
    unreadable: list[Path] = []
    for name in disk.names(folder):
        if _attempt_of(name) == attempt:
            path = folder / name
            scan = read_segment(path, files=disk)
            if scan is None:
                unreadable.append(path)
            else:
                _settle(path, scan, disk)
                segments.append(FoundSegment(path, scan))
    segments.sort(key=lambda found: (found.scan.header.ordinal, found.scan.header.begun_utc_ms))
    ordinal = max((found.scan.header.ordinal for found in segments), default=-1) + 1
    return Recovered(attempt, tuple(segments), tuple(unreadable), _link(segments), ordinal)


def read_segment(path: Path, *, files: Files | None = None) -> SegmentScan | None:
    """What a segment file holds; None when neither copy of its header can be read.

    Raises:
        OSError: the disk refused.
    """
    disk = DiskFiles() if files is None else files
    try:
        return scan_segment(disk.read(path))
    except DamagedError:
        return None


def attempts_in(folder: Path, *, files: Files | None = None) -> tuple[str, ...]:
    """The attempts that have segment files in a folder, sorted.

    Raises:
        FileFailedError: the disk refused.
    """
    disk = DiskFiles() if files is None else files
    with disk_errors("read", folder):
        names = disk.names(folder)
    return tuple(sorted({attempt for name in names if (attempt := _attempt_of(name))}))


def next_segment(
    binding: Binding, recipients: Sequence[Recipient], after: Recovered, *, begun_utc_ms: int
) -> NewSegment:
    """The fresh segment that goes on after what was recovered."""
    return new_segment(binding, recipients, ordinal=after.next_ordinal, previous=after.link, begun_utc_ms=begun_utc_ms)


def _attempt_of(name: str) -> str:
    """The attempt in a segment's file name, which may have dashes itself; "" for another file."""
    found = _NAME.fullmatch(name)
    return found[1] if found else ""


def _link(segments: Sequence[FoundSegment]) -> Link | None:
    """What follows now follows the last segment that has a record; one without never travels."""
    for found in reversed(segments):
        if found.scan.records:
            return Link(segment=found.scan.header.segment, count=found.scan.count, head=found.scan.head.hex())
    return None


def erase_stream(folder: Path, attempt: str, stream: StreamName, *, files: Files | None = None) -> int:
    """Destroy one stream's keys in an attempt's segment files (after its last run); how many files were rewritten.

    Nothing opens the stream's records again, while chain, identities and receipts stay valid. What the disk still holds
    of the old blocks is the disk's matter (`SECURITY.md`, honest limits).

    Raises:
        FileFailedError: the disk refused.
        DamagedError: a file of which nothing can be read.
    """
    disk = DiskFiles() if files is None else files
    with disk_errors("rewrite a journal in", folder):
        paths = [folder / name for name in disk.names(folder) if _attempt_of(name) == attempt]
        for path in paths:
            disk.replace(path, erased_segment(disk.read(path), stream))
    return len(paths)


def _settle(path: Path, scan: SegmentScan, files: Files) -> None:
    """Make what was read durable, and keep a torn tail's bytes in a file beside."""
    file = files.open(path)
    try:
        file.sync()
    finally:
        file.close()
    if scan.torn_tail:
        aside = path.with_suffix(".torn")
        if aside.name not in files.names(path.parent):
            files.replace(aside, scan.torn_tail)
