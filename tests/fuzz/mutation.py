"""Ways of changing bytes and plain data: what the fuzzer tries beside what it finds out by itself.

Everything is drawn from the ``random.Random`` that is given, so a seed gives the same change again.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any, Final

SPLIT: Final = b"\xff\x00\xfe\xfd"
"""Stands between the parts of a case that is dressed (`tests.fuzz.targets`)."""

INTERESTING: Final[tuple[object, ...]] = (
    *(None, True, False, 0, 1, -1, 2, 255, 256, 4096, 65_535, 65_536),
    *(2**31, 2**32, 2**53 - 1, 2**53, 2**63, 2**64, 10**40, 10**400, -(2**63)),
    *(0.0, 1.0, -0.5, 1e308, float("inf"), float("nan")),
    *("", " ", "0", "a", "A1", "Å", "x" * 64, "x" * 65, "x" * 300, "ø" * 5000, "\0", "\n", "\u202e", "\ud800", "😀"),
    *("../../etc/passwd", "a/b", "²", "٣", "00", "{}", "[gap]", "**", "{g1}", "1_0", "+1", "1e5", "NaN"),
    *("0" * 64, "f" * 64, "0" * 128, "AAAA", "A" * 44, "=", "$argon2id$v=19$m=65536,t=3,p=4$"),
    *([], {}, [[]], {"": {}}, [None], ["a", "a"]),
)

NAMES: Final = ("id", "kind", "type", "format", "keys", "__class__", "", "Åse", "x" * 200)
BYTES: Final = (
    b"\0",
    b"\xff" * 4,
    b"\x7f\xff\xff\xff",
    b"\x00\x00\x00\x00",
    b"PK\x03\x04",
    b"\xa5\xc3",
    b'"',
    b"\xed\xa0\x80",
)


def mutate_bytes(data: bytes, chance: random.Random) -> bytes:
    """One to four small changes: overwrite, insert, cut, copy, flip a bit."""
    changed = bytearray(data)
    for _ in range(chance.randrange(1, 5)):
        place = chance.randrange(len(changed) + 1)
        length = min(chance.choice((1, 1, 2, 4, 8, 40)), len(changed) - place)
        match chance.randrange(6):
            case 0:
                changed[place : place + length] = chance.randbytes(length)
            case 1:
                changed[place:place] = chance.choice(BYTES)
            case 2:
                del changed[place : place + length]
            case 3:
                changed[place:place] = changed[place : place + length * 4]
            case 4 if place < len(changed):
                changed[place] ^= 1 << chance.randrange(8)
            case _:
                changed[place : place + length] = chance.choice(BYTES)
    return bytes(changed)


def mutate_json(data: bytes, chance: random.Random) -> bytes:
    """JSON with one to three nodes changed, mostly in canonical spelling; bytes that are not JSON as `mutate_bytes`."""
    try:
        plain: Any = json.loads(data)
    except (ValueError, RecursionError):
        return mutate_bytes(data, chance)
    for _ in range(chance.randrange(1, 4)):
        plain = _changed(plain, chance)
    is_odd = chance.random() < 0.05
    try:
        text = json.dumps(plain, ensure_ascii=is_odd, sort_keys=True, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError):
        return data
    return text.encode("utf-8", "surrogatepass")


def mutate_parts(case: bytes, chance: random.Random) -> bytes:
    """A case of several parts: one of them changed, or dropped, doubled, exchanged; sometimes the first byte."""
    flags, parts = case[:1], case[1:].split(SPLIT)
    if chance.random() < 0.1:
        flags = bytes([chance.randrange(256)])
    drawn = chance.random()
    place = chance.randrange(len(parts))
    if drawn < 0.08:
        del parts[place]
    elif drawn < 0.16:
        parts.insert(chance.randrange(len(parts) + 1), parts[place])
    elif drawn < 0.24:
        other = chance.randrange(len(parts))
        parts[place], parts[other] = parts[other], parts[place]
    else:
        parts[place] = mutate_json(parts[place], chance)
    return (flags or b"\0") + SPLIT.join(parts)


def _changed(plain: Any, chance: random.Random) -> Any:
    """The value with one node changed: found by walking down at random."""
    holder, step, node = None, None, plain
    while isinstance(node, dict | list) and node and (holder is None or chance.random() < 0.8):
        holder = node
        step = chance.choice(list(node)) if isinstance(node, dict) else chance.randrange(len(node))
        node = node[step]
    if holder is None:
        return deepcopy(chance.choice(INTERESTING))
    chance.choice(_CHANGES)(holder, step, chance)
    return plain


def _replace(holder: Any, step: Any, chance: random.Random) -> None:
    holder[step] = deepcopy(chance.choice(INTERESTING))


def _remove(holder: Any, step: Any, _chance: random.Random) -> None:
    del holder[step]


def _add(holder: Any, step: Any, chance: random.Random) -> None:
    if isinstance(holder, dict):
        holder[chance.choice(NAMES)] = deepcopy(holder[step])
    else:
        holder.insert(chance.randrange(len(holder) + 1), deepcopy(holder[step]))


def _nudge(holder: Any, step: Any, chance: random.Random) -> None:
    node = holder[step]
    if isinstance(node, bool) or node is None:
        holder[step] = not node
    elif isinstance(node, int):
        holder[step] = node + chance.choice((-1, 1, 10, -node, 2**53))
    elif isinstance(node, str):
        holder[step] = mutate_bytes(node.encode("utf-8", "replace"), chance).decode("utf-8", "replace")
    else:
        holder[step] = deepcopy(chance.choice(INTERESTING))


def _bury(holder: Any, step: Any, chance: random.Random) -> None:
    for _ in range(chance.choice((1, 3, 60))):
        holder[step] = [holder[step]]


def _exchange(holder: Any, step: Any, chance: random.Random) -> None:
    other = chance.choice(list(holder)) if isinstance(holder, dict) else chance.randrange(len(holder))
    holder[step], holder[other] = holder[other], holder[step]


_CHANGES: Final[Sequence[Callable[[Any, Any, random.Random], None]]] = (
    *(_replace, _replace, _nudge, _nudge, _nudge, _remove, _add, _exchange, _bury),
)
