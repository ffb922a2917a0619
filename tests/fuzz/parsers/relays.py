"""What a relay and the central store tell each other."""

from __future__ import annotations

from functools import cache
from typing import Final

from centralstore.door import parsed
from centralstore.errors import DamagedError as StoreDamagedError
from centralstore.errors import SetUpError
from centralstore.folder import init_folder
from centralstore.relay.loan import read_public
from centralstore.relay.rows import Telling
from sync.canonical import canonical_bytes
from sync.delegation import DELEGATION, Delegation, relay_id, sign_delegation, verify_delegation
from sync.passwords import TEST_COST
from tests.fuzz.target import (
    Target,
    at_path,
    canonical_json,
    raw,
    scratch,
    signed_target,
    tells_what_stood_there,
)
from tests.sync.examples import NOW, signing

RELAY: Final = signing("relay")

CENTRAL: Final = signing("central")


@cache
def store_folder() -> dict[str, str]:
    """A store's certificate and keys."""
    folder = init_folder(scratch() / "store", cost=TEST_COST)
    return {"ca_pem": folder.ca_file.read_text()}


@cache
def delegation() -> bytes:
    """A genuine one."""
    key = RELAY.public.hex
    made = Delegation(
        sitting="s1",
        number=2,
        relay=relay_id(RELAY.public),
        name="laptop",
        url="https://10.0.0.5:8443",
        ca_pem=store_folder()["ca_pem"],
        order_key=key,
        ticket_key=key,
        receipt_key=key,
        box_key=signing("box").public.hex,
        valid_from_utc_ms=NOW,
        valid_to_utc_ms=NOW + 1,
    )
    return sign_delegation(made, CENTRAL)


def read_telling(data: bytes) -> object:
    """Rows as the central store takes them in."""
    telling = parsed(Telling, data, "Relay's rows")
    return telling, [row.sha256 for row in telling.rows]


def telling_examples() -> list[bytes]:
    """Rows of several kinds."""
    row = {"kind": "exit", "source": "1", "row": {"candidate": "100234", "out_ms": NOW, "back_ms": 0}}
    return raw(canonical_json({"format": 1, "sitting": "s1", "rows": [row, {**row, "kind": "ack"}]}))


def public_file() -> bytes:
    """What a store tells whoever lends to it or borrows from it."""
    keys = ("order_key", "ticket_key", "receipt_key", "log_key", "box_key", "content_key")
    public = {**store_folder(), "format": 1, "name": "laptop", "url": "https://10.0.0.5:8443"}
    return canonical_bytes(public | dict.fromkeys(keys, RELAY.public.hex))


def targets() -> list[Target]:
    """The targets of this module."""
    return [
        signed_target(
            DELEGATION,
            lambda data: verify_delegation(data, CENTRAL.public),
            delegation(),
            CENTRAL,
            limit=32_768,
            check=tells_what_stood_there,
        ),
        Target("relay's rows", read_telling, (StoreDamagedError,), telling_examples, None),
        Target(
            "store's public file",
            at_path(read_public, "public.json"),
            (SetUpError,),
            lambda: raw(public_file()),
            65_536,
        ),
    ]
