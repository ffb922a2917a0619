"""Parsers with a fault planted in each: the fuzzer must find them, or its silence about the others means nothing."""

from __future__ import annotations

import os
import time
from functools import cache, partial
from typing import Final

from sync.canonical import canonical_bytes, parse_canonical
from sync.errors import SyncDataError
from sync.signed import open_message
from sync.ticket import TicketPart
from tests.fuzz.target import PC, Target, dress_signed, parts, raw, writes_back

_SMALL: Final = b'{"accommodation_ms":0,"level":"","part":"reading","programme":"p"}'
_HELD: list[bytes] = []


def _wrong_index(data: bytes) -> object:
    """Fails on a number that only stands behind a true signature."""
    part = open_message("part", TicketPart, data, PC.public, signer="the test")
    return "x"[part.accommodation_ms // 2**31]


def _hangs(data: bytes) -> object:
    """Works for seconds on a list of two."""
    plain = parse_canonical(data, "thing", limit=20_000)
    if isinstance(plain, list) and len(plain) > 1:
        begun = time.thread_time()
        while time.thread_time() - begun < 2:
            pass
    return plain


def _swells(data: bytes) -> object:
    """Never gives memory back."""
    _HELD.append(bytes(2**20) + data)
    return data


def _forgets(data: bytes) -> object:
    """Drops a field of an object that has more than two."""
    plain = parse_canonical(data, "thing", limit=20_000)
    return dict(list(plain.items())[:2]) if isinstance(plain, dict) else plain


def _dies(data: bytes) -> object:
    """Takes its process with it."""
    plain = parse_canonical(data, "thing", limit=20_000)
    if plain is None or plain is True:
        os.abort()
    return plain


def _tells_all(data: bytes) -> object:
    """Quotes what it was given."""
    raise SyncDataError(data.decode("latin-1") + ".")


@cache
def controls() -> dict[str, Target]:
    """The parsers by name."""
    errors = (SyncDataError,)
    few = partial(raw, b'{"a":1,"b":[1]}', b"[1]")
    made = (
        Target(
            "planted: index", _wrong_index, errors, lambda: [parts(_SMALL)], 4096, partial(dress_signed, "part", PC)
        ),
        Target("planted: loop", _hangs, errors, few, 20_000),
        Target("planted: leak", _swells, errors, few, 20_000),
        Target("planted: loss", _forgets, errors, few, 20_000, check=writes_back(canonical_bytes)),
        Target("planted: end", _dies, errors, few, 20_000),
        Target("planted: quote", _tells_all, errors, lambda: raw(b"x" * 690), 20_000),
    )
    return {target.name: target for target in made}


TOLD: Final = {
    "planted: index": "IndexError",
    "planted: loop": " ms for ",
    "planted: leak": "grew by",
    "planted: loss": "other bytes",
    "planted: end": "ended by itself",
    "planted: quote": "a sentence of",
}
"""What must be told of each."""
