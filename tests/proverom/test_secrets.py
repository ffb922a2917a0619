"""After a real sitting nothing secret lies in clear on a PC, in a log, in the store's database or in the traffic.

A real store process, a real PC (conductor, room thread, journal, outbox) on real TLS through a proxy that records every
byte; the sitting is planned, opened, taken, handed in and closed as on the day. What is looked for: the text of every
item and task, everything the candidate answered or wrote, every key but the ones a place must hold, passwords, the
day code; in all forms of `tests.scanning`.
"""

from __future__ import annotations

import json
import logging
import re
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from dataclasses import replace as replaced
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from itembank.bank import read_bank
from itembank.content import ItemContent
from itembank.keyring import KeyFolder
from itembank.package import open_sealed
from kiosk import intents
from kiosk.screens import DeliveredScreen, EndScreen, PersonalDataScreen, WaitScreen, WritingScreen
from proverom.sample_room import (
    TEST_LEADER,
    TEST_LEADER_PASSWORD,
    TEST_MANAGER_PASSWORD,
    SampleCandidate,
    SampleRoom,
    SampleSitting,
)
from sync import preamble
from sync.client import StoreClient
from sync.errors import CannotOpenError, SyncError
from sync.keys import VerifyKey, random_key
from sync.package import decode_package, open_package
from sync.release import Ed25519Trust, open_device_share, open_grant
from tests.proverom.conftest import BANK, SAMIRA
from tests.proverom.recorder import Recorder
from tests.proverom.seat import Seat, ask, first_answer
from tests.scanning import Scanner, code_hits, database_dump, files_below, forms

if TYPE_CHECKING:
    from itembank.schema import ItemStandardModel

ESSAY: Final = "Kjære nabo, jeg flyttet fra Aleppo til Tøyen og savner hagen min."
TYPED: Final = "hemmelig-tyttebær-4711"
TOLD: Final = "morsmålet mitt er kurmanji"
WRONG_PASSWORD: Final = "feil passord sju nisser"
SHORTEST: Final = 14
"""Characters of a text that can be told from others: shorter options ("klokka ni") stand in every text."""


@dataclass
class Day:
    """A whole sitting, and what was seen of it at each of its stages."""

    room: SampleRoom
    temporary: Path
    seat: Seat
    device: str
    day_code: str = ""
    made_keys: list[bytes] = field(default_factory=list[bytes])
    inside_tls: list[bytes] = field(default_factory=list[bytes])
    logged: list[str] = field(default_factory=list[str])
    session: str = ""
    before: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    open_: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    after: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    processes: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    captured: bytes = b""
    opened_with_the_disk: bytes = b""
    tried_before: tuple[int, list[bytes]] = field(default_factory=lambda: (0, []))

    @contextmanager
    def unlogged(self) -> Generator[None]:
        """What stands for a browser here logs its own requests, which no program of ours does."""
        kept = list(self.logged)
        yield
        self.logged[:] = kept

    @property
    def pc_files(self) -> dict[str, bytes]:
        """What lies on the PC's disk now."""
        return files_below(self.seat.state)


