"""Backups of a running store under load: whole or not at all, nothing acknowledged before one is lost with it."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import NullPool, create_engine
from sqlmodel import select

from centralstore.commands import main
from centralstore.errors import RestoreRefusedError, SetUpError
from centralstore.evidence.backup import Backup, Manifest, make_backup, make_recovery_key, restore
from centralstore.evidence.bundle import OutFolder, export_bundle
from centralstore.evidence.witness import read_public
from centralstore.folder import open_folder
from centralstore.rights import COMMAND_LINE
from centralstore.store import Store
from centralstore.tables import KeptEnvelope
from sync.client import StoreClient
from sync.keys import BoxKey, BoxPublic, random_key
from tests.centralstore.place import Clock, Pc, Site, events_of
from tests.centralstore.test_server import ROOT, now_utc_ms
from tests.postgres import Postgres
from tests.stores import rows_of
from tests.strategies import running
from verifier.main import main as verify

pytestmark = pytest.mark.anyio

ATTEMPT = "a" * 32


@dataclass
class Vault:
    """Where the private half of the recovery key is kept: not at the store."""

    path: Path

    @property
    def public(self) -> BoxPublic:
        return BoxPublic(read_public(self.path.with_name("recovery.key.pub")).raw)

    @property
    def private(self) -> BoxKey:
        return BoxKey(bytes.fromhex(self.path.read_text()))


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    (tmp_path / "vault").mkdir()
    make_recovery_key(tmp_path / "vault/recovery.key")
    return Vault(tmp_path / "vault/recovery.key")


async def filled(site: Site) -> Pc:
    pc = await site.open_pc("reading")
    journal = site.journal(pc, ATTEMPT).write(events_of(running("reading").take(lambda _attempt: 3), pc.id))
    for data in journal.envelopes(limit=1500):
        assert (await pc.ask("POST", "/v1/envelopes", data)).status_code == 200
    return pc


def backed_up(site: Site, vault: Vault, out: Path) -> Backup:
    """Of the open store: what `./run store backup` does beside a running service."""
    return make_backup(
        site.store.folder.path, out, checkpoint=lambda: site.store.checkpoint().decode(), now_utc_ms=site.clock(),
        recovery=vault.public,
    )  # fmt: skip


def left(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if "backup" in path.name]


async def test_a_restored_store_is_the_store_and_its_check_export_and_verifier_find_nothing(
    site: Site, vault: Vault, tmp_path: Path
) -> None:
    await filled(site)
    made = backed_up(site, vault, tmp_path / "backup.tar")
    site.store.close()
    told = restore(made.path, tmp_path / "again", recovery=vault.private)
    assert told == made.manifest
    assert rows_of(tmp_path / "again") == rows_of(site.store.folder.path)
    before = {path.relative_to(site.store.folder.path): path for path in site.store.folder.path.rglob("*")}
    for path in (tmp_path / "again").rglob("*"):
        if path.is_file() and path.name not in {"store.sqlite", "store.json"}:
            assert path.read_bytes() == before[path.relative_to(tmp_path / "again")].read_bytes()
    store = Store.open(tmp_path / "again", clock=site.clock)
    try:
        report = store.check_log()
        assert (report.findings, report.uncovered) == ((), 1)  # the checkpoint's own leaf
        export_bundle(store, "s1", OutFolder(tmp_path / "out"), checkpoint=store.checkpoint)
    finally:
        store.close()
    assert verify([str(tmp_path / "out")]) == 0


async def test_no_private_key_is_in_a_backup_in_the_clear(site: Site, vault: Vault, tmp_path: Path) -> None:
    await filled(site)
    folder = site.store.folder.path
    data = backed_up(site, vault, tmp_path / "backup.tar").path.read_bytes()
    for path in (*(folder / "keys").glob("*.key"), folder / "ca.key", folder / "server.key"):
        secret = path.read_bytes()
        assert secret[:32] not in data
        assert secret.hex().encode() not in data
    plain = make_backup(
        folder, tmp_path / "bare.tar", checkpoint=lambda: site.store.checkpoint().decode(), now_utc_ms=1
    )
    with tarfile.open(plain.path) as tar:
        assert not [name for name in tar.getnames() if name.endswith((".key", ".sealed"))]


async def test_a_backup_without_keys_needs_the_folder_they_are_kept_in(site: Site, tmp_path: Path) -> None:
    await filled(site)
    folder = site.store.folder.path
    made = make_backup(folder, tmp_path / "b.tar", checkpoint=lambda: site.store.checkpoint().decode(), now_utc_ms=1)
    site.store.close()
    with pytest.raises(RestoreRefusedError, match="private keys cannot be had"):
        restore(made.path, tmp_path / "again")
    restore(made.path, tmp_path / "again", keys=folder)
    assert rows_of(tmp_path / "again") == rows_of(folder)


async def test_another_recovery_key_and_another_stores_keys_restore_nothing(
    site: Site, vault: Vault, tmp_path: Path
) -> None:
    made = backed_up(site, vault, tmp_path / "backup.tar")
    with pytest.raises(RestoreRefusedError, match="cannot be opened with this key"):
        restore(made.path, tmp_path / "again", recovery=BoxKey(random_key()))
    from centralstore.folder import init_folder
    from sync.passwords import TEST_COST

    init_folder(tmp_path / "other", cost=TEST_COST)
    with pytest.raises(RestoreRefusedError, match="not signed by the store's log key"):
        restore(made.path, tmp_path / "again", keys=tmp_path / "other")
    assert not (tmp_path / "again").exists()


async def test_nothing_is_ever_overwritten(site: Site, vault: Vault, tmp_path: Path) -> None:
    (tmp_path / "backup.tar").write_text("an older one")
    with pytest.raises(SetUpError, match="never overwritten"):
        backed_up(site, vault, tmp_path / "backup.tar")
    made = backed_up(site, vault, tmp_path / "new.tar")
    (tmp_path / "again").mkdir()
    with pytest.raises(SetUpError, match="nothing is overwritten"):
        restore(made.path, tmp_path / "again", recovery=vault.private)
    assert list((tmp_path / "again").iterdir()) == []
    with pytest.raises(SetUpError):
        make_recovery_key(vault.path)


async def test_a_disk_that_fills_up_leaves_no_half_backup(
    site: Site, vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("centralstore.evidence.backup._write_tar", full)
    with pytest.raises(SetUpError, match="No space left"):
        backed_up(site, vault, tmp_path / "backup.tar")
    assert left(tmp_path) == []


async def test_no_changed_cut_or_spliced_backup_is_ever_restored_as_something_else(
    site: Site, vault: Vault, tmp_path: Path
) -> None:
    await filled(site)
    data = backed_up(site, vault, tmp_path / "backup.tar").path.read_bytes()
    site.store.close()
    expected, chance, refused = rows_of(site.store.folder.path), random.Random(7), 0
    for number in range(60):
        changed = bytearray(data)
        place = chance.randrange(len(data))
        if number % 3 == 0:
            del changed[place:]
        elif number % 3 == 1:
            changed[place] ^= 1 << chance.randrange(8)
        else:
            changed[place : place + 512] = changed[:512]
        (tmp_path / "changed.tar").write_bytes(changed)
        again = tmp_path / f"again-{number}"
        try:
            restore(tmp_path / "changed.tar", again, recovery=vault.private)
        except RestoreRefusedError:
            refused += 1
            assert not again.exists()
        else:  # the change hit what carries no content: padding, or a date in a file's header
            assert rows_of(again) == expected
    assert refused > 40


# --- the drill --------------------------------------------------------------------------------------------------------


@dataclass
class Load:
    """Somebody delivering all the time; ``acknowledged`` by name when its receipt was there."""

    client: StoreClient
    waiting: Iterator[bytes]
    acknowledged: list[bytes] = field(default_factory=list[bytes])
    is_over: threading.Event = field(default_factory=threading.Event)
    has_begun: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        for data in self.waiting:
            if self.is_over.is_set():
                return
            self.client.deliver(data)
            self.acknowledged.append(data)
            if len(self.acknowledged) == 20:
                self.has_begun.set()


def kept(folder: Path) -> set[bytes]:
    engine = create_engine(open_folder(folder).database_url, poolclass=NullPool)
    with engine.connect() as database:
        return set(database.execute(select(KeptEnvelope.data)).scalars())


SERVE = """
import sys, time
from centralstore.commands import main
from centralstore.store import Store
ahead = int(sys.argv.pop())
Store.open.__func__.__kwdefaults__["clock"] = lambda: time.time_ns() // 1_000_000 + ahead
sys.exit(main(sys.argv[1:]))
"""
"""The service with its clock set to the day of the sitting: a log whose times went back would be a finding."""


def started(folder: Path, ahead_ms: int) -> tuple[subprocess.Popen[str], str]:
    words = [sys.executable, "-c", SERVE, "run", str(folder), "--port", "0", str(ahead_ms)]
    process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    found = re.search(r"https://\S+", process.stdout.readline())
    assert found is not None
    return process, found[0]


def stopped(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


async def test_drill_what_was_acknowledged_before_a_backup_under_load_is_there_after_its_restoration(
    site: Site, vault: Vault, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pc = await site.open_pc("reading")
    envelopes = [
        data
        for number in range(40)
        for data in site.journal(pc, f"{number:032x}")
        .write(events_of(running("reading").take(lambda _attempt: 3), pc.id, attempt=f"{number:032x}"))
        .envelopes(limit=1500)
    ]
    folder = site.store.folder.path
    site.store.close()
    ahead_ms = site.clock.now_ms - now_utc_ms()

    def clock() -> int:
        return now_utc_ms() + ahead_ms

    process, url = started(folder, ahead_ms)
    try:
        with StoreClient(url, folder / "ca.pem", pc.id, pc.keys, now_utc_ms=clock) as client:
            load = Load(client, iter(envelopes))
            thread = threading.Thread(target=load.run)
            thread.start()
            assert load.has_begun.wait(30)
            before = set(load.acknowledged)
            public = str(vault.path.with_name("recovery.key.pub"))
            words = ["backup", str(folder), "--out", str(tmp_path / "backup.tar"), "--recovery-key", public]
            assert main(words) == 0, capsys.readouterr().err
            after = set(load.acknowledged)
            load.is_over.set()
            thread.join()
    finally:
        stopped(process)
    assert len(before) < len(after) <= len(envelopes)  # the load went on while the backup was made
    again = tmp_path / "again"
    words = ["restore", str(tmp_path / "backup.tar"), "--to", str(again), "--recovery-key", str(vault.path)]
    assert main(words) == 0, capsys.readouterr()
    assert before <= kept(again)
    process, url = started(again, ahead_ms)
    try:
        with StoreClient(url, again / "ca.pem", pc.id, pc.keys, now_utc_ms=clock) as client:
            for data in envelopes:  # the PCs send again what the restored store lacks, and what it has too
                client.deliver(data)
        assert main(["bundle", str(again), "s1", "--out", str(tmp_path / "out")]) == 0, capsys.readouterr().err
    finally:
        stopped(process)
    assert kept(again) == set(envelopes)
    assert verify([str(tmp_path / "out")]) == 0
    assert main(["check-log", str(again)]) == 0


async def test_a_postgresql_store_is_backed_up_into_the_same_file_and_restored_into_either(
    site: Site, vault: Vault, tmp_path: Path, postgres: Postgres
) -> None:
    await filled(site)
    made = backed_up(site, vault, tmp_path / "first.tar")
    site.store.close()
    url = postgres.url(postgres.create())
    restore(made.path, tmp_path / "on-server", recovery=vault.private, database=url)
    store = Store.open(tmp_path / "on-server", clock=Clock(site.clock.now_ms))
    try:
        assert store.check_log().findings == ()
        store.make_token(COMMAND_LINE, "oslo", "r1")  # rows go on being numbered after the last one
        again = make_backup(
            tmp_path / "on-server", tmp_path / "second.tar", checkpoint=lambda: store.checkpoint().decode(),
            now_utc_ms=1, recovery=vault.public,
        )  # fmt: skip
        with pytest.raises(SetUpError, match="has rows already"):
            restore(made.path, tmp_path / "twice", recovery=vault.private, database=url)
    finally:
        store.close()
    restore(again.path, tmp_path / "in-file", recovery=vault.private)
    store = Store.open(tmp_path / "in-file", clock=Clock(site.clock.now_ms))
    try:
        report = store.check_log()
        assert (report.findings, report.counts["receipt"]) == ((), len(kept(tmp_path / "in-file")))
    finally:
        store.close()
    settings = json.loads((tmp_path / "in-file/store.json").read_bytes())
    assert settings["database"] == ""
    assert isinstance(again.manifest, Manifest)
