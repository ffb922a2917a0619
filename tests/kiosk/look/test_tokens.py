"""Contrast of every pair of colours, computed by the WCAG 2.2 formula (relative luminance, SC 1.4.3, 1.4.6, 1.4.11)."""

from __future__ import annotations

import pytest

from kiosk.look.tokens import LOCK_GROUND, LOCK_HAND, LOCK_SEAT, LOCK_TEXT, LOCK_TEXT2, THEMES, Colours
from kiosk.screens import ALL_THEMES, Theme

TEXT, TEXT_IN_HIGH_CONTRAST, BORDER = 4.5, 7.0, 3.0
TEXT_PAIRS = [
    ("ink", "page"), ("ink", "surface"), ("ink", "sunken"), ("ink2", "page"), ("ink2", "surface"),
    ("on_accent", "accent"), ("on_tint", "tint"), ("warn", "warn_ground"), ("warn", "surface"), ("ink", "warn_ground"),
    ("bad", "surface"), ("bad", "page"), ("bad", "bad_ground"), ("ok", "ok_ground"), ("accent", "surface"),
]  # fmt: skip
BORDER_PAIRS = [
    ("edge", "page"), ("edge", "surface"), ("accent", "page"), ("accent", "surface"), ("ring", "page"),
    ("ring", "surface"), ("ok", "surface"), ("edge", "sunken"),
]  # fmt: skip


def luminance(colour: str) -> float:
    def linear(channel: int) -> float:
        share = channel / 255
        return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(int(colour[place : place + 2], 16)) for place in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_the_formula_gives_the_published_extremes() -> None:
    # WCAG 2.2: black on white is 21:1, a colour on itself 1:1.
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert contrast("#0A4D68", "#0A4D68") == 1


@pytest.mark.parametrize("theme", ALL_THEMES)
@pytest.mark.parametrize(("ink", "ground"), TEXT_PAIRS)
def test_text_is_readable_in_every_theme(theme: Theme, ink: str, ground: str) -> None:
    colours: Colours = THEMES[theme]
    least = TEXT_IN_HIGH_CONTRAST if colours.is_contrast else TEXT
    assert contrast(getattr(colours, ink), getattr(colours, ground)) >= least


@pytest.mark.parametrize("theme", ALL_THEMES)
@pytest.mark.parametrize(("edge", "ground"), BORDER_PAIRS)
def test_borders_and_signs_are_visible_in_every_theme(theme: Theme, edge: str, ground: str) -> None:
    colours = THEMES[theme]
    assert contrast(getattr(colours, edge), getattr(colours, ground)) >= BORDER


@pytest.mark.parametrize("ground", [LOCK_GROUND, LOCK_SEAT])
@pytest.mark.parametrize("ink", [LOCK_TEXT, LOCK_TEXT2])
def test_the_lock_screen_is_readable_across_the_room(ink: str, ground: str) -> None:
    assert contrast(ink, ground) >= TEXT_IN_HIGH_CONTRAST


def test_the_raised_hand_is_visible() -> None:
    assert contrast(LOCK_HAND, LOCK_GROUND) >= TEXT_IN_HIGH_CONTRAST
