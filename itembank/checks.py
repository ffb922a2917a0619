"""Everything that must hold in a bank before a release is made of it; each fault says file, field and remedy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from engine.check import check_panel, check_task_set, route_durations_ms
from engine.errors import DataError
from engine.ids import WrittenStandard
from engine.panel import Route
from engine.programme import Delivery, PartRules, Programme
from itembank.bank import Bank
from itembank.clips import find_clip, scripts
from itembank.errors import BankDataError
from itembank.faults import Faults, Place
from itembank.forms import engine_panel, engine_task_set
from itembank.itemchecks import item_faults, stimulus_faults, task_faults, voice_faults
from itembank.markup import MarkupError, plain_text
from itembank.pictures import MAX_PICTURE_BYTES, check_picture
from itembank.rendering import pages
from itembank.schema import LANGUAGES, WRITTEN_STANDARDS, FormUse, PanelFile, ReleaseFile, TaskSetFile

WORDS_A_PAGE = 120
"""Most words on one information page: about a minute's reading for a beginner."""
USABLE = ("sample", "operational")


@dataclass(frozen=True, slots=True)
class RouteDuration:
    """The planned duration of a listening route in a written standard, with the programme's bounds (None: none)."""

    panel: str
    route: Route
    written_standard: str
    duration_ms: int
    low_ms: int | None
    high_ms: int | None


def check_bank(bank: Bank) -> tuple[BankDataError, ...]:
    """All faults of a bank; empty when every release can be made of it."""
    return tuple(_bank_faults(bank))


def check_release(bank: Bank, release: ReleaseFile) -> tuple[BankDataError, ...]:
    """All faults of what one release draws on."""
    return check_bank(narrowed(bank, release))


def narrowed(bank: Bank, release: ReleaseFile) -> Bank:
    """The bank with only what a release draws on; names that the bank does not have are left for the checks to tell."""
    forms = {use.form for use in release.forms}
    panels = {name: panel for name, panel in bank.panels.items() if name in forms}
    task_sets = {name: task_set for name, task_set in bank.task_sets.items() if name in forms}
    items = {item for panel in panels.values() for module in panel.modules.values() for item in module.items}
    stimuli = {item.stimulus for name, item in bank.items.items() if name in items}
    tasks = {task for task_set in task_sets.values() for slot in task_set.slots for task in slot.tasks}
    return replace(
        bank,
        items={name: item for name, item in bank.items.items() if name in items},
        stimuli={name: stimulus for name, stimulus in bank.stimuli.items() if name in stimuli},
        tasks={name: task for name, task in bank.tasks.items() if name in tasks},
        panels=panels,
        task_sets=task_sets,
        releases={release.id: release},
    )


def listening_durations(bank: Bank) -> tuple[RouteDuration, ...]:
    """Every route of every released listening panel, in both written standards; faulty panels are left out."""
    rows: dict[tuple[str, Route, str], RouteDuration] = {}
    for release in bank.releases.values():
        programme = bank.programmes.get(release.programme)
        parts = programme.parts if programme is not None else ()
        script_driven = {str(rules.part): rules for rules in parts if rules.is_script_driven}
        for use in release.forms:
            if use.part in script_driven and use.form in bank.panels:
                for row in _durations(bank, bank.panels[use.form], script_driven[use.part]):
                    rows[row.panel, row.route, row.written_standard] = row
    return tuple(rows.values())


def _durations(bank: Bank, file: PanelFile, rules: PartRules) -> Iterator[RouteDuration]:
    try:
        panel = engine_panel(bank, file)
        by_standard = {each: route_durations_ms(panel, rules, WrittenStandard(each)) for each in WRITTEN_STANDARDS}
    except (DataError, BankDataError, KeyError):
        return
    for standard, durations in by_standard.items():
        for route, duration_ms in durations.items():
            yield RouteDuration(file.id, route, standard, duration_ms, rules.duration_min_ms, rules.duration_max_ms)


def _bank_faults(bank: Bank) -> Faults:
    for picture in bank.pictures:
        yield from _picture_faults(bank, picture)
    for item in bank.items.values():
        yield from item_faults(bank, item)
    for stimulus in bank.stimuli.values():
        yield from stimulus_faults(bank, stimulus)
    for task in bank.tasks.values():
        yield from task_faults(bank, task)
    yield from _information_faults(bank)
    yield from _sound_check_faults(bank)
    yield from _clip_faults(bank)
    for panel in bank.panels.values():
        yield from _panel_item_faults(bank, panel)
    for release in bank.releases.values():
        yield from _release_faults(bank, release)


def _picture_faults(bank: Bank, picture: str) -> Faults:
    """The picture is there and is a plain drawing (`itembank.pictures`)."""
    path = bank.picture_path(picture)
    if not path.is_file():
        place = Place.file(bank, "pictures", "pictures")
        yield place.fault(f"pictures.{picture}", f"there is no {picture}.svg", "Draw it or take the entry out")
        return
    try:
        with path.open("rb") as file:
            check_picture(file.read(MAX_PICTURE_BYTES + 1), f"{bank.folder.name}/pictures/{path.name}")
    except BankDataError as error:
        yield error


def _clip_faults(bank: Bank) -> Faults:
    for script in scripts(bank):
        if {line.voice for line in script.lines} <= set(bank.file.voices):
            try:
                find_clip(bank, script)
            except BankDataError as error:
                yield error


# --- programme texts --------------------------------------------------------------------------------------------------


