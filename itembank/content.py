"""What a candidate sees and hears, in one written standard: frozen values that the kiosk draws and loads.

Nothing here knows a key or a score; those are the engine's (`engine.panel.ItemRules`). Text is made of blocks, and a
block of inline pieces, so that a view never has to parse markup.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

ItemType: TypeAlias = Literal["choice", "inline_choice", "hottext", "text_entry"]
"""How an item is answered. Writing tasks (extended text) are `TaskContent`."""

BlockKind: TypeAlias = Literal["heading", "paragraph", "bullet", "line"]
"""``line`` is a short line set close to the next one: an address, the head of an e-mail, a row of a timetable."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture by its media name (SVG) and the text that stands for it, in the content's written standard."""

    media: str
    alternative: str


@dataclass(frozen=True, slots=True)
class Option:
    """One of several answers; with a picture, ``text`` is "" and the picture's alternative is its name."""

    id: str
    text: str
    picture: Picture | None = None


@dataclass(frozen=True, slots=True)
class Words:
    """Running text; ``is_strong`` for the few words that stand out."""

    text: str
    is_strong: bool = False


@dataclass(frozen=True, slots=True)
class TextGap:
    """A field in the text to type in; ``width`` is how many characters wide it is drawn."""

    id: str
    width: int


@dataclass(frozen=True, slots=True)
class ChoiceGap:
    """A field in the text that opens a list of options."""

    id: str
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True)
class HotWord:
    """A word or phrase in the text that can be chosen."""

    id: str
    text: str


Inline: TypeAlias = Words | TextGap | ChoiceGap | HotWord


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, heading, bullet or close-set line."""

    kind: BlockKind
    pieces: tuple[Inline, ...]


@dataclass(frozen=True, slots=True)
class StimulusContent:
    """What several items may ask about: a text, a picture, or both."""

    id: str
    title: str
    blocks: tuple[Block, ...]
    picture: Picture | None


@dataclass(frozen=True, slots=True)
class ItemContent:
    """One item as shown.

    ``type`` says where the answer is given, and what an `engine.events.Response` to it holds:

    - ``choice``: in ``options``; the ids chosen, at most ``max_choices`` (1: circles, more: squares).
    - ``hottext``: in the `HotWord` pieces of ``blocks``; the ids chosen, at most ``max_choices``.
    - ``inline_choice``: in the `ChoiceGap` pieces; one option id a gap in the order of ``gaps``, "" where none is.
    - ``text_entry``: in the `TextGap` pieces; one text a gap in the order of ``gaps``, "" where nothing is typed.
    """

    id: str
    type: ItemType
    prompt: str
    blocks: tuple[Block, ...]
    options: tuple[Option, ...]
    max_choices: int
    stimulus: str | None
    picture: Picture | None
    clip: str | None
    """Media name of the listening clip (Ogg Opus, mono, 48 kHz), None outside listening."""

    @property
    def pieces(self) -> tuple[Inline, ...]:
        """All inline pieces of the blocks in reading order."""
        return tuple(piece for block in self.blocks for piece in block.pieces)

    @property
    def gaps(self) -> tuple[str, ...]:
        """Ids of the gaps in reading order: what a response to ``inline_choice`` or ``text_entry`` is parallel to."""
        return tuple(piece.id for piece in self.pieces if isinstance(piece, TextGap | ChoiceGap))


@dataclass(frozen=True, slots=True)
class TaskContent:
    """One writing task as shown; ``minimum_words`` is advice to the candidate, 0 where none is given."""

    id: str
    heading: str
    blocks: tuple[Block, ...]
    picture: Picture | None
    minimum_words: int


@dataclass(frozen=True, slots=True)
class ContentSet:
    """All content of a release in one written standard, by id."""

    written_standard: str
    items: Mapping[str, ItemContent]
    stimuli: Mapping[str, StimulusContent]
    tasks: Mapping[str, TaskContent]


# --- what may be shown before a sitting is opened ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Page:
    """One page of programme text with its heading."""

    heading: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class FormField:
    """One voluntary question of the personal-data form: a list to choose from, or a short text without options."""

    id: str
    label: str
    help: str
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True)
class PersonalDataForm:
    """The voluntary form after the test: why it is asked, and its fields."""

    introduction: Page
    fields: tuple[FormField, ...]


@dataclass(frozen=True, slots=True)
class Texts:
    """Programme texts in one language ("nb", "nn", "en").

    ``information`` by part: the pages read before the start. ``read_out`` by name ("general", "written", "reading", …):
    what the test leader reads aloud; "general" and "written" come before the first part, the others before theirs.
    """

    language: str
    information: Mapping[str, tuple[Page, ...]]
    read_out: Mapping[str, Page]
    personal_data: PersonalDataForm


@dataclass(frozen=True, slots=True)
class SoundCheck:
    """The clip played before listening: which number is said, and the numbers to choose from."""

    clip: str
    number: str
    choices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PublicContent:
    """The part of a release that is signed but not sealed."""

    texts: Mapping[str, Texts]
    sound_check: SoundCheck | None
    media: Mapping[str, bytes]
