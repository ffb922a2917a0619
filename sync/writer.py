"""JournalWriter: how a kiosk writes an attempt's journal while a candidate works.

`append` hands a record to the operating system at once (a killed program loses nothing); `commit` returns when all of
it survives a power cut; `commit_soon` lets a thread do that within 25 ms, many records for one sync. When a write or
sync fails once, the file is never trusted again: a new segment is begun, what was not yet durable is written again, and
the caller is told.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, TypeVar

from engine.events import Event
from sync.entries import EVENT_STREAM, encode_event, event_code
from sync.errors import DiskSpaceError, JournalFailedError, SyncUsageError
from sync.files import DiskFiles, Files, disk_errors
from sync.journal import SEGMENT_BYTES, Journal, Recovered, next_segment, recover
from sync.segment import Binding, Link, Recipient, StreamName, new_segment
from sync.threads import Running, SystemThreads, Threads

_log = logging.getLogger(__name__)
T = TypeVar("T")

FREE_NEEDED: Final = 2**30
RESERVE_BYTES: Final = 16 * 2**20
RESERVE_NAME: Final = "reserve.bin"
SOON_MS: Final = 25
AGAIN_MS: Final = 1_000
"""After a fault that nothing here foresaw the writer's thread tries so much later."""
_RENEWED_BYTES: Final = 2**20
_TRIES: Final = 3


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """Where a record stands: segment ordinal, then counter. A record is durable when `durable_position` reaches it."""

    ordinal: int
    counter: int


@dataclass(frozen=True, slots=True)
class JournalTrouble:
    """Something the test leader must be told: the disk failed once and a new segment was begun, or nothing helped."""

    kind: Literal["new_segment", "failed"]
    cause: str
    ordinal: int


@dataclass(frozen=True, slots=True)
class Disk:
    """The file system and how much room is asked of it, in bytes.

    ``free_needed``: less free space refuses a new attempt. ``reserve_bytes``: size of the file that is given up when
    the disk is full. ``segment_bytes``: reserved for each segment. ``threads``: where the writer's own thread runs.
    """

    files: Files = field(default_factory=DiskFiles)
    free_needed: int = FREE_NEEDED
    reserve_bytes: int = RESERVE_BYTES
    segment_bytes: int = SEGMENT_BYTES
    threads: Threads = field(default_factory=SystemThreads)


@dataclass(frozen=True, slots=True)
class _Pending:
    stream: StreamName
    kind: int
    payload: bytes


