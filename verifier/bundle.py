"""The exported folder: its files as its signed table of contents names them, read once and kept in memory."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from verifier.canonical import Fields
from verifier.crypto import claimed, is_signed, sha256_hex
from verifier.errors import UnreadableError, WrongError, need, refuse
from verifier.report import Report

CONTENTS: Final = "bundle.json"
MOST_CONTENTS: Final = 64 * 2**20
MOST_BYTES: Final = 2**31
"""The largest package, and so the largest file; also the most that is held in memory."""

MOST_FILES: Final = 1_000_000
STORE_KEYS: Final = ("order_key", "ticket_key", "receipt_key", "content_key", "log_key")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+-]{0,200}(/[A-Za-z0-9][A-Za-z0-9._:+-]{0,200}){0,2}")


@dataclass(frozen=True)
class Device:
    """A PC as the store lists it: its public keys, and whether it is enrolled, cleared or revoked now."""

    x25519: str
    ed25519: str
    state: str


@dataclass(frozen=True)
class Enrolment:
    """What the store says a candidate may take."""

    level: str
    accommodation_ms: int


@dataclass(frozen=True)
class Bundle:
    """An exported sitting; ``keys`` are the store's public keys that everything is held against."""

    keys: Mapping[str, str]
    made_utc_ms: int
    sitting: str
    state: str
    programme: str
    releases: tuple[str, ...]
    devices: Mapping[str, Device]
    enrolled: Mapping[tuple[str, str], Enrolment]
    delegations: tuple[str, ...]
    files: Mapping[str, bytes] = field(repr=False)

    @property
    def signers(self) -> Mapping[str, str]:
        """PC → the key that it signs by."""
        return {name: device.ed25519 for name, device in self.devices.items()}

    def under(self, folder: str, suffix: str) -> Iterator[tuple[str, bytes]]:
        """Name and bytes of every file in a folder of the bundle, in order of name."""
        for name in sorted(self.files):
            if name.startswith(f"{folder}/") and name.endswith(suffix):
                yield name, self.files[name]

    def file(self, name: str) -> bytes:
        """A file that every bundle has.

        Raises:
            WrongError: it is missing, or was not what the table of contents says.
        """
        need(name in self.files, f"there is no usable {name} in the bundle")
        return self.files[name]


def load_bundle(folder: Path, report: Report, pinned: Mapping[str, str]) -> Bundle:
    """The bundle in a folder, every file held against the table of contents.

    Args:
        folder: as exported.
        report: gets what is wrong with single files.
        pinned: the store's public keys that the auditor has from elsewhere, by name; the bundle's own for the others.

    Raises:
        UnreadableError: there is no such folder, it holds what no export holds, or its table of contents is useless.
    """
    found = _walk(folder)
    if CONTENTS not in found:
        raise UnreadableError(folder, f"there is no {CONTENTS} in it", "Name the folder of an exported sitting")
    try:
        body, signed, signature = claimed(_read(folder, CONTENTS, MOST_CONTENTS), "bundle", limit=MOST_CONTENTS)
        body.is_value("format", 1)
        keys = _store_keys(body.object("store"), report, pinned)
        with report.checking("table of contents", CONTENTS):
            is_genuine = is_signed(keys["log_key"], "signed/bundle", signed, bytes.fromhex(signature))
            need(is_genuine, "it is not signed by the store's log key")
        bundle = _bundle(body, keys, _files(folder, found, body, report))
    except (WrongError, RecursionError) as error:
        fault = f"its table of contents cannot be used: {error or 'it is nested too deeply'}"
        raise UnreadableError(folder, fault, "Have the sitting exported again") from error
    with report.checking("devices and enrolments named once", CONTENTS):
        need(len(bundle.devices) == len(body.list("devices")), "two devices have one name")
        need(len(bundle.enrolled) == len(body.list("enrolments")), "a candidate is enrolled twice for a part")
    return bundle


