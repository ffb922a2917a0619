"""Limits and forms: what a person needs passes, what no person sends is refused."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from administration import limits
from administration.errors import FormError, TooManyRequestsError
from administration.forms import MOST_FIELDS, Form
from administration.limits import Limiter
from administration.watch import Watch


def test_a_caller_waits_until_the_window_has_passed() -> None:
    limiter = Limiter(2, 60_000)
    limiter.count("a", 0)
    limiter.count("a", 1_000)
    with pytest.raises(TooManyRequestsError, match="Wait 58 seconds"):
        limiter.count("a", 2_000)
    limiter.count("b", 2_000)
    limiter.count("a", 60_000)


def test_the_longest_silent_caller_is_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_CALLERS", 2)
    limiter = Limiter(1, 60_000)
    for caller in ("a", "b", "c"):
        limiter.count(caller, 0)
    limiter.count("a", 1)
    with pytest.raises(TooManyRequestsError):
        limiter.count("c", 1)


def test_a_watch_keeps_the_first_sight() -> None:
    watch = Watch(most=2)
    assert watch.first_seen("a", 5) == 5
    assert watch.first_seen("a", 9) == 5
    watch.first_seen("b", 6)
    watch.first_seen("c", 7)
    assert watch.first_seen("a", 9) == 9


@given(st.binary(max_size=400))
def test_any_bytes_are_a_form_or_are_refused(body: bytes) -> None:
    try:
        form = Form.read(body)
    except FormError:
        return
    assert all(isinstance(value, str) for value in form.fields.values())


@given(st.dictionaries(st.text(min_size=1), st.text(), max_size=10))
def test_a_form_is_read_as_it_was_sent(fields: dict[str, str]) -> None:
    assert dict(Form.read(urlencode(fields).encode()).fields) == fields


def test_more_fields_than_any_page_has_are_refused() -> None:
    with pytest.raises(FormError):
        Form.read("&".join(f"f{number}=1" for number in range(MOST_FIELDS + 1)).encode())


@pytest.mark.parametrize("text", ["", "0", "121", "-5", "1e1", "٣", "5 0", "9" * 40])
def test_minutes_are_figures_within_their_bounds(text: str) -> None:
    with pytest.raises(FormError):
        Form({"minutes": text}).number("minutes", 1, 120)


def test_words_are_there_and_short() -> None:
    assert Form({"part": " reading "}).word("part") == "reading"
    for text in ("", " ", "x" * 65):
        with pytest.raises(FormError):
            Form({"part": text}).word("part")
