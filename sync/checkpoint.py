"""Checkpoint: the store's signed word on the size and root of its log; and a witness's cosignature (`PROTOCOL.md`).

Whoever holds two checkpoints of one log can ask for proof that the later one continues the earlier; two that do not
continue one another, both signed, are proof of a fork that nobody can deny.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from sync.canonical import Message
from sync.errors import DamagedError, NotForUsError
from sync.keys import SigningKey, VerifyKey
from sync.segment import Count, Hash
from sync.signed import open_message, sign_message

CHECKPOINT: Final = "checkpoint"
COSIGNED: Final = "cosigned-checkpoint"
MAX_CHECKPOINT_BYTES: Final = 1024
MAX_COSIGNED_BYTES: Final = 4096


class Checkpoint(Message):
    """A log, told by its public key in hexadecimal digits, had ``size`` leaves and this ``root`` at ``at_utc_ms``."""

    format: Literal[1] = 1
    log: Hash
    size: Count
    root: Hash
    at_utc_ms: Count


class Cosigned(Message):
    """A witness has seen ``checkpoint`` (the store's signed message as it came) and it continued all it saw before.

    ``key`` is the witness's public key; a reader must know it from the witness itself, not from here.
    """

    format: Literal[1] = 1
    witness: Annotated[str, Field(min_length=1, max_length=128)]
    key: Hash
    checkpoint: Annotated[str, Field(max_length=MAX_CHECKPOINT_BYTES)]
    seen_utc_ms: Count


def sign_checkpoint(checkpoint: Checkpoint, log_key: SigningKey) -> bytes:
    """The checkpoint as it is served and kept."""
    return sign_message(CHECKPOINT, checkpoint, log_key)


def verify_checkpoint(data: bytes, log_key: VerifyKey) -> Checkpoint:
    """A genuine checkpoint of the log that ``log_key`` signs.

    Raises:
        DamagedError: not a checkpoint.
        WrongSignatureError: not signed by that key.
        NotForUsError: it speaks of another log.
    """
    signer = "the store's log key"
    found = open_message(CHECKPOINT, Checkpoint, data, log_key, signer=signer, limit=MAX_CHECKPOINT_BYTES)
    if found.log != log_key.hex:
        raise NotForUsError(what="checkpoint", field="log", expected=log_key.hex, found=found.log)
    return found


def cosign(checkpoint: bytes, *, witness: str, key: SigningKey, seen_utc_ms: int) -> bytes:
    """A witness's signature over a checkpoint that it has verified."""
    body = Cosigned(witness=witness, key=key.public.hex, checkpoint=checkpoint.decode("utf-8"), seen_utc_ms=seen_utc_ms)
    return sign_message(COSIGNED, body, key)


def verify_cosigned(data: bytes, witness_key: VerifyKey, log_key: VerifyKey) -> tuple[Cosigned, Checkpoint]:
    """A witness's word and the store's checkpoint in it, both signatures checked.

    Raises:
        DamagedError: not a cosigned checkpoint.
        WrongSignatureError: one of the two signatures does not hold.
        NotForUsError: it names another witness's key, or another log.
    """
    found = open_message(COSIGNED, Cosigned, data, witness_key, signer="the witness", limit=MAX_COSIGNED_BYTES)
    if found.key != witness_key.hex:
        raise NotForUsError(what="cosigned checkpoint", field="witness", expected=witness_key.hex, found=found.key)
    return found, verify_checkpoint(found.checkpoint.encode(), log_key)


def hash_of(text: str) -> bytes:
    """32 bytes from 64 hexadecimal digits.

    Raises:
        DamagedError: not that.
    """
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        raw = b""
    if len(raw) != 32 or raw.hex() != text:  # noqa: PLR2004 - SHA-256
        raise DamagedError(what="proof", fault="it holds something else than 64 hexadecimal digits")
    return raw
