"""Loans that end otherwise than by a return, and what comes after them: not followed, and shown."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from pydantic import JsonValue

from centralstore.counter import perform
from centralstore.desk import CommandRequest
from centralstore.errors import LentError, NotNowError, UnknownDeviceError, WrongPasswordError
from centralstore.records import ContradictionView, LateRowView
from centralstore.relay.forwarding import forward, forwarding
from centralstore.relay.rows import Telling, TellingRow
from centralstore.rights import COMMAND_LINE
from centralstore.store import Store
from centralstore.words import Attendance, ContradictionKind, DeviceState, IncidentKind, LendingState, SittingState
from sync.delegation import relay_id
from sync.keys import VerifyKey
from sync.orders import OrderList, sign_orders
from sync.ticket import open_ticket
from tests.centralstore.lending import A, B, Lent, Line, borrow_s1, make_relay, run_room, until
from tests.centralstore.place import PASSWORD

pytestmark = pytest.mark.anyio


@pytest.fixture
async def again(lent: Lent) -> AsyncIterator[Lent]:
    """The first relay has opened the sitting, was taken back, and the sitting is lent to a second one."""
    lent.relay.open_sitting(lent.site.leader, "s1")
    lent.relay.unlock(lent.site.leader, "s1", "100234", "reading")
    lent.central.take_back(lent.site.leader, "s1", "stjålet")
    lent.site.clock.pass_minutes(1)
    other = make_relay(lent.site, "other")
    second = replace(lent, relay=other, relay_public=other.public("https://other.test:8443"))
    borrow_s1(second)
    yield second
    other.close()


def told_by(store: Store, after: int = 0) -> bytes:
    """The orders that a relay has, as they travel."""
    found = store.orders_after("s1", after)
    return found[0] if found is not None else b""


def id_of(store: Store) -> str:
    return relay_id(store._house.keys.ticket.public)


def list_at(store: Store) -> bytes:
    return store.signed_orders("s1", 0)[0]


def of_kind(lent: Lent, kind: ContradictionKind) -> list[ContradictionView]:
    return [each for each in lent.central.contradictions(lent.site.leader, "s1") if each.kind is kind]


def next_order(central: Store, *relays: Store) -> bytes:
    """An order that continues the central store's list, signed by the first of these relays."""
    own, *others = (VerifyKey.from_hex(each.public("https://x.test").order_key) for each in (central, *relays))
    known = OrderList("s1", own, also_by=tuple(others)).extended(list_at(central))
    later = known.following("unlock", by="lars", at_utc_ms=central.now_ms(), candidate="100251", part="reading")
    return sign_orders("s1", [later], relays[0]._house.keys.order)


async def offered(lent: Lent, giver: Store, data: bytes) -> None:
    """Told by the relay itself, and by a PC that heard it."""
    lent.central.take_relay_orders(id_of(giver), data)
    assert (await lent.pcs[0].ask("POST", "/v1/orders/heard", data)).status_code == 200


# --- orders -----------------------------------------------------------------------------------------------------------


async def test_a_relay_that_was_taken_back_adds_no_order_while_another_gives(lent: Lent, again: Lent) -> None:
    first, second, central = lent.relay, again.relay, lent.central
    forward(first, "s1", transport=Line(central))
    await offered(lent, first, told_by(first))
    assert central.signed_orders("s1", 0)[1] == 0
    assert central.board(lent.site.leader, "s1").sitting.state is SittingState.PLANNED
    shown = of_kind(lent, ContradictionKind.ORDER)
    assert [(each.told["number"], each.told["kind"], each.told["kept"]) for each in shown] == [
        (1, "open", ""), (2, "unlock", ""),
    ]  # fmt: skip

    second.open_sitting(lent.site.leader, "s1")
    again.forward()
    given = list_at(central)
    assert given == list_at(second)
    assert central.board(lent.site.leader, "s1").sitting.state is SittingState.OPENED
    await offered(lent, first, told_by(first))
    await offered(lent, first, next_order(central, first, second))
    assert list_at(central) == given
    assert len(of_kind(lent, ContradictionKind.ORDER)) == 3


