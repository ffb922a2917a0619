"""The witness: signs what continues, refuses what shrank, forked or was rewritten, and keeps the evidence."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from centralstore.commands import main
from centralstore.errors import ForkedLogError, LogBrokenError, SetUpError, StoreSilentError
from centralstore.evidence.witness import Proof, Witness, init_witness, open_witness, told, watch
from centralstore.folder import init_folder
from centralstore.rights import COMMAND_LINE
from centralstore.store import Store
from sync.checkpoint import Checkpoint, sign_checkpoint, verify_cosigned
from sync.errors import WrongSignatureError
from sync.keys import SigningKey
from sync.passwords import TEST_COST
from sync.tree import leaf_hash
from tests.centralstore.administrator import administrator
from tests.centralstore.place import START_MS, Clock
from tests.centralstore.test_server import start
from tests.stores import Stores


@dataclass
class Direct:
    """A store's log without the network between; ``store`` may be exchanged."""

    store: Store

    def checkpoint(self) -> bytes:
        return self.store.checkpoint()

    def consistency(self, first: int, second: int) -> Proof:
        return Proof(first=first, last=second, path=[step.hex() for step in self.store.consistency(first, second)])


@dataclass
class Told:
    """A log that says whatever a test wants."""

    data: bytes
    path: list[str] = field(default_factory=list)

    def checkpoint(self) -> bytes:
        return self.data

    def consistency(self, first: int, second: int) -> Proof:
        return Proof(first=first, last=second, path=self.path)


@pytest.fixture
def clock() -> Clock:
    return Clock(START_MS)


@pytest.fixture
def opened(tmp_path: Path, clock: Clock, stores: Stores, database_kind: str) -> Iterator[Callable[[], Store]]:
    """Opens the store; one that is open is closed first."""
    made: list[Store] = []

    def again() -> Store:
        if made:
            made.pop().close()
        made.append(Store.open(tmp_path / "store", clock=clock))
        return made[0]

    with stores.database(database_kind) as database:
        init_folder(tmp_path / "store", database=database, cost=TEST_COST)
        yield again
        if made:
            made.pop().close()


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    return init_witness(tmp_path / "witness", "Tilsynet")


def act(store: Store, times: int = 1) -> None:
    for _ in range(times):
        store.make_token(COMMAND_LINE, "oslo", "r1")


def close_and_change(store: Store, statement: str, *values: object) -> None:
    """Change the database as its administrator can: with SQL and no key."""
    store.close()
    with administrator(store.folder.path) as admin:
        admin.run(statement, *values)


def test_a_log_that_goes_on_is_signed_at_every_look(
    opened: Callable[[], Store], witness: Witness, clock: Clock
) -> None:
    source = Direct(opened())
    sizes = []
    for times in (0, 1, 5, 300, 0, 2):
        act(source.store, times)
        clock.pass_minutes(1)
        seen = witness.look(source, source.store.log_key, clock.now_ms)
        sizes.append(seen.checkpoint.size)
        cosigned, checkpoint = verify_cosigned(seen.file.read_bytes(), witness.key.public, source.store.log_key)
        assert (cosigned.witness, checkpoint) == ("Tilsynet", seen.checkpoint)
        assert str(seen.checkpoint.size) in told(seen)
    assert sizes == [0, 2, 8, 309, 309, 312]  # acts, and a leaf of each checkpoint before
    assert not (witness.folder / "alarms").exists()


def test_an_older_copy_of_the_whole_database_is_seen_by_the_witness_and_by_nobody_at_the_store(
    opened: Callable[[], Store], witness: Witness, clock: Clock, stores: Stores, tmp_path: Path
) -> None:
    source = Direct(opened())
    act(source.store, 3)
    source.store.checkpoint()
    source.store.close()
    with stores.copied(tmp_path / "store", tmp_path / "older") as older:
        source.store = opened()
        act(source.store, 2)
        witness.look(source, source.store.log_key, clock.now_ms)
        source.store.close()
        stores.put_back(older, tmp_path / "store")
    source.store = opened()
    source.store.checkpoint()  # the store itself sees nothing wrong
    with pytest.raises(ForkedLogError, match="an older copy is back"):
        witness.look(source, source.store.log_key, clock.now_ms)
    clock.pass_minutes(1)
    act(source.store, 7)  # grown past what was seen: another log now
    with pytest.raises(ForkedLogError, match="nothing proves that it continues"):
        witness.look(source, source.store.log_key, clock.now_ms)
    alarms = sorted((witness.folder / "alarms").iterdir())
    evidence = json.loads(alarms[-1].read_text())
    assert json.loads(evidence["accepted"])["body"]["size"] == 6
    assert json.loads(evidence["offered"])["kind"] == "checkpoint"


