"""What is fuzzed: every parser of bytes that come from outside, its genuine examples, and what must hold of each input.

A parser gives a value or one of its own errors, within time and memory, in a sentence of bounded length; where there is
a writer, what was read is written back to the same bytes. Anything else is a `Fault`.

A **case** is what the fuzzer changes. Its first byte below 128: the rest goes to the parser as it is. Otherwise the
rest is parts (`tests.fuzz.mutation.SPLIT`) that the target *dresses* first: sums, lengths, hashes, seals and
signatures are made right with the tests' keys, so that what stands behind them is reached.
"""

from __future__ import annotations

import json
import struct
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import product
from pathlib import Path
from typing import Any, Final, get_args

from administration.errors import FormError
from administration.forms import Form
from centralstore.csvfile import MAX_FILE_BYTES, parse_people
from centralstore.door import parsed
from centralstore.errors import DamagedError as StoreDamagedError
from centralstore.errors import SetUpError
from centralstore.keyfiles import read_key
from centralstore.rescore import MAX_KEYS_BYTES, read_keys
from centralstore.service import Acknowledgement, EnrolRequest
from engine.check import check_panel, check_task_set
from engine.errors import DataError, PanelError
from engine.panel import parse_panel, parse_task_set
from engine.plain import Reader
from engine.programme import parse_programme
from engine.scoring import parse_key, score_key
from engine.wire import TYPES
from itembank.bank import MAX_FILE_BYTES as MAX_BANK_FILE_BYTES
from itembank.bank import Bank, parse_file, parse_json, read_bank
from itembank.errors import ItemBankError
from itembank.grants import LIMIT as MAX_GRANTS_BYTES
from itembank.grants import read_devices, read_grants
from itembank.itemchecks import item_faults, stimulus_faults, task_faults
from itembank.package import make_archive, open_public, open_sealed
from itembank.pictures import MAX_PICTURE_BYTES, check_picture
from itembank.schema import (
    BankFile,
    FileModel,
    FormsFile,
    InformationFile,
    ItemFile,
    PanelFile,
    PersonalDataFile,
    PicturesFile,
    ReadOutFile,
    ReleaseFile,
    SoundCheckFile,
    StimulusFile,
    TaskFile,
    TaskSetFile,
)
from kiosk.errors import KioskError
from kiosk.folder import StateFolder
from kiosk.screens import TEXT_SIZES, Settings, Theme
from sync.canonical import canonical_bytes, parse_canonical, plain_of
from sync.entries import decode_event, encode_event, event_code
from sync.envelope import (
    ENVELOPE_MAGIC,
    MAX_ENVELOPE_BYTES,
    Envelope,
    claimed_device,
    envelope_sha256,
    erase_stream,
    open_envelope,
    verify,
)
from sync.errors import RequestRefusedError, SyncDataError
from sync.keys import hpke_seal, sha256_hex
from sync.orders import MAX_ORDERS_BYTES, OrderList
from sync.package import MAX_PACKAGE_BYTES, PackageFile, decode_package, encode_package, seal_content, sealed_header_of
from sync.passwords import TEST_COST, PasswordVerifier
from sync.progress import sign_progress, verify_progress
from sync.readiness import Finding, Outcome, Readiness, sign_readiness, verify_readiness
from sync.receipt import sign_receipt, verify_receipt
from sync.release import (
    Custodians,
    Ed25519Trust,
    ReleaseManifest,
    content_key_check,
    open_device_share,
    open_grant,
    open_store_share,
    sign_manifest,
)
from sync.requests import SeenNonces, sign_request, verify_request
from sync.segment import (
    MAX_HEADER_BYTES,
    MAX_SEGMENT_BYTES,
    SEGMENT_MAGIC,
    SegmentScan,
    chain_after,
    decode_preamble,
    encode_preamble,
    scan_segment,
)
from sync.signed import MAX_MESSAGE_BYTES
from sync.ticket import open_ticket
from tests.fuzz.mutation import SPLIT
from tests.strategies import form_plain, panel_plain, programme_plain, task_set_plain
from tests.sync import test_release as releases
from tests.sync.examples import NOW, box, device, signing, written
from tests.sync.test_envelope import packed
from tests.sync.test_messages import PROGRESS, RECEIPT
from tests.sync.test_orders import SITTING, STORE, issued
from tests.sync.test_ticket import ticket

BANK: Final = Path(__file__).parents[2] / "banks" / "norskprove-sample"
SLOWEST_MS: Final = 1500.0
"""Of the processor's time, for an input of at most `CASE_BYTES`; the slowest genuine one takes under 50 ms."""

LONGEST_SENTENCE: Final = 700
CASE_BYTES: Final = 20_000
DRESSED: Final = 128
PC, AUTHORITY = signing("pc-07"), signing("authority")

Check = Callable[[bytes, Any], object]
Dress = Callable[[Sequence[bytes], int], bytes]


class Fault(Exception):  # noqa: N818 - what is found, not an error of ours
    """A parser did what it must not."""


