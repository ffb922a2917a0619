"""Everything that must hold in a bank before a release is made of it; each fault says file, field and remedy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from engine.check import check_panel, check_task_set, route_durations_ms
from engine.errors import DataError
from engine.ids import WrittenStandard
from engine.panel import Panel, Route
from engine.programme import Delivery, PartRules, Programme
from itembank.bank import Bank
from itembank.clips import ClipScript, find_clip, scripts
from itembank.content import Block, ChoiceGap, HotWord, ItemContent, TextGap
from itembank.errors import BankDataError
from itembank.forms import engine_panel, engine_task_set
from itembank.markup import MarkupError, plain_text
from itembank.rendering import item_content, pages, stimulus_content, task_content
from itembank.schema import (
    LANGUAGES,
    WRITTEN_STANDARDS,
    FormUse,
    ItemFile,
    ItemStandardModel,
    LineModel,
    OptionModel,
    PanelFile,
    ReleaseFile,
    StimulusFile,
    TaskFile,
    TaskSetFile,
)

WORDS_A_PAGE = 120
"""Most words on one information page: what is read in a minute at A2."""

STANDARD_NAMES = {"nb": "Bokmål", "nn": "Nynorsk"}
USABLE = ("sample", "operational")

Faults = Iterator[BankDataError]


@dataclass(frozen=True, slots=True)
class RouteDuration:
    """The planned minutes of a listening route in a written standard, with the programme's bounds (None: none)."""

    panel: str
    route: Route
    written_standard: str
    duration_ms: int
    low_ms: int | None
    high_ms: int | None


def check_bank(bank: Bank) -> tuple[BankDataError, ...]:
    """All faults of a bank, in the order of its files; empty when a release can be made of it."""
    return tuple(_bank_faults(bank))


def check_release(bank: Bank, release: ReleaseFile) -> tuple[BankDataError, ...]:
    """All faults of what one release draws on."""
    return tuple(_release_faults(bank, release, _Place(bank, "releases", release.id)))


def listening_durations(bank: Bank) -> tuple[RouteDuration, ...]:
    """Every route of every listening panel of a release, in both written standards; panels with faults are left out."""
    durations: dict[tuple[str, Route, str], RouteDuration] = {}
    for release in bank.releases.values():
        programme = bank.programmes.get(release.programme)
        for use in release.forms if programme is not None else ():
            panel = bank.panels.get(use.form)
            if panel is None or programme is None or use.part not in {rules.part for rules in programme.parts}:
                continue
            rules = programme.part(use.part)
            if not rules.is_script_driven:
                continue
            for row in _durations(bank, panel, rules):
                durations[row.panel, row.route, row.written_standard] = row
    return tuple(durations.values())


def _durations(bank: Bank, file: PanelFile, rules: PartRules) -> Iterator[RouteDuration]:
    try:
        panel = engine_panel(bank, file)
        for standard in WRITTEN_STANDARDS:
            for route, duration_ms in route_durations_ms(panel, rules, WrittenStandard(standard)).items():
                yield RouteDuration(file.id, route, standard, duration_ms, rules.duration_min_ms, rules.duration_max_ms)
    except (DataError, BankDataError):
        return


class _Place:
    """A file that faults are told of."""

    def __init__(self, bank: Bank, folder: str, name: str, file: str = "") -> None:
        self.where = (
            f"{bank.folder.name}/{folder}/{name}/{file}" if file else f"{bank.folder.name}/{folder}/{name}.json"
        )

    def fault(self, field: str, fault: str, remedy: str) -> BankDataError:
        return BankDataError(self.where, field, fault, remedy)

    def engine_fault(self, error: DataError) -> BankDataError:
        return BankDataError(self.where, error.field, error.fault, error.remedy)


def _bank_faults(bank: Bank) -> Faults:
    for picture in bank.pictures:
        if not bank.picture_path(picture).is_file():
            place = _Place(bank, "pictures", "pictures")
            yield place.fault(f"pictures.{picture}", f"there is no {picture}.svg", "Draw it or take the entry out")
    for item in bank.items.values():
        yield from _item_faults(bank, item)
    for stimulus in bank.stimuli.values():
        yield from _stimulus_faults(bank, stimulus)
    for task in bank.tasks.values():
        yield from _task_faults(bank, task)
    yield from _text_faults(bank)
    yield from _script_faults(bank)
    for name, panel in bank.panels.items():
        place = _Place(bank, "panels", name)
        yield from _panel_names(bank, panel, place)
    for release in bank.releases.values():
        yield from _form_faults(bank, release, _Place(bank, "releases", release.id))


# --- items, stimuli, tasks --------------------------------------------------------------------------------------------


