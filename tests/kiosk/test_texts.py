"""Every interface text exists in all three languages, with the same placeholders and marks."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from kiosk import screens
from kiosk.texts import LANGUAGES, plain, runs, texts

PLACEHOLDER = re.compile(r"{(\w+)}")
KEYS = sorted(texts("nb").by_key)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_the_same_texts(language: screens.Language) -> None:
    assert sorted(texts(language).by_key) == KEYS
    assert all(text.strip() for text in texts(language).by_key.values())


@pytest.mark.parametrize("key", KEYS)
def test_placeholders_and_strong_words_are_the_same_in_all_languages(key: str) -> None:
    found = {language: texts(language).by_key[key] for language in LANGUAGES}
    assert len({frozenset(PLACEHOLDER.findall(text)) for text in found.values()}) == 1
    assert len({text.count("<b>") for text in found.values()}) == 1
    assert all(text.count("<b>") == text.count("</b>") for text in found.values())


@pytest.mark.parametrize(
    ("codes", "patterns"),
    [
        (screens.WaitReason, ("wait_{}", "wait_{}_title")),
        (screens.RefusedKind, ("refused_{}", "refused_{}_title")),
        (screens.NowKind, ("now_{}", "now_{}_then")),
        (screens.StepKind, ("step_{}",)),
        (screens.EndKind, ("end_{}", "end_{}_title")),
        (screens.LockReason, ("reason_{}",)),
        (screens.Language, ("language_{}",)),
        (screens.Theme, ("theme_{}",)),
    ],
)
def test_every_code_of_a_screen_has_its_words(codes: object, patterns: tuple[str, ...]) -> None:
    for code in get_args(codes):
        for pattern in patterns:
            assert pattern.format(code) in KEYS


def test_no_text_shouts_or_hides_behind_an_abbreviation() -> None:
    for language in LANGUAGES:
        for text in texts(language).by_key.values():
            assert "!" not in text
            assert "f.eks" not in text


def test_a_count_picks_one_or_many_and_says_small_numbers_in_words() -> None:
    words = texts("nb")
    assert words.counted("leave_title", 1) == "En oppgave er uten svar"
    assert words.counted("leave_title", 3) == "Tre oppgaver er uten svar"
    assert words.counted("leave_title", 20) == "20 oppgaver er uten svar"
    assert texts("nn").counted("wait_seconds", 8) == "Vent 8 sekund."


@pytest.mark.parametrize(
    ("parts", "said"), [([], ""), (["3"], "3"), (["3", "7"], "3 og 7"), (["3", "7", "8"], "3, 7 og 8")]
)
def test_a_list_reads_as_a_sentence(parts: list[str], said: str) -> None:
    assert texts("nb").listed(parts) == said


def test_strong_marks_become_runs_and_leave_no_trace() -> None:
    marked = "Du kan <b>ikke</b> gå"
    assert [(run.text, run.is_strong) for run in runs(marked)] == [("Du kan ", False), ("ikke", True), (" gå", False)]
    assert plain(marked) == "Du kan ikke gå"


# The main texts of the screens, word for word.
@pytest.mark.parametrize(
    ("language", "key", "said"),
    [
        ("nb", "log_in_wrong", "Brukernavn eller passord er feil. Se på lappen og prøv igjen."),
        ("nn", "now_only", "Høyr no. Du høyrer dette berre éin gong."),
        ("nb", "all_tasks", "Du må svare på alle oppgavene for å få resultat."),
        ("nn", "delivered_wait", "Vent til prøveleiaren seier at du kan gå."),
        ("en", "starts_soon", "The test starts soon. Wait for the test leader."),
        ("nb", "now_fault", "Lyden stoppet. Svarene dine er lagret. Rekk opp hånden."),
    ],
)
def test_main_texts_stand_word_for_word(language: screens.Language, key: str, said: str) -> None:
    assert texts(language)(key) == said
