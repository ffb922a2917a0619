"""Checkpoints and cosignatures: what is signed is read back, and nothing else counts."""

from __future__ import annotations

import pytest

from sync.checkpoint import (
    COSIGNED,
    Checkpoint,
    Cosigned,
    cosign,
    hash_of,
    sign_checkpoint,
    verify_checkpoint,
    verify_cosigned,
)
from sync.errors import DamagedError, NotForUsError, SyncDataError, WrongSignatureError
from sync.keys import SigningKey
from sync.signed import sign_message
from sync.tree import leaf_hash

LOG, OTHER, WITNESS = SigningKey(b"l" * 32), SigningKey(b"o" * 32), SigningKey(b"w" * 32)
MADE = Checkpoint(log=LOG.public.hex, size=7, root=leaf_hash(b"x").hex(), at_utc_ms=1_795_420_800_000)


def test_a_checkpoint_is_read_back_and_every_flipped_byte_is_refused() -> None:
    data = sign_checkpoint(MADE, LOG)
    assert verify_checkpoint(data, LOG.public) == MADE
    for place in range(len(data)):
        changed = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        with pytest.raises(SyncDataError):
            verify_checkpoint(changed, LOG.public)


def test_a_checkpoint_of_another_log_or_key_is_refused() -> None:
    with pytest.raises(WrongSignatureError):
        verify_checkpoint(sign_checkpoint(MADE, OTHER), LOG.public)
    with pytest.raises(NotForUsError):
        verify_checkpoint(sign_checkpoint(MADE, OTHER), OTHER.public)


def test_a_cosigned_checkpoint_holds_both_words() -> None:
    data = cosign(sign_checkpoint(MADE, LOG), witness="Tilsynet", key=WITNESS, seen_utc_ms=5)
    told, seen = verify_cosigned(data, WITNESS.public, LOG.public)
    assert (told.witness, told.key, told.seen_utc_ms, seen) == ("Tilsynet", WITNESS.public.hex, 5, MADE)


def test_a_cosignature_over_a_forged_checkpoint_or_by_another_counts_for_nothing() -> None:
    forged = cosign(sign_checkpoint(MADE, OTHER), witness="Tilsynet", key=WITNESS, seen_utc_ms=5)
    with pytest.raises(WrongSignatureError):
        verify_cosigned(forged, WITNESS.public, LOG.public)
    by_other = cosign(sign_checkpoint(MADE, LOG), witness="Tilsynet", key=OTHER, seen_utc_ms=5)
    with pytest.raises(WrongSignatureError):
        verify_cosigned(by_other, WITNESS.public, LOG.public)
    checkpoint = sign_checkpoint(MADE, LOG).decode()
    names_another = Cosigned(witness="Tilsynet", key=OTHER.public.hex, checkpoint=checkpoint, seen_utc_ms=5)
    with pytest.raises(NotForUsError, match="witness"):
        verify_cosigned(sign_message(COSIGNED, names_another, WITNESS), WITNESS.public, LOG.public)


@pytest.mark.parametrize("text", ["", "00", "zz" * 32, "00" * 33, "0" * 63 + "A"])
def test_a_hash_in_a_proof_is_64_digits(text: str) -> None:
    with pytest.raises(DamagedError):
        hash_of(text)
