"""Pictures of every kiosk screen and of the room page, as drawn by the real window and by a browser.

`./run docs` writes docs/screens/*.png.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from administration.errors import PhotographError
from itembank.content import (
    Block,
    ChoiceGap,
    FormField,
    HotWord,
    Inline,
    ItemContent,
    Option,
    Page,
    Picture,
    StimulusContent,
    TaskContent,
    TextGap,
    Words,
)
from itembank.errors import ItemBankError
from kiosk.screens import (
    DayCodeScreen,
    DeliveredScreen,
    EndScreen,
    Foot,
    Frame,
    HandingInScreen,
    HandInScreen,
    HandInTask,
    InformationScreen,
    LeaveModuleScreen,
    ListeningScreen,
    ListeningStep,
    LockedScreen,
    LoginScreen,
    NameScreen,
    PersonalDataScreen,
    ReadingScreen,
    RefusedScreen,
    ResumedScreen,
    SavedHereScreen,
    Screen,
    Settings,
    SoundCheckScreen,
    StripTask,
    TaskTab,
    Topic,
    UnansweredTask,
    WaitScreen,
    WritingScreen,
    WrittenStandardScreen,
)
from kiosk.views.pictures import Shot, draw_all

FOLDER = Path("docs/screens")
BANK = Path(__file__).parent.parent / "banks" / "norskprove-sample"
RELEASE = "norskprove-demo"
ROOM_PAGE = "room-board"
WIDE = (1920, 1080)

UMBRELLA = b"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 200 160"><g transform="rotate(12 100 80)">
<path d="M20 80A80 66 0 0 1 180 80Q166 66 152 80Q138 66 124 80Q112 66 100 80Q88 66 76 80Q62 66 48 80Q34 66 20 80Z"
 fill="#B84A4F"/>
<path d="M100 14Q72 40 76 80Q88 66 100 80Q112 66 124 80Q128 40 100 14Z" fill="#D3696D"/>
<path d="M100 8v68M100 76v56a13 13 0 0 1-26 0" fill="none" stroke="#3B2A26" stroke-width="7"
 stroke-linecap="round"/></g></svg>"""

KEYS = b"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 200 160">
<circle cx="100" cy="44" r="32" fill="none" stroke="#7E8890" stroke-width="8"/>
<g transform="rotate(18 88 78)"><circle cx="88" cy="82" r="20" fill="#4F7A90"/>
<circle cx="88" cy="72" r="6" fill="#F1EEE7"/>
<path d="M82 98h12v52h-12v-8h-10v-9h10v-8h-8v-9h8z" fill="#4F7A90"/></g>
<g transform="rotate(-46 122 74)"><circle cx="122" cy="78" r="20" fill="#D9A63A"/>
<circle cx="122" cy="68" r="6" fill="#F1EEE7"/>
<path d="M116 94h12v52h-12v-8h-9v-9h9v-8h-7v-9h7z" fill="#D9A63A"/></g></svg>"""

PHONE = b"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 200 160"><g transform="rotate(-7 100 80)">
<rect x="62" y="6" width="76" height="148" rx="10" fill="#28323C"/>
<rect x="68" y="20" width="64" height="112" fill="#BFDBE5"/>
<rect x="88" y="11" width="24" height="4" rx="2" fill="#8794A1"/><circle cx="100" cy="143" r="5" fill="#8794A1"/>
<rect x="73" y="28" width="46" height="20" rx="5" fill="#FFF"/>
<rect x="80" y="56" width="47" height="20" rx="5" fill="#FFF"/>
<path d="M79 36h30M79 42h20M86 64h32M86 70h22" stroke="#7E8890" stroke-width="3"/></g></svg>"""

MEDIA: Mapping[str, bytes] = {"umbrella.svg": UMBRELLA, "keys.svg": KEYS, "phone.svg": PHONE}


def _paragraph(*pieces: Inline | str) -> Block:
    return Block("paragraph", tuple(Words(piece) if isinstance(piece, str) else piece for piece in pieces))