class _Kept(logging.Handler):
    """Keeps every record, with its traceback, as a log file would show it."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__(logging.DEBUG)
        self._lines = lines
        self.setFormatter(logging.Formatter())

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(self.format(record))


def answer(item: ItemContent) -> tuple[str, ...]:
    """What the candidate answers: typed gaps with words of their own."""
    return tuple(f"{TYPED}-{gap}" for gap in item.gaps) if item.type == "text_entry" else first_answer(item)


def staff_logs_in(url: str, ca_file: Path) -> str:
    """The test leader's browser: one wrong password, then the right one; the session's cookie."""
    import ssl

    with httpx.Client(base_url=url, verify=ssl.create_default_context(cafile=str(ca_file))) as browser:
        for password in (WRONG_PASSWORD, TEST_LEADER_PASSWORD):
            page = browser.get("/login").text
            token = re.search(r'name="csrf" value="([0-9a-f]{64})"', page)
            assert token is not None
            form = {"csrf": token[1], "user": TEST_LEADER, "password": password}
            answered = browser.post("/login", data=form)
        assert answered.status_code == 303
        assert browser.get("/sittings").status_code == 200
        return browser.cookies["__Host-provrom"]


def programs(room: SampleRoom) -> dict[str, bytes]:
    """Command line and environment of the store's process, as others on the machine can read them."""
    service = room._service
    assert service is not None
    found: dict[str, bytes] = {}
    for name in ("cmdline", "environ"):
        try:
            found[name] = Path(f"/proc/{service.pid}/{name}").read_bytes().replace(b"\0", b"\n")
        except PermissionError:
            found[name] = b""  # nobody but root may read it: it is not dumpable
    return found


def opened_by(day: Day, keys: Iterable[bytes]) -> tuple[int, list[bytes]]:
    """How many keys were tried on the package that lies on the PC, and those that open it."""
    (path,) = (day.seat.state / "releases").glob("*.provrom")
    file = decode_package(path.read_bytes())
    signing = KeyFolder(day.room.keys).signing_key().public
    manifest = Ed25519Trust(signing, {}).verify(file.manifest, now_utc_ms=0)
    tried, found = 0, list[bytes]()
    for key in keys:
        tried += 1
        with suppress(CannotOpenError):
            assert open_package(file, manifest, key)
            found.append(key)
    return tried, found


def every_key_in(files: Mapping[str, bytes]) -> set[bytes]:
    """Whatever 32 bytes on a disk could be a key: whole files, hexadecimal runs, the halves of double ones."""
    found: set[bytes] = set()
    for data in files.values():
        found |= {data[place : place + 32] for place in range(min(len(data), 512) - 31)}
        found |= {bytes.fromhex(run.decode()) for run in re.findall(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])", data)}
    return found


def keys_by_the_disk(day: Day) -> bytes:
    """What an expert does with a PC stolen while the sitting is open: its own keys, its share and its grant."""
    folder, enrolment, keys = day.seat.folder, day.seat.enrolment, day.seat.keys
    share = open_device_share(
        folder.share("demo").read_bytes(),
        sitting="demo",
        device=enrolment.device,
        box=keys.box,
        ticket_key=VerifyKey.from_hex(enrolment.ticket_key),
    )
    (release,) = (path.stem for path in (day.seat.state / "releases").glob("*.provrom"))
    signing = KeyFolder(day.room.keys).signing_key().public
    granted = open_grant(
        folder.grant("demo", release).read_bytes(),
        sitting="demo",
        device=enrolment.device,
        release=release,
        keys=keys,
        release_share=share,
        content_key=signing,
        now_utc_ms=0,
    )
    return granted.content_key


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    """The day, from enrolment to the morning after."""
    folder = tmp_path_factory.mktemp("secrets")
    temporary = folder / "temporary"
    temporary.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(temporary))
        patch.setattr(tempfile, "tempdir", str(temporary))
        made: list[bytes] = []

        def watched() -> bytes:
            made.append(random_key())
            return made[-1]

        patch.setattr(preamble, "random_key", watched)
        inside: list[bytes] = []
        send = StoreClient._send

        def recorded(self: StoreClient, *arguments: Any, **named: Any) -> Any:
            told = send(self, *arguments, **named)
            inside.append(repr((arguments, named)).encode() + b"\n" + told.body)
            inside.extend(each for each in arguments if isinstance(each, bytes))
            return told

        patch.setattr(StoreClient, "_send", recorded)
        yield from whole_day(folder, temporary, made, inside)


