"""Backups: the database of a running store, its settings and releases in one file; and putting that back.

One tar file: ``manifest.json`` first, a message signed by the log's key (kind ``backup``) that names every other file
with size and SHA-256 and holds the checkpoint of the log that was signed just before the copy; then the files.

Private keys are never in it in the clear. With a recovery key's public half (`make_recovery_key`) they are in it,
sealed by HPKE to that key; without one they must be kept apart, as ``keys/``, ``ca.key`` and ``server.key`` of the
store's folder. Whoever steals a backup then has what a database administrator has: no answer, no key.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import shutil
import tarfile
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field

from centralstore.errors import RestoreRefusedError, SetUpError
from centralstore.folder import LOG_KEY, open_folder, write_private
from centralstore.migration import upgrade
from centralstore.store.copying import copy_database, copy_rows
from sync.canonical import Message, canonical_bytes, parse_table, plain_of
from sync.checkpoint import verify_checkpoint
from sync.errors import SyncError
from sync.keys import BoxKey, BoxPublic, SigningKey, hpke_open, hpke_seal, random_key
from sync.segment import Count, Hash
from sync.signed import open_message, sign_message

BACKUP: Final = "backup"
MANIFEST: Final = "manifest.json"
DATABASE: Final = "store.sqlite"
SEALED: Final = "keys.sealed"
_PURPOSE: Final = "backup-keys"
_MOST_MANIFEST: Final = 4 * 2**20
_MOST_KEYS: Final = 65_536
_CHUNK: Final = 2**20
_MOST_ACTS: Final = 10**9
"""More acts than any store has: by so much tickets' versions go on at least after a restoration (else by the time)."""
_LOG_KEY: Final = f"keys/{LOG_KEY}.key"
_KEY_FILES: Final = ("ca.key", "server.key")
_NOT_COPIED: Final = re.compile(r"store\.sqlite.*|store\.lock|service\.json|keys|.*\.key|\..*|.*\.new")
_NAME: Final = r"^[A-Za-z0-9][A-Za-z0-9._:+-]{0,200}(/[A-Za-z0-9][A-Za-z0-9._:+-]{0,200})?$"


class Entry(Message):
    """A file of a backup."""

    name: Annotated[str, Field(pattern=_NAME)]
    bytes: Count
    sha256: Hash


