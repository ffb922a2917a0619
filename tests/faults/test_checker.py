"""Controls: stores that are wrong are found out by the checker that finds the real one right."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync.keys import DeviceKeys
from tests.faults.double import AcknowledgesBeforeKeeping, KeepsEveryCopy, StoresBeforeVerifying, WrongStore
from tests.faults.proxy import MessageProxy
from tests.faults.room import Enrolled, Outcome, Room
from tests.faults.test_faults_in_messages import middle_box
from tests.sync.examples import signing

STORE = signing("wrong store")
PCS, TURNS = 10, 200


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        (StoresBeforeVerifying, {"unequal", "accepted_damaged", "wrong_receipts", "wrong_records"}),
        (KeepsEveryCopy, {"doubled"}),
        (AcknowledgesBeforeKeeping, {"lost", "wrong_records"}),
    ],
)
def test_control_a_wrong_store_is_found_out(tmp_path: Path, kind: type[WrongStore], found: set[str]) -> None:
    ca_file, tls = middle_box(tmp_path / "box")
    pcs = [Enrolled(f"pc-{number}", DeviceKeys.create()) for number in range(PCS)]
    keys = {pc.id: pc.keys.signing.public for pc in pcs}
    outcome = Outcome()
    with kind(keys, STORE) as store, MessageProxy(store.port, seed=1, chance=0.3, tls=tls, store_tls=None) as proxy:
        Room(tmp_path, pcs, STORE.public, ca_file, store.rows_of).play(range(TURNS), proxy, outcome)
    assert {what for what, number in vars(outcome.verdict).items() if number} >= found
    assert not outcome.verdict.is_right
