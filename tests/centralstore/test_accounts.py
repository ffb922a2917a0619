"""Staff accounts: who gets in, and what is noted."""

from __future__ import annotations

import pytest

from centralstore.errors import FieldError, LogInPausedError, NoRightError, TakenError, WrongPasswordError
from centralstore.records import NewAccount
from centralstore.rights import COMMAND_LINE
from centralstore.store.accounts import FREE_TRIES, SESSION_MS
from centralstore.words import Role
from tests.centralstore.place import PASSWORD, Site
from tests.stores import rows_of


@pytest.mark.rule("NP-3.2-4")
def test_a_wrong_password_is_refused_and_recorded(site: Site) -> None:
    with pytest.raises(WrongPasswordError, match="Type both again"):
        site.store.log_in("lars", "feil passord")
    tries = [entry for entry in site.store.audit(site.manager) if entry.act == "log_in"]
    assert [(entry.user, entry.is_allowed) for entry in tries] == [("lars", False)]
    assert site.store.log_in("lars", PASSWORD) == site.leader
    tries = [entry for entry in site.store.audit(site.manager) if entry.act == "log_in"]
    assert [entry.is_allowed for entry in tries] == [False, True]


@pytest.mark.rule("NP-3.2-6")
def test_a_candidates_user_name_and_password_open_nothing_for_staff(site: Site) -> None:
    with pytest.raises(WrongPasswordError):
        site.store.log_in("k100234", "blå stol 41")
    tries = [entry for entry in site.store.audit(COMMAND_LINE) if entry.act == "log_in"]
    assert [(entry.user, entry.is_allowed, entry.detail) for entry in tries] == [("k100234", False, {"known": False})]


def test_many_wrong_passwords_slow_one_account_and_no_other(site: Site) -> None:
    for _ in range(FREE_TRIES):
        with pytest.raises(WrongPasswordError):
            site.store.log_in("lars", "feil")
    with pytest.raises(LogInPausedError) as paused:
        site.store.log_in("lars", PASSWORD)
    assert 0 < paused.value.wait_s <= 15
    assert site.store.log_in("vera", PASSWORD) == site.guard
    site.clock.pass_minutes(0.25)
    assert site.store.log_in("lars", PASSWORD) == site.leader


def test_a_session_ends_by_time_by_logging_out_and_by_withdrawal(site: Site) -> None:
    first, second = site.store.start_session(site.leader), site.store.start_session(site.leader)
    assert site.store.session_actor(first) == site.leader
    site.store.end_session(first)
    assert site.store.session_actor(first) is None
    assert site.store.session_actor(second) == site.leader
    site.store.withdraw_account(site.manager, "lars")
    assert site.store.session_actor(second) is None
    third = site.store.start_session(site.guard)
    site.clock.now_ms += SESSION_MS
    assert site.store.session_actor(third) is None


def test_access_is_given_by_a_test_manager_for_the_own_site_only(site: Site) -> None:
    new = NewAccount("nora", "Nora Dal", "en annen setning", Role.INVIGILATOR, "oslo", "r1")
    with pytest.raises(NoRightError, match="Ask the test manager"):
        site.store.add_account(site.leader, new)
    site.store.add_account(site.manager, new)
    with pytest.raises(TakenError, match="nora"):
        site.store.add_account(site.manager, new)
    elsewhere = NewAccount("odd", "Odd Ås", "en tredje setning", Role.TEST_LEADER, "bergen", "b1")
    with pytest.raises(NoRightError, match="another room or test site"):
        site.store.add_account(site.manager, elsewhere)
    with pytest.raises(FieldError, match="shorter than 15"):
        site.store.add_account(site.manager, NewAccount("per", "Per", "kort", Role.INVIGILATOR, "oslo", "r1"))
    assert [view.user for view in site.store.accounts(site.manager)] == ["lars", "mona", "nora", "vera"]


def test_no_password_stands_in_the_database(site: Site) -> None:
    site.store.close()
    files = [path.read_bytes() for path in site.store.folder.path.glob("store.sqlite*")]
    rows = rows_of(site.store.folder.path)
    assert len(rows["account"]) == len(rows["candidate"]) == 3
    for password in (PASSWORD, "blå stol 41"):
        assert not any(password.encode() in data for data in files)
        assert password not in repr(rows)
        assert repr(password.encode())[2:-1] not in repr(rows)


@pytest.mark.parametrize(
    "password",
    [
        "fjorten tegn??",
        "x" * 257,
        "aaaaaaaaaaaaaaaaaaaa",
        "passordpassord1234",
        "Prøverom-prøverom-1",
        "noranoranoradal2026",
        "123456123456123456",
        "abababababababab",
    ],
)
def test_a_password_that_is_tried_first_is_no_password(site: Site, password: str) -> None:
    new = NewAccount("nora", "Nora Dal", password, Role.INVIGILATOR, "oslo", "r1")
    with pytest.raises(FieldError, match="field 'password'"):
        site.store.add_account(site.manager, new)


@pytest.mark.parametrize(
    "password", ["en helt vanlig setning", "ÆØÅ æøå 😀 漢字 ¶¶¶ ½", "correct horse battery staple", "q7#k" * 5 + "zW"]
)
def test_any_characters_make_a_password_if_there_are_enough(site: Site, password: str) -> None:
    site.store.add_account(site.manager, NewAccount("nora", "Nora Dal", password, Role.INVIGILATOR, "oslo", "r1"))
    assert site.store.log_in("nora", password).user == "nora"


def test_a_long_password_is_checked_to_its_end(site: Site) -> None:
    password = "en setning som er lang " * 11
    site.store.add_account(site.manager, NewAccount("nora", "Nora Dal", password, Role.INVIGILATOR, "oslo", "r1"))
    assert site.store.log_in("nora", password).user == "nora"
    with pytest.raises(WrongPasswordError):
        site.store.log_in("nora", password[:-1])
