"""Drawing plots as SVG text: a frame with axes, and the few marks that our plots need.

Colours are CSS classes, defined once in the report, so that a plot follows light and dark by itself and prints in
grey; every line that needs telling apart has a dash of its own and its name beside it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

import numpy as np

from psychometrics.data import FloatArray

DASHES = ("", "7 4", "2 3", "9 3 2 3", "4 2", "1 4", "12 4")
MARGIN_LEFT, MARGIN_RIGHT, MARGIN_TOP, MARGIN_BOTTOM = 58.0, 18.0, 14.0, 46.0
LABEL_GAP = 19.0
EDGE = 1e-9  # rounding at the frame's edge is still inside
CHARACTER_WIDTH = 8.4


def nice_ticks(low: float, high: float, wanted: int = 6) -> tuple[float, ...]:
    """Round numbers inside a range, about `wanted` of them."""
    if high <= low:
        return (low,)
    raw = (high - low) / max(wanted - 1, 1)
    power = 10.0 ** np.floor(np.log10(raw))
    step = float(next(power * factor for factor in (1.0, 2.0, 2.5, 5.0, 10.0) if power * factor >= raw - 1e-12))
    first = int(np.ceil(low / step - 1e-9))
    last = int(np.floor(high / step + 1e-9))
    return tuple(round(k * step, 10) for k in range(first, last + 1))


def number(value: float) -> str:
    """Coordinates to a tenth of a pixel."""
    return f"{value:.1f}".rstrip("0").rstrip(".")


@dataclass(slots=True)
class Frame:
    """Axes and the marks inside them.

    Attributes:
        x, y: ranges of the axes in data units.
        x_label, y_label: names of the axes, with units.
        right: room for names of lines at the right end, in pixels.
    """

    x: tuple[float, float]
    y: tuple[float, float]
    x_label: str
    y_label: str
    width: float = 720.0
    height: float = 340.0
    right: float = MARGIN_RIGHT
    left: float = MARGIN_LEFT
    top: float = MARGIN_TOP
    y_ticks: tuple[float, ...] | None = None
    marks: list[str] = field(default_factory=list[str])
    end_labels: list[tuple[float, str, int]] = field(default_factory=list[tuple[float, str, int]])

    def px(self, value: float) -> float:
        """Horizontal place of a value."""
        return self.left + (value - self.x[0]) / (self.x[1] - self.x[0]) * (self.width - self.left - self.right)

    def py(self, value: float) -> float:
        """Vertical place of a value."""
        span = self.height - self.top - MARGIN_BOTTOM
        return self.top + (self.y[1] - value) / (self.y[1] - self.y[0]) * span

    def line(self, xs: FloatArray, ys: FloatArray, *, series: int = 0, name: str = "") -> None:
        """A curve; its name goes to its right end."""
        self.marks.append(f'<path class="s{series % 6}" d="{self._path(xs, ys)}"{_dash(series)}/>')
        if name:
            last = int(np.flatnonzero((xs >= self.x[0]) & (xs <= self.x[1]))[-1])
            self.end_labels.append((self.py(float(np.clip(ys[last], *self.y))), name, series))

    def _path(self, xs: FloatArray, ys: FloatArray) -> str:
        """Points joined by lines; the pen is lifted where the curve leaves the frame."""
        inside = (xs >= self.x[0]) & (xs <= self.x[1]) & (ys >= self.y[0] - EDGE) & (ys <= self.y[1] + EDGE)
        words: list[str] = []
        is_down = False
        for x, y, there in zip(xs.tolist(), ys.tolist(), inside.tolist(), strict=True):
            if there:
                words.append(f"{'' if is_down else 'M'}{number(self.px(x))},{number(self.py(y))}")
            is_down = there
        return " ".join(words)

    def area(self, xs: FloatArray, low: FloatArray, high: FloatArray, *, series: int = 0) -> None:
        """The ground between two curves."""
        forth = self._path(xs, high)
        back = self._path(xs[::-1], low[::-1])[1:]
        self.marks.append(f'<path class="a{series % 6}" d="{forth} L{back} Z"/>')

    def dots(self, xs: FloatArray, ys: FloatArray, radii: FloatArray, *, series: int = 0) -> None:
        """Points."""
        for x, y, r in zip(xs.tolist(), ys.tolist(), radii.tolist(), strict=True):
            place = f'cx="{number(self.px(x))}" cy="{number(self.py(y))}"'
            self.marks.append(f'<circle class="p{series % 6}" {place} r="{number(r)}"/>')

    def whisker(self, x: float, low: float, high: float) -> None:
        """A vertical error bar."""
        place = self.px(x)
        ends = (self.py(min(max(low, self.y[0]), self.y[1])), self.py(min(max(high, self.y[0]), self.y[1])))
        self.marks.append(f'<path class="w" d="M{number(place)},{number(ends[0])} V{number(ends[1])}"/>')

    def bar(self, low: tuple[float, float], high: tuple[float, float], *, css: str) -> None:
        """A rectangle from one corner to the other, in data units."""
        x0, x1 = sorted((self.px(low[0]), self.px(high[0])))
        y0, y1 = sorted((self.py(low[1]), self.py(high[1])))
        size = f'width="{number(x1 - x0)}" height="{number(y1 - y0)}"'
        self.marks.append(f'<rect class="{css}" x="{number(x0)}" y="{number(y0)}" {size}/>')

    def cut(self, x: float, name: str) -> None:
        """A vertical line with a name at its top."""
        place = number(self.px(x))
        bottom = number(self.height - MARGIN_BOTTOM)
        self.marks.append(f'<path class="cut" d="M{place},{number(self.top)} V{bottom}"/>')
        self.text(self.px(x) + 4, self.top + 12, name, css="small")

    def text(self, x: float, y: float, words: str, *, css: str = "small", anchor: str = "start") -> None:
        """Words at a place in pixels."""
        self.marks.append(
            f'<text class="{css}" x="{number(x)}" y="{number(y)}" text-anchor="{anchor}">{escape(words)}</text>'
        )

    def _right(self) -> float:
        return self.width - self.right

    def svg(self, description: str) -> str:
        """The whole plot; the description is what a screen reader says."""
        body = [*self.y_axis(), *self._x_axis(), *self.marks, *self._names()]
        return picture(self.width, self.height, body, description)

    def y_axis(self) -> list[str]:
        """Horizontal hairlines with their values, and the axis' name."""
        bottom, right = self.height - MARGIN_BOTTOM, self._right()
        marks: list[str] = []
        for tick in self.y_ticks if self.y_ticks is not None else nice_ticks(*self.y):
            at = number(self.py(tick))
            marks.append(f'<path class="grid" d="M{number(self.left)},{at} H{number(right)}"/>')
            marks.append(
                f'<text class="tick" x="{number(self.left - 8)}" y="{at}" dy="5" text-anchor="end">{tick:g}</text>'
            )
        height = number(0.5 * (self.top + bottom))
        marks.append(
            f'<text class="label" transform="translate(14,{height}) rotate(-90)" text-anchor="middle">'
            f"{escape(self.y_label)}</text>"
        )
        return marks

    def _x_axis(self) -> list[str]:
        bottom, right = self.height - MARGIN_BOTTOM, self._right()
        marks: list[str] = []
        for tick in nice_ticks(*self.x, wanted=max(3, int((right - self.left) / 80))):
            at = number(self.px(tick))
            marks.append(f'<path class="axis" d="M{at},{number(bottom)} v5"/>')
            marks.append(f'<text class="tick" x="{at}" y="{number(bottom + 20)}" text-anchor="middle">{tick:g}</text>')
        marks.append(f'<path class="axis" d="M{number(self.left)},{number(bottom)} H{number(right)}"/>')
        middle = number(0.5 * (self.left + right))
        marks.append(
            f'<text class="label" x="{middle}" y="{number(self.height - 6)}" text-anchor="middle">'
            f"{escape(self.x_label)}</text>"
        )
        return marks

    def _names(self) -> list[str]:
        """Names of lines beside their ends, moved apart where they would stand on one another."""
        placed: list[str] = []
        ordered = sorted(self.end_labels)
        free = self.top
        highest = self.height - MARGIN_BOTTOM - LABEL_GAP * len(ordered)
        for k, (y, name, series) in enumerate(ordered):
            at = max(free, min(y, highest + LABEL_GAP * (k + 1)))
            free = at + LABEL_GAP
            start = self._right() + 6
            placed.append(f'<path class="s{series % 6}" d="M{number(start)},{number(at)} h16"{_dash(series)}/>')
            placed.append(f'<text class="small" x="{number(start + 21)}" y="{number(at + 5)}">{escape(name)}</text>')
        return placed


def _dash(series: int) -> str:
    dash = DASHES[series % len(DASHES)]
    return f' stroke-dasharray="{dash}"' if dash else ""


def name_room(names: Sequence[str]) -> float:
    """Pixels that names at the ends of lines need."""
    return 34.0 + CHARACTER_WIDTH * max((len(name) for name in names), default=0)


def picture(width: float, height: float, body: Sequence[str], description: str) -> str:
    """An SVG element."""
    box = f'viewBox="0 0 {number(width)} {number(height)}" width="{number(width)}" height="{number(height)}"'
    return f'<svg {box} role="img" aria-label="{escape(description, quote=True)}">' + "".join(body) + "</svg>"
