"""Text that is read: interface texts with strong words, and blocks of task content with fields in their lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget
from typing_extensions import override

from itembank.content import Block, ChoiceGap, HotWord, Inline, TextGap, Words
from kiosk.look.look import Look, colour
from kiosk.look.tokens import BODY, MAX_LINE_CHARACTERS, READING, READING_TITLE, Type
from kiosk.texts import Run, plain, runs

STRONG = 600
READING_STRONG = 700
PARAGRAPH_GAP = 14
BULLET_GAP = 9
BULLET_INDENT = 24
RING_ROOM = 11.0
SAMPLE = "Det nye biblioteket har tre lesesaler og et stort rom for barn. Det "


@dataclass(frozen=True, slots=True)
class _Word:
    """An unbreakable piece: a word, or a widget in the line. ``space`` follows it unless the line ends there."""

    text: str
    kind: Type
    width: float
    space: float
    line: float
    widget: QWidget | None = None
    tail: float = 0.0

    @property
    def advance(self) -> float:
        """How far the next piece without a space stands from its beginning."""
        return self.width + self.tail

    @property
    def height(self) -> float:
        """How tall it stands in its line."""
        return self.line if self.widget is None else self.widget.height()


@dataclass(frozen=True, slots=True)
class _Placed:
    x: float
    top: float
    word: _Word


@dataclass(frozen=True, slots=True)
class _Paragraph:
    """One wrapped run of words: indent, gap above it, line height and whether a bullet stands before it."""

    words: tuple[_Word, ...]
    line: float
    above: float = 0.0
    indent: float = 0.0
    has_bullet: bool = False


@dataclass(frozen=True, slots=True)
class _Setting:
    """Where everything stands for one width."""

    placed: tuple[_Placed, ...]
    bullets: tuple[tuple[float, float], ...]
    height: float
    width: float


class _Set(QLabel):
    """A label whose text is set by us: fixed line height, whole words, widgets in lines."""

    def __init__(self, look: Look, ink: str) -> None:
        super().__init__()
        self.look = look
        self._ink: QColor = colour(ink)
        self._paragraphs: tuple[_Paragraph, ...] = ()
        self._cache: dict[int, _Setting] = {}
        self._longest = 0
        self._is_centred = True
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        # QLabel takes height-for-width from its own word wrap whenever its text changes.
        self.setWordWrap(True)

    def set_longest(self, pixels: int) -> None:
        """Lines never grow longer than this, whatever the width (0: no limit)."""
        self._longest = pixels
        self._cache.clear()
        self.updateGeometry()

    def set_ink(self, ink: str) -> None:
        """Change the colour."""
        self._ink = colour(ink)
        self.update()

    def _take(self, paragraphs: tuple[_Paragraph, ...]) -> None:
        self._paragraphs = paragraphs
        self._cache.clear()
        self.updateGeometry()
        self.update()

    def _setting(self, width: int) -> _Setting:
        found = self._cache.get(width)
        if found is None:
            limit = min(width, self._longest) if self._longest else width
            found = _wrap(self._paragraphs, limit)
            self._cache[width] = found
        return found

    @override
    def hasHeightForWidth(self) -> bool:
        return self.wordWrap()

    @override
    def heightForWidth(self, width: int) -> int:
        return round(self._setting(width).height)

    @override
    def sizeHint(self) -> QSize:
        widest = self._setting(100_000)
        return QSize(round(widest.width + 0.99), round(widest.height))

    @override
    def minimumSizeHint(self) -> QSize:
        widest = max((word.width for one in self._paragraphs for word in one.words), default=0.0)
        indent = max((one.indent for one in self._paragraphs), default=0.0)
        return QSize(round(widest + indent + 1), 0)

    @override
    def resizeEvent(self, event: QResizeEvent) -> None:
        for placed in self._setting(self.width()).placed:
            if placed.word.widget is not None:
                held = placed.word.widget
                held.setGeometry(QRect(round(placed.x), round(placed.top), round(placed.word.width), held.height()))
        super().resizeEvent(event)

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.TextAntialiasing)
        setting = self._setting(self.width())
        # Beside something taller a text stands in the middle.
        painter.translate(0, max(0.0, (self.height() - setting.height) / 2) if self._is_centred else 0)
        for placed in setting.placed:
            if placed.word.widget is None:
                painter.setFont(self.look.font(placed.word.kind))
                painter.setPen(self._ink)
                metrics = self.look.metrics(placed.word.kind)
                baseline = placed.top + (placed.word.line - metrics.ascent() - metrics.descent()) / 2 + metrics.ascent()
                painter.drawText(QPointF(placed.x, baseline), placed.word.text)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour(self.look.colours.accent))
        for x, middle in setting.bullets:
            size = self.look.text(8)
            painter.drawRect(QRectF(x + self.look.text(4), middle - self.look.text(3) / 2, size, self.look.text(3)))
        painter.end()


class Prose(_Set):
    """An interface text: ``<b>`` marks strong words, a line break starts a new line."""

    def __init__(
        self,
        look: Look,
        marked: str,
        kind: Type = BODY,
        *,
        ink: str = "",
        wraps: bool = True,
    ) -> None:
        super().__init__(look, ink or look.colours.ink)
        self._kind = kind
        self._wraps = wraps
        self.setWordWrap(wraps)
        if not wraps:
            self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self._marked: str | None = None
        self.set_marked(marked)

    def set_marked(self, marked: str) -> None:
        """Show another text; the place it stands in keeps its size unless the lines change."""
        if marked == self._marked:
            return
        self._marked = marked
        self.setText(plain(marked))
        lines = marked.split("\n")
        self._take(tuple(_Paragraph(self._words(line), self.look.text(self._kind.line)) for line in lines))

    def _words(self, line: str) -> tuple[_Word, ...]:
        if not self._wraps and "<b>" not in line:
            return (_word(self.look, line, self._kind, 0.0),)
        found: list[_Word] = []
        for run in runs(line):
            found.extend(_words(self.look, run, self._kind))
        return tuple(found)

    @override
    def minimumSizeHint(self) -> QSize:
        return super().minimumSizeHint() if self._wraps else self.sizeHint()


class BlocksText(_Set):
    """Task content: headings, paragraphs, bullets and close-set lines, with a widget for every gap and hot word.

    ``fields`` gives the widget for the id of each gap or hot word; they become children, in reading order.
    """

    def __init__(
        self,
        look: Look,
        blocks: Sequence[Block],
        *,
        kind: Type = READING,
        heading: Type = READING_TITLE,
        fields: Mapping[str, QWidget] | None = None,
    ) -> None:
        super().__init__(look, look.colours.ink)
        self._fields = fields or {}
        self._is_centred = False
        for piece in self._fields.values():
            piece.setParent(self)
        self.setText("\n".join(_spoken(block) for block in blocks))
        self._take(tuple(self._paragraph(block, index, kind, heading) for index, block in enumerate(blocks)))
        self.set_longest(round(look.metrics(kind).horizontalAdvance(SAMPLE) * MAX_LINE_CHARACTERS / len(SAMPLE)))

    def _paragraph(self, block: Block, index: int, kind: Type, heading: Type) -> _Paragraph:
        used = heading if block.kind == "heading" else kind
        gaps = {"paragraph": PARAGRAPH_GAP, "heading": PARAGRAPH_GAP, "bullet": BULLET_GAP, "line": 0}
        above = self.look.space(gaps[block.kind]) if index else 0
        words = self._block_words(block.pieces, used)
        tallest = max((word.widget.height() for word in words if word.widget is not None), default=0)
        line = max(self.look.text(used.line), tallest + self.look.space(12) if tallest else 0)
        is_bullet = block.kind == "bullet"
        indent = self.look.text(BULLET_INDENT) if is_bullet else 0
        return _Paragraph(words, line, above, indent, has_bullet=is_bullet)

    def _block_words(self, pieces: Sequence[Inline], kind: Type) -> tuple[_Word, ...]:
        found: list[_Word] = []
        space = self.look.metrics(kind).horizontalAdvance(" ")
        for piece in pieces:
            if isinstance(piece, Words):
                if piece.text.startswith(" ") and found:
                    found[-1] = _spaced(found[-1], space)
                found.extend(_words(self.look, Run(piece.text, piece.is_strong), kind))
            else:
                held = self._fields[piece.id]
                found.append(_Word("", kind, held.width(), 0.0, held.height(), held))
        return _with_room(found)


def _with_room(words: Sequence[_Word]) -> tuple[_Word, ...]:
    """Room beside the widgets of a line, so that the focus ring round one covers no letter."""
    found: list[_Word] = []
    for index, word in enumerate(words):
        is_before = index + 1 < len(words) and words[index + 1].widget is not None
        if is_before or word.widget is not None:
            missing = max(0.0, RING_ROOM - word.space)
            shown = replace(word, width=word.width + missing) if word.widget is None else replace(word, tail=missing)
            found.append(shown)
        else:
            found.append(word)
    return tuple(found)


def _spaced(word: _Word, space: float) -> _Word:
    return replace(word, space=space)


def _spoken(block: Block) -> str:
    return "".join(_piece_text(piece) for piece in block.pieces)


def _piece_text(piece: Inline) -> str:
    match piece:
        case Words() | HotWord():
            return piece.text
        case TextGap() | ChoiceGap():
            return "____"


def _word(look: Look, text: str, kind: Type, space: float) -> _Word:
    metrics: QFontMetricsF = look.metrics(kind)
    return _Word(text, kind, metrics.horizontalAdvance(text), space, look.text(kind.line))


def _words(look: Look, run: Run, kind: Type) -> tuple[_Word, ...]:
    """The words of a run; a run's outer spaces belong to its last word and the one before it."""
    used = (
        replace(kind, weight=max(kind.weight, READING_STRONG if kind.is_reading else STRONG)) if run.is_strong else kind
    )
    space = look.metrics(used).horizontalAdvance(" ")
    parts = run.text.split()
    ends_open = run.text.endswith((" ", "\n"))
    found = [_word(look, part, used, space) for part in parts]
    if found and not ends_open:
        found[-1] = _spaced(found[-1], 0.0)
    if run.text.startswith(" ") and found:
        found.insert(0, _Word("", used, 0.0, space, look.text(used.line)))
    return tuple(found)


