"""Which releases are current: the authority's list by The Update Framework, as a PC and a store keep it (§14).

The checks are `tuf.ngclient`'s: roles with thresholds, expiry, no way back, no mixture of two states. Here is what a
PC needs besides: the pinned root, one file in which everything that must not be forgotten becomes durable at once, the
time to check against, and errors of ours. Nothing of it needs a key: a list may come from a store, a relay or a stick.
"""

# pyright: reportPrivateImportUsage=false
# `tuf.api.metadata` is where tuf's documentation says to import these from.

from __future__ import annotations

import base64
import datetime as dt
import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias
from urllib.parse import unquote

from pydantic import Field, ValidationError
from tuf.api import exceptions
from tuf.api.metadata import Metadata, Root, Targets
from tuf.ngclient import FetcherInterface, Updater, UpdaterConfig

from sync.canonical import MAX_INT, Message, canonical_bytes, plain_of, read_model
from sync.errors import (
    DamagedError,
    ListExpiredError,
    ListRefusedError,
    NotCurrentError,
    SyncError,
)
from sync.keys import VerifyKey, sha256_hex
from sync.package import decode_package
from sync.release import Ed25519Trust, ReleaseManifest
from sync.segment import Count, Hash, Id

SUFFIX: Final = ".provrom"
MAX_METADATA_BYTES: Final = 2**20
"""No metadata file is larger: a list of a hundred releases has about 60 kB."""

NAME: Final = r"^(?:timestamp|[1-9][0-9]{0,8}\.(?:root|targets|snapshot))\.json$"
"""What a metadata file may be called; numbers are versions, so that old and new files lie side by side."""

_BASE: Final = "list:/"
_LATER: Final[tuple[Role, ...]] = ("timestamp", "snapshot", "targets")
_LIMITS: Final = UpdaterConfig(
    max_root_rotations=64,
    root_max_length=65_536,
    timestamp_max_length=16_384,
    snapshot_max_length=65_536,
    targets_max_length=MAX_METADATA_BYTES,
)
_LAST_UTC_MS: Final = 253_402_300_799_000
"""The end of the year 9999: a damaged memory, or a store, may tell a time that no date can be made of."""

_MAX_KEPT_BYTES: Final = 16 * 2**20
_SHARED: Final = 2

Role: TypeAlias = Literal["timestamp", "snapshot", "targets"]
Files: TypeAlias = dict[Role, str]
"""Verified files in base64, by the role that signed them."""

Fetch: TypeAlias = Callable[[str], bytes | None]
"""A metadata file by its name; None where there is none of that name."""


class Listed(Message):
    """What the list says of a release besides the file's length and hash."""

    series: Id
    version: Annotated[int, Field(ge=1, le=MAX_INT)]
    manifest_sha256: Hash
    content_key: Hash


@dataclass(frozen=True, slots=True)
class CurrentRelease:
    """A release on the list: its package file, and the key that its manifest and grants are signed with."""

    release: str
    length: int
    sha256: str
    listed: Listed

    @property
    def content_key(self) -> VerifyKey:
        """The authority's content signing key for this release."""
        return VerifyKey.from_hex(self.listed.content_key)

    def verify_file(self, data: bytes) -> None:
        """Check a package file against the list.

        Raises:
            DamagedError: it is another one.
        """
        if len(data) != self.length or sha256_hex(data) != self.sha256:
            raise DamagedError(
                what="test package", fault=f"it is not the '{self.release}' that the authority's list names"
            )


@dataclass(frozen=True, slots=True)
class CurrentReleases:
    """A verified list. ``is_shared``: root and list each need two keys or more, as everything but a demo must."""

    releases: Mapping[str, CurrentRelease]
    valid_to_utc_ms: int
    version: int
    is_shared: bool

    def release(self, release: str, *, now_utc_ms: int) -> CurrentRelease:
        """One release of the list, while the list holds.

        Raises:
            ListExpiredError: its time is over.
            NotCurrentError: the list does not name it.
        """
        if now_utc_ms >= self.valid_to_utc_ms:
            raise ListExpiredError(valid_to_utc_ms=self.valid_to_utc_ms, now_utc_ms=now_utc_ms)
        found = self.releases.get(release)
        if found is None:
            raise NotCurrentError(release, why="it is not on the authority's list of current releases")
        return found


