"""Words: three languages that say the same thing, sentences for every refusal."""

from __future__ import annotations

import string

import pytest

from administration import errors
from administration.board import CROWDING, LOOKS, Group, Status, room_view
from administration.offers import RIGHT_FOR
from administration.texts import COLUMNS, TEXTS, Language
from administration.wording import error_words, person, status_words, tile_words
from centralstore import errors as store_errors
from centralstore.records import SeatView
from centralstore.words import ContradictionKind, IncidentKind, OrderKind
from tests.administration.test_board import RESTARTED
from tests.administration.views import MINUTE, NOW, board, first_sight, moment, seat


def tile(found: SeatView):
    return room_view(board(found), moment(), first_sight).tiles[0]


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("key", TEXTS)
def test_each_language_has_the_words_and_the_same_places(key: str) -> None:
    row = TEXTS[key]
    assert len(row) == len(COLUMNS)
    assert all(text.strip() for text in row)
    assert len({frozenset(places(text)) for text in row}) == 1


def test_every_status_kind_and_order_has_its_words() -> None:
    wanted = [
        *(f"status.{status.value}" for status in Status),
        *(f"group.{group.value}" for group in Group),
        *(f"incident.{kind.value}" for kind in IncidentKind),
        *(f"line.order.{kind.value}" for kind in OrderKind),
        *(f"act.{act}" for act in RIGHT_FOR),
        *(f"crowd.{status.value}" for status in CROWDING),
        *(f"contradiction.{kind.value}" for kind in ContradictionKind),
    ]
    assert [key for key in wanted if key not in TEXTS] == []
    assert set(LOOKS) == set(Status)


# look.md §6, the column of words
WORDS = [
    (seat(told={"is_locked": True}), "Låst siden 10.41", "Låst sidan 10.41"),
    (seat(told={"received_ms": NOW - 3 * MINUTE}), "Uten kontakt siden 10.39", "Utan kontakt sidan 10.39"),
    (seat(told={"incidents": (("cannot_save", 1),)}), "Kan ikke lagre", "Kan ikkje lagre"),
    (seat(told=RESTARTED), "PC-en startet på nytt 10.41", "PC-en starta på nytt 10.41"),
    (seat(phase="ready"), "Ikke startet", "Ikkje starta"),
    (seat(phase="submitted"), "Venter på levering", "Ventar på levering"),
    (seat(is_out=True), "Ute med vakt", "Ute med vakt"),
    (seat(told={"left_ms": 4 * MINUTE}), "4 min igjen", "4 min igjen"),
    (seat(phase="submitted", is_delivered=True), "Levert 10.41", "Levert 10.41"),
]


@pytest.mark.parametrize(("found", "bokmaal", "nynorsk"), WORDS, ids=[row[1] for row in WORDS])
def test_the_status_words_are_the_looks(found: SeatView, bokmaal: str, nynorsk: str) -> None:
    assert status_words(Language.NB, tile(found)) == bokmaal
    assert status_words(Language.NN, tile(found)) == nynorsk


def test_a_tile_says_what_is_to_be_done() -> None:
    locked = tile(seat(told={"is_locked": True, "incidents": (("focus_lost", 3),)}))
    assert tile_words(Language.NB, locked).todo == "Et annet vindu kom foran prøven."
    assert tile_words(Language.NB, locked).press == "Lås opp"
    assert tile_words(Language.EN, tile(seat(told={"received_ms": NOW - 60_000}))).see == "See what you can do"
    assert tile_words(Language.NB, tile(seat())).todo == "Oppg. 17 · 9 min"
    assert tile_words(Language.NB, tile(seat(told={"left_ms": None}))).todo == "Oppg. 17"


def test_a_protected_identity_is_a_number() -> None:
    assert person(Language.NB, "", "100251") == "Kandidat 100251"
    assert person(Language.EN, "Anna Nowak", "100231") == "Anna Nowak"


REFUSALS = [
    (store_errors.FieldError("x", "reason", "it is empty", "Write."), "", "Skriv hva som skjedde."),
    (store_errors.FieldError("x", "consent", "none", "Ask."), "", "Samtykket fra kandidaten mangler."),
    (store_errors.FieldError("x", "seat", "taken", "Choose."), "", "Noe mangler i skjemaet."),
    (store_errors.NoRightError("u", "act", "s", "Ask."), "", "Du har ikke rett til dette."),
    (store_errors.NotFoundError("Sitting", "s"), "", "Det finnes ikke."),
    (store_errors.TakenError("Candidate", "1"), "open", "Det finnes fra før."),
    (store_errors.NotNowError("a", "b", "c", "d"), "close", "Noen er ikke ferdige."),
    (store_errors.NotNowError("a", "b", "c", "d"), "unlock", "Det går ikke nå."),
    (store_errors.NotKeptError("disk full"), "", "Det kunne ikke lagres."),
    (store_errors.LogInPausedError(30), "", "For mange feil passord. Vent 30 sekunder"),
    (errors.ForeignFormError(), "", "Skjemaet er for gammelt."),
    (errors.TooManyRequestsError(9), "", "For mange forsøk."),
]


@pytest.mark.parametrize(
    ("error", "act", "sentence"), REFUSALS, ids=[type(row[0]).__name__ + row[1] for row in REFUSALS]
)
def test_each_refusal_has_a_sentence_and_hides_its_cause(error, act: str, sentence: str) -> None:
    said = error_words(Language.NB, error, act)
    assert said.startswith(sentence)
    assert str(error) not in said