LIBRARY = StimulusContent(
    id="T-012",
    title="Biblioteket flytter til Torggata",
    blocks=(
        _paragraph(
            "I mars får Haugvik et nytt bibliotek. Det åpner i Torggata 12, ved siden av svømmehallen. "
            "Det gamle biblioteket i Kirkeveien stenger 21. februar."
        ),
        _paragraph(
            "– Vi gleder oss veldig, sier biblioteksjef Randi Moen. – I Kirkeveien har vi mange bøker, men nesten "
            "ingen plass til folk. Mange vil sitte hos oss og lese eller gjøre lekser, og ofte må de gå hjem igjen."
        ),
        _paragraph(
            "Det nye biblioteket har tre lesesaler og et stort rom for barn. Det får også en kafé, der frivillige "
            "lager mat én dag i uka. Hver onsdag kveld blir det språkkafé. Den er gratis, og du trenger ikke å melde "
            "deg på."
        ),
        _paragraph(
            "Mens biblioteket flytter, kan du ikke låne nye bøker. Du kan levere bøker i svømmehallen hver dag mellom "
            "klokka 9 og 18. Alle bøker du har hjemme nå, kan du beholde til 1. april."
        ),
    ),
    picture=None,
)

CAFE = StimulusContent(
    id="T-013",
    title="Språkkafé på onsdager",
    blocks=(
        _paragraph(
            "Vil du snakke mer norsk? Hver onsdag er det språkkafé på biblioteket. "
            "Vi snakker om vær, mat, arbeid og familie."
        ),
    ),
    picture=None,
)


def _item(
    item_id: str, prompt: str, *, options: tuple[Option, ...] = (), blocks: tuple[Block, ...] = (), **more: object
) -> ItemContent:
    made = ItemContent(
        id=item_id, type="choice", prompt=prompt, blocks=blocks, options=options, max_choices=1,
        stimulus=None, picture=None, clip=None,
    )  # fmt: skip
    return replace(made, **more)  # pyright: ignore[reportArgumentType] - the fields of ItemContent, named by the callers here


READING_ITEM = _item(
    "R-105",
    "Hvorfor flytter biblioteket?",
    options=(
        Option("a", "Huset i Kirkeveien skal rives."),
        Option("b", "Det er for liten plass til folk."),
        Option("c", "Få mennesker kommer på besøk."),
        Option("d", "Det er billigere i Torggata."),
    ),
)

SEVERAL_ITEM = _item(
    "R-106",
    "Hva får det nye biblioteket?",
    options=(
        Option("a", "Tre lesesaler"),
        Option("b", "En svømmehall"),
        Option("c", "Et rom for barn"),
        Option("d", "Et kjøkken der alle kan lage mat hver dag"),
    ),
    max_choices=2,
)

INLINE_ITEM = _item(
    "R-108",
    "Hvilket ord passer?",
    type="inline_choice",
    blocks=(
        _paragraph(
            "Kafeen er ",
            ChoiceGap("g1", (Option("a", "gratis"), Option("b", "dyr"), Option("c", "stengt"))),
            ", og du trenger ",
            ChoiceGap("g2", (Option("a", "alltid"), Option("b", "ikke"), Option("c", "bare"))),
            " å melde deg på.",
        ),
    ),
)

ENTRY_ITEM = _item(
    "R-109",
    "Skriv ordene som mangler.",
    type="text_entry",
    blocks=(_paragraph("Biblioteket åpner i ", TextGap("g1", 8), ". Du kan levere bøker i ", TextGap("g2", 12), "."),),
)

HOT_ITEM = _item(
    "R-110",
    "Hvilket ord betyr det samme som «stenger»?",
    type="hottext",
    blocks=(
        _paragraph(
            "Butikken ", HotWord("w1", "åpner"), " klokka ni og ", HotWord("w2", "lukker"), " klokka fem. På søndager ",
            HotWord("w3", "hviler"), " vi.",
        ),
    ),
)  # fmt: skip

LISTENING_ITEM = _item(
    "L-104",
    "Hva har Leyla glemt hjemme?",
    options=(
        Option("a", "", Picture("umbrella.svg", "En rød paraply")),
        Option("b", "", Picture("keys.svg", "To nøkler på en ring")),
        Option("c", "", Picture("phone.svg", "En mobiltelefon")),
    ),
)

LISTENING_TEXT_ITEM = replace(
    READING_ITEM,
    id="L-121",
    prompt="Hva mener mannen om det nye forslaget?",
    options=(
        Option("a", "Han støtter det, men vil vente til neste år."),
        Option("b", "Han er imot det fordi det blir for dyrt."),
        Option("c", "Han synes det er bra for barna i området."),
    ),
)

TASK = TaskContent(
    id="W-11",
    heading="Skriv en e-post til styret",
    blocks=(
        _paragraph(
            "Du bor i en blokk med felles vaskeri i kjelleren. Vaskemaskinen har vært ødelagt i tre uker. "
            "Skriv til styret i blokka."
        ),
        Block("bullet", (Words("Fortell hva som er galt."),)),
        Block("bullet", (Words("Forklar hvorfor dette er et problem for deg."),)),
        Block("bullet", (Words("Si hva du vil at styret skal gjøre."),)),
    ),
    picture=None,
    minimum_words=80,
)