def _item_faults(bank: Bank, item: ItemFile) -> Faults:
    place = _Place(bank, "items", item.id, "item.json")
    yield from _missing_standards(item.nb, item.nn, place)
    if item.stimulus is not None and item.stimulus not in bank.stimuli:
        yield place.fault("stimulus", f"the bank has no stimulus '{item.stimulus}'", "Write it or correct the name")
    yield from _picture_fault(bank, item.picture, place, "picture")
    contents: list[ItemContent] = []
    for standard, words in zip(WRITTEN_STANDARDS, (item.nb, item.nn), strict=True):
        if words is None:
            continue
        faults = list(_words_faults(bank, item, standard, words, place))
        yield from faults
        if not faults:
            try:
                contents.append(item_content(item, standard, bank.pictures))
            except MarkupError as error:
                yield place.fault(f"{standard}.body", str(error), "Correct the marks")
    for standard, content in zip(WRITTEN_STANDARDS, contents, strict=False):
        yield from _shape_faults(item, content, standard, place)
    if len(contents) == len(WRITTEN_STANDARDS) and _shape(contents[0]) != _shape(contents[1]):
        yield place.fault("nn", "options, gaps or words to press are not those of nb", "Use the same ids in both")


def _words_faults(bank: Bank, item: ItemFile, standard: str, words: ItemStandardModel, place: _Place) -> Faults:
    """Faults of one written standard that can be told before its marks are read."""
    is_heard = item.timing is not None
    if is_heard and not words.script:
        yield place.fault(f"{standard}.script", "the item is heard, but nothing is said", "Write the script")
    if words.script and not is_heard:
        yield place.fault("timing", "the item has a script, but no times", "Give reading, gap and answering time")
    if is_heard != (item.part == "listening"):
        yield place.fault("timing", f"times and part '{item.part}' do not belong together", "Time listening items only")
    yield from _option_faults(bank, words.options, place, f"{standard}.options")
    for gap, model in words.gaps.items():
        yield from _option_faults(bank, model.options, place, f"{standard}.gaps.{gap}.options")
    yield from _voice_faults(bank, words.script, place, f"{standard}.script")


def _option_faults(bank: Bank, options: Sequence[OptionModel], place: _Place, field: str) -> Faults:
    ids = [option.id for option in options]
    if len(set(ids)) != len(ids):
        yield place.fault(field, "an id stands there twice", "Give each option its own id")
    if len(options) == 1:
        yield place.fault(field, "there is only one option", "Add another")
    texts = [option.text.strip().casefold() for option in options if option.picture is None]
    if len(set(texts)) != len(texts):
        yield place.fault(field, "two options read the same", "Make them different")
    for option in options:
        if (option.picture is None) == (not option.text):
            yield place.fault(f"{field}.{option.id}", "it needs either a text or a picture", "Give one of them")
        yield from _picture_fault(bank, option.picture, place, f"{field}.{option.id}.picture")


def _picture_fault(bank: Bank, picture: str | None, place: _Place, field: str) -> Faults:
    if picture is not None and picture not in bank.pictures:
        yield place.fault(field, f"the bank has no picture '{picture}'", "Draw it and describe it in pictures.json")


def _voice_faults(bank: Bank, lines: Iterable[LineModel], place: _Place, field: str) -> Faults:
    for voice in sorted({line.voice for line in lines} - set(bank.file.voices)):
        yield place.fault(field, f"there is no voice '{voice}'", f"Use one of {', '.join(bank.file.voices) or 'none'}")


def _shape(content: ItemContent) -> tuple[tuple[str, ...], tuple[tuple[str, tuple[str, ...]], ...]]:
    """What must be alike in both written standards: ids of options, gaps with theirs, and words to press."""
    options = tuple(option.id for option in content.options)
    marked = sorted((piece.id, _gap_options(piece)) for piece in content.pieces if not hasattr(piece, "is_strong"))
    return options, tuple(marked)


def _gap_options(piece: object) -> tuple[str, ...]:
    return tuple(option.id for option in piece.options) if isinstance(piece, ChoiceGap) else ()


def _shape_faults(item: ItemFile, content: ItemContent, standard: str, place: _Place) -> Faults:
    """The item's type, what it shows, and its key fit together."""
    hot = tuple(piece.id for piece in content.pieces if isinstance(piece, HotWord))
    lists = {piece.id: _gap_options(piece) for piece in content.pieces if isinstance(piece, ChoiceGap)}
    fields = tuple(piece.id for piece in content.pieces if isinstance(piece, TextGap))
    shown = {
        "choice": bool(content.options),
        "hottext": bool(hot),
        "inline_choice": bool(lists),
        "text_entry": bool(fields),
    }
    if [kind for kind, is_shown in shown.items() if is_shown] != [item.type]:
        kinds = ", ".join(kind for kind, is_shown in shown.items() if is_shown) or "nothing to answer"
        yield place.fault(
            f"{standard}", f"type '{item.type}' shows {kinds}", f"Show what '{item.type}' needs, and no more"
        )
        return
    unused = set((item.nb if standard == "nb" else item.nn).gaps) - {*lists, *fields}  # pyright: ignore[reportOptionalMemberAccess]  content was made of it
    for gap in sorted(unused):
        yield place.fault(f"{standard}.gaps.{gap}", "the text has no such gap", f"Write {{{gap}}} in the body")
    yield from _key_faults(item, tuple(option.id for option in content.options) or hot, lists, fields, place)


