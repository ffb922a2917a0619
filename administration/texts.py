"""Every word that staff sees, in three languages side by side: Bokmål, Nynorsk, English."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from administration.texts_room import ROOM
from administration.texts_seat import SEAT


class Language(StrEnum):
    """A language of the pages."""

    NB = "nb"
    NN = "nn"
    EN = "en"


COLUMNS: Final[Mapping[Language, int]] = {Language.NB: 0, Language.NN: 1, Language.EN: 2}


def say(language: Language, key: str, **values: object) -> str:
    """The words for ``key``, with its places filled in.

    Raises:
        KeyError: no such words; a fault of the program.
    """
    return TEXTS[key][COLUMNS[language]].format(**values)


_COMMON: Final[Mapping[str, tuple[str, str, str]]] = {
    # --- everywhere ---
    "product": ("Prøverom", "Prøverom", "Prøverom"),
    "seat": ("Plass", "Plass", "Seat"),
    "seat.number": ("Plass {seat}", "Plass {seat}", "Seat {seat}"),
    "candidate.protected": ("Kandidat {number}", "Kandidat {number}", "Candidate {number}"),
    "number": ("Nummer", "Nummer", "Number"),
    "name": ("Navn", "Namn", "Name"),
    "reason": ("Hva skjedde?", "Kva hende?", "What happened?"),
    "reason.optional": (
        "Hva skjedde? Du kan la det stå tomt.",
        "Kva hende? Du kan la det stå tomt.",
        "What happened? You may leave this empty.",
    ),
    "back.room": ("Til rommet", "Til rommet", "To the room"),
    "back.sittings": ("Alle prøvepartier", "Alle prøveparti", "All sittings"),
    "log_out": ("Logg ut", "Logg ut", "Log out"),
    "language": ("Språk", "Språk", "Language"),
    "language.nb": ("Bokmål", "Bokmål", "Bokmål"),
    "language.nn": ("Nynorsk", "Nynorsk", "Nynorsk"),
    "language.en": ("English", "English", "English"),
    "part.1": ("Del {number}", "Del {number}", "Section {number}"),
    # --- log-in ---
    "login.heading": ("Logg inn", "Logg inn", "Log in"),
    "login.who": (
        "For prøveansvarlige, prøveledere og vakter.",
        "For prøveansvarlege, prøveleiarar og vakter.",
        "For test managers, test leaders and invigilators.",
    ),
    "login.user": ("Brukernavn", "Brukarnamn", "User name"),
    "login.password": ("Passord", "Passord", "Password"),
    "login.wrong": (
        "Brukernavn eller passord er feil. Prøv igjen, eller spør prøveansvarlig.",
        "Brukarnamn eller passord er feil. Prøv igjen, eller spør prøveansvarleg.",
        "The user name or password is wrong. Try again, or ask the test manager.",
    ),
    "login.paused": (
        "For mange feil passord. Vent {seconds} sekunder, og prøv igjen.",
        "For mange feil passord. Vent {seconds} sekund, og prøv igjen.",
        "Too many wrong passwords. Wait {seconds} seconds and try again.",
    ),
    # --- one's own account ---
    "account": ("Konto", "Konto", "Account"),
    "account.password": ("Nytt passord", "Nytt passord", "New password"),
    "account.old": ("Passordet du har nå", "Passordet du har no", "Your password now"),
    "account.new": (
        "Nytt passord: minst 15 tegn, gjerne en hel setning",
        "Nytt passord: minst 15 teikn, gjerne ei heil setning",
        "New password: at least 15 characters, best a whole sentence",
    ),
    "account.again": ("Nytt passord en gang til", "Nytt passord ein gong til", "New password once more"),
    "account.change": ("Bytt passord", "Byt passord", "Change the password"),
    "account.changed": (
        "Passordet er byttet. Alle andre steder er du logget ut.",
        "Passordet er bytt. Alle andre stader er du logga ut.",
        "The password is changed. Everywhere else you are logged out.",
    ),
    "account.differ": (
        "De to nye passordene er ikke like. Ingenting er gjort.",
        "Dei to nye passorda er ikkje like. Ingenting er gjort.",
        "The two new passwords differ. Nothing was done.",
    ),
    "account.wrong": (
        "Passordet du har nå, er feil. Ingenting er gjort.",
        "Passordet du har no, er feil. Ingenting er gjort.",
        "Your password now is wrong. Nothing was done.",
    ),
    "account.sessions": ("Der du er logget inn", "Der du er logga inn", "Where you are logged in"),
    "account.session": (
        "Siden {time}. Ingen får være inne lenger enn til {end}.",
        "Sidan {time}. Ingen får vere inne lenger enn til {end}.",
        "Since {time}. At the latest until {end}.",
    ),
    "account.here": ("Her", "Her", "Here"),
    "account.elsewhere": ("Et annet sted", "Ein annan stad", "Elsewhere"),
    "account.end_others": ("Logg ut alle andre steder", "Logg ut alle andre stader", "Log out everywhere else"),
    # --- sittings ---
    "sittings.heading": ("Prøvepartier", "Prøveparti", "Sittings"),
    "sittings.none": (
        "Du har ingen prøvepartier. Spør prøveansvarlig.",
        "Du har ingen prøveparti. Spør prøveansvarleg.",
        "You have no sittings. Ask the test manager.",
    ),
    "state.planned": ("Ikke åpnet", "Ikkje opna", "Not opened"),
    "state.opened": ("Åpent", "Ope", "Open"),
    "state.closed": ("Avsluttet", "Avslutta", "Closed"),
    "date": ("Dato", "Dato", "Date"),
    "room": ("Rom", "Rom", "Room"),
    "parts": ("Deler", "Delar", "Parts"),
    "state": ("Status", "Status", "State"),
    # --- errors ---
    "error.heading": ("Dette gikk ikke", "Dette gjekk ikkje", "This did not work"),
    "error.not_logged_in": ("Du er ikke logget inn.", "Du er ikkje logga inn.", "You are not logged in."),
    "error.foreign_form": (
        "Skjemaet er for gammelt. Ingenting er gjort. Åpne siden på nytt.",
        "Skjemaet er for gammalt. Ingenting er gjort. Opne sida på nytt.",
        "The form is too old. Nothing was done. Open the page again.",
    ),
    "error.form": (
        "Noe mangler i skjemaet. Ingenting er gjort. Fyll det ut, og prøv igjen.",
        "Noko manglar i skjemaet. Ingenting er gjort. Fyll det ut, og prøv igjen.",
        "Something is missing in the form. Nothing was done. Fill it in and try again.",
    ),
    "error.too_many": (
        "For mange forsøk. Vent litt, og prøv igjen.",
        "For mange forsøk. Vent litt, og prøv igjen.",
        "Too many tries. Wait a little and try again.",
    ),
    "error.fault": (
        "Det er en feil i systemet. Prøv igjen, og meld fra.",
        "Det er ein feil i systemet. Prøv igjen, og meld frå.",
        "There is a fault in the system. Try again, and report it.",
    ),
    "error.no_right": (
        "Du har ikke rett til dette. Spør prøveansvarlig.",
        "Du har ikkje rett til dette. Spør prøveansvarleg.",
        "You may not do this. Ask the test manager.",
    ),
    "error.not_found": ("Det finnes ikke.", "Det finst ikkje.", "There is no such thing."),
    "error.taken": (
        "Det finnes fra før. Se på nummeret.",
        "Det finst frå før. Sjå på nummeret.",
        "It exists already. Look at the number.",
    ),
    "error.wrong_state": (
        "Det går ikke nå. Se på rommet, og prøv igjen.",
        "Det går ikkje no. Sjå på rommet, og prøv igjen.",
        "This is not possible now. Look at the room and try again.",
    ),
    "error.surroundings": (
        "Det kunne ikke lagres. Svarene på PC-ene er trygge. Tilkall brukerstøtte.",
        "Det kunne ikkje lagrast. Svara på PC-ane er trygge. Få tak i brukarstøtte.",
        "It could not be saved. The answers on the PCs are safe. Call support.",
    ),
    "error.field.reason": (
        "Skriv hva som skjedde. Ingenting er gjort.",
        "Skriv kva som hende. Ingenting er gjort.",
        "Write what happened. Nothing was done.",
    ),
    "error.field.password": (
        "Det nye passordet er for lett å gjette. Bruk minst 15 tegn og mer enn vanlige ord. Ingenting er gjort.",
        "Det nye passordet er for lett å gjette. Bruk minst 15 teikn og meir enn vanlege ord. Ingenting er gjort.",
        "The new password is too easy. Use at least 15 characters and more than common words. Nothing was done.",
    ),
    "error.field.consent": (
        "Samtykket fra kandidaten mangler. Spør kandidaten, og skriv det her. Ingenting er gjort.",
        "Samtykket frå kandidaten manglar. Spør kandidaten, og skriv det her. Ingenting er gjort.",
        "The candidate's consent is missing. Ask the candidate and write it here. Nothing was done.",
    ),
    "error.field.invigilator": (
        "Skriv hvem som går med kandidaten. Ingenting er gjort.",
        "Skriv kven som går med kandidaten. Ingenting er gjort.",
        "Write who goes with the candidate. Nothing was done.",
    ),
    "error.list": (
        "Noen mangler utfall. Før alle først.",
        "Nokon manglar utfall. Før alle først.",
        "Someone has no outcome. Note everyone first.",
    ),
    "error.close": (
        "Noen er ikke ferdige. Vent, eller skriv hva som skjedde.",
        "Nokon er ikkje ferdige. Vent, eller skriv kva som hende.",
        "Someone has not finished. Wait, or write what happened.",
    ),
    "error.grants": (
        "PC-ene har ikke fått lov til å åpne prøven ennå. Få tak i prøveansvarlig.",
        "PC-ane har ikkje fått lov til å opne prøva enno. Få tak i prøveansvarleg.",
        "The PCs may not open the test yet. Contact the test manager.",
    ),
    "done": ("Gjort.", "Gjort.", "Done."),
}

TEXTS: Final[Mapping[str, tuple[str, str, str]]] = {**_COMMON, **ROOM, **SEAT}
"""One row per sentence. Clock times have a full stop, minutes are figures (look.md §8)."""