class JournalWriter:
    """Writes one attempt's journal in one run of the program. Every method may be called from any thread.

    ``on_durable`` and ``on_trouble`` are called from whichever thread made it so (often the writer's own), never while
    a lock is held; they must return quickly. What they raise is logged and ends nothing.
    """

    def __init__(
        self,
        folder: Path,
        binding: Binding,
        recipients: Sequence[Recipient],
        *,
        after: Recovered,
        now_utc_ms: Callable[[], int],
        on_durable: Callable[[Position], None] | None = None,
        on_trouble: Callable[[JournalTrouble], None] | None = None,
        disk: Disk | None = None,
    ) -> None:
        disk = Disk() if disk is None else disk
        self._folder = folder
        self._binding = binding
        self._recipients = tuple(recipients)
        self._now_utc_ms = now_utc_ms
        self._files = disk.files
        self._on_durable = on_durable
        self._on_trouble = on_trouble
        self._lock = threading.RLock()
        self._threads = disk.threads
        self._sync_lock = self._threads.lock()
        self._soon_lock = threading.Lock()
        self._wake = self._threads.waker()
        self._due: float | None = None
        self._closing = False
        self._thread: Running | None = None
        self._pending: list[_Pending] = []
        self._left: dict[str, int] = {}
        self._failed: JournalFailedError | None = None
        first = next_segment(binding, self._recipients, after, begun_utc_ms=now_utc_ms())
        self._journal = Journal.create(folder, first, files=self._files, size=disk.segment_bytes)
        self._durable = Position(first.header.ordinal, -1)
        self._durable_head = self._journal.head

    @classmethod
    def begin(
        cls,
        folder: Path,
        binding: Binding,
        recipients: Sequence[Recipient],
        *,
        now_utc_ms: Callable[[], int],
        on_durable: Callable[[Position], None] | None = None,
        on_trouble: Callable[[JournalTrouble], None] | None = None,
        disk: Disk | None = None,
        after: Recovered | None = None,
    ) -> JournalWriter:
        """Begin, or go on after a restart or hand-over, in a new segment that follows what is in the folder.

        Args:
            folder: where this PC keeps its journals; made when missing.
            binding: sitting, attempt, device, release.
            recipients: results recipients (from the release's manifest) and the sitting's recovery recipient.
            now_utc_ms: the wall clock, for segment headers only.
            on_durable: called with the new `durable_position`.
            on_trouble: called when the disk failed.
            disk: file system and room; the real one with 1 GiB free when not given.
            after: what was recovered, also from another PC's envelopes; read from the folder when not given.

        Raises:
            DiskSpaceError: too little is free and the attempt has not begun yet.
            FileFailedError: the disk refused the very first write.
        """
        disk = Disk() if disk is None else disk
        with disk_errors("read", folder):
            found = recover(folder, binding.attempt, files=disk.files) if after is None else after
            free = disk.files.free_bytes(folder)
        if free < disk.free_needed and found.next_ordinal == 0:
            raise DiskSpaceError(str(folder), free_bytes=free, needed_bytes=disk.free_needed)
        _keep_reserve(folder, disk.reserve_bytes, disk.files)
        with disk_errors("begin a journal in", folder):
            return cls(
                folder,
                binding,
                recipients,
                after=found,
                now_utc_ms=now_utc_ms,
                on_durable=on_durable,
                on_trouble=on_trouble,
                disk=disk,
            )

    @property
    def durable_position(self) -> Position:
        """The last record that survives a power cut; counter -1 while this segment has none."""
        with self._lock:
            return self._durable

    @property
    def written_position(self) -> Position:
        """The last record handed to the operating system."""
        with self._lock:
            return Position(self._journal.header.ordinal, self._journal.count - 1)

    @property
    def head(self) -> str:
        """The chain value at `durable_position`, 64 hexadecimal digits."""
        with self._lock:
            return self._durable_head.hex()

    def durable_counts(self) -> dict[str, int]:
        """Segment id → how many of its records are durable, for every segment of this run: only these are sent."""
        with self._lock:
            return {**self._left, self._journal.header.segment: self._durable.counter + 1}

    def append(self, event: Event, *, utc_ms: int) -> Position:
        """Write a fact with the wall clock's time; it is with the operating system when this returns.

        Raises:
            JournalFailedError: the journal can no longer be written anywhere.
        """
        return self.append_payload(EVENT_STREAM, event_code(event), encode_event(event, utc_ms=utc_ms))

    def append_payload(self, stream: StreamName, kind: int, payload: bytes) -> Position:
        """Write a record of any stream (`sync.segment.STREAMS`); see `append`."""
        with self._lock:
            self._raise_if_failed()
            trouble = self._hand_over(_Pending(stream, kind, payload))
            durable = None if trouble is None else self._durable
            position = Position(self._journal.header.ordinal, self._journal.count - 1)
        self._tell(durable, trouble)
        self._raise_if_failed()
        return position

    def commit(self) -> Position:
        """Come back when everything appended before this call survives a power cut; the position reached.

        Raises:
            JournalFailedError: the journal can no longer be written anywhere.
        """
        trouble: JournalTrouble | None = None
        with self._sync_lock:
            with self._lock:
                self._raise_if_failed()
                journal, count, head = self._journal, self._journal.count, self._journal.head
                if self._durable.counter == count - 1:
                    return self._durable
            try:
                journal.sync()
            except OSError as error:
                with self._lock:
                    if self._journal is journal and self._failed is None:
                        trouble = self._renew(error)
            except SyncUsageError:
                pass  # an append failed meanwhile: all of it is durable in a new segment, or `_failed` says why not
            else:
                self._became_durable(journal, count, head)
            with self._lock:
                durable = self._durable
        self._tell(durable, trouble)
        self._raise_if_failed()
        return durable

    def commit_soon(self, within_ms: int = SOON_MS) -> None:
        """Have the writer's thread commit within so many milliseconds, together with whatever comes until then."""
        due = self._threads.now_s() + within_ms / 1000
        with self._soon_lock:
            if self._closing:
                raise SyncUsageError(what="the journal writer is closed", remedy="Begin a new one")
            is_sooner = self._due is None or due < self._due
            if is_sooner:
                self._due = due
            if self._thread is None:
                self._thread = self._threads.start("journal-writer", self._run)
        if is_sooner:
            self._wake.set()

    def close(self) -> None:
        """Commit what is left, stop the thread, let go of the file.

        Raises:
            JournalFailedError: what was left could not be written.
        """
        with self._soon_lock:
            self._closing = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
        try:
            self.commit()
        finally:
            with self._lock:
                self._failed = self._failed or JournalFailedError(
                    self._binding.attempt, "it was closed", durable=self._durable.counter + 1
                )
                self._journal.close()

    def _run(self) -> None:
        """The thread: sleep until something is due, commit, again."""
        while not self._closing:
            self._wake.clear()
            if self._closing or self._waits():
                continue
            try:
                self.commit()
            except JournalFailedError:
                continue  # on_trouble has told; the next append raises it where someone can act
            except Exception:  # noqa: BLE001 - nothing may end the thread that makes answers durable
                _log.exception("what was written is not durable yet: the journal's thread tries again")
                self._try_again()

    def _try_again(self) -> None:
        with self._soon_lock:
            if self._due is None:
                self._due = self._threads.now_s() + AGAIN_MS / 1000

    def _waits(self) -> bool:
        """Wait for what is due later, or for anything at all; False when it is due now."""
        with self._soon_lock:
            due_in_s = None if self._due is None else self._due - self._threads.now_s()
            if due_in_s is not None and due_in_s <= 0:
                self._due = None
                return False
        self._wake.wait(due_in_s)
        return True

    def _hand_over(self, record: _Pending) -> JournalTrouble | None:
        """A record to the operating system; what the disk refuses goes into a new segment. Called with the lock."""
        self._pending.append(record)
        failure = self._journal.failure  # a sync failed in another thread, which waits for the lock to tell of it
        if failure is None:
            try:
                self._journal.append(record.stream, record.kind, record.payload)
            except OSError as error:
                failure = error
            except SyncUsageError:
                self._pending.pop()
                raise
        return None if failure is None else self._renew(failure)

    def _became_durable(self, journal: Journal, count: int, head: bytes) -> None:
        with self._lock:
            if self._journal is not journal:
                return
            done = count - 1 - self._durable.counter
            del self._pending[:done]
            self._durable = Position(journal.header.ordinal, count - 1)
            self._durable_head = head

    def _renew(self, cause: OSError) -> JournalTrouble:
        """Begin a new segment after a failure and write again what was not durable. Called with the lock held."""
        failed = self._journal
        failed.close()
        error = cause
        for ordinal in range(failed.header.ordinal + 1, failed.header.ordinal + 1 + _TRIES):
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                with contextlib.suppress(OSError):
                    self._files.remove(self._folder / RESERVE_NAME)
            try:
                return self._rewrite(failed, ordinal, cause)
            except OSError as again:
                error = again
        self._failed = JournalFailedError(
            self._binding.attempt, error.strerror or str(error), durable=self._durable.counter + 1
        )
        return JournalTrouble("failed", error.strerror or str(error), failed.header.ordinal)

    def _rewrite(self, failed: Journal, ordinal: int, cause: OSError) -> JournalTrouble:
        # After a second failure the durable records are still those of the segment that failed first. Its number is
        # used up all the same: what it holds is then known to be written again.
        link = failed.header.previous
        if self._durable.counter >= 0:
            link = Link(segment=failed.header.segment, count=self._durable.counter + 1, head=self._durable_head.hex())
        fresh = new_segment(
            self._binding,
            self._recipients,
            ordinal=ordinal,
            previous=link,
            begun_utc_ms=self._now_utc_ms(),
        )
        journal = Journal.create(self._folder, fresh, files=self._files, size=_RENEWED_BYTES)
        try:
            for entry in self._pending:
                journal.append(entry.stream, entry.kind, entry.payload)
            journal.sync()
        except OSError:
            journal.close()
            raise
        if self._durable.counter >= 0:
            self._left[failed.header.segment] = self._durable.counter + 1
        self._journal = journal
        self._pending.clear()
        self._durable = Position(fresh.header.ordinal, journal.count - 1)
        self._durable_head = journal.head
        return JournalTrouble("new_segment", cause.strerror or str(cause), fresh.header.ordinal)

    def _tell(self, durable: Position | None, trouble: JournalTrouble | None) -> None:
        if trouble is not None and self._on_trouble is not None:
            _told(self._on_trouble, trouble)
        if durable is not None and self._on_durable is not None:
            _told(self._on_durable, durable)

    def _raise_if_failed(self) -> None:
        if self._failed is not None:
            raise self._failed


def _told(callback: Callable[[T], None], news: T) -> None:
    """Tell somebody. Whatever is wrong there ends neither the writer's thread nor the call that wrote a fact."""
    try:
        callback(news)
    except Exception:  # noqa: BLE001 - as said
        _log.exception("the journal's news could not be taken in: %s", news)


def _keep_reserve(folder: Path, size: int, files: Files) -> None:
    """Have the reserve file lie in the folder, whole; without room for it there is none."""
    if size == 0 or RESERVE_NAME in files.names(folder):
        return
    with contextlib.suppress(OSError):
        files.create(folder / RESERVE_NAME, size).close()
