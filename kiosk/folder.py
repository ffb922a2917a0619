"""The PC's state folder: where everything lies that outlives a run of the program. Content is never in the clear here.

device.keys            this PC's two private keys (0600)
device.json            what enrolment gave: id, public keys of the store, fingerprint of the authority's root
authority-root.json    the authority's root file, which has that fingerprint
list.json              the authority's list of current releases, and what must not be forgotten of it
ca.pem                 the store's certificate authority, pinned
releases/R.provrom     test packages, signed and sealed
sittings/S/ticket      roster ticket, sealed to this PC
sittings/S/orders      signed orders, checked again when read
sittings/S/share       the release share, sealed to this PC; wiped at CLOSED
sittings/S/grant-R     the grant for a release; wiped at CLOSED
sittings/S/tries       wrong day codes at this PC
journals/              journal segments of all attempts, the outbox's ledger with receipts, the reserve file
settings/N.json        text size, colours and language of a candidate
clocks/A.json          what an attempt's clock is tied to in this boot; A.alive: when it last ran
high-water.json        newest version seen of every release series and ticket
lockdown.json          lockdown steps that are done
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast, get_args

from kiosk.clock import Anchor
from kiosk.errors import SetUpError
from kiosk.screens import TEXT_SIZES, Language, Settings, Theme
from sync.files import DiskFiles, write_whole

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sync.files import Files
    from sync.keys import VerifyKey

T = TypeVar("T")

_log = logging.getLogger(__name__)
_ALIVE_DIGITS: Final = 12
"""Always as many digits, so that writing over never leaves one of a longer number behind."""
_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What this PC was given when it was enrolled; keys as hexadecimal digits.

    ``authority`` is the fingerprint of the authority's root file: given by hand, never by the store.
    """

    device: str
    name: str
    store_url: str
    order_key: str
    ticket_key: str
    receipt_key: str
    authority: str

    def key(self, name: str) -> VerifyKey:
        """One of the verify keys, by its field's name."""
        from sync.keys import VerifyKey  # noqa: PLC0415 - cryptography is loaded when the first screen is painted

        return VerifyKey.from_hex(str(getattr(self, name)))


