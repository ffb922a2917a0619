"""A relay's forwarding in a process of its own, to be killed: ``forwarder.py FOLDER SITTING URL``."""

from __future__ import annotations

import sys
from pathlib import Path

from centralstore.counter import open_store
from centralstore.errors import StoreError
from centralstore.relay.forwarding import forward


def say(sentence: str) -> None:
    sys.stdout.write(f"{sentence}\n")
    sys.stdout.flush()


def main(folder: str, sitting: str, url: str) -> int:
    with open_store(Path(folder)) as store:
        say("ready")
        try:
            done = forward(store, sitting, url=url)
        except StoreError as error:
            say(f"stopped: {error}")
            return 1
        say(f"done {done.envelopes} {done.refused}")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