@dataclass(frozen=True, slots=True)
class Target:
    """One parser.

    ``limit``: the size in bytes above which it must refuse without parsing; None where the service's door has cut off
    what is longer before (`centralstore.door.read_body`), or the server what headers may hold. ``check`` is given the
    bytes and the value, and raises what it finds wrong. ``examples`` are cases. ``bounds_sentences``: errors are told
    to strangers, so that their length is bounded (a bank's author is told every fault there is).
    """

    name: str
    read: Callable[[bytes], object]
    errors: tuple[type[Exception], ...]
    examples: Callable[[], Sequence[bytes]]
    limit: int | None
    dress: Dress | None = None
    check: Check = lambda _data, _value: None
    bounds_sentences: bool = True

    def data_of(self, case: bytes) -> bytes:
        """The bytes that the parser gets."""
        if not case or case[0] < DRESSED or self.dress is None:
            return case[1:]
        return self.dress(case[1:].split(SPLIT), case[0] & 0x7F)

    def try_bytes(self, data: bytes) -> tuple[float, bool]:
        """Parse; the processor's time in milliseconds, and whether it was read and not refused.

        Raises:
            Fault: told with what happened.
        """
        begun, is_read = time.thread_time(), False
        try:
            value = self.read(data)
        except self.errors as error:
            spent = (time.thread_time() - begun) * 1000
            sentence = str(error)
            if not sentence or (self.bounds_sentences and len(sentence) > LONGEST_SENTENCE):
                raise Fault(f"{self.name}: a sentence of {len(sentence)} characters: {sentence[:200]!r}") from error
        except Exception as error:
            raise Fault(f"{self.name}: {type(error).__name__}: {str(error)[:300]}") from error
        else:
            spent, is_read = (time.thread_time() - begun) * 1000, True
            try:
                self.check(data, value)
            except Fault as fault:
                raise Fault(f"{self.name}: {fault}") from fault
        if spent > SLOWEST_MS:
            raise Fault(f"{self.name}: {spent:.0f} ms for {len(data)} bytes")
        return spent, is_read


def raw(*examples: bytes) -> list[bytes]:
    """Cases whose bytes go to the parser as they are."""
    return [b"\0" + example for example in examples]


def parts(*pieces: bytes, flags: int = 0x7F) -> bytes:
    """A case to be dressed."""
    return bytes([DRESSED | flags]) + SPLIT.join(pieces)


def writes_back(write: Callable[[Any], bytes]) -> Check:
    """The property that reading and writing again gives the same bytes."""

    def check(data: bytes, value: Any) -> None:
        if write(value) != data:
            raise Fault("what was read is written to other bytes")

    return check


def tells_what_stood_there(data: bytes, value: Any) -> None:
    """Every field of a signed body has its value in what was read of it; those left out have their defaults."""
    read = plain_of(value)
    for name, told in json.loads(data)["body"].items():
        if canonical_bytes(read[name]) != canonical_bytes(told):
            raise Fault(f"field {name!r} was read as something else")


def _joined(pieces: Sequence[bytes], count: int) -> list[bytes]:
    """Exactly so many parts: what is missing is empty, what is too many is joined to the last."""
    filled = [*pieces, *[b""] * count]
    return [*filled[: count - 1], b"".join(pieces[count - 1 :])]


# --- journal and envelope ---------------------------------------------------------------------------------------------


@cache
def journal() -> tuple[Any, bytes]:
    """A segment with its keys, and its file."""
    fact = encode_event(TYPES[21](1, "R-101", ("B",)), utc_ms=NOW)  # type: ignore[call-arg]
    return written([fact, b"two", b"x" * 200])


def _records(scan: SegmentScan) -> list[bytes]:
    return [record.raw for record in scan.records]


def _right_records(pieces: Sequence[bytes], before: bytes, flags: int) -> tuple[list[bytes], bytes]:
    """Records with right lengths (1), chain (2) and CRC (4), as the flags say; and the last chain value."""
    made: list[bytes] = []
    for piece in pieces:
        record = bytearray(piece)
        if len(record) < 52:
            made.append(bytes(record))
            continue
        if flags & 1:
            record[2:6] = struct.pack(">I", len(record))
        counter, kind, stream = struct.unpack_from(">QBB", record, 6)
        if flags & 2:
            before = chain_after(before, counter, kind, stream, bytes(record[16:-36]))
            record[-36:-4] = before
        if flags & 4:
            record[-4:] = struct.pack(">I", zlib.crc32(record[:-4]))
        made.append(bytes(record))
    return made, before


def _right_keys(preamble: bytes) -> tuple[bytes, bytes]:
    """The preamble's JSON with the commitments to its keys made right; and its header's hash."""
    try:
        plain = json.loads(preamble)
        for stream in plain["header"]["streams"]:
            keys = plain["keys"].get(stream["name"])
            stream["keys_sha256"] = sha256_hex(canonical_bytes(keys)) if keys else stream["keys_sha256"]
        return canonical_bytes(plain), bytes.fromhex(sha256_hex(canonical_bytes(plain["header"])))
    except Exception:  # noqa: BLE001 - whatever is wrong with it, it is tried as it is
        return preamble, bytes(32)


