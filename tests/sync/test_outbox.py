"""The outbox sends everything until it has the store's receipt, and the same bytes again after a crash."""

from __future__ import annotations

import contextlib
import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from sync.bundle import attempt_bundle, read_envelopes
from sync.envelope import Envelope, verify
from sync.errors import (
    DamagedError,
    NotForUsError,
    StickError,
    StoreRefusedError,
    StoreUnreachableError,
    WrongSignatureError,
)
from sync.keys import SigningKey
from sync.outbox import LEDGER_NAME, Outbox
from sync.receipt import Receipt, sign_receipt
from sync.segment import KEY_TIMINGS
from sync.writer import JournalWriter
from tests.sync.examples import BINDING, FOLDER, NOW, answer, recipients, results, signing, small_disk
from tests.sync.simulated_disk import SimulatedDisk

DEVICE, STORE = signing("pc-07"), signing("store receipts")


class MemoryStore:
    """A store in memory: verifies, keeps the first, answers with the receipt of what it keeps."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str, int, int], Envelope] = {}
        self.conflicts = 0

    def deliver(self, data: bytes) -> bytes:
        envelope = verify(data, DEVICE.public)
        kept = self.kept.setdefault(envelope.key, envelope)
        is_conflict = kept.sha256 != envelope.sha256
        self.conflicts += is_conflict
        return receipt_of(kept, is_conflict=is_conflict)

    def receipts(self, attempt: str) -> list[bytes]:
        return [receipt_of(kept) for key, kept in self.kept.items() if key[0] == attempt]


def receipt_of(envelope: Envelope, *, key: SigningKey = STORE, is_conflict: bool = False) -> bytes:
    attempt, segment, first, last = envelope.key
    receipt = Receipt(
        attempt=attempt,
        segment=segment,
        first=first,
        last=last,
        sha256=envelope.sha256,
        device=envelope.header.device,
        stored_utc_ms=NOW,
        is_conflict=is_conflict,
    )
    return sign_receipt(receipt, key)


def outbox(disk: SimulatedDisk) -> Outbox:
    return Outbox(FOLDER, device_key=DEVICE, receipt_key=STORE.public, files=disk)


def deliver_all(box: Outbox, store: MemoryStore) -> None:
    while parcels := box.pending():
        for parcel in parcels:
            box.received(store.deliver(parcel.data))


def begin(disk: SimulatedDisk) -> JournalWriter:
    return JournalWriter.begin(FOLDER, BINDING, recipients(), now_utc_ms=lambda: NOW, disk=small_disk(disk))


def wrote(disk: SimulatedDisk, count: int) -> JournalWriter:
    writer = begin(disk)
    for number in range(count):
        writer.append(answer(number), utc_ms=NOW)
    writer.commit()
    return writer


def test_everything_is_sent_once_receipted_and_then_nothing_more() -> None:
    disk, store = SimulatedDisk(), MemoryStore()
    wrote(disk, 250)
    box = outbox(disk)
    deliver_all(box, store)
    delivered = box.delivered(BINDING.attempt)
    assert (delivered.records, delivered.received, delivered.is_complete) == (250, 250, True)
    bundle = read_envelopes(
        [each.data for each in store.kept.values()], results(), {BINDING.device: DEVICE.public}, attempt=BINDING.attempt
    )
    assert bundle.events == tuple(answer(number) for number in range(250))
    assert bundle.faults == ()


def test_after_a_crash_without_receipts_the_same_bytes_are_sent_again() -> None:
    disk = SimulatedDisk()
    wrote(disk, 250)
    first = outbox(disk).pending()
    wrote(disk, 10)
    again = outbox(disk).pending()
    assert len(first) > 1
    assert again[: len(first)] == first


def test_only_durable_records_are_sent() -> None:
    disk = SimulatedDisk()
    writer = wrote(disk, 3)
    writer.append(answer(3), utc_ms=NOW)
    (parcel,) = outbox(disk).pending(writer.durable_counts())
    assert (parcel.first, parcel.last) == (0, 2)


def test_a_segment_given_up_after_a_failed_sync_is_sent_as_far_as_it_was_durable() -> None:
    syncs = [0]

    def plan(_: int, operation: str) -> OSError | None:
        syncs[0] += operation == "sync"
        return OSError(5, "Input/output error") if operation == "sync" and syncs[0] == 3 else None

    disk, store = SimulatedDisk(plan), MemoryStore()
    box = outbox(disk)
    writer = wrote(disk, 3)
    writer.append(answer(3), utc_ms=NOW)
    writer.commit()
    assert writer.durable_position.ordinal == 1
    while parcels := box.pending(writer.durable_counts()):
        for parcel in parcels:
            box.received(store.deliver(parcel.data))
    data = [each.data for each in store.kept.values()]
    bundle = read_envelopes(data, results(), {BINDING.device: DEVICE.public}, attempt=BINDING.attempt)
    assert (bundle.events, bundle.faults) == (tuple(answer(number) for number in range(4)), ())


def test_while_something_is_under_way_small_envelopes_are_not_heaped_up() -> None:
    disk = SimulatedDisk()
    writer, box = wrote(disk, 3), outbox(disk)
    for number in range(20):
        writer.append(answer(number), utc_ms=NOW)
        writer.commit()
        assert len(box.pending(writer.durable_counts())) == 1


def test_a_lost_or_torn_ledger_costs_only_sending_again() -> None:
    disk, store = SimulatedDisk(), MemoryStore()
    wrote(disk, 250)
    deliver_all(outbox(disk), store)
    ledger = disk.read(FOLDER / LEDGER_NAME)
    for left in (b"", ledger[: len(ledger) // 2], b"\xff" * 100 + ledger):
        disk.put(FOLDER / LEDGER_NAME, left)
        box = outbox(disk)
        deliver_all(box, store)
        assert box.delivered(BINDING.attempt).is_complete
        assert outbox(disk).pending() == ()


def test_after_a_ledger_line_that_the_disk_refused_nothing_is_left_unsent_or_sent_in_conflict() -> None:
    """Found by a simulated room: the line after the missing one was believed, and packed to other bytes."""
    disk, store = SimulatedDisk(), MemoryStore()
    box = outbox(disk)
    writer = begin(disk)
    segment = next(iter(writer.durable_counts()))
    for number in range(3):
        writer.append(answer(number), utc_ms=NOW)
        writer.commit()
        for parcel in box.pending({segment: number + 1}):
            receipt = store.deliver(parcel.data)
            if number != 2:  # the last answer is lost on its way
                box.received(receipt)
    lines = disk.read(FOLDER / LEDGER_NAME).split(b"\n")
    second = next(line for line in lines if b'"kind":"packed"' in line and b'"first":1,' in line)
    disk.put(FOLDER / LEDGER_NAME, b"\n".join(line for line in lines if line != second))
    again = outbox(disk)
    deliver_all(again, store)
    assert again.delivered(BINDING.attempt).is_complete


def sent_in_pieces(disk: SimulatedDisk, store: MemoryStore) -> None:
    """Three small records, sent; then eight long ones: packed from the beginning, the last range would be the same."""
    writer = begin(disk)
    segment = next(iter(writer.durable_counts()))
    for size in (10, 10, 10, *[9_700] * 8):
        writer.append_payload("keys", KEY_TIMINGS, bytes(size))
    writer.commit()
    box = outbox(disk)
    for durable in (3, 7, 9, 11):
        box.send(store.deliver, lambda durable=durable: {segment: durable})
    assert [key[2:] for key in store.kept] == [(0, 2), (3, 4), (5, 6), (7, 8), (9, 10)]
    assert box.delivered(BINDING.attempt).is_complete


def damaged(ledger: bytes) -> list[bytes]:
    """Lines lost from anywhere, an older copy, lines torn: every loss of a stretch, and every cut of a line."""
    lines = [line for line in ledger.split(b"\n") if line]
    spans = [(first, last) for first in range(len(lines)) for last in range(first + 1, len(lines) + 1)]
    lost = [[*lines[:first], *lines[last:]] for first, last in spans]
    torn = [[*lines[:place], lines[place][:40], *lines[place + 1 :]] for place in range(len(lines))]
    return [b"\n".join(each) for each in (*lost, *torn)]


def test_whatever_the_ledger_has_lost_nothing_is_packed_that_contradicts_the_store() -> None:
    """Asked first, the store says what it has: the same ranges go on, none comes twice."""
    disk, store = SimulatedDisk(), MemoryStore()
    sent_in_pieces(disk, store)
    kept, ledger = dict(store.kept), disk.read(FOLDER / LEDGER_NAME)
    contradicted = 0
    for left in damaged(ledger):
        disk.put(FOLDER / LEDGER_NAME, left)
        box = outbox(disk)
        box.send(store.deliver, receipts=store.receipts)
        assert box.delivered(BINDING.attempt).is_complete
        assert (store.kept, store.conflicts) == (kept, 0)
        assert outbox(disk).pending() == ()  # it is written down

        control = MemoryStore()
        control.kept = dict(kept)
        disk.put(FOLDER / LEDGER_NAME, left)
        outbox(disk).send(control.deliver)
        contradicted += control.conflicts
    assert contradicted > 0  # without asking


def test_what_the_store_has_not_is_packed_after_what_it_has() -> None:
    disk, store = SimulatedDisk(), MemoryStore()
    sent_in_pieces(disk, store)
    forgotten = [key for key in store.kept if key[2] > 4]
    for key in forgotten:
        del store.kept[key]
    disk.remove(FOLDER / LEDGER_NAME)
    box = outbox(disk)
    box.send(store.deliver, receipts=store.receipts)
    assert box.delivered(BINDING.attempt).is_complete
    assert [key[2:] for key in store.kept] == [(0, 2), (3, 4), (5, 6), (7, 8), (9, 10)]


def test_a_store_that_does_not_say_what_it_has_holds_up_only_that_attempt_and_nothing_that_is_planned() -> None:
    disk, store = SimulatedDisk(), MemoryStore()
    sent_in_pieces(disk, store)
    disk.remove(FOLDER / LEDGER_NAME)
    other = JournalWriter.begin(
        FOLDER, replace(BINDING, attempt="other"), recipients(), now_utc_ms=lambda: NOW, disk=small_disk(disk)
    )
    other.append(answer(1), utc_ms=NOW)
    other.commit()
    box, refused = outbox(disk), list[StoreRefusedError]()

    def receipts(attempt: str) -> list[bytes]:
        if attempt == BINDING.attempt and not refused:
            raise StoreRefusedError("fetch the receipts", status=503, code="busy", sentence="Not now.")
        return store.receipts(attempt)

    assert box.has_unsent()
    assert box.send(store.deliver, on_refused=refused.append, receipts=receipts) == 1
    assert [each.status for each in refused] == [503]
    assert box.delivered("other").is_complete
    assert not box.delivered(BINDING.attempt).is_complete
    assert box.has_unsent()
    box.send(store.deliver, on_refused=refused.append, receipts=receipts)
    assert box.delivered(BINDING.attempt).is_complete
    assert (len(refused), store.conflicts, box.has_unsent()) == (1, 0, False)


def test_a_new_segment_waits_for_what_came_before_it_in_its_attempt() -> None:
    """A PC that takes the attempt over would go on across the gap, and what it does could not be replayed."""
    disk, store = SimulatedDisk(), MemoryStore()
    sent_in_pieces(disk, store)
    disk.remove(FOLDER / LEDGER_NAME)
    box = outbox(disk)
    new = JournalWriter.begin(FOLDER, BINDING, recipients(), now_utc_ms=lambda: NOW, disk=small_disk(disk))
    new.append(answer(1), utc_ms=NOW)
    new.commit()
    before = len(store.kept)

    def refused(_attempt: str) -> list[bytes]:
        raise StoreRefusedError("fetch the receipts", status=401, code="clock", sentence="Set the clock.")

    assert box.send(store.deliver, new.durable_counts, receipts=refused) == 0
    assert len(store.kept) == before
    assert box.send(store.deliver, new.durable_counts, receipts=store.receipts) > 0
    assert box.delivered(BINDING.attempt, new.durable_counts()).is_complete


def test_receipts_of_others_or_for_other_bytes_are_not_gone_on_with() -> None:
    disk, store, foreign = SimulatedDisk(), MemoryStore(), MemoryStore()
    sent_in_pieces(disk, store)
    first = next(iter(store.kept.values()))
    disk.remove(FOLDER / LEDGER_NAME)
    wrong = Envelope(first.header, first.preamble, first.run, "ab" * 32, b"")
    told = [receipt_of(first, key=DEVICE), b"{}", receipt_of(wrong)]
    box = outbox(disk)
    box.send(foreign.deliver, receipts=lambda _: told)
    assert box.delivered(BINDING.attempt).is_complete
    assert [key[2:] for key in foreign.kept] == [(0, 4), (5, 6), (7, 8), (9, 10)]


def test_a_receipt_that_is_forged_damaged_or_for_something_else_is_not_taken() -> None:
    disk, store = SimulatedDisk(), MemoryStore()
    wrote(disk, 5)
    box = outbox(disk)
    (parcel,) = box.pending()
    envelope = verify(parcel.data, DEVICE.public)
    with pytest.raises(WrongSignatureError, match="the store's receipt key"):
        box.received(receipt_of(envelope, key=DEVICE))
    genuine = store.deliver(parcel.data)
    with pytest.raises(DamagedError):
        box.received(genuine[:-1])
    with pytest.raises((WrongSignatureError, DamagedError)):
        box.received(genuine.replace(b'"last":4', b'"last":5'))
    other = verify(parcel.data, DEVICE.public)
    for changed in ({"last": 77}, {"first": 1}, {"attempt": "another"}, {"segment": "0" * 32}):
        header = other.header.model_copy(update=changed)
        with pytest.raises(NotForUsError):
            box.received(receipt_of(Envelope(header, other.preamble, other.run, other.sha256, b"")))
    assert not box.delivered(BINDING.attempt).is_complete


def test_a_range_is_written_down_before_it_is_sent_and_a_receipt_when_it_is_taken_in() -> None:
    """A power cut right behind takes neither away: the same bytes are sent again, and what has a receipt is not."""
    disk, store = SimulatedDisk(), MemoryStore()
    wrote(disk, 250)
    box = outbox(disk)
    waiting = box.pending()
    assert len(waiting) > 1
    for seed in range(20):
        assert outbox(disk.as_it_is().power_cut(random.Random(seed))).pending() == waiting
    box.received(store.deliver(waiting[0].data))
    for seed in range(20):
        assert outbox(disk.as_it_is().power_cut(random.Random(seed))).pending() == waiting[1:]


def test_a_conflict_is_shown_and_not_counted_as_delivered() -> None:
    disk = SimulatedDisk()
    wrote(disk, 5)
    box = outbox(disk)
    (parcel,) = box.pending()
    envelope = verify(parcel.data, DEVICE.public)
    stored = Envelope(envelope.header, envelope.preamble, envelope.run, "ab" * 32, b"")
    receipt = box.received(receipt_of(stored, is_conflict=True))
    delivered = box.delivered(BINDING.attempt)
    assert (delivered.received, delivered.is_complete) == (0, False)
    assert delivered.conflicts[0].receipt == receipt
    assert box.pending() == ()


RELAY = signing("relay receipts")


def test_a_relays_receipt_counts_for_the_sitting_that_was_lent_to_it_and_for_no_other() -> None:
    disk = SimulatedDisk()
    wrote(disk, 5)
    for lent, counts in (("another-sitting", False), (BINDING.sitting, True)):
        box = Outbox(FOLDER, device_key=DEVICE, receipt_key=STORE.public, files=disk, relay_keys={lent: RELAY.public})
        (parcel,) = box.pending()
        receipt = receipt_of(verify(parcel.data, DEVICE.public), key=RELAY)
        if counts:
            box.received(receipt)
        else:
            with pytest.raises(WrongSignatureError, match="the store's receipt key"):
                box.received(receipt)
        assert box.delivered(BINDING.attempt).is_complete is counts
        assert [each.sha256 for each in box.pending(kept="home")] == [parcel.sha256]


def test_the_home_stores_receipt_stands_over_a_relays_whichever_came_first() -> None:
    for order in ((STORE, RELAY), (RELAY, STORE)):
        disk = SimulatedDisk()
        wrote(disk, 5)
        keys = {BINDING.sitting: RELAY.public}
        box = Outbox(FOLDER, device_key=DEVICE, receipt_key=STORE.public, files=disk, relay_keys=keys)
        (parcel,) = box.pending()
        mine = verify(parcel.data, DEVICE.public)
        other = Envelope(mine.header, mine.preamble, mine.run, "ab" * 32, b"")
        for key in order:
            box.received(receipt_of(mine if key is STORE else other, key=key, is_conflict=key is RELAY))
        again = Outbox(FOLDER, device_key=DEVICE, receipt_key=STORE.public, files=disk, relay_keys=keys)
        for found in (box, again):
            assert found.delivered(BINDING.attempt).is_complete
            assert found.pending(kept="home") == ()


def test_a_store_that_has_something_else_in_the_place_has_lost_what_was_receipted() -> None:
    disk, store = SimulatedDisk(), MemoryStore()
    wrote(disk, 5)
    box = outbox(disk)
    (parcel,) = box.pending()
    genuine = store.deliver(parcel.data)
    box.received(genuine)
    assert (box.compare(BINDING.attempt, [genuine]), box.pending()) == (0, ())
    mine = verify(parcel.data, DEVICE.public)
    assert box.compare(BINDING.attempt, [receipt_of(Envelope(mine.header, mine.preamble, mine.run, "ab" * 32, b""))])
    assert [each.sha256 for each in box.pending()] == [parcel.sha256]


def test_a_segment_that_may_be_growing_is_left_alone_until_it_is_told_how_far() -> None:
    disk = SimulatedDisk()
    wrote(disk, 3)
    box = outbox(disk)
    writer = wrote(disk, 2)
    (segment,) = writer.durable_counts()
    assert [(each.segment == segment, each.last) for each in box.pending({})] == [(False, 2)]
    assert [(each.segment == segment, each.last) for each in box.pending({segment: 1})] == [(False, 2), (True, 0)]


def test_an_export_to_a_folder_reads_back_as_the_same_attempt() -> None:
    disk = SimulatedDisk()
    wrote(disk, 250)
    stick = Path("/stick")
    assert outbox(disk).export(stick) == len(disk.names(stick)) > 1
    devices = {BINDING.device: DEVICE.public}
    bundle = attempt_bundle(stick, results(), devices, attempt=BINDING.attempt, files=disk)
    assert bundle.events == tuple(answer(number) for number in range(250))


def test_a_full_disk_stops_no_delivery_and_a_stick_that_refuses_is_told() -> None:
    disk, store = SimulatedDisk(), MemoryStore()
    wrote(disk, 5)
    full = SimulatedDisk(lambda _, __: OSError(28, "No space left on device"))
    for path, data in disk.cache.items():
        full.put(path, bytes(data))
    with pytest.raises(StickError, match=r"Only 0 envelopes were saved to /stick: No space left on device\."):
        outbox(full).export(Path("/stick"))
    box = outbox(full)
    deliver_all(box, store)
    assert box.delivered(BINDING.attempt).is_complete
    assert "Could not write /journal/outbox.jsonl: No space left on device" in str(box.trouble)


@pytest.mark.parametrize(("status", "asked"), [(503, 1), (400, 3)])
def test_a_busy_store_is_left_alone_and_a_refused_envelope_holds_up_no_other(status: int, asked: int) -> None:
    disk, store = SimulatedDisk(), MemoryStore()
    for _ in range(3):
        wrote(disk, 2)
    box, offered, told = outbox(disk), list[bytes](), list[StoreRefusedError]()

    def deliver(data: bytes) -> bytes:
        offered.append(data)
        if len(offered) == 1:
            raise StoreRefusedError("deliver an envelope", status=status, code="x", sentence="Not now.")
        return store.deliver(data)

    assert box.send(deliver, on_refused=told.append) == asked - 1
    assert (len(offered), [each.status for each in told]) == (asked, [status])
    box.send(deliver)
    assert box.pending() == ()
    assert len(store.kept) == 3


class OutboxMachine(RuleBasedStateMachine):
    """Any order of writing, committing, sending, losing answers, restarting: exactly once at the store, in the end."""

    def __init__(self) -> None:
        super().__init__()
        self.disk, self.store = SimulatedDisk(), MemoryStore()
        self.writer = begin(self.disk)
        self.box = outbox(self.disk)
        self.written = 0

    @rule(count=st.integers(1, 60))
    def write(self, count: int) -> None:
        for _ in range(count):
            self.writer.append(answer(self.written), utc_ms=NOW)
            self.written += 1
        self.writer.commit()

    @rule(answered=st.booleans())
    def send(self, answered: bool) -> None:
        def deliver(data: bytes) -> bytes:
            receipt = self.store.deliver(data)
            if not answered:
                raise StoreUnreachableError("https://store", "the answer was lost")
            return receipt

        with contextlib.suppress(StoreUnreachableError):
            self.box.send(deliver, self.writer.durable_counts, at_once=2, receipts=self.store.receipts)

    @rule()
    def restart(self) -> None:
        self.writer = begin(self.disk)
        self.box = outbox(self.disk)

    @precondition(lambda self: self.written)
    @rule()
    def lose_the_ledger(self) -> None:
        self.disk.remove(FOLDER / LEDGER_NAME)
        self.box = outbox(self.disk)

    @rule(chance=st.randoms(use_true_random=False))
    def lose_lines_of_the_ledger(self, chance: random.Random) -> None:
        if LEDGER_NAME in self.disk.names(FOLDER):
            lines = self.disk.read(FOLDER / LEDGER_NAME).split(b"\n")
            self.disk.put(FOLDER / LEDGER_NAME, b"\n".join(line for line in lines if chance.random() < 0.7))
            self.box = outbox(self.disk)

    @invariant()
    def nothing_contradicts_what_the_store_has(self) -> None:
        assert self.store.conflicts == 0

    @invariant()
    def the_store_never_has_more_than_was_written(self) -> None:
        assert len(self.events()) <= self.written

    def events(self) -> list[int]:
        data = [each.data for each in self.store.kept.values()]
        devices = {BINDING.device: DEVICE.public}
        bundle = read_envelopes(data, results(), devices, attempt=BINDING.attempt)
        return [event.at_ms // 1000 for event in bundle.events]

    def teardown(self) -> None:
        self.box.send(self.store.deliver, receipts=self.store.receipts)
        assert self.store.conflicts == 0
        assert not self.box.has_unsent()
        assert self.events() == list(range(self.written))


OutboxMachine.TestCase.settings = settings(max_examples=8, stateful_step_count=10, deadline=None)
TestOutbox = OutboxMachine.TestCase
