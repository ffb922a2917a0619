"""View models: words are counted as the candidate would count them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.screens import count_words


@pytest.mark.parametrize(
    ("text", "words"),
    [("", 0), ("   \n", 0), ("Hei!", 1), ("Hei – du", 2), ("e-post", 1), ("Jeg er 30 år.", 4), ("…", 0)],
)
def test_words_are_runs_of_letters_or_digits(text: str, words: int) -> None:
    assert count_words(text) == words


@given(st.lists(st.text(st.characters(categories=["L"]), min_size=1), max_size=30))
def test_joining_words_by_space_counts_them(words: list[str]) -> None:
    assert count_words(" ".join(words)) == len(words)
