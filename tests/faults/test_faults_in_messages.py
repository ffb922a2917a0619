"""Forty PCs, a real store, and a middle box they trust, which harms the messages themselves."""

from __future__ import annotations

import ssl
from pathlib import Path

from centralstore.folder import init_folder
from sync.passwords import TEST_COST
from tests.faults.proxy import MessageProxy
from tests.faults.room import StoreProcess, deliver_all
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


def test_every_envelope_arrives_once_and_as_it_was_through_a_middle_box_that_changes_messages(
    tmp_path: Path, proof: Proof
) -> None:
    ca_file, tls = middle_box(tmp_path / "box")
    with proof("fault proxy: envelopes", ci=1_000, full=50_000, block=1) as trial:
        deliver_all(
            trial,
            tmp_path,
            lambda store, seed: MessageProxy(store.port, seed=seed, chance=0.3, tls=tls, store_tls=to_store(store)),
            ca_file=ca_file,
        )