@dataclass(frozen=True, slots=True)
class MetadataTrust:
    """`sync.release.Trust` by the list: a manifest counts when the list names this very one, and it is in time."""

    current: CurrentReleases
    release: str

    def verify(self, data: bytes, *, now_utc_ms: int) -> ReleaseManifest:
        """See `sync.release.Trust.verify`.

        Raises:
            NotCurrentError, ListExpiredError: the list does not name it, or no longer holds.
            DamagedError, WrongSignatureError, ExpiredError: as there.
        """
        found = self.current.release(self.release, now_utc_ms=now_utc_ms)
        if sha256_hex(data) != found.listed.manifest_sha256:
            raise NotCurrentError(self.release, why="the authority's list names another package under this name")
        manifest = Ed25519Trust(found.content_key, {}).verify(data, now_utc_ms=now_utc_ms)
        said = (manifest.release, manifest.series, manifest.version)
        if said != (found.release, found.listed.series, found.listed.version):
            raise NotCurrentError(
                self.release, why="its manifest says another release, series or version than the list"
            )
        if not manifest.is_demo and not self.current.is_shared:
            raise NotCurrentError(
                self.release, why="one key alone could have listed it, which is enough for a demo only"
            )
        return manifest


def listed_release(data: bytes, manifest: ReleaseManifest, content_key: VerifyKey) -> CurrentRelease:
    """What the authority's list is to say of a package file.

    Raises:
        DamagedError: ``data`` is no package.
    """
    listed = Listed(
        series=manifest.series,
        version=manifest.version,
        manifest_sha256=sha256_hex(decode_package(data).manifest),
        content_key=content_key.hex,
    )
    return CurrentRelease(manifest.release, len(data), sha256_hex(data), listed)


def fingerprint(root: bytes) -> str:
    """What people compare: the SHA-256 of a root file, 64 hexadecimal digits."""
    return sha256_hex(root)


def check_root(data: bytes) -> None:
    """Refuse what cannot be pinned.

    Raises:
        DamagedError: not a root file, or not signed by the keys that it names.
    """
    what, remedy = "authority's root file", "Copy it from the authority again"
    try:
        root = Metadata[Root].from_bytes(data)
        if root.signed.type != Root.type:
            raise DamagedError(what=what, fault=f"it is the file of another role, {root.signed.type}", remedy=remedy)
        root.signed.verify_delegate(Root.type, root.signed_bytes, root.signatures)
    except (exceptions.RepositoryError, ValueError) as error:
        fault = "it is none, or not signed by the keys it names"
        raise DamagedError(what=what, fault=fault, remedy=remedy) from error


class _Kept(Message):
    """All that must not be forgotten. ``roots``: from the pinned one's successor on; files in base64, by role.

    ``seen`` is the newest of each role that was verified, below which nothing is taken; ``current`` the newest complete
    list, which is in use; ``latest_utc_ms`` the time when it was last found current, before which it never is again.
    """

    format: Literal[1] = 1
    pinned: Hash
    roots: tuple[str, ...] = ()
    seen: Files = Field(default_factory=dict[Role, str])
    current: Files = Field(default_factory=dict[Role, str])
    latest_utc_ms: Count = 0


