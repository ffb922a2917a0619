"""Whatever goes over the network between a PC and the store, recorded."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress


class Recorder:
    """A TCP proxy that keeps every byte both ways."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._lock = threading.Lock()
        self._streams: list[bytearray] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def captured(self) -> bytes:
        """Everything so far, stream by stream."""
        with self._lock:
            return b"".join(map(bytes, self._streams))

    def stop(self) -> None:
        """Take no more connections."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._pair, args=(near,), daemon=True).start()

    def _pair(self, near: socket.socket) -> None:
        with near, socket.create_connection(("127.0.0.1", self._to)) as far:
            back = threading.Thread(target=self._copy, args=(far, near), daemon=True)
            back.start()
            self._copy(near, far)
            back.join()

    def _copy(self, source: socket.socket, sink: socket.socket) -> None:
        kept = bytearray()
        with self._lock:
            self._streams.append(kept)
        with suppress(OSError):
            while chunk := source.recv(65_536):
                with self._lock:
                    kept += chunk
                sink.sendall(chunk)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)