def dress_segment(pieces: Sequence[bytes], flags: int) -> bytes:
    """A segment file from its preamble's JSON and its records."""
    preamble, before = _right_keys(pieces[0]) if flags & 8 else (pieces[0], bytes(32))
    block = SEGMENT_MAGIC + struct.pack(">I", len(preamble)) + preamble
    block += struct.pack(">I", zlib.crc32(block))
    return 2 * block + b"".join(_right_records(pieces[1:], before, flags)[0])


def dress_preamble(pieces: Sequence[bytes], flags: int) -> bytes:
    """One header block."""
    return dress_segment(pieces[:1], flags)[: 16 + len(_right_keys(pieces[0])[0] if flags & 8 else pieces[0])]


def segment_examples() -> list[bytes]:
    """A file as it was written, and its parts."""
    data = journal()[1]
    scan = scan_segment(data)
    preamble = canonical_bytes(plain_of(scan.preamble))
    return [*raw(data[:9000], data[:2500]), parts(preamble, *_records(scan))]


def check_scan(data: bytes, scan: Any) -> None:
    """Damage, gaps and tail are within the file, records stand where they are said to, and each opens or is refused."""
    assert isinstance(scan, SegmentScan)
    counters = [record.counter for record in scan.records]
    if counters != sorted(set(counters)) or not 0 <= scan.end <= len(data) or scan.count < len(counters):
        raise Fault("records out of order")
    if any(record.raw not in data for record in scan.records) or any(each.length <= 0 for each in scan.damages):
        raise Fault("a record or a damage that is not in the file")
    assert scan.missing is not None


def dress_envelope(pieces: Sequence[bytes], flags: int) -> bytes:
    """An envelope from header, preamble and records: agreement (16), signature (32) and what a segment's flags mean."""
    header, preamble, *records = pieces if len(pieces) > 1 else (pieces[0], b"{}")
    preamble, before = _right_keys(preamble) if flags & 8 else (preamble, bytes(32))
    made, head = _right_records(records, before, flags)
    try:
        plain = json.loads(preamble)
        segment, keys = canonical_bytes(plain["header"]), canonical_bytes(plain["keys"])
        if flags & 16:
            told = json.loads(header)
            told |= {"before": before.hex(), "head": head.hex()} if told["first"] == 0 else {"head": head.hex()}
            header = canonical_bytes(told)
    except Exception:  # noqa: BLE001 - whatever is wrong with it, it is tried as it is
        segment, keys = preamble, b"{}"
    signed = ENVELOPE_MAGIC + b"".join(
        struct.pack(">I", len(each)) + each for each in (header, segment, b"".join(made))
    )
    signature = PC.sign("envelope", signed) if flags & 32 else bytes(64)
    return signed + signature + struct.pack(">I", len(keys)) + keys


def envelope_examples() -> list[bytes]:
    """An envelope as it was packed, and its parts."""
    scan = scan_segment(journal()[1])
    data = packed(scan)[0]
    header = canonical_bytes(plain_of(verify(data, PC.public).header))
    return [*raw(data), parts(header, canonical_bytes(plain_of(scan.preamble)), *_records(scan))]


def check_envelope(data: bytes, envelope: Any) -> None:
    """What is verified has one identity, may be erased and stays genuine, and opens or is refused with our keys."""
    assert isinstance(envelope, Envelope)
    if envelope.sha256 != envelope_sha256(data) or claimed_device(data) != envelope.header.device:
        raise Fault("two ways to read one envelope")
    erased = verify(erase_stream(data, "keys"), PC.public, erased=("keys",))
    if erased.sha256 != envelope.sha256 or [r.raw for r in erased.records] != [r.raw for r in envelope.records]:
        raise Fault("erasing a stream changed the envelope")
    try:
        open_envelope(envelope, journal()[0].keys)
    except SyncDataError:
        return


# --- signed messages --------------------------------------------------------------------------------------------------


def dress_signed(kind: str, key: Any, pieces: Sequence[bytes], _flags: int) -> bytes:
    """A signed message whose body is the bytes given, whatever they are."""
    body = b"".join(pieces)
    signature = key.sign(f"signed/{kind}", body).hex().encode()
    return b'{"body":' + body + b',"kind":"' + kind.encode() + b'","signature":"' + signature + b'"}'


def body_case(message: bytes) -> bytes:
    """The body of a signed message as a case to be dressed."""
    return parts(canonical_bytes(json.loads(message)["body"]))


def signed_target(
    kind: str, read: Callable[[bytes], object], example: bytes, key: Any, *, limit: int, **more: Any
) -> Target:
    """A target for a kind of signed message."""
    return Target(
        name=kind,
        read=read,
        errors=(SyncDataError,),
        examples=lambda: [*raw(example), body_case(example)],
        limit=limit,
        dress=partial(dress_signed, kind, key),
        **more,
    )


