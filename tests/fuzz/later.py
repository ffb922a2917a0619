"""Parsers of the log, of relays, of the list of releases and of sound: examples and how they are read."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from functools import cache
from typing import Final

import numpy as np

from centralstore.door import parsed
from centralstore.errors import DamagedError as StoreDamagedError
from centralstore.errors import SetUpError
from centralstore.folder import init_folder
from centralstore.relay.loan import read_public
from centralstore.relay.rows import Telling
from kiosk.errors import KioskError
from kiosk.sound import decode
from sync.canonical import canonical_bytes
from sync.checkpoint import (
    COSIGNED,
    MAX_CHECKPOINT_BYTES,
    MAX_COSIGNED_BYTES,
    cosign,
    sign_checkpoint,
    verify_checkpoint,
    verify_cosigned,
)
from sync.delegation import DELEGATION, Delegation, relay_id, sign_delegation, verify_delegation
from sync.errors import SyncDataError
from sync.metadata import check_root
from sync.passwords import TEST_COST
from tests.fuzz.sealed import at_path, body_case, canonical_json, dress_signed, scratch, signed_target
from tests.fuzz.target import Target, parts, raw, tells_what_stood_there
from tests.sync.examples import NOW, signing
from tests.sync.test_checkpoint import LOG, MADE, WITNESS

RELAY: Final = signing("relay")
CENTRAL: Final = signing("central")
CLIP_BYTES: Final = 2**25


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


def dress_root(pieces: Sequence[bytes], _flags: int) -> bytes:
    """A root file: signatures beside what they are over, as the framework writes it."""
    return b'{"signatures":[],"signed":' + b"".join(pieces) + b"}"


@cache
def root_file() -> bytes:
    """A genuine one, made by the authority's own code."""
    from tests.sync.authority import Authority

    return Authority(scratch() / "authority").root


def clip(kind: str, subtype: str, seconds: float = 0.05) -> bytes:
    """A short sound."""
    import soundfile

    stream = io.BytesIO()
    sound = np.sin(np.arange(int(48_000 * seconds)) / 20).astype(np.float32)
    soundfile.write(stream, sound, 48_000, format=kind, subtype=subtype)
    return stream.getvalue()


def clip_examples() -> list[bytes]:
    """One of each format that a clip may have."""
    return raw(clip("OGG", "OPUS"), clip("OGG", "VORBIS"), clip("FLAC", "PCM_16"), clip("WAV", "PCM_16"))


def later_targets() -> list[Target]:
    """The targets of this module."""
    checkpoint = sign_checkpoint(MADE, LOG)
    public = {**store_folder(), "format": 1, "name": "laptop", "url": "https://10.0.0.5:8443"}
    public |= dict.fromkeys(
        ("order_key", "ticket_key", "receipt_key", "log_key", "box_key", "content_key"), RELAY.public.hex
    )
    return [
        signed_target(
            "checkpoint",
            lambda data: verify_checkpoint(data, LOG.public),
            checkpoint,
            LOG,
            limit=MAX_CHECKPOINT_BYTES,
            check=tells_what_stood_there,
        ),
        Target(
            "cosigned checkpoint",
            lambda data: verify_cosigned(data, WITNESS.public, LOG.public),
            (SyncDataError,),
            lambda: [
                *raw(made := cosign(checkpoint, witness="w", key=WITNESS, seen_utc_ms=NOW)),
                body_case(made),
            ],
            MAX_COSIGNED_BYTES,
            lambda pieces, flags: dress_signed(COSIGNED, WITNESS, pieces, flags),
        ),
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
            lambda: raw(canonical_bytes(public)),
            65_536,
        ),
        Target(
            "authority's root file",
            check_root,
            (SyncDataError,),
            lambda: [*raw(root_file()), parts(canonical_json(json.loads(root_file())["signed"]))],
            None,
            dress_root,
        ),
        Target("clip", lambda data: decode(data, "D-L01.nb"), (KioskError,), clip_examples, None),
    ]
