"""A programme is data: other exams run through the same kiosk, store and engine from their files alone."""

from __future__ import annotations

import ast
import json
import random
import re
import ssl
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from centralstore.commands import main as store
from engine.ids import PartId
from engine.panel import Panel
from engine.result import result
from engine.state import Given, Phase
from itembank.bank import read_bank
from itembank.clips import build_clips
from itembank.content import ItemContent
from itembank.keyring import KeyFolder
from itembank.package import Package, open_sealed
from itembank.publish import publish
from kiosk import intents
from kiosk.screens import DeliveredScreen, InformationScreen, LeaveModuleScreen, ReadingScreen, SoundCheckScreen
from proverom.sample_room import (
    SITTING,
    TEST_LEADER,
    TEST_LEADER_PASSWORD,
    SampleCandidate,
    SampleRoom,
    SampleSitting,
)
from sync.release import Ed25519Trust
from tests.administration.staff import csrf_of, text_of, tile_of
from tests.proverom.conftest import ExamRoom
from tests.proverom.seat import Seat, ask
from tests.proverom.simulated import sit_through

ROOT = Path(__file__).parents[2]
HUNTERS = ROOT / "banks" / "jegerprove-sample"
SAMPLE = ROOT / "banks" / "norskprove-sample"
MINUTE_MS = 60_000
RELEASED_MS = 1_795_420_800_000
"""2026-11-23 08:00 UTC."""
SIMULATED = 160
PASSING = SampleCandidate("200101", "Kari Lund", "kari", "gul båt 17", "theory")
FAILING = SampleCandidate("200102", "Per Dahl", "per", "rød sky 33", "theory")


@pytest.fixture
def hunters_exam(tmp_path: Path) -> Iterator[ExamRoom]:
    """A room that gives the hunter's exam: only file names differ from every other room."""
    sitting = SampleSitting(HUNTERS, "jegerprove-demo", "jegerprove-demo", (("theory", 20),), (PASSING, FAILING))
    room = SampleRoom(tmp_path / "room", sitting)
    room.folder.mkdir()
    exam = ExamRoom(room.__enter__(), PASSING, FAILING)
    exam.states = [room.enrol_pc(place) for place in ("1", "2")]
    room.grant_pcs()
    yield exam
    for seat in exam.seats:
        seat.close()
    room.__exit__()


def answer_right(how_many: int) -> Callable[[ItemContent], tuple[str, ...]]:
    """Chooses the bank's own key for the first so many items asked about, and something else for the others."""
    keys: dict[str, Any] = {
        name: json.loads((HUNTERS / "items" / name / "item.json").read_bytes())["key"]["correct"]
        for name in read_bank(HUNTERS).items
    }
    asked: list[str] = []

    def choose(item: ItemContent) -> tuple[str, ...]:
        asked.append(item.id)
        if len(asked) <= how_many:
            return tuple(keys[item.id])
        return (next(option.id for option in item.options if option.id not in keys[item.id]),)

    return choose


def begin(exam: ExamRoom, *seats: Seat) -> list[ReadingScreen]:
    """From the log-in to the first question at every seat, with one start from the test leader."""
    for seat, candidate in zip(seats, (PASSING, FAILING), strict=True):
        seat.log_in(candidate)
        seat.get_ready(day_code=exam.day_code)
    ask(exam.room, "start", part="theory")
    for seat in seats:
        seat.until(InformationScreen, lambda screen: not screen.is_waiting)
        seat.do(intents.Start())
    return [seat.until(ReadingScreen) for seat in seats]


def results(exam: ExamRoom, capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, Any]]:
    """Stop the service, score with the results key, and give every result by candidate."""
    exam.room.stop_service()
    assert store(["score", str(exam.room.store), "--results-key", str(exam.room.keys / "results-1.key")]) == 0
    capsys.readouterr()
    assert store(["results", str(exam.room.store), "--json"]) == 0
    rows: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return {row["candidate"]: row for row in rows}


