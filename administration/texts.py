"""Every word that staff sees, in three languages side by side: Bokmål, Nynorsk, English."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


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


TEXTS: Final[Mapping[str, tuple[str, str, str]]] = {
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
    # --- the room page ---
    "room.place": ("rom {room}", "rom {room}", "room {room}"),
    "room.started": ("Startet", "Starta", "Started"),
    "room.ends": ("Siste er ferdig", "Siste er ferdig", "The last one ends"),
    "room.planned": ("Etter planen {time}.", "Etter planen {time}.", "Planned for {time}."),
    "room.live": ("Direkte", "Direkte", "Live"),
    "room.lost": (
        "Sist oppdatert {time}. Prøver igjen.",
        "Sist oppdatert {time}. Prøver igjen.",
        "Last updated {time}. Trying again.",
    ),
    "room.new": ("{count} ny: plass {seats}", "{count} ny: plass {seats}", "{count} new: seat {seats}"),
    "room.tiles": ("Kandidatene i rommet", "Kandidatane i rommet", "The candidates in the room"),
    "day_code": ("Dagskode", "Dagskode", "Day code"),
    "day_code.show": ("Dagskode: Vis", "Dagskode: Vis", "Day code: Show"),
    "day_code.until": (
        "Koden vises i 30 sekunder. Skriv den på tavla.",
        "Koden blir vist i 30 sekund. Skriv han på tavla.",
        "The code is shown for 30 seconds. Write it on the board.",
    ),
    "read_out": ("Les opp tekster", "Les opp tekstar", "Read out texts"),
    "read_out.short": ("Les opp", "Les opp", "Read out"),
    "read_out.place": ("{number} av {count}", "{number} av {count}", "{number} of {count}"),
    "read_out.previous": ("Forrige", "Førre", "Previous"),
    "read_out.next": ("Neste", "Neste", "Next"),
    "more": ("Mer", "Meir", "More"),
    "attendance": ("Oppmøte", "Oppmøte", "Attendance"),
    "the_room": ("Rommet", "Rommet", "Room"),
    "order": ("Rekkefølge", "Rekkjefølgje", "Order"),
    "order.need": ("Trenger deg først", "Treng deg først", "Needs you first"),
    "order.seat": ("Plass", "Plass", "Seat"),
    "chip.all": ("Alle", "Alle", "All"),
    "chip.need": ("Trenger deg", "Treng deg", "Needs you"),
    "chip.follow": ("Følg med", "Følg med", "Watch"),
    "chip.running": ("I gang", "I gang", "Running"),
    "chip.waiting": ("Før start", "Før start", "Before start"),
    "chip.delivered": ("Levert", "Levert", "Handed in"),
    "chip.no_show": ("Ikke møtt", "Ikkje møtt", "Did not come"),
    "chip.done": ("Ferdig", "Ferdig", "Finished"),
    "group.0": ("Trenger deg nå", "Treng deg no", "Needs you now"),
    "group.1": ("Følg med", "Følg med", "Watch"),
    "group.2": ("I gang", "I gang", "Running"),
    "group.3": ("Før start", "Før start", "Before start"),
    "group.4": ("Ferdig", "Ferdig", "Finished"),
    "group.none": ("Ingen her nå.", "Ingen her no.", "Nobody here now."),
    "crowd.low_time": (
        "{count} har under 5 minutter igjen",
        "{count} har under 5 minutt igjen",
        "{count} have less than 5 minutes left",
    ),
    "crowd.no_contact": (
        "{count} er uten kontakt. Svarene er på PC-ene. Sjekk nettet.",
        "{count} er utan kontakt. Svara er på PC-ane. Sjekk nettet.",
        "{count} are without contact. The answers are on the PCs. Check the network.",
    ),
    "crowd.weak_contact": (
        "{count} har dårlig kontakt. Svarene er på PC-ene. Sjekk nettet.",
        "{count} har dårleg kontakt. Svara er på PC-ane. Sjekk nettet.",
        "{count} have poor contact. The answers are on the PCs. Check the network.",
    ),
    "conflicts": (
        "{count} leveringer er i strid med det som alt er levert. Det første er beholdt. Si fra til prøveansvarlig.",
        "{count} leveringar er i strid med det som alt er levert. Det første er halde. Sei frå til prøveansvarleg.",
        "{count} deliveries contradict what was delivered before. The first is kept. Tell the test manager.",
    ),
    "relay.forwarded": (
        "Videresendt {count} av {total}.",
        "Vidaresend {count} av {total}.",
        "Forwarded {count} of {total}.",
    ),
    "relay.returned": (
        "Levert tilbake til {name}. Alt gjøres der nå. Videresendt {count} av {total}.",
        "Levert tilbake til {name}. Alt blir gjort der no. Vidaresend {count} av {total}.",
        "Returned to {name}. Everything is done there now. Forwarded {count} of {total}.",
    ),
    "relay.lent": (
        "Lånt ut til {name} ({url}). Alt gjøres der til det er levert tilbake.",
        "Lånt ut til {name} ({url}). Alt blir gjort der til det er levert tilbake.",
        "Lent to {name} ({url}). Everything is done there until it is returned.",
    ),
    "relay.taken_back": (
        "Tatt tilbake fra {name} uten at den leverte: {reason}. To lister kan finnes.",
        "Teken tilbake frå {name} utan at ho leverte: {reason}. To lister kan finnast.",
        "Taken back from {name} without its return: {reason}. Two lists may exist.",
    ),
    "act.take_back": (
        "Ta tilbake uten at den leverer",
        "Ta tilbake utan at ho leverer",
        "Take back without its return",
    ),
    "act.take_back.effect": (
        "Bare når {name} ikke kan levere. To lister kan finnes etterpå: ta den ut av rommet.",
        "Berre når {name} ikkje kan levere. To lister kan finnast etterpå: ta ho ut av rommet.",
        "Only when {name} cannot return it. Two lists may exist afterwards: take it out of the room.",
    ),
    "contradiction.order": (
        "De to stedene har gitt hver sin ordre med samme nummer ({subject}). Den her er beholdt.",
        "Dei to stadene har gitt kvar sin ordre med same nummer ({subject}). Den her er halden.",
        "The two gave different orders of one number ({subject}). The one here is kept.",
    ),
    "contradiction.attendance": (
        "Oppmøtet til {candidate} er ført ulikt de to stedene. Det som står her, er beholdt.",
        "Oppmøtet til {candidate} er ført ulikt dei to stadene. Det som står her, er halde.",
        "Attendance of {candidate} differs between the two. What stands here is kept.",
    ),
    "contradiction.candidate": (
        "Kandidat {candidate} er ført ulikt de to stedene. Det som står her, er beholdt.",
        "Kandidat {candidate} er ført ulikt dei to stadene. Det som står her, er halde.",
        "Candidate {candidate} differs between the two. What stands here is kept.",
    ),
    "contradiction.two_attempts": (
        "Kandidat {candidate} har to gjennomføringer av samme delprøve. Si fra til prøveansvarlig.",
        "Kandidat {candidate} har to gjennomføringar av same delprøve. Sei frå til prøveansvarleg.",
        "Candidate {candidate} has two attempts at one part. Tell the test manager.",
    ),
    "error.lent": (
        "Det gjøres ikke her nå: prøvepartiet er lånt ut. Rommet forteller hvor.",
        "Det blir ikkje gjort her no: prøvepartiet er lånt ut. Rommet fortel kvar.",
        "This is not done here now: the sitting is lent. The room page says where.",
    ),
    "crowd.waiting_delivery": (
        "{count} venter på levering. Svarene er på PC-ene.",
        "{count} ventar på levering. Svara er på PC-ane.",
        "{count} wait to be handed in. The answers are on the PCs.",
    ),
    # --- status words (look.md §6) ---
    "status.cannot_save": ("Kan ikke lagre", "Kan ikkje lagre", "Cannot save"),
    "status.sound_fault": ("Lydfeil", "Lydfeil", "Sound fault"),
    "status.locked": ("Låst siden {time}", "Låst sidan {time}", "Locked since {time}"),
    "status.no_contact": ("Uten kontakt siden {time}", "Utan kontakt sidan {time}", "No contact since {time}"),
    "status.restarted": ("PC-en startet på nytt {time}", "PC-en starta på nytt {time}", "The PC restarted {time}"),
    "status.refused": ("Kommer ikke inn", "Kjem ikkje inn", "Cannot get in"),
    "status.not_started": ("Ikke startet", "Ikkje starta", "Not started"),
    "status.undelivered": ("Ikke levert siden {time}", "Ikkje levert sidan {time}", "Not handed in since {time}"),
    "status.low_time": ("{minutes} min igjen", "{minutes} min igjen", "{minutes} min left"),
    "status.out": ("Ute med vakt", "Ute med vakt", "Out with invigilator"),
    "status.waiting_delivery": ("Venter på levering", "Ventar på levering", "Waiting to be handed in"),
    "status.weak_contact": ("Dårlig kontakt", "Dårleg kontakt", "Poor contact"),
    "status.other_window": ("Annet vindu {time}", "Anna vindauge {time}", "Other window {time}"),
    "status.not_logged_in": ("Ikke logget inn", "Ikkje logga inn", "Not logged in"),
    "status.running": ("I gang", "I gang", "Running"),
    "status.logged_in": ("Logget inn", "Logga inn", "Logged in"),
    "status.ready": ("Klar", "Klar", "Ready"),
    "status.expected": ("Ikke registrert", "Ikkje registrert", "Not noted"),
    "status.delivered": ("Levert {time}", "Levert {time}", "Handed in {time}"),
    "status.no_show": ("Ikke møtt", "Ikkje møtt", "Did not come"),
    "status.rejected": ("Avvist", "Avvist", "Rejected"),
    "status.left": ("Forlot lokalet", "Forlét lokalet", "Left the room"),
    "status.expelled": ("Bortvist", "Bortvist", "Expelled"),
    "status.not_enrolled": ("Ikke påmeldt", "Ikkje påmeld", "Not enrolled"),
    # --- what is to be done ---
    "todo.cannot_save": (
        "Flytt kandidaten til en annen PC.",
        "Flytt kandidaten til ein annan PC.",
        "Move the candidate to another PC.",
    ),
    "todo.sound_fault": (
        "Svarene er lagret. Sjekk lyden på PC-en.",
        "Svara er lagra. Sjekk lyden på PC-en.",
        "The answers are saved. Check the PC's sound.",
    ),
    "todo.locked": (
        "Snakk med kandidaten. Lås opp.",
        "Snakk med kandidaten. Lås opp.",
        "Talk to the candidate. Unlock.",
    ),
    "todo.locked.focus_lost": (
        "Et annet vindu kom foran prøven.",
        "Eit anna vindauge kom framfor prøva.",
        "Another window came in front of the test.",
    ),
    "todo.locked.key_blocked": (
        "En tast som ikke er lov, ble brukt.",
        "Ein tast som ikkje er lov, vart brukt.",
        "A key that is not allowed was used.",
    ),
    "todo.no_contact": (
        "Svarene er på PC-en. Tiden går.",
        "Svara er på PC-en. Tida går.",
        "The answers are on the PC. The time runs.",
    ),
    "todo.restarted": (
        "Se at kandidat og plass stemmer.",
        "Sjå at kandidat og plass stemmer.",
        "See that candidate and seat are right.",
    ),
    "todo.refused": (
        "Gå til kandidaten. Se på navn og kode.",
        "Gå til kandidaten. Sjå på namn og kode.",
        "Go to the candidate. Look at name and code.",
    ),
    "todo.not_started": (
        "Spør hva kandidaten venter på.",
        "Spør kva kandidaten ventar på.",
        "Ask what the candidate is waiting for.",
    ),
    "todo.undelivered": (
        "Svarene er på PC-en. Ikke slå den av.",
        "Svara er på PC-en. Ikkje slå han av.",
        "The answers are on the PC. Do not turn it off.",
    ),
    "todo.out": ("siden {time} · tiden går", "sidan {time} · tida går", "since {time} · the time runs"),
    "todo.waiting_delivery": ("lagret på PC-en {time}", "lagra på PC-en {time}", "saved on the PC {time}"),
    "todo.weak_contact": ("siden {time} · svarene er trygge", "sidan {time} · svara er trygge", "since {time} · safe"),
    "todo.other_window": ("Oppgave {task}", "Oppgåve {task}", "Task {task}"),
    "todo.not_logged_in": ("Hjelp kandidaten å logge inn.", "Hjelp kandidaten å logge inn.", "Help with logging in."),
    "todo.low_time": ("Oppgave {task}", "Oppgåve {task}", "Task {task}"),
    "todo.running": ("Oppg. {task}", "Oppg. {task}", "Task {task}"),
    "todo.running.time": (
        "Oppg. {task} · {minutes} min",
        "Oppg. {task} · {minutes} min",
        "Task {task} · {minutes} min",
    ),
    "act.unlock.short": ("Lås opp", "Lås opp", "Unlock"),
    "act.continue.short": ("La kandidaten fortsette", "La kandidaten halde fram", "Let the candidate go on"),
    "act.see.short": ("Se hva du kan gjøre", "Sjå kva du kan gjere", "See what you can do"),
    # --- the sitting's course ---
    "course.heading": ("Prøvepartiet", "Prøvepartiet", "The sitting"),
    "course.next": ("Neste", "Neste", "Next"),
    "act.open": ("Åpne prøvepartiet", "Opne prøvepartiet", "Open the sitting"),
    "act.open.effect": (
        "Kandidatene kan logge inn. PC-ene får nøkkelen til prøven.",
        "Kandidatane kan logge inn. PC-ane får nøkkelen til prøva.",
        "Candidates can log in. The PCs get the key to the test.",
    ),
    "act.start": ("Start {part}", "Start {part}", "Start {part}"),
    "act.start.effect": (
        "{ready} av {present} som har møtt, er logget inn. De som ikke er logget inn nå, kommer for sent.",
        "{ready} av {present} som har møtt, er logga inn. Dei som ikkje er logga inn no, kjem for seint.",
        "{ready} of {present} present are logged in. Whoever is not logged in now is late.",
    ),
    "act.start.missing": (
        "Ikke logget inn: plass {seats}.",
        "Ikkje logga inn: plass {seats}.",
        "Not in: seat {seats}.",
    ),
    "act.sign_list": ("Signer oppmøtelisten", "Signer oppmøtelista", "Sign the attendance list"),
    "act.sign_list.effect": (
        "Oppmøtet blir låst med navnet ditt og klokkeslettet.",
        "Oppmøtet blir låst med namnet ditt og klokkeslettet.",
        "Attendance is locked with your name and the time.",
    ),
    "signed": ("Signert av {user} {time}.", "Signert av {user} {time}.", "Signed by {user} {time}."),
    "act.close": ("Avslutt prøvepartiet", "Avslutt prøvepartiet", "Close the sitting"),
    "act.close.effect": (
        "Ingen kan logge inn mer. De som ikke har møtt, blir ført som ikke møtt. Dette kan ikke gjøres om.",
        "Ingen kan logge inn meir. Dei som ikkje har møtt, blir førte som ikkje møtt. Dette kan ikkje gjerast om.",
        "Nobody can log in any more. Those who did not come are noted so. This cannot be undone.",
    ),
    "act.close.running": (
        "{count} er ikke ferdige. Da må du skrive hva som skjedde.",
        "{count} er ikkje ferdige. Då må du skrive kva som hende.",
        "{count} have not finished. Then you must write what happened.",
    ),
    "act.add": ("Legg til kandidat", "Legg til kandidat", "Add a candidate"),
    "act.add.effect": (
        "Kandidaten kommer på listen til dette prøvepartiet.",
        "Kandidaten kjem på lista til dette prøvepartiet.",
        "The candidate is put on this sitting's list.",
    ),
    "act.add.ask": (
        "Er noen ikke på listen? Ta kontakt med prøveansvarlig. Bare prøveansvarlig kan legge til kandidater.",
        "Er nokon ikkje på lista? Ta kontakt med prøveansvarleg. Berre prøveansvarleg kan leggje til kandidatar.",
        "Is someone not on the list? Contact the test manager. Only the test manager can add candidates.",
    ),
    "act.report": ("Meld fra til prøveansvarlig", "Meld frå til prøveansvarleg", "Report to the test manager"),
    "act.report.effect": (
        "Prøveansvarlig ser meldingen med en gang.",
        "Prøveansvarleg ser meldinga med ein gong.",
        "The test manager sees the report at once.",
    ),
    "candidate.number": ("Kandidatnummer", "Kandidatnummer", "Candidate number"),
    "seat.new": ("Plassnummer", "Plassnummer", "Seat number"),
    "level": ("Nivå for {part}", "Nivå for {part}", "Level of {part}"),
    # --- acts on a seat ---
    "acts.heading": ("Hva du kan gjøre", "Kva du kan gjere", "What you can do"),
    "timeline.heading": ("Hva som har skjedd", "Kva som har hendt", "What has happened"),
    "timeline.none": ("Ingenting ennå.", "Ingenting enno.", "Nothing yet."),
    "do": ("Gjør det", "Gjer det", "Do it"),
    "act.present": ("Til stede", "Til stades", "Present"),
    "act.present.effect": (
        "Kandidaten er legitimert og kan ta prøven.",
        "Kandidaten er legitimert og kan ta prøva.",
        "The candidate is identified and may take the test.",
    ),
    "id_kind": ("Legitimasjon", "Legitimasjon", "Identification"),
    "id.passport": ("Pass", "Pass", "Passport"),
    "id.national_id": ("Nasjonalt id-kort", "Nasjonalt id-kort", "National identity card"),
    "id.driving_licence": ("Førerkort", "Førarkort", "Driving licence"),
    "id.bank_card": ("Bankkort med bilde", "Bankkort med bilete", "Bank card with picture"),
    "id.residence": ("Oppholdskort", "Opphaldskort", "Residence card"),
    "id.known": ("Kjent for prøvestedet", "Kjend for prøvestaden", "Known to the test site"),
    "act.reject": ("Avvis", "Avvis", "Reject"),
    "act.reject.effect": (
        "Kandidaten kan ikke ta prøven i dette partiet. Det blir ført som avvik.",
        "Kandidaten kan ikkje ta prøva i dette partiet. Det blir ført som avvik.",
        "The candidate cannot take the test in this sitting. It is noted as a deviation.",
    ),
    "why": ("Grunn", "Grunn", "Reason"),
    "reject.rejected_id": ("Manglende legitimasjon", "Manglande legitimasjon", "No identification"),
    "reject.rejected_late": ("Kom for sent", "Kom for seint", "Came late"),
    "reject.rejected_fee": ("Ikke betalt", "Ikkje betalt", "Fee not paid"),
    "act.no_show": ("Ikke møtt", "Ikkje møtt", "Did not come"),
    "act.no_show.effect": (
        "Kandidaten blir ført som ikke møtt.",
        "Kandidaten blir ført som ikkje møtt.",
        "It is noted that the candidate did not come.",
    ),
    "act.unlock": ("Lås opp", "Lås opp", "Unlock"),
    "act.unlock.effect": (
        "Skjermen blir åpnet. Kandidaten er på samme oppgave.",
        "Skjermen blir opna. Kandidaten er på same oppgåve.",
        "The screen opens. The candidate is at the same task.",
    ),
    "act.extra_time": ("Gi ekstra tid", "Gi ekstra tid", "Give extra time"),
    "act.extra_time.choice": (
        "{minutes} minutter ekstra. Ny slutt {time}.",
        "{minutes} minutt ekstra. Ny slutt {time}.",
        "{minutes} minutes extra. New end {time}.",
    ),
    "act.extra_time.choice.plain": (
        "{minutes} minutter ekstra.",
        "{minutes} minutt ekstra.",
        "{minutes} minutes extra.",
    ),
    "act.reset": ("Nullstill delen", "Nullstill delen", "Reset the part"),
    "act.reset.effect": (
        "Kandidaten begynner {part} på nytt med full tid. Det som er svart, teller ikke.",
        "Kandidaten byrjar {part} på nytt med full tid. Det som er svart, tel ikkje.",
        "The candidate begins {part} anew with full time. What was answered does not count.",
    ),
    "consent": (
        "Samtykke fra kandidaten: hvordan og når?",
        "Samtykke frå kandidaten: korleis og når?",
        "The candidate's consent: how and when?",
    ),
    "act.handover": ("Flytt til en annen PC", "Flytt til ein annan PC", "Move to another PC"),
    "act.handover.effect": (
        "Kandidaten kan logge inn på den andre PC-en og fortsette der.",
        "Kandidaten kan logge inn på den andre PC-en og halde fram der.",
        "The candidate can log in at the other PC and go on there.",
    ),
    "device": ("PC", "PC", "PC"),
    "device.any": ("En hvilken som helst PC i rommet", "Kva PC som helst i rommet", "Any PC of the room"),
    "act.exit": ("Går ut med vakt", "Går ut med vakt", "Goes out with invigilator"),
    "act.exit.effect": ("Tiden går mens kandidaten er ute.", "Tida går medan kandidaten er ute.", "The time runs on."),
    "invigilator": ("Hvilken vakt går med?", "Kva vakt går med?", "Which invigilator goes along?"),
    "act.return": ("Er tilbake", "Er tilbake", "Is back"),
    "act.return.effect": ("Klokkeslettet blir ført.", "Klokkeslettet blir ført.", "The time is noted."),
    "act.left_alone": ("Gikk ut alene", "Gjekk ut åleine", "Left alone"),
    "act.left_alone.effect": (
        "Delen blir avsluttet med det som er svart. Kandidaten kan ikke komme inn igjen.",
        "Delen blir avslutta med det som er svart. Kandidaten kan ikkje kome inn igjen.",
        "The part is ended with what was answered. The candidate cannot come back in.",
    ),
    "act.incident": ("Før en hendelse", "Før ei hending", "Note an incident"),
    "act.incident.effect": (
        "Prøveleder og prøveansvarlig ser den med en gang.",
        "Prøveleiar og prøveansvarleg ser ho med ein gong.",
        "Test leader and test manager see it at once.",
    ),
    "incident.mobile_phone": ("Mobiltelefon", "Mobiltelefon", "Mobile phone"),
    "incident.illegal_aid": ("Ulovlig hjelpemiddel", "Ulovleg hjelpemiddel", "Illegal aid"),
    "incident.false_id": ("Falsk identitet", "Falsk identitet", "False identity"),
    "incident.help_from_others": ("Hjelp fra andre", "Hjelp frå andre", "Help from others"),
    "incident.disturbance": ("Forstyrrelse", "Forstyrring", "Disturbance"),
    "incident.technical": ("Teknisk feil", "Teknisk feil", "Technical fault"),
    "incident.other": ("Annet", "Anna", "Other"),
    "act.expel": ("Bortvis", "Bortvis", "Expel"),
    "act.expel.effect": (
        "Prøven stopper med en gang. Det som er svart, blir levert. Dette kan ikke gjøres om.",
        "Prøva stoppar med ein gong. Det som er svart, blir levert. Dette kan ikkje gjerast om.",
        "The test stops at once. What was answered is handed in. This cannot be undone.",
    ),
    "act.sign_delivered": ("Signert levert prøve", "Signert levert prøve", "Signed «levert prøve»"),
    "act.sign_delivered.effect": (
        "Kandidaten har signert for {part} og kan gå.",
        "Kandidaten har signert for {part} og kan gå.",
        "The candidate has signed for {part} and may leave.",
    ),
    # --- why an act is not open ---
    "no.extra_time.part": (
        "Det går ikke å gi ekstra tid i {part}. Før en hendelse i stedet.",
        "Det går ikkje å gi ekstra tid i {part}. Før ei hending i staden.",
        "Extra time cannot be given in {part}. Note an incident instead.",
    ),
    "no.not_running": (
        "Delen er ikke i gang for kandidaten.",
        "Delen er ikkje i gang for kandidaten.",
        "The part is not running for the candidate.",
    ),
    "no.no_attempt": (
        "Kandidaten har ikke begynt. Kandidaten kan bare logge inn.",
        "Kandidaten har ikkje byrja. Kandidaten kan berre logge inn.",
        "The candidate has not begun and can simply log in.",
    ),
    "no.may_not_leave": (
        "Ingen kan gå ut og komme tilbake under {part}.",
        "Ingen kan gå ut og kome tilbake under {part}.",
        "Nobody can go out and come back during {part}.",
    ),
    "no.not_delivered": (
        "Delen er ikke levert ennå. Vent til den er levert.",
        "Delen er ikkje levert enno. Vent til han er levert.",
        "The part is not handed in yet. Wait until it is.",
    ),
    "no.signed_list": (
        "Oppmøtelisten er signert. Meld fra til prøveansvarlig.",
        "Oppmøtelista er signert. Meld frå til prøveansvarleg.",
        "The list is signed. Report to the test manager.",
    ),
    "no.rejected": (
        "Kandidaten er avvist i dette partiet.",
        "Kandidaten er avvist i dette partiet.",
        "The candidate is rejected in this sitting.",
    ),
    "no.outcome": (
        "Det er ført noe annet for kandidaten allerede.",
        "Det er ført noko anna for kandidaten alt.",
        "Something else is noted for the candidate already.",
    ),
    # --- the timeline ---
    "line.order.open": ("Partiet ble åpnet", "Partiet vart opna", "The sitting was opened"),
    "line.order.start_part": ("{part} ble startet", "{part} vart starta", "{part} was started"),
    "line.order.extra_time": ("Ekstra tid", "Ekstra tid", "Extra time"),
    "line.order.reset": ("Nullstilt", "Nullstilt", "Reset"),
    "line.order.unlock": ("Låst opp", "Låst opp", "Unlocked"),
    "line.order.expel": ("Bortvist", "Bortvist", "Expelled"),
    "line.order.left_alone": ("Gikk ut alene", "Gjekk ut åleine", "Left alone"),
    "line.order.permit_handover": (
        "Kan flytte til en annen PC",
        "Kan flytte til ein annan PC",
        "May move to another PC",
    ),
    "line.order.close": ("Partiet ble avsluttet", "Partiet vart avslutta", "The sitting was closed"),
    "line.waiting": ("PC-en har ikke fått det ennå", "PC-en har ikkje fått det enno", "The PC has not got it yet"),
    "line.exit": ("Ute med vakt: {who}", "Ute med vakt: {who}", "Out with {who}"),
    "line.exit.back": (
        "Ute med vakt: {who}. Tilbake {time}",
        "Ute med vakt: {who}. Tilbake {time}",
        "Out with {who}. Back {time}",
    ),
    "line.signed": ("Signerte levert prøve: {part}", "Signerte levert prøve: {part}", "Signed «levert prøve»: {part}"),
    "line.by": ("av {user}", "av {user}", "by {user}"),
    "line.pc": ("PC-en melder", "PC-en melder", "The PC reports"),
    "pc.focus_lost": (
        "Et annet vindu kom foran prøven",
        "Eit anna vindauge kom framfor prøva",
        "Another window in front",
    ),
    "pc.key_blocked": ("Tast som ikke er lov", "Tast som ikkje er lov", "Key that is not allowed"),
    "pc.paste_refused": ("Prøvde å lime inn utenfra", "Prøvde å lime inn utanfrå", "Tried to paste from outside"),
    "pc.print_refused": ("Prøvde å skrive ut", "Prøvde å skrive ut", "Tried to print"),
    "pc.restarted": ("PC-en startet på nytt", "PC-en starta på nytt", "The PC restarted"),
    "pc.sound_fault": ("Lydfeil", "Lydfeil", "Sound fault"),
    "pc.sound_check_failed": ("Hørte ikke lydprøven", "Høyrde ikkje lydprøva", "Did not hear the sound check"),
    "pc.delivery_conflict": (
        "Leveringen er i strid med det som alt er levert",
        "Leveringa er i strid med det som alt er levert",
        "The delivery contradicts what was delivered before",
    ),
    "pc.cannot_save": ("Kan ikke lagre", "Kan ikkje lagre", "Cannot save"),
    "pc.disk_trouble": ("Feil på disken", "Feil på disken", "Disk fault"),
    "pc.day_code_refused": ("Feil dagskode", "Feil dagskode", "Wrong day code"),
    "pc.list_expired": (
        "Trenger ny liste over gyldige prøver: koble PC-en til nettet",
        "Treng ny liste over gyldige prøver: kople PC-en til nettet",
        "Needs a new list of valid tests: connect the PC to the network",
    ),
    "pc.login_refused": ("Feil passord", "Feil passord", "Wrong password"),
    "pc.name_wrong": (
        "Kandidaten sier at navnet er feil",
        "Kandidaten seier at namnet er feil",
        "Says the name is wrong",
    ),
    "pc.late": ("Kom for sent", "Kom for seint", "Came late"),
    "pc.staff_at_pc": ("Ansatt logget inn på PC-en", "Tilsett logga inn på PC-en", "Staff logged in at the PC"),
    "pc.other": ("Annet", "Anna", "Other"),
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
"""One row per sentence. Clock times have a full stop, minutes are figures (look.md §8)."""
