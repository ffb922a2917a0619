"""A whole exam room on one machine: authority, running store, a sitting with candidates, and enrolled, granted PCs.

Everything is done as its users would do it: the authority's and the store's own commands, a CSV file, one-time tokens.
"""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from centralstore.desk import Desk
from centralstore.folder import init_folder, pin_root
from itembank import commands as bank_commands
from itembank.releaselist import ReleaseList
from kiosk.app import Options, device_keys, enrol
from kiosk.clock import SystemClock
from kiosk.folder import StateFolder
from proverom.virtual import mortal

if TYPE_CHECKING:
    from collections.abc import Sequence

SITTING: Final = "demo"
SITE, ROOM = "haugvik", "rom-2"
TEST_LEADER, TEST_LEADER_PASSWORD = "randi", "fjell bekk sommer"
TEST_MANAGER, TEST_MANAGER_PASSWORD = "olav", "skog stein vinter"


class SampleRoomError(Exception):
    """The sample room could not be set up."""

    def __init__(self, step: str, reason: str) -> None:
        super().__init__(
            f"The sample room could not be set up at '{step}': {reason}. Run ./run demo again; keep this text."
        )


@dataclass(frozen=True, slots=True)
class SampleCandidate:
    """Somebody who takes the sitting's parts; ``parts`` as in the CSV ("listening; writing A2-B1")."""

    number: str
    name: str
    login: str
    password: str
    parts: str
    is_protected: bool = False


@dataclass(frozen=True, slots=True)
class SampleSitting:
    """What the room gives: a programme's release from a bank, the parts in order with their lengths in minutes."""

    bank: Path
    release: str
    programme: str
    parts: tuple[tuple[str, int], ...]
    candidates: tuple[SampleCandidate, ...]


class SampleRoom:
    """A folder with authority, store and PCs; ``with`` starts and stops the store's service."""

    def __init__(self, folder: Path, sitting: SampleSitting) -> None:
        self.folder = folder
        self.sitting = sitting
        self.store = folder / "store"
        self.keys = folder / "authority"
        self._service: subprocess.Popen[bytes] | None = None
        self.url = ""

    def __enter__(self) -> Self:
        """Set everything up and start the service."""
        self._prepare_authority()
        self.start_service()
        try:
            self.desk.ask("add-metadata", folder=str(self.releases.folder / "metadata"))
            for package in self.packages:
                self.desk.ask("add-release", file=str(package))
            text = people_csv(self.sitting, [package.stem for package in self.packages])
            self.desk.ask("import", text=text, file="sample.csv")
        except Exception:
            self.stop_service()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the service."""
        self.stop_service()

    @property
    def desk(self) -> Desk:
        """The store's command desk."""
        return Desk(self.store)

    @property
    def releases(self) -> ReleaseList:
        """The authority's list of current releases."""
        return ReleaseList(self.keys)

    @property
    def packages(self) -> tuple[Path, ...]:
        """The published test packages."""
        return tuple(sorted(self.folder.glob("*.provrom")))

    @property
    def ca_file(self) -> Path:
        """The store's certificate authority."""
        return self.store / "ca.pem"

    def start_service(self, port: int = 0) -> None:
        """Start the store's service and wait until it listens.

        Raises:
            SampleRoomError: it did not start.
        """
        with (self.folder / "store.log").open("ab") as log:
            self._service = subprocess.Popen(
                mortal([sys.executable, "-m", "proverom", "store", "run", str(self.store), "--port", str(port)]),
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=Path(__file__).parent.parent,
            )
        stream = self._service.stdout
        line = stream.readline().decode() if stream is not None else ""
        if "https://" not in line:
            self.stop_service()
            raise SampleRoomError(
                step="store run", reason=(self.folder / "store.log").read_text()[-500:] or "no answer"
            )
        self.url = "https://" + line.split("https://", 1)[1].split()[0]

    def stop_service(self) -> None:
        """Stop the service in order."""
        service, self._service = self._service, None
        if service is not None:
            service.terminate()
            service.wait(timeout=30)
            if service.stdout is not None:
                service.stdout.close()

    def kill_service(self) -> None:
        """Kill the service as a power cut would (SIGKILL); `start_service` on the same port goes on."""
        service, self._service = self._service, None
        if service is not None:
            service.kill()
            service.wait(timeout=30)
            if service.stdout is not None:
                service.stdout.close()

    def enrol_pc(self, name: str) -> Path:
        """Make and enrol a PC as its first start would; the PC's state folder."""
        token = str(self.desk.ask("token", sitting=SITTING)["token"])
        state = self.folder / f"pc-{name}"
        folder = StateFolder(state)
        enrol(
            folder,
            device_keys(folder),
            SystemClock(),
            Options(
                *(state, self.url, self.ca_file, token, name),
                is_window=False,
                robot_map=None,
                authority=str(self.releases.first_root),
            ),
        )
        enrolment = folder.enrolment()
        if enrolment is None:
            raise SampleRoomError(step="enrol", reason=f"PC {name} was not enrolled")
        self.desk.ask("clear-device", device=enrolment.device)
        return state

    def grant_pcs(self) -> None:
        """The authority grants the sitting's cleared PCs their way to the packages."""
        devices = self.folder / "devices.json"
        answer = self.desk.ask("devices", sitting=SITTING)
        devices.write_text(json.dumps(answer, sort_keys=True, separators=(",", ":")), encoding="utf-8")
        grants = self.folder / "grants.json"
        _bank("grant", str(devices), *map(str, self.packages), "--keys", str(self.keys), "--out", str(grants))
        self.desk.ask("add-grants", file=str(grants))

    def _prepare_authority(self) -> None:
        bank = self.sitting.bank
        _bank("keys", "init", str(self.keys))
        _bank("build", str(bank), "--release", self.sitting.release)
        release = bank / "releases" / f"{self.sitting.release}.json"
        _bank("release", str(release), "--out", str(self.folder), "--keys", str(self.keys))
        signing = (self.keys / "content-signing.pub").read_text(encoding="ascii").strip()
        pin_root(init_folder(self.store, content_key=signing), self.releases.first_root.read_bytes())