@contextmanager
def leaders_browser(exam: ExamRoom) -> Generator[httpx.Client]:
    """A browser's requests, logged in as the test leader."""
    trust = ssl.create_default_context(cafile=str(exam.room.ca_file))
    with httpx.Client(base_url=exam.room.url, verify=trust, follow_redirects=True) as browser:
        form = {"user": TEST_LEADER, "password": TEST_LEADER_PASSWORD, "csrf": csrf_of(browser.get("/login"))}
        answer = browser.post("/login", data=form, headers={"Origin": exam.room.url})
        assert answer.status_code == 200, answer.text
        yield browser


def follow(exam: ExamRoom, seat: Seat) -> None:
    """The room page tells of both candidates where they are and how long they have."""
    page = f"/sittings/{SITTING}"
    with leaders_browser(exam) as browser:
        seat.until_true(lambda: len(re.findall(r"Oppg\. 1 · \d+ min", text_of(browser.get(page)))) == 2)
        shown = browser.get(page)
    assert "Teoriprøve" in text_of(shown)
    for candidate in (PASSING, FAILING):
        assert candidate.name in text_of(tile_of(shown, candidate.number))


@pytest.mark.rule("JP-8")
def test_the_hunters_exam_runs_from_its_files_to_passed_and_not_passed(
    hunters_exam: ExamRoom, capsys: pytest.CaptureFixture[str]
) -> None:
    exam = hunters_exam
    able, unable = exam.seat(0), exam.seat(1)
    exam.open()
    first, _ = begin(exam, able, unable)
    assert first.frame.part_title == "Teoriprøve"
    assert first.frame.minutes_left == 20
    assert first.frame.module_number == 0, "a form of one module has no parts to number"
    assert len(first.strip) == 10
    assert first.is_last_module
    assert not any(isinstance(each, SoundCheckScreen) for each in able.screens), "nothing is heard in this exam"

    follow(exam, able)

    able.answer_reading(answer_right(8))
    asked = next(screen for screen in able.screens if isinstance(screen, LeaveModuleScreen))
    assert asked.is_last, "leaving the only module is handing in"
    assert asked.unanswered == ()
    assert able.until(DeliveredScreen).next_part == ""

    choose = answer_right(7)
    while isinstance(screen := unable.screen, ReadingScreen) and not screen.leaves_module:
        unable.do(intents.Answer(screen.item.id, choose(screen.item)), intents.Next())
    unable.pass_time(14 * MINUTE_MS, step_ms=10_000)
    assert unable.attempt.phase is Phase.RUNNING
    unable.pass_time(6 * MINUTE_MS, step_ms=10_000)
    assert unable.attempt.end_cause == "time", "twenty minutes are the programme's own limit"
    assert unable.attempt.phase is Phase.SUBMITTED
    unable.until(DeliveredScreen)
    able.close()
    unable.close()

    found = results(exam, capsys)
    assert {number: row["level"] for number, row in found.items()} == {"200101": "passed", "200102": "not_passed"}
    assert [row["findings"] for row in found.values()] == [[], []]
    assert found["200101"]["data"]["number_correct"] == {"FORM": 8}
    assert found["200102"]["data"]["number_correct"] == {"FORM": 7}


# --- today's panel ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def today(tmp_path_factory: pytest.TempPathFactory) -> Package:
    """The release of today's panels, published, sealed, and opened again with its content key."""
    folder = tmp_path_factory.mktemp("today")
    keys = KeyFolder(folder)
    keys.create(1, 1)
    bank = read_bank(SAMPLE)
    build_clips(bank)
    (made,) = publish(
        bank, bank.releases["norskprove-today"], keys.signing_key(), keys.custodians(), now_utc_ms=RELEASED_MS
    )
    path = folder / "today.provrom"
    path.write_bytes(made.data)
    return open_sealed(path, made.content_key, Ed25519Trust(keys.signing_key().public, {}), now_utc_ms=RELEASED_MS)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("part", ["reading", "listening"])