def _walk(folder: Path) -> set[str]:
    """The names of all files, by folders: nothing but plain files and folders is let in, and no link is followed."""
    names: set[str] = set()
    waiting = [("", folder)]
    while waiting:
        prefix, here = waiting.pop()
        try:
            with os.scandir(here) as listing:
                entries = list(listing)
        except OSError as error:
            raise UnreadableError(
                here, f"the folder cannot be read ({error.strerror})", "Name the exported folder"
            ) from error
        for entry in entries:
            name = prefix + entry.name
            if entry.is_dir(follow_symlinks=False) and prefix.count("/") < 2:  # noqa: PLR2004  no export goes deeper
                waiting.append((f"{name}/", Path(entry.path)))
            elif entry.is_file(follow_symlinks=False):
                names.add(name)
            else:
                fault = f"'{ascii(name)[1:-1][:100]}' is a link, a device or a folder too deep"
                raise UnreadableError(folder, fault, "A bundle has plain files only: have it exported again")
        if len(names) > MOST_FILES:
            raise UnreadableError(folder, f"it has more than {MOST_FILES} files", "Name the folder of one sitting")
    return names


def _read(folder: Path, name: str, most: int) -> bytes:
    """A file's bytes, where it is a plain file of at most ``most`` bytes."""
    try:
        descriptor = os.open(folder / name, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(file.fileno())
            need(stat.S_ISREG(status.st_mode), "it is no plain file")
            need(status.st_size <= most, f"it has {status.st_size} bytes where {most} is the most")
            return file.read(most + 1)
    except OSError as error:
        refuse(f"it cannot be read ({error.strerror})")


def _files(folder: Path, found: set[str], body: Fields, report: Report) -> Mapping[str, bytes]:
    """The files that are what the table of contents says they are."""
    files: dict[str, bytes] = {}
    listed: set[str] = set()
    left = MOST_BYTES
    for entry in body.objects("files"):
        name, size, wanted = entry.text("name"), entry.count("bytes"), entry.hex("sha256", 32)
        entry.end()
        with report.checking("files as listed", name[:200]):
            need(
                _NAME.fullmatch(name) is not None and ".." not in name, "the table of contents names an impossible file"
            )
            need(name not in listed, "the table of contents names it twice")
            listed.add(name)
            need(name in found, "it is missing")
            need(size <= left, "the bundle is larger than 2 GiB")
            data = _read(folder, name, size)
            need(len(data) == size and sha256_hex(data) == wanted, "it is not the file that was exported")
            files[name] = data
            left -= size
    for name in sorted(found - listed - {CONTENTS}):
        report.find("files as listed", name, "it is not in the table of contents")
    return files


def _store_keys(store: Fields, report: Report, pinned: Mapping[str, str]) -> Mapping[str, str]:
    """The keys to check by: the pinned ones where there are any, else what the bundle says of itself."""
    store.text("id")
    told = {name: store.hex(name, 32) for name in STORE_KEYS}
    store.end()
    for name in STORE_KEYS:
        if name in pinned:
            with report.checking("pinned keys", name):
                need(pinned[name] == told[name], f"the bundle names the {name} {told[name][:16]}…, not the pinned one")
    unpinned = [name for name in STORE_KEYS if name not in pinned]
    if unpinned:
        names = ", ".join(unpinned)
        report.trust.append(
            f"UNPINNED, taken from the bundle itself: {names}. Whoever made the bundle may have made them."
        )
    if len(unpinned) < len(STORE_KEYS):
        report.trust.append(f"pinned by the auditor: {', '.join(name for name in STORE_KEYS if name in pinned)}")
    return {**told, **pinned}


def _bundle(body: Fields, keys: Mapping[str, str], files: Mapping[str, bytes]) -> Bundle:
    sitting = body.object("sitting")
    devices: dict[str, Device] = {}
    for each in body.objects("devices"):
        device = Device(each.hex("x25519", 32), each.hex("ed25519", 32), each.text("state"))
        devices.setdefault(each.id("id"), device)
    enrolled: dict[tuple[str, str], Enrolment] = {}
    for each in body.objects("enrolments"):
        place = each.text("candidate"), each.text("part")
        enrolled.setdefault(place, Enrolment(each.text("level"), each.count("accommodation_ms")))
    return Bundle(
        keys=keys,
        made_utc_ms=body.count("made_utc_ms"),
        sitting=sitting.id("id"),
        state=sitting.text("state"),
        programme=sitting.text("programme"),
        releases=sitting.texts("releases"),
        devices=devices,
        enrolled=enrolled,
        delegations=body.texts("delegations") if "delegations" in body else (),
        files=files,
    )