def write_atomically(path: Path, data: bytes) -> None:
    """Replace a file's content: after a power cut the old or the new is there, readable by this user only."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    spare = path.with_name(path.name + ".new")
    descriptor = os.open(spare, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    spare.replace(path)


class StateFolder:
    """Paths and small files under the state folder; all but keys, certificate and packages go through ``files``."""

    def __init__(self, root: Path, files: Files | None = None) -> None:
        self.root = root
        self.files = DiskFiles() if files is None else files
        root.mkdir(parents=True, exist_ok=True, mode=0o700)

    # --- places -------------------------------------------------------------------------------------------------------

    @property
    def device_keys(self) -> Path:
        """This PC's private keys."""
        return self.root / "device.keys"

    @property
    def ca_file(self) -> Path:
        """The store's pinned certificate authority."""
        return self.root / "ca.pem"

    @property
    def authority_root(self) -> Path:
        """The authority's pinned root file."""
        return self.root / "authority-root.json"

    @property
    def list_memory(self) -> Path:
        """The list of current releases, as `sync.metadata.ReleaseMetadata` keeps it."""
        return self.root / "list.json"

    @property
    def journals(self) -> Path:
        """Journal segments."""
        folder = self.root / "journals"
        folder.mkdir(exist_ok=True, mode=0o700)
        return folder

    @property
    def lockdown_file(self) -> Path:
        """Lockdown steps that are done."""
        return self.root / "lockdown.json"

    def release(self, release: str) -> Path:
        """A test package."""
        return self.root / "releases" / f"{_safe(release)}.provrom"

    def sitting(self, sitting: str) -> Path:
        """The folder of a sitting."""
        return self.root / "sittings" / _safe(sitting)

    def ticket(self, sitting: str) -> Path:
        """The sealed roster ticket."""
        return self.sitting(sitting) / "ticket"

    def orders(self, sitting: str) -> Path:
        """The accepted orders."""
        return self.sitting(sitting) / "orders"

    def share(self, sitting: str) -> Path:
        """The sealed release share."""
        return self.sitting(sitting) / "share"

    def grant(self, sitting: str, release: str) -> Path:
        """The grant for a release in a sitting."""
        return self.sitting(sitting) / f"grant-{_safe(release)}"

    def tries(self, sitting: str) -> Path:
        """How many wrong day codes were typed here."""
        return self.sitting(sitting) / "tries"

    def sittings(self) -> tuple[str, ...]:
        """Sittings that this PC has anything of, newest folder last."""
        root = self.root / "sittings"
        if not root.is_dir():
            return ()
        folders = sorted((each for each in root.iterdir() if each.is_dir()), key=lambda each: each.stat().st_mtime)
        return tuple(each.name for each in folders)

    # --- small files --------------------------------------------------------------------------------------------------

    def read(self, path: Path) -> bytes | None:
        """A file's content; None when it is not there."""
        try:
            return self.files.read(path)
        except FileNotFoundError:
            return None

    def has(self, path: Path) -> bool:
        """Whether a file is there."""
        return path.name in self.files.names(path.parent)

    def write(self, path: Path, data: bytes) -> None:
        """Replace a file's content: after a power cut the old or the new is there, readable by this user only."""
        self.files.replace(path, data)

    def wipe_secrets(self, sitting: str) -> None:
        """At CLOSED: overwrite and remove what could open content: the release share and the grants."""
        folder, share = self.sitting(sitting), self.share(sitting).name
        for name in self.files.names(folder):
            # Also what a kill left of a file that was about to take such a name.
            if name.removesuffix(".new") == share or name.startswith("grant-"):
                self._write_over(folder / name)
                self.files.remove(folder / name)

    def _write_over(self, path: Path) -> None:
        """Overwrite a file's bytes with zeros before it is removed."""
        file = self.files.open(path)
        try:
            write_whole(file, 0, bytes(len(self.files.read(path))))
            file.sync()
        finally:
            file.close()

    def enrolment(self) -> Enrolment | None:
        """What enrolment gave; None before it.

        Raises:
            SetUpError: the file is damaged.
        """
        data = self.read(self.root / "device.json")
        if data is None:
            return None
        plain = _json(data)
        wanted = {each.name for each in fields(Enrolment)}
        if plain is None or set(plain) != wanted or not all(isinstance(value, str) for value in plain.values()):
            raise SetUpError(
                what=f"The file {self.root / 'device.json'} is damaged", remedy="Enrol this PC again with a new token."
            )
        return Enrolment(**{name: str(value) for name, value in plain.items()})

    def keep_enrolment(self, enrolment: Enrolment) -> None:
        """Remember what enrolment gave."""
        self.write(self.root / "device.json", json.dumps(asdict(enrolment), indent=1).encode())

    def high_water(self) -> dict[str, int]:
        """The newest version seen, by series or sitting."""
        plain = _json(self.read(self.root / "high-water.json") or b"{}") or {}
        return {name: value for name, value in plain.items() if isinstance(value, int)}

    def keep_high_water(self, name: str, version: int) -> None:
        """Remember that a version was seen; never goes back."""
        seen = self.high_water()
        if version > seen.get(name, 0):
            self.write(self.root / "high-water.json", json.dumps({**seen, name: version}).encode())

    def settings(self, candidate: str, usual: Settings) -> Settings:
        """How a candidate wants the screen; ``usual`` where nothing valid is kept."""
        plain = _json(self.read(self.root / "settings" / f"{_safe(candidate)}.json") or b"") or {}
        languages: tuple[Language, ...] = get_args(Language)
        themes: tuple[Theme, ...] = get_args(Theme)
        return Settings(
            language=_one_of(languages, plain.get("language"), usual.language),
            text_size=_one_of(TEXT_SIZES, plain.get("text_size"), usual.text_size),
            theme=_one_of(themes, plain.get("theme"), usual.theme),
            is_still=plain.get("is_still", usual.is_still) is True,
        )

    def keep_settings(self, candidate: str, settings: Settings) -> None:
        """Remember how a candidate wants the screen, if the disk lets it: the test goes on without."""
        self._write_if_possible(
            self.root / "settings" / f"{_safe(candidate)}.json", json.dumps(asdict(settings)).encode()
        )

    def anchor(self, attempt: str) -> Anchor | None:
        """What an attempt's clock was tied to last on this PC; None when nothing valid is kept."""
        plain = _json(self.read(self.root / "clocks" / f"{_safe(attempt)}.json") or b"") or {}
        try:
            return Anchor(int(plain["at_ms"]), int(plain["boot_ms"]), int(plain["wall_ms"]), str(plain["boot_id"]))
        except (KeyError, TypeError, ValueError, OverflowError):
            return None

    def keep_alive(self, attempt: str, at_ms: int) -> None:
        """Note that the program is alive, on the attempt's clock; not synced, since only a killed program needs it."""
        path = self.root / "clocks" / f"{_safe(attempt)}.alive"
        with contextlib.suppress(OSError):
            try:
                file = self.files.open(path)
            except FileNotFoundError:
                file = self.files.create(path, 0)
            try:
                file.write_at(0, f"{at_ms:0{_ALIVE_DIGITS}}".encode())
            finally:
                file.close()

    def lived_until(self, attempt: str) -> int:
        """When the program was last alive, on the attempt's clock; 0 when nothing is known."""
        try:
            return int(self.files.read(self.root / "clocks" / f"{_safe(attempt)}.alive"))
        except (OSError, ValueError):
            return 0

    def keep_anchor(self, attempt: str, anchor: Anchor) -> None:
        """Remember what an attempt's clock is tied to, if the disk lets it: the journal's own times bridge without."""
        self._write_if_possible(self.root / "clocks" / f"{_safe(attempt)}.json", json.dumps(asdict(anchor)).encode())

    def _write_if_possible(self, path: Path, data: bytes) -> None:
        try:
            self.write(path, data)
        except OSError as error:
            _log.warning("%s could not be written: %s", path.name, error.strerror)


def _one_of(allowed: Sequence[T], found: object, usual: T) -> T:
    """What was found when it is allowed, else what is usual."""
    return next((each for each in allowed if type(each) is type(found) and each == found), usual)


def _safe(name: str) -> str:
    if _SAFE_NAME.fullmatch(name) is None or ".." in name:
        raise SetUpError(
            what="A name that came from outside cannot be a file name", remedy="Tell the test leader; use another PC."
        )
    return name


def _json(data: bytes) -> dict[str, Any] | None:
    try:
        plain: object = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, Any]", plain) if isinstance(plain, dict) else None
