"""A bank read from its folder: every file parsed once, every fault told with file, field and remedy."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from pydantic import ValidationError

from engine.errors import ProgrammeError
from engine.programme import Programme, parse_programme
from itembank.errors import BankDataError, BankFaultsError
from itembank.schema import (
    BankFile,
    FileModel,
    InformationFile,
    ItemFile,
    PanelFile,
    PersonalDataFile,
    PictureModel,
    PicturesFile,
    ReadOutFile,
    ReleaseFile,
    SoundCheckFile,
    StimulusFile,
    TaskFile,
    TaskSetFile,
)

Model = TypeVar("Model", bound=FileModel)
Parsed = TypeVar("Parsed")

MAX_FILE_BYTES: Final = 2 * 2**20
"""Of one file of a bank; the largest of the sample banks, a panel, has under 50 kB."""

_FAULTS = {"missing": "it is missing", "extra_forbidden": "there is no such field"}
_REMEDIES = {
    "missing": "Add it",
    "extra_forbidden": "Take it out or correct its name",
    "json_invalid": "Correct the JSON",
    "string_too_short": "Write it out",
    "too_short": "Add what is missing",
}


@dataclass(frozen=True, slots=True)
class ProgrammeTexts:
    """The texts of the bank's programmes, as files."""

    information: InformationFile
    read_out: ReadOutFile
    personal_data: PersonalDataFile
    sound_check: SoundCheckFile | None


@dataclass(frozen=True, slots=True)
class Bank:
    """All files of a bank, by id; ``programmes`` are already the engine's, with their plain data beside them."""

    folder: Path
    file: BankFile
    pictures: Mapping[str, PictureModel]
    items: Mapping[str, ItemFile]
    stimuli: Mapping[str, StimulusFile]
    tasks: Mapping[str, TaskFile]
    panels: Mapping[str, PanelFile]
    task_sets: Mapping[str, TaskSetFile]
    programmes: Mapping[str, Programme]
    releases: Mapping[str, ReleaseFile]
    texts: ProgrammeTexts

    @property
    def build_folder(self) -> Path:
        """Where built clips stand; never committed."""
        return self.folder / "build"

    def picture_path(self, picture: str) -> Path:
        """The SVG of a picture."""
        return self.folder / "pictures" / f"{picture}.svg"

    def programme_path(self, programme: str) -> Path:
        """The file of a programme."""
        return self.folder / "programmes" / f"{programme}.json"


def read_bank(folder: Path) -> Bank:
    """Read all files of a bank.

    Raises:
        BankFaultsError: at least one file is missing, is not JSON or breaks its model; all such faults are told.
    """
    if not (folder / "bank.json").exists():
        no_bank = BankDataError(str(folder), "", "there is no bank here: it has no bank.json", "Name a bank's folder")
        raise BankFaultsError((no_bank,))
    reader = _Reader(folder)
    bank_file = reader.one("bank.json", BankFile)
    pictures = reader.one("pictures/pictures.json", PicturesFile)
    items = reader.folders("items", "item.json", ItemFile)
    stimuli = reader.folders("stimuli", "stimulus.json", StimulusFile)
    tasks = reader.folders("tasks", "task.json", TaskFile)
    panels = reader.files("panels", PanelFile)
    task_sets = reader.files("task-sets", TaskSetFile)
    releases = reader.files("releases", ReleaseFile)
    programmes = reader.programmes()
    information = reader.one("texts/information.json", InformationFile)
    read_out = reader.one("texts/read-out.json", ReadOutFile)
    personal_data = reader.one("texts/personal-data.json", PersonalDataFile)
    has_sound_check = (folder / "texts/sound-check.json").exists()
    sound_check = reader.one("texts/sound-check.json", SoundCheckFile) if has_sound_check else None
    if reader.faults or not (bank_file and pictures and information and read_out and personal_data):
        raise BankFaultsError(tuple(reader.faults))
    return Bank(
        folder=folder,
        file=bank_file,
        pictures=pictures.pictures,
        items=items,
        stimuli=stimuli,
        tasks=tasks,
        panels=panels,
        task_sets=task_sets,
        programmes=programmes,
        releases=releases,
        texts=ProgrammeTexts(information, read_out, personal_data, sound_check),
    )