READINESS: Final = Readiness(
    device="pc-07", at_utc_ms=NOW, findings=(Finding(check="disk", outcome=Outcome.WARNED, told="p99 21 ms"),)
)


def dress_ticket(pieces: Sequence[bytes], flags: int) -> bytes:
    """A ticket signed and sealed to our PC."""
    signed = dress_signed("ticket", signing("store tickets"), pieces, flags)
    return b"PVRMTKT1" + hpke_seal(box("pc-07").public, signed, "ticket", {"device": "pc-07", "sitting": "oslo-a"})


def read_ticket(data: bytes) -> object:
    """As the kiosk does."""
    key = signing("store tickets").public
    return open_ticket(data, sitting="oslo-a", device="pc-07", box=box("pc-07"), ticket_key=key, now_utc_ms=NOW)


def read_grant(data: bytes) -> object:
    """As the kiosk does after OPENED."""
    return open_grant(
        data,
        sitting="oslo-a",
        device="pc-07",
        release="norskprove-3",
        keys=device("pc-07"),
        release_share=releases.SECRETS.release_share,
        content_key=AUTHORITY.public,
        now_utc_ms=NOW,
    )


def read_device_share(data: bytes) -> object:
    """As the kiosk does."""
    key = releases.STORE_TICKETS.public
    return open_device_share(data, sitting="oslo-a", device="pc-07", box=box("pc-07"), ticket_key=key)


def read_store_share(data: bytes) -> object:
    """As the store does at OPENED."""
    return open_store_share(data, sitting="oslo-a", box=releases.STORE_BOX, content_key=AUTHORITY.public)


@cache
def device_share() -> bytes:
    """A genuine one."""
    return releases.seal_device_share(
        releases.SECRETS.release_share,
        sitting="oslo-a",
        device="pc-07",
        public=box("pc-07").public,
        ticket_key=releases.STORE_TICKETS,
    )


def dress_orders(pieces: Sequence[bytes], flags: int) -> bytes:
    """A list of orders: each signed (1) and chained to the one before (2)."""
    made: list[bytes] = []
    before = "0" * 64
    for piece in pieces:
        order = piece
        if flags & 2:
            try:
                order = canonical_bytes({**json.loads(piece), "previous_sha256": before})
            except Exception:  # noqa: BLE001 - whatever is wrong with it, it is tried as it is
                order = piece
        before = sha256_hex(order)
        signature = STORE.sign("order", order).hex() if flags & 1 else "0" * 128
        made.append(b'{"order":' + order + b',"signature":"' + signature.encode() + b'"}')
    return b'{"format":1,"orders":[' + b",".join(made) + b'],"sitting":"' + SITTING.encode() + b'"}'


def check_orders(_data: bytes, known: Any) -> None:
    """What was accepted is kept and read back as it is."""
    assert isinstance(known, OrderList)
    if OrderList(SITTING, STORE.public).extended(known.encode()) != known:
        raise Fault("orders that are accepted are not read back")


# --- packages ---------------------------------------------------------------------------------------------------------

CONTENT_KEY: Final = bytes(range(32))


@cache
def scratch() -> Path:
    """A folder in memory of this process's own, for parsers that are given a path."""
    import atexit
    import shutil
    import tempfile

    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="proverom-fuzz-", dir=memory if memory.is_dir() else None))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def at_path(read: Callable[[Path], object], name: str) -> Callable[[bytes], object]:
    """A parser of files as a parser of bytes."""

    def parse(data: bytes) -> object:
        path = scratch() / name
        path.write_bytes(data)
        path.chmod(0o600)
        return read(path)

    return parse


def dress_package(pieces: Sequence[bytes], flags: int) -> bytes:
    """A genuine package around a public and a sealed archive, of members (1) or as they are."""
    public_files, sealed_files = (_joined(pieces, 2)) if not flags & 1 else _archives(pieces)
    header = sealed_header_of(
        release="t.v1", series="t", version=1, programme="p", public_sha256=sha256_hex(public_files)
    )
    sealed = seal_content(sealed_files, CONTENT_KEY, header, salt=bytes(16))
    manifest = ReleaseManifest(
        release="t.v1",
        series="t",
        version=1,
        programme="p",
        programme_version=1,
        is_demo=True,
        public_sha256=sha256_hex(public_files),
        public_bytes=len(public_files),
        sealed_sha256=sha256_hex(sealed),
        sealed_bytes=len(sealed),
        content_key_check=content_key_check(CONTENT_KEY),
        results=Custodians(needed=1, keys=(box("results").public.hex,)),
        made_utc_ms=NOW,
        expires_utc_ms=NOW + 1000,
    )
    return encode_package(PackageFile(sign_manifest(manifest, AUTHORITY), public_files, sealed))


