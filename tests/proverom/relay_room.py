"""A relay for tests of the whole room: a store of its own in its own process, which borrows the sample sitting."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

from centralstore.commands import main as store_command
from centralstore.folder import init_folder, pin_root
from kiosk.folder import StateFolder
from kiosk.lines import take_delegation
from proverom.sample_room import SITTING, SampleRoom


class RelayRoom(SampleRoom):
    """The test leader's laptop beside a sample room. Seats made with it act at the relay and know the central store."""

    def __init__(self, central: SampleRoom) -> None:
        super().__init__(central.folder / "laptop", central.sitting)
        self.folder.mkdir()
        self.central = central
        self.keys = central.keys
        self.address = ""
        signing = (self.keys / "content-signing.pub").read_text(encoding="ascii").strip()
        pin_root(init_folder(self.store, content_key=signing), central.releases.first_root.read_bytes())

    @property
    def loan(self) -> Path:
        """The folder that is carried from the central store to the laptop."""
        return self.folder / "stick"

    def run(self, port: int = 0) -> None:
        """Start the relay; ``url`` stays the central store's, which is all that a PC was enrolled with."""
        self.start_service(port or (int(self.address.rsplit(":", 1)[1]) if self.address else 0))
        self.address, self.url = self.url, self.central.url

    def borrow(self) -> None:
        """Exchange public files, lend, carry over, borrow: all by the commands."""
        mine, theirs = self.folder / "relay.json", self.folder / "central.json"
        command("public", self.store, "--url", self.address, "--out", mine)
        command("public", self.central.store, "--url", self.central.url, "--out", theirs)
        command("lend", self.central.store, SITTING, "--to", mine, "--out", self.loan)
        command("borrow", self.store, self.loan, "--central", theirs)

    def carry_delegation(self, state: Path) -> None:
        """Put the stick into a PC."""
        folder = StateFolder(state)
        enrolment = folder.enrolment()
        assert enrolment is not None
        assert take_delegation(folder, enrolment, self.loan / "delegation", "", now_utc_ms()) == SITTING


def now_utc_ms() -> int:
    """The machine's clock."""
    import time

    return time.time_ns() // 1_000_000


def command(*words: object) -> str:
    """One of the store's commands; what it said."""
    told, wrong = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(told), contextlib.redirect_stderr(wrong):
        status = store_command([str(word) for word in words])
    assert status == 0, wrong.getvalue()
    return told.getvalue()


def kill(room: SampleRoom) -> None:
    """SIGKILL: nothing is closed, flushed or said."""
    service, room._service = room._service, None
    assert service is not None
    service.kill()
    service.wait()
    assert service.stdout is not None
    service.stdout.close()


def port_of(room: SampleRoom) -> int:
    """Where a room's store listens."""
    return int(room.url.rsplit(":", 1)[1])
