"""SIGKILL of the relay and of the central store in the middle of forwarding: everything arrives, and once."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest

from centralstore.rights import COMMAND_LINE
from centralstore.store import Store
from proverom.virtual import mortal
from tests.centralstore.lending import lend_s1
from tests.centralstore.place import Site, events_of
from tests.proof import Proof, Trial
from tests.strategies import running

pytestmark = [pytest.mark.anyio, pytest.mark.sqlite]
ROOT = Path(__file__).resolve().parents[2]
LONGEST_S = 1.2
"""A whole forwarding of this sitting takes about a second on a quiet machine."""


class Starter:
    """Starts stores by `tests.centralstore.forked`, one at a time."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            mortal([sys.executable, "-m", "tests.centralstore.forked"]),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, bufsize=0,
        )  # fmt: skip
        self.pid = 0

    def start(self, *words: object) -> str:
        """Start one; what it says first."""
        assert self._process.stdin is not None
        self._process.stdin.write((" ".join(map(str, words)) + "\n").encode())
        return self.said()

    def said(self) -> str:
        """The next line that it says."""
        assert self._process.stdout is not None
        pid, _, told = self._process.stdout.readline().decode().strip().partition(" ")
        self.pid = int(pid)
        return told

    def kill(self) -> str:
        """SIGKILL, and wait until it is gone; what it had said meanwhile, "" if nothing."""
        assert self._process.stdout is not None
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        while Path(f"/proc/{self.pid}").exists():
            time.sleep(0.005)
        is_there, _, _ = select.select([self._process.stdout], [], [], 0)
        return self.said() if is_there else ""

    def close(self) -> None:
        """End everything."""
        self._process.kill()
        self._process.communicate()


@dataclass
class Room:
    """Folders of a central store and a relay before anything was forwarded, and the stores over their copies."""

    template: Path
    place: Path
    central: Starter = field(default_factory=Starter)
    relay: Starter = field(default_factory=Starter)
    url: str = ""

    def begin(self) -> None:
        """Anew from the folders."""
        shutil.rmtree(self.place, ignore_errors=True)
        shutil.copytree(self.template, self.place)
        self.serve()

    def serve(self) -> None:
        """Start the central store, at the same port as before."""
        port = self.url.rsplit(":", 1)[1] if self.url else "0"
        self.url = (
            "https://" + self.central.start("serve", self.place / "store", port).split("https://", 1)[1].split()[0]
        )

    def forward(self) -> None:
        """Start forwarding."""
        assert self.relay.start("forward", self.place / "relay", "s1", self.url) == "ready"

    def close(self) -> None:
        """End everything."""
        self.central.close()
        self.relay.close()


async def make_template(site: Site) -> None:
    """A sitting that ran at the relay: 100 envelopes and more, orders, rows, and its return."""
    lent = await lend_s1(site)
    relay, leader = lent.relay, site.leader
    relay.open_sitting(leader, "s1")
    relay.mark_present(leader, "s1", "100234", "passport")
    for part in ("listening", "reading"):
        relay.start_part(leader, "s1", part)
    pc = lent.pcs[0]
    journal = site.journal(pc, "a" * 32).write(events_of(running("reading"), pc.id)).write_keys(1200)
    for envelope in journal.envelopes(limit=1200):
        relay.keep_envelope(envelope).result()
    for number in range(30):
        relay.unlock(leader, "s1", "100234", "reading", reason=f"nr. {number}")
    relay.close_sitting(leader, "s1", "slutt")
    relay.give_back(leader, "s1")
    relay.close()
    site.store.close()


def look(room: Room, trial: Trial) -> None:
    """Hold the two stores against each other."""
    central, relay = Store.open(room.place / "store"), Store.open(room.place / "relay")
    try:
        here, there = list(central.envelopes("a" * 32)), list(relay.envelopes("a" * 32))
        trial.count("envelopes forwarded", len(there))
        trial.count("envelopes lost or changed", len(set(there) - set(here)))
        trial.count("envelopes kept twice", sum(count - 1 for count in Counter(here).values()))
        assert here == there
        assert central.signed_orders("s1", 0) == relay.signed_orders("s1", 0)
        acts = Counter(
            (row.at_ms, row.act) for row in relay.audit(COMMAND_LINE, sitting="s1") if row.act != "see_audit"
        )
        told = Counter(
            (row.at_ms, row.act) for row in central.audit(COMMAND_LINE, sitting="s1") if "relay" in row.detail
        )
        assert {key: told[key] for key in acts} == acts
        view = relay.borrowing("s1")
        assert view is not None
        assert (view.forwarded, view.is_return_known) == (view.kept, True)
    finally:
        central.close()
        relay.close()


async def test_kills_of_relay_and_central_store_while_forwarding_lose_and_double_nothing(
    site: Site, tmp_path: Path, proof: Proof
) -> None:
    await make_template(site)
    template = tmp_path / "template"
    for name in ("store", "relay"):
        shutil.copytree(tmp_path / name, template / name)
    room = Room(template, tmp_path / "running")
    with proof("relay: kills while forwarding", ci=10, full=1_000) as trial:
        for name in ("envelopes lost or changed", "envelopes kept twice", "kills of the relay", "kills of central"):
            trial.count(name, 0)
        try:
            room.begin()
            for seed in trial.seeds():
                kill_once(room, Random(seed), trial)
            finish(room, trial)
        finally:
            room.close()
        assert trial.counts["envelopes lost or changed"] == trial.counts["envelopes kept twice"] == 0
        assert trial.counts["kills of the relay"] > 0


def kill_once(room: Room, chance: Random, trial: Trial) -> None:
    """Forward, and kill one of the two at a moment drawn; what was whole by then is looked at and begun anew."""
    room.forward()
    time.sleep(chance.uniform(0, LONGEST_S))
    if chance.random() < 1 / 3:
        room.central.kill()
        trial.count("kills of central")
        told = room.relay.said()
        room.serve()
    else:
        told = room.relay.kill()
        trial.count("kills of the relay")
    if told.startswith("done"):
        trial.count("forwardings that ended before the kill")
        room.central.kill()
        look(room, trial)
        room.begin()


def finish(room: Room, trial: Trial) -> None:
    """Forward to the end and look."""
    room.forward()
    told = room.relay.said()
    assert told.startswith("done"), told
    room.relay.kill()
    room.central.kill()
    look(room, trial)
