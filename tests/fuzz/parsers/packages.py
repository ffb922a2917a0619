"""A release's package, and the pictures and clips in it as a PC shows them."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from itembank.errors import ItemBankError
from itembank.package import make_archive, open_public, open_sealed
from itembank.pictures import MAX_PICTURE_BYTES, check_picture
from kiosk.errors import KioskError
from kiosk.sound import decode
from sync.errors import SyncDataError
from sync.keys import sha256_hex
from sync.package import MAX_PACKAGE_BYTES, PackageFile, decode_package, encode_package, seal_content, sealed_header_of
from sync.release import (
    Custodians,
    Ed25519Trust,
    ReleaseManifest,
    content_key_check,
    sign_manifest,
)
from tests.fuzz.target import AUTHORITY, BANK, Target, at_path, canonical_json, joined, parts, raw, writes_back
from tests.strategies import panel_plain, programme_plain, task_set_plain
from tests.sync import test_release as releases
from tests.sync.examples import NOW, box

CONTENT_KEY: Final = bytes(range(32))


def dress_package(pieces: Sequence[bytes], flags: int) -> bytes:
    """A genuine package around a public and a sealed archive, of members (1) or as they are."""
    public_files, sealed_files = (joined(pieces, 2)) if not flags & 1 else _archives(pieces)
    header = sealed_header_of(
        release="t.v1", series="t", version=1, programme="p", public_sha256=sha256_hex(public_files)
    )
    sealed = seal_content(sealed_files, CONTENT_KEY, header, salt=bytes(16))
    manifest = ReleaseManifest(
        release="t.v1",
        series="t",
        version=1,
        programme="p",
        programme_version=1,
        is_demo=True,
        public_sha256=sha256_hex(public_files),
        public_bytes=len(public_files),
        sealed_sha256=sha256_hex(sealed),
        sealed_bytes=len(sealed),
        content_key_check=content_key_check(CONTENT_KEY),
        results=Custodians(needed=1, keys=(box("results").public.hex,)),
        made_utc_ms=NOW,
        expires_utc_ms=NOW + 1000,
    )
    return encode_package(PackageFile(sign_manifest(manifest, AUTHORITY), public_files, sealed))


PUBLIC_MEMBERS: Final = (
    "programme.json",
    "texts/information.json",
    "texts/read-out.json",
    "texts/personal-data.json",
    "texts/sound-check.json",
)

SEALED_MEMBERS: Final = (
    *("forms.json", "pictures.json", "panels/reading-1.json", "task-sets/writing-1.json"),
    *("items/R-101.json", "stimuli/S-1.json", "tasks/W-1.json"),
)


def _archives(pieces: Sequence[bytes]) -> tuple[bytes, bytes]:
    """Public and sealed archive of the members in `PUBLIC_MEMBERS` and `SEALED_MEMBERS`; empty ones are left out."""
    names = (*PUBLIC_MEMBERS, *SEALED_MEMBERS)
    filled = dict(zip(names, joined(pieces, len(names)), strict=True))
    found = [{name: filled[name] for name in group if filled[name]} for group in (PUBLIC_MEMBERS, SEALED_MEMBERS)]
    return make_archive(found[0]), make_archive(found[1])


def package_examples() -> list[bytes]:
    """A small package of everything there is."""
    one_page = {"heading": "Les", "body": ["Du har tid."]}
    texts = {"nb": one_page, "nn": one_page, "en": one_page}
    pages = {language: [one_page] for language in texts}
    label = {"nb": "Språk", "nn": "Språk", "en": "Language"}
    panel, task_set = panel_plain("reading"), task_set_plain("A2-B1")
    members: list[object] = [
        programme_plain(),
        {"parts": {"reading": pages, "writing": pages}},
        {"texts": {"general": texts}},
        {"introduction": texts, "fields": [{"id": "language", "label": label, "help": label}]},
        json.loads((BANK / "texts/sound-check.json").read_bytes()),
        {
            "forms": [
                {"part": "reading", "level": None, "form": "reading-1"},
                {"part": "writing", "level": "A2-B1", "form": "writing-1"},
            ]
        },
        {"pictures": {}},
        panel,
        task_set,
        *(json.loads(path.read_bytes()) for path in (example("items"), example("stimuli"), example("tasks"))),
    ]
    made = [canonical_json(member) for member in members]
    public, sealed = _archives(made)
    return [parts(*made, flags=1), parts(public[:3000], sealed[:3000], flags=0), parts(public, sealed, flags=0)]


def example(folder: str, file: str = "") -> Path:
    """The first file of a folder of the sample bank that has no picture."""
    paths = sorted((BANK / folder).glob(f"*/{file or '*'}.json"))
    return next(path for path in paths if b'"picture": "' not in path.read_bytes())


def read_package(path: Path) -> object:
    """Both parts, as the kiosk does."""
    trust = Ed25519Trust(AUTHORITY.public, {})
    open_public(path, trust, now_utc_ms=NOW)
    return open_sealed(path, CONTENT_KEY, trust, now_utc_ms=NOW)


def clip(kind: str, subtype: str, seconds: float = 0.05) -> bytes:
    """A short sound."""
    import soundfile

    stream = io.BytesIO()
    sound = np.sin(np.arange(int(48_000 * seconds)) / 20).astype(np.float32)
    soundfile.write(stream, sound, 48_000, format=kind, subtype=subtype)
    return stream.getvalue()


def clip_examples() -> list[bytes]:
    """One of each format that a clip may have."""
    return raw(clip("OGG", "OPUS"), clip("OGG", "VORBIS"), clip("FLAC", "PCM_16"), clip("WAV", "PCM_16"))


def targets() -> list[Target]:
    """The targets of this module."""
    return [
        Target(
            "package file",
            decode_package,
            (SyncDataError,),
            lambda: raw(encode_package(releases.package())[:4000], encode_package(PackageFile(b"m", b"p", b"s"))),
            MAX_PACKAGE_BYTES,
            check=writes_back(encode_package),
        ),
        Target(
            "package content",
            at_path(read_package, "t.provrom"),
            (ItemBankError, SyncDataError),
            package_examples,
            MAX_PACKAGE_BYTES,
            dress_package,
            bounds_sentences=False,
        ),
        Target(
            "picture",
            lambda data: check_picture(data, "pictures/x.svg"),
            (ItemBankError,),
            lambda: raw(*(path.read_bytes() for path in sorted((BANK / "pictures").glob("*.svg"))[:6])),
            MAX_PICTURE_BYTES,
        ),
        Target("clip", lambda data: decode(data, "D-L01.nb"), (KioskError,), clip_examples, None),
    ]
