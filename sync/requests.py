"""Signed requests: how a PC shows the store, on every request, which PC it is (`PROTOCOL.md` §10)."""

from __future__ import annotations

import re
import secrets
import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Final

from sync.canonical import canonical_bytes
from sync.errors import RequestRefusedError, WrongSignatureError
from sync.keys import SigningKey, VerifyKey, sha256_hex

DEVICE_HEADER: Final = "X-Provrom-Device"
TIME_HEADER: Final = "X-Provrom-Time"
NONCE_HEADER: Final = "X-Provrom-Nonce"
SIGNATURE_HEADER: Final = "X-Provrom-Signature"
WINDOW_MS: Final = 120_000
"""A request may be this much older or newer than the store's clock; a PC sets its offset by ``GET /v1/time``."""

_PURPOSE: Final = "request"
_TIME: Final = re.compile(r"[0-9]{1,16}")
_NONCE: Final = re.compile(r"[0-9a-f]{32}")
_SIGNATURE: Final = re.compile(r"[0-9a-f]{128}")
_DEVICE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")


def sign_request(
    *, device: str, key: SigningKey, method: str, path: str, body: bytes, now_utc_ms: int, nonce: str | None = None
) -> dict[str, str]:
    """The four headers of a request. ``path`` is the raw path with its query, as it stands in the request line."""
    nonce = secrets.token_hex(16) if nonce is None else nonce
    message = _message(device, method, path, body, str(now_utc_ms), nonce)
    return {
        DEVICE_HEADER: device,
        TIME_HEADER: str(now_utc_ms),
        NONCE_HEADER: nonce,
        SIGNATURE_HEADER: key.sign(_PURPOSE, message).hex(),
    }


class SeenNonces:
    """Remembers each device's nonces for twice the window, so that a captured request counts once. Thread-safe.

    ``most`` is for one device: one that floods the store is refused, the others are not.
    """

    def __init__(self, *, window_ms: int = WINDOW_MS, most: int = 20_000) -> None:
        self._window_ms = window_ms
        self._most = most
        self._seen: dict[str, OrderedDict[str, int]] = {}
        self._lock = threading.Lock()

    def add(self, device: str, nonce: str, now_utc_ms: int) -> bool:
        """True when the pair is new and is remembered now; False when it was there, or the device has sent too many."""
        with self._lock:
            seen = self._seen.setdefault(device, OrderedDict())
            while seen and next(iter(seen.values())) < now_utc_ms - 2 * self._window_ms:
                seen.popitem(last=False)
            if nonce in seen or len(seen) >= self._most:
                return False
            seen[nonce] = now_utc_ms
            return True


def claimed_device(headers: Mapping[str, str]) -> str:
    """The device a request says it comes from, to look its key up; nothing is verified yet.

    Raises:
        RequestRefusedError: the header is missing or malformed (code "unsigned").
    """
    return _header(headers, DEVICE_HEADER, _DEVICE)


def verify_request(
    headers: Mapping[str, str],
    method: str,
    path: str,
    body: bytes,
    device_public: VerifyKey,
    now_utc_ms: int,
    seen_nonces: SeenNonces,
) -> str:
    """The device that signed this request. Order of checks: headers' form, time, signature, nonce.

    Args:
        headers: the request's headers, any case.
        method: "GET", "POST" …
        path: raw path with its query, as it stood in the request line.
        body: the whole body.
        device_public: the enrolled key of `claimed_device`.
        now_utc_ms: the store's clock.
        seen_nonces: one for the whole service; only verified requests enter it.

    Raises:
        RequestRefusedError: codes "unsigned", "clock", "signature", "replayed".
    """
    device = claimed_device(headers)
    time = _header(headers, TIME_HEADER, _TIME)
    nonce = _header(headers, NONCE_HEADER, _NONCE)
    signature = _header(headers, SIGNATURE_HEADER, _SIGNATURE)
    if abs(int(time) - now_utc_ms) > WINDOW_MS:
        fault = f"its time differs by more than {WINDOW_MS // 1000} s from the store's"
        raise RequestRefusedError(code="clock", fault=fault, remedy="Ask GET /v1/time and use the difference")
    message = _message(device, method, path, body, time, nonce)
    try:
        device_public.verify(_PURPOSE, message, bytes.fromhex(signature), what="request", signer=f"device {device}")
    except WrongSignatureError as error:
        fault = f"its signature is not that of device '{device}'"
        raise RequestRefusedError(
            code="signature", fault=fault, remedy="Enrol the PC again if its keys were lost"
        ) from error
    if not seen_nonces.add(device, nonce, now_utc_ms):
        raise RequestRefusedError(code="replayed", fault="it was sent before", remedy="Sign each request anew")
    return device


def _message(device: str, method: str, path: str, body: bytes, time: str, nonce: str) -> bytes:
    fields = {
        "body_sha256": sha256_hex(body),
        "device": device,
        "method": method.upper(),
        "nonce": nonce,
        "path": path,
        "time": time,
    }
    return canonical_bytes(fields)


def _header(headers: Mapping[str, str], name: str, form: re.Pattern[str]) -> str:
    value = headers.get(name) or headers.get(name.lower()) or ""
    if form.fullmatch(value) is None:
        raise RequestRefusedError(
            code="unsigned", fault=f"the header {name} is missing or malformed", remedy="Sign the request"
        )
    return value
