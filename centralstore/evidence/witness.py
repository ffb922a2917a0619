"""A witness: another organisation that looks at a store's log now and then, and signs what it saw.

It keeps the last checkpoint that it accepted, on disk before it signs. A log that shrank, forked, or whose past was
changed has no proof that leads on from there: the witness says so, keeps both signed checkpoints as evidence, and signs
nothing more. It needs the store's address, its CA file and the public key of its log; it reads nobody's answers.

    witness.key witness.pub   its own Ed25519 key; the public half is for those who verify exports
    witness.json              its name
    last.json                 the newest checkpoint it accepted
    seen/<size>.json          what it signed (kind ``cosigned-checkpoint``)
    alarms/<time>.json        two checkpoints of the store that contradict each other
"""

from __future__ import annotations

import json
import os
import ssl
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, NoReturn, Protocol

import httpx
from pydantic import Field

from centralstore.errors import ForkedLogError, SetUpError, StoreSilentError
from centralstore.folder import write_private
from sync.canonical import Message, canonical_bytes, plain_of, read_model
from sync.checkpoint import MAX_CHECKPOINT_BYTES, Checkpoint, cosign, hash_of, verify_checkpoint
from sync.errors import SyncDataError
from sync.keys import KEY_BYTES, SigningKey, VerifyKey, random_key
from sync.segment import Count, Hash
from sync.tree import is_consistent

REQUEST_SECONDS: Final = 20.0
MAX_PROOF_BYTES: Final = 16_384
"""A proof between two sizes has at most two hashes a level: 2 · 53 of them with their quotes are 7 kB."""

AHEAD_MS: Final = 10 * 60_000
"""A checkpoint from further in the future than clocks differ is not accepted."""


class Proof(Message):
    """What ``GET /v1/log/consistency`` answers."""

    first: Count
    last: Count
    path: Annotated[list[Hash], Field(max_length=128)]


class _Identity(Message):
    name: Annotated[str, Field(min_length=1, max_length=128)]


class LogSource(Protocol):
    """Where a log's checkpoints and proofs come from."""

    def checkpoint(self) -> bytes:
        """The newest signed checkpoint."""
        ...

    def consistency(self, first: int, second: int) -> Proof:
        """The proof that leads from one size to another."""
        ...


@dataclass(frozen=True, slots=True)
class HttpLog:
    """A running store's log over TLS 1.3."""

    url: str
    client: httpx.Client

    def checkpoint(self) -> bytes:
        """As `LogSource.checkpoint`.

        Raises:
            StoreSilentError: no answer, or none of this kind.
        """
        return self._get("/v1/log/checkpoint", MAX_CHECKPOINT_BYTES)

    def consistency(self, first: int, second: int) -> Proof:
        """As `LogSource.consistency`.

        Raises:
            StoreSilentError: no answer, or none of this kind.
            DamagedError (sync): not a proof.
        """
        data = self._get(f"/v1/log/consistency?from={first}&to={second}", MAX_PROOF_BYTES)
        return read_model(Proof, data, "consistency proof", limit=MAX_PROOF_BYTES)

    def _get(self, path: str, limit: int) -> bytes:
        data = b""
        try:
            with self.client.stream("GET", f"{self.url}{path}") as answer:
                for chunk in answer.iter_bytes():
                    data += chunk
                    if len(data) > limit:
                        raise StoreSilentError(self.url, f"{path} answered with more than {limit} bytes")
        except httpx.HTTPError as error:
            raise StoreSilentError(self.url, str(error) or type(error).__name__) from error
        if not answer.is_success:
            raise StoreSilentError(self.url, f"{path} answered {answer.status_code}: {_sentence(data)}")
        return data


@contextmanager
def http_log(url: str, ca_file: Path) -> Generator[HttpLog]:
    """The log of the store at ``url``, whose certificate the pinned authority in ``ca_file`` must have signed.

    Raises:
        SetUpError: the file is no certificate.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    try:
        context.load_verify_locations(ca_file)
    except (OSError, ssl.SSLError) as error:
        raise SetUpError(str(ca_file), f"is no certificate ({error})", "Name the store's ca.pem.") from error
    with httpx.Client(verify=context, timeout=REQUEST_SECONDS, trust_env=False) as client:
        yield HttpLog(url.rstrip("/"), client)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look found: the checkpoint, the size accepted before (None: the first look), and the file signed."""

    checkpoint: Checkpoint
    before: int | None
    file: Path


