"""Orders: who may give them, what they need, and what they do at the store."""

from __future__ import annotations

import base64

import pytest

from centralstore.errors import FieldError, NoRightError, NotFoundError, NotNowError
from centralstore.rights import Actor
from centralstore.store.orders import LAST_NUMBER
from centralstore.words import Role
from sync.canonical import MAX_INT
from sync.keys import VerifyKey
from sync.orders import OrderList
from tests.centralstore.place import RELEASE, Pc, Site, events_of, json_bytes
from tests.strategies import running

pytestmark = pytest.mark.anyio

ATTEMPT = "a" * 32


def verified(site: Site) -> OrderList:
    """The sitting's orders as a PC accepts them."""
    data, _ = site.store.signed_orders("s1", 0)
    return OrderList("s1", VerifyKey.from_hex(site.store.public_keys()["order_key"])).extended(data)


async def in_reading(site: Site) -> Pc:
    pc = await site.open_pc("reading")
    await pc.ask("POST", "/v1/progress", pc.report())
    return pc


@pytest.mark.rule("NP-4.10-1")
@pytest.mark.parametrize("number", [LAST_NUMBER, LAST_NUMBER + 1, MAX_INT])
async def test_a_number_that_no_order_has_is_answered_and_not_asked_of_the_database(site: Site, number: int) -> None:
    pc = await site.open_pc()
    listed = await pc.ask("GET", f"/v1/orders?sitting=s1&after={number}")
    assert (listed.status_code, listed.json()["orders"]) == (200, [])
    told = {"sitting": "s1", "number": number, "device": pc.id, "applied_at_ms": 1}
    answer = await pc.ask("POST", "/v1/orders/ack", json_bytes(told))
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_a_broken_off_part_is_reset_by_the_site_and_by_nobody_else(site: Site) -> None:
    await in_reading(site)
    for stranger in (site.guard, Actor("amina", Role.NATIONAL, "", ""), Actor("bo", Role.TEST_MANAGER, "bergen", "")):
        with pytest.raises(NoRightError):
            site.store.reset(stranger, "s1", "100234", "reading", consent="muntlig 10.05", reason="strømbrudd")
    site.store.reset(site.manager, "s1", "100234", "reading", consent="muntlig 10.05", reason="strømbrudd")
    order = verified(site).orders[-1]
    assert (order.kind, order.candidate, order.part, order.data["attempt"]) == ("reset", "100234", "reading", ATTEMPT)
    entry = site.store.board(site.leader, "s1").seats[0].entries[1]
    assert (entry.attempt, entry.phase) == ("", "")


@pytest.mark.rule("NP-4.10-2")
async def test_nothing_is_reset_without_recorded_consent(site: Site) -> None:
    await in_reading(site)
    before = verified(site).last_number
    with pytest.raises(FieldError, match="none is recorded"):
        site.store.reset(site.leader, "s1", "100234", "reading", consent=" ", reason="strømbrudd")
    assert verified(site).last_number == before
    site.store.reset(site.leader, "s1", "100234", "reading", consent="skjema signert", reason="strømbrudd")
    assert verified(site).orders[-1].data["consent"] == "skjema signert"


@pytest.mark.rule("NP-4.11-6")
async def test_illegal_aids_lead_to_expulsion_at_once_and_the_running_part_is_closed(site: Site) -> None:
    await in_reading(site)
    site.store.expel(site.leader, "s1", "100234", "reading", reason="mobiltelefon")
    assert verified(site).orders[-1].kind == "expel"
    assert site.store.board(site.leader, "s1").seats[0].entries[1].phase == "expelled"
    with pytest.raises(FieldError, match="reason"):
        site.store.expel(site.leader, "s1", "100251", "reading", reason="")


async def test_extra_time_needs_a_reason_a_running_part_and_a_part_that_allows_it(site: Site) -> None:
    pc = await in_reading(site)
    minutes = {"extra_ms": 360_000, "reason": "brannalarm"}
    site.store.give_extra_time(site.leader, "s1", "100234", "reading", extra_ms=360_000, reason="brannalarm")
    order = verified(site).orders[-1]
    assert (order.kind, order.data, order.reason) == ("extra_time", {"extra_ms": 360_000}, "brannalarm")
    assert site.store.board(site.leader, "s1").seats[0].extra_ms == minutes["extra_ms"]
    with pytest.raises(NotNowError, match="the part is not running"):
        site.store.give_extra_time(site.leader, "s1", "100251", "reading", extra_ms=360_000, reason="brannalarm")
    with pytest.raises(FieldError, match="reason"):
        site.store.give_extra_time(site.leader, "s1", "100234", "reading", extra_ms=360_000, reason="")
    with pytest.raises(FieldError, match="not a time to give"):
        site.store.give_extra_time(site.leader, "s1", "100234", "reading", extra_ms=0, reason="brannalarm")
    await pc.ask("POST", "/v1/progress", pc.report(attempt="b" * 32, part="listening"))
    with pytest.raises(NotNowError, match="this part allows none"):
        site.store.give_extra_time(site.leader, "s1", "100234", "listening", extra_ms=360_000, reason="brannalarm")


