"""Outbox: which of this PC's journal records still need the store's signed receipt.

The truth is the segment files and one small file beside them, ``outbox.jsonl``: a line for each range that was packed
(written before it is first sent, so that after a crash the same range is sent again, byte for byte) and one for each
receipt. Losing that file costs nothing but sending again; so a disk that refuses it (full) stops no delivery.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field

from sync.canonical import Message, canonical_bytes, parse_model, parse_table, plain_of
from sync.envelope import envelope_sha256, next_range, pack
from sync.errors import (
    FileFailedError,
    NotForUsError,
    StickError,
    StoreRefusedError,
    SyncDataError,
    SyncUsageError,
    WrongSignatureError,
)
from sync.files import DiskFiles, Files, disk_errors, write_whole
from sync.journal import SUFFIX, read_segment, segment_of
from sync.keys import SigningKey, VerifyKey
from sync.receipt import Receipt, verify_receipt
from sync.segment import NO_HASH, Count, Hash, Id, SegmentScan

ENVELOPE_SUFFIX: Final = ".envelope"
RECEIPT_SUFFIX: Final = ".receipt"
LEDGER_NAME: Final = "outbox.jsonl"
_MAX_LINE: Final = 8192
_UNAVAILABLE: Final = 503

Kept = Literal["anywhere", "home"]
"""Whose receipt counts: any genuine one, or the home store's only."""


class _Packed(Message):
    attempt: Id
    first: Count
    kind: Literal["packed"]
    last: Count
    previous: Hash
    segment: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    sha256: Hash


class _Received(Message):
    kind: Literal["receipt"]
    receipt: str


class _Lost(Message):
    first: Count
    kind: Literal["lost"]
    last: Count
    segment: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


@dataclass(frozen=True, slots=True)
class Parcel:
    """An envelope that waits for its receipt."""

    attempt: str
    segment: str
    first: int
    last: int
    sha256: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Conflict:
    """The store keeps something else under this range: for people to look at; it is not sent again."""

    parcel_sha256: str
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class Delivered:
    """How far an attempt's records have come: on this disk, with a receipt, and ranges in conflict."""

    records: int
    received: int
    conflicts: tuple[Conflict, ...]

    @property
    def is_complete(self) -> bool:
        """True when every record on this disk has its receipt."""
        return self.records == self.received and not self.conflicts


@dataclass(frozen=True, slots=True)
class TakenReceipts:
    """What lay in a folder: receipts that are new here, known before, and names of files that are no genuine ones."""

    new: int
    known: int
    damaged: tuple[str, ...]