def parse_file(data: bytes, model: type[Model], where: str) -> Model:
    """Parse one file's bytes.

    Raises:
        BankFaultsError: every fault of the file.
    """
    _check_size(data, where)
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        raise BankFaultsError(tuple(_faults(error, where))) from error


def parse_json(data: bytes, where: str) -> object:
    """Plain data of a JSON file whose form the engine knows.

    Raises:
        BankFaultsError: too long, or not JSON.
    """
    _check_size(data, where)
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        fault = BankDataError(where, "(whole)", f"it is not JSON ({type(error).__name__})", "Correct it")
        raise BankFaultsError((fault,)) from error


def _check_size(data: bytes, where: str) -> None:
    if len(data) > MAX_FILE_BYTES:
        fault = f"{len(data)} bytes where {MAX_FILE_BYTES} is the most"
        raise BankFaultsError((BankDataError(where, "(whole)", fault, "Divide it"),))


def _faults(error: ValidationError, where: str) -> list[BankDataError]:
    return [
        BankDataError(
            where,
            ".".join(str(part) for part in detail["loc"]) or "(whole)",
            _FAULTS.get(detail["type"], detail["msg"].lower()),
            _REMEDIES.get(detail["type"], "Correct it"),
        )
        for detail in error.errors(include_url=False)
    ]


class _Reader:
    """Reads files below a folder and gathers the faults of all of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.faults: list[BankDataError] = []

    def one(self, name: str, model: type[Model]) -> Model | None:
        return self._parsed(self.folder / name, lambda data, where: parse_file(data, model, where))

    def files(self, name: str, model: type[Model]) -> Mapping[str, Model]:
        paths = {path.stem: path for path in sorted((self.folder / name).glob("*.json"))}
        return self._named(paths, lambda data, where: parse_file(data, model, where))

    def folders(self, name: str, file: str, model: type[Model]) -> Mapping[str, Model]:
        paths = {path.name: path / file for path in sorted((self.folder / name).glob("*")) if path.is_dir()}
        return self._named(paths, lambda data, where: parse_file(data, model, where))

    def programmes(self) -> Mapping[str, Programme]:
        paths = {path.stem: path for path in sorted((self.folder / "programmes").glob("*.json"))}
        return self._named(paths, _programme)

    def _named(self, paths: Mapping[str, Path], parse: Callable[[bytes, str], Parsed]) -> Mapping[str, Parsed]:
        read: dict[str, Parsed] = {}
        for name, path in paths.items():
            parsed = self._parsed(path, parse)
            if parsed is None:
                continue
            read[name] = parsed
            own = getattr(parsed, "id", name)
            if own != name:
                where = self._where(path)
                remedy = f"Write '{name}', or rename the file or folder"
                self.faults.append(BankDataError(where, "id", f"'{own}' is not the name it is filed under", remedy))
        return read

    def _parsed(self, path: Path, parse: Callable[[bytes, str], Parsed]) -> Parsed | None:
        where = self._where(path)
        try:
            return parse(path.read_bytes(), where)
        except BankFaultsError as error:
            self.faults.extend(error.faults)
        except OSError as error:
            fault = f"the file cannot be read ({error.strerror})"
            self.faults.append(BankDataError(where, "", fault, "Put it there"))
        return None

    def _where(self, path: Path) -> str:
        return path.relative_to(self.folder.parent).as_posix()


def _programme(data: bytes, where: str) -> Programme:
    try:
        return parse_programme(parse_json(data, where), where)
    except ProgrammeError as error:
        fault = BankDataError(where, error.field, error.fault, error.remedy)
        raise BankFaultsError((fault,)) from error
