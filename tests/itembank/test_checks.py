"""Every rule of a bank is broken by one file under `faults`, and told in one sentence."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from itembank.bank import read_bank
from itembank.checks import check_bank, check_release, listening_durations
from itembank.commands import main
from itembank.errors import BankFaultsError
from tests.itembank.breaking import apply, change

FAULTS = sorted((Path(__file__).parent / "faults").glob("*.json"))
MINUTE_MS = 60_000
DEMO_RELEASE = "releases/norskprove-demo.json"


def refused(capsys: pytest.CaptureFixture[str], folder: Path) -> str:
    """What `bank check` says of a bank that it refuses."""
    assert main(["check", str(folder)]) == 1
    return capsys.readouterr().err


def fault(name: str) -> dict:
    return json.loads((Path(__file__).parent / "faults" / f"{name}.json").read_text(encoding="utf-8"))


def test_the_whole_demo_has_no_fault(whole_demo: Path) -> None:
    assert check_bank(read_bank(whole_demo)) == ()


@pytest.mark.parametrize("path", FAULTS, ids=lambda path: path.stem)
def test_each_fault_is_told_with_file_field_and_remedy(demo: Path, path: Path) -> None:
    broken = json.loads(path.read_text(encoding="utf-8"))
    apply(demo, broken)
    try:
        faults = check_bank(read_bank(demo))
    except BankFaultsError as error:
        faults = error.faults
    said = [
        re.sub(r"lasts \d+\.\d\d minutes", "lasts … minutes", str(each)) for each in faults
    ]  # as long as it is spoken
    assert said == broken["says"]
    assert broken["says"]


def test_each_fault_file_breaks_a_rule_of_its_own() -> None:
    sentences = [tuple(json.loads(path.read_text(encoding="utf-8"))["says"]) for path in FAULTS]
    assert len(set(sentences)) == len(sentences) > 60


@pytest.mark.rule("NP-3.9-1")
@pytest.mark.parametrize(
    "name", ["item_without_nynorsk", "item_without_bokmal", "stimulus_without_nynorsk", "task_without_nynorsk"]
)
def test_a_release_without_both_written_standards_is_refused(
    demo: Path, name: str, tmp_path: Path, keys, capsys: pytest.CaptureFixture[str]
) -> None:
    apply(demo, fault(name))
    out = tmp_path / "out.provrom"
    assert main(["release", str(demo / DEMO_RELEASE), "--keys", str(keys.folder), "--out", str(out)]) == 1
    assert "it is not written in" in capsys.readouterr().err
    assert not out.exists()


def set_item_minutes(folder: Path, modules: dict[str, int]) -> None:
    """Stretch the silences of the listening panel so that each module lasts so many minutes in Bokmål."""
    panel = json.loads((folder / "panels/listening-demo.json").read_text(encoding="utf-8"))
    frames = {
        (kept := json.loads(path.read_text(encoding="utf-8")))["name"]: kept["frames"]
        for path in (folder / "build").glob("*.json")
    }
    frames["clips/D-L02.nn.ogg"] = frames["clips/D-L02.nb.ogg"] = frames.get(
        "clips/D-L02.nb.ogg", frames.get("clips/D-L02.nn.ogg")
    )  # one text in both standards, so one file
    for module, minutes in modules.items():
        items = panel["modules"][module]["items"]
        for item in items:
            plain = json.loads((folder / f"items/{item}/item.json").read_text(encoding="utf-8"))
            plays = 1 if plain["level"] == "B2" else 2
            heard_ms = plays * -(-frames[f"clips/{item}.nb.ogg"] * 1000 // 48_000)
            silent_ms = round(minutes * MINUTE_MS / len(items)) - heard_ms
            reading_ms = silent_ms // 2
            timing = {"reading_ms": reading_ms, "gap_ms": 0, "answering_ms": silent_ms - reading_ms}
            change(folder, f"items/{item}/item.json", lambda each, timing=timing: each.update(timing=timing))

    def bounds(plain: dict) -> None:
        plain["parts"][0] |= {"duration_min_ms": 25 * MINUTE_MS, "duration_max_ms": 50 * MINUTE_MS}

    change(folder, "programmes/norskprove-demo.json", bounds)


WITHIN = {"RM1": 16, "FM-A1A2": 10, "RM2": 5, "RM3": 4, "FM-A2B1": 10, "FM-B1B2": 16}


@pytest.mark.rule("NP-3.8-1")
@pytest.mark.parametrize(
    ("module", "minutes", "total"), [("FM-A1A2", 8, "24.00"), ("RM3", 14, "51.00")], ids=["24", "51"]
)
def test_a_listening_route_of_24_or_51_minutes_is_refused(
    demo: Path, module: str, minutes: int, total: str, capsys: pytest.CaptureFixture[str]
) -> None:
    set_item_minutes(demo, WITHIN | {module: minutes})
    said = refused(capsys, demo)
    assert f"the route lasts {total} minutes in nb, not 25 to 50" in said


@pytest.mark.rule("NP-3.8-1")
def test_listening_routes_within_25_and_50_minutes_are_accepted_and_listed(
    demo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    set_item_minutes(demo, WITHIN)
    assert main(["check", str(demo)]) == 0
    table = [line.split() for line in capsys.readouterr().out.splitlines() if line.startswith("  listening-demo:")]
    assert [row[-3] for row in table] == ["26.00", "31.00", "35.00", "41.00"]
    assert {row[-1] for row in table} == {"25–50"}


def test_durations_are_told_for_each_route_and_written_standard(whole_demo: Path) -> None:
    rows = listening_durations(read_bank(whole_demo))
    routes = {("RM1", "FM-A1A2"), ("RM1", "RM2", "FM-A1A2")}
    routes |= {("RM1", "RM2", "RM3", "FM-A2B1"), ("RM1", "RM2", "RM3", "FM-B1B2")}
    assert {(row.route, row.written_standard) for row in rows} == {
        (each, std) for each in routes for std in ("nb", "nn")
    }


@pytest.mark.rule("NP-4-9")
@pytest.mark.parametrize("name", ["more_correct_leads_to_an_easier_module"])
def test_routing_that_falls_with_the_number_correct_is_refused(
    demo: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    apply(demo, fault(name))
    assert "More correct answers may not give an easier or a shorter way" in refused(capsys, demo)


@pytest.mark.rule("NP-4-9")
def test_routing_to_easier_items_at_the_same_length_is_refused(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def swap(plain: dict) -> None:
        rules = plain["routing"]["RM3"]
        rules[0]["target"], rules[1]["target"] = rules[1]["target"], rules[0]["target"]

    change(demo, "panels/reading-demo.json", swap)
    assert "leads to 'FM-A2B1' with easier items by level than 'FM-B1B2'" in refused(capsys, demo)


@pytest.mark.rule("NP-4-10")
def test_a_longer_route_that_takes_no_more_time_is_refused(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    apply(demo, fault("longer_route_is_not_longer"))
    assert "A route with more routing modules must last longer" in refused(capsys, demo)


@pytest.mark.rule("NP-A5-5")
def test_a_panel_that_does_not_begin_with_the_lowest_level_is_refused(
    demo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    apply(demo, fault("first_module_is_not_the_easiest"))
    assert "Begin with the tasks of the lowest level" in refused(capsys, demo)


def set_of(folder: Path, level: str, tasks: list[str]) -> None:
    slots = [{"id": f"S{number}", "tasks": [task]} for number, task in enumerate(tasks, start=1)]
    change(folder, "task-sets/writing-demo.json", lambda plain: plain.update(level=level, slots=slots))
    change(folder, DEMO_RELEASE, lambda plain: plain["forms"][2].update(level=level))


@pytest.mark.rule("NP-4-23")
@pytest.mark.parametrize("level", ["A1-A2", "A2-B1"])
def test_a_lower_writing_set_needs_three_tasks_of_different_difficulty(
    demo: Path, level: str, capsys: pytest.CaptureFixture[str]
) -> None:
    set_of(demo, level, ["D-W1", "D-W2"])
    assert f"it has 2 tasks where level '{level}' needs 3" in refused(capsys, demo)
    set_of(demo, level, ["D-W1", "D-W2", "D-W3"])
    assert main(["check", str(demo)]) == 0
    change(demo, "tasks/D-W2/task.json", lambda plain: plain.update(difficulty=3))
    assert "not of rising difficulty" in refused(capsys, demo)


@pytest.mark.rule("NP-4-24")
def test_the_highest_writing_set_needs_two_tasks_of_different_difficulty(
    demo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    set_of(demo, "B1-B2", ["D-W1", "D-W2", "D-W3"])
    assert "it has 3 tasks where level 'B1-B2' needs 2" in refused(capsys, demo)
    set_of(demo, "B1-B2", ["D-W1", "D-W3"])
    assert main(["check", str(demo)]) == 0
    change(demo, "tasks/D-W3/task.json", lambda plain: plain.update(difficulty=3))
    assert "not of rising difficulty" in refused(capsys, demo)


def test_a_missing_clip_is_told_in_one_sentence(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clip = next(path for path in (demo / "build").glob("*.json") if '"clips/D-L01.nb.ogg"' in path.read_text())
    clip.with_suffix(".ogg").unlink()
    said = refused(capsys, demo)
    where = "norskprove-sample/items/D-L01/item.json"
    assert said == f"{where}, field 'script': the clip clips/D-L01.nb.ogg is missing. Run 'bank build' for this bank.\n"


def test_many_missing_clips_are_still_one_sentence(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(demo / "build")
    said = refused(capsys, demo)
    assert said.count("\n") == 1
    assert said.endswith("Run 'bank build' for this bank. (24 more are missing too)\n")


def test_a_changed_script_is_a_missing_clip(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(demo, "items/D-L01/item.json", lambda plain: plain["nb"]["script"][0].update(text="Noe helt annet."))
    assert "the clip clips/D-L01.nb.ogg is missing" in refused(capsys, demo)


def test_a_release_is_not_held_up_by_what_it_does_not_draw_on(demo: Path) -> None:
    shutil.copytree(demo / "items/D-R01", demo / "items/D-R77")

    def unfinished(plain: dict) -> None:
        plain["id"] = "D-R77"
        del plain["nn"]

    change(demo, "items/D-R77/item.json", unfinished)
    bank = read_bank(demo)
    assert len(check_bank(bank)) == 1
    assert check_release(bank, bank.releases["norskprove-demo"]) == ()