PUBLIC_MEMBERS: Final = (
    "programme.json",
    "texts/information.json",
    "texts/read-out.json",
    "texts/personal-data.json",
    "texts/sound-check.json",
)
SEALED_MEMBERS: Final = (
    *("forms.json", "pictures.json", "panels/reading-1.json", "task-sets/writing-1.json"),
    *("items/R-101.json", "stimuli/S-1.json", "tasks/W-1.json"),
)


def _archives(pieces: Sequence[bytes]) -> tuple[bytes, bytes]:
    """Public and sealed archive of the members in `PUBLIC_MEMBERS` and `SEALED_MEMBERS`; empty ones are left out."""
    names = (*PUBLIC_MEMBERS, *SEALED_MEMBERS)
    filled = dict(zip(names, _joined(pieces, len(names)), strict=True))
    found = [{name: filled[name] for name in group if filled[name]} for group in (PUBLIC_MEMBERS, SEALED_MEMBERS)]
    return make_archive(found[0]), make_archive(found[1])


def package_examples() -> list[bytes]:
    """A small package of everything there is."""
    one_page = {"heading": "Les", "body": ["Du har tid."]}
    texts = {"nb": one_page, "nn": one_page, "en": one_page}
    pages = {language: [one_page] for language in texts}
    label = {"nb": "Språk", "nn": "Språk", "en": "Language"}
    panel, task_set = panel_plain("reading"), task_set_plain("A2-B1")
    members: list[object] = [
        programme_plain(),
        {"parts": {"reading": pages, "writing": pages}},
        {"texts": {"general": texts}},
        {"introduction": texts, "fields": [{"id": "language", "label": label, "help": label}]},
        json.loads((BANK / "texts/sound-check.json").read_bytes()),
        {
            "forms": [
                {"part": "reading", "level": None, "form": "reading-1"},
                {"part": "writing", "level": "A2-B1", "form": "writing-1"},
            ]
        },
        {"pictures": {}},
        panel,
        task_set,
        *(json.loads(path.read_bytes()) for path in (_example("items"), _example("stimuli"), _example("tasks"))),
    ]
    made = [canonical_json(member) for member in members]
    public, sealed = _archives(made)
    return [parts(*made, flags=1), parts(public[:3000], sealed[:3000], flags=0), parts(public, sealed, flags=0)]


def canonical_json(plain: object) -> bytes:
    """JSON as small as it goes; floats allowed."""
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":")).encode()


def _example(folder: str, file: str = "") -> Path:
    """The first file of a folder of the sample bank that has no picture."""
    paths = sorted((BANK / folder).glob(f"*/{file or '*'}.json"))
    return next(path for path in paths if b'"picture": "' not in path.read_bytes())


def read_package(path: Path) -> object:
    """Both parts, as the kiosk does."""
    trust = Ed25519Trust(AUTHORITY.public, {})
    open_public(path, trust, now_utc_ms=NOW)
    return open_sealed(path, CONTENT_KEY, trust, now_utc_ms=NOW)


# --- what a bank's author writes --------------------------------------------------------------------------------------

MODELS: Final[tuple[tuple[type[FileModel], str], ...]] = (
    (BankFile, "bank.json"),
    (PicturesFile, "pictures/pictures.json"),
    (InformationFile, "texts/information.json"),
    (ReadOutFile, "texts/read-out.json"),
    (PersonalDataFile, "texts/personal-data.json"),
    (SoundCheckFile, "texts/sound-check.json"),
    (ReleaseFile, "releases/*.json"),
    (PanelFile, "panels/*.json"),
    (TaskSetFile, "task-sets/*.json"),
    (FormsFile, ""),
)


@cache
def bank() -> Bank:
    """The sample bank."""
    return read_bank(BANK)


def read_bank_file(data: bytes) -> object:
    """The model that the first byte names, from the rest."""
    model = MODELS[data[0] % len(MODELS)][0] if data else BankFile
    return parse_file(data[1:], model, "bank/file.json")


def bank_file_examples() -> list[bytes]:
    """One of each kind."""
    found = [(index, next(BANK.glob(pattern)).read_bytes()) for index, (_, pattern) in enumerate(MODELS) if pattern]
    small = [(index, data) for index, data in found if len(data) < CASE_BYTES]
    return raw(*(bytes([index]) + data for index, data in small), b"\x09" + canonical_json({"forms": []}))


def read_item(data: bytes) -> object:
    """An item, and all that is wrong with it in its bank."""
    item = parse_file(data, ItemFile, "items/x/item.json")
    return item, list(item_faults(bank(), item))


def read_stimulus(data: bytes) -> object:
    """A stimulus, and all that is wrong with it in its bank."""
    stimulus = parse_file(data, StimulusFile, "stimuli/x/stimulus.json")
    return list(stimulus_faults(bank(), stimulus))


def read_task(data: bytes) -> object:
    """A writing task, and all that is wrong with it in its bank."""
    task = parse_file(data, TaskFile, "tasks/x/task.json")
    return list(task_faults(bank(), task))


