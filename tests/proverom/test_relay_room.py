"""A room without a line: the whole sitting at the test leader's laptop, then everything at the central store, once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from centralstore.store import Store
from engine.attempt import state_sha256
from engine.state import Phase
from kiosk import intents
from kiosk.screens import (
    DeliveredScreen,
    InformationScreen,
    LoginScreen,
    NameScreen,
    ReadingScreen,
    RefusedScreen,
    WaitScreen,
    WritingScreen,
)
from proverom.sample_room import SITTING
from sync.outbox import Outbox
from tests.proverom.conftest import ExamRoom, MakeRoom
from tests.proverom.relay_room import RelayRoom, command, kill, port_of
from tests.proverom.seat import Seat, ask, first_answer

MakeRelay = Callable[[ExamRoom], RelayRoom]


@pytest.fixture
def laptop() -> Iterator[MakeRelay]:
    """A running relay that has borrowed the room's sitting."""
    made: list[RelayRoom] = []

    def make(exam: ExamRoom) -> RelayRoom:
        relay = RelayRoom(exam.room)
        made.append(relay)
        relay.run()
        relay.borrow()
        return relay

    yield make
    for relay in made:
        relay.stop_service()


def seat_of(exam: ExamRoom, relay: RelayRoom, place: int) -> Seat:
    """A PC whose test leader works at the relay."""
    seat = Seat(relay, exam.states[place])
    exam.seats.append(seat)
    return seat


def let_in(exam: ExamRoom, relay: RelayRoom) -> None:
    """Open the sitting at the relay and mark both candidates present."""
    ask(relay, "open")
    for candidate in (exam.samira, exam.dmytro):
        ask(relay, "present", candidate=candidate.number, identification="passport")
    exam.day_code = str(ask(relay, "day-code")["day_code"])


def is_delivered(seat: Seat) -> bool:
    """Whether all of the attempt at a seat has its receipt."""
    running = seat.conductor.running
    return running is not None and seat.conductor._is_delivered(running)


def kept(store: Store) -> dict[str, list[bytes]]:
    return {attempt: list(store.envelopes(attempt)) for _, attempt in store.kept_attempts(SITTING)}


def scored(room: Any, capsys: pytest.CaptureFixture[str]) -> dict[tuple[str, str], Any]:
    """Results of a stopped store, without what is of the store alone."""
    from centralstore.commands import main as store_command

    key = str(room.keys / "results-1.key")
    assert store_command(["score", str(room.store), "--results-key", key]) == 0
    capsys.readouterr()
    assert store_command(["results", str(room.store), "--json"]) == 0
    rows: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return {(row["candidate"], row["part"]): (row["data"], row["findings"], row["level"]) for row in rows}


@pytest.mark.rule("NP-4.12-4")
def test_a_whole_sitting_without_a_line_is_forwarded_once_and_scores_the_same(
    exam_room: MakeRoom, laptop: MakeRelay, capsys: pytest.CaptureFixture[str]
) -> None:
    exam = exam_room("reading", "writing", pcs=2)
    relay = laptop(exam)
    port = port_of(exam.room)
    hashes = sit_without_a_line(exam, relay)

    relay.stop_service()
    exam.room.start_service(port)
    told = command("give-back", relay.store, SITTING)
    assert "returned" in told
    assert command("give-back", relay.store, SITTING).startswith(f"{SITTING}: 0 envelopes, 0 orders")
    exam.room.stop_service()
    central, borrowed = Store.open(exam.room.store), Store.open(relay.store)
    try:
        assert kept(central) == kept(borrowed)
        assert len(kept(central)) == 3
        assert central.signed_orders(SITTING, 0) == borrowed.signed_orders(SITTING, 0)
    finally:
        central.close()
        borrowed.close()
    here, there = scored(exam.room, capsys), scored(relay, capsys)
    assert here == there
    assert {place: data["state_sha256"] for place, (data, _, _) in here.items()} == hashes
    assert all(not findings for _, findings, _ in here.values())


