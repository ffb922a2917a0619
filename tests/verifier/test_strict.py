"""Whatever somebody signs is read strictly: one format, every field there, none besides, each of its kind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sync.canonical import canonical_bytes
from tests.verifier.draft import Draft, chained
from tests.verifier.forger import Forger
from tests.verifier.room import CANDIDATES, WITNESS, Room
from tests.verifier.test_insiders import repacked, told
from verifier.errors import UnreadableError

Change = dict[str, Any]


@pytest.fixture
def forger(room: Room, bundle: Path, tmp_path: Path) -> Forger:
    return Forger.of(room, bundle, tmp_path / "bundle")


def changed(body: Change, change: Change) -> Change:
    """A body with other fields; those that are None are left out."""
    return {name: value for name, value in {**body, **change}.items() if value is not None}


def checkpoint(forger: Forger, change: Change) -> None:
    body = changed(forger.json("log/checkpoint.json")["body"], change)
    forger.path("log/checkpoint.json").write_bytes(forger.sign("checkpoint", body, forger.keys.log))


def cosigned(forger: Forger, change: Change) -> None:
    name = forger.names("witness")[0]
    body = changed(forger.json(name)["body"], change)
    forger.path(name).write_bytes(forger.sign("cosigned-checkpoint", body, WITNESS))


def receipt(forger: Forger, change: Change) -> None:
    name = forger.names("receipts")[0]
    body = changed(forger.json(name)["body"], change)
    forger.path(name).write_bytes(forger.sign("receipt", body, forger.keys.receipt))


def frame(forger: Forger, change: Change) -> None:
    forger.change(forger.names("receipts")[0], lambda plain: plain.update(change))


def order_list(forger: Forger, change: Change) -> None:
    forger.change("orders.json", lambda plain: plain.update(change))


def order(forger: Forger, change: Change) -> None:
    def sign(plain: Any) -> None:
        made = changed(plain["orders"][-1]["order"], change)
        signature = forger.keys.order.sign("order", canonical_bytes(made)).hex()
        plain["orders"][-1] = {"order": made, "signature": signature}

    forger.change("orders.json", sign)


def entry(forger: Forger, change: Change) -> None:
    forger.change("orders.json", lambda plain: plain["orders"][-1].update(change))


def leaf(forger: Forger, change: Change) -> None:
    forger.change("log/leaves.json", lambda leaves: leaves[0].update(change))


def segment(forger: Forger, change: Change) -> None:
    def stream(draft: Draft) -> Draft:
        first, *rest = draft.segment["streams"]
        return chained(draft.of_segment(streams=[{**first, **change}, *rest]))

    forger.redo(forger.stems(CANDIDATES[0], "listening")[0], stream)


MORE = {"more": 1}
SIGNED: dict[str, tuple[Callable[[Forger, Change], object], Change, str]] = {
    "checkpoint: format": (checkpoint, {"format": 2}, "the checkpoint: 'format' is not 1"),
    "checkpoint: log": (checkpoint, {"log": "1" * 64}, "the checkpoint: 'log' is not"),
    "checkpoint: more": (checkpoint, MORE, "the checkpoint has the unknown field 'more'"),
    "witness: format": (cosigned, {"format": 2}, "the cosigned-checkpoint: 'format' is not 1"),
    "witness: more": (cosigned, MORE, "the cosigned-checkpoint has the unknown field 'more'"),
    "receipt: format": (receipt, {"format": 2}, "the receipt: 'format' is not 1"),
    "receipt: more": (receipt, MORE, "the receipt has the unknown field 'more'"),
    "message: more": (frame, MORE, "the receipt has the unknown field 'more'"),
    "message: kind": (frame, {"kind": "ticket"}, "the receipt: 'kind' is not receipt"),
    "orders: format": (order_list, {"format": 2}, "the order list: 'format' is not 1"),
    "orders: sitting": (order_list, {"sitting": "s2"}, "the order list: 'sitting' is not s1"),
    "orders: more": (order_list, MORE, "the order list has the unknown field 'more'"),
    "order: format": (order, {"format": 2}, "'format' is not 1"),
    "order: sitting": (order, {"sitting": "s2"}, "'sitting' is not s1"),
    "order: reason": (order, {"reason": None}, "lacks the field 'reason'"),
    "order: by": (order, {"by": 7}, "'by' is not a text"),
    "order: before": (order, {"previous_sha256": "7"}, "'previous_sha256' is not 32 bytes"),
    "order: more": (order, MORE, "has the unknown field 'more'"),
    "order: beside it": (entry, MORE, "has the unknown field 'more'"),
    "leaf: more": (leaf, MORE, "a leaf has the unknown field 'more'"),
    "stream: more": (segment, MORE, "has the unknown field 'more'"),
    "package: format": (
        lambda forger, change: repacked(forger, manifest=lambda body: body.update(change)),
        {"format": 2},
        "the release-manifest: 'format' is not 1",
    ),
    "package: more": (
        lambda forger, change: repacked(forger, manifest=lambda body: body.update(change)),
        MORE,
        "the release-manifest has the unknown field 'more'",
    ),
}


@pytest.mark.parametrize("name", SIGNED)
def test_what_is_signed_is_read_strictly(forger: Forger, name: str) -> None:
    make, change, sentence = SIGNED[name]
    make(forger, change)
    assert told(forger.seal(), sentence)


@pytest.mark.parametrize(
    "change",
    [lambda body: body["files"][0].update(MORE), lambda body: body["store"].update(MORE)],
    ids=["a file", "the store"],
)
def test_a_table_of_contents_with_more_in_it_than_there_is_cannot_be_used(
    forger: Forger, change: Callable[[Any], object]
) -> None:
    with pytest.raises(UnreadableError, match="has the unknown field 'more'"):
        forger.seal(change).report()


def test_a_store_without_its_name_cannot_be_used(forger: Forger) -> None:
    with pytest.raises(UnreadableError, match="lacks the field 'id'"):
        forger.seal(lambda body: body["store"].pop("id")).report()
