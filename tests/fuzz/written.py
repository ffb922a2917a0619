"""What people and programs write as text: bank files, imports, keys, requests, forms, a PC's own small files."""

from __future__ import annotations

import json
from functools import cache
from itertools import product
from typing import Any, Final, get_args

from administration.forms import Form
from centralstore.door import parsed
from centralstore.rescore import read_keys
from centralstore.service import Acknowledgement, EnrolRequest
from engine.check import check_panel, check_task_set
from engine.errors import PanelError
from engine.panel import parse_panel, parse_task_set
from engine.plain import Reader
from engine.programme import parse_programme
from engine.scoring import parse_key, score_key
from itembank.bank import Bank, parse_file, parse_json, read_bank
from itembank.itemchecks import item_faults, stimulus_faults, task_faults
from itembank.schema import (
    BankFile,
    FileModel,
    FormsFile,
    InformationFile,
    ItemFile,
    PanelFile,
    PersonalDataFile,
    PicturesFile,
    ReadOutFile,
    ReleaseFile,
    SoundCheckFile,
    StimulusFile,
    TaskFile,
    TaskSetFile,
)
from kiosk.folder import StateFolder
from kiosk.screens import TEXT_SIZES, Settings, Theme
from sync.requests import SeenNonces, verify_request
from tests.fuzz.sealed import at_path, canonical_json, scratch
from tests.fuzz.target import (
    BANK,
    CASE_BYTES,
    LONGEST_SENTENCE,
    PC,
    Fault,
    raw,
)
from tests.strategies import programme_plain
from tests.sync.examples import NOW

# --- what a bank's author writes --------------------------------------------------------------------------------------

MODELS: Final[tuple[tuple[type[FileModel], str], ...]] = (
    (BankFile, "bank.json"),
    (PicturesFile, "pictures/pictures.json"),
    (InformationFile, "texts/information.json"),
    (ReadOutFile, "texts/read-out.json"),
    (PersonalDataFile, "texts/personal-data.json"),
    (SoundCheckFile, "texts/sound-check.json"),
    (ReleaseFile, "releases/*.json"),
    (PanelFile, "panels/*.json"),
    (TaskSetFile, "task-sets/*.json"),
    (FormsFile, ""),
)


@cache
def bank() -> Bank:
    """The sample bank."""
    return read_bank(BANK)


def read_bank_file(data: bytes) -> object:
    """The model that the first byte names, from the rest."""
    model = MODELS[data[0] % len(MODELS)][0] if data else BankFile
    return parse_file(data[1:], model, "bank/file.json")


def bank_file_examples() -> list[bytes]:
    """One of each kind."""
    found = [(index, next(BANK.glob(pattern)).read_bytes()) for index, (_, pattern) in enumerate(MODELS) if pattern]
    small = [(index, data) for index, data in found if len(data) < CASE_BYTES]
    return raw(*(bytes([index]) + data for index, data in small), b"\x09" + canonical_json({"forms": []}))


def read_item(data: bytes) -> object:
    """An item, and all that is wrong with it in its bank."""
    item = parse_file(data, ItemFile, "items/x/item.json")
    return item, list(item_faults(bank(), item))


def read_stimulus(data: bytes) -> object:
    """A stimulus, and all that is wrong with it in its bank."""
    stimulus = parse_file(data, StimulusFile, "stimuli/x/stimulus.json")
    return list(stimulus_faults(bank(), stimulus))


def read_task(data: bytes) -> object:
    """A writing task, and all that is wrong with it in its bank."""
    task = parse_file(data, TaskFile, "tasks/x/task.json")
    return list(task_faults(bank(), task))


def item_examples() -> list[bytes]:
    """One of every type."""
    types: dict[str, bytes] = {}
    for path in sorted((BANK / "items").glob("*/item.json")):
        data = path.read_bytes()
        types.setdefault(json.loads(data)["type"] + json.loads(data)["part"], data)
    return raw(*types.values())


def read_panel(data: bytes) -> object:
    """A panel, held against its programme."""
    panel = parse_panel(parse_json(data, "panel.json"), "panel.json")
    check_panel(panel, parse_programme(programme_plain(), "programme.json"))
    return panel


def read_task_set(data: bytes) -> object:
    """A task set, held against its programme."""
    task_set = parse_task_set(parse_json(data, "task-set.json"), "task-set.json")
    check_task_set(task_set, parse_programme(programme_plain(), "programme.json"))
    return task_set


def read_programme(data: bytes) -> object:
    """A programme."""
    return parse_programme(parse_json(data, "programme.json"), "programme.json")


# --- what the store is given ------------------------------------------------------------------------------------------

