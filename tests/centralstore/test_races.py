"""First write wins, after verification: whoever races for a place, one is kept, the others are shown, receipts tell."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlmodel import select

from centralstore.errors import DamagedError, UnknownDeviceError
from centralstore.store.intake import Kept
from centralstore.tables import Conflict, KeptEnvelope
from sync.envelope import envelope_sha256, pack
from sync.keys import VerifyKey
from sync.receipt import Receipt, verify_receipt
from sync.segment import (
    KEY_TIMINGS,
    NO_HASH,
    Binding,
    NewSegment,
    Preamble,
    RecordSealer,
    SegmentScan,
    new_segment,
    recovery_recipient,
)
from tests.centralstore.place import RELEASE, Pc, Site

pytestmark = pytest.mark.anyio

SENDERS = 8


class Segment:
    """One segment id for which several versions are made: by this PC or that, with this content or that."""

    def __init__(self, site: Site, attempt: str) -> None:
        self._made = new_segment(
            Binding("s1", attempt, "pc", RELEASE),
            [recovery_recipient(site.keys.secrets("s1").recovery.public)],
            ordinal=0,
            previous=None,
            begun_utc_ms=site.clock(),
        )

    def version(self, pc: Pc, content: int) -> bytes:
        """A genuine envelope of that PC with records 0 to 2 of this segment."""
        header = self._made.header.model_copy(update={"device": pc.id})
        preamble = Preamble(header=header, keys=self._made.preamble.keys)
        sealer = RecordSealer(NewSegment(preamble, self._made.keys))
        records = tuple(sealer.seal("keys", KEY_TIMINGS, b"%d" % content) for _ in range(3))
        return pack(SegmentScan(preamble, records, (), (), b"", 0), 0, 2, NO_HASH, pc.keys.signing)


def receipt_of(site: Site, kept: Kept) -> Receipt:
    return verify_receipt(kept.receipt, VerifyKey.from_hex(site.store.public_keys()["receipt_key"]))


def sent_at_once(site: Site, offered: list[bytes]) -> list[Kept]:
    """All of them from several threads; the answers in the order of ``offered``."""
    with ThreadPoolExecutor(SENDERS) as pool:
        futures: list[Future[Future[Kept]]] = [pool.submit(site.store.keep_envelope, data) for data in offered]
        return [future.result().result(timeout=60) for future in futures]


def kept_and_conflicts(site: Site, attempt: str) -> tuple[list[bytes], list[tuple[str, str]]]:
    with site.store._house.database.reading() as session:
        kept = list(session.exec(select(KeptEnvelope.data).where(KeptEnvelope.attempt == attempt)).all())
        found = session.exec(select(Conflict).where(Conflict.attempt == attempt)).all()
        return kept, [(row.stored_sha256, row.offered_sha256) for row in found]


async def test_of_racing_versions_one_is_kept_and_every_receipt_names_it(site: Site) -> None:
    """Two PCs, up to four versions, each sent several times, some damaged on the way, all at once."""
    pcs = [await site.open_pc(), await site.enrol("PC 8")]
    number = iter(range(10_000))

    @settings(max_examples=40)
    @given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=2, max_size=24), st.integers(0, 10**6))
    def race(versions: list[tuple[int, int]], place: int) -> None:
        attempt = f"race-{next(number)}"
        segment = Segment(site, attempt)
        made = {which: segment.version(pcs[which[0]], which[1]) for which in set(versions)}
        offered = [made[which] for which in versions]
        damaged = bytearray(offered[0])
        damaged[place % len(damaged)] ^= 1
        with pytest.raises((DamagedError, UnknownDeviceError)):
            site.store.keep_envelope(bytes(damaged))

        answers = sent_at_once(site, offered)
        (stored,), conflicts = kept_and_conflicts(site, attempt)
        assert stored in offered
        sha256 = envelope_sha256(stored)
        for data, kept in zip(offered, answers, strict=True):
            receipt = receipt_of(site, kept)
            assert receipt.sha256 == sha256
            assert receipt.is_conflict == kept.is_conflict == (data != stored)
        others = {envelope_sha256(data) for data in made.values()} - {sha256}
        assert Counter(conflicts) == Counter((sha256, other) for other in others)
        shown = [each for each in site.store.conflicts(site.leader, "s1") if each.attempt == attempt]
        assert {each.offered_sha256 for each in shown} == others

    race()


async def test_the_same_bytes_a_thousand_times_at_once_are_one_row_and_one_receipt(site: Site) -> None:
    pc = await site.open_pc()
    data = Segment(site, "again").version(pc, 1)
    answers = sent_at_once(site, [data] * 1000)
    assert kept_and_conflicts(site, "again") == ([data], [])
    assert {(kept.receipt, kept.is_conflict) for kept in answers} == {(answers[0].receipt, False)}
