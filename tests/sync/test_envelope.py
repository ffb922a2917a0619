"""An envelope is verified before it counts, opens for the right key, and no changed one is ever accepted."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.canonical import canonical_bytes, plain_of
from sync.envelope import (
    RECORDS_BYTES,
    claimed_device,
    envelope_sha256,
    erase_stream,
    next_range,
    open_envelope,
    pack,
    recognise,
    verify,
)
from sync.errors import CannotOpenError, DamagedError, SyncUsageError, WrongSignatureError
from sync.segment import NO_HASH, Binding, SegmentScan, open_stream_keys, scan_segment
from tests.proof import Proof
from tests.sync.examples import BINDING, recovery, results, scanned, segment, signing, written
from tests.sync.mutations import none_is_accepted

KEY = signing("pc-07")


def packed(scan: SegmentScan) -> list[bytes]:
    envelopes: list[bytes] = []
    previous, first = NO_HASH, 0
    while (found := next_range(scan, first)) is not None:
        envelopes.append(pack(scan, *found, previous, KEY))
        previous, first = envelope_sha256(envelopes[-1]), found[1] + 1
    return envelopes


@given(st.lists(st.binary(max_size=9000), min_size=1, max_size=12))
def test_what_was_packed_is_verified_and_opened_in_order(payloads: list[bytes]) -> None:
    scan = scanned(payloads)
    opened: list[bytes | None] = []
    for data in packed(scan):
        envelope = verify(data, KEY.public)
        assert sum(len(record.raw) for record in envelope.records) <= RECORDS_BYTES or len(envelope.records) == 1
        assert claimed_device(data) == BINDING.device
        for opener in (results(), recovery()):
            records = open_envelope(envelope, open_stream_keys(envelope.preamble, opener))
        opened += [record.payload for record in records]
    assert opened == payloads


def test_the_same_range_is_packed_to_the_same_bytes() -> None:
    _, data = written([b"x" * 5000] * 9)
    assert packed(scan_segment(data)) == packed(scan_segment(data))


def test_each_envelope_names_the_one_before() -> None:
    envelopes = [verify(data, KEY.public) for data in packed(scanned([b"x" * 5000] * 9))]
    assert len(envelopes) > 2
    assert [each.header.previous for each in envelopes] == [NO_HASH, *(each.sha256 for each in envelopes[:-1])]
    heads = [each.header.head for each in envelopes]
    assert [each.header.before for each in envelopes[1:]] == heads[:-1]


def test_damage_on_the_disk_ends_an_envelope_and_the_rest_still_travels() -> None:
    _, data = written([b"x" * 100] * 6)
    place = data.index(scan_segment(data).records[2].raw)
    scan = scan_segment(data[:place] + b"\0" * 30 + data[place + 30 :])
    one, two = (verify(each, KEY.public) for each in packed(scan))
    assert (one.header.first, one.header.last, two.header.first, two.header.last) == (0, 1, 3, 5)
    assert two.header.before == ""


def test_a_device_that_is_not_the_signer_is_refused() -> None:
    (data,) = packed(scanned([b"answer"]))
    with pytest.raises(WrongSignatureError, match="envelope is not signed by the device it names"):
        verify(data, signing("pc-08").public)


def test_without_its_key_nothing_is_read() -> None:
    (data,) = packed(scanned([b"the answer is B"]))
    assert b"the answer" not in data
    envelope = verify(data, KEY.public)
    other = segment()
    with pytest.raises(CannotOpenError):
        open_envelope(envelope, other.keys)


def test_an_erased_stream_leaves_signature_hash_and_chain_but_is_refused_at_the_door() -> None:
    (data,) = packed(scanned([b"answer"]))
    erased = erase_stream(data, "keys")
    assert len(erased) < len(data)
    assert envelope_sha256(erased) == envelope_sha256(data)
    assert verify(erased, KEY.public, erased=["keys"]).header == verify(data, KEY.public).header
    with pytest.raises(DamagedError, match="sealed keys of stream 'keys' are missing"):
        verify(erased, KEY.public)
    assert set(open_stream_keys(verify(erased, KEY.public, erased=["keys"]).preamble, results())) == {"answers", "form"}


def test_an_envelope_is_recognised_by_its_identity_and_its_sealed_keys_are_checked_anew() -> None:
    one, other = packed(scanned([b"x" * 15_000] * 2))
    assert recognise(one, envelope_sha256(one)) == verify(one, KEY.public).header
    with pytest.raises(DamagedError, match="another envelope than the one that was verified"):
        recognise(one, envelope_sha256(other))
    erased = erase_stream(one, "keys")
    assert recognise(erased, envelope_sha256(one), erased=["keys"]) == verify(one, KEY.public).header
    with pytest.raises(DamagedError, match="sealed keys of stream 'keys' are missing"):
        recognise(erased, envelope_sha256(one))
    (foreign,) = packed(scanned([b"y"]))
    swapped = one[: len(erase_stream(one, "answers"))]
    with pytest.raises(DamagedError):
        recognise(swapped, envelope_sha256(one))
    keys = foreign[foreign.rindex(b'{"answers"') :]
    begin = one.rindex(b'{"answers"')
    with pytest.raises(DamagedError, match="field 'unknown'"):
        recognise(one[: begin - 4] + len(keys).to_bytes(4, "big") + keys, envelope_sha256(one))


def test_a_range_that_is_not_there_is_not_packed() -> None:
    with pytest.raises(SyncUsageError, match="records 0 to 5 are not all in the segment"):
        pack(scanned([b"one"]), 0, 5, NO_HASH, KEY)
    assert next_range(scanned([b"one"]), 1) is None
    assert next_range(scanned([b"one", b"two"]), 0, below=1) == (0, 0)


def test_an_impostor_signing_another_devices_records_is_found() -> None:
    """A cleared but dishonest PC cannot send a segment under another binding: header and segment must agree."""
    scan = scanned([b"answer"])
    moved = scan.preamble.model_copy(update={"header": scan.header.model_copy(update={"attempt": "another"})})
    forged = pack(SegmentScan(moved, scan.records, (), (), b"", 0), 0, 0, NO_HASH, KEY)
    with pytest.raises(DamagedError, match="record 0 does not continue the chain"):
        verify(forged, KEY.public)
    other = scanned([b"answer"]).preamble
    mixed = pack(SegmentScan(moved, scan.records, (), (), b"", 0), 0, 0, NO_HASH, KEY)
    header = mixed[12 : 12 + int.from_bytes(mixed[8:12], "big")]
    signed = b"PVRMENV1" + block(header) + block(canonical_bytes(plain_of(other.header))) + block(scan.records[0].raw)
    keys = canonical_bytes(plain_of(other)["keys"])
    with pytest.raises(DamagedError, match="differ in 'attempt'"):
        verify(signed + KEY.sign("envelope", signed) + block(keys), KEY.public)


def block(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def test_records_moved_to_another_segment_do_not_open() -> None:
    one, two = segment(), segment(Binding("s", "another-attempt", "pc-07", "r"))
    stolen = scanned([b"good answer"], new=one)
    target = scanned([b"poor answer"], new=two)
    spliced = SegmentScan(target.preamble, stolen.records, (), (0,), b"", 0)
    envelope = verify(pack(spliced, 0, 0, NO_HASH, KEY), KEY.public)
    with pytest.raises(CannotOpenError):
        open_envelope(envelope, two.keys)


# --- changed, reordered, cut, spliced, replayed -----------------------------------------------------------------------


def fields(data: bytes) -> list[bytes]:
    """Header, segment header, records, signature, keys."""
    found: list[bytes] = []
    place = 8
    for step in range(4):
        end = place + 4 + int.from_bytes(data[place : place + 4], "big")
        found.append(data[place + 4 : end])
        place = end
        if step == 2:
            found.append(data[place : place + 64])
            place += 64
    return found


def joined(parts: list[bytes]) -> bytes:
    header, segment_header, records, signature, keys = parts
    return b"PVRMENV1" + block(header) + block(segment_header) + block(records) + signature + block(keys)


def with_records_in_another_order(chance: random.Random, parts: list[bytes]) -> list[bytes]:
    records = [record.raw for record in verify(joined(parts), KEY.public).records]
    one, two = chance.randrange(len(records)), chance.randrange(len(records))
    records[one], records[two] = records[two], records[one]
    return [*parts[:2], b"".join(records), *parts[3:]]


def with_a_record_left_out_or_twice(chance: random.Random, parts: list[bytes]) -> list[bytes]:
    records = [record.raw for record in verify(joined(parts), KEY.public).records]
    place = chance.randrange(len(records))
    records[place : place + 1] = [] if chance.random() < 0.5 else [records[place]] * 2
    return [*parts[:2], b"".join(records), *parts[3:]]


def with_a_part_of_another(chance: random.Random, parts: list[bytes], other: list[bytes]) -> list[bytes]:
    places = chance.sample(range(5), chance.randint(1, 3))
    return [other[place] if place in places else part for place, part in enumerate(parts)]


def renamed_and_signed_by_somebody_else(chance: random.Random, parts: list[bytes]) -> list[bytes]:
    """Replayed as another attempt's or PC's, by somebody who can sign, but not as this PC."""
    old, new = chance.choice(((BINDING.attempt, "f" * 32), (BINDING.device, "pc-99"), (BINDING.sitting, "bergen")))
    header, segment_header = (part.replace(old.encode(), new.encode()) for part in parts[:2])
    signed = b"PVRMENV1" + block(header) + block(segment_header) + block(parts[2])
    return [header, segment_header, parts[2], signing("somebody").sign("envelope", signed), parts[4]]


def test_no_changed_envelope_is_accepted(proof: Proof) -> None:
    """Flipped, cut, lengthened, reordered, spliced, replayed: thousands, none accepted as other than it was."""
    fill = random.Random(20_261_201)
    runs = [[bytes([number]) * fill.randrange(3000) for number in range(30)] for _ in range(2)]
    genuine = [data for run in runs for data in packed(scanned(run))]
    assert len(genuine) >= 4
    whole = [fields(data) for data in genuine]
    assert [joined(parts) for parts in whole] == genuine

    def more(chance: random.Random) -> tuple[str, bytes]:
        parts, other = chance.choice(whole), chance.choice(whole)
        match chance.randrange(4):
            case 0:
                return "records reordered", joined(with_records_in_another_order(chance, parts))
            case 1:
                return "records left out or twice", joined(with_a_record_left_out_or_twice(chance, parts))
            case 2:
                return "parts of two envelopes", joined(with_a_part_of_another(chance, parts, other))
            case _:
                return "replayed as another's", joined(renamed_and_signed_by_somebody_else(chance, parts))

    with proof("changed, reordered, cut, spliced, replayed envelopes", ci=10_000, full=1_000_000) as trial:
        none_is_accepted(trial, genuine, lambda data: verify(data, KEY.public), more)
