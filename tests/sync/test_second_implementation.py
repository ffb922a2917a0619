"""A second reader, written from PROTOCOL.md alone: standard library and `cryptography`, nothing of `sync` or `engine`.

It reads the journal file, envelope, orders, package and grant that `tests/golden/sync/example.json` keeps. That file
was made once by running this module; as long as it is read, every journal and package of today can be read tomorrow.
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

GOLDEN = Path(__file__).parents[1] / "golden/sync/example.json"
SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


# --- §1, §2 -----------------------------------------------------------------------------------------------------------


def canonical(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def purpose(name: str) -> bytes:
    return b"provrom/1/" + name.encode() + b"\0"


def info(name: str, context: object) -> bytes:
    return purpose(name) + canonical(context)


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def check(public: str, name: str, message: bytes, signature: bytes) -> None:
    Ed25519PublicKey.from_public_bytes(bytes.fromhex(public)).verify(signature, purpose(name) + message)


def unseal(private: str, sealed: bytes, name: str, context: object) -> bytes:
    return SUITE.decrypt(sealed, X25519PrivateKey.from_private_bytes(bytes.fromhex(private)), info(name, context))


def hkdf(secret: bytes, name: str, context: object, salt: bytes | None = None) -> bytes:
    return HKDF(hashes.SHA256(), 32, salt=salt, info=info(name, context)).derive(secret)


def body_of(data: bytes, kind: str, public: str) -> dict[str, Any]:
    message = json.loads(data)
    assert message["kind"] == kind
    assert canonical(message) == data
    check(public, f"signed/{kind}", canonical(message["body"]), bytes.fromhex(message["signature"]))
    return message["body"]


# --- §5, §6 -----------------------------------------------------------------------------------------------------------


@dataclass
class Reader:
    header: dict[str, Any]
    keys: dict[str, Any]

    @property
    def hash(self) -> bytes:
        return sha256(canonical(self.header))

    def stream_keys(self, recipient: str, private: str) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for stream in self.header["streams"]:
            sealed = self.keys[stream["name"]]
            assert sha256(canonical(sealed)).hex() == stream["keys_sha256"]
            names = ("attempt", "device", "release", "segment", "sitting")
            context = {name: self.header[name] for name in names} | {"recipient": recipient, "stream": stream["name"]}
            (entry,) = (each for each in sealed if each["recipient"] == recipient)
            found[stream["name"]] = unseal(private, bytes.fromhex(entry["sealed"]), "stream-key", context)
        return found

    def records(self, data: bytes, keys: dict[str, bytes], chain: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
        """(type, payload) of each record, and the chain value after the last."""
        found: list[tuple[int, bytes]] = []
        place = 0
        while data[place : place + 2] == b"\xa5\xc3":
            length, counter, kind, stream = struct.unpack_from(">IQBB", data, place + 2)
            record = data[place : place + length]
            assert zlib.crc32(record[:-4]) == int.from_bytes(record[-4:], "big")
            ciphertext, bound = record[16:-36], record[6:16]
            chain = sha256(chain + bound + ciphertext)
            assert chain == record[-36:-4]
            key = keys[self.header["streams"][stream]["name"]]
            padded = AESGCM(key).decrypt(bytes(4) + counter.to_bytes(8, "big"), ciphertext, self.hash + bound)
            assert len(padded) % 32 == 0
            found.append((kind, padded.rstrip(b"\0")[:-1]))
            place += length
        return found, chain


def read_file(data: bytes, recipient: str, private: str) -> list[tuple[int, bytes]]:
    length = 16 + int.from_bytes(data[8:12], "big")
    block = data[:length]
    assert data[length : 2 * length] == block
    assert block[:8] == b"PVRMJRN1"
    assert zlib.crc32(block[:-4]) == int.from_bytes(block[-4:], "big")
    preamble = json.loads(block[12:-4])
    reader = Reader(preamble["header"], preamble["keys"])
    return reader.records(data[2 * length :], reader.stream_keys(recipient, private), reader.hash)[0]


def read_envelope(data: bytes, device_public: str, recipient: str, private: str) -> list[tuple[int, bytes]]:
    assert data[:8] == b"PVRMENV1"
    place, blocks = 8, list[bytes]()
    for _ in range(3):
        length = int.from_bytes(data[place : place + 4], "big")
        blocks.append(data[place + 4 : place + 4 + length])
        place += 4 + length
    check(device_public, "envelope", data[:place], data[place : place + 64])
    keys = data[place + 68 :]
    assert int.from_bytes(data[place + 64 : place + 68], "big") == len(keys)
    header, reader = json.loads(blocks[0]), Reader(json.loads(blocks[1]), json.loads(keys))
    for name in ("sitting", "attempt", "device", "release", "segment", "ordinal"):
        assert header[name] == reader.header[name]
    before = bytes.fromhex(header["before"])
    assert before == reader.hash
    records, head = reader.records(blocks[2], reader.stream_keys(recipient, private), before)
    assert head.hex() == header["head"]
    assert len(records) == header["last"] - header["first"] + 1
    return records


# --- §8, §9 -----------------------------------------------------------------------------------------------------------


def read_orders(data: bytes, public: str) -> list[dict[str, Any]]:
    answer, previous = json.loads(data), "0" * 64
    for number, entry in enumerate(answer["orders"], 1):
        order = canonical(entry["order"])
        check(public, "order", order, bytes.fromhex(entry["signature"]))
        assert (entry["order"]["number"], entry["order"]["previous_sha256"]) == (number, previous)
        previous = sha256(order).hex()
    return [entry["order"] for entry in answer["orders"]]


def read_grant(data: bytes, public: str, private: str, share: bytes) -> tuple[bytes, bytes]:
    """Content key and recovery private key."""
    body = body_of(data, "grant", public)
    context = {name: body[name] for name in ("device", "release", "sitting")}
    assert sha256(purpose("share-check") + body["sitting"].encode() + b"\0" + share).hex() == body["share_check"]
    half = unseal(private, base64.b64decode(body["device_share"]), "device-half", context)
    keys = [
        AESGCM(hkdf(half + share, name, context)).decrypt(
            bytes(12), base64.b64decode(body[name.replace("-", "_")]), info(name, context)
        )
        for name in ("content-key", "recovery-key")
    ]
    return keys[0], keys[1]


def read_package(data: bytes, public: str, content_key: bytes) -> tuple[bytes, bytes]:
    """The public part and the content."""
    assert data[:8] == b"PVRMPKG1"
    first, second, third = struct.unpack_from(">IQQ", data, 8)
    parts = data[28 : 28 + first], data[28 + first : 28 + first + second], data[28 + first + second :]
    assert len(parts[2]) == third
    body = body_of(parts[0], "release-manifest", public)
    assert [sha256(part).hex() for part in parts[1:]] == [body["public_sha256"], body["sealed_sha256"]]
    assert sha256(purpose("content-key-check") + content_key).hex() == body["content_key_check"]
    context = {name: body[name] for name in ("programme", "public_sha256", "release", "series", "version")}
    sealed, step = parts[2], 65_536 + 16
    assert sealed[:8] == b"PVRMSTR1"
    aead = AESGCM(hkdf(content_key, "package", context, salt=sealed[8:24]))
    chunks = [sealed[start : start + step] for start in range(24, len(sealed), step)]
    content = [
        aead.decrypt(
            bytes(3) + number.to_bytes(8, "big") + bytes([number == len(chunks) - 1]), chunk, canonical(context)
        )
        for number, chunk in enumerate(chunks)
    ]
    return parts[1], b"".join(content)


# --- the example ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def golden() -> dict[str, Any]:
    return json.loads(GOLDEN.read_text())


def raw(golden: dict[str, Any], name: str) -> bytes:
    return zlib.decompress(base64.b64decode(golden[name]))


@pytest.mark.parametrize("recipient", ["recovery", "results:0"])
def test_a_journal_file_is_read_from_the_protocol_alone(golden: dict[str, Any], recipient: str) -> None:
    private = golden["keys"]["recovery" if recipient == "recovery" else "results"]
    records = read_file(raw(golden, "journal"), recipient, private)
    assert [(kind, payload.decode()) for kind, payload in records] == [tuple(each) for each in golden["records"]]


def test_an_envelope_is_verified_and_read_from_the_protocol_alone(golden: dict[str, Any]) -> None:
    data = raw(golden, "envelope")
    records = read_envelope(data, golden["keys"]["device_signing_public"], "results:0", golden["keys"]["results"])
    assert [(kind, payload.decode()) for kind, payload in records] == [tuple(each) for each in golden["records"]]


def test_orders_are_verified_from_the_protocol_alone(golden: dict[str, Any]) -> None:
    orders = read_orders(raw(golden, "orders"), golden["keys"]["order_public"])
    assert [order["kind"] for order in orders] == ["open", "start_part", "extra_time"]


def test_a_grant_and_its_package_are_opened_from_the_protocol_alone(golden: dict[str, Any]) -> None:
    keys = golden["keys"]
    content_key, recovery = read_grant(
        raw(golden, "grant"), keys["authority_public"], keys["device_box"], bytes.fromhex(keys["release_share"])
    )
    assert recovery.hex() == keys["recovery"]
    public, content = read_package(raw(golden, "package"), keys["authority_public"], content_key)
    assert (public.decode(), sha256(content).hex()) == (golden["public"], golden["content_sha256"])


def test_this_package_reads_the_example_too(golden: dict[str, Any]) -> None:
    from sync.bundle import read_envelopes
    from sync.keys import BoxKey, VerifyKey
    from sync.segment import results_opener, scan_segment

    opener = results_opener({0: BoxKey(bytes.fromhex(golden["keys"]["results"]))})
    device = VerifyKey.from_hex(golden["keys"]["device_signing_public"])
    bundle = read_envelopes([raw(golden, "envelope")], opener, {"pc-07": device}, attempt=golden["attempt"])
    assert [(entry.type, (entry.payload or b"").decode()) for entry in bundle.entries] == [
        tuple(each) for each in golden["records"]
    ]
    assert bundle.faults == ()
    assert scan_segment(raw(golden, "journal")).count == len(golden["records"])


def make() -> None:
    """Write the example anew; only ever needed when the protocol gets a new suite or format."""
    from engine.events import Answered, Edited
    from sync.entries import encode_event, event_code
    from sync.envelope import pack
    from sync.journal import Journal
    from sync.orders import OrderKind, OrderList, sign_order
    from sync.package import encode_package
    from sync.segment import NO_HASH, scan_segment
    from tests.sync import test_release as releases
    from tests.sync.examples import BINDING, FOLDER, NOW, RECOVERY, RESULTS, box, segment, signing
    from tests.sync.simulated_disk import SimulatedDisk

    facts = [Answered(83_212, "R-101", ("B",)), Edited(90_000, "W-11", 0, "", "Kjære Åse 😀", "paste")]
    disk = SimulatedDisk()
    journal = Journal.create(FOLDER, segment(BINDING), files=disk, size=16)
    for fact in facts:
        journal.append("answers", event_code(fact), encode_event(fact, utc_ms=NOW))
    journal.append("keys", 200, b"[[65,1,2]]")
    journal.append("form", 201, '{"name":"Åse"}'.encode())
    data = disk.read(journal.path)
    orders = OrderList(BINDING.sitting, signing("store orders").public)
    decided: tuple[tuple[OrderKind, dict[str, Any]], ...] = (
        ("open", {}),
        ("start_part", {"part": "reading"}),
        ("extra_time", {"data": {"extra_ms": 60_000}}),
    )
    for kind, more in decided:
        orders = orders.with_order(
            sign_order(orders.following(kind, by="leder-1", at_utc_ms=NOW, **more), signing("store orders"))
        )
    scan = scan_segment(data)
    example = {
        "source": "made once by tests/sync/test_second_implementation.py run as a script; the keys open nothing else",
        "attempt": BINDING.attempt,
        "content_sha256": sha256(releases.CONTENT).hex(),
        "keys": {
            "authority_public": releases.AUTHORITY.public.hex,
            "device_box": box("pc-07").raw.hex(),
            "device_signing_public": signing("pc-07").public.hex,
            "order_public": signing("store orders").public.hex,
            "recovery": RECOVERY.raw.hex(),
            "release_share": releases.SECRETS.release_share.hex(),
            "results": RESULTS.raw.hex(),
        },
        "public": releases.PUBLIC.decode(),
        "records": [
            *([event_code(fact), encode_event(fact, utc_ms=NOW).decode()] for fact in facts),
            [200, "[[65,1,2]]"],
            [201, '{"name":"Åse"}'],
        ],
    } | {
        name: base64.b64encode(zlib.compress(each, 9)).decode()
        for name, each in (
            ("envelope", pack(scan, 0, 3, NO_HASH, signing("pc-07"))),
            ("grant", releases.grants().grants["pc-07", "norskprove-3"]),
            ("journal", data[: scan.end]),
            ("orders", orders.encode()),
            ("package", encode_package(releases.package())),
        )
    }
    GOLDEN.write_text(json.dumps(example, indent=1, ensure_ascii=False, sort_keys=True) + "\n")


if __name__ == "__main__":
    make()
