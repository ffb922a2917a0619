"""Forty PCs, a real store, and a middle box they trust, which harms the messages themselves."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from centralstore.folder import init_folder
from sync.passwords import TEST_COST
from tests.faults.proxy import MessageProxy
from tests.faults.room import House, StoreProcess, deliver_all, opened_house
from tests.proof import Proof


def middle_box(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """A CA for the PCs to trust, and TLS with a certificate of it."""
    made = init_folder(folder, cost=TEST_COST)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.server_certificate, made.server_key)
    return made.ca_file, context


def to_store(store: StoreProcess) -> ssl.SSLContext:
    """How the middle box speaks to the store: as a PC would."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(store.folder / "ca.pem")
    context.check_hostname = False
    return context


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with opened_house(tmp_path_factory.mktemp("house")) as made:
        yield made


@pytest.mark.parametrize("block", [2, 3])
def test_every_envelope_arrives_once_and_as_it_was_through_a_middle_box_that_changes_messages(
    tmp_path: Path, proof: Proof, house: House, block: int
) -> None:
    ca_file, tls = middle_box(tmp_path / "box")
    with proof("fault proxy: envelopes", ci=500, full=25_000, block=block) as trial:
        port, store_tls = house.store.port, to_store(house.store)
        deliver_all(
            trial,
            tmp_path,
            house,
            lambda seed: MessageProxy(port, seed=seed, chance=0.3, tls=tls, store_tls=store_tls),
            ca_file=ca_file,
        )
