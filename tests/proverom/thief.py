"""Somebody with a copy of a PC's whole disk, this program's source, and time."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from itembank.package import Package, open_sealed
from sync.errors import CannotOpenError, SyncError
from sync.keys import BoxKey, DeviceKeys, VerifyKey, derive_key, hpke_open, sha256, unwrap
from sync.release import Ed25519Trust, content_key_check

TOKEN = re.compile(rb"[A-Za-z0-9+/]{43}=|[0-9a-f]{64}")
SMALL = 2**18


@dataclass(frozen=True)
class Loot:
    """What opened: the two keys, and the package."""

    content_key: bytes
    recovery: BoxKey
    package: Package


class Thief:
    """Tries everything that lies on the disk, in every place where a secret is wanted."""

    def __init__(self, disk: Path, sitting: str, release: str) -> None:
        self._disk = disk
        self._keys = DeviceKeys.load(disk / "device.keys")
        self._device = str(json.loads((disk / "device.json").read_bytes())["device"])
        self._context = {"device": self._device, "release": release, "sitting": sitting}
        self._release = release
        self._folder = disk / "sittings" / sitting
        self._grant = self._body(f"grant-{release}")
        self._half = b""
        if self._grant is not None:
            sealed = base64.b64decode(self._grant["device_share"])
            self._half = hpke_open(self._keys.box, sealed, "device-half", self._context, what="half")

    def _body(self, name: str) -> dict[str, Any] | None:
        """A signed message's body; the thief does not care who signed it."""
        path = self._folder / name
        if not path.exists() or not any(path.read_bytes()):
            return None
        return json.loads(path.read_bytes())["body"]

    def attack(self, more: Iterable[bytes] = ()) -> Loot | None:
        """Try the share that lies here, all that lies here, and what the thief brings along."""
        for share in self._shares():
            if (loot := self.opened_by(share)) is not None:
                return loot
        for candidate in (*more, *self.everything()):
            if (loot := self.opened_by(candidate)) is not None:
                return loot
            if content_key_check(candidate) == self._manifest["content_key_check"]:
                return Loot(candidate, BoxKey.create(), self._opened(candidate))
        return None

    def opened_by(self, share: bytes) -> Loot | None:
        """The keys by this release share, if it is the one."""
        if self._grant is None:
            return None
        try:
            content_key = self._unwrapped("content", share)
            recovery = BoxKey(self._unwrapped("recovery", share))
        except CannotOpenError:
            return None
        return Loot(content_key, recovery, self._opened(content_key))

    def _unwrapped(self, kind: str, share: bytes) -> bytes:
        assert self._grant is not None
        key = derive_key(self._half + share, f"{kind}-key", self._context)
        wrapped = base64.b64decode(self._grant[f"{kind}_key"])
        return unwrap(key, wrapped, f"{kind}-key", self._context, what="key")

    def _opened(self, content_key: bytes) -> Package:
        listed = json.loads((self._disk / "list.json").read_bytes())["current"]["targets"]
        targets = json.loads(base64.b64decode(listed))["signed"]["targets"]
        signer = VerifyKey.from_hex(targets[f"{self._release}.provrom"]["custom"]["content_key"])
        path = self._disk / "releases" / f"{self._release}.provrom"
        made = int(self._manifest["made_utc_ms"])
        return open_sealed(path, content_key, Ed25519Trust(signer, {}), now_utc_ms=made)

    @cached_property
    def _manifest(self) -> dict[str, Any]:
        data = (self._disk / "releases" / f"{self._release}.provrom").read_bytes()
        return json.loads(data[28 : 28 + int.from_bytes(data[8:12], "big")])["body"]

    def _shares(self) -> Iterator[bytes]:
        """The release share that lies here sealed to this PC, whose key lies here too."""
        body = self._body("share")
        if body is not None:
            context = {"device": self._device, "sitting": self._context["sitting"]}
            try:
                yield hpke_open(self._keys.box, base64.b64decode(body["sealed"]), "device-share", context, what="share")
            except SyncError:
                return

    def everything(self) -> Iterator[bytes]:
        """Every 32 bytes in a row of every small file, and every key that is spelt out in any file."""
        for path in sorted(each for each in self._disk.rglob("*") if each.is_file()):
            data = path.read_bytes()
            for found in TOKEN.findall(data):
                yield bytes.fromhex(found.decode()) if len(found) == 64 else base64.b64decode(found)
            if len(data) <= SMALL:
                yield from (data[place : place + 32] for place in range(max(0, len(data) - 31)))


def from_day_code(code: str) -> Iterator[bytes]:
    """What somebody might have thought of making a key of four digits by."""
    raw = code.encode()
    yield raw
    yield raw.ljust(32, b"\0")
    yield raw.rjust(32, b"\0")
    yield raw * 8
    yield sha256(raw)
    yield derive_key(raw, "content-key", {})