async def test_a_part_starts_once_in_its_turn_and_names_who_is_present(site: Site) -> None:
    await site.open_pc()
    site.store.mark_present(site.guard, "s1", "100251", "known")
    with pytest.raises(NotNowError, match="listening is next"):
        site.store.start_part(site.leader, "s1", "reading")
    with pytest.raises(NotFoundError):
        site.store.start_part(site.leader, "s1", "oral")
    site.store.start_part(site.leader, "s1", "listening")
    assert verified(site).orders[-1].data == {"present_1": "100251"}
    with pytest.raises(NotNowError, match="reading is next"):
        site.store.start_part(site.leader, "s1", "listening")


async def test_a_sitting_opens_once_and_only_with_its_grants(site: Site) -> None:
    with pytest.raises(NotNowError, match="its grants are not here"):
        site.store.open_sitting(site.leader, "s1")
    await site.open_pc()
    with pytest.raises(NotNowError, match="it is opened"):
        site.store.open_sitting(site.leader, "s1")


async def test_closing_deletes_share_and_grants_and_tells_them_gone(site: Site) -> None:
    pc = await in_reading(site)
    with pytest.raises(NotNowError, match="100234 are not finished"):
        site.store.close_sitting(site.leader, "s1")
    site.store.close_sitting(site.leader, "s1", "PC-en er ødelagt, prøven tas på nytt")
    for target in (
        "/v1/device/share?sitting=s1",
        f"/v1/device/grant?sitting=s1&release={RELEASE}",
        "/v1/device/ticket?sitting=s1",
    ):
        answer = await pc.ask("GET", target)
        assert (answer.status_code, answer.json()["code"]) == (410, "gone"), target
    assert verified(site).orders[-1].kind == "close"
    with pytest.raises(NotNowError, match="it is closed"):
        site.store.unlock(site.leader, "s1", "100234", "reading")


async def test_an_acknowledged_order_is_confirmed_once_and_by_its_own_pc(site: Site) -> None:
    pc = await in_reading(site)
    number = site.store.unlock(site.leader, "s1", "100234", "reading")
    assert site.store.board(site.leader, "s1").seats[0].unconfirmed_orders == (number,)
    told = b'{"applied_at_ms":5,"device":"%s","number":%d,"sitting":"s1"}' % (pc.id.encode(), number)
    assert (await pc.ask("POST", "/v1/orders/ack", told)).status_code == 200
    assert (await pc.ask("POST", "/v1/orders/ack", told)).status_code == 200
    assert site.store.board(site.leader, "s1").seats[0].unconfirmed_orders == ()
    assert site.store.orders(site.leader, "s1")[-1].applied_by == (pc.id,)
    forged = told.replace(pc.id.encode(), b"pc-0")
    assert (await pc.ask("POST", "/v1/orders/ack", forged)).status_code == 400
    assert (await pc.ask("POST", "/v1/orders/ack", told.replace(b'"number":', b'"number":99'))).status_code == 404


async def test_another_pc_gets_an_attempt_only_by_the_test_leaders_order(site: Site) -> None:
    first = await site.enrol("PC 7")
    second = await site.enrol("PC 8")
    site.grant()
    site.store.open_sitting(site.leader, "s1")
    for part in ("listening", "reading"):
        site.store.start_part(site.leader, "s1", part)
    sent = site.journal(first, ATTEMPT).write(events_of(running("reading"), first.id)).envelopes()
    for data in sent:
        await first.ask("POST", "/v1/envelopes", data)
    await first.ask("POST", "/v1/progress", first.report())
    refused = await second.ask("GET", f"/v1/attempts/{ATTEMPT}/envelopes")
    assert (refused.status_code, refused.json()["code"]) == (409, "wrong_state")
    stranger = await site.enrol("PC 9", is_cleared=False)
    with pytest.raises(NotNowError, match="not cleared for this room"):
        site.store.permit_handover(
            site.leader, "s1", "100234", "reading", to_device=stranger.id, reason="skjermen er svart"
        )
    site.store.permit_handover(site.leader, "s1", "100234", "reading", to_device=second.id, reason="skjermen er svart")
    answer = await second.ask("GET", f"/v1/attempts/{ATTEMPT}/envelopes")
    assert [base64.b64decode(each) for each in answer.json()] == sent
    still_refused = await first.ask("GET", f"/v1/attempts/{ATTEMPT}/envelopes")
    assert still_refused.status_code == 409


