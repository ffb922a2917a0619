"""Power cuts under the store's database (SQLite): nothing acknowledged is lost, nothing is corrupt.

A real store keeps real envelopes; after each receipt its files are remembered. What a power cut can leave is made of
two neighbours: SQLite syncs its log before a commit is answered, and the database file before the log is begun anew. So
a cut leaves either the old database file with any mixture of the sectors of both logs, or the new log, whole, with any
mixture of the sectors of both database files. A log that is begun anew has its header synced before anything else is
written over the old one. The control takes a receipt that was given before the sync.
"""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlmodel import Session

from centralstore.store import Store
from sync.envelope import verify
from tests.centralstore.place import Pc, Site
from tests.proof import Proof

pytestmark = [pytest.mark.anyio, pytest.mark.sqlite]

SECTOR = 512
LOG_HEADER = 32
COMMITS = 40
CUTS_A_RUN = 250
CHECKPOINT_PAGES = 60
CONTROLS = 60


@dataclass(frozen=True)
class Moment:
    """The files after a receipt, and the envelopes that had one by then."""

    database: bytes
    log: bytes
    kept: frozenset[bytes]


def files_of(site: Site) -> tuple[bytes, bytes]:
    base = site.store.folder.path / "store.sqlite"
    return base.read_bytes(), base.with_name("store.sqlite-wal").read_bytes()


def run(site: Site, pc: Pc, seed: int) -> list[Moment]:
    """Envelopes of many sizes, one receipt after the other; the log is carried over into the database now and then."""

    def often(session: Session) -> None:
        session.connection().exec_driver_sql(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")

    site.store._house.database.write(often)
    dice = random.Random(seed)
    kept: set[bytes] = set()
    moments = [Moment(*files_of(site), frozenset())]
    for number in range(COMMITS):
        journal = site.journal(pc, f"cut-{seed}-{number}").write_keys(dice.choice((1, 3, 20, 120)))
        for data in journal.envelopes():
            site.store.keep_envelope(data).result()
            kept.add(data)
            moments.append(Moment(*files_of(site), frozenset(kept)))
    return moments


def mixed(old: bytes, new: bytes, dice: random.Random) -> bytes:
    """A file on its way from one content to the other: of each sector that differs the old or the new, one torn."""
    if old == new:
        return new
    left = bytearray(old)
    left.extend(bytes(max(0, len(new) - len(old))))
    changed = [
        place
        for place in range(0, len(new), SECTOR)
        if new[place : place + SECTOR] != bytes(left[place : place + SECTOR])
    ]
    share = dice.choice((0.0, 0.1, 0.5, 0.9, 1.0))
    for place in changed:
        if dice.random() < share:
            left[place : place + SECTOR] = new[place : place + SECTOR]
    torn = dice.choice(changed)
    part = dice.randrange(SECTOR)
    left[torn : torn + part] = new[torn : torn + part]
    return bytes(left[: dice.choice((len(left), max(len(old), torn + part)))])


def cut(before: Moment, after: Moment, dice: random.Random) -> tuple[bytes, bytes]:
    """What a cut between two receipts leaves: database file and log."""
    if before.database != after.database and dice.random() < 0.5:
        return mixed(before.database, after.database, dice), after.log
    if before.log[:LOG_HEADER] == after.log[:LOG_HEADER]:
        return before.database, mixed(before.log, after.log, dice)
    written = LOG_HEADER if dice.random() < 0.8 else dice.randrange(LOG_HEADER)
    begun = after.log[:written] + before.log[written:]
    return before.database, mixed(begun, after.log, dice) if written == LOG_HEADER else begun


def found_after(folder: Path, database: bytes, log: bytes) -> tuple[bool, set[bytes]]:
    """Whether SQLite finds the files sound after the cut, and the envelopes it finds."""
    path = folder / "store.sqlite"
    path.write_bytes(database)
    path.with_name("store.sqlite-wal").write_bytes(log)
    path.with_name("store.sqlite-shm").unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as opened:
        is_sound = opened.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return is_sound, {row[0] for row in opened.execute("SELECT data FROM keptenvelope")}


async def test_no_power_cut_under_the_database_loses_what_was_acknowledged(
    site: Site, tmp_path: Path, proof: Proof
) -> None:
    pc = await site.enrol()
    place = tmp_path / "after"
    place.mkdir()
    moments: list[Moment] = []
    with proof("power cuts of the store's database", ci=250, full=10_000) as trial:
        for what in ("acknowledged envelopes lost", "databases corrupt"):
            trial.count(what, 0)
        for seed in trial.seeds():
            if not moments or seed % CUTS_A_RUN == 0:
                moments = run(site, pc, seed)
            dice = random.Random(seed)
            number = dice.randrange(len(moments) - 1)
            before, after = moments[number], moments[number + 1]
            is_sound, found = found_after(place, *cut(before, after, dice))
            trial.count("databases corrupt", not is_sound)
            trial.count("envelopes acknowledged", len(before.kept))
            trial.count("acknowledged envelopes lost", len(before.kept - found))
            trial.count("within a carrying over into the database", before.database != after.database)
        lost, corrupt = (trial.counts[what] for what in ("acknowledged envelopes lost", "databases corrupt"))
        assert (lost, corrupt) == (0, 0)
        assert trial.counts["within a carrying over into the database"] > 0


async def test_control_a_receipt_before_the_sync_is_found_out(site: Site, tmp_path: Path) -> None:
    pc = await site.enrol()
    moments = run(site, pc, 1)
    place = tmp_path / "after"
    place.mkdir()
    lost = 0
    for seed in range(CONTROLS):
        dice = random.Random(seed)
        number = dice.randrange(len(moments) - 1)
        _, found = found_after(place, *cut(moments[number], moments[number + 1], dice))
        lost += not moments[number + 1].kept <= found  # as if the later receipt had been given already
    assert lost > CONTROLS // 4


async def test_the_store_itself_goes_on_after_a_cut(site: Site, tmp_path: Path) -> None:
    pc = await site.enrol()
    moments = run(site, pc, 2)
    folder = site.store.folder.path
    site.store.close()
    dice = random.Random(7)
    for number in dice.sample(range(len(moments) - 1), 3):
        is_sound, _ = found_after(folder, *cut(moments[number], moments[number + 1], dice))
        assert is_sound
        with closing(Store.open(folder)) as store:
            for data in moments[number].kept:  # sent again: known, each with the receipt it had
                assert not store.keep_envelope(data).result().is_conflict
            (new,) = site.journal(pc, f"after-{number}").write_keys(2).envelopes()
            assert not store.keep_envelope(new).result().is_conflict
            attempts = {verify(data, pc.keys.signing.public).header.attempt for data in moments[number].kept}
            kept = {data for attempt in attempts for data in store.envelopes(attempt)}
            assert kept >= moments[number].kept
            assert list(store.envelopes(f"after-{number}")) == [new]
