"""A release's package, and the pictures and clips in it as a PC shows them."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
from pydantic import Field, TypeAdapter

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
from sync.segment import Id
from tests.fuzz.target import AUTHORITY, BANK, Fault, Target, at_path, canonical_json, joined, parts, raw, writes_back
from tests.strategies import panel_plain, programme_plain, task_set_plain
from tests.sync import test_release as releases
from tests.sync.examples import NOW, box

CONTENT_KEY: Final = bytes(range(32))


def dress_package(pieces: Sequence[bytes], flags: int) -> bytes:
    """A genuine package around a public and a sealed archive, of members (1) or as they are."""
    public_files, sealed_files = (joined(pieces, 2)) if not flags & 1 else _archives(pieces)
    programme, programme_version = _programme_of(pieces[0])
    header = sealed_header_of(
        release="t.v1", series="t", version=1, programme=programme, public_sha256=sha256_hex(public_files)
    )
    sealed = seal_content(sealed_files, CONTENT_KEY, header, salt=bytes(16))
    manifest = ReleaseManifest(
        release="t.v1",
        series="t",
        version=1,
        programme=programme,
        programme_version=programme_version,
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


def _programme_of(piece: bytes) -> tuple[str, int]:
    """Id and version of the programme that a package is of, where a manifest can name them."""
    try:
        plain = json.loads(piece)
        _NAMED.validate_python((plain["id"], plain["version"]), strict=True)
    except Exception:  # noqa: BLE001 - whatever is wrong with it, it is tried as it is
        return "p", 1
    return plain["id"], plain["version"]


_NAMED: Final = TypeAdapter(tuple[Id, Annotated[int, Field(ge=1, le=2**31)]])
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


def drawn(data: bytes) -> object:
    """A picture that the bank's check takes, drawn as an exam room's window draws it."""
    from PySide6.QtCore import QByteArray, QRectF, QSize
    from PySide6.QtGui import QImage, QPainter
    from PySide6.QtSvg import QSvgRenderer

    check_picture(data, "pictures/x.svg")
    renderer = QSvgRenderer(QByteArray(data))
    size = renderer.defaultSize()
    if not renderer.isValid() or size.isEmpty() or not size.boundedTo(QSize(10_000, 10_000)) == size:
        raise Fault("a picture that the check takes cannot be drawn")
    image = QImage(640, 480, QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(0)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    scale = min(600 / size.width(), 450 / size.height())
    renderer.render(painter, QRectF(20, 15, size.width() * scale, size.height() * scale))
    painter.end()
    return image


def dress_picture(pieces: Sequence[bytes], _flags: int) -> bytes:
    """A drawing of shapes that are each given as JSON: [name, attributes, path's steps, what is in it]."""
    shown = [part for piece in pieces if (part := _element(piece))]
    return b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 320 240">' + b"".join(shown) + b"</svg>"


def _element(piece: bytes) -> bytes:
    try:
        return _spelled(json.loads(piece)).encode("utf-8", "replace")
    except Exception:  # noqa: BLE001 - whatever is wrong with it, it is tried as it is
        return piece


def _spelled(plain: Any) -> str:
    name, attributes, steps, inside = plain
    told = {**attributes, "d": " ".join(f"{letter} {' '.join(map(str, given))}" for letter, *given in steps)}
    spelled = "".join(f' {key}="{value}"' for key, value in told.items() if value != "")
    return f"<{name}{spelled}>{''.join(map(_spelled, inside))}</{name}>"


SHAPES: Final = (
    ["ellipse", {"cx": 9, "cy": 9, "rx": 5, "ry": 4, "fill": "#123"}, [], []],
    ["line", {"x1": 1, "y1": 2, "x2": 90, "y2": 99, "stroke": "red", "stroke-dasharray": "4 2"}, [], []],
    ["polygon", {"points": "0,0 9,0 9,9"}, [], []],
    ["path", {"stroke": "#000", "stroke-width": 6, "stroke-linejoin": "round"}, [["M", 1, 1], ["l", 90, 9], ["z"]], []],
    ["path", {"stroke": "#000", "fill": "none"}, [["m", 0, 0], ["c", 1, 2, 3, 4, 5, 6], ["s", 7, 8, 9, 10]], []],
    ["path", {"stroke": "#000"}, [["M", 5, 5], ["q", 1, 2, 3, 4], ["t", 5, 6], ["a", 26, 20, 10, 0, 1, 12, -14]], []],
    ["g", {"transform": "translate(9 9) scale(1.5)", "opacity": 0.5}, [], [["circle", {"r": 99}, [], []]]],
    [
        "g",
        {"transform": "rotate(20 140 104) matrix(1 0 0 1 0 0)", "stroke": "red"},
        [],
        [["rect", {"width": 99, "height": 9, "rx": 4}, [], []]],
    ],
)


def picture_examples() -> list[bytes]:
    """Some of the sample bank's, and shapes of every kind with dashes, groups and turns."""
    genuine = sorted((BANK / "pictures").glob("*.svg"))[:6]
    return [*raw(*(path.read_bytes() for path in genuine)), parts(*map(canonical_json, SHAPES))]


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
            picture_examples,
            MAX_PICTURE_BYTES,
            dress_picture,
        ),
        Target("picture as drawn", drawn, (ItemBankError,), picture_examples, MAX_PICTURE_BYTES, dress_picture),
        Target("clip", lambda data: decode(data, "D-L01.nb"), (KioskError,), clip_examples, None),
    ]
