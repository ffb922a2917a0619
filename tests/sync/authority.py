"""An authority for tests of the list of current releases, and somebody who would like to be one."""

# pyright: reportPrivateImportUsage=false
# `securesystemslib.signer` and `tuf.api.metadata` are where their documentation says to import these from.

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata
from tuf.api.serialization.json import JSONSerializer

from itembank.keyring import read_hex_key
from itembank.releaselist import Holders, ReleaseList
from sync.keys import SigningKey, sha256_hex
from sync.metadata import CurrentRelease, Listed, ReleaseMetadata
from tests.sync.examples import NOW, signing

DAY_MS = 86_400_000
Files = dict[str, bytes]


def release(name: str, version: int, *, content: bytes = b"", key: SigningKey | None = None) -> CurrentRelease:
    """A release as the list names it; its package is no more than its name."""
    data = content or f"{name} {version}".encode()
    content_key = (key or signing("authority")).public.hex
    listed = Listed(
        series=name, version=version, manifest_sha256=sha256_hex(b"manifest" + data), content_key=content_key
    )
    return CurrentRelease(f"{name}.v{version}", len(data), sha256_hex(data), listed)


@dataclass
class Authority:
    """Two of three root and targets keys sign; the third of each lies in a safe."""

    folder: Path
    shared: bool = True

    def __post_init__(self) -> None:
        holders = Holders(3, 2) if self.shared else Holders()
        self.list.create(holders, holders, now_utc_ms=NOW)
        self.safe = self.folder / "safe"
        self.safe.mkdir()
        if self.shared:
            for role in ("root", "targets"):
                (self.folder / "roles" / f"{role}-3.key").rename(self.safe / f"{role}-3.key")

    @property
    def list(self) -> ReleaseList:
        return ReleaseList(self.folder)

    @property
    def root(self) -> bytes:
        return self.list.first_root.read_bytes()

    def files(self) -> Files:
        return self.list.files()

    def signers(self, role: str) -> list[CryptoSigner]:
        """Whoever signed for a role at first, those in the safe too; keys that came later are not among them."""
        count = 3 if role in {"root", "targets"} and self.shared else 1
        names = [f"{role}-{number}.key" for number in range(1, count + 1)]
        paths = [folder / name for name in names for folder in (self.folder / "roles", self.safe)]
        return [signer_of(read_hex_key(path)) for path in paths if path.exists()]


def signer_of(raw: bytes) -> CryptoSigner:
    return CryptoSigner(Ed25519PrivateKey.from_private_bytes(raw))


def stranger(name: str) -> CryptoSigner:
    """A key of nobody on the root."""
    return signer_of(signing(name).raw)


def newest(files: Mapping[str, bytes], role: str) -> str:
    """The name of a role's newest file."""
    if role == "timestamp":
        return "timestamp.json"
    names = [name for name in files if name.endswith(f".{role}.json")]
    return max(names, key=lambda name: int(name.split(".")[0]))


def signed(metadata: Metadata[Any], signers: Sequence[CryptoSigner]) -> bytes:
    """The file, signed by these and nobody else."""
    metadata.signatures.clear()
    for signer in signers:
        metadata.sign(signer, append=True)
    return metadata.to_bytes(JSONSerializer(compact=False))


@dataclass
class Pc:
    """What one PC remembers; ``disk`` is all that outlives its program."""

    root: bytes
    workplace: Path
    disk: list[bytes] = field(default_factory=list[bytes])

    def memory(self) -> ReleaseMetadata:
        """As after the PC was switched on."""
        kept = self.disk[-1] if self.disk else None
        return ReleaseMetadata(self.root, kept=kept, keep=self.disk.append, workplace=self.workplace)
