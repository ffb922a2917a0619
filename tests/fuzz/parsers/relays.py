"""What a relay and the central store tell each other."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Final

import httpx
from pydantic import ValidationError

from centralstore.door import parsed
from centralstore.errors import DamagedError as StoreDamagedError
from centralstore.errors import SetUpError, StoreError
from centralstore.folder import init_folder
from centralstore.relay import forwarding
from centralstore.relay.loan import (
    LentAccount,
    LentCandidate,
    LentDayCode,
    LentDevice,
    LentEnrolment,
    LentGrant,
    LentPart,
    LentRelease,
    Loan,
    open_loan,
    read_public,
    to_base64,
)
from centralstore.relay.rows import RelayStanding, Telling
from sync.canonical import canonical_bytes, plain_of
from sync.delegation import (
    DELEGATION,
    RECALL,
    RETURN,
    Delegation,
    Recall,
    Return,
    open_recall,
    open_return,
    relay_id,
    sign_delegation,
    sign_recall,
    sign_return,
    verify_delegation,
)
from sync.errors import SyncDataError
from sync.keys import hpke_seal
from sync.passwords import TEST_COST, PasswordVerifier
from sync.signed import MAX_MESSAGE_BYTES
from tests.fuzz.target import (
    Fault,
    Target,
    at_path,
    canonical_json,
    dress_signed,
    parts,
    raw,
    scratch,
    signed_target,
    tells_what_stood_there,
)
from tests.sync.examples import NOW, box, signing

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


BOX: Final = box("relay")
VERIFIER: Final = PasswordVerifier.make("hemmelig", TEST_COST, salt=bytes(16)).text


@cache
def loan() -> Loan:
    """A sitting of one candidate at one PC, lent."""
    key, text = RELAY.public.hex, to_base64(b"sealed")
    return Loan(
        sitting="s1",
        number=2,
        delegation=to_base64(delegation()),
        content_key=key,
        site="oslo",
        room="r1",
        date="2026-12-01",
        programme="p",
        test_leader="kari",
        recovery_public=key,
        share=text,
        day_code=LentDayCode(site="oslo", date="2026-12-01", sitting="", code="4711", verifier=VERIFIER),
        parts=(LentPart(part="reading", position=0, planned_start_ms=NOW, planned_end_ms=NOW + 1),),
        releases=(LentRelease(release="p.v1", sha256=key),),
        candidates=(
            LentCandidate(
                number="100234",
                name="Amina",
                is_protected=False,
                login="amina",
                verifier=VERIFIER,
                seat=7,
                enrolments=(LentEnrolment(part="reading", level="", accommodation_ms=0),),
            ),
        ),
        accounts=(LentAccount(user="kari", name="Kari", verifier=VERIFIER, role="test_leader", room="r1"),),
        devices=(LentDevice(device="pc-07", name="PC 7", x25519=key, ed25519=key, enrolled_ms=NOW),),
        grants=(LentGrant(device="pc-07", release="p.v1", grant=text),),
    )


def dress_loan(pieces: Sequence[bytes], flags: int) -> bytes:
    """A loan signed by the central store and sealed to the relay."""
    signed = dress_signed("loan", CENTRAL, pieces, flags)
    return b"PVRMLOAN" + hpke_seal(BOX.public, signed, "loan", {"relay": BOX.public.hex})


def read_loan(data: bytes) -> object:
    """As a relay does that borrows."""
    return open_loan(data, box=BOX, ticket_key=CENTRAL.public, content_key=RELAY.public)


def read_central_answer(data: bytes) -> object:
    """What a relay makes of the central store's answers: its time, and why it refuses."""
    answer = httpx.Response(500, content=data, request=httpx.Request("GET", "https://10.0.0.5/v1/time"))
    sentence = forwarding._sentence(answer)
    if not 0 < len(sentence) <= 2000:
        raise Fault("a refusal without a sentence, or with one that does not end")
    return forwarding._told_time(answer)


def central_examples() -> list[bytes]:
    """Answers of every kind."""
    return raw(canonical_json({"utc_ms": NOW, "log_size": 7}), canonical_json({"error": "No.", "code": "not_lent"}))


def recall() -> bytes:
    """A genuine one."""
    return sign_recall(Recall(sitting="s1", number=2, at_utc_ms=NOW), CENTRAL)


def returned() -> bytes:
    """A genuine one."""
    told = Return(
        sitting="s1",
        number=2,
        relay=relay_id(RELAY.public),
        last_order=1,
        last_order_sha256="ab" * 32,
        envelopes=("cd" * 32,),
        at_utc_ms=NOW,
    )
    return sign_return(told, RELAY)


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
        Target(
            "loan",
            read_loan,
            (SyncDataError,),
            lambda: [
                *raw(dress_loan([canonical_bytes(plain_of(loan()))], 0)),
                parts(canonical_bytes(plain_of(loan()))),
            ],
            None,
            dress_loan,
        ),
        signed_target(
            RECALL,
            lambda data: open_recall(data, sitting="s1", ticket_key=CENTRAL.public),
            recall(),
            CENTRAL,
            limit=32_768,
            check=tells_what_stood_there,
        ),
        signed_target(
            RETURN,
            lambda data: open_return(data, verify_delegation(delegation(), CENTRAL.public)),
            returned(),
            RELAY,
            limit=MAX_MESSAGE_BYTES,
            check=tells_what_stood_there,
        ),
        Target("central store's answers to a relay", read_central_answer, (StoreError,), central_examples, None),
        Target(
            "central store's standing",
            RelayStanding.model_validate_json,
            (ValidationError,),
            lambda: raw(
                canonical_json(
                    {"sitting": "s1", "number": 1, "state": "lent", "last_order": 0, "last_order_sha256": "ab" * 32}
                )
            ),
            None,
            bounds_sentences=False,
        ),
    ]