async def test_nor_does_it_after_the_other_returned_or_was_taken_back_too(lent: Lent, again: Lent) -> None:
    first, second, central = lent.relay, again.relay, lent.central
    second.open_sitting(lent.site.leader, "s1")
    again.forward()
    given = list_at(central)
    central.take_back(lent.site.leader, "s1", "også borte")
    await offered(lent, first, next_order(central, first, second))
    assert list_at(central) == given
    second.give_back(lent.site.leader, "s1")
    again.forward()
    await offered(lent, first, next_order(central, first, second))
    assert list_at(central) == given
    central.unlock(lent.site.leader, "s1", "100234", "reading")
    given = list_at(central)
    for giver, other in ((first, second), (second, first)):
        await offered(lent, giver, next_order(central, giver, other))
    assert list_at(central) == given
    assert central.check_log().findings == ()


async def test_a_taken_back_relays_own_word_adds_nothing_and_what_pcs_heard_goes_on_until_somebody_gives(
    lent: Lent,
) -> None:
    relay, central, leader = lent.relay, lent.central, lent.site.leader
    relay.open_sitting(leader, "s1")
    heard = told_by(relay)
    relay.unlock(leader, "s1", "100234", "reading")
    central.take_back(leader, "s1", "stjålet")
    central.take_relay_orders(id_of(relay), told_by(relay))
    assert central.signed_orders("s1", 0)[1] == 0
    assert (await lent.pcs[0].ask("POST", "/v1/orders/heard", heard)).json() == {"last": 1}
    assert [each.told["number"] for each in of_kind(lent, ContradictionKind.ORDER)] == [2]
    central.unlock(leader, "s1", "100251", "reading")
    given = list_at(central)
    await offered(lent, relay, told_by(relay))
    await offered(lent, relay, next_order(central, relay))
    assert list_at(central) == given
    assert len(of_kind(lent, ContradictionKind.ORDER)) == 2


async def test_a_return_needs_its_own_last_order_whatever_else_contradicts(lent: Lent, again: Lent) -> None:
    forward(lent.relay, "s1", transport=Line(lent.central))
    again.relay.open_sitting(lent.site.leader, "s1")
    data = again.relay.give_back(lent.site.leader, "s1")
    with pytest.raises(NotNowError, match="an order is not here"):
        again.central.take_return(id_of(again.relay), "s1", data)
    assert again.forward().is_returned


# --- the same relay again ---------------------------------------------------------------------------------------------


async def test_a_relay_that_had_opened_goes_on_where_it_was_when_it_is_lent_the_sitting_again(lent: Lent) -> None:
    relay, central, leader = lent.relay, lent.central, lent.site.leader
    await run_room(lent)
    central.take_back(leader, "s1", "trodde den var borte")
    relay.give_back(leader, "s1")
    before, given = relay.board(leader, "s1"), list_at(relay)
    central.revoke_device(lent.site.manager, lent.pcs[1].id)
    relay.revoke_device(lent.site.manager, lent.pcs[0].id)
    assert borrow_s1(lent) is True
    after = relay.board(leader, "s1")
    assert after.sitting == before.sitting
    assert after.sitting.state is SittingState.OPENED
    assert [seat.attendance for seat in after.seats] == [seat.attendance for seat in before.seats]
    assert relay.device_keys(lent.pcs[0].id)[0].state is DeviceState.REVOKED
    with pytest.raises(NotNowError, match="it is opened"):
        relay.open_sitting(leader, "s1")
    number = relay.unlock(leader, "s1", "100266", "reading")
    lent.forward()
    assert central.signed_orders("s1", 0) == (list_at(relay), number)
    assert list_at(relay).startswith(given.partition(b'],"sitting"')[0])
    assert central.board(leader, "s1").sitting.state is SittingState.OPENED
    assert of_kind(lent, ContradictionKind.ORDER) == []


async def test_a_sitting_that_was_closed_at_the_relay_stays_closed_there_and_gets_no_secret_again(lent: Lent) -> None:
    relay, central, leader = lent.relay, lent.central, lent.site.leader
    relay.open_sitting(leader, "s1")
    relay.close_sitting(leader, "s1", "ingen kom")
    central.take_back(leader, "s1", "trodde den var borte")
    relay.give_back(leader, "s1")
    assert borrow_s1(lent) is True
    assert relay.board(leader, "s1").sitting.state is SittingState.CLOSED
    for target in ("/v1/device/share?sitting=s1", "/v1/device/grant?sitting=s1&release=norskprove-test.v1"):
        assert (await lent.at_relay(lent.pcs[0]).ask("GET", target)).status_code in {404, 409, 410}
    relay.give_back(leader, "s1")
    assert lent.forward().is_returned
    assert central.board(leader, "s1").sitting.state is SittingState.CLOSED
    view = central.lending(leader, "s1")
    assert view is not None
    assert (view.number, view.state) == (2, LendingState.RETURNED)


