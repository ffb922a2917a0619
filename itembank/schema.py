"""The files of a bank as strict models: parsed once, at the edge. Unknown fields and wrong types are refused.

Text in the files is plain with few marks (`itembank.markup`): ``# `` heading, ``- `` bullet, ``| `` close-set line at
the start of a block; ``**strong**``, ``{gap}`` and ``[word-id:the word]`` inside one.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,39}$")]
Sentence = Annotated[str, StringConstraints(min_length=1, max_length=4000, strip_whitespace=False)]
PartName = Literal["listening", "reading", "writing", "theory"]
WRITTEN_STANDARDS = ("nb", "nn")
LANGUAGES = ("nb", "nn", "en")


class FileModel(BaseModel):
    """Base of every model here: strict, closed, frozen."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


# --- the bank ---------------------------------------------------------------------------------------------------------


class VoiceModel(FileModel):
    """A synthetic voice: an espeak-ng voice name, words per minute, pitch 0…99."""

    espeak: str
    words_per_minute: int = Field(default=140, ge=80, le=220)
    pitch: int = Field(default=50, ge=0, le=99)


class BankFile(FileModel):
    """``bank.json``: the bank's name, licence and voices."""

    id: Id
    title: dict[str, Sentence]
    licence: Sentence
    voices: dict[str, VoiceModel] = Field(default_factory=dict)


class PictureModel(FileModel):
    """The text that stands for a picture in ``pictures/<id>.svg``, in every language."""

    nb: Sentence
    nn: Sentence
    en: Sentence


class PicturesFile(FileModel):
    """``pictures/pictures.json``: every picture of the bank."""

    pictures: dict[Id, PictureModel]


# --- items and stimuli ------------------------------------------------------------------------------------------------


class OptionModel(FileModel):
    """One option: a text, or a picture of the bank."""

    id: Id
    text: str = ""
    picture: Id | None = None


class GapModel(FileModel):
    """A gap in the text: ``options`` for inline choice, ``width`` in characters for text entry."""

    options: tuple[OptionModel, ...] = ()
    width: int = Field(default=12, ge=4, le=40)


class LineModel(FileModel):
    """One line of a script to be spoken: voice, text, and silence before the next line."""

    voice: str
    text: Sentence
    pause_ms: int = Field(default=350, ge=0, le=20_000)


class ItemStandardModel(FileModel):
    """An item's words in one written standard."""

    prompt: Sentence
    body: tuple[Sentence, ...] = ()
    options: tuple[OptionModel, ...] = ()
    gaps: dict[Id, GapModel] = Field(default_factory=dict)
    script: tuple[LineModel, ...] = ()


class ParametersModel(FileModel):
    """Item parameters on the logit scale (D = 1) and where they come from."""

    model: Literal["rasch", "2pl", "3pl"]
    a: float = Field(gt=0.0, lt=10.0)
    b: float = Field(gt=-10.0, lt=10.0)
    c: float = Field(ge=0.0, lt=1.0)
    source: Literal["simulated", "calibrated"]


class TimingModel(FileModel):
    """The silent steps of a listening item in milliseconds: reading before, gap between plays, answering after."""

    reading_ms: int = Field(ge=0, le=300_000)
    gap_ms: int = Field(ge=0, le=60_000)
    answering_ms: int = Field(ge=0, le=300_000)


class AcceptedModel(FileModel):
    """What counts as right in one text gap."""

    accepted: tuple[Sentence, ...] = Field(min_length=1)


class ChoiceKeyModel(FileModel):
    """The set of ids that must be chosen, no more and no fewer."""

    kind: Literal["choice"]
    correct: tuple[Id, ...] = Field(min_length=1)


class GapsKeyModel(FileModel):
    """One option id a gap."""

    kind: Literal["gaps"]
    correct: dict[Id, Id] = Field(min_length=1)


class TextKeyModel(FileModel):
    """Accepted spellings a gap; upper and lower case, and runs of space, are equal unless it says otherwise."""

    kind: Literal["text"]
    gaps: dict[Id, AcceptedModel] = Field(min_length=1)
    folds_case: bool = True
    folds_space: bool = True


KeyModel = Annotated[ChoiceKeyModel | GapsKeyModel | TextKeyModel, Field(discriminator="kind")]


class ItemFile(FileModel):
    """``items/<id>/item.json``."""

    id: Id
    type: Literal["choice", "inline_choice", "hottext", "text_entry"]
    part: Literal["listening", "reading", "theory"]
    level: str
    skill: Sentence
    topic: Sentence
    author: Sentence
    status: Literal["draft", "sample", "operational", "retired"]
    exposure: int = Field(ge=0)
    is_scored: bool = True
    stimulus: Id | None = None
    picture: Id | None = None
    timing: TimingModel | None = None
    key: KeyModel
    parameters: ParametersModel | None = None
    nb: ItemStandardModel | None = None
    nn: ItemStandardModel | None = None


class StimulusStandardModel(FileModel):
    """A stimulus in one written standard."""

    title: str = ""
    body: tuple[Sentence, ...]


class StimulusFile(FileModel):
    """``stimuli/<id>/stimulus.json``."""

    id: Id
    picture: Id | None = None
    nb: StimulusStandardModel | None = None
    nn: StimulusStandardModel | None = None