def test_the_end_cut_off_with_its_checkpoints_is_seen_by_the_witness(
    opened: Callable[[], Store], witness: Witness, clock: Clock
) -> None:
    source = Direct(opened())
    act(source.store, 3)
    source.store.checkpoint()
    act(source.store, 3)
    witness.look(source, source.store.log_key, clock.now_ms)
    close_and_change(source.store, "delete from logleaf where number > 3")
    close_and_change(source.store, "delete from logcheckpoint where size > 3")
    close_and_change(source.store, "delete from audit where id > 3")
    source.store = opened()
    with pytest.raises(ForkedLogError, match="its end was cut off"):
        witness.look(source, source.store.log_key, clock.now_ms)


def test_a_store_that_rewrote_its_past_with_its_own_keys_is_seen_by_the_witness(
    opened: Callable[[], Store], witness: Witness, clock: Clock
) -> None:
    source = Direct(opened())
    act(source.store, 5)
    witness.look(source, source.store.log_key, clock.now_ms)
    close_and_change(source.store, "update logleaf set leaf = ? where number = 2", leaf_hash(b"forged"))
    close_and_change(source.store, "delete from logcheckpoint")
    source.store = opened()
    act(source.store, 2)
    with pytest.raises(ForkedLogError, match="nothing proves"):
        witness.look(source, source.store.log_key, clock.now_ms)


LOG = SigningKey(b"l" * 32)


def checkpoint(size: int, root: bytes, at_utc_ms: int = START_MS) -> bytes:
    made = Checkpoint(log=LOG.public.hex, size=size, root=root.hex(), at_utc_ms=at_utc_ms)
    return sign_checkpoint(made, LOG)


@pytest.mark.parametrize(("data", "why"), [
    (checkpoint(7, leaf_hash(b"b")), "two logs of 7 leaves"),
    (checkpoint(6, leaf_hash(b"a")), "it has 6 leaves, and had 7"),
    (checkpoint(8, leaf_hash(b"a")), "nothing proves"),
    (checkpoint(7, leaf_hash(b"a"), START_MS - 1), "older than one seen before"),
    (checkpoint(7, leaf_hash(b"a"), START_MS + 3_600_000), "yet to come"),
], ids=["fork", "shrunk", "no proof", "time back", "from the future"])  # fmt: skip
def test_what_does_not_continue_is_refused_kept_and_never_signed(witness: Witness, data: bytes, why: str) -> None:
    witness.look(Told(checkpoint(7, leaf_hash(b"a"))), LOG.public, START_MS)
    kept = (witness.folder / "last.json").read_bytes()
    with pytest.raises(ForkedLogError, match=why):
        witness.look(Told(data), LOG.public, START_MS + 1)
    assert (witness.folder / "last.json").read_bytes() == kept
    assert [file.name for file in (witness.folder / "seen").iterdir()] == ["000000000007.json"]
    assert json.loads((witness.folder / "alarms" / f"{START_MS + 1}.json").read_text())["offered"].encode() == data


def test_a_checkpoint_by_another_key_is_refused_and_changes_nothing(witness: Witness) -> None:
    made = Checkpoint(log=LOG.public.hex, size=1, root=leaf_hash(b"a").hex(), at_utc_ms=START_MS)
    with pytest.raises(WrongSignatureError):
        witness.look(Told(sign_checkpoint(made, SigningKey(b"o" * 32))), LOG.public, START_MS)
    assert not (witness.folder / "last.json").exists()


def test_what_was_accepted_is_on_disk_before_it_is_signed(witness: Witness, monkeypatch: pytest.MonkeyPatch) -> None:
    import centralstore.evidence.witness as module

    def stopped(*_arguments: object, **_named: object) -> bytes:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, "cosign", stopped)
        with pytest.raises(KeyboardInterrupt):
            witness.look(Told(checkpoint(7, leaf_hash(b"a"))), LOG.public, START_MS)
    with pytest.raises(ForkedLogError):
        witness.look(Told(checkpoint(7, leaf_hash(b"b"))), LOG.public, START_MS)
    seen = witness.look(Told(checkpoint(7, leaf_hash(b"a"))), LOG.public, START_MS)
    assert seen.file.exists()


