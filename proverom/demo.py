"""`./run demo`: a whole sitting on one machine, by a person in a window or by two robots on virtual seats."""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Final, cast

from centralstore.commands import main as store_command
from centralstore.counter import open_store
from centralstore.opening import opened_packages
from centralstore.scoring import opener_for, replay_attempt, score_attempt
from engine.attempt import state_sha256
from engine.events import Edited, PlayBegun, Resumed
from engine.panel import Panel
from itembank.keyring import KeyFolder
from itembank.package import open_sealed
from kiosk.folder import StateFolder
from kiosk.sound import decode, has_output
from proverom import kept
from proverom.heard import Cut, Recording, plays_heard
from proverom.robot import Person, Robot
from proverom.sample_room import (
    SITTING,
    TEST_LEADER,
    TEST_LEADER_PASSWORD,
    SampleCandidate,
    SampleRoom,
    SampleRoomError,
    SampleSitting,
)
from proverom.virtual import Hands, NullSink, VirtualDisplay, VirtualSeatError, mortal
from sync.release import Ed25519Trust
from sync.segment import KEY_TIMINGS

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence

    from centralstore.opening import Found
    from itembank.package import Package

ROOT: Final = Path(__file__).parent.parent
BANK: Final = ROOT / "banks" / "norskprove-sample"
PARTS: Final = (("listening", 30), ("reading", 75), ("writing", 90))
LONGEST_S: Final = 400.0
LEVEL: Final = "A2-B1"
CLOSING_S: Final = 15.0
KILL_AFTER_S: Final = 8.0
KILL_AFTER_FRAME: Final = 40_000
KILL_AFTER_SIGNS: Final = 40
USAGE: Final = 2