async def test_an_order_for_any_pc_is_for_those_of_the_room_and_each_speaks_for_itself_alone(site: Site) -> None:
    first = await site.enrol("PC 7")
    elsewhere = await site.enrol("PC 1", room="r2")
    beside = await site.enrol("PC 8")
    site.grant()
    site.store.open_sitting(site.leader, "s1")
    for part in ("listening", "reading"):
        site.store.start_part(site.leader, "s1", part)
    for data in site.journal(first, ATTEMPT).write(events_of(running("reading"), first.id)).envelopes():
        await first.ask("POST", "/v1/envelopes", data)
    await first.ask("POST", "/v1/progress", first.report())
    site.store.permit_handover(site.leader, "s1", "100234", "reading", to_device="", reason="skjermen er svart")
    path = f"/v1/attempts/{ATTEMPT}/envelopes"
    assert (await elsewhere.ask("GET", path)).status_code == 409
    assert (await beside.ask("GET", path)).status_code == 200
    for told in (beside.report(device=first.id, phase="submitted"), beside.report(device=elsewhere.id)):
        refused = await beside.ask("POST", "/v1/progress", told)
        assert (refused.status_code, refused.json()["code"]) == (400, "damaged")
    assert [each["phase"] for each in site.store.told_attempts("s1")] == ["running"]


async def test_a_pc_that_lost_an_attempt_by_order_does_not_speak_for_it_any_more(site: Site) -> None:
    """Found by a simulated room: a PC that came back told "running" for ever of what was handed in elsewhere."""
    first = await site.enrol("PC 7")
    second = await site.enrol("PC 8")
    site.grant()
    site.store.open_sitting(site.leader, "s1")
    for part in ("listening", "reading"):
        site.store.start_part(site.leader, "s1", part)
    await first.ask("POST", "/v1/progress", first.report())
    await second.ask("POST", "/v1/progress", second.report())
    assert [each["device"] for each in site.store.told_attempts("s1")] == [first.id]
    site.store.permit_handover(site.leader, "s1", "100234", "reading", to_device="", reason="skjermen er svart")
    await second.ask("POST", "/v1/progress", second.report(phase="submitted"))
    await first.ask("POST", "/v1/progress", first.report())
    assert [(each["device"], each["phase"]) for each in site.store.told_attempts("s1")] == [(second.id, "submitted")]


async def test_every_act_and_every_refusal_is_in_the_log(site: Site) -> None:
    await in_reading(site)
    with pytest.raises(FieldError):
        site.store.reset(site.leader, "s1", "100234", "reading", consent="", reason="strømbrudd")
    site.store.unlock(site.leader, "s1", "100234", "reading", reason="fokus tilbake")
    log = [entry for entry in site.store.audit(site.manager, sitting="s1") if entry.candidate == "100234"]
    assert [(entry.act, entry.user, entry.is_allowed) for entry in log[-2:]] == [
        ("reset", "lars", False),
        ("unlock", "lars", True),
    ]
    assert log[-2].detail["refused"] == "bad_field"
    with pytest.raises(NoRightError):
        site.store.audit(site.guard)


async def test_an_order_for_a_part_that_the_candidate_does_not_take_is_not_found(site: Site) -> None:
    await in_reading(site)
    with pytest.raises(NotFoundError, match="In sitting s1, candidate 100234, part 'oral'"):
        site.store.give_extra_time(site.leader, "s1", "100234", "oral", extra_ms=360_000, reason="brannalarm")
    with pytest.raises(NotFoundError, match="In sitting s1, candidate 100234, part 'oral'"):
        site.store.expel(site.leader, "s1", "100234", "oral", reason="mobiltelefon")
    with pytest.raises(NotFoundError, match="On the list of sitting s1, candidate '999999'"):
        site.store.expel(site.leader, "s1", "999999", "reading", reason="mobiltelefon")
    assert verified(site).orders[-1].kind == "start_part"


async def test_when_all_parts_have_started_none_is_started_again(site: Site) -> None:
    await site.open_pc("writing")
    with pytest.raises(NotNowError, match="all parts have started"):
        site.store.start_part(site.leader, "s1", "writing")
