"""Looking for secrets in bytes: files, logs, databases, captured traffic; in every form they could stand in there.

    scanner = Scanner({"content key": key, "an answer": "Jeg bor i Oslo".encode()})
    scanner.hits({"pc/journal": data}) == []

A form is how something is commonly written: raw, hexadecimal, base64 at its three alignments, UTF-16, JSON and HTML
escapes, URL quoting, Latin-1, a Python literal, a list of numbers. Encrypted or compressed bytes cannot be seen into.
"""

from __future__ import annotations

import base64
import html
import json
import os
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote, quote_from_bytes, quote_plus

import numpy as np

_WORD: Final = 8
LONGEST: Final = 48
"""Bytes of a form that are looked for; as good as all of it."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A secret that was found: where, which, and in which form."""

    place: str
    secret: str
    form: str
    offset: int


def forms(secret: bytes) -> dict[str, bytes]:
    """A secret as it could stand somewhere; at least eight bytes each, or it is left out."""
    found = {"raw": secret, "hex": secret.hex().encode(), "HEX": secret.hex().upper().encode()}
    found |= _base64("base64", secret) | _base64("base64 of hex", secret.hex().encode())
    found["number list"] = ", ".join(map(str, secret)).encode()
    found["number list, close"] = ",".join(map(str, secret)).encode()
    found["bytes literal"] = repr(secret)[2:-1].encode()
    found["URL of bytes"] = quote_from_bytes(secret, safe="").encode()
    try:
        text = secret.decode("utf-8")
    except UnicodeDecodeError:
        return _long(found)
    found |= {
        "UTF-16-LE": text.encode("utf-16-le"),
        "UTF-16-BE": text.encode("utf-16-be"),
        "Latin-1": text.encode("latin-1", "replace"),
        "JSON": json.dumps(text)[1:-1].encode(),
        "JSON in JSON": json.dumps(json.dumps(text))[3:-3].encode(),
        "URL": quote(text).encode(),
        "URL, all": quote(text, safe="").encode(),
        "URL, form": quote_plus(text).encode(),
        "URL, small": re.sub("%..", lambda mark: mark[0].lower(), quote(text)).encode(),
        "HTML": html.escape(text).encode(),
        "Python literal": ascii(text)[1:-1].encode(),
    }
    found |= _base64("base64 of UTF-16", text.encode("utf-16-le"))
    return _long(found)


def _base64(name: str, secret: bytes) -> dict[str, bytes]:
    """At each of the three alignments: what of the text does not depend on the bytes before and after."""
    found: dict[str, bytes] = {}
    for shift in range(3):
        text = base64.b64encode(bytes(shift) + secret)
        middle = text[shift and shift + 1 : len(text) - 4]
        found[f"{name} +{shift}"] = middle
        found[f"{name} +{shift}, for URLs"] = middle.translate(bytes.maketrans(b"+/", b"-_"))
    return found


def _long(found: Mapping[str, bytes]) -> dict[str, bytes]:
    return {name: form[:LONGEST] for name, form in found.items() if len(form) >= _WORD}


class Scanner:
    """Looks for all forms of many secrets at once."""

    def __init__(self, secrets: Mapping[str, bytes]) -> None:
        """``secrets`` by what they are called; each at least eight bytes, or it would be found everywhere."""
        short = [name for name, secret in secrets.items() if len(secret) < _WORD]
        if short:
            raise ValueError(f"too short to be looked for: {short}")
        self.secrets = dict(secrets)
        self._by_word: dict[bytes, dict[bytes, tuple[str, str]]] = {}
        for name, secret in secrets.items():
            for form, data in forms(secret).items():
                self._by_word.setdefault(data[:_WORD], {}).setdefault(data, (name, form))
        self._words = np.sort(np.frombuffer(b"".join(self._by_word), dtype="<u8"))

    @property
    def patterns(self) -> int:
        """How many byte strings are looked for."""
        return sum(map(len, self._by_word.values()))

    def hits(self, places: Mapping[str, bytes]) -> list[Hit]:
        """Everything found, by place and offset."""
        return [hit for place, data in places.items() for hit in self._in(place, data)]

    def _in(self, place: str, data: bytes) -> Iterable[Hit]:
        for offset in self._offsets(data):
            for form, (name, kind) in self._by_word[data[offset : offset + _WORD]].items():
                if data.startswith(form, offset):
                    yield Hit(place, name, kind, offset)

    def _offsets(self, data: bytes) -> list[int]:
        """Where one of the first words of a form begins."""
        found: list[int] = []
        for shift in range(min(_WORD, max(0, len(data) - _WORD + 1))):
            count = (len(data) - shift) // _WORD
            words = np.frombuffer(data, dtype="<u8", count=count, offset=shift)
            at = np.searchsorted(self._words, words)
            at[at == len(self._words)] = 0
            found += (np.flatnonzero(self._words[at] == words) * _WORD + shift).tolist()
        return sorted(found)


def code_hits(code: str, places: Mapping[str, bytes]) -> list[Hit]:
    """A four-digit code that stands somewhere as a text of its own: quoted, in a tag or form, or named.

    Bare figures are passed over: a code is never written as a number here, and among figures any four digits occur.
    """
    word = code.encode()
    quoted = rb"(?:[\"'>]|(?:code|kode)[\"']?[ =:]+[\"']?)" + word + rb"(?=[\"'<&\s,;}.]|$)"
    wide = b"(?:[\"'>]\0|\0[\"'>])" + b"\0?".join(bytes([byte]) for byte in word) + b"\0?[\"'<]"
    encoded = [form[:_WORD] for form in (base64.b64encode(b'"' + word + b'"'), quote(f'"{code}"').encode())]
    patterns = [("text", quoted), ("UTF-16", wide), *(("encoded", re.escape(each)) for each in encoded)]
    return [
        Hit(place, "day code", kind, found.start())
        for place, data in places.items()
        for kind, pattern in patterns
        for found in re.finditer(pattern, data, re.IGNORECASE if kind == "text" else 0)
    ]


def files_below(*folders: Path, without: Iterable[Path] = ()) -> dict[str, bytes]:
    """Every file below some folders, by its path: content, and its name, since a name can tell too."""
    left_out = tuple(without)
    found: dict[str, bytes] = {}
    for folder in folders:
        for holder, _, names in os.walk(folder):
            for path in (Path(holder), *(Path(holder, name) for name in sorted(names))):
                if any(path == each or each in path.parents for each in left_out):
                    continue
                name = str(path.relative_to(folder.parent))
                found[f"{name} (name)"] = name.encode()
                with suppress(OSError):  # gone again, or a folder
                    found[name] = path.read_bytes()
    return found


def database_dump(path: Path) -> bytes:
    """All of an SQLite database as text: every row, binary columns in hexadecimal digits."""
    import sqlite3

    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
        return "\n".join(database.iterdump()).encode()
