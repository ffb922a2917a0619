"""The store's folder: key files, certificates, settings, database. Made once by ``store init``, private to its owner.

store.json            name, database setting, argon cost
keys/order.key …      32 raw bytes each: order, ticket, receipt, log (Ed25519) and box (X25519)
ca.pem ca.key         the store's own certificate authority; PCs pin ca.pem at enrolment
server.pem server.key certificate for localhost, 127.0.0.1 and the names given
authority-root.json   the authority's root file, given by hand: who signs the list of current releases
releases/             test packages as published
store.sqlite          the database, unless the setting names another
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
import secrets
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pydantic import ValidationError

from centralstore.errors import SetUpError
from sync.canonical import Message, canonical_bytes, plain_of
from sync.errors import DamagedError, SyncDataError
from sync.keys import KEY_BYTES, BoxKey, SigningKey, VerifyKey, random_key
from sync.passwords import PRODUCTION_COST, Cost

CA_DAYS: Final = 3650
SERVER_DAYS: Final = 825
"""The most that browsers and Apple's rules accept for a private authority's server certificate."""

SIGNING_KEYS: Final = ("order", "ticket", "receipt")
LOG_KEY: Final = "log"
"""Signs checkpoints of the log. A store from before there was one gets it when it is opened."""


class Settings(Message):
    """``store.json``.

    ``database`` "" = the folder's own SQLite file; else a SQLAlchemy URL, as postgresql+psycopg://…
    ``content_key``: the authority's public Ed25519 key in hexadecimal, whose releases are genuine; "" until set.
    ``tickets_from``: tickets' versions count on from here; a restored backup's go beyond all that the lost store gave.
    """

    name: str
    database: str
    content_key: str
    password_memory_kib: int
    password_passes: int
    password_lanes: int
    tickets_from: int = 0

    @property
    def password_cost(self) -> Cost:
        """What one guess at a password costs."""
        return Cost(self.password_memory_kib, self.password_passes, self.password_lanes)


@dataclass(frozen=True, slots=True)
class StoreKeys:
    """The store's private keys: it signs orders, tickets, receipts and its log, and opens shares sealed to its box."""

    order: SigningKey
    ticket: SigningKey
    receipt: SigningKey
    log: SigningKey
    box: BoxKey


@dataclass(frozen=True, slots=True)
class StoreFolder:
    """Where a store lives; names of its files and its settings."""

    path: Path
    settings: Settings

    @property
    def database_url(self) -> str:
        """The database setting, or the folder's own SQLite file."""
        return self.settings.database or f"sqlite:///{self.path / 'store.sqlite'}"

    @property
    def ca_file(self) -> Path:
        """The certificate that PCs and browsers must trust."""
        return self.path / "ca.pem"

    @property
    def server_certificate(self) -> Path:
        """The server's certificate."""
        return self.path / "server.pem"

    @property
    def server_key(self) -> Path:
        """The server's private key."""
        return self.path / "server.key"

    @property
    def authority_root(self) -> Path:
        """The authority's root file, pinned; everything about the list of releases is checked with it."""
        return self.path / "authority-root.json"

    @property
    def releases(self) -> Path:
        """The folder of test packages."""
        return self.path / "releases"

    def keys(self) -> StoreKeys:
        """Load the private keys; makes the log's where there is none yet.

        Raises:
            SetUpError: a key file is missing, of a wrong size, or readable by others.
        """
        order, ticket, receipt = (SigningKey(self._key(name)) for name in SIGNING_KEYS)
        if not self._key_path(LOG_KEY).exists():
            self._add_key(LOG_KEY)
        return StoreKeys(order, ticket, receipt, SigningKey(self._key(LOG_KEY)), BoxKey(self._key("box")))

    def _add_key(self, name: str) -> None:
        """A fresh key under its name, whole or not at all; one that another process made meanwhile stays."""
        path = self._key_path(name)
        made = path.with_suffix(f".new-{secrets.token_hex(4)}")
        try:
            write_private(made, random_key())
            with suppress(FileExistsError):
                os.link(made, path)
            made.unlink()
        except OSError as error:
            raise SetUpError(str(path), f"cannot be written ({error.strerror})", "Free space on the disk.") from error

    def _key_path(self, name: str) -> Path:
        return self.path / "keys" / f"{name}.key"

    def _key(self, name: str) -> bytes:
        path = self._key_path(name)
        try:
            mode, raw = stat.S_IMODE(path.stat().st_mode), path.read_bytes()
        except OSError as error:
            raise SetUpError(str(path), f"cannot be read ({error.strerror})", "Restore it from the backup.") from error
        if os.name == "posix" and mode & 0o077:
            raise SetUpError(str(path), f"its mode is {mode:o}, others could read it", "Run chmod 600 on it.")
        if len(raw) != KEY_BYTES:
            raise SetUpError(str(path), f"has {len(raw)} bytes instead of {KEY_BYTES}", "Restore it from the backup.")
        return raw