# --- writing ----------------------------------------------------------------------------------------------------------


class TaskStandardModel(FileModel):
    """A writing task in one written standard."""

    heading: Sentence
    body: tuple[Sentence, ...] = Field(min_length=1)


class TaskFile(FileModel):
    """``tasks/<id>/task.json``; ``difficulty`` orders the tasks of a set, 1 easiest."""

    id: Id
    level: str
    topic: Sentence
    author: Sentence
    status: Literal["draft", "sample", "operational", "retired"]
    picture: Id | None = None
    difficulty: int = Field(ge=1, le=12)
    minimum_words: int = Field(default=0, ge=0, le=1000)
    nb: TaskStandardModel | None = None
    nn: TaskStandardModel | None = None


# --- forms and releases -----------------------------------------------------------------------------------------------


class ModuleModel(FileModel):
    """A module: what it is for and its items in order."""

    kind: Literal["routing", "final", "form"]
    items: tuple[Id, ...] = Field(min_length=1)


class RoutingRuleModel(FileModel):
    """From ``low`` to ``high`` correct answers: on to ``target``."""

    low: int = Field(ge=0)
    high: int = Field(ge=0)
    target: Id


class LevelRowModel(FileModel):
    """The official level rule for one route: ``levels[n]`` is the level of n correct answers over the route."""

    route: tuple[Id, ...] = Field(min_length=1)
    levels: tuple[str, ...] = Field(min_length=2)


class CutsModel(FileModel):
    """What the level table is made from: cut scores on theta between neighbouring levels, and the normal prior.

    ``highest``: the highest level that a final module can give, where it measures no further.
    """

    theta: tuple[float, ...]
    prior_mean: float
    prior_sd: float = Field(gt=0.0)
    source: Literal["simulated", "standard setting"]
    highest: dict[Id, str] = Field(default_factory=dict)


class PanelFile(FileModel):
    """``panels/<id>.json``: modules, routing and levels; the items' scoring is taken from their own files."""

    id: Id
    part: Literal["listening", "reading", "theory"]
    levels: tuple[str, ...] = Field(min_length=2)
    first: Id
    modules: dict[Id, ModuleModel]
    routing_basis: Literal["module", "route"] = "module"
    routing: dict[Id, tuple[RoutingRuleModel, ...]]
    cuts: CutsModel | None = None
    level_table: tuple[LevelRowModel, ...]


class SlotModel(FileModel):
    """A slot of a writing set: one task, or several to choose from."""

    id: Id
    tasks: tuple[Id, ...] = Field(min_length=1)


class TaskSetFile(FileModel):
    """``task-sets/<id>.json``."""

    id: Id
    part: Literal["writing"]
    level: str
    slots: tuple[SlotModel, ...] = Field(min_length=1)


class FormUse(FileModel):
    """A form of a release: for which part and which enrolled level (null for any).

    ``spare`` 0 is the form that everybody gets; 1, 2, … are spares for resets, each published as a package of its own
    with its own content key.
    """

    part: PartName
    level: str | None = None
    form: Id
    spare: int = Field(default=0, ge=0, le=9)


class FormsFile(FileModel):
    """``forms.json`` inside a package: its forms, and where each is for."""

    forms: tuple[FormUse, ...] = Field(min_length=1)


class ReleaseFile(FileModel):
    """``releases/<id>.json``: a programme, its forms, and the version that orders the releases of this series."""

    id: Id
    version: int = Field(ge=1)
    programme: Id
    forms: tuple[FormUse, ...] = Field(min_length=1)


# --- programme texts --------------------------------------------------------------------------------------------------


class PageModel(FileModel):
    """A page of text."""

    heading: Sentence
    body: tuple[Sentence, ...] = Field(min_length=1)


class PagesModel(FileModel):
    """Pages in every language."""

    nb: tuple[PageModel, ...] = Field(min_length=1)
    nn: tuple[PageModel, ...] = Field(min_length=1)
    en: tuple[PageModel, ...] = Field(min_length=1)


class OnePageModel(FileModel):
    """One page in every language."""

    nb: PageModel
    nn: PageModel
    en: PageModel


class InformationFile(FileModel):
    """``texts/information.json``: the information pages of each part."""

    parts: dict[PartName, PagesModel]


class ReadOutFile(FileModel):
    """``texts/read-out.json``: what the test leader reads aloud (reglement annex 5)."""

    texts: dict[Id, OnePageModel]


class PhraseModel(FileModel):
    """A short text in every language."""

    nb: str
    nn: str
    en: str


class FormFieldModel(FileModel):
    """A voluntary question; without options a short text is typed."""

    id: Id
    label: PhraseModel
    help: PhraseModel
    options: dict[Id, PhraseModel] = Field(default_factory=dict)


class PersonalDataFile(FileModel):
    """``texts/personal-data.json``."""

    introduction: OnePageModel
    fields: tuple[FormFieldModel, ...] = Field(min_length=1)


class SoundCheckFile(FileModel):
    """``texts/sound-check.json``: the number that is said and the numbers to choose from."""

    number: str
    choices: tuple[str, ...] = Field(min_length=2)
    script: tuple[LineModel, ...] = Field(min_length=1)
