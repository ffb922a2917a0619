"""The store's log: a leaf with every row, in the same transaction; checkpoints, proofs and their routes."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlmodel import Session, select

from centralstore.errors import FieldError, LogBrokenError, StoreError
from centralstore.evidence.bundle import OutFolder, export_bundle
from centralstore.evidence.periodic import checkpointing
from centralstore.folder import init_folder
from centralstore.leaves import Leaf, audit_leaf, order_leaf, place_ref, result_leaf, spelled, verify_leaf
from centralstore.migration import alembic_config, upgrade
from centralstore.records import ScoredAttempt
from centralstore.rights import COMMAND_LINE, Actor
from centralstore.store import Store
from centralstore.store.log import append
from centralstore.tables import Audit, GivenOrder, KeptEnvelope, KeptResult, LogLeaf
from centralstore.words import Role
from sync.checkpoint import verify_checkpoint
from sync.errors import WrongSignatureError
from sync.keys import VerifyKey
from sync.tree import is_consistent, is_included, leaf_hash, root_of
from tests.centralstore.administrator import administrator
from tests.centralstore.place import START_MS, Clock, Site, events_of
from tests.strategies import running
from verifier.main import main as verify

pytestmark = pytest.mark.anyio


def leaves(store: Store) -> list[LogLeaf]:
    with store._house.database.reading() as session:
        return list(session.exec(select(LogLeaf).order_by(cast("Any", LogLeaf.number))).all())


def found(store: Store, kind: str) -> dict[str, bytes]:
    return {row.ref: row.leaf for row in leaves(store) if row.kind == kind}


async def test_every_receipt_order_result_and_act_is_a_leaf_of_its_exact_bytes(site: Site) -> None:
    pc = await site.open_pc("reading")
    journal = site.journal(pc, "a" * 32).write(events_of(running("reading").take(lambda _attempt: 3), pc.id))
    receipts = {}
    for data in journal.envelopes(limit=1500):
        receipts[data] = (await pc.ask("POST", "/v1/envelopes", data)).content
    site.store.keep_results(
        COMMAND_LINE, [ScoredAttempt("a" * 32, "s1", "100234", "reading", "A2", "1", {"theta": 0.1}, (), "0" * 64)]
    )
    with site.store._house.database.reading() as session:
        kept = {row.data: row for row in session.exec(select(KeptEnvelope)).all()}
        places = {
            place_ref(kept[d].attempt, kept[d].segment, kept[d].first, kept[d].last): r for d, r in receipts.items()
        }
        assert found(site.store, "receipt") == {ref: leaf_hash(receipt) for ref, receipt in places.items()}
        for kind, rows, leaf_of in (
            ("order", session.exec(select(GivenOrder)).all(), order_leaf),
            ("result", session.exec(select(KeptResult)).all(), result_leaf),
            ("audit", session.exec(select(Audit)).all(), audit_leaf),
        ):
            expected = [leaf_of(row) for row in rows]
            assert found(site.store, kind) == {leaf.ref: leaf_hash(leaf.content) for leaf in expected}
            assert expected
    assert [row.number for row in leaves(site.store)] == list(range(len(leaves(site.store))))


async def test_a_refused_act_leaves_its_own_leaf_and_no_other(site: Site) -> None:
    before = len(leaves(site.store))
    stranger = Actor("vera", Role.INVIGILATOR, "oslo", "r1")
    with pytest.raises(StoreError):
        site.store.open_sitting(stranger, "s1")
    with pytest.raises(StoreError):
        site.store.open_sitting(site.leader, "s1")  # no grants: the order was begun and taken back
    added = leaves(site.store)[before:]
    assert [row.kind for row in added] == ["audit", "audit"]
    assert site.store.check_log().findings == ()


async def test_a_failed_transaction_leaves_no_gap_in_the_numbers(site: Site) -> None:
    def fails(session: Session) -> None:
        append(session.connection(), [Leaf("receipt", "lost", "s1", b"lost")] * 3)
        raise ValueError

    before = len(leaves(site.store))
    with pytest.raises(ValueError):  # noqa: PT011 - the job's own
        site.store._house.database.write(fails)
    site.store.make_token(COMMAND_LINE, "oslo", "r1")
    assert [row.number for row in leaves(site.store)] == list(range(before + 1))


async def test_leaves_of_rows_without_a_signature_are_signed_by_the_log_key_and_say_nothing_for_others(
    site: Site,
) -> None:
    site.store.make_token(COMMAND_LINE, "oslo", "r1")
    row = leaves(site.store)[-1]
    key = site.store.log_key
    verify_leaf(row.kind, row.ref, row.sitting, row.leaf, row.signature, key=key)
    for changed in (
        ("result", row.ref, row.sitting, row.leaf),
        (row.kind, "99", row.sitting, row.leaf),
        (row.kind, row.ref, "s2", row.leaf),
        (row.kind, row.ref, row.sitting, leaf_hash(b"")),
    ):
        with pytest.raises(WrongSignatureError):
            verify_leaf(*changed, row.signature, key=key)


def test_numbers_are_spelled_the_same_before_and_after_the_database_had_them() -> None:
    plain: dict[str, object] = {"theta": 0.1 + 0.2, "se": 1e-7, "n": 3, "is": True, "none": None, "list": (1, 2.0)}
    assert spelled(plain) == {
        "theta": "0.30000000000000004", "se": "1e-07", "n": 3, "is": True, "none": None, "list": [1, "2.0"],
    }  # fmt: skip


async def test_a_checkpoint_is_over_all_that_is_there_and_is_itself_a_leaf_of_the_next(site: Site) -> None:
    signed = site.store.checkpoint()
    first = verify_checkpoint(signed, site.store.log_key)
    rows = leaves(site.store)
    assert (first.size, first.root) == (len(rows) - 1, root_of(row.leaf for row in rows[:-1]).hex())
    assert (rows[-1].kind, rows[-1].leaf) == ("checkpoint", leaf_hash(signed))
    assert site.store.checkpoint() == signed  # nothing came since
    site.store.make_token(COMMAND_LINE, "oslo", "r1")
    second = verify_checkpoint(site.store.checkpoint(), site.store.log_key)
    assert second.size == first.size + 2
    path = site.store.consistency(first.size, second.size)
    assert is_consistent(first.size, second.size, bytes.fromhex(first.root), bytes.fromhex(second.root), path)


async def test_proofs_are_served_to_anyone_within_limits(site: Site) -> None:
    answer = await site.http.get("/v1/log/checkpoint")
    seen = verify_checkpoint(answer.content, site.store.log_key)
    root = bytes.fromhex(seen.root)
    for index in range(seen.size):
        told = (await site.http.get(f"/v1/log/inclusion?index={index}&size={seen.size}")).json()
        path = [bytes.fromhex(step) for step in told["path"]]
        assert is_included(bytes.fromhex(told["leaf"]), index, seen.size, path, root)
    for first in range(1, seen.size + 1):
        told = (await site.http.get(f"/v1/log/consistency?from={first}&to={seen.size}")).json()
        assert (told["first"], told["last"]) == (first, seen.size)
    for target in (
        "inclusion?index=0&size=999", "inclusion?index=5&size=5", "consistency?from=0&to=5", "consistency?from=6&to=5",
        "consistency?from=1&to=9007199254740992", "inclusion?index=-1&size=5", "inclusion", "consistency?from=x&to=5",
    ):  # fmt: skip
        assert (await site.http.get(f"/v1/log/{target}")).status_code in {400, 422}, target


async def test_asking_again_and_again_does_not_make_checkpoints(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("centralstore.store.checkpoints.ASKED_SECONDS", 3600.0)
    first = (await site.http.get("/v1/log/checkpoint")).content
    for _ in range(5):
        site.store.make_token(COMMAND_LINE, "oslo", "r1")
        assert (await site.http.get("/v1/log/checkpoint")).content == first
    monkeypatch.setattr("centralstore.store.checkpoints.ASKED_SECONDS", 0.0)
    assert (await site.http.get("/v1/log/checkpoint")).content != first


async def test_a_running_store_that_sees_its_log_changed_signs_no_more_and_goes_on_serving(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.store.checkpoint()
    with administrator(site.store.folder.path) as admin:
        admin.run("delete from logleaf where number >= 3")
    with pytest.raises(LogBrokenError, match="leaves while the store was running"):
        site.store.checkpoint()
    with pytest.raises(LogBrokenError):
        site.store.consistency(1, 3)
    await site.enrol()  # the exam goes on
    with caplog.at_level(logging.ERROR, "centralstore"), checkpointing(site.store, seconds=0.01):
        pass
    assert len([record for record in caplog.records if "Nothing more is signed" in record.message]) == 1


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            "update logleaf set leaf = signature where number = (select max(number) from logleaf)",
            "was changed while the store was running",
        ),
        (
            "update logleaf set number = number + 5 where number = (select max(number) from logleaf)",
            "is missing",
        ),
        (
            "delete from logleaf where number = (select max(number) from logleaf)",
            "leaves while the store was running, now",
        ),
    ],
)
async def test_a_running_store_signs_no_more_after_any_change_at_the_end_of_its_log(
    site: Site, change: str, told: str
) -> None:
    assert site.store.checkpoint() == site.store.checkpoint()  # the second look takes in the first one's own leaf
    with administrator(site.store.folder.path) as admin:
        admin.run(change)
    for _ in range(2):
        with pytest.raises(LogBrokenError, match=told):
            site.store.checkpoint()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            "update logleaf set leaf = (select leaf from logleaf where number = 0) where number = 2",
            "are not those of the checkpoint",
        ),
        ("delete from logleaf where number = 2", "is missing"),
        ("delete from logleaf where number >= 3", "leaves, the table 3"),
        ("update logcheckpoint set data = (select leaf from logleaf where number = 0)", "is not this store's"),
    ],
)
async def test_a_store_that_starts_holds_its_whole_log_against_the_newest_checkpoint(
    site: Site, change: str, told: str
) -> None:
    site.store.checkpoint()
    site.store.close()
    with administrator(site.store.folder.path) as admin:
        admin.run(change)
    again = Store.open(site.store.folder.path, clock=site.clock)
    try:
        for _ in range(2):
            with pytest.raises(LogBrokenError, match=told):
                again.checkpoint()
    finally:
        again.close()


async def test_checkpoints_go_on_after_the_database_was_away(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    read, is_back, tried = site.store._read, threading.Event(), threading.Event()

    def away(work: Callable[[Session], object]) -> object:
        if not is_back.is_set():
            tried.set()
            raise OperationalError("SELECT 1", {}, sqlite3.OperationalError("the server went away"))
        return read(work)

    size = site.store.log_size()
    monkeypatch.setattr(site.store, "_read", away)
    with caplog.at_level(logging.ERROR, "centralstore"), checkpointing(site.store, seconds=0.01):
        assert tried.wait(5)
        is_back.set()
    assert site.store.log_size() == size + 1
    assert len([record for record in caplog.records if "the server went away" in str(record.exc_info)]) == 1


async def test_while_the_service_runs_checkpoints_are_made_by_themselves_and_a_last_one_at_the_end(site: Site) -> None:
    with checkpointing(site.store, seconds=3600):
        site.store.make_token(COMMAND_LINE, "oslo", "r1")
        await site.enrol()
    report = site.store.check_log()
    assert (report.uncovered, report.findings) == (1, ())
    assert "store-checkpoints" not in {thread.name for thread in threading.enumerate()}


async def test_sizes_beyond_the_log_are_refused_in_a_sentence(site: Site) -> None:
    with pytest.raises(FieldError, match="is not within its"):
        site.store.inclusion(0, 10_000)


async def test_an_administrators_change_is_found_on_every_database(site: Site) -> None:
    await site.enrol()
    site.store.checkpoint()

    def change(session: Session) -> None:
        session.connection().execute(text("update audit set detail = '{}' where id = (select max(id) from audit)"))
        session.connection().execute(text("delete from audit where id = (select min(id) from audit)"))

    site.store._house.database.write(change)
    found = [str(each) for each in site.store.check_log().findings]
    assert [each for each in found if each.startswith("audit") and "it was changed afterwards" in each]
    assert [each for each in found if each.startswith("audit") and "it was deleted" in each]


async def test_an_export_from_either_database_is_right_for_the_independent_verifier(site: Site, tmp_path: Path) -> None:
    pc = await site.open_pc("reading")
    journal = site.journal(pc, "a" * 32).write(events_of(running("reading").take(lambda _attempt: 3), pc.id))
    for data in journal.envelopes(limit=1500):
        assert (await pc.ask("POST", "/v1/envelopes", data)).status_code == 200
    made = export_bundle(site.store, "s1", OutFolder(tmp_path / "out"), checkpoint=site.store.checkpoint)
    assert verify([str(tmp_path / "out")]) == 0
    assert made.size == len(leaves(site.store)) - 1


def test_a_store_from_before_the_log_gets_a_leaf_of_each_row_and_a_key_when_it_is_opened(tmp_path: Path) -> None:
    from alembic import command

    from sync.passwords import TEST_COST

    folder = init_folder(tmp_path / "store", cost=TEST_COST)
    (folder.path / "keys/log.key").unlink()
    command.upgrade(alembic_config(folder.database_url), "0002")
    with sqlite3.connect(folder.path / "store.sqlite") as database:
        for number in range(3):
            database.execute(
                "insert into audit values (?, ?, 'mona', 'command', 'see_sitting', 'oslo', 'r1', '', '', 1, ?)",
                (number + 1, START_MS + number * 3_600_000, '{"device": "pc-1", "share": 0.5}'),
            )
        database.execute(
            "insert into keptresult values (1, 'a', 1, '1', 's1', '100234', 'reading', 'held', 'A2', ?, '[]', '', ?)",
            ('{"theta": 0.5}', START_MS + 1_800_000),
        )
    database.close()
    upgrade(folder.database_url)
    store = Store.open(folder.path, clock=Clock(START_MS + 86_400_000))
    try:
        assert [row.kind for row in leaves(store)] == ["audit", "result", "audit", "audit"]
        store.checkpoint()
        assert store.check_log().findings == ()
        assert isinstance(store.log_key, VerifyKey)
        assert (folder.path / "keys/log.key").stat().st_mode & 0o077 == 0
    finally:
        store.close()
    again = Store.open(folder.path)
    assert again.log_key == store.log_key
    again.close()
