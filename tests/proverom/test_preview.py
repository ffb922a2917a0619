"""`bank preview`: what an author sees is what the exam's own window draws."""

from __future__ import annotations

from pathlib import Path

import pytest

from itembank.bank import read_bank
from proverom.cli import TABLE, read_commands
from proverom.preview import bank, main

BANK = Path(__file__).parents[2] / "banks" / "norskprove-sample"


def test_the_bank_command_comes_here() -> None:
    command = read_commands(TABLE.read_text(encoding="utf-8"))["bank"]
    assert (command.module, command.function) == ("proverom.preview", "bank")


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("D-R01", "key nb: b: Klokka 18"),
        ("D-R03", "key nn: a: Ein raud paraply"),
        ("D-R02", "key nb: g1 = 45 / førtifem / førti fem"),
        ("D-R04", "key nb: g1 = b: og; g2 = b: stå opp"),
        ("D-R12", "key nn: w2: freistande"),
        ("D-L12", "nb D: Tanken er god, men planen henger ikke på greip ennå."),
    ],
)
def test_an_item_of_each_type_is_drawn_in_both_standards_with_and_without_its_key(
    tmp_path: Path, name: str, key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from PySide6.QtGui import QImage

    assert main([name, "--out", str(tmp_path)]) == 0
    assert key in capsys.readouterr().out
    drawn = {path.stem: QImage(str(path)) for path in tmp_path.iterdir()}
    assert set(drawn) == {f"{name}-{standard}{suffix}" for standard in ("nb", "nn") for suffix in ("", "-key")}
    assert all(image.width() >= 1366 for image in drawn.values())
    for standard in ("nb", "nn"):
        assert drawn[f"{name}-{standard}"] != drawn[f"{name}-{standard}-key"]
    assert drawn[f"{name}-nb"] != drawn[f"{name}-nn"]


def test_a_writing_task_is_drawn_in_both_standards(tmp_path: Path) -> None:
    assert main(["W-12", "--out", str(tmp_path)]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["W-12-nb.png", "W-12-nn.png"]


def test_a_text_is_drawn_with_every_item_about_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["DT-1", "--out", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    about = {name for name, item in read_bank(BANK).items.items() if item.stimulus == "DT-1"}
    assert about
    assert {path.name for path in tmp_path.iterdir()} == {
        f"{name}-{standard}{key}.png" for name in about for standard in ("nb", "nn") for key in ("", "-key")
    }
    assert all(f"{name}: reading" in told for name in about)


def test_an_unknown_item_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["R-999", "--out", str(tmp_path)]) == 1
    assert "No bank has an item, text or task 'R-999'" in capsys.readouterr().err


def test_other_commands_still_reach_the_bank(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        bank(["check", "--help"])
    assert "usage: ./run bank check" in capsys.readouterr().out
