"""The scanner finds what is there, in every form and at every place of a file."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.scanning import LONGEST, Scanner, code_hits, database_dump, files_below, forms

TEXT = "Hvor bor Åse Ødegård nå, «Grønland» & <Oslo>?"
KEY = random.Random(7).randbytes(32)
SCANNER = Scanner({"text": TEXT.encode(), "key": KEY})


@pytest.mark.parametrize("secret", ["text", "key"])
def test_every_form_is_found_wherever_it_stands(secret: str) -> None:
    value = SCANNER.secrets[secret]
    noise = random.Random(1)
    assert len(forms(value)) > 12
    for kind, form in forms(value).items():
        for before in range(9):
            data = noise.randbytes(before) + form + noise.randbytes(20)
            assert [(hit.secret, hit.offset) for hit in SCANNER.hits({"x": data})] == [(secret, before)], kind


def test_nothing_is_found_in_noise() -> None:
    assert SCANNER.hits({"x": random.Random(2).randbytes(3_000_000), "empty": b"", "short": b"Hvor bo"}) == []


def test_base64_is_found_at_every_alignment_inside_other_base64() -> None:
    import base64

    for before in range(6):
        data = base64.b64encode(b"x" * before + KEY + b"yy")
        assert [hit.secret for hit in SCANNER.hits({"x": data})] == ["key"]
        assert [hit.secret for hit in SCANNER.hits({"x": base64.urlsafe_b64encode(b"x" * before + KEY + b"y")})] == [
            "key"
        ]


def test_what_is_longer_than_needed_is_found_by_its_beginning() -> None:
    scanner = Scanner({"long": b"a sentence " * 20})
    assert scanner.hits({"x": b"...." + b"a sentence " * 5})[0].offset == 4
    assert max(map(len, forms(b"a sentence " * 20).values())) == LONGEST
    with pytest.raises(ValueError, match="too short"):
        Scanner({"code": b"1234"})


@pytest.mark.parametrize(
    "text",
    ['{"code":"0417"}', "dagens kode: 0417.", "day_code=0417&x", "<b>0417</b>", "'0417'", "Code 0417\n", "%220417%22"],
)
def test_a_code_that_stands_as_a_text_is_found(text: str) -> None:
    assert code_hits("0417", {"x": b"..." + text.encode()})
    assert code_hits("0418", {"x": text.encode()}) == []


@pytest.mark.parametrize("text", ["1790041700000", '"at_ms":0417000', "ab0417cd", '"2026-04-17"'])
def test_figures_among_figures_are_no_code(text: str) -> None:
    assert code_hits("0417", {"x": text.encode()}) == []


def test_files_names_and_deleted_rows_are_looked_through(tmp_path: Path) -> None:
    import sqlite3

    (tmp_path / "a").mkdir()
    (tmp_path / "a" / KEY.hex()).write_bytes(b"")
    with sqlite3.connect(tmp_path / "a" / "x.sqlite") as database:
        database.execute("create table t (v)")
        database.execute("insert into t values (?)", (KEY,))
    dump = {"dump": database_dump(tmp_path / "a" / "x.sqlite")}
    assert [hit.form for hit in SCANNER.hits(dump)] == ["HEX"]
    with sqlite3.connect(tmp_path / "a" / "x.sqlite") as database:
        database.execute("pragma secure_delete = off")  # Debian builds SQLite with it on
        database.execute("delete from t")
    found = {hit.place for hit in SCANNER.hits(files_below(tmp_path / "a"))}
    assert f"a/{KEY.hex()} (name)" in found
    assert "a/x.sqlite" in found, "a freed page keeps what was in it unless it is wiped"
    assert not [name for name in files_below(tmp_path, without=[tmp_path / "a"]) if "/a" in name]