def whole_day(folder: Path, temporary: Path, made: list[bytes], inside: list[bytes]) -> Iterator[Day]:
    """Live through it; the same day is looked at by all tests."""
    logged: list[str] = []
    handler, root = _Kept(logged), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    person = replaced(SAMIRA, parts="reading; writing A2-B1")
    sitting = SampleSitting(BANK, "norskprove-demo", "norskprove-demo", (("reading", 75), ("writing", 90)), (person,))
    room = SampleRoom(folder / "room", sitting)
    room.folder.mkdir()
    try:
        with room:
            recorder = Recorder(int(room.url.rsplit(":", 1)[1]))
            room.url = f"https://127.0.0.1:{recorder.port}"
            state = room.enrol_pc("7")
            room.grant_pcs()
            seat = Seat(room, state)
            try:
                seen = Day(
                    room, temporary, seat, seat.enrolment.device, made_keys=made, inside_tls=inside, logged=logged
                )
                live(seen, person)
            finally:
                seat.close()
            seen.processes = programs(room)
            recorder.stop()
            seen.captured = recorder.captured
        seen.after = seen.pc_files
        yield seen
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


def live(day: Day, person: SampleCandidate) -> None:
    """From the PC's morning to the closing of the sitting."""
    seat, room = day.seat, day.room
    seat.until(WaitScreen, lambda screen: screen.reason == "not_open")
    kept = seat.state / "sittings" / "demo"
    seat.until_true(lambda: any(kept.glob("grant-*")) and any((seat.state / "releases").glob("*.provrom")))
    day.before = day.pc_files
    day.tried_before = opened_by(day, every_key_in(day.before))
    with day.unlogged():
        day.session = staff_logs_in(room.url, room.ca_file)
    ask(room, "open")
    ask(room, "present", candidate=person.number, identification="passport")
    day.day_code = str(ask(room, "day-code")["day_code"])
    seat.log_in(person)
    seat.start_part("reading", day_code=day.day_code)
    seat.answer_reading(answer)
    seat.until(DeliveredScreen)
    seat.do(intents.Continue())
    seat.start_part("writing", day_code=day.day_code)
    seat.write(ESSAY)
    assert isinstance(seat.screen, WritingScreen)
    day.open_ = day.pc_files
    day.opened_with_the_disk = keys_by_the_disk(day)
    seat.do(intents.GoToHandIn(), intents.HandIn(1), intents.HandIn(2))
    seat.until_true(lambda: isinstance(seat.screen, PersonalDataScreen) or _goes_on(seat))
    screen = seat.screen
    assert isinstance(screen, PersonalDataScreen)
    values = tuple((each.id, TOLD if not each.options else each.options[0].id) for each in screen.fields)
    seat.do(intents.SendPersonalData(values))
    seat.until_true(lambda: isinstance(seat.screen, EndScreen) or _goes_on(seat))
    seat.until_true(lambda: all(each.delivered.is_complete for each in seat.net.state.delivered.values()))
    ask(room, "close")
    seat.until_true(lambda: not any(kept.glob("grant-*")) and not (kept / "share").exists())


def _goes_on(seat: Seat) -> bool:
    """Past the news that all is delivered, to what comes after it."""
    if isinstance(seat.screen, DeliveredScreen):
        seat.do(intents.Continue())
    return False


# --- what is secret ---------------------------------------------------------------------------------------------------


def sentences(words: ItemStandardModel | None) -> Iterator[str]:
    """What an item says in one written standard."""
    if words is not None:
        yield from (words.prompt, *words.body, *(option.text for option in words.options))
        yield from (line.text for line in words.script)
        yield from (option.text for gap in words.gaps.values() for option in gap.options)


