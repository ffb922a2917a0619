"""A light load on a store: sealed envelopes from a file, over TLS 1.3, at a steady rate or as fast as they come back.

    python benchmarks/store_load.py plan.json

A process of its own, so that its processor time is told apart from the store's. It makes nothing: every envelope was
sealed and signed beforehand. The latency of an envelope counts from when it was due, so a store that falls behind
cannot hide it. Every answer must be a receipt that names the envelope's hash; of one in a hundred the signature is
checked too.
"""

from __future__ import annotations

import asyncio
import json
import mmap
import ssl
import struct
import sys
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Final, cast

import uvloop

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from sync.keys import VerifyKey
from sync.receipt import verify_receipt

ENTRY: Final = struct.Struct(">I32s")
"""Before each envelope in the file: its length and its hash."""

TICK_S: Final = 0.002
SAMPLE: Final = 100
PATIENCE_S: Final = 60.0
HEAD: Final = b"POST /v1/envelopes HTTP/1.1\r\nhost: store\r\ncontent-length: %d\r\n\r\n"


def entries(view: bytes | mmap.mmap) -> Iterator[tuple[int, int, bytes]]:
    """Where each envelope begins and ends in a load file, and its hash."""
    place = 0
    while place < len(view):
        length, digest = ENTRY.unpack_from(view, place)
        place += ENTRY.size
        yield place, place + length, digest
        place += length


class Link(asyncio.Protocol):
    """One connection: one envelope under way at a time."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._received = bytearray()
        self._due = 0.0
        self._digest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ready for the first."""
        self._transport = cast("asyncio.Transport", transport)
        self._load.free.append(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """The run cannot be right any more, unless it is over."""
        self._load.lost(exc)

    def send(self, due: float, data: bytes, digest: bytes) -> None:
        """Send one envelope."""
        self._due, self._digest = due, digest
        self._transport.write(HEAD % len(data) + data)

    def data_received(self, data: bytes) -> None:
        """Take in an answer."""
        self._received += data
        head = self._received.find(b"\r\n\r\n")
        if head < 0:
            return
        begin = self._received.index(b"content-length: ") + 16
        end = head + 4 + int(self._received[begin : self._received.index(b"\r", begin)])
        if len(self._received) >= end:
            status, body = bytes(self._received[9:12]), bytes(self._received[head + 4 : end])
            del self._received[:end]
            self._load.answered(self, status, body, self._due, self._digest)


class Load:
    """One run."""

    def __init__(self, plan: dict[str, object]) -> None:
        self._file = Path(str(plan["file"])).open("rb")  # noqa: SIM115 - for the life of this process
        self._view = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        skip, count = int(str(plan["skip"])), int(str(plan["count"]))
        self._left = deque(list(entries(self._view))[skip : skip + count])
        self._rate = float(str(plan["rate"]))
        self._connections = int(str(plan["connections"]))
        self._key = VerifyKey.from_hex(str(plan["receipt_key"]))
        self._url = str(plan["url"]).removeprefix("https://")
        self._ca = str(plan["ca"])
        self._end: asyncio.Future[None] | None = None
        self._expected = len(self._left)
        self._refused: dict[str, int] = {}
        self._digests: list[str] = []
        self._checked = 0
        self._due = deque[float]()
        self.free: deque[Link] = deque()
        self.times_ms: list[float] = []

    async def run(self) -> dict[str, object]:
        """Send all; what came of it."""
        loop = asyncio.get_running_loop()
        context = ssl.create_default_context(cafile=self._ca)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        host, port = self._url.split(":")
        for _ in range(self._connections):
            await loop.create_connection(lambda: Link(self), host, int(port), ssl=context)
        self._end = loop.create_future()
        begun, spent = time.monotonic(), time.process_time()
        if self._rate:
            await self._steadily(begun)
        else:
            while self.free and self._left:
                self._send(time.monotonic())
        await asyncio.wait_for(self._end, PATIENCE_S + self._expected / 200)
        seconds = time.monotonic() - begun
        return {
            "receipted": len(self.times_ms),
            "refused": self._refused,
            "signatures_checked": self._checked,
            "seconds": seconds,
            "cpu_ms": (time.process_time() - spent) * 1000,
            "times_ms": self.times_ms,
            "digests": self._digests,
        }

    async def _steadily(self, begun: float) -> None:
        sent, total = 0, self._expected
        while sent < total:
            now = time.monotonic()
            due = min(int((now - begun) * self._rate) + 1, total)
            self._due.extend(begun + number / self._rate for number in range(sent, due))
            sent = due
            while self._due and self.free:
                self._send(self._due.popleft())
            await asyncio.sleep(TICK_S)

    def _send(self, due: float) -> None:
        begin, end, digest = self._left.popleft()
        self.free.popleft().send(due, self._view[begin:end], digest)

    def answered(self, link: Link, status: bytes, body: bytes, due: float, digest: bytes) -> None:
        """An answer is here; the connection takes the next envelope."""
        if status == b"200" and b'"sha256":"%b"' % digest.hex().encode() in body:
            self.times_ms.append((time.monotonic() - due) * 1000)
            self._digests.append(digest.hex())
            if len(self.times_ms) % SAMPLE == 0:
                verify_receipt(body, self._key)
                self._checked += 1
        else:
            word = status.decode()
            self._refused[word] = self._refused.get(word, 0) + 1
        self.free.append(link)
        if self._due:
            self._send(self._due.popleft())
        elif self._left and not self._rate:
            self._send(time.monotonic())
        if len(self.times_ms) + sum(self._refused.values()) == self._expected and self._end is not None:
            self._end.set_result(None)

    def lost(self, exc: Exception | None) -> None:
        """A connection ended."""
        if self._end is not None and not self._end.done():
            self._end.set_exception(ConnectionError(f"a connection was lost: {exc}"))


def main() -> int:
    """Run a plan and write what came of it as JSON beside it."""
    path = Path(sys.argv[1])
    told = uvloop.run(Load(json.loads(path.read_bytes())).run())
    path.with_suffix(".told").write_text(json.dumps(told), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
