"""``kiosk preflight``: test this PC and its network before a sitting, and have the result recorded with its date.

Every check is a function that gives a `Finding`: its code, what came of it, and one sentence with the figure. The
report is kept in the state folder, signed, and sent to the store, which lists the PCs that were not tested.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import secrets
import shutil
import socket
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from itembank.errors import ItemBankError
from itembank.package import open_public
from kiosk.app import device_keys
from kiosk.clock import SystemClock
from kiosk.errors import KioskError, NotEnrolledError
from kiosk.folder import StateFolder, write_atomically
from kiosk.platforms import is_tablet
from kiosk.releases import CurrentList
from kiosk.sound import SAMPLE_RATE_HZ, StreamPlayer
from sync.client import StoreClient
from sync.errors import SyncError
from sync.files import DiskFiles
from sync.memory import swaps
from sync.metadata import MetadataTrust
from sync.readiness import TRIAL_BYTES, Finding, Outcome, Readiness, sign_readiness
from sync.threads import SystemThreads
from sync.ticket import Ticket, open_ticket
from sync.writer import FREE_NEEDED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kiosk.folder import Enrolment
    from kiosk.sound import Player
    from sync.files import Files
    from sync.keys import DeviceKeys
    from sync.metadata import CurrentReleases

MBIT_PER_CANDIDATE: Final = 1.0
"""Reglement 3.14: 1 Mbit free incoming and outgoing capacity per candidate."""
SLOW_DISK_MS: Final = 50.0
"""A key press must be durable within this at the worst; a disk slower than that is told of."""
DISK_TRIALS: Final = 100
RECORD_BYTES: Final = 256
CLOCK_WARNED_MS: Final = 5_000
CLOCK_FAILED_MS: Final = 300_000
"""Without the store a kiosk lives by this PC's own clock: tickets and day codes hold for hours, not for days."""
TONE_MS: Final = 300
TONE_PATIENCE_S: Final = 5.0
BLOCK_PATIENCE_S: Final = 3.0
NOT_READY: Final = 1


def main(argv: Sequence[str]) -> int:
    """Test this PC; 0 when it is ready and the store has recorded it, 1 when not.

    Raises:
        KioskError: the PC is not enrolled.
    """
    parser = argparse.ArgumentParser(prog="./run kiosk preflight", description="Test this PC before a sitting.")
    parser.add_argument("--state", type=Path, required=True, help="folder that keeps this PC's keys and journals")
    parser.add_argument("--candidates", type=int, default=0, help="how many share the line; 0: all of the sitting")
    parser.add_argument(
        "--closed-to", default="", metavar="HOST:PORT", help="an address that the switched-on block must keep away"
    )
    given = parser.parse_args(argv)
    folder = StateFolder(given.state)
    enrolment = folder.enrolment()
    if enrolment is None:
        raise NotEnrolledError
    keys, clock = device_keys(folder), SystemClock()
    with StoreClient(enrolment.store_url, folder.ca_file, enrolment.device, keys, now_utc_ms=clock.wall_ms) as client:
        tested = Preflight(folder, enrolment, keys, client, clock, StreamPlayer(), count_displays)
        report = tested.run(candidates=given.candidates, closed_to=given.closed_to)
        trouble = tested.record(report)
    for each in report.findings:
        print(f"{each.outcome.value:<9} {each.check:<11} {each.told}")  # noqa: T201 - the answer
    print("This PC is ready." if report.is_ready else "This PC is NOT ready.")  # noqa: T201 - the answer
    if trouble:
        print(f"kiosk: the store has not recorded this: {trouble}", file=sys.stderr)  # noqa: T201 - the answer
    return 0 if report.is_ready and not trouble else NOT_READY


