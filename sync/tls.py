"""TLS from a PC to a store: 1.3, one authority and no other, and an end to waiting however slowly an answer comes."""

from __future__ import annotations

import contextlib
import errno
import math
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakSet

from sync.errors import DamagedError

if TYPE_CHECKING:
    from socket import _RetAddress  # pyright: ignore[reportPrivateUsage] - an address as `socket` types it

    from _typeshed import ReadableBuffer

TOO_SLOW = "its answer comes too slowly"


@dataclass(frozen=True, slots=True)
class RelayAuthority:
    """The CA certificate of a relay, in PEM, as a delegation names it."""

    pem: str


class _Socket(ssl.SSLSocket):
    """A connection that ends when its context's time is over, and is closed whenever it cannot be made."""

    def getpeername(self) -> _RetAddress:
        """As ever; but a socket whose other side is gone is closed.

        Python asks for this first of all, before the handshake. When the line was reset by then, its
        ``SSLContext.wrap_socket`` raises without closing what it has made, and nobody else holds it (3.11; mended in
        later ones): it would stay open until the collector comes by.
        """
        try:
            found = super().getpeername()
        except OSError as error:
            self.close()
            raise ConnectionResetError(errno.ECONNRESET, "the line broke before the handshake") from error
        if isinstance(self.context, StoreContext):
            self.context.know(self)
        return found

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        """As ever, until the time is over."""
        self._wait_no_longer()
        return super().recv(buflen, flags)

    def send(self, data: ReadableBuffer, flags: int = 0) -> int:
        """As ever, until the time is over."""
        self._wait_no_longer()
        return super().send(data, flags)

    def _wait_no_longer(self) -> None:
        context = self.context
        left_s = context.until_s - time.monotonic() if isinstance(context, StoreContext) else math.inf
        if left_s <= 0:
            raise TimeoutError(TOO_SLOW)
        timeout = self.gettimeout()
        if timeout is None or timeout > left_s:
            self.settimeout(None if left_s == math.inf else left_s)


class StoreContext(ssl.SSLContext):
    """What one client's connections are made by.

    ``until_s``: when the answer that is waited for must have come, on the monotonic clock; each wait for bytes ends
    then at the latest. A timeout alone would start anew with every byte.
    """

    sslsocket_class = _Socket
    until_s: float = math.inf
    _connected: WeakSet[ssl.SSLSocket]
    _knowing: threading.Lock

    def know(self, connection: ssl.SSLSocket) -> None:
        """Have a connection ended by `hang_up`, for as long as it is there."""
        with self._knowing:
            self._connected.add(connection)

    def hang_up(self) -> bool:
        """End every connection for whoever waits on it in another thread, who then closes it; whether there was one.

        Closing it here would give its number to the next file or connection, and that other thread, still reading and
        writing by that number, would put its bytes there.
        """
        with self._knowing:
            found = tuple(self._connected)
        for each in found:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(each, socket.SHUT_RDWR)
        return bool(found)

    @classmethod
    def trusting(cls, authority: Path | RelayAuthority | None) -> StoreContext:
        """TLS 1.3 and this CA, nothing else.

        Raises:
            DamagedError: there is no certificate.
        """
        if authority is None:
            fault = "the store's CA certificate is not given"
            raise DamagedError(what="enrolment", fault=fault, remedy="Pass --ca FILE")
        context = cls(ssl.PROTOCOL_TLS_CLIENT)
        context._connected, context._knowing = WeakSet(), threading.Lock()
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        is_relay = isinstance(authority, RelayAuthority)
        try:
            if is_relay:
                context.load_verify_locations(cadata=authority.pem)
            else:
                context.load_verify_locations(cafile=str(authority))
        except (OSError, ssl.SSLError, ValueError) as error:
            where = "the relay's" if is_relay else str(authority)
            raise DamagedError(what="CA certificate", fault=f"{where} cannot be read as PEM") from error
        return context
