"""What must hold in an item, a stimulus and a writing task by themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from itembank.bank import Bank
from itembank.content import ChoiceGap, HotWord, ItemContent, TextGap
from itembank.faults import Faults, Place
from itembank.markup import MarkupError, parse_blocks
from itembank.rendering import item_content
from itembank.schema import (
    ChoiceKeyModel,
    GapsKeyModel,
    ItemFile,
    ItemStandardModel,
    KeyModel,
    LineModel,
    OptionModel,
    StimulusFile,
    TaskFile,
    TextKeyModel,
)

STANDARD_NAMES = {"nb": "Bokmål", "nn": "Nynorsk"}
KEY_KINDS = {"choice": "choice", "hottext": "choice", "inline_choice": "gaps", "text_entry": "text"}


@dataclass(frozen=True, slots=True)
class _Shape:
    """What can be answered in an item: ids of options, of words to press, of lists with theirs, and of fields."""

    options: tuple[str, ...]
    words: tuple[str, ...]
    lists: Mapping[str, tuple[str, ...]]
    fields: tuple[str, ...]

    @property
    def kinds(self) -> tuple[str, ...]:
        """The item types that would be answered here."""
        shown = {
            "choice": self.options,
            "hottext": self.words,
            "inline_choice": self.lists,
            "text_entry": self.fields,
        }
        return tuple(kind for kind, ids in shown.items() if ids)


def item_faults(bank: Bank, item: ItemFile) -> Faults:
    """All faults of an item but those of its built clips."""
    place = Place.item(bank, item.id)
    yield from _missing_standards(item.nb, item.nn, place)
    if item.stimulus is not None and item.stimulus not in bank.stimuli:
        yield place.fault("stimulus", f"the bank has no stimulus '{item.stimulus}'", "Write it or correct the name")
    if (item.timing is not None) != (item.part == "listening"):
        yield place.fault("timing", f"times and part '{item.part}' do not belong together", "Time listening items only")
    yield from picture_faults(bank, item.picture, place, "picture")
    shapes: list[_Shape] = []
    for standard, words in (("nb", item.nb), ("nn", item.nn)):
        if words is None:
            continue
        faults = [*_words_faults(bank, item, standard, words, place)]
        yield from faults
        if faults:
            continue
        try:
            shape = _shape(item_content(item, standard, bank.pictures))
        except MarkupError as error:
            yield place.fault(f"{standard}.body", str(error), "Correct the marks")
            continue
        yield from _shape_faults(item, words, shape, standard, place)
        shapes.append(shape)
    if len(shapes) == len(STANDARD_NAMES) and shapes[0] != shapes[1]:
        yield place.fault("nn", "options, gaps or words to press are not those of nb", "Use the same ids in both")


def stimulus_faults(bank: Bank, stimulus: StimulusFile) -> Faults:
    """All faults of a stimulus."""
    place = Place.stimulus(bank, stimulus.id)
    yield from _missing_standards(stimulus.nb, stimulus.nn, place)
    yield from picture_faults(bank, stimulus.picture, place, "picture")
    texts = {
        standard: words.body for standard, words in (("nb", stimulus.nb), ("nn", stimulus.nn)) if words is not None
    }
    yield from _body_faults(texts, place)
    for standard, body in texts.items():
        if not body and stimulus.picture is None:
            yield place.fault(f"{standard}.body", "there is neither text nor picture", "Write the text")


def task_faults(bank: Bank, task: TaskFile) -> Faults:
    """All faults of a writing task."""
    place = Place.task(bank, task.id)
    yield from _missing_standards(task.nb, task.nn, place)
    yield from picture_faults(bank, task.picture, place, "picture")
    texts = {standard: words.body for standard, words in (("nb", task.nb), ("nn", task.nn)) if words is not None}
    yield from _body_faults(texts, place)


def picture_faults(bank: Bank, picture: str | None, place: Place, field: str) -> Faults:
    """The bank has the picture that a field names."""
    if picture is not None and picture not in bank.pictures:
        yield place.fault(field, f"the bank has no picture '{picture}'", "Draw it and describe it in pictures.json")


def voice_faults(bank: Bank, lines: Iterable[LineModel], place: Place, field: str) -> Faults:
    """The bank has the voices that a script names."""
    for voice in sorted({line.voice for line in lines} - set(bank.file.voices)):
        yield place.fault(field, f"there is no voice '{voice}'", f"Use one of {', '.join(bank.file.voices) or 'none'}")


def _missing_standards(nb: object | None, nn: object | None, place: Place) -> Faults:
    """Reglement 3.9: nothing is given that is not complete in both written standards."""
    for standard, words in (("nb", nb), ("nn", nn)):
        if words is None:
            yield place.fault(standard, f"it is not written in {STANDARD_NAMES[standard]}", "Write it")


def _words_faults(bank: Bank, item: ItemFile, standard: str, words: ItemStandardModel, place: Place) -> Faults:
    """Faults of one written standard that can be told before its marks are read."""
    if item.timing is not None and not words.script:
        yield place.fault(f"{standard}.script", "the item is heard, but nothing is said", "Write the script")
    if item.timing is None and words.script:
        yield place.fault(f"{standard}.script", "something is said, but the item is not heard", "Take the script out")
    yield from _option_faults(bank, words.options, place, f"{standard}.options")
    for gap, model in words.gaps.items():
        yield from _option_faults(bank, model.options, place, f"{standard}.gaps.{gap}.options")
    yield from voice_faults(bank, words.script, place, f"{standard}.script")


def _option_faults(bank: Bank, options: Sequence[OptionModel], place: Place, field: str) -> Faults:
    ids = [option.id for option in options]
    if len(set(ids)) != len(ids):
        yield place.fault(field, "an id stands there twice", "Give each option its own id")
    if len(options) == 1:
        yield place.fault(field, "there is only one option", "Add another")
    shown = [option.picture or option.text.strip().casefold() for option in options]
    if len(set(shown)) != len(shown):
        yield place.fault(field, "two options are the same", "Make them different")
    for option in options:
        if (option.picture is None) == (not option.text):
            yield place.fault(f"{field}.{option.id}", "it needs either a text or a picture", "Give one of them")
        yield from picture_faults(bank, option.picture, place, f"{field}.{option.id}.picture")


def _shape(content: ItemContent) -> _Shape:
    pieces = content.pieces
    return _Shape(
        options=tuple(option.id for option in content.options),
        words=tuple(piece.id for piece in pieces if isinstance(piece, HotWord)),
        lists={
            piece.id: tuple(option.id for option in piece.options) for piece in pieces if isinstance(piece, ChoiceGap)
        },
        fields=tuple(piece.id for piece in pieces if isinstance(piece, TextGap)),
    )


def _shape_faults(item: ItemFile, words: ItemStandardModel, shape: _Shape, standard: str, place: Place) -> Faults:
    """The item's type, what it shows, and its key fit together."""
    for gap in sorted(set(words.gaps) - {*shape.lists, *shape.fields}):
        yield place.fault(f"{standard}.gaps.{gap}", "the text has no such gap", f"Write {{{gap}}} in the body")
    if shape.kinds != (item.type,):
        shown = ", ".join(shape.kinds) or "nothing to answer"
        yield place.fault(standard, f"type '{item.type}' shows {shown}", f"Show what '{item.type}' needs, and no more")
    elif standard != "nb":
        return  # both standards have one shape (told elsewhere), so the key is held against it once
    elif item.key.kind != KEY_KINDS[item.type]:
        remedy = f"Write a key of kind '{KEY_KINDS[item.type]}'"
        yield place.fault("key.kind", f"type '{item.type}' has a key of kind '{item.key.kind}'", remedy)
    else:
        yield from _key_faults(item.key, shape, place)