SCRIPT = (
    "Hei!\n"
    "Jeg heter Samira og bor i tredje etasje i Fjellveien 8. Jeg skriver til dere fordi vaskemaskinen i kjelleren er "
    "ødelagt. Den har ikke virket på tre uker nå.\n"
    "Det er et stort problem for oss. Vi har tre små barn, og vi må vaske klær nesten hver dag. Nå må jeg ta bussen "
    "til søsteren min for å vaske, og det tar hele kvelden. Forrige uke ringte jeg til vaktmesteren, men han svarte "
    "ikke.\n"
    "Jeg vil gjerne at dere"
)

CANDIDATE = "Samira Haddad · 100234"
FOOT = Foot(seat="14", candidate=CANDIDATE, right="Leseforståelse · Bokmål")
FRAME = Frame("Leseforståelse", 5, CANDIDATE, saved="saved", module_number=2, minutes_left=41)
ANSWERED = (1, 2, 4, 5, 6)
TASKS = 8


def _strip(present: int, item: str) -> tuple[StripTask, ...]:
    return tuple(
        StripTask(item if number == present else f"R-20{number}", number, is_answered=number in ANSWERED)
        for number in range(1, TASKS + 1)
    )


STRIP = _strip(5, "R-105")
READING = ReadingScreen(
    frame=FRAME, attempt="a1", strip=STRIP, item=READING_ITEM, response=("b",), stimulus=LIBRARY, media=MEDIA
)


def _last_reading() -> ReadingScreen:
    frame = replace(FRAME, task_number=TASKS)
    return replace(
        READING,
        frame=frame,
        strip=_strip(TASKS, INLINE_ITEM.id),
        item=INLINE_ITEM,
        response=None,
        stimulus=CAFE,
        leaves_module=True,
    )


UNANSWERED = (
    UnansweredTask("R-203", 3, "Hva kan Jonas gjøre på lørdag?"),
    UnansweredTask("R-207", 7, "Hvem har skrevet meldingen?"),
    UnansweredTask("R-108", 8, "Hvilket ord passer?"),
)

STEPS = (
    ListeningStep("read", 20, 1.0),
    ListeningStep("first", 37, 0.46, is_present=True),
    ListeningStep("second", 37, 0.0),
    ListeningStep("answer", 29, 0.0),
)
LISTENING = ListeningScreen(
    frame=Frame("Lytteforståelse", 4, CANDIDATE, saved="saved"), attempt="a2", now="first", steps=STEPS, plays=2,
    plays_done=0, is_playing=True, item=LISTENING_ITEM, volume=7, response=("b",), level=0.8, media=MEDIA,
)  # fmt: skip
LISTENING_IN_NYNORSK = replace(
    LISTENING,
    frame=replace(LISTENING.frame, part_title="Lytteforståing"),
    item=replace(
        LISTENING_ITEM,
        prompt="Kva har Leyla gløymt heime?",
        options=(
            Option("a", "", Picture("umbrella.svg", "Ein raud paraply")),
            Option("b", "", Picture("keys.svg", "To nøklar på ein ring")),
            Option("c", "", Picture("phone.svg", "Ein mobiltelefon")),
        ),
    ),
)
LISTENING_ONCE = replace(
    LISTENING,
    frame=replace(LISTENING.frame, task_number=21),
    now="read",
    steps=(
        ListeningStep("read", 20, 0.4, is_present=True),
        ListeningStep("only", 40, 0.0),
        ListeningStep("answer", 29, 0.0),
    ),
    plays=1,
    is_playing=False,
    item=LISTENING_TEXT_ITEM,
    response=None,
    level=0.0,
)

