"""A whole exported sitting for the verifier's tests: real store, real envelopes of two PCs, real orders and results.

Three candidates take three parts. One gets extra time, one moves to another PC in the middle, one is reset and begins
anew; the clock of the room goes on with the journals, envelopes arrive while the parts run, a witness sees the log
twice. What comes out is what `./run store bundle` writes.
"""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

import pytest

from centralstore.evidence.bundle import OutFolder, export_bundle
from centralstore.opening import opened_packages
from centralstore.rights import COMMAND_LINE
from centralstore.scoring import opener_for, score_attempt
from centralstore.store import Store
from engine.events import (
    AttemptBegun,
    Edited,
    Event,
    ExtraTimeGiven,
    ItemShown,
    ResetByOrder,
    Resumed,
    Submitted,
    TextChecked,
)
from itembank.keyring import KeyFolder
from sync.checkpoint import cosign
from sync.keys import SigningKey, sha256_hex
from tests.centralstore.place import RELEASE, Journal, Pc, Site, enter, furnish, norskprove_package
from tests.strategies import running

MINUTE_MS = 60_000
WITNESS = SigningKey(b"w" * 32)
LIMIT = 6_000
"""Bytes of records in an envelope: some attempts travel in one, most in several."""

CANDIDATES = ("100234", "100251", "100266")


@dataclass
class Room:
    """The room after the sitting: the store's folder, the authority's keys, and what the test needs to know of it."""

    folder: Path
    keys: KeyFolder
    site: Site
    cosigned: list[bytes] = field(default_factory=list[bytes])

    @property
    def results_key(self) -> Path:
        return self.keys.folder / "results-1.key"

    @property
    def content_keys(self) -> Path:
        return self.keys.folder / "content-keys"

    @property
    def authority_key(self) -> Path:
        return self.keys.folder / "content-signing.pub"

    def score(self) -> None:
        """As the custodians' command does, at the room's time."""
        store = self.reopened()
        try:
            options = Namespace(content_keys=self.content_keys, results_key=[self.results_key])
            held = [self.keys.results_key()]
            scored = [
                score_attempt(
                    found.attempt, found.envelopes, found.package, opener_for(found.package, held), found.known
                )
                for found in opened_packages(store, options, "s1")
            ]
            store.keep_results(COMMAND_LINE, scored)
        finally:
            store.close()

    def reopened(self) -> Store:
        return Store.open(self.site.store.folder.path, clock=self.site.clock)

    def export(self, out: Path) -> Path:
        """`./run store bundle`, by its own function."""
        store = self.reopened()
        try:
            export_bundle(store, "s1", OutFolder(out), checkpoint=store.checkpoint)
        finally:
            store.close()
        return out

    def witness(self) -> None:
        """A witness sees the open store's newest checkpoint and cosigns it."""
        store = self.site.store
        seen = cosign(store.checkpoint(), witness="Statsarkivet", key=WITNESS, seen_utc_ms=self.site.clock())
        store.add_witness(seen, WITNESS.public)
        self.cosigned.append(seen)


@dataclass(frozen=True)
class Prepared:
    """A room made before the tests, with its export."""

    room: Room
    bundle: Path


PREPARED: pytest.StashKey[Prepared] = pytest.StashKey()
"""Where pytest's configuration holds a prepared room, which its tests then share."""


async def make_room(folder: Path) -> Room:
    """Take the whole sitting; the store is closed afterwards."""
    keys = KeyFolder(folder / "authority")
    keys.create(1, 1)
    package = norskprove_package(keys)
    (folder / "site").mkdir()
    furnish(folder / "site", keys, package)
    site = enter(folder / "site", keys, package)
    room = Room(folder, keys, site)
    first, second = await site.enrol("PC 1"), await site.enrol("PC 2")
    site.grant()
    site.store.open_sitting(site.leader, "s1")
    await _listening(room, first)
    room.witness()
    await _reading(room, first, second)
    await _writing(room, first)
    site.clock.pass_minutes(5)
    site.store.close_sitting(site.leader, "s1", "ferdig")
    room.witness()
    site.store.close()
    site.clock.pass_minutes(60)
    room.score()
    return room


async def _listening(room: Room, pc: Pc) -> None:
    _begin(room, "listening")
    for number, candidate in enumerate(CANDIDATES[:2]):
        luck = Random(number)
        driven = running("listening").listen(lambda _item, luck=luck: luck.choice(("A", "A", "B", None)))
        await _send(room, pc, candidate, "listening", driven.journal)