# --- rows told too late -----------------------------------------------------------------------------------------------


def late(lent: Lent, kind: str) -> list[LateRowView]:
    return [each for each in lent.central.late_rows(lent.site.leader, "s1") if each.kind == kind]


def everything(store: Store, lent: Lent) -> object:
    leader = lent.site.leader
    board = store.board(leader, "s1")
    seats = [(seat.candidate, seat.attendance, seat.progress) for seat in board.seats]
    parts = (store.incidents(leader, "s1"), store.deviations(leader, "s1"), store.exits(leader, "s1"))
    acts = [act for act in store.audit(COMMAND_LINE, sitting="s1") if "relay" in act.detail and act.act != "lend"]
    return board.sitting, seats, parts, store.reports(leader, sitting="s1"), store.told_attempts("s1"), acts


async def test_rows_told_after_the_sitting_was_taken_back_change_nothing_and_are_kept_and_shown(lent: Lent) -> None:
    await run_room(lent)
    lent.central.take_back(lent.site.leader, "s1", "stjålet")
    before = everything(lent.central, lent)
    lent.forward()
    assert everything(lent.central, lent) == before
    (shown,) = of_kind(lent, ContradictionKind.LATE_ROW)
    assert shown.subject == "relay"
    assert shown.told["progress"] == 2
    assert shown.told["incident"] == shown.told["report"] == 1
    assert [each.row["note"] for each in late(lent, "incident")] == ["lå på gulvet"]
    assert {each.row["attempt"] for each in late(lent, "progress")} == {A, B}
    assert {each.candidate for each in of_kind(lent, ContradictionKind.ATTENDANCE)} == {"100234", "100251"}
    count = len(lent.central.late_rows(lent.site.leader, "s1"))
    new: dict[str, JsonValue] = {
        "number": "100400",
        "name": "Ny",
        "is_protected": False,
        "login": "ny",
        "verifier": "$argon2id$x",
    }
    telling = Telling(sitting="s1", rows=(TellingRow(kind="candidate", source="100400", row=new),))
    assert lent.central.take_rows(id_of(lent.relay), telling) == 1
    assert lent.central.take_rows(id_of(lent.relay), telling) == 0
    (candidate,) = [each for each in late(lent, "candidate") if each.source == "100400"]
    assert candidate.row == {name: value for name, value in new.items() if name != "verifier"}
    loans = perform(lent.central, CommandRequest(name="loans", arguments={}))
    assert len(loans["late"]) == count + 1


async def test_rows_told_after_the_return_change_nothing(lent: Lent) -> None:
    await run_room(lent)
    lent.relay.give_back(lent.site.leader, "s1")
    lent.forward()
    before = everything(lent.central, lent)
    place: dict[str, JsonValue] = {
        "candidate": "100234",
        "seat": 1,
        "attendance": "no_show",
        "id_kind": "",
        "marked_by": "x",
        "marked_ms": 5,
    }
    level: dict[str, JsonValue] = {
        "candidate": "100234",
        "part": "reading",
        "level": "",
        "accommodation_ms": 0,
        "signed_delivered_ms": 7,
    }
    rows = tuple(
        TellingRow(kind=kind, source=source, row=row)
        for kind, source, row in (("place", "100234", place), ("enrolment", "100234 reading", level))
    )
    assert lent.central.take_rows(id_of(lent.relay), Telling(sitting="s1", rows=rows)) == 2
    assert everything(lent.central, lent) == before
    (found,) = of_kind(lent, ContradictionKind.ATTENDANCE)
    assert found.told == {"kept": "present by lars", "offered": "no_show by x"}
    assert len(lent.central.late_rows(lent.site.leader, "s1")) == 2


