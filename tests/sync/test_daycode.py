"""The day code is permission to start: wrong tries cost time, restarts and clocks change nothing, and it is no key."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.daycode import ALARM_AFTER, LONGEST_DELAY_MS, DayCodeGate, accepts_day_code
from sync.errors import DamagedError, SyncUsageError
from sync.passwords import PRODUCTION_COST, TEST_COST, Cost, DayCodeVerifier, PasswordVerifier, new_day_code
from sync.ticket import TicketDayCode
from tests.sync.examples import NOW

CODE = TicketDayCode(
    scope="oslo 2026-12-01",
    valid_from_utc_ms=NOW,
    valid_to_utc_ms=NOW + 86_400_000,
    verifier=DayCodeVerifier.make("0417", TEST_COST).text,
)


def guessed(wrong: int, now_ms: int = 0) -> tuple[DayCodeGate, int]:
    """A gate after so many wrong tries, each as early as it lets, and when it is then."""
    gate = DayCodeGate()
    for _ in range(wrong):
        now_ms += gate.wait_ms(now_ms)
        gate = gate.tried(now_ms, accepted=False)
    return gate, now_ms


def test_delays_double_from_one_second_to_five_minutes() -> None:
    assert [guessed(wrong)[0].delay_ms for wrong in range(12)] == [
        0, 1000, 2000, 4000, 8000, 16_000, 32_000, 64_000, 128_000, 256_000, 300_000, 300_000,
    ]  # fmt: skip


def test_ten_thousand_guesses_take_more_than_a_month() -> None:
    _, now_ms = guessed(10_000)
    assert now_ms > 34 * 86_400_000


@given(st.integers(0, 40), st.integers(0, 10**7))
def test_a_restart_never_shortens_the_wait(wrong: int, now_ms: int) -> None:
    gate, _ = guessed(wrong)
    again = DayCodeGate.after_restart([False] * wrong, now_ms=now_ms)
    assert again.wait_ms(now_ms) == gate.delay_ms
    assert again.wrong == wrong


@given(st.integers(1, 40), st.integers(-(10**12), 10**6))
def test_a_clock_that_goes_back_never_shortens_the_wait(wrong: int, back_ms: int) -> None:
    gate, now_ms = guessed(wrong)
    assert gate.wait_ms(min(now_ms, now_ms + back_ms)) == gate.delay_ms


def test_a_try_before_its_time_is_refused() -> None:
    gate, now_ms = guessed(3)
    with pytest.raises(SyncUsageError, match="before its time"):
        gate.tried(now_ms + gate.delay_ms - 1, accepted=True)
    assert gate.tried(now_ms + gate.delay_ms, accepted=True) == DayCodeGate()


def test_an_accepted_code_or_the_leaders_order_clears_the_count() -> None:
    assert DayCodeGate.after_restart([False, False, True, False], now_ms=5).wrong == 1
    assert guessed(9)[0].overridden().wait_ms(0) == 0


def test_the_test_leader_is_told_from_five_wrong_tries_on() -> None:
    assert [guessed(wrong)[0].must_alarm for wrong in (0, ALARM_AFTER - 1, ALARM_AFTER)] == [False, False, True]


def test_a_delay_is_never_longer_than_five_minutes() -> None:
    assert DayCodeGate(10**9, 0).delay_ms == LONGEST_DELAY_MS


@pytest.mark.parametrize(
    ("code", "part", "now", "accepted"),
    [
        ("0417", "reading", NOW, True),
        ("0417", "reading", NOW + 86_400_000, True),
        ("0418", "reading", NOW, False),
        ("417", "reading", NOW, False),
        ("04170", "reading", NOW, False),
        ("041a", "reading", NOW, False),
        ("٠٤١٧", "reading", NOW, False),
        ("0417", "reading", NOW - 1, False),
        ("0417", "reading", NOW + 86_400_001, False),
    ],
)
def test_only_the_four_digits_of_the_day_are_accepted(code: str, part: str, now: int, *, accepted: bool) -> None:
    assert accepts_day_code(code, [CODE], part=part, now_utc_ms=now, minimum=TEST_COST) is accepted


def test_a_code_for_one_part_does_not_open_another() -> None:
    code = CODE.model_copy(update={"part": "listening"})
    assert accepts_day_code("0417", [code], part="listening", now_utc_ms=NOW, minimum=TEST_COST)
    assert not accepts_day_code("0417", [code], part="reading", now_utc_ms=NOW, minimum=TEST_COST)


def test_day_codes_are_four_digits_and_not_all_alike() -> None:
    codes = {new_day_code() for _ in range(200)}
    assert all(len(code) == 4 and code.isdigit() for code in codes)
    assert len(codes) > 150


# --- verifiers --------------------------------------------------------------------------------------------------------


@given(st.text(max_size=20), st.text(max_size=20))
def test_a_verifier_accepts_its_own_password_only(password: str, other: str) -> None:
    from unicodedata import normalize

    verifier = PasswordVerifier.make(password, TEST_COST)
    assert verifier.accepts(password)
    assert verifier.accepts(other) == (normalize("NFC", password) == normalize("NFC", other))


def test_a_password_typed_with_combining_accents_is_the_same() -> None:
    assert PasswordVerifier.make("blåbær", TEST_COST).accepts("bla\u030abær")


def test_production_verifiers_have_the_second_cost_of_rfc_9106() -> None:
    assert Cost(65_536, 3, 4) == PRODUCTION_COST
    text = PasswordVerifier.make("x").text
    assert text.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert PasswordVerifier.parse(text).accepts("x")


@pytest.mark.parametrize(
    "text",
    [
        PasswordVerifier.make("x", TEST_COST).text,
        "$argon2i$v=19$m=65536,t=3,p=4$AAAAAAAAAAAAAAAAAAAAAA$" + "A" * 43,
        "$argon2id$v=19$m=65536,t=3,p=4$AAAA$" + "A" * 43,
        "$argon2id$v=19$m=19456,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$" + "A" * 43,
        "$argon2id$v=19$m=8388608,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$" + "A" * 43,
        "$argon2id$v=19$m=1048576,t=99,p=1$AAAAAAAAAAAAAAAAAAAAAA$" + "A" * 43,
        "$argon2id$v=19$m=65536,t=3,p=0$AAAAAAAAAAAAAAAAAAAAAA$" + "A" * 43,
        "hemmelig",
        "",
    ],
)
def test_a_cheap_dear_or_malformed_verifier_is_refused(text: str) -> None:
    with pytest.raises(DamagedError, match="The password verifier is damaged"):
        PasswordVerifier.parse(text)


def test_equal_passwords_have_different_verifiers() -> None:
    assert PasswordVerifier.make("x", TEST_COST) != PasswordVerifier.make("x", TEST_COST)
