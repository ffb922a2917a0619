"""Norwegian clock times and dates. Pure: the rule of Directive 2000/84/EC instead of a time-zone database."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Final

from administration.texts import Language

WINTER: Final = timedelta(hours=1)
SUMMER: Final = timedelta(hours=2)
MARCH, OCTOBER = 3, 10

MONTHS: Final[dict[Language, tuple[str, ...]]] = {
    Language.NB: (
        "januar", "februar", "mars", "april", "mai", "juni",
        "juli", "august", "september", "oktober", "november", "desember",
    ),
    Language.NN: (
        "januar", "februar", "mars", "april", "mai", "juni",
        "juli", "august", "september", "oktober", "november", "desember",
    ),
    Language.EN: (
        "January", "February", "March", "April", "May", "June",
        "July", "August", "September", "October", "November", "December",
    ),
}  # fmt: skip


def local(utc_ms: int) -> datetime:
    """The Norwegian wall clock's time, without zone: summer time from the last Sunday of March to that of October."""
    moment = datetime.fromtimestamp(utc_ms / 1000, tz=UTC)
    is_summer = _last_sunday(moment.year, MARCH) <= moment < _last_sunday(moment.year, OCTOBER)
    return (moment + (SUMMER if is_summer else WINTER)).replace(tzinfo=None)


def clock(utc_ms: int) -> str:
    """Hours and minutes with a full stop, as "10.42"."""
    return f"{local(utc_ms):%H.%M}"


def day(iso: str, language: Language) -> str:
    """A date as YYYY-MM-DD in words: "22. november"; other text stays as it is."""
    try:
        found = date.fromisoformat(iso)
    except ValueError:
        return iso
    month = MONTHS[language][found.month - 1]
    return f"{found.day} {month}" if language is Language.EN else f"{found.day}. {month}"


def _last_sunday(year: int, month: int) -> datetime:
    """One in the morning, UTC, on the month's last Sunday; both months have 31 days."""
    last = datetime(year, month, 31, 1, tzinfo=UTC)
    return last - timedelta(days=(last.weekday() + 1) % 7)