def sit_without_a_line(exam: ExamRoom, relay: RelayRoom) -> dict[tuple[str, str], str]:
    """Two candidates sit three parts in all, the central store down from before log-in; their last states, hashed."""
    asked_central = seat_of(exam, relay, 0)
    asked_central.until_true(lambda: asked_central.net._line.is_relay)
    exam.room.stop_service()
    relay.carry_delegation(exam.states[1])
    seats = [asked_central, seat_of(exam, relay, 1)]
    assert all(seat.until(WaitScreen, lambda screen: screen.reason == "not_open") for seat in seats)

    let_in(exam, relay)
    people = (exam.samira, exam.dmytro)
    for seat, candidate in zip(seats, people, strict=True):
        assert isinstance(seat.log_in(candidate), NameScreen)
    for seat in seats:
        seat.get_ready(day_code=exam.day_code)
    ask(relay, "start", part="reading")
    hashes: dict[tuple[str, str], str] = {}
    for seat, candidate in zip(seats, people, strict=True):
        seat.until(InformationScreen, lambda screen: not screen.is_waiting)
        assert isinstance(seat.do(intents.Start()), ReadingScreen)
        seat.answer_reading()
        hashes[candidate.number, "reading"] = state_sha256(seat.attempt)
        assert seat.until(DeliveredScreen).next_part == "Skriftlig framstilling"
    first = seats[0]
    assert isinstance(first.do(intents.Continue()), NameScreen)
    assert isinstance(first.start_part("writing", day_code=exam.day_code), WritingScreen)
    first.write("Kjære rektor! Jeg kan ikke komme.")
    first.do(intents.GoToHandIn(), intents.HandIn(1), intents.HandIn(2))
    first.until_true(lambda: is_delivered(first))
    assert first.attempt.phase is Phase.SUBMITTED
    hashes[exam.samira.number, "writing"] = state_sha256(first.attempt)
    ask(relay, "order", candidate=exam.samira.number, part="writing", kind="unlock")
    ask(relay, "close")
    for seat in seats:
        seat.until_true(lambda seat=seat: seat.net._is_closed())
        assert not seat.folder.share(SITTING).exists()
        seat.close()
    return hashes


def test_nobody_gets_in_at_the_central_store_while_the_sitting_is_lent(exam_room: MakeRoom, laptop: MakeRelay) -> None:
    from centralstore.desk import CommandRefusedError

    exam = exam_room("reading", pcs=2)
    relay = laptop(exam)
    seat = seat_of(exam, relay, 0)
    seat.until_true(lambda: seat.net._line.is_relay)
    with pytest.raises(CommandRefusedError, match=rf"lent to the relay store at {relay.address}"):
        ask(exam.room, "open")
    let_in(exam, relay)
    assert isinstance(seat.log_in(exam.samira), NameScreen)
    kill(relay)
    relay.run()
    other = seat_of(exam, relay, 1)
    other.until(LoginScreen)

    def hears_of_her() -> bool:
        seat.conductor.tick()
        return any(known.candidate == exam.samira.number for known in other.net.state.attempts)

    other.until_true(hears_of_her)
    refused = other.log_in(exam.samira)
    assert isinstance(refused, RefusedScreen)
    assert refused.kind == "running_elsewhere"


def test_a_laptop_lost_in_the_middle_costs_no_answer_and_the_candidate_goes_on_at_the_central_store(
    exam_room: MakeRoom, laptop: MakeRelay, capsys: pytest.CaptureFixture[str]
) -> None:
    exam = exam_room("reading", pcs=1)
    relay = laptop(exam)
    seat = seat_of(exam, relay, 0)
    seat.until_true(lambda: seat.net._line.is_relay)
    port = port_of(exam.room)
    exam.room.stop_service()
    let_in(exam, relay)
    seat.log_in(exam.samira)
    seat.start_part("reading", day_code=exam.day_code)
    screen = seat.screen
    assert isinstance(screen, ReadingScreen)
    seat.do(intents.Answer(screen.item.id, first_answer(screen.item)))
    kill(relay)

    exam.room.start_service(port)
    command("take-back", exam.room.store, SITTING, "--without-return", "--by", "Olav Lie", "--reason", "stjålet")
    seat.until_true(lambda: not seat.net._line.is_relay and seat.net.state.is_online)
    seat.until_true(lambda: ask(exam.room, "progress")["attempts"] != [])
    ask(
        exam.room,
        "order",
        candidate=exam.samira.number,
        part="reading",
        kind="extra_time",
        extra_ms=60_000,
        reason="PC",
    )
    seat.until_true(lambda: seat.net.state.orders is not None and seat.net.state.orders.last_number == 3)
    seat.answer_reading()
    seat.until(DeliveredScreen)
    seat.until_true(lambda: not outbox_of(seat).has_unsent(kept="home"))
    ask(exam.room, "close")
    exam.room.stop_service()
    found = scored(exam.room, capsys)
    ((_, findings, level),) = found.values()
    assert findings == []
    assert level == "below_A1"


def outbox_of(seat: Seat) -> Outbox:
    """What lies on the PC's disk, read anew."""
    return Outbox(seat.folder.journals, device_key=seat.keys.signing, receipt_key=seat.enrolment.key("receipt_key"))
