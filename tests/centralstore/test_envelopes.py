"""Envelopes at the store's door: kept once, as they came, from PCs that may send, or not at all."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlmodel import Session, func, select

from centralstore.errors import PerhapsKeptError, UnknownDeviceError
from centralstore.store import Store
from centralstore.store.intake import MAX_ENVELOPE_BYTES
from centralstore.tables import Conflict, Device, KeptEnvelope
from centralstore.words import DeviceState
from sync.keys import VerifyKey
from sync.receipt import Receipt, verify_receipt
from sync.segment import RecordSealer, encode_preamble
from tests.centralstore.place import Journal, Pc, Site, events_of
from tests.strategies import running

pytestmark = pytest.mark.anyio

ATTEMPT = "a" * 32


def kept(site: Site) -> list[bytes]:
    return list(site.store.envelopes(ATTEMPT))


def conflicts(site: Site) -> int:
    with site.store._house.database.reading() as session:
        return session.exec(select(func.count()).select_from(Conflict)).one()


def receipt_of(site: Site, data: bytes) -> Receipt:
    return verify_receipt(data, VerifyKey.from_hex(site.store.public_keys()["receipt_key"]))


def written(site: Site, pc: Pc) -> Journal:
    return site.journal(pc, ATTEMPT).write(events_of(running("reading"), pc.id))


async def test_the_receipt_names_the_hash_of_the_bytes_that_are_stored(site: Site) -> None:
    pc = await site.open_pc()
    (data,) = written(site, pc).envelopes()
    answer = await pc.ask("POST", "/v1/envelopes", data)
    receipt = receipt_of(site, answer.content)
    assert kept(site) == [data]
    with site.store._house.database.reading() as session:
        stored = session.exec(select(KeptEnvelope)).one()
        assert receipt.sha256 == stored.sha256
    assert (receipt.attempt, receipt.first, receipt.last) == (ATTEMPT, 0, stored.last)


async def test_the_same_envelope_again_gets_the_same_receipt_and_is_kept_once(site: Site) -> None:
    pc = await site.open_pc()
    (data,) = written(site, pc).envelopes()
    answers = await asyncio.gather(*(pc.ask("POST", "/v1/envelopes", data) for _ in range(8)))
    assert {(answer.status_code, answer.content) for answer in answers} == {(200, answers[0].content)}
    assert kept(site) == [data]
    told = (await pc.ask("GET", f"/v1/receipts?attempt={ATTEMPT}")).json()
    assert [each["body"]["sha256"] for each in told] == [receipt_of(site, answers[0].content).sha256]


async def test_another_envelope_for_the_same_place_is_a_conflict_to_show_and_never_an_overwrite(site: Site) -> None:
    pc = await site.open_pc()
    journal = written(site, pc)
    (first,) = journal.envelopes()
    await pc.ask("POST", "/v1/envelopes", first)
    forked = Journal(pc, journal.segment, RecordSealer(journal.segment), empty_file(journal))
    forked.write(events_of(running("reading"), pc.id, candidate="100251"))
    (other,) = forked.envelopes()
    assert other != first
    for _ in range(2):
        answer = await pc.ask("POST", "/v1/envelopes", other)
        assert answer.status_code == 409
        receipt = receipt_of(site, answer.content)
        assert receipt.is_conflict
        assert receipt.sha256 == sha256_of_kept(site)
    assert kept(site) == [first]
    assert conflicts(site) == 1
    shown = site.store.conflicts(site.leader, "s1")[0]
    assert (shown.attempt, shown.device, shown.first) == (ATTEMPT, pc.id, 0)
    assert shown.stored_sha256 != shown.offered_sha256


async def test_nothing_is_kept_of_a_pc_that_is_unknown_not_cleared_or_revoked(site: Site) -> None:
    pc = await site.open_pc()
    (data,) = written(site, pc).envelopes()
    waiting = await site.enrol("PC 9", is_cleared=False)
    stranger = Pc(site.http, site.clock, "pc-0000", waiting.keys)
    for maker, fault in ((waiting, "not cleared"), (stranger, "not enrolled")):
        (made,) = written(site, maker).envelopes()
        refused = await pc.ask("POST", "/v1/envelopes", made)
        assert (refused.status_code, refused.json()["code"]) == (401, "unknown_device")
        assert fault in refused.json()["error"]
    site.store.revoke_device(site.manager, pc.id)
    refused = await waiting.ask("POST", "/v1/envelopes", data)
    assert "was revoked" in refused.json()["error"]
    assert kept(site) == []


async def test_it_matters_who_made_an_envelope_not_who_brings_it(site: Site) -> None:
    pc = await site.open_pc()
    (data,) = written(site, pc).envelopes()
    brought = await site.http.post("/v1/envelopes", content=data)
    by_its_maker = await pc.ask("POST", "/v1/envelopes", data)
    assert brought.status_code == by_its_maker.status_code == 200
    assert brought.content == by_its_maker.content
    assert receipt_of(site, brought.content).device == pc.id
    assert kept(site) == [data]


async def test_a_pc_revoked_while_its_envelope_waits_is_refused(site: Site) -> None:
    pc, other = await site.open_pc(), await site.enrol("PC 8")
    (data,), (fine,) = written(site, pc).envelopes(), site.journal(other, "b" * 32).write_keys(3).envelopes()
    gate = threading.Event()
    held = site.store._house.database.submit(lambda _session: gate.wait(5))
    revoked = site.store._house.database.submit(lambda session: revoke(session, pc.id))
    futures = [site.store.keep_envelope(each) for each in (data, fine)]
    gate.set()
    assert held.result()
    revoked.result()
    second = site.store.keep_envelope(data)
    assert receipt_of(site, futures[1].result().receipt).device == other.id
    with pytest.raises(UnknownDeviceError, match="was revoked"):
        second.result()
    (late,) = site.journal(pc, "c" * 32).write_keys(3).envelopes()
    with pytest.raises(UnknownDeviceError, match="was revoked"):
        site.store.keep_envelope(late).result()
    assert list(site.store.envelopes("c" * 32)) == []


async def test_a_pc_is_not_served_after_a_revocation_whose_answer_was_lost(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    pc = await site.open_pc()
    database = site.store._house.database
    write = database.write

    def lost(work: Callable[[Session], object]) -> object:
        write(work)
        raise PerhapsKeptError("the server went away")

    assert site.store.device_keys(pc.id)[0].state is DeviceState.CLEARED
    monkeypatch.setattr(database, "write", lost)
    with pytest.raises(PerhapsKeptError):
        site.store.revoke_device(site.manager, pc.id)
    assert site.store.device_keys(pc.id)[0].state is DeviceState.REVOKED
    assert (await pc.ask("GET", "/v1/device/sittings")).status_code == 401


async def test_envelopes_of_one_place_that_wait_together_get_each_its_answer(site: Site) -> None:
    pc = await site.open_pc()
    journal = written(site, pc)
    (first,) = journal.envelopes()
    forked = Journal(pc, journal.segment, RecordSealer(journal.segment), empty_file(journal))
    (other,) = forked.write(events_of(running("reading"), pc.id, candidate="100251")).envelopes()
    (free,) = site.journal(pc, "b" * 32).write_keys(3).envelopes()
    gate = threading.Event()
    held = site.store._house.database.submit(lambda _session: gate.wait(5))
    futures = [site.store.keep_envelope(each) for each in (first, first, other, free, other, first)]
    gate.set()
    assert held.result()
    answers = [future.result() for future in futures]
    assert [each.is_conflict for each in answers] == [False, False, True, False, True, False]
    assert len({answers[number].receipt for number in (0, 1, 5)}) == 1
    named = [receipt_of(site, each.receipt) for each in answers]
    assert {named[number].sha256 for number in (0, 1, 2, 4, 5)} == {sha256_of_kept(site)}
    assert kept(site) == [first]
    assert conflicts(site) == 1
    assert site.store.check_log().findings == ()


def revoke(session: Session, device: str) -> None:
    session.get_one(Device, device).state = DeviceState.REVOKED.value


async def test_an_envelope_signed_by_another_pcs_key_is_refused(site: Site) -> None:
    pc = await site.open_pc()
    forger = await site.enrol("PC 8")
    journal = written(site, pc)
    journal.pc = forger
    (forged,) = journal.envelopes()
    refused = await forger.ask("POST", "/v1/envelopes", forged)
    assert (refused.status_code, refused.json()["code"]) == (400, "damaged")
    assert "Nothing was kept" in refused.json()["error"]
    assert kept(site) == []


async def test_no_changed_envelope_is_kept(site: Site) -> None:
    pc = await site.open_pc()
    (data,) = written(site, pc).envelopes()

    @settings(max_examples=150)
    @given(st.data())
    def change(draw: st.DataObject) -> None:
        place = draw.draw(st.integers(0, len(data) - 1))
        how = draw.draw(st.sampled_from(["flip", "cut", "add", "drop"]))
        changed = {
            "flip": data[:place] + bytes([data[place] ^ draw.draw(st.sampled_from([1, 16, 128]))]) + data[place + 1 :],
            "cut": data[:place],
            "add": data[:place] + b"\0" + data[place:],
            "drop": data[:place] + data[place + 1 :],
        }[how]
        with pytest.raises(Exception) as refused:  # noqa: PT011 - each is checked for its family below
            site.store.keep_envelope(changed).result()
        assert getattr(refused.value, "code", "") in {"damaged", "unknown_device"}, refused.value

    change()
    assert kept(site) == []


async def test_too_large_a_body_is_refused_before_it_is_read_to_its_end(site: Site) -> None:
    pc = await site.open_pc()
    answer = await pc.ask("POST", "/v1/envelopes", b"x" * (MAX_ENVELOPE_BYTES + 1))
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 65_536
            yield b"x" * 65_536

    answer = await site.http.post("/v1/envelopes", content=endless())
    assert answer.status_code == 413
    assert read < 2 * MAX_ENVELOPE_BYTES + 131_072


@pytest.mark.sqlite
async def test_a_full_disk_is_told_nothing_is_lost_and_it_goes_on_when_there_is_room(site: Site) -> None:
    pc = await site.open_pc()
    journal = written(site, pc).write_keys(600)
    data = journal.envelopes(limit=4000)
    await pc.ask("POST", "/v1/envelopes", data[0])
    limit_pages(site, more=2)
    answers = [await pc.ask("POST", "/v1/envelopes", each) for each in data[1:]]
    refused = [answer for answer in answers if answer.status_code != 200]
    assert refused
    assert {(answer.status_code, answer.json()["code"]) for answer in refused} == {(503, "not_kept")}
    assert "safe there" in refused[0].json()["error"]
    receipted = [
        each for each, answer in zip(data, [None, *answers], strict=True) if answer is None or answer.status_code == 200
    ]
    assert kept(site) == receipted
    limit_pages(site, more=100_000)
    for each in data:
        assert (await pc.ask("POST", "/v1/envelopes", each)).status_code == 200
    assert sorted(kept(site)) == sorted(data)


async def test_what_was_receipted_is_there_after_the_store_starts_again(site: Site) -> None:
    pc = await site.open_pc()
    journal = written(site, pc).write_keys(200)
    for data in journal.envelopes(limit=3000):
        assert (await pc.ask("POST", "/v1/envelopes", data)).status_code == 200
    before = kept(site)
    site.store.close()
    again = Store.open(site.store.folder.path)
    assert list(again.envelopes(ATTEMPT)) == before
    again.close()


def empty_file(journal: Journal) -> bytearray:
    """The segment's file without its records."""
    return bytearray(encode_preamble(journal.segment.preamble) * 2)


def sha256_of_kept(site: Site) -> str:
    with site.store._house.database.reading() as session:
        return session.exec(select(KeptEnvelope.sha256).where(KeptEnvelope.attempt == ATTEMPT)).one()


def limit_pages(site: Site, *, more: int) -> None:
    """A real full disk as SQLite sees it: SQLITE_FULL when the file would grow beyond so many pages."""

    def work(session: Session) -> None:
        connection = session.connection()
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages + more}")

    site.store._house.database.write(work)
