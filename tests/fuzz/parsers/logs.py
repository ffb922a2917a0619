"""Checkpoints of the log, and the authority's list of releases."""

# pyright: reportPrivateImportUsage=false
# `securesystemslib.signer` is where its documentation says to import this from.

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from typing import Any, Final

from securesystemslib.formats import encode_canonical
from securesystemslib.signer import CryptoSigner

from centralstore.evidence.witness import MAX_PROOF_BYTES, Proof, _sentence
from sync.canonical import canonical_bytes, read_model
from sync.checkpoint import (
    COSIGNED,
    MAX_CHECKPOINT_BYTES,
    MAX_COSIGNED_BYTES,
    cosign,
    sign_checkpoint,
    verify_checkpoint,
    verify_cosigned,
)
from sync.errors import SyncDataError
from sync.keys import sha256_hex
from sync.metadata import ReleaseMetadata, check_root
from sync.tree import is_consistent
from tests.fuzz.mutation import SPLIT
from tests.fuzz.target import (
    Fault,
    Target,
    body_case,
    canonical_json,
    dress_signed,
    joined,
    parts,
    raw,
    scratch,
    signed_target,
    tells_what_stood_there,
)
from tests.sync.authority import Authority, newest, release
from tests.sync.examples import NOW
from tests.sync.test_checkpoint import LOG, MADE, WITNESS


def dress_root(pieces: Sequence[bytes], _flags: int) -> bytes:
    """A root file: signatures beside what they are over, as the framework writes it."""
    return b'{"signatures":[],"signed":' + b"".join(pieces) + b"}"


@cache
def root_file() -> bytes:
    """A genuine one, made by the authority's own code."""
    from tests.sync.authority import Authority

    return Authority(scratch() / "authority").root


# --- the authority's list of releases ---------------------------------------------------------------------------------

ROLES: Final = ("timestamp", "snapshot", "targets")


@cache
def authority() -> Authority:
    """An authority whose list names two releases."""
    made = Authority(scratch() / "lists")
    made.list.add([release("norskprove", 3), release("jegerprove", 1)], now_utc_ms=NOW)
    return made


@cache
def signers() -> dict[str, list[CryptoSigner]]:
    """Who signs for each role."""
    return {role: authority().signers(role) for role in ROLES}


def genuine(role: str) -> dict[str, Any]:
    """What a role's newest file says."""
    files = authority().files()
    told: dict[str, Any] = json.loads(files[newest(files, role)])["signed"]
    return told


def dress_list(pieces: Sequence[bytes], flags: int) -> bytes:
    """The three files, signed; announced in one another with right hashes (flag 1) and versions (2)."""
    said = dict(zip(reversed(ROLES), joined(pieces, 3)[::-1], strict=True))
    made: dict[str, bytes] = {}
    below = ""
    for role in reversed(ROLES):
        said[role] = _announcing(said[role], below, made.get(below, b""), flags)
        made[role] = _signed(role, said[role])
        below = role
    return SPLIT.join(made[role] for role in ROLES)


def _announcing(piece: bytes, below: str, data: bytes, flags: int) -> bytes:
    try:
        plain = json.loads(piece)
        told = plain["meta"][f"{below}.json"]
        told |= {"hashes": {"sha256": sha256_hex(data)}, "length": len(data)} if flags & 1 else {}
        told |= {"version": json.loads(data)["signed"]["version"]} if flags & 2 else {}
        return canonical_json(plain)
    except Exception:  # noqa: BLE001 - whatever is wrong with it, it is tried as it is
        return piece


def _signed(role: str, piece: bytes) -> bytes:
    try:
        payload = (encode_canonical(json.loads(piece)) or "").encode()
    except Exception:  # noqa: BLE001 - as above
        payload = piece
    signatures = [
        {"keyid": made.keyid, "sig": made.signature} for each in signers()[role] if (made := each.sign(payload))
    ]
    return b'{"signatures":' + canonical_json(signatures) + b',"signed":' + piece + b"}"


def read_list(data: bytes) -> object:
    """As a PC does: taken in, written down, and read back from what was written."""
    pieces: dict[str, bytes] = dict(zip(ROLES, joined(data.split(SPLIT), 3), strict=True))
    disk: list[bytes] = []

    def fetch(name: str) -> bytes | None:
        return pieces.get(name.removesuffix(".json").rpartition(".")[2])

    memory = ReleaseMetadata(authority().root, kept=None, keep=disk.append, workplace=scratch())
    found = memory.update(fetch, now_utc_ms=NOW)
    again = ReleaseMetadata(authority().root, kept=disk[-1], keep=disk.append, workplace=scratch())
    if again.current(now_utc_ms=NOW) != found:
        raise Fault("another list after the program was started again")
    return found


def read_memory(data: bytes) -> object:
    """What a PC kept of the list, as its disk gives it back."""
    memory = ReleaseMetadata(authority().root, kept=data, keep=lambda _kept: None, workplace=scratch())
    return memory.current(now_utc_ms=NOW)


def kept_list() -> bytes:
    """What a PC writes down of the genuine list."""
    disk: list[bytes] = []
    files = authority().files()
    memory = ReleaseMetadata(authority().root, kept=None, keep=disk.append, workplace=scratch())
    memory.update(files.get, now_utc_ms=NOW)
    return disk[-1]


def list_examples() -> list[bytes]:
    """The genuine list, and what its files say."""
    files = authority().files()
    return [
        *raw(SPLIT.join(files[newest(files, role)] for role in ROLES)),
        parts(*(canonical_json(genuine(role)) for role in ROLES)),
    ]


PROOF: Final = canonical_bytes({"first": 3, "last": 9, "path": ["ab" * 32] * 4})


def read_proof(data: bytes) -> object:
    """As a witness does."""
    proof = read_model(Proof, data, "consistency proof", limit=MAX_PROOF_BYTES)
    path = [bytes.fromhex(each) for each in proof.path]
    return is_consistent(proof.first, proof.last, bytes(32), bytes(32), path), _sentence(data)


def targets() -> list[Target]:
    """The targets of this module."""
    checkpoint = sign_checkpoint(MADE, LOG)
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
        Target(
            "authority's root file",
            check_root,
            (SyncDataError,),
            lambda: [*raw(root_file()), parts(canonical_json(json.loads(root_file())["signed"]))],
            None,
            dress_root,
        ),
        Target("list of releases", read_list, (SyncDataError,), list_examples, None, dress_list),
        Target("memory of the list", read_memory, (SyncDataError,), lambda: raw(kept_list()), None),
        Target(
            "consistency proof",
            read_proof,
            (SyncDataError,),
            lambda: raw(PROOF, canonical_json({"error": "x"})),
            MAX_PROOF_BYTES,
        ),
    ]
