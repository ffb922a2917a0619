"""An attempt is read back the same from files and from envelopes, over restarts, hand-overs, damage and gaps."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.events import Resumed
from sync.bundle import AttemptBundle, keep_handed_over, read_envelopes, read_journal
from sync.entries import decode_event, encode_event, event_code
from sync.envelope import pack, verify
from sync.journal import Recovered, attempts_in
from sync.outbox import Outbox
from sync.segment import NO_HASH, Binding, Link
from sync.writer import JournalWriter
from tests.sync.examples import (
    BINDING,
    FOLDER,
    NOW,
    answer,
    device,
    recipients,
    recovery,
    results,
    scanned,
    segment,
    signing,
    small_disk,
)
from tests.sync.simulated_disk import SimulatedDisk

STICK = Path("/stick")
DEVICES = {name: device(name).signing.public for name in ("pc-07", "pc-08")}


def write(disk: SimulatedDisk, numbers: range, *, name: str = "pc-07", after: Recovered | None = None) -> None:
    binding = Binding(BINDING.sitting, BINDING.attempt, name, BINDING.release)
    writer = JournalWriter.begin(
        FOLDER, binding, recipients(), now_utc_ms=lambda: NOW, disk=small_disk(disk), after=after
    )
    for number in numbers:
        writer.append(answer(number), utc_ms=NOW + number)
    writer.close()


def envelopes(disk: SimulatedDisk, name: str = "pc-07") -> list[bytes]:
    box = Outbox(FOLDER, device_key=signing(name), receipt_key=signing("store").public, files=disk)
    box.export(STICK)
    return [disk.read(STICK / name) for name in disk.names(STICK)]


def read(data: list[bytes]) -> AttemptBundle:
    return read_envelopes(data, results(), DEVICES, attempt=BINDING.attempt)


def numbers(bundle: AttemptBundle) -> list[int]:
    return [event.at_ms // 1000 for event in bundle.events]


def kinds(bundle: AttemptBundle) -> list[str]:
    return [fault.kind for fault in bundle.faults]


@settings(max_examples=12)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=4), st.randoms())
def test_files_and_shuffled_repeated_envelopes_tell_the_same(runs: list[int], chance: random.Random) -> None:
    disk, number = SimulatedDisk(), 0
    for count in runs:
        write(disk, range(number, number + count))
        number += count
    data = envelopes(disk) * 2
    chance.shuffle(data)
    from_envelopes, from_files = read(data), read_journal(FOLDER, BINDING.attempt, recovery(), files=disk)
    assert from_envelopes.events == from_files.events == tuple(answer(each) for each in range(number))
    assert from_files.faults == ()
    assert from_envelopes.faults == ()


def test_a_run_that_wrote_nothing_leaves_no_gap() -> None:
    disk = SimulatedDisk()
    for numbers_of_run in (range(3), range(0), range(3, 5)):
        write(disk, numbers_of_run)
    bundle = read(envelopes(disk))
    assert numbers(bundle) == [0, 1, 2, 3, 4]
    assert bundle.faults == ()


def test_another_pc_goes_on_after_what_the_store_has() -> None:
    one, two = SimulatedDisk(), SimulatedDisk()
    write(one, range(5))
    handed_over = read_envelopes(envelopes(one), recovery(), DEVICES, attempt=BINDING.attempt)
    write(two, range(5, 8), name="pc-08", after=handed_over.recovered())
    bundle = read(envelopes(one) + envelopes(two, "pc-08"))
    assert numbers(bundle) == list(range(8))
    assert bundle.faults == ()
    assert [preamble.header.device for preamble in bundle.preambles] == ["pc-07", "pc-08"]


def test_a_pc_that_took_over_still_has_the_whole_attempt_after_its_own_restart() -> None:
    one, two = SimulatedDisk(), SimulatedDisk()
    write(one, range(5))
    data = envelopes(one)
    keep_handed_over(FOLDER, [*data, data[0][:-1]], DEVICES, attempt=BINDING.attempt, files=two)
    write(two, range(5, 8), name="pc-08", after=read(data).recovered())
    for begin in (8, 10):
        bundle = read_journal(FOLDER, BINDING.attempt, recovery(), files=two)
        assert (numbers(bundle), bundle.faults) == (list(range(begin)), ())
        write(two, range(begin, begin + 2), name="pc-08", after=bundle.recovered())
    assert attempts_in(FOLDER, files=two) == (BINDING.attempt,)
    (kept,) = (path for path in two.cache if path.suffix == ".handed")
    two.put(kept, two.read(kept)[:-1])
    bundle = read_journal(FOLDER, BINDING.attempt, recovery(), files=two)
    assert kinds(bundle) == ["damaged_envelope", "missing_segment"]


def test_what_only_the_store_still_had_fills_a_damaged_file() -> None:
    disk = SimulatedDisk()
    write(disk, range(10))
    data = envelopes(disk)
    (path,) = (path for path in disk.cache if path.suffix == ".journal")
    damaged = bytearray(disk.cache[path])
    damaged[damaged.index(b"\xa5\xc3") + 3 * 200] ^= 0xFF
    disk.put(path, bytes(damaged))
    keep_handed_over(FOLDER, data, DEVICES, attempt=BINDING.attempt, files=disk)
    bundle = read_journal(FOLDER, BINDING.attempt, recovery(), files=disk)
    assert numbers(bundle) == list(range(10))
    assert kinds(bundle) == ["damaged_bytes"]


def test_what_the_first_pc_delivers_after_a_hand_over_is_shown_and_not_counted() -> None:
    one, two = SimulatedDisk(), SimulatedDisk()
    write(one, range(3))
    early = envelopes(one)
    write(two, range(3, 6), name="pc-08", after=read(early).recovered())
    write(one, range(90, 93))
    data = envelopes(one) + envelopes(two, "pc-08")
    bundle = read_envelopes(data, results(), DEVICES, attempt=BINDING.attempt, holder="pc-08")
    assert numbers(bundle) == [0, 1, 2, 3, 4, 5]
    assert kinds(bundle) == ["fork"]
    assert "pc-07" in bundle.faults[0].sentence


def test_two_envelopes_with_other_records_of_one_number_are_a_conflict_and_the_first_counts() -> None:
    """A PC's key in other hands: the same segment's keys, the same number, another answer."""
    new = segment()
    forged = [pack(scanned([said(number)], new=new), 0, 0, NO_HASH, signing("pc-07")) for number in (1, 2)]
    bundle = read(forged)
    assert (numbers(bundle), kinds(bundle)) == ([1], ["conflict"])
    assert (bundle.faults[0].first, bundle.faults[0].last) == (0, 0)
    assert kinds(read(forged[:1] * 2)) == []


def test_a_segment_that_says_it_follows_a_later_one_ends_in_a_fault_and_not_in_a_circle() -> None:
    segments = [segment(ordinal=ordinal) for ordinal in (0, 1)]
    data = []
    for number, (own, other) in enumerate((segments, segments[::-1])):
        link = Link(segment=other.header.segment, count=1, head="ab" * 32)
        header = own.header.model_copy(update={"previous": link})
        turned = replace(own, preamble=own.preamble.model_copy(update={"header": header}))
        data.append(pack(scanned([said(number)], new=turned), 0, 0, NO_HASH, signing("pc-07")))
    bundle = read(data)
    assert numbers(bundle) == [0, 1]
    assert "missing_segment" in kinds(bundle)


def said(number: int) -> bytes:
    """An answer's payload."""
    return encode_event(answer(number), utc_ms=NOW)


