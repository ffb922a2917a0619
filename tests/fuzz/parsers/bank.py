"""What a bank's author and the authority's staff write."""

from __future__ import annotations

import json
from functools import cache
from typing import Final

from engine.check import check_panel, check_task_set
from engine.errors import DataError
from engine.panel import parse_panel, parse_task_set
from engine.programme import parse_programme
from itembank.bank import MAX_FILE_BYTES as MAX_BANK_FILE_BYTES
from itembank.bank import Bank, parse_file, parse_json, read_bank
from itembank.errors import ItemBankError
from itembank.grants import LIMIT as MAX_GRANTS_BYTES
from itembank.grants import read_devices, read_grants
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
from sync.canonical import canonical_bytes
from tests.fuzz.parsers.packages import example
from tests.fuzz.target import BANK, CASE_BYTES, Target, at_path, canonical_json, raw, scratch
from tests.strategies import form_plain, panel_plain, programme_plain, task_set_plain
from tests.sync import test_release as releases

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


def _grants_file() -> bytes:
    from itembank.grants import write_grants

    path = scratch() / "written.json"
    write_grants(path, releases.grants())
    return path.read_bytes()


def targets() -> list[Target]:
    """The targets of this module."""
    public = canonical_bytes
    return [
        Target("bank item", read_item, (ItemBankError,), item_examples, MAX_BANK_FILE_BYTES, bounds_sentences=False),
        Target(
            "bank stimulus",
            read_stimulus,
            (ItemBankError,),
            lambda: raw(example("stimuli").read_bytes()),
            MAX_BANK_FILE_BYTES,
            bounds_sentences=False,
        ),
        Target(
            "bank task",
            read_task,
            (ItemBankError,),
            lambda: raw(example("tasks").read_bytes()),
            MAX_BANK_FILE_BYTES,
            bounds_sentences=False,
        ),
        Target(
            "bank file",
            read_bank_file,
            (ItemBankError,),
            bank_file_examples,
            MAX_BANK_FILE_BYTES + 1,
            bounds_sentences=False,
        ),
        Target(
            "panel",
            read_panel,
            (DataError, ItemBankError),
            lambda: raw(
                canonical_json(panel_plain("reading")),
                canonical_json(panel_plain("listening")),
                canonical_json(form_plain()),
            ),
            MAX_BANK_FILE_BYTES,
            bounds_sentences=False,
        ),
        Target(
            "task set",
            read_task_set,
            (DataError, ItemBankError),
            lambda: raw(canonical_json(task_set_plain("A2-B1"))),
            MAX_BANK_FILE_BYTES,
            bounds_sentences=False,
        ),
        Target(
            "programme",
            read_programme,
            (DataError, ItemBankError),
            lambda: raw(canonical_json(programme_plain())),
            MAX_BANK_FILE_BYTES,
            bounds_sentences=False,
        ),
        Target(
            "grants file",
            at_path(read_grants, "grants.json"),
            (ItemBankError,),
            lambda: raw(_grants_file()),
            MAX_GRANTS_BYTES,
        ),
        Target(
            "devices file",
            at_path(read_devices, "devices.json"),
            (ItemBankError,),
            lambda: raw(public({"devices": {"pc-07": "ab" * 32}, "sitting": "s1", "store": "cd" * 32})),
            MAX_GRANTS_BYTES,
        ),
    ]
