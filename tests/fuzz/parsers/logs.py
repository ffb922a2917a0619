"""Checkpoints of the log, and the authority's list of releases."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache

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
from sync.metadata import check_root
from tests.fuzz.target import (
    Target,
    body_case,
    canonical_json,
    dress_signed,
    parts,
    raw,
    scratch,
    signed_target,
    tells_what_stood_there,
)
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
    ]
