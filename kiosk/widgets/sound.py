"""What a candidate sees of the sound: level, plays, steps, volume. There is no play button and no mute."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QObject, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget
from typing_extensions import override

from kiosk.look.look import Look, colour, dashed
from kiosk.look.signs import paint_sign
from kiosk.look.tokens import PLAY, RADIUS_BUTTON, SMALL, SMALL_STRONG
from kiosk.screens import ListeningStep, StepKind
from kiosk.widgets.boxes import Sign, row
from kiosk.widgets.button import SquareButton
from kiosk.widgets.prose import Prose

BARS = (0.30, 0.60, 1.00, 0.55, 0.85, 0.26)
"""Heights of the level sign's six bars at full level, as shares."""
FLAT = 0.10
PICTURE_MS = 84
"""At most 12 pictures a second."""
STEP_MS = 1000
"""The step line advances once a second."""
VOLUMES = 10


class Pace(QObject):
    """Lets a widget paint at most once in so many milliseconds; the last state asked for is always painted."""

    def __init__(self, widget: QWidget, every_ms: int) -> None:
        super().__init__(widget)
        self._widget = widget
        self._is_asked = False
        self._timer = QTimer(self)
        self._timer.setInterval(every_ms)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._paint_if_asked)

    def ask(self) -> None:
        """Something changed."""
        self._is_asked = True
        if not self._timer.isActive():
            self._paint_if_asked()

    def _paint_if_asked(self) -> None:
        if self._is_asked:
            self._is_asked = False
            self._widget.update()
            self._timer.start()


