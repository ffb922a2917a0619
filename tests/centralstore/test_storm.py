"""All PCs come back at once, after the store or the network was away."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from sqlmodel import select

from centralstore.store import Store
from centralstore.tables import KeptEnvelope
from sync.envelope import envelope_sha256
from tests.centralstore.served import new_store, served, storm
from tests.proof import Proof
from tests.stores import Stores

AT_ONCE = 400


@pytest.mark.anyio
async def test_all_kiosks_come_back_at_once_and_each_envelope_is_kept_once(
    tmp_path: Path, stores: Stores, database_kind: str, proof: Proof
) -> None:
    what = "kiosks in a reconnect storm" + (", PostgreSQL" if database_kind == "postgresql" else "")
    folder = tmp_path / "store"
    with stores.database(database_kind) as database, proof(what, ci=400, full=10_000) as trial:
        pcs = new_store(folder, database=database)
        kiosks = len(list(trial.seeds()))
        envelopes = pcs.envelopes(Random(trial.first), kiosks, segment=1)
        with served(folder) as service:
            done = await storm(service, envelopes, at_once=AT_ONCE, seed=trial.first, shortest_s=0.1)
        store = Store.open(folder)
        with store._house.database.reading() as session:
            kept = sorted(session.exec(select(KeptEnvelope.sha256)).all())
        store.close()
        lost = {envelope_sha256(data) for data in envelopes} - set(kept)
        trial.count("receipted and lost", len(lost))
        trial.count("new TLS connections", done.connections)
        trial.count("told to wait", done.told_to_wait)
        trial.count("cut", done.cut)
        assert len(done.receipts) == kiosks
        assert kept == sorted(envelope_sha256(data) for data in envelopes)