TABS = (
    TaskTab("W-10", 1, 46, is_empty=False),
    TaskTab("W-11", 2, 81, is_empty=False),
    TaskTab("W-12", 3, 0, is_empty=True),
)
WRITING = WritingScreen(
    frame=Frame("Skriftlig framstilling", 2, CANDIDATE, saved="saved", minutes_left=52), attempt="a3", tabs=TABS,
    task=TASK, slot="s2", text=SCRIPT,
)  # fmt: skip
HAND_IN_TASKS = (
    HandInTask("W-10", 1, "Svar på en melding fra en venn", is_empty=False, words=46),
    HandInTask("W-11", 2, "Skriv en e-post til styret", is_empty=False, words=81),
    HandInTask("W-12", 3, "Hva mener du om mobiltelefoner på skolen?", is_empty=True, words=0),
)
INFORMATION = Page(
    "Skriftlig framstilling",
    (
        _paragraph("Prøven har tre oppgaver. Du har 90 minutter."),
        _paragraph("Du skriver på datamaskinen. Teksten din blir lagret hele tiden."),
        Block("bullet", (Words("Du kan gå fram og tilbake mellom oppgavene."),)),
        Block("bullet", (Words("Har du slettet noe? Trykk Angre eller Ctrl + Z."),)),
        Block("bullet", (Words("Du får beskjed når det er 15 og 5 minutter igjen."),)),
    ),
)
FORM = PersonalDataScreen(
    foot=FOOT,
    introduction=Page(
        "Noen spørsmål om deg",
        (_paragraph("Svarene blir brukt til forskning. De har ingenting å si for resultatet ditt."),),
    ),
    fields=(
        FormField("years", "Hvor lenge har du bodd i Norge?", "", tuple(
            Option(str(number), text) for number, text in enumerate(("Under 1 år", "1–3 år", "4–7 år", "Over 7 år"))
        )),
        FormField("first_language", "Hvilket språk lærte du først?", "Skriv navnet på språket.", ()),
    ),
)  # fmt: skip


def _looks(screen: Screen, **settings: object) -> Screen:
    return replace(screen, settings=replace(Settings(), **settings))  # pyright: ignore[reportArgumentType] - Settings' own fields


