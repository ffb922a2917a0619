"""People and sittings from a CSV file: tables with a header line each, an empty line between them.

    user,name,password,role,site,room
    kari,Kari Nes,three words here,test_leader,oslo,r1

    number,name,protected,login,password
    100234,Amina Yusuf,no,amina,blå stol 41

    sitting,site,room,date,utc_offset,programme,releases,test_leader,parts
    s1,oslo,r1,2026-11-23,+01:00,norskprove-demo,norskprove-demo.v1,kari,listening 09:00-09:50; reading 10:05-11:20

    sitting,candidate,seat,parts
    s1,100234,7,listening; reading +15; writing A2-B1 +30

Pure: text in, values and problems out. ``+15`` are minutes of accommodation.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from centralstore.records import NewAccount, NewCandidate, NewEnrolment, NewPlace, NewSitting, PlannedPart
from centralstore.words import Role

_PART_TIME: Final = re.compile(r"(\S+)\s+([0-9]{2}:[0-9]{2})-([0-9]{2}:[0-9]{2})")
_OFFSET: Final = re.compile(r"[+-][0-9]{2}:[0-9]{2}")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NUMBER: Final = re.compile(r"[0-9]{1,4}")
_YES_NO: Final = {"yes": True, "no": False}
MINUTE_MS: Final = 60_000

_FIRST_YEAR: Final = 2000
_LAST_YEAR: Final = 2999
_LONGEST_QUOTE: Final = 60

MAX_FILE_BYTES: Final = 4 * 2**20
"""Of a file of people and sittings: some 40 000 candidates. Checked before anything is read of it."""

MOST_PROBLEMS: Final = 200
LONGEST_CELL: Final = 1_000
"""Characters of one cell; a list of parts is the longest."""


@dataclass(slots=True)
class ImportPlan:
    """Everything a file asks for, and what is wrong with it."""

    accounts: list[tuple[int, NewAccount]] = field(default_factory=list[tuple[int, NewAccount]])
    candidates: list[tuple[int, NewCandidate]] = field(default_factory=list[tuple[int, NewCandidate]])
    sittings: list[tuple[int, NewSitting]] = field(default_factory=list[tuple[int, NewSitting]])
    places: list[tuple[int, NewPlace]] = field(default_factory=list[tuple[int, NewPlace]])
    problems: list[str] = field(default_factory=list[str])


class _RowError(Exception):
    """What is wrong with a field, told to the row that holds it."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(f"field '{name}': {text}")


Row = Mapping[str, str]


def parse_people(text: str) -> ImportPlan:
    """Read a file's text; every malformed row becomes one sentence in ``problems``, up to `MOST_PROBLEMS`."""
    plan = ImportPlan()
    if len(text) > MAX_FILE_BYTES:
        plan.problems.append(f"line 1: {len(text)} characters where {MAX_FILE_BYTES} are the most. Divide the file.")
        return plan
    header: tuple[str, ...] | None = None
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff")), strict=True)
    try:
        for cells in reader:
            if len(plan.problems) >= MOST_PROBLEMS:
                plan.problems.append(f"line {reader.line_num}: and perhaps more. Correct these first.")
                break
            if not any(cell.strip() for cell in cells):
                header = None
            elif header is None:
                header = _header(cells, reader.line_num, plan)
            elif header:
                _take(header, cells, reader.line_num, plan)
    except csv.Error as error:
        plan.problems.append(f"line {reader.line_num}: not CSV ({error}). Save the file as CSV in UTF-8 again.")
    return plan


def _header(cells: list[str], line: int, plan: ImportPlan) -> tuple[str, ...]:
    """The columns of a table; empty when they are none that is known, so that its rows are passed over."""
    names = tuple(cell.strip() for cell in cells)
    if frozenset(names) in _TABLES and len(set(names)) == len(names):
        return names
    known = "; or ".join(",".join(columns) for columns in _COLUMNS)
    plan.problems.append(f"line {line}: these columns are no table. Use {known}.")
    return ()


def _take(header: tuple[str, ...], cells: list[str], line: int, plan: ImportPlan) -> None:
    if any(len(cell) > LONGEST_CELL for cell in cells):
        plan.problems.append(f"line {line}: a field has more than {LONGEST_CELL} characters. Check the quotes.")
        return
    if len(cells) != len(header):
        plan.problems.append(f"line {line}: {len(cells)} fields instead of {len(header)}. Check commas and quotes.")
        return
    try:
        _TABLES[frozenset(header)](dict(zip(header, (cell.strip() for cell in cells), strict=True)), line, plan)
    except _RowError as problem:
        plan.problems.append(f"line {line}, {problem}")


# --- rows -------------------------------------------------------------------------------------------------------------


