"""PCs without a candidate: which fault is told, in which order, by tables; and on the page, from signed reports."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from administration.board import CROWD, LOST_CONTACT_MS, room_view
from administration.pcs import KINDS, SIGNS, Fault, IdlePcs, idle_pcs
from administration.texts import TEXTS, Language
from administration.wording import pc_crowd_words, pc_words
from centralstore.records import Board, PcView
from centralstore.words import SittingState
from tests.administration.staff import Desk, text_of
from tests.administration.views import MINUTE, board, first_sight, moment, pc, seat, sitting
from tests.centralstore.place import Pc

ROOM = "/sittings/s1"
NOBODY = {"attempt": "", "candidate": "", "part": "", "phase": "waiting"}
SILENT = LOST_CONTACT_MS + 1


def found(of: Board) -> IdlePcs:
    return idle_pcs(of, room_view(of, moment(), first_sight))


FAULTS = {
    "list run out": (("list_expired",), Fault.LIST_EXPIRED),
    "package damaged": (("package_refused",), Fault.PACKAGE_REFUSED),
    "package damaged, seen at a log-in": (("refused_content",), Fault.PACKAGE_REFUSED),
    "clock far off": (("clock_off",), Fault.CLOCK_OFF),
    "disk almost full": (("disk_low",), Fault.DISK_LOW),
    "disk almost full, seen at a log-in": (("refused_disk",), Fault.DISK_LOW),
    "log-ins refused": (("login_refused",), Fault.LOGIN_REFUSED),
    "not on the list": (("refused_not_on_list",), Fault.NOT_ADMITTED),
    "cannot save": (("cannot_save",), Fault.CANNOT_SAVE),
    "conflict": (("delivery_conflict",), Fault.DELIVERY_CONFLICT),
    "of a newer kiosk": (("something_new",), Fault.OTHER),
    "the gravest of several": (("something_new", "disk_low", "clock_off", "list_expired"), Fault.LIST_EXPIRED),
}


@pytest.mark.parametrize(("kinds", "fault"), FAULTS.values(), ids=FAULTS.keys())
def test_what_a_pc_tells_is_one_fault(kinds: tuple[str, ...], fault: Fault) -> None:
    tiles = found(board(seat(), pcs=(pc("7", *kinds),))).tiles
    assert [(tile.seat, tile.fault) for tile in tiles] == [("7", fault)]


def test_a_pc_that_is_well_is_not_shown() -> None:
    assert found(board(seat(), pcs=(pc("7"), pc("8", age_ms=LOST_CONTACT_MS)))) == IdlePcs()


def test_a_pc_that_does_not_answer_is_told_while_the_room_may_need_it() -> None:
    silent = (pc("7", age_ms=SILENT),)
    tile = found(board(seat(), pcs=silent)).tiles[0]
    assert (tile.fault, tile.since_ms) == (Fault.NO_CONTACT, silent[0].received_ms)
    done = seat(phase="submitted", is_delivered=True)
    assert found(board(done, pcs=silent)) == IdlePcs(), "it may be switched off"
    assert found(board(seat(phase=""), of=sitting(state=SittingState.PLANNED), pcs=silent)) == IdlePcs()
    assert found(board(seat(), of=sitting(state=SittingState.CLOSED), pcs=(pc("7", "list_expired"),))) == IdlePcs()


def test_before_the_opening_what_a_pc_tells_is_shown() -> None:
    planned = replace(sitting(), state=SittingState.PLANNED)
    assert len(found(board(seat(phase=""), of=planned, pcs=(pc("7", "list_expired"),))).tiles) == 1


def test_the_gravest_stand_first_then_by_seat() -> None:
    pcs = (pc("Reserve", "list_expired"), pc("10", "clock_off"), pc("9", "clock_off"), pc("3", "list_expired"))
    told = found(board(seat(), pcs=(*pcs, pc("2", "cannot_save"))))
    assert [tile.seat for tile in told.tiles] == ["2", "3", "Reserve", "9", "10"]


@pytest.mark.parametrize("is_silent", [True, False], ids=["silent", "list run out"])
def test_what_many_pcs_share_becomes_one_line(is_silent: bool) -> None:
    def many(count: int) -> tuple[PcView, ...]:
        told, age_ms = ((), SILENT) if is_silent else (("list_expired",), 1_000)
        return tuple(pc(str(number), *told, age_ms=age_ms) for number in range(count))

    fault = Fault.NO_CONTACT if is_silent else Fault.LIST_EXPIRED
    told = found(board(seat(), pcs=(*many(CROWD), pc("99", "disk_low"))))
    assert told.crowds == ((fault, CROWD),)
    assert [tile.seat for tile in told.tiles] == ["99"]
    assert found(board(seat(), pcs=many(CROWD - 1))).crowds == ()
    line = pc_crowd_words(Language.NB, fault, CROWD)
    wanted = "svarer ikke. Sjekk at de er på" if is_silent else "Lista over gyldige prøver er for gammel. Koble PC-en"
    assert line.startswith(f"{CROWD} PC-er uten kandidat")
    assert wanted in line


def test_every_fault_has_its_words_and_its_sign() -> None:
    assert [key for fault in Fault for key in (f"fault.{fault.value}", f"mend.{fault.value}") if key not in TEXTS] == []
    assert set(SIGNS) == set(Fault)
    assert set(KINDS.values()) == set(Fault) - {Fault.NOT_ADMITTED, Fault.NO_CONTACT, Fault.OTHER}


def test_a_pc_is_named_by_its_seat() -> None:
    tiles = found(board(seat(), pcs=(pc("7", "list_expired"), pc("Reserve", age_ms=5 * MINUTE)))).tiles
    assert pc_words(Language.NB, tiles[0]).seat == "Plass 7"
    assert pc_words(Language.EN, tiles[0]).seat == "Seat 7"
    words = pc_words(Language.NN, tiles[1])
    assert (words.seat, words.fault) == ("Reserve", "Svarar ikkje sidan 10.37")


# --- on the page ------------------------------------------------------------------------------------------------------


async def tell(pc: Pc, *kinds: str, **fields: object) -> None:
    told = {**NOBODY, "incidents": [{"kind": kind, "at_ms": 0} for kind in kinds], **fields}
    assert (await pc.ask("POST", "/v1/progress", pc.report(**told))).status_code == 200


async def shown(desk: Desk, query: str = "") -> list[tuple[str, str]]:
    """Seat and fault of the PCs on the room page, in their order."""
    return re.findall(r'data-seat="([^"]+)" data-fault="(\w+)"', (await desk.see(ROOM + query)).text)


@pytest.mark.anyio
async def test_the_room_page_tells_seat_fault_and_remedy_until_it_is_mended(desk: Desk) -> None:
    pc = await desk.site.open_pc()
    other = await desk.site.ready_pc()
    await desk.log_in("lars")
    assert "PC-er uten kandidat" not in text_of(await desk.see(ROOM))
    await tell(pc, "list_expired")
    await tell(other)
    page = text_of(await desk.see(ROOM))
    assert "PC-er uten kandidat 1" in page
    assert "Lista over gyldige prøver er for gammel Koble PC-en til nettet." in page
    assert "Trenger deg 1" in page
    assert [fault for _, fault in await shown(desk)] == ["list_expired"]
    assert [fault for _, fault in await shown(desk, "?show=need")] == ["list_expired"]
    assert await shown(desk, "?show=running") == []
    assert [fault for _, fault in await shown(desk, "?order=seat")] == ["list_expired"]
    await tell(pc)
    assert await shown(desk) == []


@pytest.mark.anyio
async def test_a_silent_pc_and_one_with_a_candidate_are_told_apart(desk: Desk) -> None:
    idle, busy = await desk.site.open_pc(), await desk.site.ready_pc()
    desk.site.store.mark_present(desk.site.manager, "s1", "100234", "passport")
    await tell(idle)
    await tell(busy, "login_refused")
    await busy.ask("POST", "/v1/progress", busy.report(phase="logged_in", part="listening", left_ms=None))
    await desk.log_in("lars")
    assert await shown(desk) == []
    desk.site.clock.pass_minutes(1)
    assert [fault for _, fault in await shown(desk)] == ["no_contact"], "the other one is its candidate's tile"