def open_folder(path: Path) -> StoreFolder:
    """The folder of a store that was made by `init_folder`.

    Raises:
        SetUpError: it is not there or its settings cannot be read.
    """
    file = path / "store.json"
    try:
        return StoreFolder(path, Settings.model_validate_json(file.read_bytes()))
    except OSError as error:
        raise SetUpError(
            str(file), f"cannot be read ({error.strerror})", f"Make a store with 'store init {path}'."
        ) from error
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(step) for step in fault["loc"])
        raise SetUpError(str(file), f"field '{place}': {fault['msg']}", "Correct the file.") from error


def init_folder(
    path: Path,
    *,
    names: tuple[str, ...] = (),
    database: str = "",
    content_key: str = "",
    cost: Cost = PRODUCTION_COST,
) -> StoreFolder:
    """Make a new store's folder: fresh keys, certificate authority, server certificate for ``names``, settings.

    Raises:
        SetUpError: the folder holds something already, or the disk refused.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(path.iterdir()):
            raise SetUpError(
                str(path), "the folder is not empty", "Name a new or empty folder; keys are never overwritten."
            )
        (path / "keys").mkdir(mode=0o700)
        (path / "releases").mkdir(mode=0o700)
        for name in (*SIGNING_KEYS, LOG_KEY, "box"):
            write_private(path / "keys" / f"{name}.key", random_key())
        _make_certificates(path, ("localhost", "127.0.0.1", *names))
        settings = Settings(
            name=path.resolve().name,
            database=database,
            content_key=content_key,
            password_memory_kib=cost.memory_kib,
            password_passes=cost.passes,
            password_lanes=cost.lanes,
        )
        write_private(path / "store.json", canonical_bytes(plain_of(settings)))
        if not database:  # SQLite gives its journal files the same mode
            write_private(path / "store.sqlite", b"")
    except OSError as error:
        raise SetUpError(
            str(path), f"cannot be written ({error.strerror})", "Free space or choose another folder."
        ) from error
    return StoreFolder(path, settings)


def set_content_key(folder: StoreFolder, key: str) -> StoreFolder:
    """The folder with another content key, on disk before the call returns.

    Raises:
        SetUpError: not 64 hexadecimal digits, or the disk refused.
    """
    try:
        VerifyKey.from_hex(key)
        settings = folder.settings.model_copy(update={"content_key": key})
        new = folder.path / "store.json.new"
        new.unlink(missing_ok=True)
        write_private(new, canonical_bytes(plain_of(settings)))
        new.replace(folder.path / "store.json")
    except DamagedError as error:
        raise SetUpError(
            path="content key", problem="is not 64 hexadecimal digits", remedy="Give the authority's public key."
        ) from error
    except OSError as error:
        raise SetUpError(
            str(folder.path), f"cannot be written ({error.strerror})", "Free space on the disk."
        ) from error
    return StoreFolder(folder.path, settings)


def pin_root(folder: StoreFolder, root: bytes) -> None:
    """Pin the authority's root file, as it was brought here by hand.

    Raises:
        SetUpError: it is none, another one is pinned already, or the disk refused.
    """
    from sync.metadata import check_root  # noqa: PLC0415 - only this command loads it

    path = folder.authority_root
    try:
        check_root(root)
        if path.exists() and path.read_bytes() != root:
            remedy = "Later roots come with the list by themselves; only for another authority, remove this file first."
            raise SetUpError(str(path), "another root is pinned here", remedy)
        if not path.exists():
            write_private(path, root)
    except SyncDataError as error:
        raise SetUpError("root", str(error).rstrip("."), "Name the authority's metadata/1.root.json.") from error
    except OSError as error:
        raise SetUpError(str(path), f"cannot be written ({error.strerror})", "Free space on the disk.") from error


def write_private(path: Path, data: bytes) -> None:
    """A new file that only its owner reads, on disk before the call returns."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _make_certificates(path: Path, names: tuple[str, ...]) -> None:
    """ECDSA P-256, not Ed25519: browsers that show the room page do not accept Ed25519 certificates."""
    now = dt.datetime.now(dt.UTC)
    ca_key, server_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Prøverom store")])
    ca = (
        x509.CertificateBuilder()
        .subject_name(ca_name)
        .issuer_name(ca_name)
        .public_key(ca_key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=CA_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(is_authority=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    server = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])]))
        .issuer_name(ca_name)
        .public_key(server_key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=SERVER_DAYS))
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(is_authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    write_private(path / "ca.key", _private_pem(ca_key))
    write_private(path / "ca.pem", ca.public_bytes(serialization.Encoding.PEM))
    write_private(path / "server.key", _private_pem(server_key))
    write_private(path / "server.pem", server.public_bytes(serialization.Encoding.PEM))


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _key_usage(*, is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_authority,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