def content_texts() -> dict[str, bytes]:
    """The text of every item, stimulus and task of the released bank, without its marks."""
    bank = read_bank(BANK)
    found: dict[str, bytes] = {}
    texts = [(item.id, text) for item in bank.items.values() for own in (item.nb, item.nn) for text in sentences(own)]
    for stimulus in bank.stimuli.values():
        texts += [(stimulus.id, text) for own in (stimulus.nb, stimulus.nn) if own for text in (own.title, *own.body)]
    for task in bank.tasks.values():
        texts += [(task.id, text) for own in (task.nb, task.nn) if own for text in (own.heading, *own.body)]
    for name, text in texts:
        for piece in re.split(r"\*\*|\{[^}]*\}|\[[^\]:]*:|\]|^[#|-] ", text):
            if len(piece.strip()) >= SHORTEST:
                found.setdefault(f"{name}: {piece.strip()[:30]}", piece.strip().encode())
    return found


def shown_to_all() -> bytes:
    """What is no secret though it may say the same: texts of the programme, the screens and the pages."""
    root = BANK.parents[1]
    public = [*(BANK / "texts").glob("*.json"), *(BANK / "programmes").glob("*.json")]
    public += [*(root / "kiosk/texts").glob("*.json"), *(root / "administration").glob("texts*.py")]
    return "\n".join(
        json.dumps(json.loads(path.read_text("utf-8")), ensure_ascii=False)
        if path.suffix == ".json"
        else path.read_text("utf-8")
        for path in public
    ).encode()


def content_secrets() -> dict[str, bytes]:
    """Texts that only the sealed part of the package holds."""
    public = shown_to_all()
    return {name: text for name, text in content_texts().items() if text not in public}


def answers() -> dict[str, bytes]:
    """What the candidate wrote and told."""
    return {"the text written": ESSAY.encode(), "a word typed": TYPED.encode(), "the form": TOLD.encode()}


def passwords() -> dict[str, bytes]:
    """Of the candidate and of staff, and one typed wrongly."""
    found = (SAMIRA.password, TEST_LEADER_PASSWORD, TEST_MANAGER_PASSWORD, WRONG_PASSWORD)
    return {f"password '{each}'": each.encode() for each in found}


def authority_keys(day: Day) -> dict[str, bytes]:
    """What only the authority holds, or nobody."""
    authority = KeyFolder(day.room.keys)
    made = authority.secrets("demo")
    found = {"release share": made.release_share, "recovery key": made.recovery.raw}
    found |= {"results key": authority.results_key().raw, "signing key": authority.signing_key().raw}
    for number, path in zip(count(), sorted((day.room.keys / "content-keys").glob("*.key")), strict=False):
        found[f"content key {number}"] = bytes.fromhex(path.read_text().strip())
    return found | {f"stream key {number}": key for number, key in enumerate(day.made_keys)}


def device_keys_of(day: Day) -> dict[str, bytes]:
    """The PC's own private keys."""
    return {"device box": day.seat.keys.box.raw, "device signing": day.seat.keys.signing.raw}


def store_keys(day: Day) -> dict[str, bytes]:
    """The store's own private keys, and what a browser holds."""
    found = {f"store {path.stem}": path.read_bytes() for path in sorted((day.room.store / "keys").glob("*.key"))}
    return found | {"session": day.session.encode()}


def everything(day: Day) -> dict[str, bytes]:
    """All secrets there are."""
    return {
        **content_secrets(),
        **answers(),
        **passwords(),
        **authority_keys(day),
        **device_keys_of(day),
        **store_keys(day),
    }


@pytest.fixture(scope="module")
def scanner(day: Day) -> Scanner:
    """Looks for everything."""
    return Scanner(everything(day))


def without(day: Day, *allowed: Mapping[str, bytes]) -> Scanner:
    """Looks for everything but what a place must hold."""
    names = {name for each in allowed for name in each}
    return Scanner({name: secret for name, secret in everything(day).items() if name not in names})


# --- controls ---------------------------------------------------------------------------------------------------------


