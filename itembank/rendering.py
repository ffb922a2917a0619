"""From the files' models to what is shown, in one written standard or language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias, TypeVar

from itembank.content import (
    ChoiceGap,
    FormField,
    ItemContent,
    Option,
    Page,
    PersonalDataForm,
    Picture,
    StimulusContent,
    TaskContent,
    TextGap,
)
from itembank.markup import Gap, parse_blocks
from itembank.schema import (
    GapModel,
    ItemFile,
    ItemStandardModel,
    OnePageModel,
    OptionModel,
    PageModel,
    PagesModel,
    PersonalDataFile,
    PhraseModel,
    PictureModel,
    StimulusFile,
    StimulusStandardModel,
    TaskFile,
    TaskStandardModel,
)

Pictures: TypeAlias = Mapping[str, PictureModel]
_Words = TypeVar("_Words", ItemStandardModel, StimulusStandardModel, TaskStandardModel)


class StandardMissingError(ValueError):
    """The written standard asked for is not written."""


def picture_name(picture_id: str) -> str:
    """Media name of a picture of the bank."""
    return f"pictures/{picture_id}.svg"


def clip_name(item_id: str, written_standard: str) -> str:
    """Media name of an item's listening clip."""
    return f"clips/{item_id}.{written_standard}.ogg"


def item_content(item: ItemFile, written_standard: str, pictures: Pictures) -> ItemContent:
    """An item as shown.

    Raises:
        StandardMissingError: the item is not written in this standard.
        MarkupError: its text's marks do not fit together.
        KeyError: a picture that the bank does not have.
    """
    words = _in_standard(item.nb, item.nn, written_standard)
    gaps = {gap: _gap(gap, model, written_standard, pictures) for gap, model in words.gaps.items()}
    return ItemContent(
        id=item.id,
        type=item.type,
        prompt=words.prompt,
        blocks=parse_blocks(words.body, gaps),
        options=_options(words.options, written_standard, pictures),
        max_choices=_max_choices(item),
        stimulus=item.stimulus,
        picture=_picture(item.picture, written_standard, pictures),
        clip=clip_name(item.id, written_standard) if words.script or item.timing is not None else None,
    )


def stimulus_content(stimulus: StimulusFile, written_standard: str, pictures: Pictures) -> StimulusContent:
    """A stimulus as shown; raises as `item_content`."""
    words = _in_standard(stimulus.nb, stimulus.nn, written_standard)
    return StimulusContent(
        stimulus.id,
        words.title,
        parse_blocks(words.body),
        _picture(stimulus.picture, written_standard, pictures),
    )


def task_content(task: TaskFile, written_standard: str, pictures: Pictures) -> TaskContent:
    """A writing task as shown; raises as `item_content`."""
    words = _in_standard(task.nb, task.nn, written_standard)
    return TaskContent(
        task.id,
        words.heading,
        parse_blocks(words.body),
        _picture(task.picture, written_standard, pictures),
        task.minimum_words,
    )


def pages(model: PagesModel, language: str) -> tuple[Page, ...]:
    """Pages of programme text in one language."""
    return tuple(_page(each) for each in {"nb": model.nb, "nn": model.nn, "en": model.en}[language])


def page(model: OnePageModel, language: str) -> Page:
    """A page of programme text in one language."""
    return _page({"nb": model.nb, "nn": model.nn, "en": model.en}[language])


def personal_data_form(model: PersonalDataFile, language: str) -> PersonalDataForm:
    """The voluntary form in one language."""
    fields = tuple(
        FormField(
            field.id,
            phrase(field.label, language),
            phrase(field.help, language),
            tuple(Option(option, phrase(text, language)) for option, text in field.options.items()),
        )
        for field in model.fields
    )
    return PersonalDataForm(page(model.introduction, language), fields)


def phrase(model: PhraseModel | PictureModel, language: str) -> str:
    """A short text in one language."""
    return {"nb": model.nb, "nn": model.nn, "en": model.en}[language]


def _page(model: PageModel) -> Page:
    return Page(model.heading, parse_blocks(model.body))


def _in_standard(nb: _Words | None, nn: _Words | None, written_standard: str) -> _Words:
    words = {"nb": nb, "nn": nn}[written_standard]
    if words is None:
        message = f"is not written in {written_standard}"
        raise StandardMissingError(message)
    return words


def _max_choices(item: ItemFile) -> int:
    return len(item.key.correct) if item.key.kind == "choice" else 1


def _gap(gap: str, model: GapModel, written_standard: str, pictures: Pictures) -> Gap:
    if model.options:
        return ChoiceGap(gap, _options(model.options, written_standard, pictures))
    return TextGap(gap, model.width)


def _options(models: Sequence[OptionModel], written_standard: str, pictures: Pictures) -> tuple[Option, ...]:
    return tuple(Option(model.id, model.text, _picture(model.picture, written_standard, pictures)) for model in models)


def _picture(picture_id: str | None, written_standard: str, pictures: Pictures) -> Picture | None:
    if picture_id is None:
        return None
    return Picture(picture_name(picture_id), phrase(pictures[picture_id], written_standard))