async def test_rows_of_a_relay_that_another_follows_change_nothing(lent: Lent, again: Lent) -> None:
    lent.relay.record_incident(
        lent.site.guard, "s1", "100251", "reading", kind=IncidentKind.MOBILE_PHONE, note="fra den første"
    )
    again.relay.record_incident(
        lent.site.guard, "s1", "100251", "reading", kind=IncidentKind.MOBILE_PHONE, note="fra den andre"
    )
    for relay in (lent.relay, again.relay):
        forward(relay, "s1", transport=Line(lent.central))
    assert [each.note for each in lent.central.incidents(lent.site.leader, "s1")] == ["fra den andre"]
    assert [each.row["note"] for each in late(lent, "incident")] == ["fra den første"]


# --- who was shut out meanwhile ---------------------------------------------------------------------------------------


async def test_a_pc_that_the_central_store_revoked_is_refused_by_the_relay_from_its_next_contact(lent: Lent) -> None:
    central, relay = lent.central, lent.relay
    revoked, other = (lent.at_relay(pc) for pc in lent.pcs)
    central.revoke_device(lent.site.manager, revoked.id)
    # Without a line the relay cannot know it.
    assert (await revoked.ask("GET", "/v1/device/ticket?sitting=s1")).status_code == 200
    lent.forward()
    answer = await revoked.ask("GET", "/v1/device/ticket?sitting=s1")
    assert (answer.status_code, answer.json()["code"]) == (401, "unknown_device")
    (envelope,) = lent.site.journal(revoked, A).write_keys(3).envelopes()
    with pytest.raises(UnknownDeviceError, match="was revoked"):
        relay.keep_envelope(envelope)
    assert (await other.ask("GET", "/v1/device/ticket?sitting=s1")).status_code == 200
    (act,) = [act for act in relay.audit(COMMAND_LINE, sitting="s1") if act.act == "revoked"]
    assert (act.user, act.detail) == (lent.central_public.name, {"device": revoked.id})
    assert relay.check_log().findings == ()
    lent.forward()
    assert len([act for act in relay.audit(COMMAND_LINE, sitting="s1") if act.act == "revoked"]) == 1


async def test_a_person_whose_access_the_central_store_took_away_has_none_at_the_relay_from_its_next_contact(
    lent: Lent,
) -> None:
    pc = lent.at_relay(lent.pcs[0])
    key = VerifyKey.from_hex(lent.relay_public.ticket_key)

    async def staff() -> set[str]:
        sealed = (await pc.ask("GET", "/v1/device/ticket?sitting=s1")).content
        now = lent.site.clock()
        ticket = open_ticket(sealed, sitting="s1", device=pc.id, box=pc.keys.box, ticket_key=key, now_utc_ms=now)
        return {each.user for each in ticket.staff}

    session = lent.relay.start_session(lent.relay.log_in("lars", PASSWORD))
    lent.central.withdraw_account(lent.site.manager, "lars")
    assert await staff() == {"lars", "mona", "vera"}
    lent.forward()
    assert await staff() == {"mona", "vera"}
    with pytest.raises(WrongPasswordError):
        lent.relay.log_in("lars", PASSWORD)
    assert lent.relay.session_actor(session) is None


async def test_a_running_relay_that_has_nothing_to_bring_asks_all_the_same(lent: Lent) -> None:
    lent.forward()
    line = Line(lent.central)
    with forwarding(lent.relay, turn_s=0.01, transport=line):
        await until(lambda: len(line.asked) > 6)
        lent.central.revoke_device(lent.site.manager, lent.pcs[0].id)
        await until(lambda: lent.relay.device_keys(lent.pcs[0].id)[0].state is DeviceState.REVOKED)


async def test_a_relay_that_learns_that_it_was_taken_back_gives_nothing_more(lent: Lent) -> None:
    relay, leader = lent.relay, lent.site.leader
    relay.open_sitting(leader, "s1")
    lent.central.take_back(leader, "s1", "stjålet")
    relay.mark_present(leader, "s1", "100234", "passport")
    lent.forward()
    with pytest.raises(LentError, match="returned to the central store"):
        relay.mark_present(leader, "s1", "100251", "passport")
    assert (await lent.at_relay(lent.pcs[0]).ask("GET", "/v1/device/ticket?sitting=s1")).json()["code"] == "lent"
    assert relay.board(leader, "s1").seats[0].attendance is Attendance.PRESENT
