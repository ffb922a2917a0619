"""Forty PCs, a real store, and a network that resets, loses, delays, changes, repeats and reorders bytes of TLS."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from sync.errors import StoreUnreachableError
from tests.faults.proxy import CipherProxy, Fault, Strike
from tests.faults.room import House, connector, deliver_all, opened_house
from tests.proof import Proof

REQUEST_BYTES = 20_000
ANSWER_BYTES = 1_500
"""Of TLS, for one request and its answer with their handshakes, and somewhat less than there really are."""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with opened_house(tmp_path_factory.mktemp("house")) as made:
        yield made


@pytest.mark.parametrize("block", [0, 1])
def test_every_envelope_arrives_once_and_as_it_was_through_a_faulty_network(
    tmp_path: Path, proof: Proof, house: House, block: int
) -> None:
    with proof("fault proxy: envelopes", ci=500, full=25_000, block=block) as trial:
        port = house.store.port
        deliver_all(trial, tmp_path, house, lambda seed: CipherProxy(port, seed=seed, chance=0.8))


class OneFault(CipherProxy):
    """The same fault on every connection."""

    strike: Strike

    def refuses(self, dice: random.Random) -> bool:
        del dice
        return False

    def plan(self, dice: random.Random) -> Strike | None:
        del dice
        return self.strike


def test_bytes_of_tls_that_are_changed_always_break_the_connection(house: House) -> None:
    """Changed at ten places of the way to the store and ten of the way back: never an answer, not even a refusal."""
    store, pc = house.store, house.pcs[0]
    faults = (Fault.FLIP, Fault.REORDER, Fault.TRUNCATE)  # what is repeated was whole the first time
    places = [(True, after) for after in range(0, REQUEST_BYTES, REQUEST_BYTES // 10)]
    places += [(False, after) for after in range(0, ANSWER_BYTES, ANSWER_BYTES // 10)]
    with OneFault(store.port, seed=3, chance=1.0) as proxy:
        # Patient, so that on a slow machine no line is given up before its bytes have come to the fault.
        connect = connector(proxy.port, store.folder / "ca.pem", read_s=30.0, connect_s=30.0)
        for fault, (to_store, after) in product(faults, places):
            proxy.strike = Strike(fault, to_store, after)
            with connect(pc) as client, pytest.raises(StoreUnreachableError):
                client.deliver(bytes(REQUEST_BYTES))
    assert proxy.tally.by_fault == {fault.value: len(places) for fault in faults}
