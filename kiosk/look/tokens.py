"""All colours and measures of the kiosk, in one place: pixels at 100 % text size.

Every text pair reaches 4.5 : 1 (high contrast 7 : 1) and every border or sign 3 : 1 by the WCAG 2.2 formula;
`tests/kiosk/test_tokens.py` computes them again.
"""

from __future__ import annotations

from dataclasses import dataclass

from kiosk.screens import Theme


@dataclass(frozen=True, slots=True)
class Colours:
    """The colours of one theme, "#RRGGBB"."""

    page: str
    surface: str
    sunken: str
    ink: str
    ink2: str
    line: str
    edge: str
    accent: str
    on_accent: str
    tint: str
    on_tint: str
    track: str
    warn: str
    warn_ground: str
    warn_bar: str
    bad: str
    bad_ground: str
    ok: str
    ok_ground: str
    ring: str
    halo: str
    veil: str
    veil_opacity: float
    plate: str = "#F1EEE7"
    is_contrast: bool = False


LIGHT = Colours(
    page="#F5F2EC",
    surface="#FFFFFF",
    sunken="#EAE6DD",
    ink="#17212B",
    ink2="#46525E",
    line="#D3CDC1",
    edge="#6B7580",
    accent="#0A4D68",
    on_accent="#FFFFFF",
    tint="#E2EFF4",
    on_tint="#17212B",
    track="#D3CDC1",
    warn="#7A4300",
    warn_ground="#FFF0D2",
    warn_bar="#F2A93B",
    bad="#9B1C31",
    bad_ground="#FBE9EA",
    ok="#1E5B3A",
    ok_ground="#E5F1E8",
    ring="#17212B",
    halo="#F2A93B",
    veil="#0B1319",
    veil_opacity=0.70,
)

DARK = Colours(
    page="#12181E",
    surface="#1B232B",
    sunken="#0C1115",
    ink="#EEF0F2",
    ink2="#B9C3CC",
    line="#33404C",
    edge="#8794A1",
    accent="#86CBE6",
    on_accent="#0A141B",
    tint="#15384A",
    on_tint="#EEF0F2",
    track="#33404C",
    warn="#F6C26B",
    warn_ground="#3A2B10",
    warn_bar="#F2A93B",
    bad="#FF9DA4",
    bad_ground="#43191F",
    ok="#93D6AA",
    ok_ground="#16341F",
    ring="#FFFFFF",
    halo="#F2A93B",
    veil="#0B1319",
    veil_opacity=0.70,
)

CONTRAST = Colours(
    page="#000000",
    surface="#000000",
    sunken="#000000",
    ink="#FFFFFF",
    ink2="#FFFFFF",
    line="#FFFFFF",
    edge="#FFFFFF",
    accent="#FFE45C",
    on_accent="#000000",
    tint="#FFE45C",
    on_tint="#000000",
    track="#000000",
    warn="#FFB84D",
    warn_ground="#000000",
    warn_bar="#FFB84D",
    bad="#FF9B9B",
    bad_ground="#000000",
    ok="#8DF0B0",
    ok_ground="#000000",
    ring="#4DE3FF",
    halo="#000000",
    veil="#000000",
    veil_opacity=1.0,
    is_contrast=True,
)

THEMES: dict[Theme, Colours] = {"light": LIGHT, "dark": DARK, "contrast": CONTRAST}

# The lock screen is the same in all three themes.
LOCK_GROUND = "#073447"
LOCK_SEAT = "#0A4D68"
LOCK_TEXT = "#FFFFFF"
LOCK_TEXT2 = "#DCEAF0"
LOCK_HAND = "#F2C777"


@dataclass(frozen=True, slots=True)
class Type:
    """A size of type: pixels, line height, weight; ``is_reading`` is Charis SIL, else Inter."""

    size: int
    line: int
    weight: int = 400
    is_reading: bool = False


HEADING = Type(30, 38, 650)
QUESTION = Type(23, 31, 600)
READING = Type(20, 31, is_reading=True)
READING_TASK = Type(19, 30, is_reading=True)
READING_STRONG = Type(20, 31, 700, is_reading=True)
READING_TITLE = Type(26, 34, 700, is_reading=True)
OPTION = Type(19, 27)
OPTION_CHOSEN = Type(19, 27, 500)
BODY = Type(18, 27)
BODY_STRONG = Type(18, 27, 600)
BUTTON = Type(18, 27, 600)
FIELD = Type(22, 30)
SMALL = Type(16, 23)
SMALL_MEDIUM = Type(16, 23, 500)
SMALL_STRONG = Type(16, 23, 600)
LETTER = Type(19, 27, 600)
DIGIT = Type(52, 60, 600)
NOW = Type(28, 36, 700)
PLAY = Type(22, 30, 700)
LOCK_TITLE = Type(52, 60, 700)
LOCK_BODY = Type(24, 32)
LOCK_SMALL = Type(20, 31)
SEAT_NUMBER = Type(210, 210, 650)
SEAT_WORD = Type(26, 34)

MAX_LINE_CHARACTERS = 68
"""Longest line of a text to read, in characters."""

RADIUS_SMALL = 8
RADIUS_BUTTON = 10
RADIUS_PANEL = 12
RADIUS_CARD = 16

TARGET_BUTTON = 56
TARGET_OPTION = 64
TARGET_STRIP = 52
TARGET_SMALL = 44

RING_GAP = 3
RING_WIDTH = 3
HALO_WIDTH = 3
CONTRAST_RING_GAP = 4
CONTRAST_RING_WIDTH = 5

TWO_COLUMNS_FROM = 860
"""Logical width (window width ÷ zoom) from which a screen has two columns (look.md 3)."""

WIDE_SCREEN = 1920
CONTENT_WIDTH = 1680
COLUMN_WIDTH = 760
STRIP_ROW = 20
"""More tasks than this take two rows in the strip."""