@dataclass(frozen=True, slots=True)
class Preflight:
    """What is tested with: this PC's folder, keys, way to the store, clock, sound, and who counts its displays."""

    folder: StateFolder
    enrolment: Enrolment
    keys: DeviceKeys
    client: StoreClient
    clock: SystemClock
    player: Player
    displays: Callable[[], int]

    def run(self, *, candidates: int = 0, closed_to: str = "") -> Readiness:
        """Make every check; a check that cannot be made has failed, and the others go on.

        Args:
            candidates: how many share the network line; 0 = as many as the sitting's ticket names.
            closed_to: ``host:port`` that must be out of reach because the network is closed; "" leaves that check out.
        """
        here = [
            tablet(is_a_tablet=is_tablet()),
            free_space(self.folder.journals),
            disk_speed(DiskFiles(), self.folder.root / f"preflight-{secrets.token_hex(4)}"),
            no_swap(swaps()),
            sound(self.player),
            one_display(self.displays()),
        ]
        store, is_reached = self._store()
        ticket, release = self._release()
        shared = candidates or (len(ticket.candidates) if ticket is not None else 0)
        return Readiness(
            device=self.enrolment.device,
            sitting="" if ticket is None else ticket.sitting,
            at_utc_ms=self.clock.wall_ms(),
            findings=(*here, *store, release, self._bandwidth(shared), block(closed_to, is_reached=is_reached)),
        )

    def record(self, report: Readiness) -> str:
        """Keep the signed report here and have the store record it; "" or the sentence why it could not."""
        data = sign_readiness(report, self.keys.signing)
        write_atomically(self.folder.root / "readiness" / f"{report.at_utc_ms}.json", data)
        try:
            self.client.readiness(data)
        except SyncError as error:
            return str(error)
        return ""

    def _store(self) -> tuple[tuple[Finding, ...], bool]:
        try:
            self.client.synchronise(self.clock.correct_by_store)
        except SyncError as error:
            told = str(error)
            return (_failed("store", told), _failed("clock", "The store's time is not known; see 'store'.")), False
        answered = _passed("store", f"{self.enrolment.store_url} answers.")
        return (answered, clock_against_store(self.client.offset_ms)), True

    def _release(self) -> tuple[Ticket | None, Finding]:
        """The newest open sitting's ticket, and whether its packages are here and genuine as far as they are signed."""
        try:
            sittings = [str(each["sitting"]) for each in self.client.sittings() if each.get("state") != "CLOSED"]
            if not sittings:
                return None, Finding(
                    check="release", outcome=Outcome.LEFT_OUT, told="No sitting is planned for this PC's room."
                )
            ticket = self._ticket(sittings[0])
        except SyncError as error:
            return None, _failed("release", str(error))
        try:
            current = self._current()
            names = [self._opened(current, release) for release in sorted({each.release for each in ticket.releases})]
        except (SyncError, ItemBankError) as error:
            return ticket, _failed("release", str(error))
        until = time.strftime("%Y-%m-%d %H:%M", time.gmtime(current.valid_to_utc_ms / 1000))
        told = f"Here, genuine and current until {until} UTC: {', '.join(names)}."
        if current.valid_to_utc_ms < ticket.ends_utc_ms:
            return ticket, _failed("release", f"{told} The sitting ends later: have the authority renew its list.")
        return ticket, _passed("release", told)

    def _current(self) -> CurrentReleases:
        found = CurrentList(self.folder, self.enrolment, SystemThreads())
        found.refresh(self.client.metadata, now_utc_ms=self.clock.wall_ms())
        return found.releases(at_utc_ms=self.clock.wall_ms())

    def _ticket(self, sitting: str) -> Ticket:
        return open_ticket(
            self.client.ticket(sitting),
            sitting=sitting,
            device=self.enrolment.device,
            box=self.keys.box,
            ticket_key=self.enrolment.key("ticket_key"),
            now_utc_ms=self.clock.wall_ms(),
            seen_version=self.folder.high_water().get(f"ticket {sitting}", 0),
        )

    def _opened(self, current: CurrentReleases, release: str) -> str:
        path, now_ms = self.folder.release(release), self.clock.wall_ms()
        listed = current.release(release, now_utc_ms=now_ms)
        if not path.exists():
            data = self.client.package(release)
            listed.verify_file(data)
            write_atomically(path, data)
        open_public(path, MetadataTrust(current, release), now_utc_ms=now_ms)
        return release

    def _bandwidth(self, candidates: int) -> Finding:
        try:
            begun = time.perf_counter()
            came = self.client.fetch_trial()
            between = time.perf_counter()
            self.client.send_trial(os.urandom(TRIAL_BYTES))
            ended = time.perf_counter()
        except SyncError as error:
            return _failed("bandwidth", str(error))
        return bandwidth(
            candidates, down_mbit=_mbit(came, between - begun), up_mbit=_mbit(TRIAL_BYTES, ended - between)
        )