def _key_faults(
    item: ItemFile, ids: Sequence[str], lists: Mapping[str, Sequence[str]], fields: Sequence[str], place: _Place
) -> Faults:
    key = item.key
    wanted = {"choice": "choice", "hottext": "choice", "inline_choice": "gaps", "text_entry": "text"}[item.type]
    if key.kind != wanted:
        yield place.fault("key.kind", f"type '{item.type}' has a key of kind '{key.kind}'", f"Write '{wanted}'")
    elif key.kind == "choice":
        for option in key.correct:
            if option not in ids:
                remedy = "Correct the key or add the option"
                yield place.fault("key.correct", f"'{option}' is not among {', '.join(ids)}", remedy)
        if len(key.correct) >= len(ids):
            yield place.fault("key.correct", "everything is correct", "Leave something to choose")
    elif key.kind == "gaps":
        if tuple(key.correct) != tuple(lists):
            yield place.fault(
                "key.correct", "its gaps are not those of the text", f"Give {', '.join(lists)} in this order"
            )
        for gap, option in key.correct.items():
            if gap in lists and option not in lists[gap]:
                remedy = "Correct the key or add the option"
                yield place.fault(f"key.correct.{gap}", f"'{option}' is not among {', '.join(lists[gap])}", remedy)
    elif tuple(key.gaps) != tuple(fields):
        yield place.fault("key.gaps", "its gaps are not those of the text", f"Give {', '.join(fields)} in this order")


def _stimulus_faults(bank: Bank, stimulus: StimulusFile) -> Faults:
    place = _Place(bank, "stimuli", stimulus.id, "stimulus.json")
    yield from _missing_standards(stimulus.nb, stimulus.nn, place)
    faults = list(_picture_fault(bank, stimulus.picture, place, "picture"))
    yield from faults
    for standard, words in zip(WRITTEN_STANDARDS, (stimulus.nb, stimulus.nn), strict=True):
        if words is not None and not faults:
            try:
                blocks = stimulus_content(stimulus, standard, bank.pictures).blocks
            except MarkupError as error:
                yield place.fault(f"{standard}.body", str(error), "Correct the marks")
                continue
            yield from _no_answers_in(blocks, place, f"{standard}.body")
            if not blocks and stimulus.picture is None:
                yield place.fault(f"{standard}.body", "there is neither text nor picture", "Write the text")


def _task_faults(bank: Bank, task: TaskFile) -> Faults:
    place = _Place(bank, "tasks", task.id, "task.json")
    yield from _missing_standards(task.nb, task.nn, place)
    faults = list(_picture_fault(bank, task.picture, place, "picture"))
    yield from faults
    for standard, words in zip(WRITTEN_STANDARDS, (task.nb, task.nn), strict=True):
        if words is not None and not faults:
            try:
                yield from _no_answers_in(task_content(task, standard, bank.pictures).blocks, place, f"{standard}.body")
            except MarkupError as error:
                yield place.fault(f"{standard}.body", str(error), "Correct the marks")


def _no_answers_in(blocks: Sequence[Block], place: _Place, field: str) -> Faults:
    if any(isinstance(piece, HotWord) for block in blocks for piece in block.pieces):
        yield place.fault(field, "there is a word to press", "Put it in the item's own text")


def _missing_standards(nb: object | None, nn: object | None, place: _Place) -> Faults:
    for standard, words in (("nb", nb), ("nn", nn)):
        if words is None:
            yield place.fault(standard, f"it is not written in {STANDARD_NAMES[standard]}", "Write it")


# --- clips and texts --------------------------------------------------------------------------------------------------


def _script_faults(bank: Bank) -> Faults:
    for script in scripts(bank):
        if {line.voice for line in script.lines} <= set(bank.file.voices):
            yield from _clip_fault(bank, script)


def _clip_fault(bank: Bank, script: ClipScript) -> Faults:
    try:
        find_clip(bank, script)
    except BankDataError as error:
        yield error


