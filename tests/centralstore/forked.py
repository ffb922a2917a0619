"""Stores in processes of their own that start at once: forked from one that has everything loaded, and killed singly.

Each line on standard input starts one: ``serve FOLDER PORT`` or ``forward FOLDER SITTING URL``. What one says begins
with its process id, so that whoever reads can kill it.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from centralstore.counter import open_store
from centralstore.errors import StoreError
from centralstore.relay.forwarding import forward
from centralstore.server import run_service

PR_SET_PDEATHSIG = 1


def say(sentence: str) -> None:
    """One line, in one write."""
    os.write(1, f"{os.getpid()} {sentence}\n".encode())


def serve(folder: str, port: str) -> None:
    """A central store, until it is killed."""
    run_service(Path(folder), "127.0.0.1", int(port), extend=None, tell=say)


def bring(folder: str, sitting: str, url: str) -> None:
    """A relay that forwards once."""
    with open_store(Path(folder)) as store:
        say("ready")
        try:
            done = forward(store, sitting, url=url)
        except StoreError as error:
            say(f"stopped: {error}")
        else:
            say(f"done {done.envelopes}" if not done.refused else f"refused {done.refused}")


def child(words: Sequence[str]) -> None:
    """One store; it ends with the process that forked it, or before."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    {"serve": serve, "forward": bring}[words[0]](*words[1:])


def main() -> None:
    """Fork for every line until there are no more."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while line := sys.stdin.readline():
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            try:
                child(line.split())
            finally:
                os._exit(0)


if __name__ == "__main__":
    main()