def item_examples() -> list[bytes]:
    """One of every type."""
    types: dict[str, bytes] = {}
    for path in sorted((BANK / "items").glob("*/item.json")):
        data = path.read_bytes()
        types.setdefault(json.loads(data)["type"] + json.loads(data)["part"], data)
    return raw(*types.values())


def read_panel(data: bytes) -> object:
    """A panel, held against its programme."""
    panel = parse_panel(parse_json(data, "panel.json"), "panel.json")
    check_panel(panel, parse_programme(programme_plain(), "programme.json"))
    return panel


def read_task_set(data: bytes) -> object:
    """A task set, held against its programme."""
    task_set = parse_task_set(parse_json(data, "task-set.json"), "task-set.json")
    check_task_set(task_set, parse_programme(programme_plain(), "programme.json"))
    return task_set


def read_programme(data: bytes) -> object:
    """A programme."""
    return parse_programme(parse_json(data, "programme.json"), "programme.json")


# --- what the store is given ------------------------------------------------------------------------------------------

CSV: Final = """user,name,password,role,site,room
kari,Kari Nes,three words here,test_leader,oslo,r1

number,name,protected,login,password
100234,Amina Yusuf,no,amina,blå stol 41

sitting,site,room,date,utc_offset,programme,releases,test_leader,parts
s1,oslo,r1,2026-11-23,+01:00,norskprove-demo,norskprove-demo.v1,kari,listening 09:00-09:50; reading 10:05-11:20

sitting,candidate,seat,parts
s1,100234,7,listening; reading +15; writing A2-B1 +30
"""


def check_plan(_data: bytes, plan: Any) -> None:
    """Numbers fit in the database, and there is a bounded number of bounded sentences."""
    most = 2**53 - 1
    seats = [place.seat for _, place in plan.places]
    times = [ms for _, s in plan.sittings for part in s.parts for ms in (part.start_ms, part.end_ms)]
    granted = [entry.accommodation_ms for _, place in plan.places for entry in place.enrolments]
    if any(not -most <= number <= most for number in (*seats, *times, *granted)):
        raise Fault("a number that no database keeps")
    if any(len(problem) > LONGEST_SENTENCE for problem in plan.problems):
        raise Fault("a sentence without end")


def read_corrected_keys(data: bytes) -> object:
    """The file, and every key in it; what they score for a few answers."""
    plain = at_path(read_keys, "keys.json")(data)
    assert isinstance(plain, dict)
    found = [parse_key(Reader(each, where="keys.json", error=PanelError), 1) for each in plain.values()]
    answers = ((), ("A",), ("B", "B"), ("ord", ""), ("10,10",), ("9" * 5000 + ",1",), ("٣,٣",))
    for key in found:
        if any(not 0 <= score_key(key, 1, answer) <= 1 for answer in answers):
            raise Fault("a score outside its bounds")
    return found


KEYS: Final = {
    "R-101": {"kind": "choice", "correct": ["B"]},
    "R-102": {"kind": "text", "gaps": [{"accepted": ["ord"]}], "folds_case": True, "folds_space": False},
    "R-103": {"kind": "areas", "areas": [{"corners": [{"x": 0, "y": 0}, {"x": 9, "y": 0}, {"x": 0, "y": 9}]}]},
    "R-104": {"kind": "mapping", "points": {"A": 1, "B": -1}},
    "R-105": {"kind": "order", "order": ["A", "B"]},
    "R-106": {"kind": "gaps", "gaps": [{"correct": "A"}]},
}


def read_request(data: bytes) -> object:
    """Headers as a JSON object of names and values, as a server would give them."""
    try:
        plain = json.loads(data)
        headers = {str(name): value for name, value in plain.items() if isinstance(value, str)}
    except (ValueError, AttributeError, RecursionError):
        headers = {"X-Provrom-Time": data.decode("latin-1")}
    return verify_request(headers, "POST", "/v1/progress", b"", PC.public, NOW, SeenNonces())


def read_service_message(data: bytes) -> object:
    """An enrolment or an acknowledgement."""
    if data[:1] == b"\1":
        return parsed(Acknowledgement, data[1:], "Acknowledgement")
    return parsed(EnrolRequest, data[1:], "Enrolment")


def read_form(data: bytes) -> object:
    """A form, and what pages ask of its fields."""
    form = Form.read(data)
    form.text("csrf").encode()
    return form, form.number("minutes", 0, 60) if form.text("minutes") else 0, form.word("act")


# --- what a PC reads of its own disk ----------------------------------------------------------------------------------


def read_pc_files(data: bytes) -> object:
    """Every small file of a PC's folder, with these bytes in it."""
    folder = StateFolder(scratch() / "pc")
    (folder.root / "clocks").mkdir(parents=True, exist_ok=True)
    (folder.root / "settings").mkdir(parents=True, exist_ok=True)
    for name in ("device.json", "high-water.json", "clocks/a.json", "clocks/a.alive", "settings/c.json"):
        (folder.root / name).write_bytes(data)
    usual = Settings("nb", 100, "light", is_still=False)
    kept = folder.settings("c", usual)
    if (kept.language, kept.theme, kept.text_size) not in product(("nb", "nn", "en"), THEMES, TEXT_SIZES):
        raise Fault("settings that no screen has")
    return folder.high_water(), folder.anchor("a"), folder.lived_until("a"), folder.enrolment()


