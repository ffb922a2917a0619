"""Stores that are not right, for the checker to find out: they speak to the PCs and sign receipts as the real one does.

They speak HTTP without TLS: the middle box before them speaks TLS to the PCs.
"""

from __future__ import annotations

import asyncio
import json
import threading
from abc import ABC, abstractmethod
from typing import Self

from sync.envelope import claimed_device, envelope_sha256, verify
from sync.errors import SyncDataError
from sync.keys import SigningKey, VerifyKey
from sync.receipt import Receipt, sign_receipt
from tests.faults.messages import Message, read_message
from tests.faults.room import Key, Row, now_utc_ms


class WrongStore(ABC):
    """A store in a thread of its own while it is entered."""

    def __init__(self, keys: dict[str, VerifyKey], receipt_key: SigningKey) -> None:
        self.keys = keys
        self.rows: list[Row] = []
        self.port = 0
        self._receipt_key = receipt_key
        self._listening = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="wrong-store", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._listening.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    @abstractmethod
    def take(self, data: bytes) -> bytes:
        """Do the wrong thing with an envelope; the receipt.

        Raises:
            SyncDataError, ValueError: nothing can be made of it.
        """

    def rows_of(self, attempt: str) -> list[Row]:
        """What is kept of an attempt."""
        return [row for row in self.rows if row.key[0] == attempt]

    def has(self, key: Key) -> bool:
        """Whether something lies under this key."""
        return any(row.key == key for row in self.rows)

    def verified(self, data: bytes) -> Key:
        """The key of a genuine envelope."""
        return verify(data, self.keys[claimed_device(data)]).key

    def receipt(self, key: Key, data: bytes) -> bytes:
        """A signed receipt for these bytes."""
        attempt, segment, first, last = key
        device = attempt.partition(".")[0]
        made = Receipt(
            attempt=attempt,
            segment=segment,
            first=first,
            last=last,
            sha256=envelope_sha256(data),
            device=device,
            stored_utc_ms=now_utc_ms(),
        )
        return sign_receipt(made, self._receipt_key)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = int(server.sockets[0].getsockname()[1])
        self._listening.set()
        await self._stop.wait()
        server.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (request := await read_message(reader)) is not None:
                writer.write(self._answer(request))
                await writer.drain()
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()

    def _answer(self, request: Message) -> bytes:
        try:
            status, body = b"200 OK", self.take(request.body)
        except (SyncDataError, ValueError, KeyError):
            status, body = b"400 Bad Request", b'{"code":"damaged","error":"no"}'
        return b"HTTP/1.1 %s\r\ncontent-length: %d\r\n\r\n%s" % (status, len(body), body)


class StoresBeforeVerifying(WrongStore):
    """Keeps the first that comes for a place without looking at its signature, and acknowledges what it received."""

    def take(self, data: bytes) -> bytes:
        """See `WrongStore.take`."""
        header = json.loads(data[12 : 12 + int.from_bytes(data[8:12], "big")])
        key = (str(header["attempt"]), str(header["segment"]), int(header["first"]), int(header["last"]))
        receipt = self.receipt(key, data)
        if not self.has(key):
            self.rows.append(Row(key, data, receipt))
        return receipt


class KeepsEveryCopy(WrongStore):
    """Verifies, but has no key on a place: what comes twice is there twice."""

    def take(self, data: bytes) -> bytes:
        """See `WrongStore.take`."""
        key = self.verified(data)
        self.rows.append(Row(key, data, self.receipt(key, data)))
        return self.rows[-1].receipt


class AcknowledgesBeforeKeeping(WrongStore):
    """Verifies and acknowledges; every 20th is gone, as after a power cut without a sync."""

    count = 0

    def take(self, data: bytes) -> bytes:
        """See `WrongStore.take`."""
        key = self.verified(data)
        self.count += 1
        receipt = self.receipt(key, data)
        if not self.has(key) and self.count % 20:
            self.rows.append(Row(key, data, receipt))
        return receipt
