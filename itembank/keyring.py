"""The authority's folder of keys: content signing, results custodians, content keys and sitting secrets.

    content-signing.key  .pub      hexadecimal, one line; private files are readable by this user only
    results-1.key  results-1.pub   one pair a custodian; the private halves go to the custodians and leave the folder
    custodians.json                how many of them open answers together, and their public keys
    content-keys/<release>.key     opens one package; never travels with it
    sittings/<sitting>.json        release share and recovery key, until the sitting is CLOSED
    roles/, metadata/              the list of current releases and who signs it (`itembank.releaselist`)

Small text files, kept offline. Nothing here is ever read by the kiosk or by the store's service.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from itembank.errors import KeyFolderError
from sync.canonical import Message, canonical_bytes, parse_canonical, parse_model, plain_of
from sync.errors import SyncDataError
from sync.keys import KEY_BYTES, BoxKey, SigningKey
from sync.release import Custodians, SittingSecrets

SIGNING_KEY = "content-signing.key"
CUSTODIANS = "custodians.json"
LIMIT = 65_536


class _SecretsFile(Message):
    sitting: str
    release_share: str
    recovery: str


@dataclass(frozen=True, slots=True)
class KeyFolder:
    """The folder; making a key never overwrites one."""

    folder: Path

    def create(self, custodians: int, needed: int) -> Custodians:
        """Make the signing key and the custodians' keys.

        Raises:
            KeyFolderError: a key is there already.
            DamagedError: ``needed`` is more than ``custodians``, or out of range.
        """
        pairs = [BoxKey.create() for _ in range(custodians)]
        plain = {"needed": needed, "keys": [pair.public.hex for pair in pairs]}
        made = parse_model(Custodians, plain, "custodians")
        signing = SigningKey.create()
        self._write(SIGNING_KEY, signing.raw.hex(), mode=0o600)
        self._write("content-signing.pub", signing.public.hex, mode=0o644)
        for number, pair in enumerate(pairs, start=1):
            self._write(f"results-{number}.key", pair.raw.hex(), mode=0o600)
            self._write(f"results-{number}.pub", pair.public.hex, mode=0o644)
        self._write(CUSTODIANS, canonical_bytes(plain).decode(), mode=0o644)
        return made

    def signing_key(self) -> SigningKey:
        """The content signing key.

        Raises:
            KeyFolderError: it is not there or is damaged.
        """
        return SigningKey(self._hex(SIGNING_KEY))

    def custodians(self) -> Custodians:
        """Whose keys open the answers.

        Raises:
            KeyFolderError: the file is not there or is damaged.
        """
        try:
            plain = parse_canonical(self._read(CUSTODIANS).encode(), "custodians", limit=LIMIT)
            return parse_model(Custodians, plain, "custodians")
        except SyncDataError as error:
            raise KeyFolderError(
                self.folder / CUSTODIANS, str(error).removesuffix("."), "Make the keys anew"
            ) from error

    def results_key(self, number: int = 1) -> BoxKey:
        """A custodian's private key, where it still lies here (a demo).

        Raises:
            KeyFolderError: it is not there or is damaged.
        """
        return BoxKey(self._hex(f"results-{number}.key"))

    def keep_content_key(self, release: str, key: bytes) -> Path:
        """Keep a package's content key; the file it stands in.

        Raises:
            KeyFolderError: there is one for this release already.
        """
        return self._write(f"content-keys/{release}.key", key.hex(), mode=0o600)

    def content_key(self, release: str) -> bytes:
        """The content key of a release.

        Raises:
            KeyFolderError: it is not there or is damaged.
        """
        return self._hex(f"content-keys/{release}.key")

    def secrets(self, sitting: str) -> SittingSecrets:
        """A sitting's secrets, made when first asked for, so that PCs cleared later get grants that fit.

        Raises:
            KeyFolderError: the file is damaged.
        """
        name = f"sittings/{sitting}.json"
        if not (self.folder / name).exists():
            made = SittingSecrets.create(sitting)
            content = _SecretsFile(
                sitting=sitting, release_share=made.release_share.hex(), recovery=made.recovery.raw.hex()
            )
            self._write(name, canonical_bytes(plain_of(content)).decode(), mode=0o600)
            return made
        try:
            content = parse_model(_SecretsFile, parse_canonical(self._read(name).encode(), name, limit=LIMIT), name)
            share, recovery = bytes.fromhex(content.release_share), bytes.fromhex(content.recovery)
            return SittingSecrets(content.sitting, share, BoxKey(recovery))
        except (SyncDataError, ValueError) as error:
            raise KeyFolderError(self.folder / name, "it is damaged", "Restore it from the backup") from error

    def _read(self, name: str) -> str:
        return _read_text(self.folder / name)

    def _hex(self, name: str) -> bytes:
        return read_hex_key(self.folder / name)

    def _write(self, name: str, text: str, *, mode: int) -> Path:
        return write_key(self.folder / name, text, mode=mode)


def read_hex_key(path: Path) -> bytes:
    """The 32 bytes of a key file.

    Raises:
        KeyFolderError: it is not there or is damaged.
    """
    try:
        key = bytes.fromhex(_read_text(path))
    except ValueError as error:
        raise KeyFolderError(path, "it is not hexadecimal", "Restore it from the backup") from error
    if len(key) != KEY_BYTES:
        raise KeyFolderError(path, f"it has {len(key)} bytes, not {KEY_BYTES}", "Restore it from the backup")
    return key


def write_key(path: Path, text: str, *, mode: int) -> Path:
    """Write a new file of one line; none is ever overwritten.

    Raises:
        KeyFolderError: it is there already.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError as error:
        raise KeyFolderError(path, "it is there already", "Use it, or name another folder") from error
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(f"{text}\n")
    return path


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        remedy = "Name the folder of the keys, or make them with 'bank keys init'"
        raise KeyFolderError(path, f"it cannot be read ({error.strerror})", remedy) from error