CSV: Final = """user,name,password,role,site,room
kari,Kari Nes,three words here,test_leader,oslo,r1

number,name,protected,login,password
100234,Amina Yusuf,no,amina,blå stol 41

sitting,site,room,date,utc_offset,programme,releases,test_leader,parts
s1,oslo,r1,2026-11-23,+01:00,norskprove-demo,norskprove-demo.v1,kari,listening 09:00-09:50; reading 10:05-11:20

sitting,candidate,seat,parts
s1,100234,7,listening; reading +15; writing A2-B1 +30
"""


def check_plan(_data: bytes, plan: Any) -> None:
    """Numbers fit in the database, and there is a bounded number of bounded sentences."""
    most = 2**53 - 1
    seats = [place.seat for _, place in plan.places]
    times = [ms for _, s in plan.sittings for part in s.parts for ms in (part.start_ms, part.end_ms)]
    granted = [entry.accommodation_ms for _, place in plan.places for entry in place.enrolments]
    if any(not -most <= number <= most for number in (*seats, *times, *granted)):
        raise Fault("a number that no database keeps")
    if any(len(problem) > LONGEST_SENTENCE for problem in plan.problems):
        raise Fault("a sentence without end")


def read_corrected_keys(data: bytes) -> object:
    """The file, and every key in it; what they score for a few answers."""
    plain = at_path(read_keys, "keys.json")(data)
    assert isinstance(plain, dict)
    found = [parse_key(Reader(each, where="keys.json", error=PanelError), 1) for each in plain.values()]
    answers = ((), ("A",), ("B", "B"), ("ord", ""), ("10,10",), ("9" * 5000 + ",1",), ("٣,٣",))
    for key in found:
        if any(not 0 <= score_key(key, 1, answer) <= 1 for answer in answers):
            raise Fault("a score outside its bounds")
    return found


KEYS: Final = {
    "R-101": {"kind": "choice", "correct": ["B"]},
    "R-102": {"kind": "text", "gaps": [{"accepted": ["ord"]}], "folds_case": True, "folds_space": False},
    "R-103": {"kind": "areas", "areas": [{"corners": [{"x": 0, "y": 0}, {"x": 9, "y": 0}, {"x": 0, "y": 9}]}]},
    "R-104": {"kind": "mapping", "points": {"A": 1, "B": -1}},
    "R-105": {"kind": "order", "order": ["A", "B"]},
    "R-106": {"kind": "gaps", "gaps": [{"correct": "A"}]},
}


def read_request(data: bytes) -> object:
    """Headers as a JSON object of names and values, as a server would give them."""
    try:
        plain = json.loads(data)
        headers = {str(name): value for name, value in plain.items() if isinstance(value, str)}
    except (ValueError, AttributeError, RecursionError):
        headers = {"X-Provrom-Time": data.decode("latin-1")}
    return verify_request(headers, "POST", "/v1/progress", b"", PC.public, NOW, SeenNonces())


def read_service_message(data: bytes) -> object:
    """An enrolment or an acknowledgement."""
    if data[:1] == b"\1":
        return parsed(Acknowledgement, data[1:], "Acknowledgement")
    return parsed(EnrolRequest, data[1:], "Enrolment")


def read_form(data: bytes) -> object:
    """A form, and what pages ask of its fields."""
    form = Form.read(data)
    form.text("csrf").encode()
    return form, form.number("minutes", 0, 60) if form.text("minutes") else 0, form.word("act")


# --- what a PC reads of its own disk ----------------------------------------------------------------------------------


def read_pc_files(data: bytes) -> object:
    """Every small file of a PC's folder, with these bytes in it."""
    folder = StateFolder(scratch() / "pc")
    (folder.root / "clocks").mkdir(parents=True, exist_ok=True)
    (folder.root / "settings").mkdir(parents=True, exist_ok=True)
    for name in ("device.json", "high-water.json", "clocks/a.json", "clocks/a.alive", "settings/c.json"):
        (folder.root / name).write_bytes(data)
    usual = Settings("nb", 100, "light", is_still=False)
    kept = folder.settings("c", usual)
    if (kept.language, kept.theme, kept.text_size) not in product(("nb", "nn", "en"), THEMES, TEXT_SIZES):
        raise Fault("settings that no screen has")
    return folder.high_water(), folder.anchor("a"), folder.lived_until("a"), folder.enrolment()


THEMES: Final = get_args(Theme)
PC_FILES: Final = (
    {"language": "nn", "text_size": 150, "theme": "dark", "is_still": True},
    {"at_ms": 1, "boot_ms": 2, "wall_ms": 3, "boot_id": "b"},
    {"ticket/s1": 3, "norskprove": 2},
)
