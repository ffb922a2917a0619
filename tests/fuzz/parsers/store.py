"""What a central store is given: imports, corrected keys, requests, forms, its own small files."""

from __future__ import annotations

import json
from typing import Any, Final

from administration.errors import FormError
from administration.forms import Form
from centralstore.csvfile import MAX_FILE_BYTES, parse_people
from centralstore.door import parsed
from centralstore.errors import DamagedError as StoreDamagedError
from centralstore.errors import SetUpError
from centralstore.keyfiles import read_key
from centralstore.rescore import MAX_KEYS_BYTES, read_keys
from centralstore.service import Acknowledgement, EnrolRequest
from engine.errors import DataError, PanelError
from engine.plain import Reader
from engine.scoring import parse_key, score_key
from sync.canonical import canonical_bytes
from sync.errors import RequestRefusedError, SyncDataError
from sync.passwords import TEST_COST, PasswordVerifier
from sync.requests import SeenNonces, sign_request, verify_request
from tests.fuzz.target import (
    LONGEST_SENTENCE,
    PC,
    Fault,
    Target,
    at_path,
    canonical_json,
    raw,
)
from tests.sync.examples import NOW

CSV: Final = """user,name,password,role,site,room
kari,Kari Nes,three words here,test_leader,oslo,r1

number,name,protected,login,password
100234,Amina Yusuf,no,amina,blå stol 41

sitting,site,room,date,utc_offset,programme,releases,test_leader,parts
s1,oslo,r1,2026-11-23,+01:00,norskprove-demo,norskprove-demo.v1,kari,listening 09:00-09:50; reading 10:05-11:20

sitting,candidate,seat,parts
s1,100234,7,listening; reading +15; writing A2-B1 +30
"""


def check_plan(_data: bytes, plan: Any) -> None:
    """Numbers fit in the database, and there is a bounded number of bounded sentences."""
    most = 2**53 - 1
    seats = [place.seat for _, place in plan.places]
    times = [ms for _, s in plan.sittings for part in s.parts for ms in (part.start_ms, part.end_ms)]
    granted = [entry.accommodation_ms for _, place in plan.places for entry in place.enrolments]
    if any(not -most <= number <= most for number in (*seats, *times, *granted)):
        raise Fault("a number that no database keeps")
    if any(len(problem) > LONGEST_SENTENCE for problem in plan.problems):
        raise Fault("a sentence without end")


ANSWERS: Final = (
    (),
    ("A",),
    ("B", "B"),
    ("ord", ""),
    ("10,10",),
    ("9" * 5000 + ",1",),
    ("٣,٣",),
    ("1,²",),
    ("0,0",),
    ("000009,0",),
    ("0000009,0",),
    (" 1,1",),
    ("Ord",),
    ("ord ",),
)
"""What is answered to every key."""


def read_corrected_keys(data: bytes) -> object:
    """The file, and every key in it; what they score for a few answers."""
    plain = at_path(read_keys, "keys.json")(data)
    assert isinstance(plain, dict)
    found = [parse_key(Reader(each, where="keys.json", error=PanelError), 1) for each in plain.values()]
    for key in found:
        if any(not 0 <= score_key(key, 1, answer) <= 1 for answer in ANSWERS):
            raise Fault("a score outside its bounds")
    return found


KEYS: Final = {
    "R-101": {"kind": "choice", "correct": ["B"]},
    "R-102": {"kind": "text", "gaps": [{"accepted": ["ord"]}], "folds_case": True, "folds_space": False},
    "R-103": {"kind": "areas", "areas": [{"corners": [{"x": 0, "y": 0}, {"x": 9, "y": 0}, {"x": 0, "y": 9}]}]},
    "R-104": {"kind": "mapping", "points": {"A": 1, "B": -1}},
    "R-105": {"kind": "order", "order": ["A", "B"]},
    "R-106": {"kind": "gaps", "gaps": [{"correct": "A"}]},
}


def read_request(data: bytes) -> object:
    """Headers as a JSON object of names and values, as a server would give them."""
    try:
        plain = json.loads(data)
        headers = {str(name): value for name, value in plain.items() if isinstance(value, str)}
    except (ValueError, AttributeError, RecursionError):
        headers = {"X-Provrom-Time": data.decode("latin-1")}
    return verify_request(headers, "POST", "/v1/progress", b"", PC.public, NOW, SeenNonces())


def read_service_message(data: bytes) -> object:
    """An enrolment or an acknowledgement."""
    if data[:1] == b"\1":
        return parsed(Acknowledgement, data[1:], "Acknowledgement")
    return parsed(EnrolRequest, data[1:], "Enrolment")


def read_form(data: bytes) -> object:
    """A form, and what pages ask of its fields."""
    form = Form.read(data)
    form.text("csrf").encode()
    return form, form.number("minutes", 0, 60) if form.text("minutes") else 0, form.word("act")


def _verifier(data: bytes) -> object:
    verifier = PasswordVerifier.parse(data.decode("utf-8", "surrogateescape"), TEST_COST)
    if "$m=64,t=1,p=1$" in verifier.text:  # cheap enough to try
        verifier.accepts("hemmelig")
    return verifier


def targets() -> list[Target]:
    """The targets of this module."""
    public = canonical_bytes
    return [
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
    ]
