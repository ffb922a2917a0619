"""Calibrated parameters in the bank: only they change, and where they come from stands beside them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from itembank.bank import read_bank
from psychometrics.bank_parameters import write_into_bank
from psychometrics.errors import NotForBankError, UnreadableFileError
from psychometrics.items import ItemParameters

BANK = Path(__file__).parents[2] / "banks" / "norskprove-sample"
ITEMS = (
    ItemParameters("R-101", "2pl", 1.2345678, (-1.5,), se_a=0.1, se_b=(0.07,)),
    ItemParameters("R-102", "3pl", 0.9, (-1.1,), 0.21),
)


@pytest.fixture
def bank(tmp_path: Path) -> Path:
    return Path(shutil.copytree(BANK, tmp_path / "bank", ignore=shutil.ignore_patterns("build")))


def test_only_the_parameters_of_these_items_change(bank: Path) -> None:
    before = {path: path.read_text(encoding="utf-8") for path in sorted(bank.rglob("*.json"))}
    write_into_bank(bank, ITEMS, {"data": "abc"})
    for path, text in before.items():
        old, new = json.loads(text), json.loads(path.read_text(encoding="utf-8"))
        if path.parent.name in {"R-101", "R-102"}:
            assert new.pop("parameters")["source"] == "calibrated"
            old.pop("parameters")
        assert new == old
    read = read_bank(bank).items["R-101"].parameters
    assert read is not None
    assert (read.a, read.b, read.model) == (1.234568, -1.5, "2pl")


def test_provenance_stands_beside_under_the_hash_of_its_content(bank: Path) -> None:
    first = write_into_bank(bank, ITEMS, {"data": "abc"})
    record = json.loads(first.read_text(encoding="utf-8"))
    assert record["provenance"] == {"data": "abc"}
    assert record["items"]["R-101"]["se_b"] == 0.07
    assert write_into_bank(bank, ITEMS, {"data": "abc"}) == first
    assert write_into_bank(bank, ITEMS, {"data": "other"}) != first


def test_a_fault_in_one_item_changes_none(bank: Path) -> None:
    untouched = (bank / "items" / "R-101" / "item.json").read_text(encoding="utf-8")
    with pytest.raises(UnreadableFileError, match="X-999"):
        write_into_bank(bank, (ITEMS[0], ItemParameters("X-999", "2pl", 1.0, (0.0,))), {})
    with pytest.raises(NotForBankError, match="'R-102' is gpcm; panels take rasch, 2pl and 3pl"):
        write_into_bank(bank, (ITEMS[0], ItemParameters("R-102", "gpcm", 1.0, (0.0, 1.0))), {})
    assert (bank / "items" / "R-101" / "item.json").read_text(encoding="utf-8") == untouched
