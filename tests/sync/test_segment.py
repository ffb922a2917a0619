"""A segment file is read back whole, and damage anywhere costs only the records that it hit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.errors import CannotOpenError, DamagedError, SyncUsageError
from sync.segment import (
    KEY_TIMINGS,
    MAX_PAYLOAD_BYTES,
    NewSegment,
    RecordOpener,
    SegmentScan,
    encode_preamble,
    new_segment,
    open_stream_keys,
    results_opener,
    results_recipients,
    scan_segment,
    without_stream,
)
from tests.sync.examples import BINDING, NOW, box, recipients, recovery, results, scanned, segment, written

THREE = [b"first", b"second, rather longer than the first one was", b"third"]


def opened(new: NewSegment, scan: SegmentScan) -> list[bytes | None]:
    opener = RecordOpener(new.header, new.keys)
    return [opener.open(record) for record in scan.records]


@given(st.lists(st.binary(max_size=400), max_size=12))
def test_what_was_written_is_read_back(payloads: list[bytes]) -> None:
    new, data = written(payloads)
    scan = scan_segment(data)
    assert opened(new, scan) == payloads
    assert (scan.damages, scan.torn_tail, scan.broken_chain, scan.missing) == ((), b"", (), ())
    assert scan.count == len(payloads)


def test_cut_at_every_byte_loses_only_the_records_behind_the_cut() -> None:
    new, data = written(THREE)
    whole = scan_segment(data)
    ends = [whole.end - sum(len(record.raw) for record in whole.records[index:]) for index in range(4)]
    for cut in range(2 * len(encode_preamble(new.preamble)), whole.end + 1):
        scan = scan_segment(data[:cut])
        assert len(scan.records) == sum(1 for end in ends[1:] if end <= cut)
        assert opened(new, scan) == THREE[: len(scan.records)]
        assert bool(scan.torn_tail) == (cut not in ends)


def test_a_cut_inside_the_header_leaves_the_other_copy_or_is_refused() -> None:
    new, data = written(THREE)
    block = len(encode_preamble(new.preamble))
    for cut in range(2 * block):
        if cut < block:
            with pytest.raises(DamagedError, match="neither copy of its header"):
                scan_segment(data[:cut])
        else:
            assert scan_segment(data[:cut]).records == ()


def test_every_flipped_bit_is_found_and_costs_at_most_the_record_it_hit() -> None:
    only = new_segment(BINDING, recipients()[:1], ordinal=0, previous=None, begun_utc_ms=NOW, streams=["answers"])
    new, data = written(THREE, new=only)
    whole = scan_segment(data)
    for bit in range(8 * whole.end):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        scan = scan_segment(bytes(flipped))
        assert scan.damages or scan.torn_tail, f"bit {bit} went unnoticed"
        assert len(scan.records) >= 2
        for payload, record in zip(opened(new, scan), scan.records, strict=True):
            assert payload == THREE[record.counter]


def test_damage_in_the_middle_is_reported_with_the_counters_around_it() -> None:
    new, data = written([b"x" * 100] * 5)
    whole = scan_segment(data)
    place = data.index(whole.records[2].raw)
    scan = scan_segment(data[:place] + b"\xff" * 40 + data[place + 40 :])
    assert [record.counter for record in scan.records] == [0, 1, 3, 4]
    (damage,) = scan.damages
    assert (damage.offset, damage.after, damage.before) == (place, 1, 3)
    assert scan.missing == ((2, 2),)
    assert opened(new, scan) == [b"x" * 100] * 4


@pytest.mark.parametrize("tail", ["zeros", "stale record", "stale later record", "same record again", "noise"])
def test_a_strange_tail_adds_no_record(tail: str) -> None:
    _, data = written(THREE)
    scan = scan_segment(data)
    other = scanned([b"from another segment"] * 40)
    tails = {
        "zeros": bytes(700),
        "stale record": other.records[1].raw,
        "stale later record": bytes(700) + other.records[39].raw,
        "same record again": scan.records[-1].raw,
        "noise": bytes(range(256)) * 3,
    }
    again = scan_segment(data[: scan.end] + tails[tail])
    assert again.records == scan.records


def test_a_record_spliced_in_from_another_segment_does_not_open_and_breaks_the_chain() -> None:
    new, data = written(THREE)
    scan = scan_segment(data)
    other = scanned([b"foreign"] * 5)
    spliced = scan_segment(data[: scan.end] + other.records[3].raw)
    assert spliced.broken_chain == (3,)
    with pytest.raises(CannotOpenError):
        RecordOpener(new.header, new.keys).open(spliced.records[3])


def test_equal_payloads_have_different_ciphertexts_and_answers_of_like_length_the_same_size() -> None:
    records = scanned([b"A", b"A", b"ABCD" * 7]).records
    assert len({record.ciphertext for record in records}) == 3
    assert len({len(record.ciphertext) for record in records}) == 1


def test_results_key_and_recovery_key_both_open() -> None:
    new, _ = written(THREE)
    for opener in (results(), recovery()):
        assert open_stream_keys(new.preamble, opener) == new.keys


def test_two_of_three_custodians_open_together_and_no_one_alone() -> None:
    custodians = [box("a"), box("b"), box("c")]
    recipients = results_recipients([each.public for each in custodians], 2)
    new = new_segment(BINDING, recipients, ordinal=0, previous=None, begun_utc_ms=NOW)
    for pair in ((0, 1), (0, 2), (1, 2)):
        opener = results_opener({index: custodians[index] for index in pair})
        assert open_stream_keys(new.preamble, opener) == new.keys
    for index in range(3):
        with pytest.raises(CannotOpenError):
            open_stream_keys(new.preamble, results_opener({index: custodians[index]}))
    with pytest.raises(CannotOpenError):
        open_stream_keys(new.preamble, results_opener({0: custodians[0], 1: custodians[2]}))
    with pytest.raises(SyncUsageError):
        results_recipients([custodians[0].public], 2)


def test_sealed_keys_of_one_segment_do_not_open_in_another() -> None:
    one, two = segment(), segment()
    moved = one.preamble.model_copy(update={"header": two.header})
    with pytest.raises(CannotOpenError):
        open_stream_keys(moved, results())


def test_erasing_a_stream_leaves_hashes_and_other_streams() -> None:
    new = segment()
    without = without_stream(new.preamble, "keys")
    assert without.hash == new.preamble.hash
    keys = open_stream_keys(without, results())
    assert set(keys) == {"answers", "form"}
    _, data = written(THREE, new=new)
    scan = scan_segment(data)
    assert [RecordOpener(new.header, keys).open(record) for record in scan.records] == THREE


def test_an_erased_streams_records_stay_closed() -> None:
    new = segment()
    keys = open_stream_keys(without_stream(new.preamble, "answers"), results())
    (record,) = scanned([b"secret"], new=new).records
    assert RecordOpener(new.header, keys).open(record) is None


def test_misuse_is_told() -> None:
    from sync.segment import RecordSealer

    sealer = RecordSealer(segment())
    with pytest.raises(SyncUsageError, match="type 0"):
        sealer.seal("answers", 0, b"")
    with pytest.raises(SyncUsageError, match="too long"):
        sealer.seal("keys", KEY_TIMINGS, bytes(MAX_PAYLOAD_BYTES + 1))
    assert sealer.count == 0