class LevelSign(QWidget):
    """Six bars that move with the rendered sound: flat in silence, standing still with *Ro*."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self.look = look
        self._level = 0.0
        self._is_on = False
        self._pace = Pace(self, PICTURE_MS)
        self.setObjectName("level_sign")
        self.setFixedSize(look.text(96), look.text(84))

    @property
    def level(self) -> float:
        """The level drawn, 0…1."""
        return self._level

    def show_level(self, level: float, *, is_playing: bool) -> None:
        """Draw this level; with *Ro* only on and off."""
        wanted = (0.8 if is_playing else 0.0) if self.look.settings.is_still else min(1.0, max(0.0, level))
        if (wanted, is_playing) == (self._level, self._is_on):
            return
        self._level, self._is_on = wanted, is_playing
        self._pace.ask()

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colours = self.look.colours
        painter.setPen(QPen(colour(colours.line), 3) if colours.is_contrast else Qt.PenStyle.NoPen)
        painter.setBrush(colour(colours.surface if colours.is_contrast else colours.tint))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), RADIUS_BUTTON, RADIUS_BUTTON)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour(colours.accent))
        width = self.look.text(9)
        step = self.look.text(15)
        left = (self.width() - (len(BARS) - 1) * step - width) / 2
        tallest = self.look.text(60)
        for index, share in enumerate(BARS):
            height = max(width, tallest * max(FLAT, share * self._level))
            bar = QRectF(left + index * step, (self.height() - height) / 2, width, height)
            painter.drawRoundedRect(bar, width / 2, width / 2)
        painter.end()


class PlayBox(QWidget):
    """One play of the recording: dashed to come, filled border now, tick when over. Not a button."""

    def __init__(self, look: Look, name: str) -> None:
        super().__init__()
        self.look = look
        self._title = ""
        self._state = ""
        self._look_of = "later"
        self.setObjectName(name)
        self.setFixedSize(look.text(156), look.text(84))

    def show_play(self, title: str, state: str, kind: str) -> None:
        """Show "1 av 2", its word, and "later", "now" or "done"."""
        if (title, state, kind) != (self._title, self._state, self._look_of):
            self._title, self._state, self._look_of = title, state, kind
            self.setAccessibleName(f"{title}: {state}")
            self.update()

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colours = self.look.colours
        is_now, is_done = self._look_of == "now", self._look_of == "done"
        pen = QPen(colour(colours.accent if is_now else colours.edge), 3 if is_now else 2)
        painter.setPen(pen if is_now or is_done else dashed(colours.edge, 2))
        painter.setBrush(colour(colours.tint if is_now else colours.surface))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(1.5, 1.5, -1.5, -1.5), RADIUS_BUTTON, RADIUS_BUTTON)
        painter.setPen(colour(colours.on_tint if is_now else colours.ink))
        painter.setFont(self.look.font(PLAY))
        middle = self.look.text(30)
        painter.drawText(QRectF(0, middle - 20, self.width(), 40), Qt.AlignmentFlag.AlignCenter, self._title)
        painter.setFont(self.look.font(SMALL))
        painter.setPen(colour(colours.on_tint if is_now else colours.ink2))
        words = QRectF(0, self.look.text(46), self.width(), self.look.text(23))
        if is_done:
            size = self.look.text(18)
            width = self.look.metrics(SMALL).horizontalAdvance(self._state)
            left = (self.width() - width - size - 6) / 2
            tick = QRectF(left, words.center().y() - size / 2, size, size)
            paint_sign(painter, "tick", tick, colour(colours.ink), 2.6)
            words.setLeft(left + size + 6)
            painter.drawText(words, Qt.AlignmentFlag.AlignVCenter, self._state)
        else:
            painter.drawText(words, Qt.AlignmentFlag.AlignCenter, self._state)
        painter.end()


class StepLine(QWidget):
    """The steps of a listening task: the present one in bold and filling, once a second; still with *Ro*."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self.look = look
        self._steps: tuple[ListeningStep, ...] = ()
        self._pace = Pace(self, STEP_MS)
        self.setObjectName("step_line")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    @override
    def sizeHint(self) -> QSize:
        return QSize(self.look.text(320), self.look.text(8) + self.look.space(8) + self.look.text(SMALL.line))

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(100, self.sizeHint().height())

    def show_steps(self, steps: Sequence[ListeningStep]) -> None:
        """Take these steps."""
        if tuple(steps) == self._steps:
            return
        is_new_step = [step.is_present for step in steps] != [step.is_present for step in self._steps]
        self._steps = tuple(steps)
        if is_new_step:
            self.setAccessibleName("".join(self._word(step.kind) for step in steps if step.is_present))
            self.update()
        self._pace.ask()

    @property
    def steps(self) -> tuple[ListeningStep, ...]:
        """The steps drawn."""
        return self._steps

    def _word(self, kind: StepKind) -> str:
        return self.look.words(f"step_{kind}")

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        gap = 8
        total = sum(step.weight for step in self._steps) or 1
        room = self.width() - gap * (len(self._steps) - 1)
        left = 0.0
        for step in self._steps:
            width = room * step.weight / total
            self._paint_step(painter, step, left, width)
            left += width + gap
        painter.end()

    def _paint_step(self, painter: QPainter, step: ListeningStep, left: float, width: float) -> None:
        colours = self.look.colours
        height = self.look.text(6)
        track = QRectF(left, 0, width, height)
        painter.fillRect(track, colour(colours.track))
        if colours.is_contrast:
            painter.setPen(QPen(colour(colours.edge), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(track.adjusted(1, 1, -1, -1))
        done = self._shown_share(step)
        painter.fillRect(QRectF(left, 0, width * done, height), colour(colours.accent))
        kind = SMALL_STRONG if step.is_present else SMALL
        painter.setFont(self.look.font(kind))
        painter.setPen(colour(colours.ink if step.is_present else colours.ink2))
        place = QRectF(left, self.look.text(8) + self.look.space(8), width, self.look.text(SMALL.line))
        words = self.look.metrics(kind).elidedText(self._word(step.kind), Qt.TextElideMode.ElideNone, width)
        if not self.look.is_one_column or step.is_present:
            painter.drawText(place, Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextDontClip, words)

    def _shown_share(self, step: ListeningStep) -> float:
        if self.look.settings.is_still:
            return 1.0 if step.done >= 1.0 or step.is_present else 0.0
        return min(1.0, max(0.0, step.done))


class _Fields(QWidget):
    """Ten fields, so many of them filled."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self.look = look
        self.volume = 0
        self.setFixedSize(look.text(150), look.text(20))

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colours = self.look.colours
        step = self.width() / VOLUMES
        for index in range(VOLUMES):
            is_full = index < self.volume
            painter.setPen(QPen(colour(colours.accent if is_full else colours.edge), 1.5))
            painter.setBrush(colour(colours.accent if is_full else colours.surface))
            place = QRectF(index * step + 1, 1, step - self.look.text(4), self.height() - 2)
            painter.drawRoundedRect(place, 2, 2)
        painter.end()


class VolumeControl(QWidget):
    """Minus, ten fields, plus: the lowest is audible, there is no mute."""

    wished = Signal(int)

    def __init__(self, look: Look) -> None:
        super().__init__()
        self.look = look
        words = look.words
        self.setObjectName("volume")
        self._volume = 1
        self._fields = _Fields(look)
        self.quieter = SquareButton(look, "volume_lower", "minus", words("volume_lower"))
        self.louder = SquareButton(look, "volume_higher", "plus", words("volume_higher"))
        self.quieter.clicked.connect(lambda: self._wish(-1))
        self.louder.clicked.connect(lambda: self._wish(+1))
        inside = row(spacing=look.space(12))
        inside.addWidget(Sign(look, "sound", size=22))
        if not look.is_one_column:
            inside.addWidget(Prose(look, words("volume"), SMALL, ink=look.colours.ink2, wraps=False))
        inside.addWidget(self.quieter)
        inside.addWidget(self._fields)
        inside.addWidget(self.louder)
        self.setLayout(inside)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    @property
    def volume(self) -> int:
        """The volume shown."""
        return self._volume

    def show_volume(self, volume: int) -> None:
        """Show this volume, 1…10."""
        self._volume = volume
        self._fields.volume = volume
        self._fields.update()
        self._fields.setAccessibleName(self.look.words("volume_value", volume=volume))

    def _wish(self, change: int) -> None:
        wished = min(VOLUMES, max(1, self._volume + change))
        if wished != self._volume:
            self.wished.emit(wished)