def test_control_the_day_was_a_whole_one_and_much_is_looked_for(day: Day, scanner: Scanner) -> None:
    assert len(content_secrets()) > 400
    assert len(scanner.secrets) > 430
    assert scanner.patterns > 8_000
    assert len(day.made_keys) >= 6, "two attempts have at least two segments of three streams"
    assert len(day.captured) > 500_000, "the package went through the proxy"
    assert len(day.inside_tls) > 20
    assert len(day.logged) > 20
    assert re.fullmatch("[0-9]{4}", day.day_code)


def test_control_what_is_planted_in_a_place_is_found_in_every_form(day: Day, scanner: Scanner) -> None:
    places = {**day.after, "traffic": day.captured, "log": "\n".join(day.logged).encode()}
    planted = {"item": next(iter(content_secrets())), "password": "password 'blå stol 41'", "key": "release share"}
    for what, name in planted.items():
        secret = scanner.secrets[name]
        for kind, form in forms(secret).items():
            for place, data in ((place, places[place][:6_001]) for place in ("traffic", "log", next(iter(day.after)))):
                middle = len(data) // 2
                hits = scanner.hits({place: data[:middle] + form + data[middle:]})
                assert any(hit.secret == name for hit in hits), (what, kind, place)
    assert code_hits(day.day_code, {"log": b"day code: " + day.day_code.encode()})


def test_control_the_package_does_hold_these_texts(day: Day, scanner: Scanner) -> None:
    key = authority_keys(day)["content key 0"]
    (path,) = day.room.packages
    signing = KeyFolder(day.room.keys).signing_key().public
    package = open_sealed(path, key, Ed25519Trust(signing, {}), now_utc_ms=0)
    assert len(package.media_files) > 5
    file = decode_package(path.read_bytes())
    manifest = Ed25519Trust(signing, {}).verify(file.manifest, now_utc_ms=0)
    found = {hit.secret for hit in scanner.hits({"opened": open_package(file, manifest, key)})}
    assert len(found) > 100


# --- the PC -----------------------------------------------------------------------------------------------------------


def test_before_opened_nothing_on_the_pc_is_or_opens_content(day: Day) -> None:
    assert without(day, device_keys_of(day)).hits(day.before) == []
    tried, opening = day.tried_before
    assert tried > 1_000, "every 32 bytes that could be a key were tried on the package"
    assert opening == []
    assert {name for name in day.before if "grant-" in name}, "the grant was there"
    assert not {name for name in day.before if name.endswith("/share")}, "the share was not"


def test_while_open_neither_content_nor_answers_nor_passwords_stand_in_clear(day: Day) -> None:
    assert without(day, device_keys_of(day)).hits(day.open_) == []
    assert code_hits(day.day_code, day.open_) == []


def test_the_honest_limit_while_open_the_disk_and_its_keys_open_the_content(day: Day) -> None:
    """SECURITY.md §7, 1: a PC without a TPM that is stolen while its sitting is open."""
    assert day.opened_with_the_disk == authority_keys(day)["content key 0"]
    assert opened_by(day, [day.opened_with_the_disk])[1] == [day.opened_with_the_disk]


def test_after_closed_nothing_on_the_pc_is_secret_and_nothing_opens(day: Day) -> None:
    assert without(day, device_keys_of(day)).hits(day.after) == []
    assert code_hits(day.day_code, day.after) == []
    assert opened_by(day, every_key_in(day.after))[1] == []
    with pytest.raises((OSError, SyncError)):
        keys_by_the_disk(day)
    assert any("journals" in name for name in day.after), "the sealed journal stays until it is no longer needed"


def test_the_pcs_own_keys_stand_in_its_key_file_alone(day: Day) -> None:
    hits = Scanner(device_keys_of(day)).hits(day.after)
    assert {hit.place for hit in hits} <= {name for name in day.after if "keys" in Path(name).name}
    assert hits


# --- logs, processes, temporary files ---------------------------------------------------------------------------------


def test_no_log_and_no_traceback_tells_a_secret(day: Day, scanner: Scanner) -> None:
    logs = {"kiosk": "\n".join(day.logged).encode(), "store": (day.room.folder / "store.log").read_bytes()}
    assert scanner.hits(logs) == []
    assert code_hits(day.day_code, logs) == []


