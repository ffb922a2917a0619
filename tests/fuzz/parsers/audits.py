"""What an auditor's program reads, which shares no code with ours: whatever ours takes as genuine, it must take too."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Final

from engine.errors import EngineError, PanelError
from engine.plain import Reader
from engine.scoring import parse_key, score_key
from itembank.errors import ItemBankError
from sync.canonical import canonical_bytes, plain_of
from sync.entries import decode_event
from sync.envelope import MAX_ENVELOPE_BYTES
from sync.envelope import verify as verify_envelope
from sync.errors import SyncError
from sync.keys import sha256_hex
from tests.fuzz.parsers.journals import dress_envelope, entries, envelope_examples
from tests.fuzz.parsers.packages import CONTENT_KEY, dress_package, package_examples
from tests.fuzz.parsers.store import ANSWERS, KEYS
from tests.fuzz.target import (
    AUTHORITY,
    CASE_BYTES,
    PC,
    Check,
    Fault,
    Target,
    canonical_json,
    dress_signed,
    parts,
    raw,
    scratch,
)
from tests.sync.examples import signing
from tests.sync.test_orders import SITTING, STORE, issued
from verifier.envelope import read_envelope
from verifier.errors import UnreadableError, WrongError
from verifier.events import read_fact
from verifier.keys import read_key
from verifier.package import open_content, read_corrected_keys
from verifier.package import read_package as read_audited
from verifier.report import Report
from verifier.verify import Held, verify

LOG: Final = signing("log")


def as_checked(read: Callable[[bytes], object]) -> Callable[[bytes], object]:
    """A parser as the auditor's program calls it: what it finds is a sentence of its report."""

    def checked(data: bytes) -> object:
        report, value = Report(), None
        with report.checking("it", "file"):
            value = read(data)
        for finding in report.findings:
            raise WrongError(finding.sentence)
        return value

    return checked


def takes_what_ours_takes(ours: Callable[[bytes], object], theirs: Callable[[bytes], object]) -> Check:
    """The property that nothing genuine is called forged: ``theirs`` takes what ``ours`` takes."""

    def check(data: bytes, _value: object) -> None:
        try:
            ours(data)
        except (SyncError, EngineError, ItemBankError):
            return
        try:
            theirs(data)
        except WrongError as error:
            raise Fault(f"the auditor's program refuses what ours takes: {error}") from error

    return check


def both(ours: Callable[[bytes], object], theirs: Callable[[bytes], object]) -> Callable[[bytes], object]:
    """Read by the auditor's program; refused by it alone, it is a fault (`takes_what_ours_takes`)."""
    check = takes_what_ours_takes(ours, theirs)

    def read(data: bytes) -> object:
        check(data, None)
        return theirs(data)

    return read


def _envelope(data: bytes) -> object:
    return read_envelope(data, {"pc-07": PC.public.hex})


def _package(data: bytes) -> object:
    package = read_audited(data, AUTHORITY.public.hex)
    return package, open_content(package, CONTENT_KEY)


def _corrected_keys(data: bytes) -> object:
    return {name: read_key(fields) for name, fields in read_corrected_keys(data).items()}


def same_points(data: bytes, keys: Any) -> None:
    """Both programs give every answer the same points, whatever the key."""
    for name, plain in json.loads(data).items():
        for most in (1, 2):
            try:
                key = parse_key(Reader(plain, where="keys.json", error=PanelError), most)
            except EngineError:
                continue
            for answer in ANSWERS:
                if keys[name].points(answer, most) != score_key(key, most, answer):
                    raise Fault(f"{name}: two programs differ on {answer!r:.60}")


# --- the files of an exported sitting ---------------------------------------------------------------------------------

FILES: Final = (
    *("orders.json", "audit.json", "results.json", "conflicts.json"),
    *("log/checkpoint.json", "log/leaves.json", "log/proofs.json", "log/consistency.json"),
)


@cache
def contents() -> dict[str, Any]:
    """The table of contents of a sitting with two orders and nothing else, without its files."""
    keys = dict.fromkeys(("ticket_key", "receipt_key", "content_key", "log_key"), LOG.public.hex)
    sitting = {"id": SITTING, "state": "closed", "programme": "p", "releases": []}
    device = {"id": "pc-07", "name": "PC 7", "x25519": "ab" * 32, "ed25519": PC.public.hex}
    device |= {"state": "cleared", "enrolled_ms": 1}
    return {
        "format": 1,
        "made_utc_ms": 9,
        "store": {"id": "store", "order_key": STORE.public.hex, **keys},
        "sitting": sitting,
        "devices": [device],
        "enrolments": [],
        "delegations": [],
    }


