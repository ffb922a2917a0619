"""Norwegian time: summer time is from the last Sunday of March to that of October, 01:00 UTC (Directive 2000/84/EC)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from administration.oslo import clock, day, local
from administration.texts import Language


def utc(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp() * 1000)


TIMES = [
    ((2026, 3, 29, 0, 59), "01.59"),
    ((2026, 3, 29, 1, 0), "03.00"),
    ((2026, 10, 25, 0, 59), "02.59"),
    ((2026, 10, 25, 1, 0), "02.00"),
    ((2025, 3, 30, 1, 0), "03.00"),
    ((2024, 3, 31, 0, 59), "01.59"),
    ((2024, 10, 27, 1, 0), "02.00"),
    ((2026, 11, 22, 9, 42), "10.42"),
    ((2026, 7, 1, 22, 5), "00.05"),
]


@pytest.mark.parametrize(("moment", "shown"), TIMES)
def test_summer_time_begins_and_ends_on_its_sundays(moment: tuple[int, ...], shown: str) -> None:
    assert clock(utc(*moment)) == shown


def test_a_summer_night_is_the_next_day() -> None:
    assert local(utc(2026, 7, 1, 22, 5)).day == 2


@pytest.mark.parametrize(
    ("language", "words"), [(Language.NB, "22. november"), (Language.NN, "22. november"), (Language.EN, "22 November")]
)
def test_a_date_is_told_in_words(language: Language, words: str) -> None:
    assert day("2026-11-22", language) == words
    assert day("later", language) == "later"