async def _reading(room: Room, first: Pc, second: Pc) -> None:
    site = room.site
    _begin(room, "reading")
    # one candidate gets ten minutes more, and needs them
    attempt = attempt_of(CANDIDATES[0], "reading")
    await _report(room, first, CANDIDATES[0], "reading", attempt)
    order = site.store.give_extra_time(
        site.leader, "s1", CANDIDATES[0], "reading", extra_ms=600_000, reason="brannøvelse"
    )
    driven = running("reading").tick(70 * MINUTE_MS).do(ExtraTimeGiven, 600_000, order).tick(8 * MINUTE_MS)
    driven = driven.take(lambda each: len(each.items))
    await _send(room, first, CANDIDATES[0], "reading", driven.journal)
    # one goes on at another PC
    attempt = attempt_of(CANDIDATES[1], "reading")
    driven = running("reading").tick(MINUTE_MS).answer_module(3).tick(MINUTE_MS)
    journal = await _send(room, first, CANDIDATES[1], "reading", driven.journal)
    await _report(room, first, CANDIDATES[1], "reading", attempt)
    site.store.permit_handover(site.leader, "s1", CANDIDATES[1], "reading", to_device=second.id, reason="skjerm")
    driven.now_ms += MINUTE_MS
    done = len(driven.journal)
    driven.do(Resumed, MINUTE_MS, second.id).leave_module().take(lambda each: len(each.items) // 2)
    await _send(room, second, CANDIDATES[1], "reading", driven.journal, after=journal, begin=done)
    # one is reset, and begins anew
    attempt = attempt_of(CANDIDATES[2], "reading")
    driven = running("reading").tick(MINUTE_MS).answer_module(2)
    await _report(room, second, CANDIDATES[2], "reading", attempt)
    order = site.store.reset(site.leader, "s1", CANDIDATES[2], "reading", consent="muntlig", reason="strømbrudd")
    driven.do(ResetByOrder, order)
    await _send(room, second, CANDIDATES[2], "reading", driven.journal)
    again = running("reading").tick(MINUTE_MS).take(lambda _each: 1)
    begun, *rest = again.journal
    assert isinstance(begun, AttemptBegun)
    superseding = [replace(begun, supersedes=attempt), *rest]
    await _send(room, second, CANDIDATES[2], "reading", superseding, number=2)


async def _writing(room: Room, pc: Pc) -> None:
    _begin(room, "writing")
    for number, candidate in enumerate(CANDIDATES):
        driven = running("writing", level="A2-B1")
        for task in ("W-1", "W-2", "W-3")[: 3 - number]:
            text = f"Hei! Jeg heter Åse 😀 og skriver {task}."
            driven.do(ItemShown, task).tick(1000)
            for place, sign in enumerate(text):
                driven.tick(40).do(Edited, task, place, "", sign, "type")
            driven.do(TextChecked, task, len(text), sha256_hex(text.encode()))
        await _send(room, pc, candidate, "writing", driven.do(Submitted, "candidate").journal, key_timings=7)


def _begin(room: Room, part: str) -> None:
    room.site.clock.pass_minutes(20)
    room.site.store.start_part(room.site.leader, "s1", part)


def attempt_of(candidate: str, part: str, number: int = 1) -> str:
    return sha256_hex(f"{candidate}/{part}/{number}".encode())[:32]


async def _report(room: Room, pc: Pc, candidate: str, part: str, attempt: str) -> None:
    answer = await pc.ask("POST", "/v1/progress", pc.report(attempt=attempt, candidate=candidate, part=part))
    assert answer.status_code == 200, answer.text


async def _send(
    room: Room,
    pc: Pc,
    candidate: str,
    part: str,
    events: Sequence[Event],
    *,
    after: Journal | None = None,
    begin: int = 0,
    number: int = 1,
    key_timings: int = 0,
) -> Journal:
    """Deliver a journal, or what of it is new from ``begin`` on, while the room's clock goes on with it."""
    attempt = attempt_of(candidate, part, number)
    told = events_of_journal(events, pc, attempt, candidate)[begin:]
    base_ms = room.site.clock() - told[0].at_ms
    journal = room.site.journal(pc, attempt, after=after).write(told).write_keys(key_timings)
    for data in journal.envelopes(limit=LIMIT):
        header = json.loads(data[12 : 12 + int.from_bytes(data[8:12], "big")])
        room.site.clock.now_ms = base_ms + told[min(header["last"], len(told) - 1)].at_ms
        answer = await pc.ask("POST", "/v1/envelopes", data)
        assert answer.status_code == 200, answer.text
    return journal


def events_of_journal(events: Sequence[Event], pc: Pc, attempt: str, candidate: str) -> list[Event]:
    """The journal as it was begun at this site."""
    first = events[0]
    assert isinstance(first, AttemptBegun)
    here = replace(first, attempt=attempt, candidate=candidate, sitting="s1", release=RELEASE, device=pc.id)
    return [here, *events[1:]]