def test_command_lines_and_environment_tell_no_secret(day: Day, scanner: Scanner) -> None:
    assert b"store\nrun" in day.processes["cmdline"] or sys.platform != "linux"
    assert scanner.hits(day.processes) == []
    assert code_hits(day.day_code, day.processes) == []


def test_nothing_is_left_among_temporary_files(day: Day, scanner: Scanner) -> None:
    assert scanner.hits(files_below(day.temporary)) == []


# --- the store --------------------------------------------------------------------------------------------------------


def test_the_database_shows_no_secret_in_its_rows_or_freed_pages(day: Day, scanner: Scanner) -> None:
    files = {path.name: path.read_bytes() for path in day.room.store.glob("store.sqlite*")}
    dump = database_dump(day.room.store / "store.sqlite")
    assert b"CREATE TABLE" in dump
    assert SAMIRA.name.encode() in dump, "names are in clear: the roster is the store's to keep"
    places = {**files, "dump": dump}
    assert scanner.hits(places) == []
    assert code_hits(day.day_code, places) == []


def test_the_day_code_is_sealed_to_the_stores_box_key(day: Day) -> None:
    """Whoever has the database alone has no code; whoever has the whole folder has what the store has."""
    with sqlite3.connect(f"file:{day.room.store / 'store.sqlite'}?mode=ro", uri=True) as database:
        (sealed,) = (bytes(row[0]) for row in database.execute("select sealed from daycode"))
    assert day.day_code.encode() not in sealed
    assert len(sealed) == len(day.day_code) + 48  # HPKE: 32 bytes of key and 16 of tag (RFC 9180)


def test_the_rest_of_the_stores_folder_shows_its_own_keys_only_where_they_belong(day: Day) -> None:
    store = day.room.store
    files = files_below(store, without=[store / "keys"])
    assert without(day).hits(files) == []
    inside = Scanner(everything(day)).hits(files_below(store / "keys"))
    assert {hit.secret for hit in inside} == {name for name in store_keys(day) if name != "session"}


# --- traffic ----------------------------------------------------------------------------------------------------------


def test_a_capture_of_the_traffic_shows_no_secret(day: Day, scanner: Scanner) -> None:
    assert scanner.hits({"traffic": day.captured}) == []
    assert code_hits(day.day_code, {"traffic": day.captured}) == []
    assert b"Samira" not in day.captured


def test_inside_tls_too_content_answers_keys_and_passwords_are_sealed(day: Day, scanner: Scanner) -> None:
    """What must stay secret is sealed besides: whoever breaks TLS sees that a PC works, and not what is written."""
    inside = {"requests and answers": b"\n".join(day.inside_tls)}
    assert scanner.hits(inside) == []
    assert code_hits(day.day_code, inside) == []
    assert day.device.encode() in inside["requests and answers"]


# --- the repository ---------------------------------------------------------------------------------------------------


def test_no_private_key_lies_in_the_repository() -> None:
    """Keys of the tests are made of words when needed (`tests.sync.examples`); published vectors are golden."""
    root = BANK.parents[1]
    told = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, check=False).stdout
    names = told.decode().split("\0")[:-1] if told else [str(path.relative_to(root)) for path in root.rglob("*.*")]
    paths = [root / name for name in names if not name.startswith((".venv", ".cache", "tests/golden"))]
    pem = b"-----BEGIN " + rb"(?:[A-Z]+ )?PRIVATE" + b" KEY-----"
    assert len(paths) > 300
    for path in paths:
        assert path.suffix not in {".key", ".pem", ".p12", ".pfx"}, path
        if path.is_file():
            assert re.search(pem, path.read_bytes()) is None, path


def test_control_a_private_key_would_be_seen() -> None:
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    assert re.search(rb"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----", pem)
