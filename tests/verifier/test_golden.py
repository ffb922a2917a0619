"""The bytes that `tests/golden/sync/example.json` keeps for ever are read by the verifier, too."""

from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path
from typing import Any

import pytest

from tests.sync.test_second_implementation import read_grant
from verifier.crypto import domain, open_stream, sha256_hex
from verifier.envelope import open_record, read_envelope, stream_keys
from verifier.errors import WrongError

GOLDEN: Any = json.loads((Path(__file__).parents[1] / "golden/sync/example.json").read_text())


def raw(name: str) -> bytes:
    return zlib.decompress(base64.b64decode(GOLDEN[name]))


@pytest.mark.parametrize("recipient", ["recovery", "results:0"])
def test_the_golden_envelope_is_verified_and_opened(recipient: str) -> None:
    private = bytes.fromhex(GOLDEN["keys"]["recovery" if recipient == "recovery" else "results"])
    envelope = read_envelope(raw("envelope"), {"pc-07": GOLDEN["keys"]["device_signing_public"]})
    keys = stream_keys(envelope.segment, recipient, [private])
    opened = [(each.type, open_record(each, envelope.segment, keys)) for each in envelope.records]
    assert [(kind, (payload or b"").decode()) for kind, payload in opened] == [
        tuple(each) for each in GOLDEN["records"]
    ]


def test_the_golden_package_opens_with_the_key_that_its_grant_gives() -> None:
    keys = GOLDEN["keys"]
    content_key, _ = read_grant(
        raw("grant"), keys["authority_public"], keys["device_box"], bytes.fromhex(keys["release_share"])
    )
    data = raw("package")
    first, second = int.from_bytes(data[8:12], "big"), int.from_bytes(data[12:20], "big")
    body = json.loads(data[28 : 28 + first])["body"]
    assert sha256_hex(domain("content-key-check") + content_key) == body["content_key_check"]
    context = {name: body[name] for name in ("programme", "public_sha256", "release", "series", "version")}
    sealed = data[28 + first + second :]
    assert sha256_hex(open_stream(sealed, content_key, context)) == GOLDEN["content_sha256"]
    with pytest.raises(WrongError):
        open_stream(sealed[:-1], content_key, context)
