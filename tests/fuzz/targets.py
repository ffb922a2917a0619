"""All parsers that are fuzzed; see `tests.fuzz.target`."""

from __future__ import annotations

from functools import cache

from administration.errors import FormError
from centralstore.csvfile import MAX_FILE_BYTES, parse_people
from centralstore.errors import DamagedError as StoreDamagedError
from centralstore.errors import SetUpError
from centralstore.keyfiles import read_key
from centralstore.rescore import MAX_KEYS_BYTES
from engine.errors import DataError
from engine.wire import TYPES
from itembank.bank import MAX_FILE_BYTES as MAX_BANK_FILE_BYTES
from itembank.errors import ItemBankError
from itembank.grants import LIMIT as MAX_GRANTS_BYTES
from itembank.grants import read_devices, read_grants
from itembank.pictures import MAX_PICTURE_BYTES, check_picture
from kiosk.errors import KioskError
from sync.canonical import canonical_bytes, parse_canonical, plain_of
from sync.entries import decode_event, encode_event, event_code
from sync.envelope import (
    MAX_ENVELOPE_BYTES,
    verify,
)
from sync.errors import RequestRefusedError, SyncDataError
from sync.orders import MAX_ORDERS_BYTES, OrderList
from sync.package import MAX_PACKAGE_BYTES, PackageFile, decode_package, encode_package
from sync.passwords import TEST_COST, PasswordVerifier
from sync.progress import sign_progress, verify_progress
from sync.readiness import sign_readiness, verify_readiness
from sync.receipt import sign_receipt, verify_receipt
from sync.release import (
    Ed25519Trust,
)
from sync.requests import sign_request
from sync.segment import (
    MAX_HEADER_BYTES,
    MAX_SEGMENT_BYTES,
    decode_preamble,
    encode_preamble,
    scan_segment,
)
from sync.signed import MAX_MESSAGE_BYTES
from tests.fuzz.later import later_targets
from tests.fuzz.sealed import (
    READINESS,
    _example,
    at_path,
    canonical_json,
    check_envelope,
    check_orders,
    check_scan,
    device_share,
    dress_envelope,
    dress_orders,
    dress_package,
    dress_preamble,
    dress_segment,
    dress_ticket,
    envelope_examples,
    journal,
    package_examples,
    read_device_share,
    read_grant,
    read_package,
    read_store_share,
    read_ticket,
    scratch,
    segment_examples,
    signed_target,
)
from tests.fuzz.target import (
    AUTHORITY,
    BANK,
    CASE_BYTES,
    PC,
    Target,
    parts,
    raw,
    tells_what_stood_there,
    writes_back,
)
from tests.fuzz.written import (
    CSV,
    KEYS,
    PC_FILES,
    bank_file_examples,
    check_plan,
    item_examples,
    read_bank_file,
    read_corrected_keys,
    read_form,
    read_item,
    read_panel,
    read_pc_files,
    read_programme,
    read_request,
    read_service_message,
    read_stimulus,
    read_task,
    read_task_set,
)
from tests.strategies import form_plain, panel_plain, programme_plain, task_set_plain
from tests.sync import test_release as releases
from tests.sync.examples import NOW
from tests.sync.test_messages import PROGRESS, RECEIPT
from tests.sync.test_orders import SITTING, STORE, issued
from tests.sync.test_ticket import ticket

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
    return {target.name: target for target in (*_targets(), *later_targets())}
