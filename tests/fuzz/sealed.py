"""Journals, envelopes, signed messages and packages: examples, and how a case is made to look genuine."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

from engine.wire import TYPES
from itembank.package import make_archive, open_public, open_sealed
from sync.canonical import canonical_bytes, plain_of
from sync.entries import encode_event
from sync.envelope import (
    ENVELOPE_MAGIC,
    Envelope,
    claimed_device,
    envelope_sha256,
    erase_stream,
    open_envelope,
    verify,
)
from sync.errors import SyncDataError
from sync.keys import hpke_seal, sha256_hex
from sync.orders import OrderList
from sync.package import PackageFile, encode_package, seal_content, sealed_header_of
from sync.readiness import Finding, Outcome, Readiness
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
from sync.segment import (
    SEGMENT_MAGIC,
    SegmentScan,
    chain_after,
    scan_segment,
)
from sync.ticket import open_ticket
from tests.fuzz.target import (
    AUTHORITY,
    BANK,
    PC,
    Fault,
    Target,
    _joined,
    parts,
    raw,
)
from tests.strategies import panel_plain, programme_plain, task_set_plain
from tests.sync import test_release as releases
from tests.sync.examples import NOW, box, device, signing, written
from tests.sync.test_envelope import packed
from tests.sync.test_orders import SITTING, STORE

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