def test_todays_released_panel_takes_simulated_candidates_to_every_level_by_every_route(
    today: Package, part: str
) -> None:
    """Building the clips takes minutes where `bank build` never ran."""
    of = Given.of(today.programme, today.forms[today.form_for(PartId(part), None)])
    chance = random.Random(20261122)
    thetas = [-4 + 8 * number / (SIMULATED - 1) for number in range(SIMULATED)]
    outcomes = [result(sit_through(of, theta, chance).attempt) for theta in thetas]
    assert isinstance(of.form, Panel)
    for outcome in outcomes:
        first, second, final = outcome.modules
        assert [step.module for step in outcome.route] == [first, second]
        assert first == "RM1"
        assert second == ("RM2-A2" if outcome.number_correct[first] <= 4 else "RM2-B1"), "the panel's own cut"
        assert final == outcome.route[-1].target
        total = sum(outcome.number_correct.values())
        assert outcome.level == of.form.level_table[(first, second, final)][total]
    assert {outcome.modules for outcome in outcomes} == set(of.form.level_table), "all four routes were taken"
    assert {outcome.level for outcome in outcomes} == set(today.programme.levels), "all five levels were reached"


# --- no code that names a programme -----------------------------------------------------------------------------------

PACKAGES = ("engine", "sync", "kiosk", "centralstore", "administration")
NAMES_OF_EXAMS = re.compile("norskpr|jegerpr|hunter", re.IGNORECASE)
ALLOWED: dict[tuple[str, str], str] = {
    ("administration/showroom.py", "reading"): "the made-up room that the pictures are of; no exam is run by it",
    ("engine/panel.py", "listening"): "a field of the panel file: an item's script of sound, in whatever part it is",
    ("sync/readiness.py", "passed"): "what a PC's own test came to, not what a candidate did",
}


def words_of_the_banks() -> set[str]:
    """Every part, level, module, panel and task set that a bank's files name: data that no code may know."""
    words: set[str] = set()
    for folder in (SAMPLE, HUNTERS):
        bank = read_bank(folder)
        for programme in bank.programmes.values():
            words |= {*programme.levels, *(rules.part for rules in programme.parts)}
        for panel in bank.panels.values():
            words |= {panel.id, *panel.modules}
        words |= {each for task_set in bank.task_sets.values() for each in (task_set.id, task_set.level)}
    return words


def texts_in_code(source: str) -> Iterator[str]:
    """Every text that Python code works with; docstrings, which only tell, are left out."""
    tree = ast.parse(source)
    told = {
        id(statement.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        for statement in node.body
        if isinstance(statement, ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told:
            yield node.value


def names_in_code(source: str) -> Iterator[str]:
    """Every name that Python code gives or uses."""
    for node in ast.walk(ast.parse(source)):
        for field in ("id", "attr", "name", "arg"):
            if isinstance(name := getattr(node, field, None), str):
                yield name


def exam_words(path: str, source: str, words: set[str]) -> set[str]:
    """What of the banks' words, and which exam's name, this source file contains."""
    if path.endswith(".py"):
        texts = set(texts_in_code(source))
        named = {name for name in (*texts, *names_in_code(source)) if NAMES_OF_EXAMS.search(name)}
    else:
        texts = {found[1] for found in re.finditer(r"""["']([^"'\n]*)["']""", source)}
        named = set(NAMES_OF_EXAMS.findall(source))
    return named | (texts & words)


def sources() -> Iterator[tuple[str, str]]:
    """Every source file of the packages: Python, pages and their scripts; not the texts, which are data."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*")):
            if path.suffix in {".py", ".html", ".js", ".css"}:
                yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")


def test_no_code_of_engine_sync_kiosk_store_or_administration_knows_an_exam() -> None:
    words = words_of_the_banks()
    assert {"listening", "theory", "B1", "passed", "FM-A1A2", "reading-demo"} <= words
    found = {(path, word) for path, source in sources() for word in exam_words(path, source, words)}
    assert found == set(ALLOWED), "an exam's part, level, module or name stands in code; make it programme data"


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("a.py", 'def f(part):\n    """Tell."""\n    return part == "listening"\n'),
        ("a.py", 'match level:\n    case "B2":\n        plays = 1\n'),
        ("a.py", "def score_norskprove() -> None: ...\n"),
        ("a.py", 'NAME = f"jegerproven {1}"\n'),
        ("a.html", "{% if part == 'writing' %}"),
    ],
)
def test_the_search_finds_an_exam_in_code(path: str, source: str) -> None:
    assert exam_words(path, source, words_of_the_banks())


def test_the_search_lets_a_docstring_give_examples() -> None:
    assert not exam_words("a.py", 'def f() -> None:\n    """As in "listening" of norskprove-demo."""\n', {"listening"})
