"""The one way to write plain data as bytes, so that equal data have equal hashes everywhere.

Sorted keys (by code point), no spaces, UTF-8 without escapes beyond JSON's own, integers only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Final, TypeAlias, cast

from engine.errors import CanonicalError

_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)

Plain: TypeAlias = "str | int | bool | Sequence[Plain] | Mapping[str, Plain] | None"


def canonical_bytes(plain: object) -> bytes:
    """The canonical JSON of plain data: dicts with string keys, lists, tuples, strings, integers, booleans, None.

    Raises:
        CanonicalError: something else was in it (a float, bytes), or a string is not valid Unicode.
    """
    _check(plain, "$")
    return spelled(plain)


def spelled(plain: object) -> bytes:
    """As `canonical_bytes`, for what a JSON reader made without floats: nothing else can be in it.

    Raises:
        UnicodeEncodeError: a string is not valid Unicode.
    """
    return _ENCODER.encode(plain).encode("utf-8")


def canonical_sha256(plain: object) -> str:
    """SHA-256 of the canonical form, 64 hexadecimal digits."""
    return sha256(canonical_bytes(plain)).hexdigest()


def _check(plain: object, field: str) -> None:
    if plain is None or type(plain) is int or type(plain) is bool:
        return
    if type(plain) is str:
        _check_text(plain, field)
    elif type(plain) is dict:
        for key, value in cast("dict[object, object]", plain).items():
            if type(key) is not str:
                raise _refused(field, f"the key {key!r} is not a string", "Use strings as keys")
            _check_text(key, field)
            _check(value, f"{field}.{key}")
    elif type(plain) is list or type(plain) is tuple:
        for index, value in enumerate(cast("Sequence[object]", plain)):
            _check(value, f"{field}[{index}]")
    else:
        raise _refused(field, f"{type(plain).__name__} has no canonical form", "Use integers, strings, lists and dicts")


def _check_text(text: str, field: str) -> None:
    if text.isascii():
        return
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise _refused(field, "the text holds half a surrogate pair", "Send whole code points") from error


def _refused(field: str, fault: str, remedy: str) -> CanonicalError:
    return CanonicalError(where="data", field=field, fault=fault, remedy=remedy)
