"""Inter for what the exam says, Charis SIL for what is read or written, Noto for everything else.

The three come with the system (Debian: fonts-inter, fonts-sil-charis, fonts-noto-core); where `kiosk/look/fonts` holds
the files instead, they are loaded from there. `missing_families` tells what a PC lacks.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path

from PySide6.QtGui import QFont, QFontDatabase

from kiosk.look.tokens import Type

INTERFACE = "Inter"
READING = "Charis SIL"
TIGHT_FROM = 26
"""Headings from this size stand a hundredth of their size tighter, as drawn."""
OTHERS = ("Noto Sans", "Noto Sans Arabic", "Noto Sans Ethiopic", "Noto Sans Thai", "DejaVu Sans")


@cache
def load_carried() -> int:
    """Load the font files the program carries, if any; how many."""
    folder = Path(str(files("kiosk").joinpath("look", "fonts")))
    carried = sorted(folder.glob("*.[ot]tf")) if folder.is_dir() else []
    return sum(QFontDatabase.addApplicationFont(str(path)) >= 0 for path in carried)


def missing_families() -> tuple[str, ...]:
    """Which of the two families this PC lacks."""
    load_carried()
    present = set(QFontDatabase.families())
    return tuple(name for name in (INTERFACE, READING) if name not in present)


@cache
def font(kind: Type, zoom: float) -> QFont:
    """The font for a type size at a zoom; l has a tail and I serifs (cv05, cv08), so no sign looks like another."""
    made = QFont()
    made.setFamilies([READING if kind.is_reading else INTERFACE, *OTHERS])
    made.setPixelSize(max(1, round(kind.size * zoom)))
    made.setWeight(QFont.Weight(_carried_weight(kind.weight)))
    made.setHintingPreference(QFont.HintingPreference.PreferNoHinting)
    if not kind.is_reading and kind.size >= TIGHT_FROM:
        made.setLetterSpacing(QFont.SpacingType.AbsoluteSpacing, -0.01 * kind.size * zoom)
    if not kind.is_reading:
        made.setFeature(QFont.Tag("cv05"), 1)
        made.setFeature(QFont.Tag("cv08"), 1)
    return made


def _carried_weight(weight: int) -> int:
    """The weight among those the family has: the static files have no 650, and 700 is nearer to the drawing."""
    return 700 if weight == 650 else weight  # noqa: PLR2004 - the one weight look.md names that no file has
