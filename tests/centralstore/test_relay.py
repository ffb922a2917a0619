"""A sitting lent to a relay: given there and nowhere else, forwarded exactly once, and whole at the central store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from centralstore.errors import DamagedError, LentError, NotFoundError, NotNowError, StoreError, TakenError
from centralstore.evidence.bundle import OutFolder, export_bundle
from centralstore.records import NewCandidate, NewEnrolment, NewPlace
from centralstore.relay.forwarding import forward, forwarding
from centralstore.relay.loan import seal_loan
from centralstore.relay.rows import Telling, TellingRow
from centralstore.rights import COMMAND_LINE
from centralstore.words import Attendance, ContradictionKind, LendingState, SittingState
from sync.canonical import canonical_bytes, plain_of
from sync.delegation import open_delegation, open_recall
from sync.keys import BoxPublic, VerifyKey
from sync.orders import OrderList, sign_orders
from sync.receipt import verify_receipt
from sync.release import open_device_share, open_grant
from sync.ticket import open_ticket
from tests.centralstore.lending import A, B, Lent, Line, borrow_s1, make_relay, run_room
from tests.centralstore.place import RELEASE, Site, events_of
from tests.strategies import running
from verifier.main import main as verify

pytestmark = pytest.mark.anyio


def close(lent: Lent) -> None:
    lent.relay.close_sitting(lent.site.leader, "s1", "strømbrudd")


def told(lent: Lent, of_relay: bool) -> dict[str, object]:
    """Everything that staff sees of the sitting at one of the two stores."""
    store, leader = (lent.relay if of_relay else lent.central), lent.site.leader
    board = store.board(leader, "s1")
    sitting = replace(board.sitting, signed_by="", signed_ms=0)
    incidents = [(each.candidate, each.kind, each.note, each.at_ms, each.by) for each in store.incidents(leader, "s1")]
    return {
        "sitting": sitting,
        "seats": [replace(seat, progress=None) for seat in board.seats],
        "progress": [seat.progress for seat in board.seats],
        "orders": store.orders(leader, "s1"),
        "exits": store.exits(leader, "s1"),
        "deviations": store.deviations(leader, "s1"),
        "incidents": incidents,
        "reports": [(each.text, each.at_ms, each.by) for each in store.reports(leader, sitting="s1")],
        "signed orders": store.signed_orders("s1", 0),
        "attempts": store.told_attempts("s1"),
        "envelopes": {attempt: store.envelopes(attempt) for _, attempt in store.kept_attempts("s1")},
    }


# --- lending ----------------------------------------------------------------------------------------------------------


async def test_while_a_sitting_is_lent_nothing_is_given_for_it_here(lent: Lent) -> None:
    central, leader, pc = lent.central, lent.site.leader, lent.pcs[0]
    refused = (
        lambda: central.open_sitting(leader, "s1"),
        lambda: central.mark_present(leader, "s1", "100234", "passport"),
        lambda: central.unlock(leader, "s1", "100234", "reading"),
        lambda: central.close_sitting(leader, "s1"),
        lambda: central.add_place(lent.site.manager, NewPlace("s1", "100234", 9, (NewEnrolment("reading"),))),
        lent.site.grant,
    )
    for act in refused:
        with pytest.raises(LentError, match=r"lent to the relay relay at https://relay\.test:8443"):
            act()
    for target in ("/v1/device/ticket?sitting=s1", "/v1/device/share?sitting=s1"):
        answer = await pc.ask("GET", target)
        assert (answer.status_code, answer.json()["code"]) == (409, "lent")
        assert "relay at https://relay.test:8443" in answer.json()["error"]
    assert central.signed_orders("s1", 0)[1] == 0
    assert (await pc.ask("GET", "/v1/device/sittings")).json()[0]["lent"] == 1


async def test_the_pc_is_told_where_by_a_delegation_that_its_pinned_key_signed(lent: Lent) -> None:
    pc = lent.pcs[0]
    answer = await pc.ask("GET", "/v1/device/delegation?sitting=s1")
    key = VerifyKey.from_hex(lent.central_public.ticket_key)
    found = open_delegation(answer.content, sitting="s1", ticket_key=key, now_utc_ms=lent.site.clock())
    assert (found.url, found.ca_pem) == (lent.relay_public.url, lent.relay_public.ca_pem)
    assert (found.order_key, found.receipt_key) == (lent.relay_public.order_key, lent.relay_public.receipt_key)


async def test_the_relay_gives_ticket_share_and_day_code_alone(lent: Lent) -> None:
    pc, relay, site = lent.at_relay(lent.pcs[0]), lent.relay, lent.site
    key = VerifyKey.from_hex(lent.relay_public.ticket_key)
    sealed = (await pc.ask("GET", "/v1/device/ticket?sitting=s1")).content
    now = site.clock()
    ticket = open_ticket(sealed, sitting="s1", device=pc.id, box=pc.keys.box, ticket_key=key, now_utc_ms=now)
    assert {each.number for each in ticket.candidates} == {"100234", "100251", "100266"}
    assert {each.user for each in ticket.staff} == {"lars", "mona", "vera"}
    assert relay.day_code(site.leader, "s1") == lent.central.day_code(site.leader, "s1")
    assert relay.log_in("lars", "en lang setning").user == "lars"

    assert (await pc.ask("GET", "/v1/device/share?sitting=s1")).status_code == 409
    relay.open_sitting(site.leader, "s1")
    data = (await pc.ask("GET", "/v1/device/share?sitting=s1")).content
    share = open_device_share(data, sitting="s1", device=pc.id, box=pc.keys.box, ticket_key=key)
    grant = (await pc.ask("GET", f"/v1/device/grant?sitting=s1&release={RELEASE}")).content
    opened = open_grant(
        grant, sitting="s1", device=pc.id, release=RELEASE, keys=pc.keys, release_share=share,
        content_key=site.keys.signing_key().public, now_utc_ms=site.clock(),
    )  # fmt: skip
    assert opened.content_key == site.keys.content_key(RELEASE)


async def test_a_loan_taken_in_twice_changes_nothing_that_happened_since(lent: Lent) -> None:
    lent.relay.open_sitting(lent.site.leader, "s1")
    lent.relay.mark_present(lent.site.leader, "s1", "100234", "passport")
    assert borrow_s1(lent) is False
    board = lent.relay.board(lent.site.leader, "s1")
    assert board.sitting.state is SittingState.OPENED
    assert board.seats[0].attendance is Attendance.PRESENT


async def test_a_loan_is_taken_only_whole_from_the_central_store_and_by_its_relay(site: Site) -> None:
    await site.ready_pc()
    relay, other = make_relay(site), make_relay(site, "other")
    central = site.store.public("https://central.test:8443")
    files = site.store.lend(site.manager, "s1", relay.public("https://relay.test:8443"))
    with pytest.raises(DamagedError, match="cannot be opened"):
        other.open_loan(files.loan, central)
    with pytest.raises(DamagedError, match="not signed by"):
        relay.open_loan(files.loan, other.public("https://central.test:8443"))
    with pytest.raises(NotNowError, match="it is lent to relay"):
        site.store.lend(site.manager, "s1", other.public("https://other.test:8443"))
    for place in range(0, len(files.loan), len(files.loan) // 40):
        changed = bytearray(files.loan)
        changed[place] ^= 1
        with pytest.raises(DamagedError):
            relay.open_loan(bytes(changed), central)
    loan = relay.open_loan(files.loan, central)
    ticket_key = site.store._house.keys.ticket
    for wrong in (
        loan.model_copy(update={"number": 2}),
        loan.model_copy(update={"recovery_public": "ab" * 32}),
        loan.model_copy(update={"sitting": "s2"}),
    ):
        forged = relay.open_loan(
            seal_loan(wrong, BoxPublic.from_hex(relay.public("https://r").box_key), ticket_key), central
        )
        with pytest.raises(DamagedError):
            relay.borrow(COMMAND_LINE, forged, central)
    relay.close()
    other.close()


async def test_a_sitting_is_lent_only_planned_with_grants_and_never_to_itself(site: Site) -> None:
    relay = make_relay(site)
    public = relay.public("https://relay.test:8443")
    with pytest.raises(NotNowError, match="grants are not here"):
        site.store.lend(site.manager, "s1", public)
    await site.ready_pc()
    with pytest.raises(DamagedError, match="own"):
        site.store.lend(site.manager, "s1", site.store.public("https://relay.test:8443"))
    with pytest.raises(StoreError, match="may not lend"):
        site.store.lend(site.leader, "s1", public)
    site.store.open_sitting(site.leader, "s1")
    with pytest.raises(NotNowError, match="it is opened"):
        site.store.lend(site.manager, "s1", public)
    relay.close()


async def test_a_store_that_has_a_sitting_of_that_name_does_not_borrow_it(lent: Lent) -> None:
    other = lent.central
    files = other.lend(lent.site.manager, "s1", lent.relay_public)
    loan = lent.relay.open_loan(files.loan, lent.central_public)
    with pytest.raises((TakenError, DamagedError)):
        other.borrow(COMMAND_LINE, loan, lent.central_public)


async def test_a_relay_enrols_no_pc_for_a_borrowed_room(lent: Lent) -> None:
    with pytest.raises(NotNowError, match="central store would not know the PC"):
        lent.relay.make_token(lent.site.manager, "oslo", "r1")


# --- forwarding -------------------------------------------------------------------------------------------------------


async def test_what_the_relay_kept_is_at_the_central_store_byte_for_byte_and_once(lent: Lent) -> None:
    sent = await run_room(lent)
    close(lent)
    done = lent.forward()
    assert done.refused == {}
    assert {attempt: list(lent.central.envelopes(attempt)) for attempt in sent} == sent
    assert told(lent, of_relay=False) == told(lent, of_relay=True)
    view = lent.relay.borrowing("s1")
    assert view is not None
    assert view.forwarded == view.kept == sum(map(len, sent.values())) > 2

    again = lent.forward()
    assert (again.envelopes, again.orders, again.refused) == (0, 0, {})
    assert told(lent, of_relay=False) == told(lent, of_relay=True)


async def test_every_forwarded_envelope_has_the_central_stores_own_receipt(lent: Lent) -> None:
    sent = await run_room(lent)
    lent.forward()
    key = VerifyKey.from_hex(lent.central_public.receipt_key)
    for attempt in sent:
        pc = lent.pcs[0] if attempt == A else lent.pcs[1]
        found = (await pc.ask("GET", f"/v1/receipts?attempt={attempt}")).json()
        receipts = [verify_receipt(canonical_bytes(each), key) for each in found]
        assert [each.sha256 for each in receipts] == [sha for sha, _ in kept_at_relay(lent, attempt)]


def kept_at_relay(lent: Lent, attempt: str) -> list[tuple[str, bytes]]:
    from sync.envelope import envelope_sha256

    return [(envelope_sha256(data), data) for data in lent.relay.envelopes(attempt)]


async def test_a_line_cut_at_every_request_before_or_after_it_was_done_costs_only_sending_again(lent: Lent) -> None:
    await run_room(lent)
    close(lent)
    lent.relay.give_back(lent.site.leader, "s1")
    cuts = cut_at = 0
    while broken := [lent.forward_cut(cut_at, loses_answer=loses) for loses in (False, True)].count(True):
        lent.restart_relay()
        cuts, cut_at = cuts + broken, cut_at + 1
    assert cuts >= 10
    assert told(lent, of_relay=False) == told(lent, of_relay=True)
    audit = [
        row for row in lent.central.audit(COMMAND_LINE, sitting="s1") if "relay" in row.detail and row.act != "lend"
    ]
    ours = lent.relay.audit(COMMAND_LINE, sitting="s1")
    assert [(row.at_ms, row.user, row.act) for row in audit] == [(row.at_ms, row.user, row.act) for row in ours][
        : len(audit)
    ]


async def test_news_after_the_first_forwarding_follow(lent: Lent) -> None:
    await run_room(lent)
    lent.forward()
    incident = lent.relay.incidents(lent.site.leader, "s1")[0]
    assert incident.leader_seen_ms
    lent.site.clock.pass_minutes(5)
    pc = replace(lent.at_relay(lent.pcs[0]), sequence=7)
    await pc.ask("POST", "/v1/progress", pc.report(phase="submitted"))
    close(lent)
    lent.forward()
    assert told(lent, of_relay=False) == told(lent, of_relay=True)
    assert [each.leader_seen_ms for each in lent.central.incidents(COMMAND_LINE, "s1")] == [incident.leader_seen_ms]
    assert len(lent.central.incidents(COMMAND_LINE, "s1")) == 1


async def test_a_conflict_at_the_relay_is_one_at_the_central_store(lent: Lent) -> None:
    from sync.segment import RecordSealer, encode_preamble
    from tests.centralstore.place import Journal

    await run_room(lent)
    pc = lent.at_relay(lent.pcs[0])
    journal = lent.site.journal(pc, "c" * 32)
    (first,) = journal.write(events_of(running("reading"), pc.id, attempt="c" * 32)).envelopes()
    block = encode_preamble(journal.segment.preamble)
    other = Journal(pc, journal.segment, RecordSealer(journal.segment), bytearray(block + block))
    (second,) = other.write(events_of(running("reading"), pc.id, attempt="c" * 32, candidate="100266")).envelopes()
    await pc.ask("POST", "/v1/envelopes", first)
    assert (await pc.ask("POST", "/v1/envelopes", second)).status_code == 409
    done = lent.forward()
    assert done.conflicts == 1
    leader = lent.site.leader
    at_central, at_relay = lent.central.conflicts(leader, "s1"), lent.relay.conflicts(leader, "s1")
    assert [replace(each, at_ms=0) for each in at_central] == [replace(each, at_ms=0) for each in at_relay]
    assert lent.forward().envelopes == 0


async def test_a_pc_may_deliver_straight_to_the_central_store_at_any_time(lent: Lent) -> None:
    sent = await run_room(lent)
    for envelope in sent[A]:
        assert (await lent.pcs[0].ask("POST", "/v1/envelopes", envelope)).status_code == 200
    done = lent.forward()
    assert done.refused == {}
    assert {attempt: list(lent.central.envelopes(attempt)) for attempt in sent} == sent


async def test_a_candidate_added_at_the_relay_comes_over_and_one_who_is_somebody_else_there_is_shown(
    lent: Lent,
) -> None:
    relay, central, manager = lent.relay, lent.central, lent.site.manager
    for number, login in (("100301", "nyankomen"), ("100302", "opptatt")):
        relay.add_candidate(manager, NewCandidate(number, f"Kandidat {number}", False, login, "blå stol 41"))
        relay.add_place(manager, NewPlace("s1", number, int(number) - 100290, (NewEnrolment("reading"),)))
    central.add_candidate(manager, NewCandidate("100400", "En annen", False, "opptatt", "blå stol 41"))
    assert lent.forward().refused == {}
    seats = {seat.candidate: seat for seat in central.board(manager, "s1").seats}
    assert seats["100301"].name == "Kandidat 100301"
    (found,) = central.contradictions(manager, "s1")
    assert (found.kind, found.candidate) == (ContradictionKind.CANDIDATE, "100302")
    assert lent.forward().rows == 0


async def test_what_the_central_store_refuses_is_told_kept_and_holds_nothing_else_up(lent: Lent) -> None:
    sent = await run_room(lent)
    lent.central.revoke_device(lent.site.manager, lent.pcs[0].id)
    done = lent.forward()
    assert len(done.refused) == len(sent[A])
    assert all("was revoked" in sentence for sentence in done.refused.values())
    assert list(lent.central.envelopes(B)) == sent[B]
    assert list(lent.relay.envelopes(A)) == sent[A]
    view = lent.relay.borrowing("s1")
    assert view is not None
    assert view.kept - view.forwarded == len(sent[A])


async def test_only_the_relay_that_has_it_writes_to_a_sitting_and_only_with_its_key(lent: Lent) -> None:
    await run_room(lent)
    stranger = make_relay(lent.site, "stranger")
    data, _ = lent.relay.orders_after("s1", 0) or (b"", 0)
    forged = sign_orders("s1", [each.order for each in _orders(data, lent).signed], stranger._house.keys.order)
    mine = lent.central._house.keys.ticket
    from sync.delegation import relay_id

    relay = relay_id(VerifyKey.from_hex(lent.relay_public.ticket_key))
    with pytest.raises(DamagedError, match="not signed"):
        lent.central.take_relay_orders(relay, forged)
    assert lent.central.signed_orders("s1", 0)[1] == 0
    with pytest.raises(NotFoundError):
        lent.central.take_rows(relay, Telling(sitting="s2", rows=()))
    other = relay_id(stranger._house.keys.ticket.public)  # of a store that has another sitting
    refused: list[Callable[[], object]] = [
        lambda: lent.central.relay_standing(other, "s1"),
        lambda: lent.central.take_relay_orders(other, data),
        lambda: lent.central.take_rows(other, Telling(sitting="s1", rows=())),
        lambda: lent.central.take_return(other, "s1", b""),
        lambda: lent.central.take_heard_orders(replace(lent.central.device_keys(lent.pcs[0].id)[0], room="r2"), data),
    ]
    for ask in refused:
        with pytest.raises(NotFoundError):
            ask()
    with pytest.raises(DamagedError, match="kind 'account'"):
        lent.central.take_rows(relay, Telling(sitting="s1", rows=(TellingRow(kind="account", source="x", row={}),)))
    row = TellingRow(kind="place", source="100234", row={"candidate": "100234", "seat": "1"})
    with pytest.raises(DamagedError, match="field"):
        lent.central.take_rows(relay, Telling(sitting="s1", rows=(row,)))
    body = canonical_bytes(plain_of(Telling(sitting="s1", rows=())))
    from sync.requests import sign_request

    now = lent.site.clock()
    headers = sign_request(device=relay, key=mine, method="POST", path="/v1/relay/rows", body=body, now_utc_ms=now)
    answer = await lent.site.http.post("/v1/relay/rows", content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "signature")
    headers = lent.relay.sign_relay_request(method="POST", path="/v1/relay/rows", body=body, now_utc_ms=now)
    assert (await lent.site.http.post("/v1/relay/rows", content=body, headers=headers)).status_code == 200
    assert (await lent.site.http.post("/v1/relay/rows", content=body, headers=headers)).json()["code"] == "replayed"
    stranger.close()


def _orders(data: bytes, lent: Lent) -> OrderList:
    return OrderList("s1", VerifyKey.from_hex(lent.relay_public.order_key)).extended(data)


# --- having it back ---------------------------------------------------------------------------------------------------


async def test_after_the_return_the_central_store_gives_again_and_the_relay_nothing_more(lent: Lent) -> None:
    await run_room(lent)
    lent.relay.give_back(lent.site.leader, "s1")
    with pytest.raises(LentError, match="returned to the central store"):
        lent.relay.unlock(lent.site.leader, "s1", "100234", "reading")
    assert (await lent.at_relay(lent.pcs[0]).ask("GET", "/v1/device/ticket?sitting=s1")).json()["code"] == "lent"
    lent.forward()
    view = lent.central.lending(lent.site.leader, "s1")
    assert view is not None
    assert view.state is LendingState.RETURNED
    number = lent.central.unlock(lent.site.leader, "s1", "100234", "reading")
    data, count = lent.central.signed_orders("s1", 0)
    assert count == number
    keys = [VerifyKey.from_hex(public.order_key) for public in (lent.central_public, lent.relay_public)]
    assert OrderList("s1", keys[0], also_by=(keys[1],)).extended(data).last_number == number
    answer = await lent.pcs[0].ask("GET", "/v1/device/delegation?sitting=s1")
    recall = open_recall(answer.content, sitting="s1", ticket_key=VerifyKey.from_hex(lent.central_public.ticket_key))
    assert recall.number == 1
    assert (await lent.pcs[0].ask("GET", "/v1/device/share?sitting=s1")).status_code == 200


async def test_after_its_return_a_relay_gives_no_order_that_counts(lent: Lent) -> None:
    await run_room(lent)
    lent.relay.give_back(lent.site.leader, "s1")
    lent.forward()
    before, _ = lent.central.signed_orders("s1", 0)
    own, key = (VerifyKey.from_hex(public.order_key) for public in (lent.central_public, lent.relay_public))
    known = OrderList("s1", own, also_by=(key,)).extended(before)
    later = known.following("close", by="leader", at_utc_ms=lent.site.clock())
    late = sign_orders("s1", [later], lent.relay._house.keys.order)
    from sync.delegation import relay_id

    relay = relay_id(VerifyKey.from_hex(lent.relay_public.ticket_key))
    assert lent.central.take_relay_orders(relay, late) == known.last_number
    assert lent.central.take_heard_orders(lent.central.device_keys(lent.pcs[0].id)[0], late) == known.last_number
    assert lent.central.signed_orders("s1", 0)[0] == before
    assert lent.central.board(lent.site.leader, "s1").sitting.state is SittingState.OPENED
    (found,) = lent.central.contradictions(lent.site.leader, "s1")
    assert found.kind is ContradictionKind.ORDER
    assert lent.central.take_relay_orders(relay, before) == known.last_number


async def test_a_return_is_not_taken_while_anything_of_it_is_missing(lent: Lent) -> None:
    await run_room(lent)
    data = lent.relay.give_back(lent.site.leader, "s1")
    assert lent.relay.give_back(lent.site.leader, "s1") == data
    from sync.delegation import relay_id

    relay = relay_id(VerifyKey.from_hex(lent.relay_public.ticket_key))
    with pytest.raises(NotNowError, match="an order is not here"):
        lent.central.take_return(relay, "s1", data)
    orders, _ = lent.relay.orders_after("s1", 0) or (b"", 0)
    lent.central.take_relay_orders(relay, orders)
    with pytest.raises(NotNowError, match="envelopes are not here"):
        lent.central.take_return(relay, "s1", data)
    with pytest.raises(LentError):
        lent.central.unlock(lent.site.leader, "s1", "100234", "reading")
    lent.forward()
    assert lent.central.take_return(relay, "s1", data)


async def test_a_sitting_is_taken_back_from_a_dead_relay_by_name_and_with_a_reason(lent: Lent) -> None:
    with pytest.raises(NotNowError, match="no reason"):
        lent.central.take_back(lent.site.leader, "s1", " ")
    with pytest.raises(StoreError, match="may not take"):
        lent.central.take_back(lent.site.guard, "s1", "borte")
    lent.central.take_back(lent.site.leader, "s1", "PC-en falt i gulvet")
    row = lent.central.audit(COMMAND_LINE, sitting="s1")[-1]
    assert (row.user, row.act, row.detail["reason"]) == ("lars", "take_back", "PC-en falt i gulvet")
    lent.central.open_sitting(lent.site.leader, "s1")
    assert (await lent.pcs[0].ask("GET", "/v1/device/ticket?sitting=s1")).status_code == 200


async def test_after_a_dead_relay_the_orders_that_a_pc_heard_go_on_and_contradictions_are_shown(lent: Lent) -> None:
    await run_room(lent)
    leader = lent.site.leader
    heard, last = lent.relay.orders_after("s1", 0) or (b"", 0)
    late = lent.relay.unlock(leader, "s1", "100251", "reading")
    lent.central.take_back(leader, "s1", "stjålet")
    answer = await lent.pcs[0].ask("POST", "/v1/orders/heard", heard)
    assert answer.json() == {"last": last}
    assert lent.central.board(leader, "s1").sitting.state is SittingState.OPENED
    lent.central.mark_present(leader, "s1", "100266", "passport")
    lent.relay.mark_no_show(leader, "s1", "100266")
    assert lent.central.unlock(leader, "s1", "100234", "reading") == late
    await lent.pcs[0].ask("POST", "/v1/progress", lent.pcs[0].report(attempt="d" * 32, candidate="100251"))

    lent.forward()
    lent.forward()
    found = lent.central.contradictions(leader, "s1")
    (order,) = [each for each in found if each.kind is ContradictionKind.ORDER]
    assert order.told["number"] == late
    marked = {each.candidate for each in found if each.kind is ContradictionKind.ATTENDANCE}
    assert marked == {"100234", "100251", "100266"}
    (two,) = [each for each in found if each.kind is ContradictionKind.TWO_ATTEMPTS]
    assert set(two.told) == {B, "d" * 32}
    (late_rows,) = [each for each in found if each.kind is ContradictionKind.LATE_ROW]
    assert late_rows.subject == "relay"
    assert len(found) == 6
    seats = {seat.candidate: seat for seat in lent.central.board(leader, "s1").seats}
    assert seats["100266"].attendance is Attendance.PRESENT
    assert lent.central.signed_orders("s1", 0)[1] == late


async def test_a_sitting_that_came_back_can_be_lent_again(lent: Lent) -> None:
    lent.relay.give_back(lent.site.leader, "s1")
    lent.forward()
    assert borrow_s1(lent) is True
    view = lent.central.lending(lent.site.leader, "s1")
    assert view is not None
    assert (view.number, view.state) == (2, LendingState.LENT)
    lent.relay.open_sitting(lent.site.leader, "s1")
    lent.forward()
    assert lent.central.board(lent.site.leader, "s1").sitting.state is SittingState.OPENED


# --- what others see of it --------------------------------------------------------------------------------------------


async def test_the_exported_sitting_is_found_right_by_the_independent_verifier_and_both_logs_are_whole(
    lent: Lent, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await run_room(lent)
    close(lent)
    lent.relay.give_back(lent.site.leader, "s1")
    lent.forward()
    for store in (lent.central, lent.relay):
        assert store.check_log().findings == ()
    export_bundle(lent.central, "s1", OutFolder(tmp_path / "bundle"), checkpoint=lent.central.checkpoint)
    status = verify([str(tmp_path / "bundle")])
    told = capsys.readouterr().out
    assert status == 0, told
    assert "delegations to relays" in told


async def test_a_running_relay_forwards_by_itself_as_soon_as_there_is_a_line(lent: Lent) -> None:
    sent = await run_room(lent)
    line = Line(lent.central)
    line.cut_at = 0
    with forwarding(lent.relay, turn_s=0.01, transport=line):
        for _ in range(3000):
            view = lent.relay.borrowing("s1")
            if view is not None and view.forwarded == view.kept:
                break
            await asyncio.sleep(0.01)
    assert {attempt: list(lent.central.envelopes(attempt)) for attempt in sent} == sent


async def test_the_line_of_these_tests_is_the_real_service(lent: Lent) -> None:
    line = Line(lent.central)
    await run_room(lent)
    forward(lent.relay, "s1", transport=line)
    assert {each.split()[1] for each in line.asked} >= {"/v1/relay/orders", "/v1/relay/envelopes", "/v1/relay/rows"}
