"""HTTP/1.1 messages as the fault proxy moves them: a head and a body whose length the head names."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

_LENGTH = re.compile(rb"(?im)^content-length:[ \t]*(\d+)[ \t]*\r$")
MOST_HEAD = 65_536


@dataclass(frozen=True, slots=True)
class Message:
    """One request or answer. ``head`` ends with its empty line."""

    head: bytes
    body: bytes

    @property
    def raw(self) -> bytes:
        """As it travels."""
        return self.head + self.body

    def with_body(self, body: bytes) -> Message:
        """The same with another body, whose length the head names rightly."""
        return Message(_LENGTH.sub(b"content-length: %d\r" % len(body), self.head), body)


async def read_message(reader: asyncio.StreamReader) -> Message | None:
    """The next message; None when there is no whole one any more.

    Raises:
        OSError, TimeoutError: the connection broke, or nothing comes.
    """
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        found = _LENGTH.search(head)
        body = await reader.readexactly(int(found[1])) if found else b""
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        return None
    return Message(head, body)
