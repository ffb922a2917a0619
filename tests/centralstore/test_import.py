"""CSV files of people and sittings: every fault told with its line, nothing half taken in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from centralstore.csvfile import parse_people
from centralstore.errors import ImportRefusedError, WrongPasswordError
from centralstore.rights import COMMAND_LINE
from tests.centralstore.place import RELEASE, Site

GOOD = f"""\
user,name,password,role,site,room
kari,Kari Nes,tre ganske lange ord,test_leader,oslo,r2

number,name,protected,login,password
100300,Li Wei,no,li,blå stol 41
100301,,yes,k301,grønn bil 7

sitting,site,room,date,utc_offset,programme,releases,test_leader,parts
s2,oslo,r2,2026-11-23,+01:00,norskprove-test,{RELEASE},kari,listening 09:00-09:50; reading 10:05-11:20

sitting,candidate,seat,parts
s2,100300,7,listening; reading +15
s2,100301,8,reading
"""


def test_a_whole_file_is_taken_in(site: Site) -> None:
    taken = site.store.import_people(COMMAND_LINE, GOOD, "people.csv")
    assert taken == {"accounts": 1, "candidates": 2, "sittings": 1, "places": 2}
    kari = site.store.log_in("kari", "tre ganske lange ord")
    view = site.store.sitting(kari, "s2")
    assert view.parts[0].planned_start_ms == 1_795_420_800_000  # 2026-11-23 09:00 +01:00
    seats = site.store.board(kari, "s2").seats
    assert [(each.candidate, each.name, each.seat) for each in seats] == [("100300", "Li Wei", 7), ("100301", "", 8)]
    assert [(entry.part, entry.accommodation_ms) for entry in seats[0].entries] == [
        ("listening", 0),
        ("reading", 900_000),
    ]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "kari,Kari Nes,tre ganske lange ord",
            "kari,Kari Nes,kort",
            "line 2: account, field 'password': shorter than 15",
        ),
        ("test_leader,oslo,r2", "boss,oslo,r2", "line 2, field 'role': 'boss' is none"),
        ("test_leader,oslo,r2", "test_leader,oslo,", "line 2, field 'room': it is empty"),
        ("100300,Li Wei,no,li", "100300,Li Wei,maybe,li", "line 5, field 'protected': 'maybe' is neither"),
        ("100301,,yes,k301", "100301,Ola,yes,k301", "line 6: candidate '100301', field 'name'"),
        ("100300,Li Wei,no,li,", "100234,Li Wei,no,li,", "line 5: Candidate '100234' exists already"),
        ("2026-11-23,+01:00", "23/11/2026,+01:00", "line 9, field 'date': '23/11/2026' is no date"),
        ("2026-11-23,+01:00", "2026-11-23,CET", "line 9, field 'utc_offset': 'CET' is none"),
        ("09:00-09:50", "9-9.50", "line 9, field 'parts': 'listening 9-9.50' is no part with its times"),
        ("09:00-09:50", "09:00-25:50", "line 9, field 'parts': '25:50' is no time of day"),
        ("10:05-11:20", "09:50-11:20", "no break"),
        (RELEASE, "nothing.v1", "line 9: sitting 's2', field 'releases': release 'nothing.v1' is not here"),
        ("100300,7,", "100300,seven,", "line 12, field 'seat': 'seven' is not a seat number"),
        ("reading +15", "reading +16", "line 12: sitting 's2', candidate '100300'"),
        ("reading +15", "reading A2 B1", "line 12, field 'parts': 'reading A2 B1' cannot be read"),
        ("s2,100301,8", "s2,100301,7", "line 13: sitting 's2', candidate '100301', field 'seat': seat 7 is taken"),
        ("s2,100301,8,reading", "s2,100301,8", "line 13: 3 fields instead of 4"),
        ("sitting,candidate,seat,parts", "sitting,candidate,seat", "line 11: these columns are no table"),
        ("Kari Nes", '"Kari" Nes', "not CSV"),
    ],
)
def test_a_malformed_row_is_told_and_nothing_is_taken_in(site: Site, old: str, new: str, told: str) -> None:
    assert old in GOOD
    with pytest.raises(ImportRefusedError) as refused:
        site.store.import_people(COMMAND_LINE, GOOD.replace(old, new), "people.csv")
    assert told in str(refused.value)
    assert "nothing was imported" in str(refused.value)
    assert [view.id for view in site.store.sittings(COMMAND_LINE)] == ["s1"]
    with pytest.raises(WrongPasswordError):
        site.store.log_in("kari", "tre ganske lange ord")


def test_all_faults_of_a_file_are_told_at_once(site: Site) -> None:
    bad = GOOD.replace("test_leader,oslo,r2", "boss,oslo,r2").replace("100300,7,", "100300,x,").replace("yes", "ja")
    with pytest.raises(ImportRefusedError) as refused:
        site.store.import_people(COMMAND_LINE, bad, "people.csv")
    assert len(refused.value.problems) == 3


@given(st.text())
def test_any_text_is_parsed_or_told_never_more(text: str) -> None:
    plan = parse_people(text)
    if not plan.problems:
        assert not any((plan.accounts, plan.candidates, plan.sittings, plan.places)) or "," in text