class ReleaseMetadata:
    """A PC's or a store's memory of the list.

    Args:
        pinned_root: the authority's root file, as it was given at enrolment; never from the network alone.
        kept: what ``keep`` was called with last, None at first.
        keep: makes bytes durable before it returns.
        workplace: a folder for files that live for one check; None: the system's. What a kill leaves there is public.

    Raises:
        DamagedError: ``pinned_root`` is none, or ``kept`` is damaged or of another root.
    """

    def __init__(
        self, pinned_root: bytes, *, kept: bytes | None, keep: Callable[[bytes], None], workplace: Path | None = None
    ) -> None:
        check_root(pinned_root)
        self._pinned = pinned_root
        self._keep = keep
        self._workplace = workplace
        self._kept = _Kept(pinned=sha256_hex(pinned_root)) if kept is None else _read_kept(kept, pinned_root)

    def beside(self, keep: Callable[[bytes], None]) -> ReleaseMetadata:
        """Another one that remembers the same, to be updated while this one is in use; ``keep`` as for this class."""
        other = ReleaseMetadata(self._pinned, kept=None, keep=keep, workplace=self._workplace)
        other._kept = self._kept
        return other

    def update(self, fetch: Fetch, *, now_utc_ms: int) -> CurrentReleases:
        """Take in what is newer, and check everything anew. What is refused leaves the list in use as it was.

        Genuine parts of a refused state (a newer root or time stamp) are remembered: nothing older is taken later.

        Args:
            fetch: where the files come from; its errors of ours pass through.
            now_utc_ms: the time, corrected by the store where it was reached. It counts as no earlier than the
                time at which the list was last found current, whatever a clock says.

        Raises:
            ListRefusedError: forged, older, mixed, damaged or incomplete.
            ListExpiredError: its time is over.
        """
        before, now = self._kept, max(now_utc_ms, self._kept.latest_utc_ms)
        with self._unpacked(before.seen) as folder:
            try:
                _refresh(folder, self._pinned, fetch, now)
            finally:
                roots, seen = _packed(folder)
                self._change(before.model_copy(update={"roots": roots, "seen": seen}))
            found = _read_list(folder)
        self._change(self._kept.model_copy(update={"current": seen, "latest_utc_ms": now}))
        return found

    def current(self, *, now_utc_ms: int) -> CurrentReleases:
        """The newest complete list that was taken in, checked again with nothing but what is kept here.

        Raises:
            ListExpiredError: its time is over.
            ListRefusedError: there is none yet, or a newer root has revoked its keys.
        """
        now = max(now_utc_ms, self._kept.latest_utc_ms)
        held = self._kept.current
        if not held:
            raise ListRefusedError(why="this PC has not fetched one yet")

        def fetch(name: str) -> bytes | None:
            return next((base64.b64decode(text) for role, text in held.items() if name.endswith(f"{role}.json")), None)

        with self._unpacked(held) as folder:
            _refresh(folder, self._pinned, fetch, now)
            return _read_list(folder)

    @property
    def believed_utc_ms(self) -> int:
        """The time below which no clock is believed here: when the list was last found current."""
        return self._kept.latest_utc_ms

    def _change(self, kept: _Kept) -> None:
        if kept != self._kept:
            self._keep(canonical_bytes(plain_of(kept)))
            self._kept = kept

    @contextmanager
    def _unpacked(self, files: Mapping[Role, str]) -> Generator[Path]:
        """A folder as `tuf.ngclient` wants it, for one check."""
        with tempfile.TemporaryDirectory(prefix="list-", dir=self._workplace) as name:
            folder = Path(name)
            (folder / "root_history").mkdir()
            first = Metadata[Root].from_bytes(self._pinned).signed.version
            for version, root in enumerate(self._kept.roots, start=first + 1):
                (folder / "root_history" / f"{version}.root.json").write_bytes(base64.b64decode(root))
            for role, text in files.items():
                (folder / f"{role}.json").write_bytes(base64.b64decode(text))
            yield folder


class _Files(FetcherInterface):
    """Hands `tuf.ngclient` the files that ``fetch`` knows."""

    def __init__(self, fetch: Fetch) -> None:
        self._wanted = fetch
        self.handed: list[bytes] = []

    def _fetch(self, url: str) -> Iterator[bytes]:
        name = unquote(url.removeprefix(_BASE))
        data = self._wanted(name)
        if data is None:
            raise exceptions.DownloadHTTPError(name, 404)
        self.handed.append(data)
        return iter((data,))


class _UpdaterAt(Updater):
    """`tuf.ngclient.Updater` that checks expiry at a given time: a PC's own clock may be wrong."""

    def __init__(self, folder: Path, pinned: bytes, files: _Files, now_utc_ms: int) -> None:
        super().__init__(str(folder), _BASE, fetcher=files, config=_LIMITS, bootstrap=pinned)
        self._trusted_set.reference_time = dt.datetime.fromtimestamp(min(now_utc_ms, _LAST_UTC_MS) / 1000, dt.UTC)