def test_watching_goes_on_through_silence_and_ends_at_a_fork(witness: Witness) -> None:
    good, forked = checkpoint(7, leaf_hash(b"a")), checkpoint(7, leaf_hash(b"b"))
    answers = [None, good, None, good, forked]

    class Log(Told):
        def checkpoint(self) -> bytes:
            answer = answers.pop(0)
            if answer is None:
                raise StoreSilentError("https://store.test", "no network")
            return answer

    lines: list[str] = []
    with pytest.raises(ForkedLogError):
        watch(witness, Log(b""), LOG.public, now_utc_ms=lambda: START_MS, wait=lambda: True, tell=lines.append)
    assert [line.split()[0] for line in lines] == ["The", "Good:", "The", "Unchanged:"]


def test_one_folder_is_for_one_log_and_a_folder_in_use_is_not_made_anew(witness: Witness) -> None:
    witness.look(Told(checkpoint(7, leaf_hash(b"a"))), LOG.public, START_MS)
    with pytest.raises(SetUpError, match="Use one folder for one log"):
        open_witness(witness.folder).last(SigningKey(b"o" * 32).public)
    with pytest.raises(SetUpError, match="not empty"):
        init_witness(witness.folder, "another")


def test_a_cosigned_checkpoint_given_back_is_kept_once_and_one_of_another_log_is_refused(
    opened: Callable[[], Store], witness: Witness, clock: Clock
) -> None:
    source = Direct(opened())
    act(source.store, 4)
    seen = witness.look(source, source.store.log_key, clock.now_ms)
    data = seen.file.read_bytes()
    assert source.store.add_witness(data, witness.key.public) == seen.checkpoint
    source.store.add_witness(data, witness.key.public)
    assert source.store.witnessed() == ((data, witness.key.public),)
    with pytest.raises(WrongSignatureError):
        source.store.add_witness(data, LOG.public)
    close_and_change(source.store, "update logleaf set leaf = ? where number = 2", leaf_hash(b"forged"))
    close_and_change(source.store, "delete from logcheckpoint")
    source.store = opened()
    with pytest.raises(LogBrokenError, match="the witness saw other leaves"):
        source.store.add_witness(data, witness.key.public)


# --- over the network, as commands ------------------------------------------------------------------------------------


def test_another_organisation_watches_a_running_store_by_its_address_ca_and_log_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "store"
    init_folder(folder, cost=TEST_COST)
    init_folder(tmp_path / "other", cost=TEST_COST)
    process, url = start(folder)

    def run(*words: str) -> tuple[int, str]:
        status = main([str(word) for word in words])
        told = capsys.readouterr()
        return status, told.out + told.err

    def look(ca: Path = folder / "ca.pem") -> tuple[int, str]:
        key = str(tmp_path / "log.pub")
        return run("witness", str(tmp_path / "w"), "--store", url, "--ca", str(ca), "--key", key)

    try:
        (tmp_path / "log.pub").write_text(run("log", str(folder), "--key")[1], encoding="ascii")
        assert run("witness-init", str(tmp_path / "w"), "Tilsynet")[0] == 0
        status, told = look()
        assert (status, "first look" in told) == (0, True), told
        assert run("token", str(folder), "--site", "oslo", "--room", "r1")[0] == 0
        assert look(tmp_path / "other/ca.pem")[0] == 1
        (seen,) = (tmp_path / "w/seen").iterdir()
        public = str(tmp_path / "w/witness.pub")
        assert run("add-witness", str(folder), str(seen), "--key", public)[0] == 0
        status, told = run("check-log", str(folder), "--cosigned", str(seen), "--witness-key", public)
        assert (status, "Everything is as the store left it." in told) == (0, True), told
    finally:
        process.kill()
        process.communicate()
    status, told = look()
    assert (status, "gives no usable answer" in told) == (1, True)
    with administrator(folder) as admin:
        admin.run("update audit set \"user\" = 'vera'")
    status, told = run("check-log", str(folder))
    assert status == 1
    assert "it was changed afterwards" in told