class Manifest(Message):
    """What a backup holds; ``checkpoint`` is the log's signed checkpoint from just before the copy, as text."""

    format: Literal[1] = 1
    store: str
    made_utc_ms: Count
    log_key: Hash
    checkpoint: str
    has_keys: bool
    files: list[Entry]


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup that was made."""

    path: Path
    manifest: Manifest
    size: int


def make_recovery_key(path: Path) -> BoxPublic:
    """A key pair for sealing keys into backups: ``path`` (private, 0600) and ``path``.pub, both hexadecimal.

    Raises:
        SetUpError: a file is there already, or cannot be written.
    """
    made = BoxKey(random_key())
    try:
        write_private(path, f"{made.raw.hex()}\n".encode())
        write_private(path.with_name(f"{path.name}.pub"), f"{made.public.hex}\n".encode())
    except OSError as error:
        raise SetUpError(str(path), f"cannot be written ({error.strerror})", "Name a new file.") from error
    return made.public


def make_backup(
    folder: Path, out: Path, *, checkpoint: Callable[[], str], now_utc_ms: int, recovery: BoxPublic | None = None
) -> Backup:
    """Write a backup of the store in ``folder``, which may be running, to a new file ``out``: whole or not at all.

    Args:
        folder: the store's.
        out: a file that is not there yet.
        checkpoint: signs the log's newest checkpoint; called before the copy, so that the copy covers it.
        now_utc_ms: for the manifest.
        recovery: where the private keys are sealed to; None leaves them out.

    Raises:
        SetUpError: something cannot be read or written; nothing is left at ``out``.
    """
    found = open_folder(folder)
    signed = checkpoint()
    if out.exists():
        raise SetUpError(str(out), "is there already", "Name a new file; backups are never overwritten.")
    with _workplace(out) as work:
        try:
            copy_database(found.database_url, work / DATABASE)
            files = {DATABASE: work / DATABASE, **dict(_files_of(folder))}
            if recovery is not None:
                (work / SEALED).write_bytes(_sealed_keys(folder, recovery))
                files[SEALED] = work / SEALED
            log_key = found.keys().log
            manifest = Manifest(
                store=found.settings.name,
                made_utc_ms=now_utc_ms,
                log_key=log_key.public.hex,
                checkpoint=signed,
                has_keys=recovery is not None,
                files=[_entry(name, path) for name, path in files.items()],
            )
            _write_tar(work / "backup.tar", sign_message(BACKUP, manifest, log_key), files, now_utc_ms // 1000)
            size = (work / "backup.tar").stat().st_size
            os.link(work / "backup.tar", out)  # never over a file that appeared meanwhile
            _sync_folder(out.parent)
        except OSError as error:
            raise SetUpError(str(out), f"cannot be written ({error.strerror})", "Free space on the disk.") from error
    return Backup(out, manifest, size)


def restore(
    backup: Path, to: Path, *, recovery: BoxKey | None = None, keys: Path | None = None, database: str = ""
) -> Manifest:
    """Put a backup back as a new folder ``to``: whole or not at all; every byte is checked before the folder appears.

    Args:
        backup: the file.
        to: a folder that is not there yet.
        recovery: opens the keys that are in the backup.
        keys: else a folder with the store's ``keys/``, ``ca.key`` and ``server.key``, kept apart.
        database: "" puts the rows into the folder's own SQLite file; else an empty database's URL.

    Raises:
        RestoreRefusedError: the backup is damaged, was changed, is not this store's, or its keys cannot be had.
        SetUpError: ``to`` is there already, or cannot be written.
    """
    if to.exists():
        raise SetUpError(str(to), "is there already", "Name a new folder; nothing is overwritten.")
    with _workplace(to) as work:
        folder = work / "folder"
        folder.mkdir(mode=0o700)
        try:
            data = _unpack(backup, folder)
            found = _keys_for(backup, folder, recovery, keys)
            log_key = SigningKey(found[_LOG_KEY]).public
            manifest = open_message(BACKUP, Manifest, data, log_key, signer="the store's log key")
            verify_checkpoint(manifest.checkpoint.encode(), log_key)
            _check_files(backup, folder, manifest)
            _put_keys(backup, folder, found)
            _settle_database(folder, database)
            _sync_tree(folder)
            folder.rename(to)
            _sync_folder(to.parent)
        except SyncError as error:
            raise RestoreRefusedError(str(backup), str(error).rstrip(".")) from error
        except (tarfile.TarError, EOFError) as error:
            raise RestoreRefusedError(str(backup), f"it is no whole tar file ({error})") from error
        except OSError as error:
            raise SetUpError(str(to), f"cannot be written ({error})", "Free space, or name another folder.") from error
    return manifest


# --- making -----------------------------------------------------------------------------------------------------------


def _files_of(folder: Path) -> Iterator[tuple[str, Path]]:
    """Everything in the store's folder but the database, private keys and what belongs to a running process."""
    for path in sorted(folder.iterdir()):
        if _NOT_COPIED.fullmatch(path.name):
            continue
        if path.is_dir():
            for inner in sorted(path.iterdir()):
                if inner.is_file() and not _NOT_COPIED.fullmatch(inner.name):
                    yield f"{path.name}/{inner.name}", inner
        elif path.is_file():
            yield path.name, path


def _sealed_keys(folder: Path, recovery: BoxPublic) -> bytes:
    files = [*sorted((folder / "keys").glob("*.key")), *(folder / name for name in _KEY_FILES)]
    plain = {str(path.relative_to(folder)): path.read_bytes().hex() for path in files}
    return hpke_seal(recovery, canonical_bytes(plain), _PURPOSE, {"format": 1})


def _entry(name: str, path: Path) -> Entry:
    return Entry(name=name, bytes=path.stat().st_size, sha256=_digest(path))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_tar(path: Path, manifest: bytes, files: dict[str, Path], mtime: int) -> None:
    def plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = 0
        member.uname = member.gname = ""
        member.mode = 0o600
        return member

    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
            first = tarfile.TarInfo(MANIFEST)
            first.size, first.mtime = len(manifest), mtime
            tar.addfile(plain(first), io.BytesIO(manifest))
            for name, source in files.items():
                tar.add(source, arcname=name, recursive=False, filter=plain)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _workplace(beside: Path) -> Generator[Path]:
    """A private folder on the same disk, gone afterwards."""
    work = beside.with_name(f".{beside.name}.part")
    try:
        work.mkdir(mode=0o700)
    except OSError as error:
        remedy = f"Name another place; if nothing is running there, delete {work}."
        raise SetUpError(str(work), f"cannot be made ({error.strerror})", remedy) from error
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_tree(folder: Path) -> None:
    for path in folder.rglob("*"):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