def _key_faults(key: KeyModel, shape: _Shape, place: Place) -> Faults:
    match key:
        case ChoiceKeyModel(correct=correct):
            ids = shape.options or shape.words
            for option in correct:
                yield from _listed(option, ids, place, "key.correct")
            if len(set(correct)) >= len(ids):
                yield place.fault("key.correct", "everything is correct", "Leave something to choose")
        case GapsKeyModel(correct=chosen):
            yield from _same_gaps(tuple(chosen), tuple(shape.lists), place, "key.correct")
            for gap, option in chosen.items():
                yield from _listed(option, shape.lists.get(gap, (option,)), place, f"key.correct.{gap}")
        case TextKeyModel(gaps=gaps):
            yield from _same_gaps(tuple(gaps), shape.fields, place, "key.gaps")


def _listed(option: str, ids: Sequence[str], place: Place, field: str) -> Faults:
    if option not in ids:
        yield place.fault(field, f"'{option}' is not among {', '.join(ids)}", "Correct the key or add the option")


def _same_gaps(keyed: tuple[str, ...], shown: tuple[str, ...], place: Place, field: str) -> Faults:
    if keyed != shown:
        yield place.fault(field, "its gaps are not those of the text", f"Give {', '.join(shown)} in this order")


def _body_faults(texts: Mapping[str, Sequence[str]], place: Place) -> Faults:
    """A text without answers in it: its marks fit together, and both standards are built up alike."""
    kinds: list[tuple[str, ...]] = []
    for standard, body in texts.items():
        try:
            blocks = parse_blocks(body)
        except MarkupError as error:
            yield place.fault(f"{standard}.body", str(error), "Correct the marks")
            continue
        kinds.append(tuple(block.kind for block in blocks))
        if any(isinstance(piece, HotWord) for block in blocks for piece in block.pieces):
            yield place.fault(f"{standard}.body", "there is a word to press", "Put it in the item's own text")
    if len(kinds) == len(STANDARD_NAMES) and kinds[0] != kinds[1]:
        yield place.fault(
            "nn.body", "its headings, paragraphs, bullets and lines are not those of nb", "Build both alike"
        )
