"""From a candidate's answers on an exam PC to a held result: the whole way through the real store."""

from __future__ import annotations

import pytest

from centralstore.commands import main
from centralstore.store import Store
from sync.keys import VerifyKey
from sync.orders import OrderList
from sync.receipt import verify_receipt
from sync.release import open_device_share, open_grant
from sync.ticket import open_ticket
from tests.centralstore.place import RELEASE, Site, events_of
from tests.strategies import running

pytestmark = pytest.mark.anyio

ATTEMPT = "a" * 32


async def test_a_pc_gets_all_it_needs_and_the_content_key_only_after_opening(site: Site) -> None:
    pc = await site.ready_pc()
    keys = site.store.public_keys()
    listed = (await pc.ask("GET", "/v1/device/sittings")).json()
    assert [entry["sitting"] for entry in listed] == ["s1"]
    fetched = await pc.ask("GET", f"/v1/releases/{RELEASE}")
    assert fetched.content == site.package
    sealed = (await pc.ask("GET", "/v1/device/ticket?sitting=s1")).content
    ticket = open_ticket(
        sealed, sitting="s1", device=pc.id, box=pc.keys.box, ticket_key=VerifyKey.from_hex(keys["ticket_key"]),
        now_utc_ms=site.clock(),
    )  # fmt: skip
    assert [candidate.number for candidate in ticket.candidates] == ["100234", "100251", "100266"]
    assert ticket.candidates[1].name == ""
    early = await pc.ask("GET", "/v1/device/share?sitting=s1")
    assert (early.status_code, early.json()["code"]) == (409, "wrong_state")
    site.store.open_sitting(site.leader, "s1")
    share = open_device_share(
        (await pc.ask("GET", "/v1/device/share?sitting=s1")).content, sitting="s1", device=pc.id, box=pc.keys.box,
        ticket_key=VerifyKey.from_hex(keys["ticket_key"]),
    )  # fmt: skip
    grant = (await pc.ask("GET", f"/v1/device/grant?sitting=s1&release={RELEASE}")).content
    opened = open_grant(
        grant, sitting="s1", device=pc.id, release=RELEASE, keys=pc.keys, release_share=share,
        content_key=site.keys.signing_key().public, now_utc_ms=site.clock(),
    )  # fmt: skip
    assert opened.content_key == site.keys.content_key(RELEASE)
    assert opened.recovery.public.hex == ticket.recovery_public


async def test_a_package_is_for_the_pcs_of_a_room_that_uses_it_and_only_until_the_sitting_is_closed(site: Site) -> None:
    here, elsewhere = await site.open_pc(), await site.enrol("PC 1", room="r2")
    path = f"/v1/releases/{RELEASE}"
    assert (await here.ask("GET", path)).content == site.package
    assert (await elsewhere.ask("GET", path)).status_code == 404
    site.store.close_sitting(site.leader, "s1", "all have gone")
    assert (await here.ask("GET", path)).status_code == 404


async def test_answers_become_a_held_result_by_way_of_envelope_receipt_and_replay(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    pc = await site.open_pc("reading")
    driven = running("reading").take(lambda attempt: len(attempt.items))
    journal = site.journal(pc, ATTEMPT).write(events_of(driven, pc.id))
    receipt_key = VerifyKey.from_hex(site.store.public_keys()["receipt_key"])
    for data in journal.envelopes():
        answer = await pc.ask("POST", "/v1/envelopes", data)
        assert answer.status_code == 200, answer.text
        receipt = verify_receipt(answer.content, receipt_key)
        assert not receipt.is_conflict
        assert receipt.device == pc.id
    site.store.close()
    status = main(["score", str(site.store.folder.path), "--results-key", str(site.keys.folder / "results-1.key")])
    told = capsys.readouterr()
    assert status == 0, told.err
    assert "1 attempts scored, 1 new results held, 0 with findings." in told.out
    store = Store.open(site.store.folder.path)
    result = store.held_results()[0]
    store.close()
    assert (result.candidate, result.part, result.state, result.level) == ("100234", "reading", "held", "B2")
    assert result.data["modules"] == ["RM1", "RM2", "RM3", "FM-B1B2"]
    assert result.data["events"] == len(driven.journal)


async def test_orders_travel_signed_and_chained_and_a_waiting_pc_is_woken(site: Site) -> None:
    pc = await site.open_pc()
    known = OrderList("s1", VerifyKey.from_hex(site.store.public_keys()["order_key"]))
    known = known.extended((await pc.ask("GET", "/v1/orders?sitting=s1&after=0")).content)
    assert [order.kind for order in known.orders] == ["open"]
    site.store.start_part(site.leader, "s1", "listening")
    answer = await pc.ask("GET", "/v1/orders?sitting=s1&after=1&wait_ms=20000")
    known = known.extended(answer.content)
    assert [(order.kind, order.part, order.by) for order in known.orders[1:]] == [("start_part", "listening", "lars")]
