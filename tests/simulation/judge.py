"""What must hold in a simulated room: after every step of every program, and at the end of the day.

The judge looks at what is on screens, in memories, on disks and in the store; it never asks the code under test whether
it did right. Each check raises `BrokenPromiseError` with what was promised and what is there.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from centralstore.scoring import Replayed, opener_for, replay_attempt
from centralstore.words import SittingState
from engine.attempt import Attempt, replay, state_sha256
from engine.events import (
    Answered,
    Edited,
    Event,
    Expelled,
    ExtraTimeGiven,
    IncidentNoted,
    LeftAlone,
    ResetByOrder,
    TopicChosen,
    Unlocked,
)
from engine.ids import ItemId
from engine.state import Phase
from itembank.package import Package, open_sealed
from sync.bundle import read_journal
from sync.envelope import verify
from sync.errors import DamagedError
from sync.journal import SUFFIX
from sync.keys import VerifyKey
from sync.orders import SignedOrder
from sync.receipt import Receipt, verify_receipt
from sync.release import Ed25519Trust
from sync.segment import SegmentScan, recovery_opener, scan_segment
from tests.simulation import exam
from tests.simulation.books import Book, BrokenPromiseError, state_of
from tests.simulation.people import ONGOING, SLIP_KINDS
from tests.simulation.place import LEADER, SITTING

if TYPE_CHECKING:
    from kiosk.openings import Running
    from tests.simulation.pc import Pc, Run
    from tests.simulation.world import World

ANSWERS: Final = (Answered, Edited, TopicChosen)
ORDERED: Final = (ExtraTimeGiven, Expelled, LeftAlone, ResetByOrder, Unlocked)
BESIDE: Final = frozenset({"journal.torn_tail", "journal.superseded", "journal.fork"})
"""Findings that faults of disks and hand-overs leave behind honestly; any other is a fault of ours."""

LOOK_EVERY_MS: Final = 1_000
GRAIN_MS: Final = 200
"""How often it is journalled how far a recording has sounded (`kiosk.director`)."""
SECRETS: Final = ("share", "grant-")


class Judge:
    """Checks one world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.receipts: dict[tuple[str, int, int], Receipt] = {}
        self._kept: dict[str, set[int]] = defaultdict(set)
        """By segment, the records that the store has now, as far as anybody was told."""
        self._looked_ms = 0
        self._scans: dict[str, tuple[int, SegmentScan | None]] = {}
        self._chance = world.chance("judge")
        self._told: dict[str, dict[str, str]] = {}
        self._heard_ms: dict[tuple[str, str], int] = defaultdict(int)
        self._frames: dict[str, tuple[str, int]] = {}
        self._sounded: dict[tuple[str, str, int], tuple[str, int]] = {}
        self._had: dict[str, set[str]] = defaultdict(set)
        self._seen: dict[str, int] = {}
        self._must_apply: dict[str, set[int]] = defaultdict(set)
        self.moved: dict[str, set[str]] = defaultdict(set)

    # --- after every step ---------------------------------------------------------------------------------------------

    def look(self, pc: Pc, run: Run) -> None:
        """What must hold of one PC now, and of the room."""
        state, leader = run.room.state, self.world.leader
        if (state.packages or state.recovery is not None) and leader.opened_ms is None:
            raise BrokenPromiseError(f"{pc.name} has opened the content before the sitting is open")
        if state.orders is not None and any(order.kind == "close" for order in state.orders.orders):
            self._need_wiped(pc, run)
        running = run.conductor.running
        if running is None:
            return
        self._had[pc.name].add(running.attempt.id)
        self._note_orders(running)
        self._hear(pc, run, running)
        self._need_one_place(pc, running)
        self._need_time(pc, running)
        if self._chance.random() < self.world.knobs.read_back and state.recovery is not None:
            self._read_back(pc, run, running)

    def _need_wiped(self, pc: Pc, run: Run) -> None:
        left = [path.name for path in pc.disk.cache if path.name.startswith(SECRETS)]
        if left or run.room.state.packages or run.room.state.recovery is not None:
            raise BrokenPromiseError(f"{pc.name} knows that the sitting is closed and still has {left or 'content'}")

    def begins(self, pc: Pc, book: Book) -> None:
        """A new attempt: this PC was not told that the candidate is in this part, or was, at another one."""
        reset = {str(order.data.get("attempt")) for order in self.world.leader.orders if order.kind == "reset"}
        for other in self.world.books.values():
            if (other.candidate, other.part) != (book.candidate, book.part) or other is book:
                continue
            if other.attempt in self._had[pc.name] and other.attempt not in reset:
                raise BrokenPromiseError(
                    f"{pc.name} begins {book.part} of {book.candidate} again, after {other.attempt}"
                )
            if other.attempt in self._told.get(pc.name, ()) and other.attempt not in reset:
                raise BrokenPromiseError(
                    f"{pc.name} begins {book.part} of {book.candidate}, and was told of {other.attempt} at {other.pc}"
                )
            if other.attempt not in reset:
                self.world.count["second attempts that no PC could know of"] += 1

    def _hear(self, pc: Pc, run: Run, running: Running) -> None:
        """How much of each recording really sounded, at all PCs together."""
        step, rendering = running.attempt.step, run.player.rendering()
        before = self._frames.pop(pc.name, None)
        if step is None or rendering is None:
            return
        place = (running.attempt.id, step.item)
        if before is not None and before[0] == f"{place}{id(run)}" and rendering.frame >= before[1]:
            self._heard_ms[place] += (rendering.frame - before[1]) * 1000 // exam.RATE_HZ
        self._frames[pc.name] = (f"{place}{id(run)}", rendering.frame)
        self._need_no_repetition(pc, run, running, step.item, rendering.frame)

    def _need_no_repetition(self, pc: Pc, run: Run, running: Running, item: ItemId, frame: int) -> None:
        """After a kill a recording goes on where it was, and not earlier than the journal's grain makes it."""
        play = (running.attempt.id, item, running.attempt.plays_spent.get(item, 0))
        name, furthest = self._sounded.get(play, ("", 0))
        here = f"{pc.name} {id(run)}"
        left_ms = (furthest - frame) * 1000 // exam.RATE_HZ
        book = self.world.books.get(running.attempt.id)
        was_killed = book is not None and book.was_killed and name.partition(" ")[0] == pc.name
        if was_killed and name != here and left_ms > GRAIN_MS + self._slowest_ms():
            raise BrokenPromiseError(f"{pc.name} plays {item} of {play[0]} from {left_ms} ms before where it was left")
        self._sounded[play] = (here, max(frame, furthest))

    def _note_orders(self, running: Running) -> None:
        """Time that came while the part ran must have been given, whatever comes later."""
        attempt, before = running.attempt, self._seen.get(running.attempt.id)
        self._seen[attempt.id] = running.seen_order
        if before is None or attempt.phase is not Phase.RUNNING or running.part.part not in exam.LIMIT_MS:
            return
        for order in self.world.leader.orders[before : running.seen_order]:
            if order.kind == "extra_time" and (order.candidate, order.part) == (
                running.candidate.number,
                running.part.part,
            ):
                self._must_apply[attempt.id].add(order.number)

    def _need_one_place(self, pc: Pc, running: Running) -> None:
        """No attempt goes on at two PCs, unless an order let it move and the one left behind has not heard of it."""
        for other in self.world.pcs:
            if other is pc or other.run is None or other.run.conductor.running is None:
                continue
            there = other.run.conductor.running.attempt
            if there.id == running.attempt.id and not there.has_ended and not running.attempt.has_ended:
                if not any(
                    order.kind == "permit_handover" and order.data.get("attempt") == there.id
                    for order in self.world.leader.orders
                ):
                    raise BrokenPromiseError(
                        f"attempt {there.id} goes on at {pc.name} and at {other.name}, unpermitted"
                    )
                behind = [each for each in (pc, other) if each.name != self.world.books[there.id].pc]
                self.moved[there.id].update(each.name for each in behind)

    def _need_time(self, pc: Pc, running: Running) -> None:
        attempt = running.attempt
        late_ms = 0 if attempt.deadline_ms is None else running.record.now_ms() - attempt.deadline_ms
        if attempt.phase is Phase.RUNNING and late_ms > self._slowest_ms():
            raise BrokenPromiseError(f"{attempt.id} runs on at {pc.name} {late_ms} ms after its time is out")

    def _slowest_ms(self) -> int:
        return 2 * self.world.knobs.tick_ms

    def resumes(self, pc: Pc, book: Book, running: Running) -> None:
        """An attempt goes on: nothing that was promised is gone."""
        if book.end_sha256 and book.last_end == "left" and pc.name == book.pc and book.down_since_ms is None:
            raise BrokenPromiseError(f"{pc.name} goes on with {book.part} of {book.candidate}, which has ended there")
        if book.down_since_ms is not None:
            wall_ms = exam.START_MS + self.world.scheduler.now_ms
            run = pc.run
            wrong_ms = 0 if run is None else abs(run.clock.wall_ms() - wall_ms)
            book.slack_ms += wrong_ms + self._slowest_ms()
            book.down_since_ms = None
        self.world.trace(f"{pc.name} goes on with {book.part} of {book.candidate}, left {book.last_end} at {book.pc}")
        self.world.count["resumptions"] += 1
        if pc.name != book.pc:
            self.world.count["hand-overs"] += 1
        book.restarts += 1
        book.was_killed = book.last_end == "killed" and book.pc == pc.name
        book.resume(running.attempt, pc.name)
        book.last_end = "left"

    def _read_back(self, pc: Pc, run: Run, running: Running) -> None:
        """The journal, read as a restart now would read it, gives the state that is in memory."""
        recovery = run.room.state.recovery
        assert recovery is not None
        disk = pc.disk.restarted(None)
        bundle = read_journal(pc.folder.journals, running.attempt.id, recovery_opener(recovery), files=disk)
        found = replay(running.attempt.given, bundle.events)
        self.world.count["journals read back"] += 1
        has_hole = any(fault.kind == "missing_records" for fault in bundle.faults)
        if (found.refused and not has_hole) or state_sha256(found.attempt) != state_sha256(running.attempt):
            raise BrokenPromiseError(
                f"the journal of {running.attempt.id} at {pc.name} does not give its state: {found.refused}, "
                f"{[fault.sentence for fault in bundle.faults]}, {len(bundle.facts)} facts, "
                f"{state_of(found.attempt)} instead of {state_of(running.attempt)}"
            )

    def arrives(self, pc: str, target: str, status: int, answer: bytes) -> None:
        """A PC got an answer: what it was told of attempts it knows from now on, until it is switched off."""
        if target.startswith("/v1/device/attempts") and status == 200:
            self._told[pc] = {each["attempt"]: each["device"] for each in json.loads(answer)}

    def forgets(self, pc: str) -> None:
        """The PC's memory is gone."""
        self._told.pop(pc, None)
        self._had.pop(pc, None)
        self._frames.pop(pc, None)

    # --- what the store answers ---------------------------------------------------------------------------------------

    def on_answer(self, pc: str, target: str, body: bytes, status: int, answer: bytes) -> None:
        """A receipt names what is kept, and what is kept is what was sent."""
        if target == "/v1/envelopes" and status in (200, 409):
            self.receipted(pc, body, status, answer)

    def receipted(self, pc: str, body: bytes, status: int, answer: bytes) -> None:
        """The store gave a receipt (status 200) or told of a conflict (409)."""
        key = self.world.made.pcs[0].enrolment.key("receipt_key")
        receipt = verify_receipt(answer, key)
        place = (receipt.segment, receipt.first, receipt.last)
        kept = [data for data in self.world.store.envelopes(receipt.attempt) if _identity(data)[:3] == place]
        if len(kept) != 1 or _identity(kept[0])[3] != receipt.sha256:
            raise BrokenPromiseError(f"the receipt for {place} to {pc} names what the store does not keep")
        if status == 200 and kept[0] != body:
            raise BrokenPromiseError(f"the store keeps other bytes for {place} than {pc} sent")
        if status == 409:
            raise BrokenPromiseError(f"{pc} was told of a conflict at {place}, where nothing else was ever sent")
        known = self.receipts.setdefault(place, receipt)
        if known.sha256 != receipt.sha256:
            raise BrokenPromiseError(f"two receipts for {place} name different envelopes")
        self._kept[receipt.segment].update(range(receipt.first, receipt.last + 1))

    def store_went_back(self) -> None:
        """The store was put back from a backup: of what it gave receipts for, it has what it had then."""
        self._kept.clear()
        for attempt in {receipt.attempt for receipt in self.receipts.values()}:
            for data in self.world.store.envelopes(attempt):
                segment, first, last, _ = _identity(data)
                self._kept[segment].update(range(first, last + 1))

    # --- at the end ---------------------------------------------------------------------------------------------------

    def is_all_delivered(self) -> bool:
        """Whether every attempt is over and all that lies on any disk has its receipt."""
        now_ms = self.world.scheduler.now_ms
        if now_ms - self._looked_ms < LOOK_EVERY_MS:
            return False
        self._looked_ms = now_ms
        return not self.undelivered()

    def undelivered(self) -> list[str]:
        """What is still to come."""
        late = self.world.troubles.is_late
        waiting = [f"{pc.name} is off" for pc in self.world.pcs if pc.run is None and not late(pc)]
        told = {each["attempt"]: each["phase"] for each in self.world.store.told_attempts(SITTING)}
        for book in self.world.books.values():
            if book.attempt not in told:
                waiting.append(f"the test leader has not been told of {book.part} of {book.candidate}")
            elif book.end_sha256 and told[book.attempt] != book.phase.value:
                waiting.append(f"{book.part} of {book.candidate} is {book.phase} and told as {told[book.attempt]}")
        for pc in self.world.pcs:
            running = None if pc.run is None else pc.run.conductor.running
            if running is not None and running.attempt.phase is Phase.RUNNING:
                waiting.append(f"{running.attempt.id} runs at {pc.name}")
            for path, scan in self._journals(pc):
                got = self._kept[scan.header.segment]
                missing = [each.counter for each in scan.records if each.counter not in got]
                if missing:
                    waiting.append(f"{pc.name}: records {missing[0]} to {missing[-1]} of {path.name}")
        return waiting

    def is_all_wiped(self) -> bool:
        """Whether every PC that had a ticket has seen CLOSED, and nothing that opens content lies on any."""
        return all(
            pc.run is not None
            and (
                pc.run.room.state.ticket is None
                or any(order.kind == "close" for order in getattr(pc.run.room.state.orders, "orders", ()))
            )
            and not any(path.name.startswith(SECRETS) for path in pc.disk.cache)
            for pc in self.world.pcs
        )

    def score(self) -> None:
        """Open and replay everything the store holds, as the scoring does, and hold it against what was seen."""
        store = self.world.store
        state = store.sitting(LEADER, SITTING).state
        if state is not SittingState.CLOSED:
            raise BrokenPromiseError(f"the sitting is {state}")
        package = self._package()
        opener = opener_for(package, [self.world.made.authority.results_key()])
        known = store.known(SITTING)
        kept = dict.fromkeys(attempt for _, attempt in store.kept_attempts(SITTING))
        told = {each["attempt"] for each in store.told_attempts(SITTING)}
        for attempt, book in self.world.books.items():
            if attempt not in kept:
                raise BrokenPromiseError(f"{book.part} of {book.candidate} is not in the store at all")
            if attempt not in told:
                raise BrokenPromiseError(f"the test leader was never told of {book.part} of {book.candidate}")
            found = replay_attempt(attempt, store.envelopes(attempt), package, opener, known)
            self._check_replay(book, found)
        self._check_bytes()
        data, _ = store.signed_orders(SITTING, 0)
        orders = [SignedOrder.model_validate(each).order for each in json.loads(data)["orders"]]
        if orders != self.world.leader.orders:
            raise BrokenPromiseError("the store has other orders than the test leader gave")
        for place, receipt in self.receipts.items():
            if not any(_identity(data) == (*place, receipt.sha256) for data in store.envelopes(receipt.attempt)):
                raise BrokenPromiseError(f"the store gave a receipt for {place} and does not have it")
        self.world.count["envelopes"] += len(self.receipts)

    def _check_replay(self, book: Book, found: Replayed) -> None:
        attempt = found.attempt
        who = f"{book.part} of {book.candidate} ({book.attempt})"
        holes = self._holes() & {preamble.header.segment for preamble in found.bundle.preambles}
        strange = [finding for finding in found.findings if not _is_honest(finding, holes)]
        if strange or attempt is None:
            raise BrokenPromiseError(f"scoring finds in {who}: {strange}")
        if state_of(attempt) != book.shown[-1]:
            raise BrokenPromiseError(f"{who} is scored as {state_of(attempt)}; the candidate saw {book.shown[-1]}")
        if book.end_sha256 and state_sha256(attempt) != book.end_sha256:
            raise BrokenPromiseError(f"{who} ended as {book.phase} on its PC and is {attempt.phase} at the store")
        for item, plays in attempt.plays_spent.items():
            if plays > exam.PLAYS[item]:
                raise BrokenPromiseError(f"{who}: {item} was played {plays} times")
            most_ms = exam.PLAYS[item] * exam.CLIP_MS + (book.restarts + 1) * (200 + 2 * self._slowest_ms())
            if self._heard_ms[book.attempt, item] > most_ms:
                raise BrokenPromiseError(
                    f"{who}: {item} sounded for {self._heard_ms[book.attempt, item]} ms of {most_ms}"
                )
        self._check_orders(who, book, found.bundle.events)
        self._check_time(who, book, attempt, found.bundle.events)
        candidate = next(each for each in self.world.people if each.planned.number == book.candidate)
        slips = {event.kind for event in found.bundle.events if isinstance(event, IncidentNoted)} & set(SLIP_KINDS)
        if slips - {SLIP_KINDS[candidate.slip]}:
            raise BrokenPromiseError(f"{who} has {slips} in its journal, which somebody else did")
        self.world.count["attempts scored"] += 1

    def _check_orders(self, who: str, book: Book, events: tuple[Event, ...]) -> None:
        """Each order once, in the order given, and each meant for this candidate and part."""
        numbers = [event.order for event in events if isinstance(event, ORDERED) and event.order]
        if numbers != sorted(set(numbers)):
            raise BrokenPromiseError(f"{who} applied orders {numbers}")
        is_undisturbed = not book.restarts and not self.world.knobs.disk_errors
        if is_undisturbed and not self._must_apply[book.attempt] <= set(numbers):
            raise BrokenPromiseError(f"{who} was given the time of orders {numbers}, and heard more than these")
        for number in numbers:
            order = self.world.leader.orders[number - 1]
            if order.candidate != book.candidate or order.part not in {"", book.part}:
                raise BrokenPromiseError(f"{who} applied order {number}, which is {order.candidate}'s {order.part}")

    def _check_time(self, who: str, book: Book, attempt: Attempt, events: tuple[Event, ...]) -> None:
        """Nothing was answered after the limit, with what was granted before and given during the test."""
        limit_ms = exam.LIMIT_MS.get(book.part)
        if limit_ms is None or attempt.started_ms is None:
            return
        orders = [self.world.leader.orders[number - 1] for number in attempt.orders]
        ordered_ms = [int(order.data["extra_ms"]) for order in orders if order.kind == "extra_time"]
        if attempt.given_ms != sum(ordered_ms):
            raise BrokenPromiseError(f"{who} was given {attempt.given_ms} ms, by orders for {ordered_ms}")
        given_ms = sum(ordered_ms)
        candidate = next(each.planned for each in self.world.people if each.planned.number == book.candidate)
        allowed_ms = limit_ms + candidate.granted_ms + given_ms
        answered_ms = max((event.at_ms for event in events if isinstance(event, ANSWERS)), default=0)
        if answered_ms - attempt.started_ms > allowed_ms:
            raise BrokenPromiseError(
                f"{who}: answered {answered_ms - attempt.started_ms} ms after the start, of {allowed_ms}"
            )
        if (
            book.started_ms is not None
            and book.changed_ms - book.started_ms > allowed_ms + book.slack_ms + self._slowest_ms()
        ):
            raise BrokenPromiseError(
                f"{who}: answered {book.changed_ms - book.started_ms} ms after the start by the clock on the wall, "
                f"of {allowed_ms} and {book.slack_ms} for restarts"
            )

    def _check_bytes(self) -> None:
        """Record by record, what the store holds of a segment is what lies on its PC's disk."""
        records: dict[tuple[str, int], bytes] = {}
        devices = {pc.device: pc.enrolled.keys.signing.public for pc in self.world.pcs}
        for attempt in self.world.books:
            for data in self.world.store.envelopes(attempt):
                header = _identity(data)
                envelope = verify(data, _key(devices, data))
                for record in envelope.records:
                    records[header[0], record.counter] = record.raw
        for pc in self.world.pcs:
            for path, scan in self._journals(pc):
                for record in scan.records:
                    if records.get((scan.header.segment, record.counter)) != record.raw:
                        raise BrokenPromiseError(f"record {record.counter} of {path.name} is another at the store")

    def _journals(self, pc: Pc) -> list[tuple[Path, SegmentScan]]:
        found: list[tuple[Path, SegmentScan]] = []
        for path in sorted(pc.disk.cache):
            if path.suffix == SUFFIX:
                changed = pc.disk.writes.get(path, 0)
                known = self._scans.get(str(path))
                if known is None or known[0] != changed:
                    known = (changed, _scan(bytes(pc.disk.cache[path])))
                    self._scans[str(path)] = known
                if known[1] is not None:
                    found.append((path, known[1]))
        return found

    def _holes(self) -> set[str]:
        """Segments of which a disk lost records in the middle: a failed sync, or a cut, kept sectors after them."""
        scans = [scan for pc in self.world.pcs for _, scan in self._journals(pc) if scan.records]
        return {scan.header.segment for scan in scans if scan.records[-1].counter >= len(scan.records)}

    def _package(self) -> Package:
        made = self.world.made
        path = made.folder / f"{exam.RELEASE}.provrom"
        trust = Ed25519Trust(self.world.store.content_key(), {})
        return open_sealed(path, made.authority.content_key(exam.RELEASE), trust, now_utc_ms=exam.START_MS)


def _scan(data: bytes) -> SegmentScan | None:
    """What a segment file holds; None when a power cut came before its header was on the disk."""
    try:
        return scan_segment(data)
    except DamagedError:
        return None


def _is_honest(finding: Mapping[str, object], holes: set[str]) -> bool:
    """Whether a finding is what faults of disks and hand-overs leave: see `BESIDE`.

    Where a disk lost an unsynced record and kept later ones, it is missing, and one that built on it may be refused.
    """
    kind = str(finding["kind"])
    in_hole = kind == "journal.missing_records" and finding.get("segment") in holes
    return kind in BESIDE or in_hole or (bool(holes) and kind.startswith("refused."))


def _identity(data: bytes) -> tuple[str, int, int, str]:
    from sync.envelope import _header, _split

    parts = _split(data)
    header = _header(parts)
    return header.segment, header.first, header.last, parts.sha256


def _key(devices: dict[str, VerifyKey], data: bytes) -> VerifyKey:
    from sync.envelope import claimed_device

    return devices[claimed_device(data)]


_ = ONGOING