def _text_faults(bank: Bank) -> Faults:
    place = _Place(bank, "texts", "information")
    for part, model in bank.texts.information.parts.items():
        for language in LANGUAGES:
            for number, page in enumerate(pages(model, language), start=1):
                words = len(page.heading.split()) + len(plain_text(page.blocks).split())
                if words > WORDS_A_PAGE:
                    field = f"parts.{part}.{language}.{number}"
                    yield place.fault(field, f"the page has {words} words of at most {WORDS_A_PAGE}", "Divide it")
    sound_check = bank.texts.sound_check
    if sound_check is not None:
        place = _Place(bank, "texts", "sound-check")
        if sound_check.number not in sound_check.choices:
            yield place.fault("choices", f"'{sound_check.number}' cannot be chosen", "Add it")
        yield from _voice_faults(bank, sound_check.script, place, "script")


# --- forms and releases -----------------------------------------------------------------------------------------------


def _panel_names(bank: Bank, panel: PanelFile, place: _Place) -> Faults:
    """Faults that the engine could not tell: items that are not there, not of this part, or not ready."""
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


def _release_faults(bank: Bank, release: ReleaseFile, place: _Place) -> Faults:
    """The faults of a release's own forms and of the files that they use."""
    used = {
        item
        for use in release.forms
        for panel in [bank.panels.get(use.form)]
        if panel is not None
        for module in panel.modules.values()
        for item in module.items
    }
    stimuli = {item.stimulus for name in used if (item := bank.items.get(name)) is not None}
    tasks = {
        task
        for use in release.forms
        for task_set in [bank.task_sets.get(use.form)]
        if task_set is not None
        for slot in task_set.slots
        for task in slot.tasks
    }
    folders = {"items": used, "stimuli": stimuli, "tasks": tasks}
    for fault in _bank_faults(bank):
        _, folder, name, *_ = fault.where.split("/")
        if folder in folders and name not in folders[folder]:
            continue
        if folder != "releases":
            yield fault
    yield from _form_faults(bank, release, place)


def _form_faults(bank: Bank, release: ReleaseFile, place: _Place) -> Faults:
    programme = bank.programmes.get(release.programme)
    if programme is None:
        yield place.fault("programme", f"the bank has no programme '{release.programme}'", "Write it")
        return
    given = {use.part for use in release.forms if use.spare == 0}
    for rules in programme.parts:
        if rules.part not in given:
            yield place.fault("forms", f"part '{rules.part}' of the programme has no form", "Add one")
        if rules.part not in bank.texts.information.parts:
            text_place = _Place(bank, "texts", "information")
            yield text_place.fault("parts", f"part '{rules.part}' has no information page", "Write it")
        if rules.needs_sound_check and bank.texts.sound_check is None:
            yield place.fault("programme", f"part '{rules.part}' needs a sound check", "Write texts/sound-check.json")
    for name in ("general", *(rules.part for rules in programme.parts)):
        if name not in bank.texts.read_out.texts:
            yield _Place(bank, "texts", "read-out").fault("texts", f"there is no text '{name}' to read out", "Write it")
    for use in release.forms:
        yield from _use_faults(bank, use, programme, place)


def _use_faults(bank: Bank, use: FormUse, programme: Programme, place: _Place) -> Faults:
    rules = next((rules for rules in programme.parts if rules.part == use.part), None)
    if rules is None:
        yield place.fault("forms", f"programme '{programme.id}' has no part '{use.part}'", "Take it out")
    elif rules.delivery is Delivery.TASKS:
        task_set = bank.task_sets.get(use.form)
        if task_set is None:
            yield place.fault("forms", f"the bank has no task set '{use.form}'", "Write it")
        else:
            yield from _task_set_faults(bank, task_set, programme)
            if use.level != task_set.level:
                yield place.fault(
                    "forms", f"'{use.form}' is of level '{task_set.level}', not '{use.level}'", "Correct it"
                )
    else:
        panel = bank.panels.get(use.form)
        if panel is None:
            yield place.fault("forms", f"the bank has no panel '{use.form}'", "Write it")
        elif panel.part != use.part:
            yield place.fault("forms", f"panel '{use.form}' is of part '{panel.part}'", "Correct the part")
        else:
            yield from _panel_faults(bank, panel, programme)


def _panel_faults(bank: Bank, file: PanelFile, programme: Programme) -> Faults:
    place = _Place(bank, "panels", file.id)
    try:
        panel: Panel = engine_panel(bank, file)
        check_panel(panel, programme)
    except DataError as error:
        yield place.engine_fault(error)
    except BankDataError:
        return  # told already, where the item or the clip is


def _task_set_faults(bank: Bank, file: TaskSetFile, programme: Programme) -> Faults:
    place = _Place(bank, "task-sets", file.id)
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
    for lower, upper in pairwise(difficulties):
        if max(lower) >= min(upper):
            yield place.fault(
                "slots", "the tasks are not of rising difficulty", "Order them, each harder than the last"
            )
            return