@dataclass(frozen=True, slots=True)
class Witness:
    """A witness in its folder."""

    folder: Path
    name: str
    key: SigningKey

    def look(self, source: LogSource, log_key: VerifyKey, now_utc_ms: int) -> Seen:
        """Fetch the newest checkpoint, hold it against the last accepted one, and sign it.

        Raises:
            ForkedLogError: the log does not continue what was seen; both checkpoints are kept as evidence.
            StoreSilentError: no answer.
            SyncDataError: the answer is no checkpoint of this log; `ForkedLogError` where a proof is wrong.
            SetUpError: the folder cannot be written.
        """
        data = source.checkpoint()
        found = verify_checkpoint(data, log_key)
        last = self.last(log_key)
        if found.at_utc_ms > now_utc_ms + AHEAD_MS:
            self._alarm(
                data, None, f"its newest checkpoint is dated {found.at_utc_ms}, which is yet to come", now_utc_ms
            )
        if last is not None:
            self._hold(source, data, found, last, now_utc_ms)
        self._write(self.folder / "last.json", data)
        file = self.folder / "seen" / f"{found.size:012d}.json"
        if last is None or found.size > last.size or not file.exists():
            self._write(file, cosign(data, witness=self.name, key=self.key, seen_utc_ms=now_utc_ms))
        return Seen(found, None if last is None else last.size, file)

    def last(self, log_key: VerifyKey) -> Checkpoint | None:
        """The newest checkpoint that was accepted; None before the first look.

        Raises:
            SetUpError: this folder has witnessed another log.
        """
        path = self.folder / "last.json"
        if not path.exists():
            return None
        try:
            return verify_checkpoint(path.read_bytes(), log_key)
        except (OSError, SyncDataError) as error:
            raise SetUpError(str(path), f"is not of this log ({error})", "Use one folder for one log.") from error

    def _hold(self, source: LogSource, data: bytes, found: Checkpoint, last: Checkpoint, now_utc_ms: int) -> None:
        if found.size < last.size:
            problem = f"it has {found.size} leaves, and had {last.size}: its end was cut off or an older copy is back"
            self._alarm(data, None, problem, now_utc_ms)
        if found.at_utc_ms < last.at_utc_ms:
            self._alarm(data, None, "its newest checkpoint is older than one seen before", now_utc_ms)
        if found.size == last.size:
            if found.root != last.root:
                self._alarm(data, None, f"there are two logs of {found.size} leaves", now_utc_ms)
            return
        if last.size == 0:
            return
        proof = source.consistency(last.size, found.size)
        path = tuple(hash_of(step) for step in proof.path)
        if not is_consistent(last.size, found.size, hash_of(last.root), hash_of(found.root), path):
            self._alarm(data, proof, f"nothing proves that it continues the {last.size} leaves seen before", now_utc_ms)

    def _alarm(self, data: bytes, proof: Proof | None, problem: str, now_utc_ms: int) -> NoReturn:
        last = self.folder / "last.json"
        evidence = {
            "accepted": last.read_text("utf-8") if last.exists() else "",
            "offered": data.decode("utf-8"),
            "problem": problem,
            "proof": plain_of(proof) if proof is not None else None,
            "seen_utc_ms": now_utc_ms,
        }
        file = self.folder / "alarms" / f"{now_utc_ms}.json"
        self._write(file, canonical_bytes(evidence))
        raise ForkedLogError(problem, str(file))

    def _write(self, path: Path, data: bytes) -> None:
        """A file whole or not at all, on disk before the call returns."""
        new = path.with_name(f".{path.name}.new")
        try:
            path.parent.mkdir(exist_ok=True, mode=0o700)
            new.unlink(missing_ok=True)
            write_private(new, data)
            new.replace(path)
            descriptor = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise SetUpError(str(path), f"cannot be written ({error.strerror})", "Free space on the disk.") from error


def init_witness(folder: Path, name: str) -> Witness:
    """A new witness with a fresh key.

    Raises:
        SetUpError: the folder holds something already, or cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if any(folder.iterdir()):
            raise SetUpError(str(folder), "the folder is not empty", "Name a new one; keys are never overwritten.")
        write_private(folder / "witness.key", random_key())
        write_private(folder / "witness.json", canonical_bytes({"name": name}))
        made = open_witness(folder)
        write_private(folder / "witness.pub", f"{made.key.public.hex}\n".encode())
    except OSError as error:
        raise SetUpError(str(folder), f"cannot be written ({error.strerror})", "Choose another folder.") from error
    return made


def open_witness(folder: Path) -> Witness:
    """The witness in a folder made by `init_witness`.

    Raises:
        SetUpError: it is none.
    """
    try:
        identity = read_model(_Identity, (folder / "witness.json").read_bytes(), "witness.json", limit=1024)
        raw = (folder / "witness.key").read_bytes()
    except (OSError, SyncDataError) as error:
        remedy = f"Make one with 'store witness-init {folder}'."
        raise SetUpError(str(folder), "there is no witness in it", remedy) from error
    if len(raw) != KEY_BYTES:
        raise SetUpError(str(folder / "witness.key"), "is no key", "Restore it from the backup.")
    return Witness(folder, identity.name, SigningKey(raw))


def watch(
    witness: Witness,
    source: LogSource,
    log_key: VerifyKey,
    *,
    now_utc_ms: Callable[[], int],
    wait: Callable[[], bool],
    tell: Callable[[str], None],
) -> None:
    """Look again and again until ``wait`` answers False; a store that is silent is told of and asked again.

    Raises:
        ForkedLogError, SyncDataError, SetUpError: as `Witness.look`; nothing is signed after that.
    """
    while True:
        try:
            tell(told(witness.look(source, log_key, now_utc_ms())))
        except StoreSilentError as error:
            tell(str(error))
        if not wait():
            return


def told(seen: Seen) -> str:
    """A look in one sentence."""
    size, at = seen.checkpoint.size, _time(seen.checkpoint.at_utc_ms)
    if seen.before == size:
        return f"Unchanged: {size} leaves, signed by the store at {at}."
    since = "first look" if seen.before is None else f"they continue the {seen.before} seen before"
    return f"Good: {size} leaves, {since}, signed by the store at {at}. Signed here: {seen.file}."


def _time(utc_ms: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(utc_ms / 1000))


def read_public(path: Path) -> VerifyKey:
    """A public key from a file of 64 hexadecimal digits.

    Raises:
        SetUpError: it is none.
    """
    try:
        return VerifyKey.from_hex(path.read_text("ascii").strip())
    except (OSError, ValueError, SyncDataError) as error:
        raise SetUpError(str(path), "is no public key", "Name a file with 64 hexadecimal digits.") from error


def _sentence(data: bytes) -> str:
    """The sentence of an error that the store answered with, at most a line of it."""
    try:
        return str(json.loads(data)["error"])[:300]
    except (ValueError, KeyError, TypeError):
        return "no sentence"