def _wrap(paragraphs: Sequence[_Paragraph], width: float) -> _Setting:
    placed: list[_Placed] = []
    bullets: list[tuple[float, float]] = []
    top = widest = 0.0
    for paragraph in paragraphs:
        top += paragraph.above
        if paragraph.has_bullet:
            bullets.append((0.0, top + paragraph.line / 2))
        for line in _lines(paragraph, width - paragraph.indent):
            x = paragraph.indent
            for word in line:
                placed.append(_Placed(x, _word_top(word, top, paragraph.line), word))
                x += word.advance + word.space
            if line:
                widest = max(widest, x - line[-1].space)
            top += paragraph.line
    return _Setting(tuple(placed), tuple(bullets), top, widest)


def _word_top(word: _Word, top: float, line: float) -> float:
    """Words keep to the line's middle, whatever stands beside them."""
    return top + (line - word.height) / 2


def _lines(paragraph: _Paragraph, width: float) -> list[list[_Word]]:
    """Greedy lines: pieces without a space between them (a gap and its full stop) stay together."""
    lines: list[list[_Word]] = [[]]
    used = 0.0
    for group in _groups(paragraph.words):
        needed = sum(word.advance + word.space for word in group) - group[-1].space
        if lines[-1] and used + needed > width:
            lines.append([])
            used = 0.0
        lines[-1].extend(group)
        used += needed + group[-1].space
    return lines


def _groups(words: Sequence[_Word]) -> list[list[_Word]]:
    groups: list[list[_Word]] = []
    is_open = False
    for word in words:
        if is_open:
            groups[-1].append(word)
        else:
            groups.append([word])
        is_open = word.space == 0.0
    return groups