def people_csv(sitting: SampleSitting, releases: Sequence[str]) -> str:
    """The CSV that the test site would import: staff, candidates, the sitting and who sits where."""
    now = datetime.now(UTC)
    # The sitting is planned from nine in the morning somewhere on earth where it is about that now.
    hours = (9 - now.hour) % 24
    hours -= 24 if hours > 14 else 0  # noqa: PLR2004 - offsets go from -12 to +14
    day = (now + timedelta(hours=hours)).date().isoformat()
    parts: list[str] = []
    start = datetime(2000, 1, 1, 9, 0, tzinfo=UTC)
    for part, minutes in sitting.parts:
        end = start + timedelta(minutes=minutes)
        parts.append(f"{part} {start:%H:%M}-{end:%H:%M}")
        start = end + timedelta(minutes=15)
    lines = [
        "user,name,password,role,site,room",
        f"{TEST_LEADER},Randi Moen,{TEST_LEADER_PASSWORD},test_leader,{SITE},{ROOM}",
        f"{TEST_MANAGER},Olav Lie,{TEST_MANAGER_PASSWORD},test_manager,{SITE},",
        "",
        "number,name,protected,login,password",
        *(
            f"{each.number},{each.name},{'yes' if each.is_protected else 'no'},{each.login},{each.password}"
            for each in sitting.candidates
        ),
        "",
        "sitting,site,room,date,utc_offset,programme,releases,test_leader,parts",
        ",".join(
            (
                *(SITTING, SITE, ROOM, day, f"{hours:+03d}:00", sitting.programme),
                *("; ".join(releases), TEST_LEADER, "; ".join(parts)),
            )
        ),
        "",
        "sitting,candidate,seat,parts",
        *(f"{SITTING},{each.number},{seat},{each.parts}" for seat, each in enumerate(sitting.candidates, start=1)),
        "",
    ]
    return "\n".join(lines)


def _bank(*arguments: str) -> None:
    """One of the authority's commands; raises `SampleRoomError` with its sentence when it refuses."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        status = bank_commands.main(arguments)
    if status:
        raise SampleRoomError(step=f"bank {arguments[0]}", reason=said.getvalue().strip())
