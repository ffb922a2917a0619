"""A PC whose own clock is wrong, and one whose store answers a byte at a time: the exam does not notice."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from typing import TYPE_CHECKING, Self

from centralstore.folder import open_folder
from engine.state import Phase
from kiosk import intents
from kiosk.clock import SystemClock
from kiosk.screens import DeliveredScreen, LoginScreen, SavedHereScreen
from tests.proverom.seat import Seat

if TYPE_CHECKING:
    from pathlib import Path

    from tests.proverom.conftest import MakeRoom

HOUR_MS = 3_600_000


class FastClock(SystemClock):
    """A PC's clock that somebody has set an hour ahead."""

    def own_ms(self) -> int:
        return super().own_ms() + HOUR_MS


def test_a_pc_whose_clock_is_wrong_is_never_refused_for_it(exam_room: MakeRoom) -> None:
    """It asks the time first, and what it signs from then on is in time; corrected twice it would be an hour behind."""
    exam = exam_room("reading")
    exam.open(exam.samira)
    seat = Seat(exam.room, exam.states[0], room_clock=FastClock())
    exam.seats.append(seat)
    seat.until(LoginScreen)
    assert not [each for each in seat.told.sentences if "its time differs" in each]
    assert seat.net.state.clock_off_ms < -HOUR_MS // 2


class DrippingStore:
    """Something in the store's place, with its certificate, that sends the head of every answer a byte at a time."""

    def __init__(self, port: int, folder: Path) -> None:
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made = open_folder(folder)
        self._tls.load_cert_chain(made.server_certificate, made.server_key)
        self._listening = socket.create_server(("127.0.0.1", port))
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self.is_asked = threading.Event()

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for thread in self._threads:
            thread.join(30)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                line, _ = self._listening.accept()
                self._threads.append(threading.Thread(target=self._drip, args=(line,), daemon=True))
                self._threads[-1].start()

    def _drip(self, plain: socket.socket) -> None:
        plain.settimeout(30)
        with contextlib.suppress(OSError), plain, self._tls.wrap_socket(plain, server_side=True) as line:
            line.recv(65_536)
            line.sendall(b"HTTP/1.1 200 OK\r\nX-Endless: ")
            self.is_asked.set()
            while not self._over.wait(0.1):
                line.sendall(b"x")


def test_while_an_answer_drips_the_candidate_works_and_hands_in_and_afterwards_all_is_delivered(
    exam_room: MakeRoom,
) -> None:
    exam = exam_room("writing")
    exam.open(exam.samira)
    seat = exam.seat()
    seat.log_in(exam.samira)
    seat.start_part("writing", day_code=exam.day_code)
    seat.write("Hei!")
    port = int(exam.room.url.rsplit(":", 1)[1])
    exam.room.stop_service()
    with DrippingStore(port, exam.room.store) as store:
        seat.until_true(store.is_asked.is_set)
        seat.write(" Jeg heter Samira.")
        seat.do(intents.GoToHandIn(), intents.HandIn(1), intents.HandIn(2))
        assert seat.attempt.phase is Phase.SUBMITTED
        seat.until(SavedHereScreen)
    exam.room.start_service(port)
    seat.until(DeliveredScreen)