def dress_bundle(pieces: Sequence[bytes], _flags: int) -> bytes:
    """The files as a JSON object of texts; the log's checkpoint is signed."""
    filled = dict(zip(FILES, [*pieces, *[b"[]"] * len(FILES)], strict=False))
    filled["log/checkpoint.json"] = dress_signed("checkpoint", LOG, [filled["log/checkpoint.json"]], 0)
    return canonical_bytes({name: data.decode("utf-8", "replace") for name, data in filled.items()})


def read_bundle(data: bytes) -> object:
    """The whole check of an exported sitting with these files, its table of contents signed by the store."""
    folder = scratch() / "bundle"
    try:
        files = {name: str(text).encode("utf-8", "replace") for name, text in json.loads(data).items()}
    except (ValueError, AttributeError, RecursionError):
        files = {"orders.json": data}
    for path in folder.glob("**/*.json"):
        path.unlink()
    (folder / "log").mkdir(parents=True, exist_ok=True)
    listed: list[dict[str, object]] = []
    for name in sorted(set(files) & set(FILES)):
        (folder / name).write_bytes(files[name])
        listed.append({"name": name, "bytes": len(files[name]), "sha256": sha256_hex(files[name])})
    body = canonical_bytes({**contents(), "files": listed})
    (folder / "bundle.json").write_bytes(dress_signed("bundle", LOG, [body], 0))
    report = verify(folder, Held())
    if any(len(line) > 2 * CASE_BYTES for line in report.lines()):
        raise Fault("a line of the report without end")
    return report.status


def bundle_examples() -> list[bytes]:
    """A genuine sitting of two orders and their log."""
    orders = [plain_of(each) for each in issued(2).signed]
    leaves = [hashlib.sha256(b"\0" + canonical_bytes(each)).digest() for each in orders]
    root = hashlib.sha256(b"\1" + b"".join(leaves)).hexdigest()
    rows = [
        {"index": index, "kind": "order", "leaf": leaf.hex(), "ref": f"{SITTING}/{index + 1}", "signature": ""}
        for index, leaf in enumerate(leaves)
    ]
    proofs = [{"index": index, "path": [leaves[1 - index].hex()]} for index in range(2)]
    checkpoint = {"format": 1, "log": LOG.public.hex, "size": 2, "root": root, "at_utc_ms": 9}
    row = {"id": 1, "at_ms": 5, "sitting": SITTING, "user": "mona", "act": "erase_stream", "is_allowed": True}
    row |= {"detail": {"stream": "keys"}}
    files = [
        {"format": 1, "orders": orders, "sitting": SITTING},
        *([{"content": row}], [], [], checkpoint, rows, proofs, {"from": [1]}),
    ]
    case = parts(*map(canonical_bytes, files))
    return [case, *raw(dress_bundle([canonical_bytes(each) for each in files], 0))]


def targets() -> list[Target]:
    """The targets of this module."""
    envelope = as_checked(_envelope)
    return [
        Target(
            "auditor: envelope",
            both(lambda data: verify_envelope(data, PC.public), envelope),
            (WrongError,),
            envelope_examples,
            MAX_ENVELOPE_BYTES,
            dress_envelope,
        ),
        Target(
            "auditor: package",
            as_checked(_package),
            (WrongError,),
            package_examples,
            None,
            dress_package,
            bounds_sentences=False,
        ),
        Target(
            "auditor: fact",
            both(
                lambda data: decode_event(data[0] if data else 0, data[1:]),
                as_checked(lambda data: read_fact(data[0] if data else 0, data[1:])),
            ),
            (WrongError,),
            lambda: raw(*entries()),
            65_537,
        ),
        Target(
            "auditor: corrected keys",
            as_checked(_corrected_keys),
            (WrongError,),
            lambda: raw(canonical_json(KEYS)),
            None,
            check=same_points,
            bounds_sentences=False,
        ),
        Target(
            "auditor: exported files",
            read_bundle,
            (UnreadableError,),
            bundle_examples,
            None,
            dress_bundle,
        ),
    ]