# --- the checks -------------------------------------------------------------------------------------------------------


def tablet(*, is_a_tablet: bool) -> Finding:
    """Not a tablet (reglement 3.14)."""
    if is_a_tablet:
        return _failed("computer", "It is a tablet. Use a PC with a keyboard.")
    return _passed("computer", "It is not a tablet.")


def free_space(folder: Path, needed: int = FREE_NEEDED) -> Finding:
    """Room for the journals, ``needed`` in bytes."""
    free = shutil.disk_usage(folder).free
    told = f"{free // 2**20} MiB free where {needed // 2**20} MiB are needed."
    return _passed("disk_space", told) if free >= needed else _failed("disk_space", f"{told} Free space on this PC.")


def disk_speed(files: Files, path: Path, trials: int = DISK_TRIALS) -> Finding:
    """How long a record takes to be durable: written and synced ``trials`` times to a file that is removed again."""
    took_ms: list[float] = []
    try:
        file = files.create(path, trials * RECORD_BYTES)
        try:
            for trial in range(trials):
                begun = time.perf_counter()
                file.write_at(trial * RECORD_BYTES, os.urandom(RECORD_BYTES))
                file.sync()
                took_ms.append((time.perf_counter() - begun) * 1000)
        finally:
            file.close()
            files.remove(path)
    except OSError as error:
        return _failed("disk_speed", f"The disk refuses to write: {error.strerror}. Use another PC.")
    return disk_verdict(took_ms)


def disk_verdict(took_ms: Sequence[float]) -> Finding:
    """What the times of at least two writes mean: the 99th percentile in milliseconds against `SLOW_DISK_MS`."""
    p99 = statistics.quantiles(took_ms, n=100, method="inclusive")[98]
    told = f"A record is durable after {statistics.median(took_ms):.1f} ms, 99 of 100 after {p99:.1f} ms"
    if p99 > SLOW_DISK_MS:
        told = f"{told}; {SLOW_DISK_MS:.0f} ms is wanted. Close other programs, or use another PC."
        return Finding(check="disk_speed", outcome=Outcome.WARNED, told=told)
    return _passed("disk_speed", f"{told}.")


def no_swap(places: Sequence[str]) -> Finding:
    """Memory with keys and answers in it is not written to a disk; zram is memory."""
    if places:
        told = f"This PC swaps to {', '.join(places)[:200]}: keys and answers can come to lie there. Switch swap off."
        return Finding(check="swap", outcome=Outcome.WARNED, told=told)
    return _passed("swap", "Nothing is swapped to a disk.")