def _information_faults(bank: Bank) -> Faults:
    place = Place.file(bank, "texts", "information")
    for part, model in bank.texts.information.parts.items():
        for language in LANGUAGES:
            try:
                lengths = [len(plain_text(page.blocks).split()) for page in pages(model, language)]
            except MarkupError as error:
                yield place.fault(f"parts.{part}.{language}", str(error), "Correct the marks")
                continue
            for number, words in enumerate(lengths, start=1):
                if words > WORDS_A_PAGE:
                    field = f"parts.{part}.{language}.{number}"
                    yield place.fault(field, f"the page has {words} words of at most {WORDS_A_PAGE}", "Divide it")


def _sound_check_faults(bank: Bank) -> Faults:
    sound_check = bank.texts.sound_check
    if sound_check is None:
        return
    place = Place.file(bank, "texts", "sound-check")
    if sound_check.number not in sound_check.choices:
        yield place.fault("choices", f"'{sound_check.number}' cannot be chosen", "Add it")
    yield from voice_faults(bank, sound_check.script, place, "script")


# --- forms and releases -----------------------------------------------------------------------------------------------


def _panel_item_faults(bank: Bank, panel: PanelFile) -> Faults:
    """Faults that the engine could not tell: items that are not there, not of this part, or not ready."""
    place = Place.file(bank, "panels", panel.id)
    for name, module in panel.modules.items():
        for item_id in module.items:
            field = f"modules.{name}.items"
            item = bank.items.get(item_id)
            if item is None:
                yield place.fault(field, f"the bank has no item '{item_id}'", "Write the item or take it out")
            elif item.part != panel.part:
                yield place.fault(field, f"'{item_id}' is of part '{item.part}'", "Take it out")
            elif item.status not in USABLE:
                yield place.fault(field, f"'{item_id}' has status '{item.status}'", f"Use items of {', '.join(USABLE)}")


def _release_faults(bank: Bank, release: ReleaseFile) -> Faults:
    place = Place.file(bank, "releases", release.id)
    programme = bank.programmes.get(release.programme)
    if programme is None:
        yield place.fault("programme", f"the bank has no programme '{release.programme}'", "Write it")
        return
    given = {use.part for use in release.forms if use.spare == 0}
    for rules in programme.parts:
        if rules.part not in given:
            yield place.fault("forms", f"part '{rules.part}' of the programme has no form", "Add one")
        if rules.needs_sound_check and bank.texts.sound_check is None:
            yield place.fault("programme", f"part '{rules.part}' needs a sound check", "Write texts/sound-check.json")
    yield from _missing_text_faults(bank, programme)
    for use in release.forms:
        yield from _use_faults(bank, use, programme, place)


def _missing_text_faults(bank: Bank, programme: Programme) -> Faults:
    parts = tuple(rules.part for rules in programme.parts)
    for part in parts:
        if part not in bank.texts.information.parts:
            place = Place.file(bank, "texts", "information")
            yield place.fault("parts", f"part '{part}' has no information page", "Write it")
    for name in ("general", *parts):
        if name not in bank.texts.read_out.texts:
            place = Place.file(bank, "texts", "read-out")
            yield place.fault("texts", f"there is no text '{name}' to read out", "Write it")


def _use_faults(bank: Bank, use: FormUse, programme: Programme, place: Place) -> Faults:
    rules = next((rules for rules in programme.parts if rules.part == use.part), None)
    if rules is None:
        yield place.fault("forms", f"programme '{programme.id}' has no part '{use.part}'", "Take it out")
    elif rules.delivery is Delivery.TASKS:
        task_set = bank.task_sets.get(use.form)
        if task_set is None:
            yield place.fault("forms", f"the bank has no task set '{use.form}'", "Write it")
            return
        if use.level != task_set.level:
            yield place.fault("forms", f"'{use.form}' is of level '{task_set.level}', not '{use.level}'", "Correct it")
        yield from _task_set_faults(bank, task_set, programme)
    else:
        panel = bank.panels.get(use.form)
        if panel is None:
            yield place.fault("forms", f"the bank has no panel '{use.form}'", "Write it")
        elif panel.part != use.part:
            yield place.fault("forms", f"panel '{use.form}' is of part '{panel.part}'", "Correct the part")
        else:
            yield from _panel_faults(bank, panel, programme)


def _panel_faults(bank: Bank, panel: PanelFile, programme: Programme) -> Faults:
    """The engine's checks; they wait until the items are there, since those faults are told where they stand."""
    try:
        check_panel(engine_panel(bank, panel), programme)
    except DataError as error:
        yield Place.file(bank, "panels", panel.id).engine_fault(error)
    except BankDataError:
        return


def _task_set_faults(bank: Bank, file: TaskSetFile, programme: Programme) -> Faults:
    place = Place.file(bank, "task-sets", file.id)
    try:
        check_task_set(engine_task_set(bank, file), programme)
    except DataError as error:
        yield place.engine_fault(error)
    missing = [task for slot in file.slots for task in slot.tasks if task not in bank.tasks]
    for task in missing:
        yield place.fault("slots", f"the bank has no task '{task}'", "Write the task or take it out")
    if missing:
        return
    difficulties = [{bank.tasks[task].difficulty for task in slot.tasks} for slot in file.slots]
    for slot, each in zip(file.slots, difficulties, strict=True):
        if len(each) > 1:
            yield place.fault(f"slots.{slot.id}", "the topics to choose from are not equally difficult", "Make them so")
    if any(max(lower) >= min(upper) for lower, upper in pairwise(difficulties)):
        yield place.fault("slots", "the tasks are not of rising difficulty", "Order them, each harder than the last")
