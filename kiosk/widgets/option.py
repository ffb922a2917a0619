"""Answer options: the whole row or card is the target; selected is accent and shape, never right or wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from PySide6.QtCore import QByteArray, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QImage, QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QGridLayout, QSizePolicy, QWidget
from typing_extensions import override

from kiosk.look.look import Look, colour
from kiosk.look.signs import paint_sign
from kiosk.look.tokens import LETTER, OPTION, RADIUS_BUTTON, RADIUS_SMALL, TARGET_OPTION
from kiosk.widgets.boxes import column, row
from kiosk.widgets.button import ACTIVATING, Pressable
from kiosk.widgets.prose import Prose
from kiosk.widgets.ring import RING_OUTSIDE

MARKER = 26
ARROWS_BACK = (Qt.Key.Key_Left, Qt.Key.Key_Up)
ARROWS_ON = (Qt.Key.Key_Right, Qt.Key.Key_Down)


class Marker(QWidget):
    """The circle (one answer) or square (several), empty or filled."""

    def __init__(self, look: Look, *, is_square: bool) -> None:
        super().__init__()
        self.look = look
        self._is_square = is_square
        self.is_chosen = False
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setFixedSize(look.text(MARKER), look.text(MARKER))

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colours = self.look.colours
        ink = colours.on_tint if colours.is_contrast else colours.accent
        width = 2.0 if not colours.is_contrast else 4.0
        painter.setPen(QPen(colour(ink if self.is_chosen else colours.edge), width))
        painter.setBrush(colour(colours.tint if self.is_chosen and colours.is_contrast else colours.surface))
        place = QRectF(self.rect()).adjusted(width / 2, width / 2, -width / 2, -width / 2)
        if self._is_square:
            painter.drawRoundedRect(place, 5, 5)
            if self.is_chosen:
                inner = place.adjusted(*(side * self.look.zoom for side in (3, 3, -3, -3)))
                paint_sign(painter, "tick", inner, colour(ink), 4)
        else:
            painter.drawEllipse(place)
            if self.is_chosen:
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(colour(ink))
                painter.drawEllipse(place.center(), self.look.text(6.5), self.look.text(6.5))
        painter.end()


class Option(Pressable):
    """One answer: circle or square at the left, its text beside it."""

    def __init__(self, look: Look, name: str, words: str, *, is_square: bool, lang_ground: str = "") -> None:
        super().__init__(look, name, words)
        self._ground = lang_ground or look.colours.surface
        self._is_square = is_square
        self.setText(words)
        self.setCheckable(True)
        self.setAutoExclusive(not is_square)
        self.marker = Marker(look, is_square=is_square)
        self.words = Prose(look, words, OPTION)
        self.words.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._build()
        # A layout item asks the inner layout for its height, so the least one is told to the widget itself.
        self.setMinimumHeight(look.control(TARGET_OPTION, OPTION.line))
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def _build(self) -> None:
        pad = self.look.space(18)
        inside = row(margins=(self.look.space(21), pad, self.look.space(20), pad), spacing=self.look.space(18))
        inside.addWidget(self.marker, 0, Qt.AlignmentFlag.AlignTop)
        inside.addWidget(self.words, 1)
        self.setLayout(inside)

    @override
    def nextCheckState(self) -> None:
        """The group says what is chosen."""

    @override
    def keyPressEvent(self, event: QKeyEvent) -> None:
        # Space selects; Enter is the screen's filled button (look.md 5).
        if event.key() in ACTIVATING:
            event.ignore()
        else:
            super().keyPressEvent(event)

    def set_chosen(self, *, is_chosen: bool) -> None:
        """Show it chosen or not."""
        # To screen readers a circle is a radio button; as one it would refuse to go out, but answers are taken back.
        self.setAutoExclusive(False)
        self.setChecked(is_chosen)
        self.setAutoExclusive(not self._is_square)
        self.marker.is_chosen = is_chosen
        colours = self.look.colours
        self.words.set_ink(colours.on_tint if is_chosen else colours.ink)
        self.marker.update()
        self.update()

    @override
    def sizeHint(self) -> QSize:
        layout = self.layout()
        return layout.sizeHint() if layout else QSize()

    @override
    def minimumSizeHint(self) -> QSize:
        layout = self.layout()
        return layout.minimumSize() if layout else QSize()

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colours = self.look.colours
        is_chosen = self.isChecked()
        width = self.look.border(is_selected=is_chosen)
        painter.setPen(QPen(colour(colours.accent if is_chosen else colours.edge), width))
        painter.setBrush(colour(colours.tint if is_chosen else self._ground))
        half = width / 2
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(half, half, -half, -half), RADIUS_BUTTON, RADIUS_BUTTON)
        painter.end()


class Drawing(QWidget):
    """A picture on its light plate, as large as fits; SVG, PNG or JPEG from memory."""

    def __init__(self, look: Look, data: bytes, alternative: str, *, height: int) -> None:
        super().__init__()
        self.look = look
        self.setAccessibleName(alternative)
        self._vector = QSvgRenderer(QByteArray(data)) if b"<svg" in data[:2000] else None
        self._image = None if self._vector is not None else QImage.fromData(QByteArray(data))
        self._height = height
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    @property
    def _natural(self) -> QSize:
        size = (
            self._vector.defaultSize() if self._vector is not None else self._image.size() if self._image else QSize()
        )
        return size if not size.isEmpty() else QSize(3, 2)

    @override
    def sizeHint(self) -> QSize:
        return QSize(self.look.text(120), self._height)

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(self.look.text(60), min(self._height, self.look.text(120)))

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour(self.look.colours.plate))
        painter.drawRoundedRect(QRectF(self.rect()), RADIUS_SMALL, RADIUS_SMALL)
        pad = self.look.space(12)
        room = QRectF(self.rect()).adjusted(pad, pad, -pad, -pad)
        natural = self._natural
        scale = min(room.width() / natural.width(), room.height() / natural.height())
        width, height = natural.width() * scale, natural.height() * scale
        place = QRectF(room.center().x() - width / 2, room.center().y() - height / 2, width, height)
        if self._vector is not None:
            self._vector.render(painter, place)
        elif self._image is not None:
            painter.drawImage(place, self._image)
        painter.end()


class PictureOption(Option):
    """An answer that is a picture: plate above, circle and letter below (in one column: picture left, letter right)."""

    def __init__(
        self, look: Look, name: str, letter: str, alternative: str, picture: bytes, *, is_square: bool, height: int
    ) -> None:
        self._drawing = Drawing(look, picture, alternative, height=height)
        super().__init__(look, name, letter, is_square=is_square)
        self.setAccessibleName(look.words("option_picture", letter=letter, picture=alternative))

    @override
    def _build(self) -> None:
        pad = self.look.space(11)
        label = row(margins=(self.look.space(8), 0, 0, 0), spacing=self.look.space(14))
        label.addWidget(self.marker)
        self.words = Prose(self.look, self.text(), LETTER, wraps=False)
        self.words.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        label.addWidget(self.words)
        label.addStretch(1)
        if self.look.is_one_column:
            inside = row(margins=(pad, pad, pad, pad), spacing=self.look.space(12))
            inside.addWidget(self._drawing, 3)
            inside.addLayout(label, 1)
        else:
            inside = column(margins=(pad, pad, pad, self.look.space(12)), spacing=self.look.space(12))
            inside.addWidget(self._drawing, 1)
            inside.addLayout(label)
        self.setLayout(inside)


class OptionGroup(QWidget):
    """Options of one item: one tab stop, arrows move, Space selects; a chosen circle stays, a chosen square goes out.

    ``changed`` carries the ids chosen, in the options' order. Pressing one more than ``most`` squares changes nothing
    and emits ``refused``: the view says how many there may be.
    """

    changed = Signal(tuple)
    refused = Signal()

    def __init__(self, look: Look, name: str, *, most: int, columns: int = 1) -> None:
        super().__init__()
        self.look = look
        self.most = most
        self.setObjectName(name)
        self.setAccessibleName(look.words("options_name"))
        self._columns = columns
        self._options: list[tuple[str, Option]] = []
        self.setProperty(RING_OUTSIDE, True)
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(look.space(24 if columns > 1 else 12))
        self._grid = grid
        self.setLayout(grid)

    def add(self, option_id: str, option: Option) -> None:
        """Put the next option in."""
        index = len(self._options)
        self._options.append((option_id, option))
        self._grid.addWidget(option, index // self._columns, index % self._columns)
        self._grid.setColumnStretch(index % self._columns, 1)
        option.clicked.connect(lambda: self._press(option_id))
        option.installEventFilter(self)
        self._rove(0)

    @property
    def chosen(self) -> tuple[str, ...]:
        """Ids of what is chosen, in the options' order."""
        return tuple(option_id for option_id, option in self._options if option.isChecked())

    @property
    def options(self) -> tuple[Option, ...]:
        """The options in order."""
        return tuple(option for _id, option in self._options)

    def show_chosen(self, ids: Sequence[str]) -> None:
        """Show this answer; the tab stop is the first chosen one."""
        for option_id, option in self._options:
            if option.isChecked() != (option_id in ids):
                option.set_chosen(is_chosen=option_id in ids)
        if not any(option.hasFocus() for option in self.options):
            chosen = [index for index, (option_id, _option) in enumerate(self._options) if option_id in ids]
            self._rove(chosen[0] if chosen else 0)

    def _press(self, option_id: str) -> None:
        chosen = self.chosen
        if self.most == 1:
            wanted = (option_id,)
        elif option_id in chosen:
            wanted = tuple(one for one in chosen if one != option_id)
        elif len(chosen) >= self.most:
            self.refused.emit()
            return
        else:
            wanted = tuple(one for one, _option in self._options if one in (*chosen, option_id))
        self._rove(next(index for index, (one, _option) in enumerate(self._options) if one == option_id))
        if wanted != chosen:
            self.show_chosen(wanted)
            self.changed.emit(wanted)

    def _rove(self, index: int) -> None:
        """One tab stop in the group."""
        for place, option in enumerate(self.options):
            option.setFocusPolicy(Qt.FocusPolicy.StrongFocus if place == index else Qt.FocusPolicy.ClickFocus)

    @override
    def keyPressEvent(self, event: QKeyEvent) -> None:
        step: Literal[-1, 0, 1] = -1 if event.key() in ARROWS_BACK else 1 if event.key() in ARROWS_ON else 0
        here = next((index for index, option in enumerate(self.options) if option.hasFocus()), None)
        if not step or here is None:
            event.ignore()
            return
        there = (here + step) % len(self._options)
        self._rove(there)
        self.options[there].setFocus(Qt.FocusReason.OtherFocusReason)