def _account(row: Row, line: int, plan: ImportPlan) -> None:
    roles = [role.value for role in Role if role is not Role.COMMAND]
    if row["role"] not in roles:
        raise _RowError("role", f"'{_short(row['role'])}' is none. Use {', '.join(roles)}.")
    account = NewAccount(
        user=_filled(row, "user"),
        name=_filled(row, "name"),
        password=_filled(row, "password"),
        role=Role(row["role"]),
        site=row["site"] if row["role"] == Role.NATIONAL.value else _filled(row, "site"),
        room=_filled(row, "room") if row["role"] == Role.TEST_LEADER.value else row["room"],
    )
    plan.accounts.append((line, account))


def _candidate(row: Row, line: int, plan: ImportPlan) -> None:
    if row["protected"] not in _YES_NO:
        raise _RowError("protected", f"'{_short(row['protected'])}' is neither. Write yes or no.")
    candidate = NewCandidate(
        number=_filled(row, "number"),
        name=row["name"],
        is_protected=_YES_NO[row["protected"]],
        login=_filled(row, "login"),
        password=_filled(row, "password"),
    )
    plan.candidates.append((line, candidate))


def _sitting(row: Row, line: int, plan: ImportPlan) -> None:
    day = _date(row)
    sitting = NewSitting(
        id=_filled(row, "sitting"),
        site=_filled(row, "site"),
        room=_filled(row, "room"),
        date=row["date"],
        programme=_filled(row, "programme"),
        releases=tuple(_listed(_filled(row, "releases"))),
        parts=tuple(_planned(entry, day) for entry in _listed(_filled(row, "parts"))),
        test_leader=_filled(row, "test_leader"),
    )
    plan.sittings.append((line, sitting))


def _place(row: Row, line: int, plan: ImportPlan) -> None:
    seat = _filled(row, "seat")
    if not _NUMBER.fullmatch(seat) or int(seat) < 1:
        raise _RowError("seat", f"'{_short(seat)}' is not a seat number. Write 1, 2, 3 …")
    place = NewPlace(
        sitting=_filled(row, "sitting"),
        candidate=_filled(row, "candidate"),
        seat=int(seat),
        enrolments=tuple(_enrolment(entry) for entry in _listed(_filled(row, "parts"))),
    )
    plan.places.append((line, place))


def _filled(row: Row, name: str) -> str:
    if not row[name]:
        raise _RowError(name, "it is empty. Fill it in.")
    return row[name]


def _short(text: str) -> str:
    """The beginning of what was written, for a sentence."""
    return text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]}…"


def _listed(text: str) -> list[str]:
    return [entry.strip() for entry in text.split(";") if entry.strip()]


def _date(row: Row) -> dt.datetime:
    if not _OFFSET.fullmatch(row["utc_offset"]):
        raise _RowError(
            "utc_offset", f"'{_short(row['utc_offset'])}' is none. Write +01:00 in winter, +02:00 in summer."
        )
    try:
        day = dt.datetime.fromisoformat(f"{row['date']}T00:00:00{row['utc_offset']}")
    except ValueError:
        day = None
    if day is None or not _DATE.fullmatch(row["date"]) or not _FIRST_YEAR <= day.year <= _LAST_YEAR:
        raise _RowError("date", f"'{_short(row['date'])}' is no date. Write it as 2026-11-23.")
    return day


def _planned(entry: str, day: dt.datetime) -> PlannedPart:
    found = _PART_TIME.fullmatch(entry)
    if found is None:
        raise _RowError("parts", f"'{_short(entry)}' is no part with its times. Write it as listening 09:00-09:50.")
    return PlannedPart(found[1], _utc_ms(day, found[2]), _utc_ms(day, found[3]))


def _utc_ms(day: dt.datetime, clock: str) -> int:
    hours, minutes = int(clock[:2]), int(clock[3:])
    if hours > 23 or minutes > 59:  # noqa: PLR2004 - the clock
        raise _RowError("parts", f"'{clock}' is no time of day. Write it as 09:00.")
    return int((day + dt.timedelta(hours=hours, minutes=minutes)).timestamp() * 1000)


def _enrolment(entry: str) -> NewEnrolment:
    part, *more = entry.split()
    levels = [word for word in more if not word.startswith("+")]
    minutes = [word[1:] for word in more if word.startswith("+")]
    if len(levels) > 1 or len(minutes) > 1 or not all(map(_NUMBER.fullmatch, minutes)):
        raise _RowError("parts", f"'{_short(entry)}' cannot be read. Write part, level, minutes, as writing A2-B1 +30.")
    return NewEnrolment(part, levels[0] if levels else "", int(minutes[0]) * MINUTE_MS if minutes else 0)


_COLUMNS: Final = (
    ("user", "name", "password", "role", "site", "room"),
    ("number", "name", "protected", "login", "password"),
    ("sitting", "site", "room", "date", "utc_offset", "programme", "releases", "test_leader", "parts"),
    ("sitting", "candidate", "seat", "parts"),
)
_TABLES: Final[Mapping[frozenset[str], Callable[[Row, int, ImportPlan], None]]] = dict(
    zip(map(frozenset, _COLUMNS), (_account, _candidate, _sitting, _place), strict=True)
)