def sound(player: Player, wait: Callable[[float], object] = time.sleep) -> Finding:
    """The sound device opens and takes a short tone to its end; what the headphones give, each candidate checks."""
    import numpy as np  # noqa: PLC0415 - only here

    times = np.arange(TONE_MS * SAMPLE_RATE_HZ // 1000) / SAMPLE_RATE_HZ
    tone = (0.1 * np.sin(2 * np.pi * 440.0 * times)).astype(np.float32)
    deadline = time.monotonic() + TONE_PATIENCE_S
    try:
        player.open()
        player.play(tone, 0)
        while (rendering := player.rendering()) is not None and not rendering.is_ended:
            if rendering.fault or time.monotonic() > deadline:
                fault = rendering.fault or "it does not take sound"
                return _failed("sound", f"The sound device does not play: {fault}. Plug the headphones in again.")
            wait(0.05)
    except KioskError as error:
        return _failed("sound", str(error))
    finally:
        player.close()
    return _passed("sound", "The sound device plays.")


def one_display(count: int) -> Finding:
    """Exactly one display."""
    if count == 1:
        return _passed("display", "One display is connected.")
    if count == 0:
        return _failed("display", "No display was found. Run this in the session that runs the test.")
    return _failed("display", f"{count} displays are connected. Disconnect all but one.")


def count_displays() -> int:
    """How many displays this session has; 0 when there is no session with one."""
    if sys.platform == "linux" and not {"DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"} & os.environ.keys():
        return 0  # Qt would end the program
    from PySide6.QtGui import QGuiApplication  # noqa: PLC0415 - loaded only where there is something to count

    app = QGuiApplication.instance() or QGuiApplication(["proverom"])
    count = len(QGuiApplication.screens())
    del app  # it had to live until here: without an application there are no screens
    return count


def clock_against_store(offset_ms: int) -> Finding:
    """This PC's clock; ``offset_ms`` is the store's time minus the PC's."""
    told = f"This PC's clock is {abs(offset_ms) / 1000:.1f} s {'behind' if offset_ms > 0 else 'ahead of'} the store's"
    if abs(offset_ms) > CLOCK_FAILED_MS:
        return _failed("clock", f"{told}. Set it.")
    if abs(offset_ms) > CLOCK_WARNED_MS:
        return Finding(check="clock", outcome=Outcome.WARNED, told=f"{told}. Set it when you can.")
    return _passed("clock", f"{told}.")


def bandwidth(candidates: int, *, down_mbit: float, up_mbit: float) -> Finding:
    """Whether a line that was measured with these Mbit/s carries so many candidates (reglement 3.14)."""
    needed = candidates * MBIT_PER_CANDIDATE
    told = f"{down_mbit:.1f} Mbit/s in and {up_mbit:.1f} out for {candidates} candidates"
    if min(down_mbit, up_mbit) < needed:
        told = f"{told}; {needed:.0f} both ways are needed. Free the line, or seat fewer candidates."
        return _failed("bandwidth", told)
    return _passed("bandwidth", f"{told}.")


def block(address: str, *, is_reached: bool) -> Finding:
    """With the network closed: another address is out of reach and the platform is not (reglement 3.14).

    Args:
        address: ``host:port`` to try; "" leaves the check out.
        is_reached: whether the store was reached just now.
    """
    if not address:
        told = "Not asked for; with a closed network give --closed-to HOST:PORT."
        return Finding(check="block", outcome=Outcome.LEFT_OUT, told=told)
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdigit():
        return _failed("block", f"'{address}' is not HOST:PORT. Give one that the block must keep away.")
    with contextlib.suppress(OSError), socket.create_connection((host, int(port)), timeout=BLOCK_PATIENCE_S):
        return _failed("block", f"{address} is reached from this PC. Switch the block on.")
    if not is_reached:
        return _failed("block", f"{address} is out of reach, but so is the store. Let the store's address through.")
    return _passed("block", f"{address} is out of reach, the store is reached.")


def _passed(check: str, told: str) -> Finding:
    return Finding(check=check, outcome=Outcome.PASSED, told=told)


def _failed(check: str, told: str) -> Finding:
    return Finding(check=check, outcome=Outcome.FAILED, told=told[:400])


def _mbit(count: int, seconds: float) -> float:
    return count * 8 / 1e6 / max(seconds, 1e-6)
