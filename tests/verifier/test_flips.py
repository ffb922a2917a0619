"""Bundles changed at random: none is ever taken for right."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.verifier.forger import Forger
from tests.verifier.room import Room
from verifier.errors import UnreadableError
from verifier.verify import Held, verify

Change = Callable[[Random, bytes], bytes]


def flip_a_bit(luck: Random, data: bytes) -> bytes:
    at = luck.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << luck.randrange(8)]) + data[at + 1 :]


def another_byte(luck: Random, data: bytes) -> bytes:
    at = luck.randrange(len(data))
    return data[:at] + bytes([(data[at] + luck.randint(1, 255)) % 256]) + data[at + 1 :]


def cut(luck: Random, data: bytes) -> bytes:
    return data[: luck.randrange(len(data))]


def lengthen(luck: Random, data: bytes) -> bytes:
    return data + luck.randbytes(luck.randint(1, 40))


def repeat_a_piece(luck: Random, data: bytes) -> bytes:
    at = luck.randrange(len(data))
    return data[:at] + data[max(0, at - 16) :]


CHANGES: tuple[Change, ...] = (flip_a_bit, flip_a_bit, another_byte, cut, lengthen, repeat_a_piece)
SEALED = ("envelopes/", "receipts/", "releases/", "log/", "audit.json", "orders.json", "conflicts.json")
"""What bears evidence of its own, so that a store that signs the table of contents anew is found out all the same."""


def is_accepted(folder: Path) -> bool:
    try:
        return verify(folder, Held()).status == 0
    except UnreadableError:
        return False


@pytest.mark.parametrize("is_insider", [False, True], ids=["outsider", "insider"])
def test_no_changed_bundle_is_accepted(room: Room, bundle: Path, tmp_path: Path, proof: Any, is_insider: bool) -> None:
    """An insider has the store's log key, and signs the table of contents again over the changed file."""
    forger = Forger.of(room, bundle, tmp_path / "bundle")
    names = sorted(path.relative_to(forger.folder).as_posix() for path in forger.folder.rglob("*") if path.is_file())
    if is_insider:
        names = [name for name in names if name.startswith(SEALED)]
    contents = forger.path("bundle.json").read_bytes()
    with proof("changed bundles", ci=150, full=10_000, block=int(is_insider)) as trial:
        for seed in trial.seeds():
            luck = Random(seed)
            path = forger.path(luck.choice(names))
            data = path.read_bytes()
            changed = luck.choice(CHANGES)(luck, data)
            if changed == data:
                continue
            path.write_bytes(changed)
            if is_insider:
                forger.seal()
            is_taken = is_accepted(forger.folder)
            trial.count("accepted", is_taken)
            assert not is_taken, (seed, path.name)
            path.write_bytes(data)
            forger.path("bundle.json").write_bytes(contents)
    assert is_accepted(forger.folder)
