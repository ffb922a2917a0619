"""The signs, drawn as strokes on a 24 × 24 field: no icon font, no files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPen, QPolygonF

SignName: TypeAlias = Literal[
    "back", "on", "up", "down", "tick", "clock", "eye", "eye_off", "sound", "undo", "redo", "lock", "warn", "ring",
    "plus", "minus", "play", "hand",
]  # fmt: skip

FIELD = 24.0


def _poly(*points: tuple[float, float]) -> QPainterPath:
    path = QPainterPath()
    path.addPolygon(QPolygonF([QPointF(x, y) for x, y in points]))
    return path


def _clock() -> QPainterPath:
    path = QPainterPath()
    path.addEllipse(QPointF(12, 12), 9, 9)
    path.addPath(_poly((12, 6.8), (12, 12.4), (15.4, 14.2)))
    return path


def _eye() -> QPainterPath:
    path = QPainterPath(QPointF(2, 12))
    path.cubicTo(5, 6.6, 8.4, 5, 12, 5)
    path.cubicTo(15.6, 5, 19, 6.6, 22, 12)
    path.cubicTo(19, 17.4, 15.6, 19, 12, 19)
    path.cubicTo(8.4, 19, 5, 17.4, 2, 12)
    path.addEllipse(QPointF(12, 12), 3, 3)
    return path


def _eye_off() -> QPainterPath:
    path = _eye()
    path.addPath(_poly((4, 20), (20, 4)))
    return path


def _undo() -> QPainterPath:
    path = _poly((8.5, 4.5), (4, 9), (8.5, 13.5))
    path.moveTo(4, 9)
    path.lineTo(14, 9)
    path.cubicTo(17.6, 9, 20, 11.3, 20, 14.2)
    path.cubicTo(20, 17.2, 17.6, 19.5, 14, 19.5)
    path.lineTo(11, 19.5)
    return path


def _redo() -> QPainterPath:
    path = _poly((15.5, 4.5), (20, 9), (15.5, 13.5))
    path.moveTo(20, 9)
    path.lineTo(10, 9)
    path.cubicTo(6.4, 9, 4, 11.3, 4, 14.2)
    path.cubicTo(4, 17.2, 6.4, 19.5, 10, 19.5)
    path.lineTo(13, 19.5)
    return path


def _lock() -> QPainterPath:
    path = QPainterPath()
    path.addRoundedRect(QRectF(4.5, 10.5, 15, 10.5), 2, 2)
    path.moveTo(8, 10.5)
    path.lineTo(8, 7.5)
    path.arcTo(QRectF(8, 3.5, 8, 8), 180, -180)
    path.lineTo(16, 10.5)
    return path


def _hand() -> QPainterPath:
    path = QPainterPath(QPointF(7, 12.5))
    for left, top in ((7.0, 5.0), (10.4, 3.2), (13.8, 3.8), (17.2, 6.6)):
        path.lineTo(left, top + 1.7)
        path.arcTo(QRectF(left, top, 3.4, 3.4), 180, -180)
        path.lineTo(left + 3.4, 11.6)
    path.lineTo(20.6, 14.5)
    path.cubicTo(20.6, 19.5, 17.6, 22.4, 13.6, 22.4)
    path.cubicTo(10.4, 22.4, 8.8, 21.0, 7.2, 18.6)
    path.lineTo(3.3, 13.2)
    path.cubicTo(2.2, 11.6, 4.2, 9.9, 5.6, 11.2)
    path.lineTo(8.2, 14.2)
    return path


def _ring() -> QPainterPath:
    path = QPainterPath()
    path.addEllipse(QPointF(12, 12), 7.5, 7.5)
    return path


STROKES: dict[SignName, Callable[[], QPainterPath]] = {
    "back": lambda: _poly((14.5, 5.5), (8, 12), (14.5, 18.5)),
    "on": lambda: _poly((9.5, 5.5), (16, 12), (9.5, 18.5)),
    "up": lambda: _join(_poly((6, 10.5), (12, 4.5), (18, 10.5)), _poly((12, 4.5), (12, 20))),
    "down": lambda: _poly((5, 8.5), (12, 15.5), (19, 8.5)),
    "tick": lambda: _poly((4.5, 12.5), (9.5, 17.5), (19.5, 6.5)),
    "clock": _clock,
    "eye": _eye,
    "eye_off": _eye_off,
    "undo": _undo,
    "redo": _redo,
    "lock": _lock,
    "hand": _hand,
    "ring": _ring,
    "plus": lambda: _join(_poly((5, 12), (19, 12)), _poly((12, 5), (12, 19))),
    "minus": lambda: _poly((5, 12), (19, 12)),
}


def _join(first: QPainterPath, second: QPainterPath) -> QPainterPath:
    first.addPath(second)
    return first


def paint_sign(painter: QPainter, name: SignName, place: QRectF, tint: QColor, stroke: float = 2.0) -> None:
    """Draw a sign into a square; ``stroke`` is its line width on the 24 × 24 field."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.translate(place.topLeft())
    painter.scale(place.width() / FIELD, place.height() / FIELD)
    pen = QPen(tint, stroke, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin)
    if name == "warn":
        _paint_warning(painter, tint)
    elif name == "sound":
        _paint_loudspeaker(painter, tint, pen)
    elif name == "play":
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(tint)
        painter.drawPath(_poly((7, 4.5), (19, 12), (7, 19.5)))
    else:
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPath(STROKES[name]())
    painter.restore()


def _paint_warning(painter: QPainter, tint: QColor) -> None:
    painter.setPen(QPen(tint, 2, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin))
    painter.setBrush(tint)
    painter.drawPath(_poly((12, 4), (21.5, 20), (2.5, 20), (12, 4)))
    light = QColor("#FFFFFF") if tint.lightnessF() < 0.5 else QColor("#17212B")  # noqa: PLR2004 - half of full
    painter.setPen(QPen(light, 2.2, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
    painter.drawLine(QPointF(12, 9.5), QPointF(12, 13.8))
    painter.drawPoint(QPointF(12, 17.4))


def _paint_loudspeaker(painter: QPainter, tint: QColor, pen: QPen) -> None:
    painter.setPen(QPen(tint, 1.5, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin))
    painter.setBrush(tint)
    painter.drawPath(_poly((3, 9), (7, 9), (12, 4.5), (12, 19.5), (7, 15), (3, 15), (3, 9)))
    painter.setPen(pen)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawArc(QRectF(11, 8, 6, 8), -55 * 16, 110 * 16)
    painter.drawArc(QRectF(11, 4.5, 11, 15), -50 * 16, 100 * 16)


def paint_mark(painter: QPainter, place: QRectF, ground: QColor, door: QColor) -> None:
    """Draw the product's mark: an open door on a rounded square."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.translate(place.topLeft())
    painter.scale(place.width() / 34, place.height() / 34)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(ground)
    painter.drawRoundedRect(QRectF(0, 0, 34, 34), 7, 7)
    painter.setPen(QPen(door, 2))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRect(QRectF(10, 7, 15, 20))
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(door)
    painter.drawPath(_poly((10, 6), (20, 9), (20, 28.5), (10, 27.5), (10, 6)))
    painter.setBrush(ground)
    painter.drawEllipse(QPointF(17.4, 18.2), 1.3, 1.3)
    painter.restore()