def test_a_missing_envelope_is_a_value_with_its_counters() -> None:
    disk = SimulatedDisk()
    write(disk, range(650))
    data = envelopes(disk)
    assert len(data) >= 3
    bundle = read([data[0], *data[2:]])
    (fault,) = bundle.faults
    assert fault.kind == "missing_records"
    assert numbers(bundle) == [*range(fault.first), *range(fault.last + 1, 650)]


def test_a_missing_segment_is_a_value_and_the_rest_is_read() -> None:
    disk = SimulatedDisk()
    for begin in (0, 10, 20):
        write(disk, range(begin, begin + 10))
    first, _, last = sorted(envelopes(disk), key=lambda data: verify(data, DEVICES["pc-07"]).header.ordinal)
    bundle = read([first, last])
    assert kinds(bundle) == ["missing_segment"]
    assert numbers(bundle) == [*range(10), *range(20, 30)]


def test_envelopes_of_others_or_changed_ones_are_reported_and_not_used() -> None:
    disk = SimulatedDisk()
    write(disk, range(3))
    (data,) = envelopes(disk)
    bundle = read_envelopes(
        [data, data[:-1], data[:100] + b"!" + data[101:]], results(), DEVICES, attempt=BINDING.attempt
    )
    assert (numbers(bundle), kinds(bundle)) == ([0, 1, 2], ["damaged_envelope"] * 2)
    unknown = read_envelopes([data], results(), {}, attempt=BINDING.attempt)
    assert "its device 'pc-07' is not known" in unknown.faults[0].sentence
    other = read_envelopes([data], results(), DEVICES, attempt="another")
    assert "not 'another'" in other.faults[0].sentence
    assert other.events == ()