def _refresh(folder: Path, pinned: bytes, fetch: Fetch, now_utc_ms: int) -> None:
    """`Updater.refresh`, with errors of ours."""
    files = _Files(fetch)
    try:
        _UpdaterAt(folder, pinned, files, now_utc_ms).refresh()
    except exceptions.ExpiredMetadataError as error:
        times = [_expiry(each) for each in (*files.handed, *(path.read_bytes() for path in _held(folder)))]
        over = min((each for each in times if each <= now_utc_ms), default=now_utc_ms)
        raise ListExpiredError(valid_to_utc_ms=over, now_utc_ms=now_utc_ms) from error
    except (exceptions.RepositoryError, exceptions.DownloadError) as error:
        if isinstance(error.__cause__, SyncError):
            raise error.__cause__ from None
        raise ListRefusedError(why=_why(error)) from error


def _why(error: Exception) -> str:
    """The reason in words for staff; `tuf`'s own text stays with the error's cause."""
    if isinstance(error, exceptions.UnsignedMetadataError):
        return "too few of the authority's keys have signed a file of it"
    if isinstance(error, exceptions.BadVersionNumberError):
        return "a file of it is older than one that was verified before, or not of the version announced"
    if isinstance(error, exceptions.LengthOrHashMismatchError | exceptions.DownloadLengthMismatchError):
        return "a file of it is longer than allowed, or not the one announced"
    if isinstance(error, exceptions.DownloadHTTPError):
        return "a file of it is missing"
    return "a file of it is damaged"


def _roots(folder: Path) -> list[Path]:
    """The verified roots, the pinned one first."""
    return sorted((folder / "root_history").glob("*.root.json"), key=lambda path: int(path.name.split(".")[0]))


def _held(folder: Path) -> list[Path]:
    """The files that a list consists of: the newest root and the other roles'."""
    later = (folder / f"{role}.json" for role in _LATER)
    return [_roots(folder)[-1], *(path for path in later if path.exists())]


def _packed(folder: Path) -> tuple[tuple[str, ...], Files]:
    """What `tuf.ngclient` verified and kept: the roots after the pinned one, and the other roles' files."""
    seen: Files = {role: _text(folder / f"{role}.json") for role in _LATER if (folder / f"{role}.json").exists()}
    return tuple(_text(path) for path in _roots(folder)[1:]), seen


def _text(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode("ascii")


def _expiry(data: bytes) -> int:
    """When a metadata file runs out, UTC milliseconds; of what is none, never."""
    try:
        return int(Metadata[Root].from_bytes(data).signed.expires.timestamp() * 1000)  # of whatever role
    except exceptions.RepositoryError:
        return MAX_INT


def _read_list(folder: Path) -> CurrentReleases:
    """The list from files that were verified."""
    root = Metadata[Root].from_bytes(_roots(folder)[-1].read_bytes()).signed
    targets = Metadata[Targets].from_bytes((folder / "targets.json").read_bytes()).signed
    releases: dict[str, CurrentRelease] = {}
    try:
        for path, target in targets.targets.items():
            release = path.removesuffix(SUFFIX)
            listed = Listed.model_validate(target.custom)
            releases[release] = CurrentRelease(release, target.length, target.hashes["sha256"], listed)
    except (ValidationError, KeyError) as error:
        raise ListRefusedError(why="what it says of a release is not of the form agreed on") from error
    valid_to = min(_expiry(path.read_bytes()) for path in _held(folder))
    thresholds = [root.roles[role].threshold for role in (Root.type, Targets.type)]
    return CurrentReleases(releases, valid_to, targets.version, is_shared=min(thresholds) >= _SHARED)


def _read_kept(data: bytes, pinned: bytes) -> _Kept:
    kept = read_model(_Kept, data, "memory of the authority's list", limit=_MAX_KEPT_BYTES)
    try:
        for text in (*kept.roots, *kept.seen.values(), *kept.current.values()):
            base64.b64decode(text, validate=True)
    except ValueError as error:
        raise DamagedError(what="memory of the authority's list", fault="a file in it is not base64") from error
    if kept.pinned != sha256_hex(pinned):
        raise DamagedError(
            what="memory of the authority's list", fault="it belongs to another root", remedy="Enrol this PC again"
        )
    return kept