# --- putting back -----------------------------------------------------------------------------------------------------


def _unpack(backup: Path, folder: Path) -> bytes:
    """The manifest's bytes; the other members, plain files of known kinds of names only, are written to ``folder``."""
    manifest = b""
    with tarfile.open(backup, mode="r:") as tar:
        for number, member in enumerate(tar):
            source = tar.extractfile(member) if member.isfile() else None
            if source is None or (number == 0) != (member.name == MANIFEST):
                raise RestoreRefusedError(str(backup), "it holds something else than a manifest and plain files")
            if number == 0:
                manifest = source.read(_MOST_MANIFEST)
                continue
            if not re.fullmatch(_NAME, member.name) or ".." in member.name:
                raise RestoreRefusedError(str(backup), "a file in it has an impossible name")
            target = folder / member.name
            target.parent.mkdir(exist_ok=True, mode=0o700)
            descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                shutil.copyfileobj(source, file, _CHUNK)
    return manifest


def _check_files(backup: Path, folder: Path, manifest: Manifest) -> None:
    there = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    listed = {entry.name for entry in manifest.files}
    if there != listed or len(listed) != len(manifest.files) or DATABASE not in listed:
        odd = ", ".join(sorted(there ^ listed)[:3]) or DATABASE
        raise RestoreRefusedError(str(backup), f"its files are not those of its manifest ({odd})")
    for entry in manifest.files:
        path = folder / entry.name
        if path.stat().st_size != entry.bytes or _digest(path) != entry.sha256:
            raise RestoreRefusedError(str(backup), f"{entry.name} is not the file that was backed up")


def _keys_for(backup: Path, folder: Path, recovery: BoxKey | None, keys: Path | None) -> dict[str, bytes]:
    """The store's private key files by name: opened from the backup, or read where they are kept."""
    sealed = folder / SEALED
    if recovery is not None and sealed.exists():
        plain = hpke_open(recovery, sealed.read_bytes(), _PURPOSE, {"format": 1}, what="keys of the backup")
        found = {name: bytes.fromhex(str(raw)) for name, raw in parse_table(plain, "keys", limit=_MOST_KEYS).items()}
    elif keys is not None:
        inner = keys / "keys" if (keys / "keys").is_dir() else keys
        found = {f"keys/{path.name}": path.read_bytes() for path in sorted(inner.glob("*.key"))}
        found |= {name: (keys / name).read_bytes() for name in _KEY_FILES if (keys / name).is_file()}
    else:
        found = {}
    if _LOG_KEY not in found or any(name not in found for name in _KEY_FILES):
        raise RestoreRefusedError(
            str(backup), "the store's private keys cannot be had; give the recovery key, or the folder they are kept in"
        )
    return found


def _put_keys(backup: Path, folder: Path, found: Mapping[str, bytes]) -> None:
    (folder / "keys").mkdir(mode=0o700)
    for name, raw in found.items():
        if name not in _KEY_FILES and not re.fullmatch(r"keys/[a-z]+\.key", name):
            raise RestoreRefusedError(str(backup), "a key in it has an impossible name")
        write_private(folder / name, raw)
    (folder / SEALED).unlink(missing_ok=True)


def _settle_database(folder: Path, database: str) -> None:
    """The rows where the new store will look for them, and its settings accordingly.

    PCs take no ticket that is older than one they had, so versions go on beyond those of the acts that are lost.
    """
    before = open_folder(folder).settings
    changed = {"database": database, "tickets_from": max(time.time_ns() // 1_000_000, before.tickets_from + _MOST_ACTS)}
    settings = before.model_copy(update=changed)
    (folder / "store.json").unlink()
    write_private(folder / "store.json", canonical_bytes(plain_of(settings)))
    if database:
        upgrade(f"sqlite:///{folder / DATABASE}")
        upgrade(database)
        copy_rows(f"sqlite:///{folder / DATABASE}", database)
        (folder / DATABASE).unlink()