def test_a_wrong_key_opens_nothing_and_says_so() -> None:
    from sync.segment import recovery_opener
    from tests.sync.examples import box

    disk = SimulatedDisk()
    write(disk, range(3))
    bundle = read_envelopes(envelopes(disk), recovery_opener(box("other")), DEVICES, attempt=BINDING.attempt)
    assert (bundle.events, kinds(bundle)) == ((), ["unopened"])


def test_damage_in_a_file_costs_only_its_record() -> None:
    disk = SimulatedDisk()
    write(disk, range(10))
    (path,) = (path for path in disk.cache if path.suffix == ".journal")
    data = bytearray(disk.cache[path])
    data[data.index(b"\xa5\xc3") + 3 * 200] ^= 0xFF
    disk.put(path, bytes(data))
    bundle = read_journal(FOLDER, BINDING.attempt, recovery(), files=disk)
    assert kinds(bundle) == ["damaged_bytes", "missing_records"]
    assert len(bundle.events) == 9
    assert bundle.faults[1].first not in numbers(bundle)


def test_a_file_of_which_nothing_can_be_read_is_named() -> None:
    disk = SimulatedDisk()
    write(disk, range(2))
    disk.put(FOLDER / f"{BINDING.attempt}-0007-{'0' * 32}.journal", b"rubbish")
    bundle = read_journal(FOLDER, BINDING.attempt, recovery(), files=disk)
    assert numbers(bundle) == [0, 1]
    assert "Nothing can be read of" in bundle.faults[0].sentence


def test_a_link_to_another_record_than_the_one_there_is_found() -> None:
    disk = SimulatedDisk()
    write(disk, range(3))
    found = read_journal(FOLDER, BINDING.attempt, recovery(), files=disk)
    assert found.link is not None
    forged = Link(segment=found.link.segment, count=2, head="ab" * 32)
    write(disk, range(3, 5), after=Recovered(BINDING.attempt, (), (), forged, 1))
    bundle = read_journal(FOLDER, BINDING.attempt, recovery(), files=disk)
    assert set(kinds(bundle)) == {"superseded", "wrong_link"}
    assert numbers(bundle) == [0, 1, 3, 4]


def test_an_entry_that_is_no_fact_is_reported() -> None:
    disk = SimulatedDisk()
    writer = JournalWriter.begin(FOLDER, BINDING, recipients(), now_utc_ms=lambda: NOW, disk=small_disk(disk))
    writer.append_payload("answers", 21, b'{"event":{"type":"Cheated"},"utc_ms":1}')
    writer.append(answer(1), utc_ms=NOW)
    writer.append_payload("answers", 20, encode_event(answer(2), utc_ms=NOW))
    writer.close()
    bundle = read_journal(FOLDER, BINDING.attempt, recovery(), files=disk)
    assert numbers(bundle) == [1]
    assert kinds(bundle) == ["unknown_entry", "unknown_entry"]


def test_nothing_is_an_attempt_that_has_not_begun() -> None:
    bundle = read([])
    assert (bundle.events, bundle.faults, bundle.link, bundle.next_ordinal) == ((), (), None, 0)
    assert segment().header.ordinal == 0


@given(st.integers(0, 2**40), st.integers(0, 2**40), st.integers(0, 2**40))
def test_a_fact_is_encoded_and_decoded(at_ms: int, down_ms: int, utc_ms: int) -> None:
    event = Resumed(at_ms=at_ms, down_ms=down_ms, device="pc-07")
    decoded = decode_event(event_code(event), encode_event(event, utc_ms=utc_ms))
    assert (decoded.event, decoded.utc_ms) == (event, utc_ms)
