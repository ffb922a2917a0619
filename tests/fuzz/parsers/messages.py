"""Signed messages between authority, store and PC, and what is sealed to one of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any, Final

from sync.canonical import canonical_bytes, parse_canonical, plain_of
from sync.errors import SyncDataError
from sync.keys import VerifyKey, hpke_seal, sha256_hex
from sync.orders import MAX_ORDERS_BYTES, OrderList
from sync.progress import sign_progress, verify_progress
from sync.readiness import Finding, Outcome, Readiness, sign_readiness, verify_readiness
from sync.receipt import sign_receipt, verify_receipt
from sync.release import (
    Ed25519Trust,
    open_device_share,
    open_grant,
    open_store_share,
)
from sync.signed import MAX_MESSAGE_BYTES
from sync.ticket import open_ticket
from tests.fuzz.target import (
    AUTHORITY,
    CASE_BYTES,
    PC,
    Fault,
    Target,
    dress_signed,
    parts,
    raw,
    signed_target,
    tells_what_stood_there,
    writes_back,
)
from tests.sync import test_release as releases
from tests.sync.examples import NOW, box, device, signing
from tests.sync.test_messages import PROGRESS, RECEIPT
from tests.sync.test_orders import SITTING, STORE, issued
from tests.sync.test_ticket import ticket

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


def from_a_pc() -> list[Target]:
    """What a PC's key, or one used as the store's here, signs: how it is read, a genuine one, its limit in bytes."""
    kinds: dict[str, tuple[Callable[[bytes, VerifyKey], object], bytes, int]] = {
        "receipt": (verify_receipt, sign_receipt(RECEIPT, PC), 4096),
        "progress": (verify_progress, sign_progress(PROGRESS, PC), 16_384),
        "readiness": (verify_readiness, sign_readiness(READINESS, PC), 65_536),
    }
    return [
        signed_target(kind, partial(_verified, verify), genuine, PC, limit=limit, check=tells_what_stood_there)
        for kind, (verify, genuine, limit) in kinds.items()
    ]


def _verified(verify: Callable[[bytes, VerifyKey], object], data: bytes) -> object:
    return verify(data, PC.public)


def targets() -> list[Target]:
    """The targets of this module."""
    public = canonical_bytes
    return [
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
        *from_a_pc(),
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
    ]