_REPLAYS: Final = {True: "equal ", False: "DIFFERS", None: "–     "}
"""Whether the replayed state is the kiosk's own; None where the kiosk was not asked."""
_SCRIPTS: Final = {
    "nb": (
        "Hei! Jeg kan ikke vanne blomstene i helga, for jeg skal til Bergen. Kan du hjelpe meg? Hilsen Samira",
        "Jeg liker å gå tur i skogen. Der er det stille, og jeg ser ofte fugler. Etterpå drikker jeg kaffe hjemme.",
        "Jeg mener at barn bør ha mindre lekser. De trenger tid til å leke og til å være sammen med familien sin.",
    ),
    "nn": (
        "Hei! Eg kan ikkje vatne blomane i helga, for eg skal til Bergen. Kan du hjelpe meg? Helsing Dmytro",
        "Eg likar å gå tur i skogen. Der er det stilt, og eg ser ofte fuglar. Etterpå drikk eg kaffi heime.",
        "Eg meiner at barn bør ha mindre lekser. Dei treng tid til å leike og til å vere saman med familien sin.",
    ),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the demo; 0 when every attempt was delivered and replays to what the kiosk had."""
    parser = argparse.ArgumentParser(prog="./run demo", description="A whole sitting on this machine.")
    parser.add_argument("--unattended", action="store_true", help="two robots take the test on virtual seats")
    parser.add_argument("--report", type=Path, help="write what was measured to this file (unattended)")
    parser.add_argument("--keep", type=Path, help="an empty folder for everything that is made, kept afterwards")
    options = parser.parse_args(argv)
    if fault := _not_usable(options.report, options.keep):
        print(f"demo: {fault}", file=sys.stderr)
        return USAGE
    has_screen = bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or sys.platform == "win32")
    is_unattended = options.unattended or not has_screen
    if not has_screen and not options.unattended:
        print(
            "There is no screen here, so two robots take the test on virtual screens with a recorded null sound sink."
        )
    try:
        if options.keep is not None:
            options.keep.mkdir(parents=True, exist_ok=True)
            return _run(options.keep, options.report, is_unattended=is_unattended)
        with tempfile.TemporaryDirectory(prefix="proverom-demo-") as folder:
            return _run(Path(folder), options.report, is_unattended=is_unattended)
    except (SampleRoomError, VirtualSeatError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return USAGE
    except OSError as error:
        print(f"demo: {error.filename} cannot be used ({error.strerror}). Name another place.", file=sys.stderr)
        return USAGE


def _not_usable(report: Path | None, keep: Path | None) -> str:
    """Why the demo could not keep what it was told to keep, said before four minutes have gone; "" when it can."""
    if report is not None and not report.resolve().parent.is_dir():
        return f"{report}: there is no folder for the report. Make it, or name another file."
    if keep is not None and keep.is_dir() and any(keep.iterdir()):
        return f"{keep}: the folder is not empty. Name a new one."
    return ""


def _run(folder: Path, report: Path | None, *, is_unattended: bool) -> int:
    return Unattended(folder).run(report) if is_unattended else _attended(folder)


# --- by a person ----------------------------------------------------------------------------------------------------


def _attended(folder: Path) -> int:
    """The kiosk in a window with a visible *Leave*; the test leader's part is done by itself, or on the room page."""
    candidate = SampleCandidate("100234", "Samira Haddad", "samira", "blå stol 41", _enrolled())
    print("Setting up a store, a sitting and this PC …", flush=True)
    with SampleRoom(folder, _sitting((candidate,))) as room:
        state = room.enrol_pc("14")
        room.grant_pcs()
        leader = _Leader(room, ("100234",))
        leader.open()
        print(
            f"\n  User name: {candidate.login}\n  Password:  {candidate.password}\n  Day code:  {leader.day_code}\n\n"
            f"  Room page: {room.url}/  (user {TEST_LEADER}, password {TEST_LEADER_PASSWORD}; your browser will ask\n"
            "  about the certificate: it is the store's own)\n\n"
            "The parts start by themselves. Leave with «Forlat demoen».",
            flush=True,
        )
        stopping = threading.Event()
        helper = threading.Thread(target=leader.lead, args=(stopping,), daemon=True)
        helper.start()
        command = [sys.executable, "-m", "proverom", "kiosk", "--state", str(state), "--window"]
        with _something_to_play_on(folder) as environment:
            subprocess.run(command, cwd=ROOT, env=environment, check=False)
        stopping.set()
        helper.join(timeout=10)
        _score(room)
        room.stop_service()
        attempts = _measure(room, {}, {}, written=kept.written([StateFolder(state).journals]))
    if attempts:
        _print_table(attempts)
    else:
        print("No part was begun, so there is nothing to score.")
    return 0


@contextmanager
def _something_to_play_on(folder: Path) -> Generator[dict[str, str]]:
    """The environment for the kiosk: with a null sink where this machine has no sound device, which is then said."""
    if has_output():
        yield dict(os.environ)
        return
    print("There is no sound device here: the sound goes to a null sink, so you will hear nothing.", flush=True)
    sink = NullSink(folder / "sound")
    try:
        yield {**os.environ, **sink.environment()}
    finally:
        sink.close()


def _enrolled() -> str:
    return f"listening; reading; writing {LEVEL}"


def _sitting(candidates: tuple[SampleCandidate, ...]) -> SampleSitting:
    return SampleSitting(BANK, "norskprove-demo", "norskprove-demo", PARTS, candidates)


class _Leader:
    """What a test leader does: opens, marks present, reads the day code, starts part after part."""

    def __init__(self, room: SampleRoom, candidates: Sequence[str]) -> None:
        self._room = room
        self._candidates = candidates
        self.day_code = ""

    def open(self) -> None:
        """Open the sitting and let the candidates in."""
        desk = self._room.desk
        desk.ask("open", sitting=SITTING)
        for number in self._candidates:
            desk.ask("present", sitting=SITTING, candidate=number, identification="passport")
        self.day_code = str(desk.ask("day-code", sitting=SITTING)["day_code"])

    def lead(self, stopping: threading.Event) -> None:
        """Start each part when everybody is ready for it."""
        for part, _ in PARTS:
            while not stopping.is_set() and not self._all_ready(part):
                stopping.wait(0.3)
            if stopping.is_set():
                return
            self._room.desk.ask("start", sitting=SITTING, part=part)

    def _all_ready(self, part: str) -> bool:
        rows = self._room.desk.ask("progress", sitting=SITTING)["attempts"]
        ready = {row["candidate"] for row in rows if row["part"] == part and row["phase"] == "ready"}
        return ready >= set(self._candidates)


# --- by robots ------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Seat:
    """A virtual seat: display, sink, kiosk process and robot."""

    person: Person
    kill_in: str
    state: Path
    display: VirtualDisplay
    sink: NullSink
    robot_map: Path
    kiosk: subprocess.Popen[bytes] | None = None
    robot: Robot | None = None
    killed: bool = False
    started: float = field(default_factory=time.monotonic)

    def start_kiosk(self, log: Path) -> None:
        """Start the real kiosk program, full screen, on this seat's display and sink."""
        environment = {**self.display.environment(), **self.sink.environment()}
        command = [sys.executable, "-m", "proverom", "kiosk", "--state", str(self.state)]
        with log.open("ab") as file:
            self.kiosk = subprocess.Popen(
                mortal([*command, "--robot-map", str(self.robot_map)]),
                env=environment,
                cwd=ROOT,
                stdout=file,
                stderr=file,
            )

    def kill_kiosk(self) -> None:
        """SIGKILL, as a power cut would: no chance to write anything more."""
        if self.kiosk is not None:
            self.kiosk.kill()
            self.kiosk.wait(timeout=10)
        self.robot_map.unlink(missing_ok=True)

    def close(self) -> None:
        """End robot, kiosk, sink and display."""
        closers: list[Callable[[], object]] = []
        if self.robot is not None:
            closers.append(self.robot.stop)
        if self.kiosk is not None and self.kiosk.poll() is None:
            closers += [self.kiosk.terminate, lambda: self.kiosk and self.kiosk.wait(timeout=10)]
        closers += [self.sink.close, self.display.close]
        for close in closers:
            try:
                close()
            except (OSError, subprocess.TimeoutExpired) as error:
                print(f"demo: a seat did not close in order: {error}", file=sys.stderr)


class Unattended:
    """Two robots of different ability, side by side; one kiosk is killed in listening, the other in writing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._begun = time.monotonic()

    def run(self, report: Path | None) -> int:
        """Take the whole sitting, measure, print a table, write the report."""
        people = (
            (_person("100234", "Samira Haddad", "samira", "blå stol 41", -0.9, "nb", 11), "listening"),
            (_person("100251", "", "dmytro", "grønn kopp 72", 1.3, "nn", 29), "writing"),
        )
        sitting = _sitting(tuple(person.candidate for person, _ in people))
        with SampleRoom(self._folder, sitting) as room:
            self._tell("store, authority and sitting are set up")
            seats = [self._seat(room, place, *each) for place, each in enumerate(people, start=1)]
            try:
                room.grant_pcs()
                finished = self._take(room, seats)
                recordings = {seat.person.candidate.number: seat.sink.recording() for seat in seats}
                for number, data in recordings.items():
                    (self._folder / f"recording-{number}.raw").write_bytes(data)
                states = {key: value for seat in seats if seat.robot for key, value in seat.robot.seen.states.items()}
                texts = {key: value for seat in seats if seat.robot for key, value in seat.robot.seen.texts.items()}
            finally:
                for seat in seats:
                    seat.close()
            self._tell("scoring: opening with the results key, replaying with the engine; the store holds the results")
            _score(room)
            room.stop_service()
            on_disk = kept.written(StateFolder(seat.state).journals for seat in seats)
            attempts = _measure(room, recordings, states, texts, written=on_disk)
            self._tell("exporting the sitting, and having the independent verifier check the export")
            verified = _verify(room)
        seconds = round(time.monotonic() - self._begun, 1)
        plain = {
            "seconds": seconds,
            "store": "sqlite",
            "display": "xvfb",
            "sound": "null sink",
            "attempts": attempts,
            "verified": verified,
        }
        if report is not None:
            report.write_text(json.dumps(plain, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        _print_table(attempts)
        _print_verified(verified)
        is_good = finished and len(attempts) == len(people) * len(PARTS) and all(map(_is_good, attempts))
        is_good = is_good and verified["status"] == 0
        print(f"\n{len(attempts)} attempts in {seconds:.0f} s: {'all is well' if is_good else 'SOMETHING IS WRONG'}")
        return 0 if is_good else 1

    def _seat(self, room: SampleRoom, place: int, person: Person, kill_in: str) -> Seat:
        name = str(place)
        return Seat(
            person=person,
            kill_in=kill_in,
            state=room.enrol_pc(name),
            display=VirtualDisplay(),
            sink=NullSink(self._folder / f"sound-{name}"),
            robot_map=self._folder / f"robot-{name}.json",
        )

    def _take(self, room: SampleRoom, seats: Sequence[Seat]) -> bool:
        """Lead the sitting to its end; False when time ran out."""
        for seat in seats:
            seat.start_kiosk(self._log(seat))
        leader = _Leader(room, [seat.person.candidate.number for seat in seats])
        leader.open()
        package = _package(room)
        for seat in seats:
            seat.robot = _robot(seat, leader.day_code, package)
            seat.robot.start()
        self._tell("sitting open; two robots log in on virtual screens")
        stopping = threading.Event()
        lead = threading.Thread(target=leader.lead, args=(stopping,), daemon=True)
        lead.start()
        told: set[str] = set()
        deadline = time.monotonic() + LONGEST_S
        while time.monotonic() < deadline and not all(seat.robot and seat.robot.is_done.is_set() for seat in seats):
            for seat in seats:
                self._watch(seat, told)
            time.sleep(0.1)
        stopping.set()
        lead.join(timeout=10)
        self._close(room, seats)
        return all(seat.robot is not None and seat.robot.is_done.is_set() for seat in seats)

    def _close(self, room: SampleRoom, seats: Sequence[Seat]) -> None:
        """Close the sitting, and wait until the PCs have wiped what could open anything."""
        room.desk.ask("close", sitting=SITTING, reason="the demo is over")
        deadline = time.monotonic() + CLOSING_S
        while time.monotonic() < deadline and any(_holds_secrets(seat.state) for seat in seats):
            time.sleep(0.1)
        left = [seat.person.candidate.number for seat in seats if _holds_secrets(seat.state)]
        self._tell(f"sitting closed; {'release shares and grants are wiped' if not left else f'NOT WIPED: {left}'}")

    def _watch(self, seat: Seat, told: set[str]) -> None:
        look = seat.robot.look() if seat.robot is not None else None
        if look is None:
            return
        line = f"seat {seat.person.candidate.number}: {look.get('part', '')} {look['screen']}"
        if (
            look["screen"] in {"ListeningScreen", "ReadingScreen", "WritingScreen", "DeliveredScreen"}
            and line not in told
        ):
            told.add(line)
            self._tell(line)
        if not seat.killed and self._is_time_to_kill(seat, look):
            seat.killed = True
            self._tell(f"seat {seat.person.candidate.number}: SIGKILL to the kiosk in {seat.kill_in}")
            seat.kill_kiosk()
            seat.start_kiosk(self._log(seat))

    def _is_time_to_kill(self, seat: Seat, look: dict[str, Any]) -> bool:
        if look.get("part") != seat.kill_in or look.get("phase") != "running":
            seat.started = time.monotonic()
            return False
        running_s = time.monotonic() - seat.started
        if seat.kill_in == "listening":
            # Well inside the first items, and well inside a play.
            return running_s > KILL_AFTER_S and int(look.get("frame", 0)) > KILL_AFTER_FRAME
        return int(look.get("editor_length", 0)) > KILL_AFTER_SIGNS

    def _log(self, seat: Seat) -> Path:
        return self._folder / f"kiosk-{seat.person.candidate.number}.log"

    def _tell(self, line: str) -> None:
        print(f"[{time.monotonic() - self._begun:6.1f} s] {line}", flush=True)


def _holds_secrets(state: Path) -> bool:
    """Whether a PC still has its half of the way to the content."""
    folder = state / "sittings" / SITTING
    return (folder / "share").exists() or any(folder.glob("grant-*"))


def _person(number: str, name: str, login: str, password: str, theta: float, standard: str, seed: int) -> Person:
    candidate = SampleCandidate(number, name, login, password, _enrolled(), is_protected=not name)
    return Person(candidate, theta, standard, _SCRIPTS[standard], Random(seed))  # noqa: S311 - a robot's luck


def _robot(seat: Seat, day_code: str, package: Package) -> Robot:
    items = {
        item.id: item for form in package.forms.values() if isinstance(form, Panel) for item in form.items.values()
    }
    check = package.public.sound_check
    return Robot(
        seat.person,
        Hands({**seat.display.environment()}),
        seat.robot_map,
        day_code=day_code,
        items=items,
        content=package.content(seat.person.written_standard),
        sound_check_number="" if check is None else check.number,
    )


def _package(room: SampleRoom) -> Package:
    """The package, opened by the authority that made it: the robots' knowledge of what is right."""
    keys = KeyFolder(room.keys)
    path = room.packages[0]
    trust = Ed25519Trust(keys.signing_key().public, {})
    return open_sealed(path, keys.content_key(path.stem), trust, now_utc_ms=time.time_ns() // 1_000_000)


# --- what came of it ------------------------------------------------------------------------------------------------


def _score(room: SampleRoom) -> None:
    """The custodian's command: results are made outside the service, and held by the running store."""
    said = io.StringIO()
    command = ["score", str(room.store), "--results-key", str(room.keys / "results-1.key"), "--sitting", SITTING]
    with redirect_stdout(said), redirect_stderr(said):
        status = store_command(command)
    if status:
        raise SampleRoomError(step="store score", reason=said.getvalue().strip())


def _verify(room: SampleRoom) -> dict[str, Any]:
    """Export the sitting and check it as an auditor does who has all keys, by a program that shares no code with it."""
    out, told = room.folder / "exported", room.folder / "verified.json"
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        status = store_command(["bundle", str(room.store), SITTING, "--out", str(out)])
    if status:
        raise SampleRoomError(step="store bundle", reason=said.getvalue().strip())
    keys = ["--results-key", str(room.keys / "results-1.key"), "--content-keys", str(room.keys / "content-keys")]
    trust = ["--authority-key", str(room.keys / "content-signing.pub"), "--json", str(told)]
    command = [sys.executable, "-m", "proverom", "verify", str(out), *keys, *trust]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parent.parent)
    if not told.exists():
        raise SampleRoomError(step="verify", reason=done.stderr.strip())
    return cast("dict[str, Any]", json.loads(told.read_bytes()))


def _print_verified(verified: dict[str, Any]) -> None:
    made = sum(check["tried"] for check in verified["checks"].values())
    findings = [f"{each['where']}: {each['sentence']}" for each in verified["findings"]]
    print(
        f"\nindependent verifier: {made} checks on the exported sitting, {len(findings)} findings",
        *findings,
        sep="\n  ",
    )


def _measure(
    room: SampleRoom,
    recordings: dict[str, bytes],
    states: dict[str, str],
    texts: dict[str, str] | None = None,
    *,
    written: Mapping[str, frozenset[kept.Identity]],
) -> list[dict[str, Any]]:
    """Score and replay what the store holds, and hold it against what kiosk, sink, robot and the PCs' disks had."""
    keys = KeyFolder(room.keys)
    held = [keys.results_key()]
    options = argparse.Namespace(content_keys=room.keys / "content-keys", results_key=[room.keys / "results-1.key"])
    heard = {number: Recording.of(data) for number, data in recordings.items()}
    with open_store(room.store) as store:
        rows = [
            _row(
                found,
                held,
                heard,
                states,
                texts or {},
                receipts=len(store.envelopes(found.attempt)),
                written=written.get(found.attempt, frozenset()),
            )
            for found in opened_packages(store, options, SITTING)
        ]
    return sorted(rows, key=lambda row: (row["candidate"], [part for part, _ in PARTS].index(row["part"])))


def _row(
    found: Found,
    held: list[Any],
    heard: dict[str, Any],
    states: dict[str, str],
    texts: dict[str, str],
    *,
    receipts: int,
    written: frozenset[kept.Identity],
) -> dict[str, Any]:
    opener = opener_for(found.package, held)
    replayed = replay_attempt(found.attempt, found.envelopes, found.package, opener, found.known)
    scored = score_attempt(found.attempt, found.envelopes, found.package, opener, found.known)
    attempt, begun = replayed.attempt, replayed.begun
    if attempt is None or begun is None:
        raise SampleRoomError(step="replay", reason=f"nothing of attempt {found.attempt} can be read")
    events = replayed.bundle.events
    resumed = [number for number, event in enumerate(events) if isinstance(event, Resumed)]
    replayed_hash = state_sha256(attempt)
    row: dict[str, Any] = {
        "candidate": begun.candidate,
        "programme": begun.programme,
        "part": begun.part,
        "written_standard": attempt.written_standard,
    }
    data = scored.data
    if attempt.panel is not None:
        correct = cast("dict[str, int]", data.get("number_correct", {}))
        probabilities = cast("dict[str, float]", data.get("level_probabilities", {}))
        row |= {
            "route": data.get("modules", []),
            "number_correct": list(correct.values()),
            "level": scored.level,
            "theta": _rounded(data.get("theta")),
            "se": _rounded(data.get("se")),
            "level_probabilities": {level: _rounded(value) for level, value in probabilities.items()},
        }
    if attempt.rules.is_script_driven:
        row["plays"] = _plays(found, attempt, events, heard.get(begun.candidate))
    if attempt.task_set is not None:
        row["edits"] = sum(1 for event in events if isinstance(event, Edited))
        row["keys"] = _keys(replayed)
        row["text_replay_equal"] = _texts_equal(found.attempt, attempt, texts)
    kiosk_hash = states.get(found.attempt, "")
    row |= {
        "events": len(events),
        "envelopes": len(found.envelopes),
        "receipts": receipts,
        "records": len(written),
        "lost": len(written - kept.received(found.envelopes, found.known.devices)),
        "findings": [finding["sentence"] for finding in scored.findings],
        "kiosk_state_sha256": kiosk_hash,
        "replayed_state_sha256": replayed_hash,
        "replay_equal": kiosk_hash == replayed_hash if kiosk_hash else None,
        "killed_at_event": resumed[0] if resumed else None,
    }
    return row


def _rounded(value: object) -> float | None:
    return round(float(value), 4) if isinstance(value, int | float) else None


def _plays(found: Found, attempt: Any, events: Sequence[Any], recording: Any) -> dict[str, dict[str, int]]:  # noqa: ANN401
    plays: dict[str, dict[str, int]] = {}
    for item, count in attempt.plays_spent.items():
        clip = attempt.panel.items[item].listening.clips[attempt.written_standard].id
        cuts = [
            Cut(event.frame) for event in events if isinstance(event, PlayBegun) and event.item == item and event.frame
        ]
        plays[item] = {"journal": count}
        if recording is not None:
            plays[item]["heard"] = plays_heard(recording, decode(found.package.media(clip), clip), cuts)
    return plays


def _keys(replayed: Any) -> int:  # noqa: ANN401
    payloads = [entry.payload for entry in replayed.bundle.entries if entry.type == KEY_TIMINGS and entry.payload]
    return sum(len(json.loads(payload)["keys"]) for payload in payloads)


def _texts_equal(attempt_id: str, attempt: Any, texts: dict[str, str]) -> bool:  # noqa: ANN401
    """Whether the replayed scripts are what the editor showed, task by task."""
    shown = [value for key, value in sorted(texts.items()) if key.startswith(f"{attempt_id}/")]
    tasks = [slot.tasks[0] for slot in attempt.task_set.slots]
    held = [hashlib.sha256(attempt.texts.get(task, "").encode()).hexdigest() for task in tasks]
    return bool(shown) and shown == held


def _is_good(row: dict[str, Any]) -> bool:
    plays = row.get("plays", {}).values()
    return (
        row["replay_equal"]
        and row["records"] >= row["events"]
        and row["lost"] == 0
        and row["envelopes"] == row["receipts"]
        and not row["findings"]
        and row.get("text_replay_equal", True)
        and all(each.get("heard", each["journal"]) == each["journal"] for each in plays)
    )


def _print_table(attempts: list[dict[str, Any]]) -> None:
    print(
        f"\n{'candidate':<10}{'part':<11}{'route':<24}{'correct':<12}{'level':<10}"
        f"{'events':>7}{'lost':>6}  replay  heard"
    )
    for row in attempts:
        plays = row.get("plays", {}).values()
        heard = (
            f"{sum(each.get('heard', 0) for each in plays)}/{sum(each['journal'] for each in plays)}" if plays else "–"
        )
        print(
            f"{row['candidate']:<10}{row['part']:<11}{'>'.join(row.get('route', [])):<24}"
            f"{' '.join(map(str, row.get('number_correct', []))):<12}{row.get('level', '–') or '–':<10}"
            f"{row['events']:>7}{row['lost']:>6}  {_REPLAYS[row['replay_equal']]}  {heard}"
        )
