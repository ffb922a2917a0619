"""Keys: published vectors hold, and nothing made for one purpose, key or context is taken for another."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.bindings._rust import openssl
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from sync.errors import CannotOpenError, DamagedError, SyncUsageError, WrongSignatureError
from sync.keys import (
    BoxKey,
    BoxPublic,
    DeviceKeys,
    SigningKey,
    VerifyKey,
    derive_key,
    hpke_open,
    hpke_seal,
    unwrap,
    wrap,
)
from tests.sync.examples import box, signing

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[1] / "golden/sync/vectors.json").read_text())

LOW_ORDER = (
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
)
"""Points of small order: https://cr.yp.to/ecdh.html#validate."""


def test_rfc_9180_base_mode_vector_opens() -> None:
    vector = VECTORS["hpke"]
    private = X25519PrivateKey.from_private_bytes(bytes.fromhex(vector["recipient_private"]))
    assert private.public_key().public_bytes_raw().hex() == vector["recipient_public"]
    sealed = bytes.fromhex(vector["enc"] + vector["ciphertext"])
    suite = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
    opened = openssl.hpke._decrypt_with_aad(
        suite, sealed, private, bytes.fromhex(vector["info"]), bytes.fromhex(vector["aad"])
    )
    assert opened.hex() == vector["plaintext"]


def test_rfc_8032_vectors_hold() -> None:
    for vector in VECTORS["ed25519"]["tests"]:
        private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(vector["secret"]))
        assert private.public_key().public_bytes_raw().hex() == vector["public"]
        assert private.sign(bytes.fromhex(vector["message"])).hex() == vector["signature"]
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(vector["public"]))
        with pytest.raises(InvalidSignature):
            public.verify(bytes.fromhex(vector["signature"]), bytes.fromhex(vector["message"] + "00"))


def test_rfc_9106_vector_holds() -> None:
    vector = VECTORS["argon2id"]
    made = Argon2id(
        salt=bytes.fromhex(vector["salt"]),
        length=vector["length"],
        iterations=vector["passes"],
        lanes=vector["lanes"],
        memory_cost=vector["memory_kib"],
        ad=bytes.fromhex(vector["associated"]),
        secret=bytes.fromhex(vector["secret"]),
    ).derive(bytes.fromhex(vector["password"]))
    assert made.hex() == vector["tag"]


def test_rfc_5869_vector_holds() -> None:
    vector = VECTORS["hkdf"]
    derived = HKDF(
        hashes.SHA256(), vector["length"], salt=bytes.fromhex(vector["salt"]), info=bytes.fromhex(vector["info"])
    ).derive(bytes.fromhex(vector["ikm"]))
    assert derived.hex() == vector["okm"]


@given(st.binary(max_size=300), st.text(max_size=20))
def test_what_was_sealed_opens_and_is_never_alike(plaintext: bytes, name: str) -> None:
    one = hpke_seal(box("x").public, plaintext, "test", {"name": name})
    assert hpke_open(box("x"), one, "test", {"name": name}, what="thing") == plaintext
    assert one != hpke_seal(box("x").public, plaintext, "test", {"name": name})
    assert len(one) == len(plaintext) + 48


def test_another_key_purpose_or_context_or_a_changed_byte_opens_nothing() -> None:
    sealed = hpke_seal(box("x").public, b"content", "one", {"sitting": "a"})
    for private, purpose, context in (
        (box("y"), "one", {"sitting": "a"}),
        (box("x"), "two", {"sitting": "a"}),
        (box("x"), "one", {"sitting": "b"}),
    ):
        with pytest.raises(CannotOpenError, match="thing"):
            hpke_open(private, sealed, purpose, context, what="thing")
    for index in range(len(sealed)):
        changed = sealed[:index] + bytes([sealed[index] ^ 1]) + sealed[index + 1 :]
        with pytest.raises(CannotOpenError):
            hpke_open(box("x"), changed, "one", {"sitting": "a"}, what="thing")
        with pytest.raises(CannotOpenError):
            hpke_open(box("x"), sealed[:index], "one", {"sitting": "a"}, what="thing")


@pytest.mark.parametrize("point", LOW_ORDER)
def test_points_of_low_order_are_refused_both_ways(point: str) -> None:
    with pytest.raises(DamagedError):
        hpke_seal(BoxPublic.from_hex(point), b"content", "test", {})
    with pytest.raises(CannotOpenError):
        hpke_open(box("x"), bytes.fromhex(point) + bytes(40), "test", {}, what="thing")


def test_a_signature_counts_for_its_purpose_key_and_message_only() -> None:
    signature = signing("x").sign("order", b"message")
    signing("x").public.verify("order", b"message", signature, what="order", signer="x")
    for key, purpose, message in (("y", "order", b"message"), ("x", "receipt", b"message"), ("x", "order", b"Message")):
        with pytest.raises(WrongSignatureError, match="not signed by x"):
            signing(key).public.verify(purpose, message, signature, what="order", signer="x")


def test_wrapped_keys_open_under_the_same_secret_and_context_only() -> None:
    key = derive_key(b"s" * 64, "content-key", {"device": "a"})
    wrapped = wrap(key, b"k" * 32, "content-key", {"device": "a"})
    assert unwrap(key, wrapped, "content-key", {"device": "a"}, what="content key") == b"k" * 32
    other = derive_key(b"s" * 64, "content-key", {"device": "b"})
    assert other != key
    for wrong_key, context in ((other, {"device": "a"}), (key, {"device": "b"})):
        with pytest.raises(CannotOpenError):
            unwrap(wrong_key, wrapped, "content-key", context, what="content key")


def test_device_keys_come_back_from_their_file_and_are_never_overwritten(tmp_path: Path) -> None:
    keys, path = DeviceKeys.create(), tmp_path / "device.key"
    keys.save(path)
    loaded = DeviceKeys.load(path)
    assert (loaded.box.raw, loaded.signing.raw) == (keys.box.raw, keys.signing.raw)
    with pytest.raises(SyncUsageError, match="there already"):
        DeviceKeys.create().save(path)


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX")
def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "device.key"
    DeviceKeys.create().save(path)
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o640)
    with pytest.raises(DamagedError, match="its mode is 640"):
        DeviceKeys.load(path)


def test_private_keys_do_not_show_in_text() -> None:
    keys = DeviceKeys.create()
    shown = f"{keys!r} {keys.box!r} {keys.signing!r}"
    assert keys.box.raw.hex() not in shown
    assert repr(keys.signing.raw) not in shown


@pytest.mark.parametrize("text", ["", "ab", "zz" * 32, "AB" * 32, "00" * 33])
def test_a_malformed_key_is_told(text: str) -> None:
    for kind in (VerifyKey, BoxPublic):
        with pytest.raises(DamagedError, match="64 lower-case hexadecimal digits"):
            kind.from_hex(text)
    with pytest.raises(DamagedError):
        BoxKey(b"short")
    with pytest.raises(DamagedError):
        SigningKey(b"short")