class Outbox:
    """Packs what is durable and unsent, remembers receipts. Used from one thread.

    For a sitting that was lent to a relay (`sync.delegation`) a receipt of the relay counts as delivered; what lacks
    the home store's own one can still be sent there (``kept="home"``), should the relay be lost.

    ``trouble`` is the last refusal of the disk to keep the ledger, None while all is well.
    """

    def __init__(
        self,
        folder: Path,
        *,
        device_key: SigningKey,
        receipt_key: VerifyKey,
        files: Files | None = None,
        relay_keys: Mapping[str, VerifyKey] | None = None,
    ) -> None:
        """Read the ledger beside the journals in ``folder``; damaged lines in it are passed over.

        Args:
            folder: where the journals lie.
            device_key: signs envelopes.
            receipt_key: the home store's.
            files: the disk.
            relay_keys: by sitting, the receipt key of the relay that it was lent to; counts for that sitting only.

        Raises:
            FileFailedError: the disk refused.
        """
        self._folder = folder
        self._files = DiskFiles() if files is None else files
        self._device_key = device_key
        self._receipt_key = receipt_key
        self._relay_keys = dict(relay_keys or {})
        self._at_home: set[tuple[str, int, int]] = set()
        self._packed: dict[str, list[_Packed]] = {}
        self._receipts: dict[tuple[str, int, int], Receipt] = {}
        self._scans: dict[str, SegmentScan] = {}
        self._learned: set[str] = set()
        self.trouble: FileFailedError | None = None
        with disk_errors("read", folder):
            self._earlier = frozenset(self._files.names(folder))
            self._earlier_segments = {segment_of(name) for name in self._earlier}
            self._load()

    def trust_relay(self, sitting: str, receipt_key: VerifyKey) -> None:
        """From now on a relay's receipts count for a sitting."""
        self._relay_keys[sitting] = receipt_key

    def pending(
        self, durable: Mapping[str, int] | None = None, *, most: int = 32, kept: Kept = "anywhere"
    ) -> tuple[Parcel, ...]:
        """The next envelopes to send, oldest first; the same ones again until their receipts are here.

        Args:
            durable: for the segments of this run of the program, how many records are durable
                (`JournalWriter.durable_counts`, kept also after a writer is closed); nothing beyond is sent, and a new
                segment that is not named is left alone, since it may be growing. Segments that lay here when the
                outbox was made are taken whole. None: nothing is being written, all is whole.
            most: at most so many.
            kept: what has a receipt from wherever, or only what the home store itself receipted, is left out.

        Raises:
            FileFailedError: the disk refused.
        """
        return self._next(durable, most, kept, frozenset())

    def has_unsent(self, durable: Mapping[str, int] | None = None, *, kept: Kept = "anywhere") -> bool:
        """Whether any record has no receipt yet; nothing is packed to find out. Arguments as in `pending`.

        Raises:
            FileFailedError: the disk refused.
        """
        return any(
            self._waiting(scan.header.segment, kept) or self._unplanned(scan, _durable_count(scan, durable)) is not None
            for scan in self._segments(durable)
        )

    def received(self, data: bytes) -> Receipt:
        """Take in a receipt; it is durable when this returns and there is no `trouble`.

        Raises:
            DamagedError, WrongSignatureError: not a receipt of the store.
            NotForUsError: for a range that this PC never packed.
        """
        receipt = self._take(data)
        self._append(canonical_bytes({"kind": "receipt", "receipt": data.decode("utf-8")}))
        return receipt

    def send(
        self,
        deliver: Callable[[bytes], bytes],
        durable: Callable[[], Mapping[str, int] | None] = lambda: None,
        *,
        at_once: int = 32,
        goes_on: Callable[[], bool] = lambda: True,
        on_refused: Callable[[StoreRefusedError], None] = lambda _: None,
        kept: Kept = "anywhere",
        receipts: Callable[[str], Iterable[bytes]] | None = None,
    ) -> int:
        """Send what waits until nothing does; how many receipts came.

        The ledger may have lost lines, or be an older copy. So what an earlier run of the program left and the ledger
        does not name is not packed before the store has said, by ``receipts``, which ranges of it lie there: packed in
        other ranges, one of them might contradict what the store has.

        An envelope that the store refuses is told to ``on_refused`` and does not hold up the others; it waits for the
        next call. A store that says it is busy (503) is left alone until then. Whatever else goes wrong ends the call,
        and everything without a receipt waits for the next.

        Args:
            deliver: sends one envelope and gives the store's receipt (`sync.client.StoreClient.deliver`).
            durable: asked before each round; what it gives is as in `pending`.
            at_once: how many envelopes to a round.
            goes_on: asked before each round; False ends the call.
            on_refused: told the store's sentence.
            kept: as in `pending`.
            receipts: all that the store has of an attempt from this PC (`sync.client.StoreClient.receipts`).

        Raises:
            SyncError: the store is out of reach, or what it answered is no receipt of what was sent.
        """
        unknown = frozenset[str]() if receipts is None else self._learn(receipts, durable(), on_refused)
        refused: set[str] = set()
        received = 0
        while goes_on():
            waiting = self._next(durable(), at_once + len(refused), kept, unknown)
            parcels = [parcel for parcel in waiting if parcel.sha256 not in refused]
            if not parcels:
                break
            for parcel in parcels:
                try:
                    self.received(deliver(parcel.data))
                    received += 1
                except StoreRefusedError as error:
                    refused.add(parcel.sha256)
                    on_refused(error)
                    if error.status == _UNAVAILABLE:
                        return received
        return received

    def delivered(self, attempt: str, durable: Mapping[str, int] | None = None) -> Delivered:
        """How far an attempt has come. ``durable`` as in `pending`.

        Raises:
            FileFailedError: the disk refused.
        """
        records = received = 0
        conflicts: list[Conflict] = []
        for scan in self._segments(durable):
            if scan.header.attempt == attempt:
                limit = _durable_count(scan, durable)
                records += sum(1 for record in scan.records if record.counter < limit)
                for entry in self._packed.get(scan.header.segment, []):
                    receipt = self._receipts.get((entry.segment, entry.first, entry.last))
                    if receipt is not None and receipt.sha256 == entry.sha256:
                        received += entry.last - entry.first + 1
                    elif receipt is not None:
                        conflicts.append(Conflict(entry.sha256, receipt))
        return Delivered(records, received, tuple(conflicts))

    def export(self, folder: Path, durable: Mapping[str, int] | None = None, *, with_receipted: bool = False) -> int:
        """Write every envelope without a receipt to a folder (a USB stick), one ``.envelope`` file each; how many.

        ``with_receipted``: those with one too, for a store that has lost more than it can be asked about.
        Each file is synced under another name first, so that it is whole under its own or not there. Nothing is
        remembered of it here: only a receipt ends an envelope's waiting, whichever way it went.

        Raises:
            StickError: the disk or stick refused; it says how many are saved.
        """
        written = 0
        for scan in self._segments(durable):
            self._plan(scan, _durable_count(scan, durable), patiently=False)
            planned = self._packed.get(scan.header.segment, [])
            entries = planned if with_receipted else self._waiting(scan.header.segment)
            for entry in entries:
                path = folder / f"{entry.attempt}-{entry.segment}-{entry.first:08d}{ENVELOPE_SUFFIX}"
                data = self._parcel(scan, entry).data
                try:
                    self._files.replace(path, data)
                except OSError as error:
                    raise StickError(str(folder), error.strerror or str(error), saved=written) from error
                written += 1
        return written

    def take_receipts(self, folder: Path) -> TakenReceipts:
        """Take in the ``.receipt`` files that a store's import left in a folder; what is another PC's is passed over.

        Raises:
            FileFailedError: the disk or stick refused; what was taken in until then stays.
        """
        new = known = 0
        damaged: list[str] = []
        with disk_errors("read", folder):
            for name in self._files.names(folder):
                if name.endswith(RECEIPT_SUFFIX):
                    before = len(self._receipts)
                    try:
                        self.received(self._files.read(folder / name))
                    except NotForUsError:
                        continue
                    except SyncDataError:
                        damaged.append(name)
                        continue
                    new += len(self._receipts) > before
                    known += len(self._receipts) == before
        return TakenReceipts(new, known, tuple(damaged))

    # --- a store that went back to an earlier state -------------------------------------------------------------------

    def attempts(self, *, since_utc_ms: int = 0) -> tuple[str, ...]:
        """The attempts of which this PC has receipts of the home store, given since a moment; sorted."""
        receipts = (self._receipts[place] for place in self._at_home)
        return tuple(sorted({each.attempt for each in receipts if each.stored_utc_ms >= since_utc_ms}))

    def compare(self, attempt: str, receipts: Iterable[bytes]) -> int:
        """Hold an attempt's receipts against those that the home store has now; how many it lost.

        A store that was restored from a backup has lost what came after. Those envelopes wait again, as if they had
        never been sent; what the store has and this PC did not know of is taken in.

        Args:
            attempt: whose receipts they are.
            receipts: all that the home store has of this attempt from this PC (`sync.client.StoreClient.receipts`).

        Raises:
            SyncDataError: one of them is no receipt of the home store; nothing was changed.
        """
        told = [(data, verify_receipt(data, self._receipt_key)) for data in receipts]
        here = {(receipt.segment, receipt.first, receipt.last): receipt.sha256 for _, receipt in told}
        for data, receipt in told:
            if (receipt.segment, receipt.first, receipt.last) not in self._at_home:
                with contextlib.suppress(NotForUsError):  # packed before this PC lost its ledger
                    self.received(data)
        known = {place: self._receipts[place] for place in self._at_home}
        lost = [
            place
            for place, receipt in known.items()
            if receipt.attempt == attempt and not receipt.is_conflict and here.get(place) != receipt.sha256
        ]
        for segment, first, last in lost:
            self._forget((segment, first, last))
            self._append(canonical_bytes({"first": first, "kind": "lost", "last": last, "segment": segment}))
        return len(lost)

    # --- a ledger that does not say everything ------------------------------------------------------------------------

    def _learn(
        self,
        receipts: Callable[[str], Iterable[bytes]],
        durable: Mapping[str, int] | None,
        on_refused: Callable[[StoreRefusedError], None],
    ) -> frozenset[str]:
        """Ask about every attempt of earlier runs with records that the ledger does not name; which are still unknown.

        Asked once in a run of the program: from then on what is planned here is all there is.
        """
        unknown = {
            scan.header.attempt
            for scan in self._segments(durable)
            if self._is_earlier(scan) and self._unplanned(scan, _durable_count(scan, durable)) is not None
        }
        for attempt in sorted(unknown - self._learned):
            try:
                told = [*receipts(attempt)]
            except StoreRefusedError as error:
                on_refused(error)
                continue
            for scan in self._segments(durable):
                if scan.header.attempt == attempt and self._is_earlier(scan):
                    self._take_over(scan, told)
            self._learned.add(attempt)
        return frozenset(unknown - self._learned)

    def _is_earlier(self, scan: SegmentScan) -> bool:
        return scan.header.segment in self._earlier_segments

    def _take_over(self, scan: SegmentScan, told: Iterable[bytes]) -> None:
        """Go on with the ranges of a segment that the store has: each is packed here, and must come to the same."""
        known: dict[int, list[bytes]] = {}
        for data in told:
            with contextlib.suppress(SyncDataError):
                receipt, _ = self._verified(data)
                if receipt.segment == scan.header.segment:
                    known.setdefault(receipt.first, []).append(data)
        while (following := self._unplanned(scan, scan.count)) is not None:
            found = next((data for data in known.get(following[0], []) if self._is_next(scan, data)), None)
            if found is None:
                return
            receipt, _ = self._verified(found)
            self._note(scan, receipt.first, receipt.last, receipt.sha256)
            self.received(found)

    def _is_next(self, scan: SegmentScan, data: bytes) -> bool:
        """Whether a receipt names what this PC would send now, if it took the same records."""
        receipt, _ = self._verified(data)
        previous = self._last_sha256(scan.header.segment)
        try:
            offered = pack(scan, receipt.first, receipt.last, previous, self._device_key)
        except SyncUsageError:  # the records are not all here any more
            return False
        return envelope_sha256(offered) == receipt.sha256

    def _forget(self, place: tuple[str, int, int]) -> None:
        self._receipts.pop(place, None)
        self._at_home.discard(place)

    # --- helpers ------------------------------------------------------------------------------------------------------

    def _next(
        self, durable: Mapping[str, int] | None, most: int, kept: Kept, unknown: Collection[str]
    ) -> tuple[Parcel, ...]:
        """As `pending`; of attempts of which it is unknown what the store has, nothing is planned.

        Nor of their new segments: a PC that takes the attempt over would go on across the gap.
        """
        waiting: list[Parcel] = []
        for scan in self._segments(durable):
            if scan.header.attempt not in unknown:
                self._plan(scan, _durable_count(scan, durable), patiently=True)
            for entry in self._waiting(scan.header.segment, kept):
                if len(waiting) == most:
                    return tuple(waiting)
                waiting.append(self._parcel(scan, entry))
        return tuple(waiting)

    def _segments(self, durable: Mapping[str, int] | None) -> list[SegmentScan]:
        """The segments that may be sent, oldest first; a file is read again only when more of it is durable."""
        found: list[SegmentScan] = []
        with disk_errors("read", self._folder):
            for name in self._files.names(self._folder):
                if name.endswith(SUFFIX):
                    scan = self._scan(name, durable)
                    if scan is not None:
                        found.append(scan)
        return sorted(found, key=lambda scan: (scan.header.attempt, scan.header.ordinal))

    def _scan(self, name: str, durable: Mapping[str, int] | None) -> SegmentScan | None:
        """What is known of a segment file; None when nothing of it may be sent now."""
        known = self._scans.get(name)
        is_earlier = name in self._earlier
        if known is not None and durable is not None:
            if is_earlier or known.count >= durable.get(known.header.segment, 0):
                return known
        elif not is_earlier and durable is not None and not any(f"-{segment}{SUFFIX}" in name for segment in durable):
            return None
        scan = read_segment(self._folder / name, files=self._files)
        if scan is not None:
            self._scans[name] = scan
        return scan

    def _plan(self, scan: SegmentScan, limit: int, *, patiently: bool) -> None:
        """Fix the ranges of what is durable and not planned yet, and write them down before anything is sent.

        Patiently: while something is under way, what does not fill an envelope waits for more to come.
        """
        while (found := self._unplanned(scan, limit)) is not None:
            if patiently and found[1] + 1 == limit and self._waiting(scan.header.segment):
                return
            data = pack(scan, *found, self._last_sha256(scan.header.segment), self._device_key)
            self._note(scan, *found, envelope_sha256(data))

    def _unplanned(self, scan: SegmentScan, limit: int) -> tuple[int, int] | None:
        """The range to plan next; None when all is planned."""
        planned = self._packed.get(scan.header.segment, [])
        return next_range(scan, planned[-1].last + 1 if planned else 0, below=limit)

    def _last_sha256(self, segment: str) -> str:
        planned = self._packed.get(segment, [])
        return planned[-1].sha256 if planned else NO_HASH

    def _note(self, scan: SegmentScan, first: int, last: int, sha256: str) -> None:
        """Plan a range after the last one, and write it down."""
        segment = scan.header.segment
        entry = _Packed(
            attempt=scan.header.attempt,
            first=first,
            kind="packed",
            last=last,
            previous=self._last_sha256(segment),
            segment=segment,
            sha256=sha256,
        )
        self._append(canonical_bytes(plain_of(entry)))
        self._packed.setdefault(segment, []).append(entry)

    def _parcel(self, scan: SegmentScan, entry: _Packed) -> Parcel:
        data = pack(scan, entry.first, entry.last, entry.previous, self._device_key)
        return Parcel(entry.attempt, entry.segment, entry.first, entry.last, entry.sha256, data)

    def _waiting(self, segment: str, kept: Kept = "anywhere") -> list[_Packed]:
        done = self._at_home if kept == "home" else self._receipts
        return [entry for entry in self._packed.get(segment, []) if (segment, entry.first, entry.last) not in done]

    def _take(self, data: bytes) -> Receipt:
        """Keep a genuine receipt; the home store's own stands over a relay's."""
        receipt, is_home = self._verified(data)
        for entry in self._packed.get(receipt.segment, []):
            if (entry.first, entry.last, entry.attempt) == (receipt.first, receipt.last, receipt.attempt):
                place = (entry.segment, entry.first, entry.last)
                if is_home:
                    self._at_home.add(place)
                if is_home or place not in self._at_home:
                    self._receipts[place] = receipt
                return receipt
        raise NotForUsError(
            what="receipt", field="range", expected="one that this PC packed", found=f"{receipt.first}…{receipt.last}"
        )

    def _verified(self, data: bytes) -> tuple[Receipt, bool]:
        """A receipt of the home store (True), or of the relay that the segment's sitting was lent to."""
        try:
            return verify_receipt(data, self._receipt_key), True
        except WrongSignatureError:
            for sitting, key in self._relay_keys.items():
                with contextlib.suppress(WrongSignatureError):
                    receipt = verify_receipt(data, key)
                    if self._sitting_of(receipt.segment) == sitting:
                        return receipt, False
            raise

    def _sitting_of(self, segment: str) -> str:
        """The sitting that a segment on this disk belongs to; "" when it is not here."""
        for name in self._files.names(self._folder):
            if name.endswith(f"-{segment}{SUFFIX}"):
                scan = self._scans.get(name) or read_segment(self._folder / name, files=self._files)
                return "" if scan is None else scan.header.sitting
        return ""

    def _load(self) -> None:
        """Read the ledger; what cannot be read or is not genuine is left out, so it is packed or sent again."""
        if LEDGER_NAME not in self._files.names(self._folder):
            return
        for line in self._files.read(self._folder / LEDGER_NAME).split(b"\n"):
            with contextlib.suppress(SyncDataError):
                self._load_line(line)

    def _load_line(self, line: bytes) -> None:
        plain = parse_table(line, "outbox ledger", limit=_MAX_LINE)
        if plain.get("kind") == "receipt":
            text = parse_model(_Received, plain, "outbox ledger").receipt
            self._take(text.encode())
            return
        if plain.get("kind") == "lost":
            lost = parse_model(_Lost, plain, "outbox ledger")
            self._forget((lost.segment, lost.first, lost.last))
            return
        entry = parse_model(_Packed, plain, "outbox ledger")
        planned = self._packed.setdefault(entry.segment, [])
        # A line that the disk refused is missing before this one: what follows it is packed anew, from there on.
        if entry.previous == self._last_sha256(entry.segment):
            planned.append(entry)

    def _append(self, line: bytes) -> None:
        """Write a line down; when the disk refuses, it is told in `trouble` and delivery goes on without."""
        try:
            self._append_line(line)
        except OSError as error:
            self.trouble = FileFailedError("write", str(self._folder / LEDGER_NAME), error.strerror or str(error))

    def _append_line(self, line: bytes) -> None:
        """Add a line, durable when this returns. It begins with a line end, so that a torn line spoils no other."""
        path = self._folder / LEDGER_NAME
        if LEDGER_NAME in self._files.names(self._folder):
            file = self._files.open(path)
            offset = len(self._files.read(path))
        else:
            file = self._files.create(path, 0)
            offset = 0
        try:
            write_whole(file, offset, b"\n" + line + b"\n")
            file.sync()
        finally:
            file.close()


def _durable_count(scan: SegmentScan, durable: Mapping[str, int] | None) -> int:
    """How many records of a segment may be sent: all of one that no longer grows."""
    return scan.count if durable is None else durable.get(scan.header.segment, scan.count)
