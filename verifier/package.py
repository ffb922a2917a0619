"""Test packages (PROTOCOL.md §9, docs/formats.md §2): the manifest, the public programme and the sealed forms."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, cast

from verifier.canonical import Fields
from verifier.crypto import domain, open_message, open_stream, sha256_hex
from verifier.errors import need, refuse
from verifier.forms import Form, Programme, read_form, read_programme

_MOST_NAMES: Final = 100_000


@dataclass(frozen=True)
class Package:
    """A genuine package. ``custodians`` are the public keys that open its answers, ``needed`` of them together."""

    release: str
    is_demo: bool
    custodians: tuple[str, ...]
    needed: int
    made_utc_ms: int
    expires_utc_ms: int
    programme: Programme
    sealed: bytes = field(repr=False)
    header: Mapping[str, object] = field(repr=False)
    content_key_check: str


@dataclass(frozen=True)
class Content:
    """What the sealed part says: forms by id, and for which part and level each is."""

    forms: Mapping[str, Form]
    uses: Sequence[tuple[str, str | None, str]]

    def ids(self, part: str, level: str) -> set[str]:
        """The forms that a candidate of this part and level may get."""
        return {form for of, only, form in self.uses if of == part and only in {None, level}}


def read_package(data: bytes, authority: str) -> Package:
    """A package signed by the authority whose parts are those that were signed.

    Raises:
        WrongError: the first thing that is not so.
    """
    need(data[:8] == b"PVRMPKG1" and len(data) > 28, "it does not begin as a test package does")  # noqa: PLR2004
    lengths = struct.unpack_from(">IQQ", data, 8)
    need(28 + sum(lengths) == len(data), "its parts are not as long as it says")
    middle, end = 28 + lengths[0], 28 + lengths[0] + lengths[1]
    manifest, public, sealed = data[28:middle], data[middle:end], data[end:]
    body = open_message(manifest, "release-manifest", authority)
    body.is_value("format", 1)
    for name, part in (("public", public), ("sealed", sealed)):
        is_it = body.hex(f"{name}_sha256", 32) == sha256_hex(part) and body.count(f"{name}_bytes") == len(part)
        need(is_it, f"its {name} part is not the one that was signed")
    results = body.object("results")
    custodians, needed = results.texts("keys"), results.count("needed", 1)
    need(needed <= len(custodians) == len(set(custodians)), "its custodians are not named as they must be")
    programme = read_programme(_json(_archive(public), "programme.json"))
    package = Package(
        release=body.id("release"),
        is_demo=body.flag("is_demo"),
        custodians=custodians,
        needed=needed,
        made_utc_ms=body.count("made_utc_ms"),
        expires_utc_ms=body.count("expires_utc_ms"),
        programme=programme,
        sealed=sealed,
        header={
            "programme": body.id("programme"),
            "public_sha256": sha256_hex(public),
            "release": body.id("release"),
            "series": body.id("series"),
            "version": body.count("version"),
        },
        content_key_check=body.hex("content_key_check", 32),
    )
    need(package.is_demo or needed > 1, "one custodian alone opens the answers of what is no demo")
    is_its = (body.id("programme"), body.count("programme_version")) == (programme.id, programme.version)
    need(is_its, "its programme is not the one that its manifest names")
    body.end()
    return package


def open_content(package: Package, content_key: bytes) -> Content:
    """The forms in the sealed part.

    Raises:
        WrongError: not this release's key, or contents that no package has.
    """
    is_its = sha256_hex(domain("content-key-check") + content_key) == package.content_key_check
    need(is_its, "the content key given is another release's")
    files = _archive(open_stream(package.sealed, content_key, dict(package.header)))
    uses: list[tuple[str, str | None, str]] = []
    forms: dict[str, Form] = {}
    for use in Fields(_json(files, "forms.json"), "forms.json").objects("forms"):
        part, form = use.text("part"), use.text("form")
        uses.append((part, use.text("level") if use.plain.get("level") is not None else None, form))
        name = f"{'task-sets' if part == 'writing' else 'panels'}/{form}.json"
        forms[form] = read_form(_json(files, name), package.programme)
        need((forms[form].id, forms[form].part) == (form, part), f"{name} is another form")
    return Content(forms, uses)


def _archive(data: bytes) -> Mapping[str, bytes]:
    """The files of a ZIP archive that stores them as they are: nothing in it can grow."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            listed = archive.infolist()
            is_plain = all(each.compress_type == zipfile.ZIP_STORED and not each.flag_bits & 1 for each in listed)
            need(len(listed) <= _MOST_NAMES and is_plain, "it holds an archive that is compressed, sealed or too large")
            need(
                sum(each.file_size for each in listed) <= len(data),
                "it holds an archive that says it is larger than it is",
            )
            return {each.filename: archive.read(each) for each in listed if each.filename.endswith(".json")}
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError, EOFError, struct.error):
        refuse("it holds something that is no archive")


def _json(files: Mapping[str, bytes], name: str) -> object:
    need(name in files, f"{name} is missing in it")
    try:
        return cast("object", json.loads(files[name]))
    except (ValueError, RecursionError):
        refuse(f"{name} in it is not JSON")


def read_corrected_keys(data: bytes) -> Mapping[str, Fields]:
    """Corrected keys: item → key as in a panel (docs/formats.md §6).

    Raises:
        WrongError: it is something else.
    """
    keys = Fields(_json({"it": data}, "it"), "the file of corrected keys")
    return {item: keys.object(item) for item in keys}