def shots() -> tuple[Shot, ...]:
    """Every screen and state worth a picture."""
    seat = Foot(seat="14", right="Norskprøven · Haugvik voksenopplæring, rom 2")
    last = _last_reading()
    leave_1 = LeaveModuleScreen(behind=last, step=1, unanswered=UNANSWERED)
    low = replace(FRAME, minutes_left=5, time_is_low=True, low_time_minutes=5)
    once = replace(LISTENING_ONCE, now="only", is_playing=True, level=0.5)
    fault = replace(LISTENING, now="fault", is_playing=False, level=0.0)
    name = NameScreen(foot=FOOT, step=1, steps=5, name="Samira Haddad", number="100234", part_title="Leseforståelse")
    sound = SoundCheckScreen(
        foot=FOOT, step=3, steps=5, volume=7, numbers=("16", "60", "6", "70"), level=0.7, is_playing=True, wrong=1
    )
    information = InformationScreen(
        foot=FOOT, step=5, steps=5, pages=(INFORMATION,), must_answer_all=True, may_ask_leader=True
    )
    saved = SavedHereScreen(foot=FOOT, saved_at="10.40")
    delivered = DeliveredScreen(foot=FOOT, delivered_at="10.41")
    locked = LockedScreen(seat="14", candidate=CANDIDATE, reason="focus", since="10.42.07")
    return (
        Shot("01-login", LoginScreen(foot=seat)),
        Shot("01-login-wrong", LoginScreen(foot=seat, error="wrong")),
        Shot("01-login-200", _looks(LoginScreen(foot=seat), text_size=200)),
        Shot("02-name", name),
        Shot("02-name-protected", replace(name, foot=Foot("14", "100251"), name="", number="100251")),
        Shot("03-written-standard", WrittenStandardScreen(foot=FOOT, step=2, steps=5, error="none_chosen")),
        Shot("04-sound-check", sound),
        Shot("05-day-code", DayCodeScreen(foot=FOOT, step=4, steps=5)),
        Shot("05-day-code-wrong", DayCodeScreen(foot=FOOT, step=4, steps=5, error="wrong", wait_s=8)),
        Shot("06-information", information),
        Shot("06-information-waiting", replace(information, is_waiting=True)),
        Shot("07-reading", READING),
        Shot("07-reading-dark", _looks(READING, theme="dark")),
        Shot("07-reading-contrast-200", _looks(READING, theme="contrast", text_size=200)),
        Shot("07-reading-250", _looks(READING, text_size=250)),
        Shot("07-reading-1920", _looks(READING, text_size=125), WIDE),
        Shot("07-reading-low-time", replace(READING, frame=low)),
        Shot("07-reading-alone", replace(READING, stimulus=None, item=SEVERAL_ITEM, response=("a", "c"))),
        Shot("07-reading-inline-choice", last),
        Shot("07-reading-text-entry", replace(READING, item=ENTRY_ITEM, response=("Torggata", ""))),
        Shot("07-reading-hottext", replace(READING, stimulus=None, item=HOT_ITEM, response=("w2",))),
        Shot("07-reading-pictures", replace(READING, item=replace(LISTENING_ITEM, id="R-111"), response=("c",))),
        Shot("08-leave-1", leave_1),
        Shot("08-leave-2", replace(leave_1, step=2)),
        Shot("08-leave-none", replace(leave_1, unanswered=())),
        Shot("08-leave-1-150", _looks(replace(leave_1, behind=_looks(last, text_size=150)), text_size=150)),
        Shot("09-listening", LISTENING),
        Shot("09-listening-once-read", LISTENING_ONCE),
        Shot("09-listening-once", once),
        Shot("09-listening-fault", fault),
        Shot("09-listening-150", _looks(LISTENING, text_size=150)),
        Shot("09-listening-200-dark", _looks(LISTENING, text_size=200, theme="dark")),
        Shot("10-writing", WRITING),
        Shot("10-writing-contrast", _looks(WRITING, theme="contrast")),
        Shot("10-writing-200", _looks(WRITING, text_size=200)),
        Shot("10-writing-topics", replace(WRITING, attempt="a4", topics=(
            Topic("W-12", "Mobiltelefoner på skolen", "Skriv hva du mener om mobiltelefoner på skolen."),
            Topic("W-13", "Å bo i by eller bygd", "Skriv hva som er bra og dårlig med å bo i en by."),
        ))),
        Shot("10-writing-topic-chosen", replace(WRITING, attempt="a5", can_change_topic=True)),
        Shot("11-hand-in-1", HandInScreen(behind=WRITING, step=1, tasks=HAND_IN_TASKS)),
        Shot("11-hand-in-2", HandInScreen(behind=WRITING, step=2, tasks=HAND_IN_TASKS)),
        Shot("12-time-out", HandingInScreen(foot=FOOT, cause="time")),
        Shot("12-saved-here", saved),
        Shot("12-saved-here-200-dark", _looks(saved, text_size=200, theme="dark")),
        Shot("12-delivered", delivered),
        Shot("12-delivered-next", replace(delivered, next_part="skriftlig framstilling", can_continue=True)),
        Shot("13-personal-data", FORM),
        Shot("14-locked", locked),
        Shot("14-locked-staff", replace(locked, room_answers=False, has_staff_login=True, staff_error="wrong")),
        Shot("14-locked-contrast-150", _looks(locked, theme="contrast", text_size=150)),
        Shot("15-resumed", ResumedScreen(foot=FOOT, task_number=5)),
        Shot("16-refused", RefusedScreen(foot=seat, kind="not_on_list")),
        Shot("16-refused-content", RefusedScreen(foot=seat, kind="content")),
        Shot("16-wait", WaitScreen(foot=seat, reason="not_open")),
        Shot("16-wait-list-expired", WaitScreen(foot=seat, reason="list_expired")),
        Shot("16-wait-list-expired-200", _looks(WaitScreen(foot=seat, reason="list_expired"), text_size=200)),
        Shot("16-end", EndScreen(foot=seat, kind="may_leave")),
        Shot("16-end-closed", EndScreen(foot=seat, kind="closed")),
        Shot("16-wait-staff", WaitScreen(foot=seat, reason="staff_here")),
        Shot("18-text-and-colours", READING, press="text_and_colours"),
        Shot("18-text-and-colours-dark-175", _looks(READING, theme="dark", text_size=175), press="text_and_colours"),
        Shot("18-task-list-200", _looks(READING, text_size=200), press="task_list_button"),
        Shot("18-open-list", last, press="gap_g1"),
        Shot("17-english", _looks(replace(READING, frame=replace(FRAME, part_title="Reading")), language="en")),
        Shot("17-nynorsk", _looks(LISTENING_IN_NYNORSK, language="nn")),
    )  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Draw every screen and the room page; with names, only those. Works without a display.

    Returns:
        0 when all pictures are made, 1 when there is no browser for the room page, or the bank's clips are not built.
    """
    parser = argparse.ArgumentParser(
        prog="./run docs", description="Draw every kiosk screen and the room page as pictures."
    )
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the pictures go (default: docs/screens)")
    parser.add_argument("names", nargs="*", help="only screens whose name starts so")
    given = parser.parse_args(argv)
    names: list[str] = given.names
    wanted = (shot for shot in shots() if not names or any(shot.name.startswith(name) for name in names))
    for path in draw_all(wanted, given.folder):
        print(path)
    if names and not any(ROOM_PAGE.startswith(name) for name in names):
        return 0
    from administration.photograph import room_pictures  # the service and a browser, for this picture alone

    try:
        for path in room_pictures(BANK, RELEASE, given.folder):
            print(path)
    except (PhotographError, ItemBankError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
