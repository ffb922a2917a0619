"""What is fuzzed: every parser of bytes that come from outside, its genuine examples, and what must hold of each input.

A parser gives a value or one of its own errors, within time and memory, in a sentence of bounded length; where there is
a writer, what was read is written back to the same bytes. Anything else is a `Fault`.

A **case** is what the fuzzer changes. Its first byte below 128: the rest goes to the parser as it is. Otherwise the
rest is parts (`tests.fuzz.mutation.SPLIT`) that the target *dresses* first: sums, lengths, hashes, seals and
signatures are made right with the tests' keys, so that what stands behind them is reached.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

from sync.canonical import canonical_bytes, plain_of
from sync.errors import SyncDataError
from tests.fuzz.mutation import SPLIT
from tests.sync.examples import signing

BANK: Final = Path(__file__).parents[2] / "banks" / "norskprove-sample"
SLOWEST_MS: Final = 1500.0
"""Of the processor's time, for an input of at most `CASE_BYTES`; the slowest genuine one takes under 50 ms."""

LONGEST_SENTENCE: Final = 700
CASE_BYTES: Final = 20_000
DRESSED: Final = 128
PC, AUTHORITY = signing("pc-07"), signing("authority")

Check = Callable[[bytes, Any], object]
Dress = Callable[[Sequence[bytes], int], bytes]


class Fault(Exception):  # noqa: N818 - what is found, not an error of ours
    """A parser did what it must not."""


@dataclass(frozen=True, slots=True)
class Target:
    """One parser.

    ``limit``: the size in bytes above which it must refuse without parsing; None where the service's door has cut off
    what is longer before (`centralstore.door.read_body`), or the server what headers may hold. ``check`` is given the
    bytes and the value, and raises what it finds wrong. ``examples`` are cases. ``bounds_sentences``: errors are told
    to strangers, so that their length is bounded (a bank's author is told every fault there is).
    """

    name: str
    read: Callable[[bytes], object]
    errors: tuple[type[Exception], ...]
    examples: Callable[[], Sequence[bytes]]
    limit: int | None
    dress: Dress | None = None
    check: Check = lambda _data, _value: None
    bounds_sentences: bool = True

    def data_of(self, case: bytes) -> bytes:
        """The bytes that the parser gets."""
        if not case or case[0] < DRESSED or self.dress is None:
            return case[1:]
        return self.dress(case[1:].split(SPLIT), case[0] & 0x7F)

    def try_bytes(self, data: bytes) -> tuple[float, bool]:
        """Parse; the processor's time in milliseconds, and whether it was read and not refused.

        Raises:
            Fault: told with what happened.
        """
        begun, is_read = time.thread_time(), False
        try:
            value = self.read(data)
        except self.errors as error:
            spent = (time.thread_time() - begun) * 1000
            sentence = str(error)
            if not sentence or (self.bounds_sentences and len(sentence) > LONGEST_SENTENCE):
                raise Fault(f"{self.name}: a sentence of {len(sentence)} characters: {sentence[:200]!r}") from error
        except Exception as error:
            raise Fault(f"{self.name}: {type(error).__name__}: {str(error)[:300]}") from error
        else:
            spent, is_read = (time.thread_time() - begun) * 1000, True
            try:
                self.check(data, value)
            except Fault as fault:
                raise Fault(f"{self.name}: {fault}") from fault
        if spent > SLOWEST_MS:
            raise Fault(f"{self.name}: {spent:.0f} ms for {len(data)} bytes")
        return spent, is_read


def raw(*examples: bytes) -> list[bytes]:
    """Cases whose bytes go to the parser as they are."""
    return [b"\0" + example for example in examples]


def parts(*pieces: bytes, flags: int = 0x7F) -> bytes:
    """A case to be dressed."""
    return bytes([DRESSED | flags]) + SPLIT.join(pieces)


def writes_back(write: Callable[[Any], bytes]) -> Check:
    """The property that reading and writing again gives the same bytes."""

    def check(data: bytes, value: Any) -> None:
        if write(value) != data:
            raise Fault("what was read is written to other bytes")

    return check


def tells_what_stood_there(data: bytes, value: Any) -> None:
    """Every field of a signed body has its value in what was read of it; those left out have their defaults."""
    read = plain_of(value)
    for name, told in json.loads(data)["body"].items():
        if canonical_bytes(read[name]) != canonical_bytes(told):
            raise Fault(f"field {name!r} was read as something else")


def joined(pieces: Sequence[bytes], count: int) -> list[bytes]:
    """Exactly so many parts: what is missing is empty, what is too many is joined to the last."""
    filled = [*pieces, *[b""] * count]
    return [*filled[: count - 1], b"".join(pieces[count - 1 :])]


@cache
def scratch() -> Path:
    """A folder in memory of this process's own, for parsers that are given a path."""
    import atexit
    import shutil
    import tempfile

    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="proverom-fuzz-", dir=memory if memory.is_dir() else None))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def at_path(read: Callable[[Path], object], name: str) -> Callable[[bytes], object]:
    """A parser of files as a parser of bytes."""

    def parse(data: bytes) -> object:
        path = scratch() / name
        path.write_bytes(data)
        path.chmod(0o600)
        return read(path)

    return parse


def canonical_json(plain: object) -> bytes:
    """JSON as small as it goes; floats allowed."""
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":")).encode()


def dress_signed(kind: str, key: Any, pieces: Sequence[bytes], _flags: int) -> bytes:
    """A signed message whose body is the bytes given, whatever they are."""
    body = b"".join(pieces)
    signature = key.sign(f"signed/{kind}", body).hex().encode()
    return b'{"body":' + body + b',"kind":"' + kind.encode() + b'","signature":"' + signature + b'"}'


def body_case(message: bytes) -> bytes:
    """The body of a signed message as a case to be dressed."""
    return parts(canonical_bytes(json.loads(message)["body"]))


def signed_target(
    kind: str, read: Callable[[bytes], object], example: bytes, key: Any, *, limit: int, **more: Any
) -> Target:
    """A target for a kind of signed message."""
    return Target(
        name=kind,
        read=read,
        errors=(SyncDataError,),
        examples=lambda: [*raw(example), body_case(example)],
        limit=limit,
        dress=partial(dress_signed, kind, key),
        **more,
    )