THEMES: Final = get_args(Theme)
PC_FILES: Final = (
    {"language": "nn", "text_size": 150, "theme": "dark", "is_still": True},
    {"at_ms": 1, "boot_ms": 2, "wall_ms": 3, "boot_id": "b"},
    {"ticket/s1": 3, "norskprove": 2},
)


# --- all of them ------------------------------------------------------------------------------------------------------


def _verifier(data: bytes) -> object:
    verifier = PasswordVerifier.parse(data.decode("utf-8", "surrogateescape"), TEST_COST)
    if "$m=64,t=1,p=1$" in verifier.text:  # cheap enough to try
        verifier.accepts("hemmelig")
    return verifier


def _targets() -> list[Target]:
    public = canonical_bytes
    return [
        Target(
            "journal file",
            scan_segment,
            (SyncDataError,),
            segment_examples,
            MAX_SEGMENT_BYTES,
            dress_segment,
            check_scan,
        ),
        Target(
            "journal header",
            decode_preamble,
            (SyncDataError,),
            lambda: [
                *raw(encode_preamble(journal()[0].preamble)),
                parts(public(plain_of(journal()[0].preamble)), flags=8),
            ],
            MAX_HEADER_BYTES,
            dress_preamble,
            writes_back(encode_preamble),
        ),
        Target(
            "journal entry",
            lambda data: decode_event(data[0] if data else 0, data[1:]),
            (SyncDataError,),
            lambda: raw(*_entries()),
            65_537,
            check=writes_back(
                lambda timed: bytes([event_code(timed.event)]) + encode_event(timed.event, utc_ms=timed.utc_ms)
            ),
        ),
        Target(
            "envelope",
            lambda data: verify(data, PC.public),
            (SyncDataError,),
            envelope_examples,
            MAX_ENVELOPE_BYTES,
            dress_envelope,
            check_envelope,
        ),
        Target(
            "package file",
            decode_package,
            (SyncDataError,),
            lambda: raw(encode_package(releases.package())[:4000], encode_package(PackageFile(b"m", b"p", b"s"))),
            MAX_PACKAGE_BYTES,
            check=writes_back(encode_package),
        ),
        Target(
            "package content",
            at_path(read_package, "t.provrom"),
            (ItemBankError, SyncDataError),
            package_examples,
            MAX_PACKAGE_BYTES,
            dress_package,
            bounds_sentences=False,
        ),
        signed_target(
            "release-manifest",
            lambda data: Ed25519Trust(AUTHORITY.public, {}).verify(data, now_utc_ms=NOW),
            releases.package().manifest,
            AUTHORITY,
            limit=65_536,
            check=tells_what_stood_there,
        ),
        signed_target("grant", read_grant, releases.grants().grants["pc-07", "norskprove-3"], AUTHORITY, limit=65_536),
        signed_target("store-share", read_store_share, releases.grants().store_share, AUTHORITY, limit=65_536),
        signed_target("device-share", read_device_share, device_share(), releases.STORE_TICKETS, limit=65_536),
        signed_target(
            "receipt",
            lambda data: verify_receipt(data, PC.public),
            sign_receipt(RECEIPT, PC),
            PC,
            limit=4096,
            check=tells_what_stood_there,
        ),
        signed_target(
            "progress",
            lambda data: verify_progress(data, PC.public),
            sign_progress(PROGRESS, PC),
            PC,
            limit=16_384,
            check=tells_what_stood_there,
        ),
        signed_target(
            "readiness",
            lambda data: verify_readiness(data, PC.public),
            sign_readiness(READINESS, PC),
            PC,
            limit=65_536,
            check=tells_what_stood_there,
        ),
        Target(
            "ticket",
            read_ticket,
            (SyncDataError,),
            lambda: [
                *raw(dress_ticket([public(plain_of(ticket()))], 0)),
                parts(public(plain_of(ticket()))),
            ],
            MAX_MESSAGE_BYTES + 56,
            dress_ticket,
        ),
        Target(
            "order list",
            OrderList(SITTING, STORE.public).extended,
            (SyncDataError,),
            lambda: [
                *raw(issued(2).encode()),
                parts(*(public(plain_of(order)) for order in issued(3).orders), flags=3),
            ],
            MAX_ORDERS_BYTES,
            dress_orders,
            check_orders,
        ),
        Target(
            "canonical JSON",
            lambda data: parse_canonical(data, "thing", limit=CASE_BYTES),
            (SyncDataError,),
            lambda: raw(public({"a": [1, "ø", None, True], "b": {}}), public(plain_of(ticket()))),
            CASE_BYTES,
            check=writes_back(canonical_bytes),
        ),
        Target(
            "request headers",
            read_request,
            (RequestRefusedError,),
            lambda: raw(
                public(
                    sign_request(device="pc-07", key=PC, method="POST", path="/v1/progress", body=b"", now_utc_ms=NOW)
                )
            ),
            None,
        ),
        Target(
            "password verifier",
            _verifier,
            (SyncDataError,),
            lambda: raw(PasswordVerifier.make("hemmelig", TEST_COST, salt=bytes(16)).text.encode()),
            200,
        ),
        Target("bank item", read_item, (ItemBankError,), item_examples, MAX_BANK_FILE_BYTES, bounds_sentences=False),
        Target(
            "bank stimulus",
            read_stimulus,
            (ItemBankError,),
            lambda: raw(_example("stimuli").read_bytes()),
            MAX_BANK_FILE_BYTES,
            bounds_sentences=False,
        ),
        Target(
            "bank task",
            read_task,
            (ItemBankError,),
            lambda: raw(_example("tasks").read_bytes()),
            MAX_BANK_FILE_BYTES,
            bounds_sentences=False,
        ),
        Target(
            "bank file",
            read_bank_file,
            (ItemBankError,),
            bank_file_examples,
            MAX_BANK_FILE_BYTES + 1,
            bounds_sentences=False,
        ),
        Target(
            "picture",
            lambda data: check_picture(data, "pictures/x.svg"),
            (ItemBankError,),
            lambda: raw(*(path.read_bytes() for path in sorted((BANK / "pictures").glob("*.svg"))[:6])),
            MAX_PICTURE_BYTES,
        ),
        Target(
            "panel",
            read_panel,
            (DataError, ItemBankError),
            lambda: raw(
                canonical_json(panel_plain("reading")),
                canonical_json(panel_plain("listening")),
                canonical_json(form_plain()),
            ),
            MAX_BANK_FILE_BYTES,
            bounds_sentences=False,
        ),
        Target(
            "task set",
            read_task_set,
            (DataError, ItemBankError),
            lambda: raw(canonical_json(task_set_plain("A2-B1"))),
            MAX_BANK_FILE_BYTES,
            bounds_sentences=False,
        ),
        Target(
            "programme",
            read_programme,
            (DataError, ItemBankError),
            lambda: raw(canonical_json(programme_plain())),
            MAX_BANK_FILE_BYTES,
            bounds_sentences=False,
        ),
        Target(
            "people and sittings (CSV)",
            lambda data: parse_people(data.decode("utf-8", "surrogateescape")),
            (),
            lambda: raw(CSV.encode()),
            MAX_FILE_BYTES,
            check=check_plan,
        ),
        Target(
            "corrected keys",
            read_corrected_keys,
            (SetUpError, DataError),
            lambda: raw(canonical_json(KEYS)),
            MAX_KEYS_BYTES,
            bounds_sentences=False,
        ),
        Target("key file", at_path(read_key, "key"), (SetUpError,), lambda: raw(b"ab" * 32 + b"\n"), 4096),
        Target(
            "grants file",
            at_path(read_grants, "grants.json"),
            (ItemBankError,),
            lambda: raw(_grants_file()),
            MAX_GRANTS_BYTES,
        ),
        Target(
            "devices file",
            at_path(read_devices, "devices.json"),
            (ItemBankError,),
            lambda: raw(public({"devices": {"pc-07": "ab" * 32}, "sitting": "s1", "store": "cd" * 32})),
            MAX_GRANTS_BYTES,
        ),
        Target(
            "service message",
            read_service_message,
            (StoreDamagedError,),
            lambda: raw(
                b"\0" + public({"ed25519": "ab" * 32, "name": "PC", "token": "t", "x25519": "ab" * 32}),
                b"\1" + public({"applied_at_ms": 1, "device": "d", "number": 1, "sitting": "s"}),
            ),
            None,
        ),
        Target(
            "web form",
            read_form,
            (FormError,),
            lambda: raw(b"csrf=abc&act=unlock&minutes=5&reason=str%C3%B8m"),
            None,
        ),
        Target("PC's own files", read_pc_files, (KioskError,), lambda: raw(*map(canonical_json, PC_FILES)), CASE_BYTES),
    ]


def _entries() -> list[bytes]:
    """A fact of every type, with the byte that names it."""
    filled = {"str": "R-101", "int": 7, "bool": True, "Response": ("B", "ø")}
    made: list[bytes] = []
    for code, kind in TYPES.items():
        values = {name: filled[str(each.type)] for name, each in kind.__dataclass_fields__.items()}
        made.append(bytes([code]) + encode_event(kind(**values), utc_ms=NOW))  # type: ignore[arg-type]
    return made


def _grants_file() -> bytes:
    from itembank.grants import write_grants

    path = scratch() / "written.json"
    write_grants(path, releases.grants())
    return path.read_bytes()


@cache
def targets() -> dict[str, Target]:
    """Every parser by its name."""
    return {target.name: target for target in _targets()}
