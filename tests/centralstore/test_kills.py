"""Killed while it works: what was receipted is there, whole and once, however often and whenever it is killed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import create_engine
from sqlmodel import Session, col, select

from centralstore.folder import open_folder
from centralstore.store import Store
from centralstore.tables import KeptEnvelope
from sync.envelope import envelope_sha256
from sync.receipt import verify_receipt
from tests.centralstore.served import Poured, new_store, pour, served, start
from tests.postgres import Postgres
from tests.proof import Trial

ENVELOPES = 120

Proof = Callable[..., AbstractContextManager[Trial]]


def check(folder: Path, envelopes: Sequence[bytes], poured: Sequence[Poured], trial: Trial, *, is_end: bool) -> None:
    """Compare what lies in the database with what was receipted; at the end all must lie there, once each."""
    names = [envelope_sha256(data) for data in envelopes]
    receipt_key = open_folder(folder).keys().receipt.public
    engine = create_engine(open_folder(folder).database_url)
    with Session(engine) as session:
        found = session.exec(select(KeptEnvelope).where(col(KeptEnvelope.sha256).in_(names))).all()
    engine.dispose()
    rows = {row.sha256: row for row in found}
    receipted: set[int] = set()
    for told in poured:
        for number, receipt in told.receipts.items():
            receipted.add(number)
            row = rows.get(names[number])
            is_here = row is not None and row.data == envelopes[number]
            trial.count("receipted and lost", 0 if is_here else 1)
            assert verify_receipt(receipt, receipt_key).sha256 == names[number]
            assert row is not None
            assert row.receipt == receipt
    if is_end:
        assert receipted == set(range(len(envelopes)))
        assert len(found) == len(envelopes)
    else:
        trial.count("receipted before the kill", len(receipted))
        trial.count("kept and not receipted yet", len([name for name in names if name in rows]) - len(receipted))


def check_log(folder: Path, trial: Trial) -> None:
    """After all the kills: every row has its leaf, every leaf its row, the tree is whole."""
    store = Store.open(folder)
    findings = store.check_log().findings
    store.close()
    trial.count("faults in the log", len(findings))
    assert not findings


@pytest.mark.anyio
async def test_nothing_receipted_is_lost_when_the_service_is_killed(tmp_path: Path, proof: Proof) -> None:
    folder = tmp_path / "store"
    pcs = new_store(folder)
    with proof("store killed under load (SQLite)", ci=5, full=1_000) as trial:
        trial.count("receipted and lost", 0)
        service = start(folder)
        try:
            for seed in trial.seeds():
                random = Random(seed)
                envelopes, limit = pcs.envelopes(random, ENVELOPES), random.randint(1, ENVELOPES - 20)

                def kill(count: int, service=service, limit=limit) -> None:
                    if count == limit:
                        service.process.kill()

                before = await pour(service, envelopes, on_receipt=kill)
                service.kill()
                assert before.cut
                check(folder, envelopes, [before], trial, is_end=False)
                service = start(folder)
                after = await pour(service, envelopes)
                check(folder, envelopes, [before, after], trial, is_end=True)
        finally:
            service.kill()
        check_log(folder, trial)


@pytest.mark.anyio
async def test_nothing_receipted_is_lost_when_postgresql_is_killed(
    tmp_path: Path, fresh_postgres: Postgres, proof: Proof
) -> None:
    folder = tmp_path / "store"
    pcs = new_store(folder, database=fresh_postgres.url(fresh_postgres.create()))
    with proof("PostgreSQL killed under load", ci=5, full=1_000) as trial:
        trial.count("receipted and lost", 0)
        with served(folder) as service:
            for seed in trial.seeds():
                random = Random(seed)
                envelopes, limit = pcs.envelopes(random, ENVELOPES), random.randint(1, ENVELOPES - 20)

                def kill(count: int, limit=limit) -> None:
                    if count == limit:
                        fresh_postgres.kill()

                before = await pour(service, envelopes, on_receipt=kill)
                assert before.refused.get(503)
                fresh_postgres.start()  # in this thread: the server ends with the one that started it
                check(folder, envelopes, [before], trial, is_end=False)
                left = [number for number in range(len(envelopes)) if number not in before.receipts]
                after = await pour(service, envelopes, wanted=left)
                check(folder, envelopes, [before, after], trial, is_end=True)
        check_log(folder, trial)
