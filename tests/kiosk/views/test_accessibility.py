"""What screen readers are told: role, name and state, asked through Qt's accessibility interface."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QWidget

from kiosk.screens import DayCodeScreen, LoginScreen
from proverom.screens import LISTENING, READING, SEVERAL_ITEM, WRITING
from tests.kiosk.views.conftest import Candidate

Role = QAccessible.Role


def role(widget: QWidget) -> QAccessible.Role:
    return QAccessible.queryAccessibleInterface(widget).role()


def spoken(widget: QWidget) -> str:
    return QAccessible.queryAccessibleInterface(widget).text(QAccessible.Text.Name)


def is_checked(widget: QWidget) -> bool:
    return bool(QAccessible.queryAccessibleInterface(widget).state().checked)


def test_one_answer_is_a_radio_button_and_several_are_check_boxes(candidate: Candidate) -> None:
    candidate.see(READING)
    assert role(candidate.find("option_b")) == Role.RadioButton
    assert is_checked(candidate.find("option_b"))
    assert not is_checked(candidate.find("option_a"))
    candidate.see(replace(READING, item=SEVERAL_ITEM, response=("a", "c")))
    assert role(candidate.find("option_a")) == Role.CheckBox
    assert [is_checked(candidate.find(f"option_{one}")) for one in "abcd"] == [True, False, True, False]


def test_an_answer_that_is_taken_back_is_no_longer_checked(candidate: Candidate) -> None:
    candidate.see(READING)
    candidate.see(replace(READING, response=()))
    assert not any(is_checked(candidate.find(f"option_{one}")) for one in "abcd")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("prompt", "Hvorfor flytter biblioteket?"),
        ("next", "Neste"),
        ("strip_3", "Oppgave 3, uten svar"),
        ("strip_5", "Oppgave 5, har svar, du er her"),
        ("time_left", "41 minutter igjen"),
        ("saved_sign", "Svaret ditt er lagret"),
        ("text_and_colours", "Tekst og farger"),
    ],
)
def test_names_say_what_the_signs_show(candidate: Candidate, name: str, said: str) -> None:
    candidate.see(READING)
    assert spoken(candidate.find(name)) == said


def test_texts_buttons_and_fields_have_their_roles(candidate: Candidate) -> None:
    candidate.see(LoginScreen())
    assert role(candidate.find("title")) == Role.StaticText
    assert role(candidate.find("log_in")) == Role.Button
    assert role(candidate.find("user")) == Role.EditableText
    assert spoken(candidate.find("user")) == "Brukernavn"
    candidate.see(DayCodeScreen())
    assert role(candidate.find("day_code")) == Role.EditableText
    candidate.see(WRITING)
    assert spoken(candidate.find("editor")) == "Teksten din, oppgave 2"


def test_an_error_is_linked_to_its_field(candidate: Candidate) -> None:
    candidate.see(DayCodeScreen())
    candidate.see(DayCodeScreen(error="wrong"))
    interface = QAccessible.queryAccessibleInterface(candidate.find("day_code"))
    assert interface.text(QAccessible.Text.Description) == "Koden stemmer ikke. Se på tavla og prøv igjen."


def test_plays_say_their_state(candidate: Candidate) -> None:
    candidate.see(LISTENING)
    assert spoken(candidate.find("play_1")) == "1 av 2: spilles nå"
    assert spoken(candidate.find("play_2")) == "2 av 2: kommer etterpå"
    assert spoken(candidate.find("step_line")) == "Hør første gang"
