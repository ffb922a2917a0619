"""Changes that an attacker or a bad wire makes to bytes, by kind; a seed gives the same change every time."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import pytest

from sync.errors import SyncDataError
from tests.proof import Trial

KINDS = ("flipped", "cut", "lengthened", "shortened inside", "spliced", "overwritten", "reordered", "repeated inside")
CONTROL_EVERY = 50


def mutated(chance: random.Random, genuine: Sequence[bytes], kind: str) -> bytes:
    """One of the genuine bytes, changed in this way; it may come out as it was."""
    data, other = chance.choice(genuine), chance.choice(genuine)
    first, last = sorted((chance.randrange(len(data)), chance.randrange(len(data) + 1)))
    middle, length = chance.randint(first, last), chance.randrange(1, 200)
    changes = {
        "flipped": lambda: data[:first] + bytes([data[first] ^ 1 << chance.randrange(8)]) + data[first + 1 :],
        "cut": lambda: data[:first],
        "lengthened": lambda: data + chance.randbytes(length),
        "shortened inside": lambda: data[:first] + data[last:],
        "spliced": lambda: data[:first] + other[first:],
        "overwritten": lambda: data[:first] + data[last : last + length] + data[first + length :],
        "reordered": lambda: data[:first] + data[middle:last] + data[first:middle] + data[last:],
        "repeated inside": lambda: data[:last] + data[first:],
    }
    return changes[kind]()


def none_is_accepted(
    trial: Trial,
    genuine: Sequence[bytes],
    read: Callable[[bytes], object],
    more: Callable[[random.Random], tuple[str, bytes]] | None = None,
) -> None:
    """Every seed is one changed piece of ``genuine``, refused by ``read``; between them the unchanged is accepted.

    ``more`` makes changes of the format's own kind: their name and the bytes; every second seed is one of those.
    """
    known = frozenset(genuine)
    trial.count("accepted", 0)
    for seed in trial.seeds():
        if seed % CONTROL_EVERY == 0:
            read(genuine[seed // CONTROL_EVERY % len(genuine)])
            trial.count("controls: unchanged and accepted")
        chance = random.Random(seed)
        kind, data = _changed(chance, genuine, known, more)
        trial.count(kind)
        try:
            read(data)
        except SyncDataError:
            continue
        trial.count("accepted")
        pytest.fail(f"seed {seed}: accepted although {kind}")


def _changed(
    chance: random.Random,
    genuine: Sequence[bytes],
    known: frozenset[bytes],
    more: Callable[[random.Random], tuple[str, bytes]] | None,
) -> tuple[str, bytes]:
    """A change that really is one."""
    while True:
        if more is not None and chance.random() < 0.5:
            kind, data = more(chance)
        else:
            kind = chance.choice(KINDS)
            data = mutated(chance, genuine, kind)
        if data not in known:
            return kind, data
