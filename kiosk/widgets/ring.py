"""The focus ring: drawn round whatever has the focus, always, also after a mouse click."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget
from typing_extensions import override

from kiosk.look.look import Look, colour
from kiosk.look.tokens import CONTRAST_RING_GAP, CONTRAST_RING_WIDTH, HALO_WIDTH, RADIUS_BUTTON, RING_GAP, RING_WIDTH
from kiosk.widgets.boxes import Scroll

RING_PROPERTY = "ringTarget"
"""A focused widget may name the ancestor the ring goes round (its frame); "inside": the ring stands in its edge."""
RING_OUTSIDE = "ringOutside"
"""A container without room around its children lets the ring live in its parent."""
FOLLOWED = (QEvent.Type.Move, QEvent.Type.Resize, QEvent.Type.Show)


class FocusRing(QWidget):
    """Gap, ring and halo outside the focused widget; it lives beside that widget, so that it scrolls with it."""

    def __init__(self, look: Look, top: QWidget) -> None:
        super().__init__(top)
        self.look = look
        self._top = top
        self._target: QWidget | None = None
        self._watched: list[QWidget] = []
        self._is_inside = False
        self._host = top
        self.setObjectName("focus_ring")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()

    @property
    def target(self) -> QWidget | None:
        """What the ring is round."""
        return self._target

    def follow(self, focused: QWidget | None) -> None:
        """Go to the focused widget, or away."""
        target = self._target_of(focused)
        for one in self._watched:
            one.removeEventFilter(self)
        self._watched = []
        self._target = target
        if target is None:
            self.setParent(self._top)
            self.hide()
            return
        self._is_inside = focused is not None and focused.property(RING_PROPERTY) == "inside"
        self._watched = [target]
        host = target.parentWidget() or self._top
        while host.property(RING_OUTSIDE):
            self._watched.append(host)
            host = host.parentWidget() or self._top
        for one in self._watched:
            one.installEventFilter(self)
        self._host = host
        self.setParent(host)
        self._settle()

    def _target_of(self, focused: QWidget | None) -> QWidget | None:
        if focused is None or not self._top.isAncestorOf(focused):
            return None
        wanted = focused.property(RING_PROPERTY)
        if wanted == "inside":
            return focused
        target = focused
        while wanted and target.objectName() != wanted:
            parent = target.parentWidget()
            if parent is None or parent is self._top:
                return focused
            target = parent
        return target

    @override
    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Hide:
            self.hide()
        elif event.type() in FOLLOWED and watched in self._watched:
            self._settle()
        return False

    @property
    def _widths(self) -> tuple[int, int, int]:
        if self.look.colours.is_contrast:
            return CONTRAST_RING_GAP, CONTRAST_RING_WIDTH, 0
        return RING_GAP, RING_WIDTH, HALO_WIDTH

    def _settle(self) -> None:
        if self._target is None:
            return
        out = sum(self._widths)
        place = QRect(self._target.mapTo(self._host, QPoint(0, 0)), self._target.size())
        self.setGeometry(place if self._is_inside else place.adjusted(-out, -out, out, out))
        self.setVisible(self._target.isVisibleTo(self._top))
        self.raise_()

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        gap, ring, halo = self._widths
        radius = RADIUS_BUTTON if self._target is None else int(self._target.property("radius") or RADIUS_BUTTON)
        colours = self.look.colours
        out = gap + ring + halo
        place = QRectF(self.rect()).adjusted(out, out, -out, -out)
        radius = 0 if self._is_inside else radius
        distance = 0
        for width, tint in ((gap, colours.surface), (ring, colours.ring), (halo, colours.halo)):
            if width:
                middle = distance + width / 2
                painter.setPen(QPen(colour(tint), width + 0.3))
                grown = place.adjusted(-middle, -middle, middle, middle)
                painter.drawRoundedRect(grown, radius + middle, radius + middle)
            distance += width
        painter.end()


def show_clear_of_bars(focused: QWidget, margin: int) -> None:
    """Scroll a focused widget into sight, clear of its scroll area's edges."""
    above = focused.parentWidget()
    while above is not None:
        if isinstance(above, Scroll):
            above.ensureWidgetVisible(focused, margin, margin + above.covered_below)
        above = above.parentWidget()
