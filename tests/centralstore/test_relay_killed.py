"""SIGKILL of the relay and of the central store in the middle of forwarding: everything arrives, and once."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
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

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).resolve().parents[2]
LONGEST_S = 1.2
"""A whole forwarding of this sitting takes about a second on a quiet machine."""


@dataclass
class Room:
    """Folders of a central store and a relay before anything was forwarded, and the processes over their copies."""

    template: Path
    place: Path
    central: subprocess.Popen[str] | None = None
    url: str = ""
    port: int = 0

    def begin(self) -> None:
        """Anew from the folders."""
        self.stop()
        shutil.rmtree(self.place, ignore_errors=True)
        shutil.copytree(self.template, self.place)
        self.serve()

    def serve(self) -> None:
        words = [sys.executable, "-m", "proverom", "store", "run", str(self.place / "store"), "--port", str(self.port)]
        self.central = subprocess.Popen(
            mortal(words),
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=ROOT, text=True,
        )  # fmt: skip
        assert self.central.stdout is not None
        line = self.central.stdout.readline()
        self.url = "https://" + line.split("https://", 1)[1].split()[0]
        self.port = int(self.url.rsplit(":", 1)[1])

    def stop(self) -> None:
        if self.central is not None:
            end(self.central)
            self.central = None

    def forwarder(self) -> subprocess.Popen[str]:
        words = [sys.executable, "-m", "tests.centralstore.forwarder", str(self.place / "relay"), "s1", self.url]
        process = subprocess.Popen(mortal(words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", process.stderr.read() if process.stderr else ""
        return process


def end(process: subprocess.Popen[str]) -> str:
    """SIGKILL; what it had said."""
    process.kill()
    told, _ = process.communicate()
    return told


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
            room.stop()
        assert trial.counts["envelopes lost or changed"] == trial.counts["envelopes kept twice"] == 0
        assert trial.counts["kills of the relay"] > 0


def kill_once(room: Room, chance: Random, trial: Trial) -> None:
    """Forward, and kill one of the two at a moment drawn; what was done by then is looked at and begun anew."""
    forwarder = room.forwarder()
    time.sleep(chance.uniform(0, LONGEST_S))
    if chance.random() < 1 / 3:
        room.stop()
        trial.count("kills of central")
        forwarder.communicate(timeout=60)
        is_done = forwarder.returncode == 0
        room.serve()
    else:
        trial.count("kills of the relay")
        is_done = "done" in end(forwarder)
    if is_done:
        trial.count("forwardings that ended before the kill")
        room.stop()
        look(room, trial)
        room.begin()


def finish(room: Room, trial: Trial) -> None:
    """Forward to the end and look."""
    told, wrong = room.forwarder().communicate(timeout=100)
    assert told.startswith("done"), told + wrong
    room.stop()
    look(room, trial)
