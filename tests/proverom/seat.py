"""A seat for tests: the real conductor, journal, room thread and store; clock and sound are simulated, no window."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from engine.attempt import Attempt
from engine.state import Phase
from itembank.content import ChoiceGap, HotWord, ItemContent
from kiosk import intents
from kiosk.app import device_keys
from kiosk.clock import SystemClock
from kiosk.conductor import Conditions, Conductor
from kiosk.folder import StateFolder
from kiosk.room import Room
from kiosk.screens import (
    DayCodeScreen,
    DeliveredScreen,
    InformationScreen,
    LeaveModuleScreen,
    ListeningScreen,
    LoginScreen,
    NameScreen,
    ReadingScreen,
    Screen,
    SoundCheckScreen,
    WritingScreen,
    WrittenStandardScreen,
)
from kiosk.sound import SilentPlayer
from proverom.sample_room import SITTING, SampleCandidate, SampleRoom
from sync.client import StoreClient
from sync.passwords import PRODUCTION_MINIMUM
from sync.progress import Progress, sign_progress

ScreenT = TypeVar("ScreenT", bound=Screen)
PATIENCE_S = 30.0
ROOM_LOG = logging.getLogger("kiosk.room")


class SkippingClock(SystemClock):
    """The system's clock, which a test can put forward: waiting without waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.skipped_ms = 0
        self._stands_at_ms: tuple[int, int] | None = None

    @contextmanager
    def standing(self) -> Generator[None]:
        """No time passes here but what is skipped, however long the machine takes."""
        self._stands_at_ms = super().boot_ms(), super().own_ms()
        try:
            yield
        finally:
            self._stands_at_ms = None

    def boot_ms(self) -> int:
        real_ms = super().boot_ms() if self._stands_at_ms is None else self._stands_at_ms[0]
        return real_ms + self.skipped_ms

    def own_ms(self) -> int:
        real_ms = super().own_ms() if self._stands_at_ms is None else self._stands_at_ms[1]
        return real_ms + self.skipped_ms


class Told(logging.Handler):
    """What a PC's room said in its log that it could not do, the first first."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.sentences: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the sentence."""
        self.sentences.append(record.getMessage())


class NotShownError(AssertionError):
    """A screen that was waited for did not come."""


@dataclass
class Seat:
    """One PC of the room with nobody but the test before it."""

    room: SampleRoom
    state: Path
    locks_on_focus_loss: bool = True
    mirror: Path | None = None
    clock: SkippingClock = field(default_factory=SkippingClock)
    room_clock: SystemClock = field(default_factory=SystemClock)
    player: SilentPlayer = field(default_factory=SilentPlayer)
    screens: list[Screen] = field(default_factory=list[Screen])
    reports: list[Progress] = field(default_factory=list[Progress])
    has_left: bool = False

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Start the program, as after the PC was switched on."""
        folder = StateFolder(self.state)
        keys = device_keys(folder)
        enrolment = folder.enrolment()
        assert enrolment is not None
        real = self.room_clock
        self.folder, self.enrolment, self.keys = folder, enrolment, keys

        def connect() -> StoreClient:
            return StoreClient(self.room.url, folder.ca_file, enrolment.device, keys, now_utc_ms=real.wall_ms)

        def sign(progress: Progress) -> bytes:
            self.reports.append(progress)
            return sign_progress(progress, keys.signing)

        self.net = Room(folder, enrolment, keys, connect, real)
        self.conductor = Conductor(
            Conditions(
                device=enrolment.device,
                seat=enrolment.name,
                password_minimum=PRODUCTION_MINIMUM,
                free_needed=2**20,
                locks_on_focus_loss=self.locks_on_focus_loss,
                mirror=self.mirror,
            ),
            folder=folder,
            clock=self.clock,
            room=self.net,
            player=self.player,
            sign_report=sign,
            show=self.screens.append,
            leave=self._leave,
        )
        self.told = Told()
        ROOM_LOG.addHandler(self.told)
        self.net.start()

    def _leave(self) -> None:
        self.has_left = True

    def kill(self) -> None:
        """SIGKILL, as far as it can be done inside one process: nothing is closed, flushed or said."""
        self._stop_room()
        del self.conductor

    def restart(self) -> None:
        """Kill and start again; the new run reads everything from the disk."""
        self.kill()
        self.player = SilentPlayer()
        self.start()

    def close(self) -> None:
        """Switch off in order."""
        if hasattr(self, "conductor"):
            self.conductor.close()
        self._stop_room()

    def _stop_room(self) -> None:
        self.net.stop()
        ROOM_LOG.removeHandler(self.told)

    # --- looking ------------------------------------------------------------------------------------------------------

    @property
    def screen(self) -> Screen:
        """What is on the glass now."""
        return self.conductor.screen()

    @property
    def attempt(self) -> Attempt:
        """The attempt at this seat."""
        running = self.conductor.running
        assert running is not None, f"nobody is logged in; the screen is {self.screen}"
        return running.attempt

    def until(self, kind: type[ScreenT], is_so: Callable[[ScreenT], bool] = lambda _: True) -> ScreenT:
        """Let the real threads work until a screen of this kind is there; the screen."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            self.conductor.tick()
            screen = self.screen
            if isinstance(screen, kind) and is_so(screen):
                return screen
            _breathe()
        raise NotShownError(f"no {kind.__name__} but {self.screen}; the room says: {self.net.state.trouble!r}")

    def until_true(self, is_so: Callable[[], bool]) -> None:
        """Let the real threads work until something is so."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            self.conductor.tick()
            if is_so():
                return
            _breathe()
        raise NotShownError(f"it never became so; the screen is {self.screen}")

    def until_told(self, words: str) -> None:
        """Let the real threads work until the PC has told, since it was switched on, that it could not do something."""
        self.until_true(lambda: any(words in sentence for sentence in self.told.sentences))

    # --- acting -------------------------------------------------------------------------------------------------------

    def do(self, *wishes: intents.Intent) -> Screen:
        """Do one thing after the other; the screen after the last."""
        for wish in wishes:
            self.conductor.wish(wish)
        return self.screen

    def pass_time(self, milliseconds: int, *, step_ms: int = 100) -> None:
        """Let time and sound go on by so much."""
        for _ in range(-(-milliseconds // step_ms)):
            self.clock.skipped_ms += step_ms
            self.player.advance(step_ms)
            self.conductor.tick()

    def log_in(self, candidate: SampleCandidate) -> Screen:
        """Log in at the log-in screen."""
        self.until(LoginScreen)
        return self.do(intents.LogIn(candidate.login, candidate.password))

    def get_ready(self, *, day_code: str, written_standard: str = "nb") -> InformationScreen:
        """Answer every question from the name on, up to the information's last page."""
        assert isinstance(self.screen, NameScreen), self.screen
        self.do(intents.ConfirmName(yes=True))
        assert isinstance(self.screen, WrittenStandardScreen), self.screen
        self.do(intents.ChooseStandard("nn" if written_standard == "nn" else "nb"), intents.Continue())
        if isinstance(self.screen, SoundCheckScreen):
            self.pass_sound_check()
        assert isinstance(self.screen, DayCodeScreen), self.screen
        screen = self.do(intents.TypeDayCode(day_code))
        assert isinstance(screen, InformationScreen), screen
        screen = self.do(intents.ShowPage(len(screen.pages) - 1))
        assert isinstance(screen, InformationScreen), screen
        return screen

    def pass_sound_check(self) -> None:
        """Play, choose the right number, go on."""
        running = self.conductor.running
        assert running is not None
        check = running.package.public.sound_check
        assert check is not None
        self.do(intents.PlaySoundCheck(), intents.AnswerSoundCheck(check.number), intents.Continue())

    def start_part(self, part: str, *, day_code: str, written_standard: str = "nb") -> Screen:
        """From the name to the first task of a part, with the test leader's start."""
        self.get_ready(day_code=day_code, written_standard=written_standard)
        ask(self.room, "start", part=part)
        self.until(InformationScreen, lambda screen: not screen.is_waiting)
        return self.do(intents.Start())

    def answer_reading(self, choose: Callable[[ItemContent], tuple[str, ...]] | None = None) -> None:
        """Answer every item and leave every module, to the end of the part."""
        pick = choose or first_answer
        while isinstance(screen := self.screen, ReadingScreen | LeaveModuleScreen):
            if isinstance(screen, LeaveModuleScreen):
                self.do(intents.ConfirmLeave(screen.step))
            else:
                self.do(intents.Answer(screen.item.id, pick(screen.item)), intents.Next())

    def listen(self) -> Iterator[ListeningScreen]:
        """Run the listening part on, 100 ms at a time, with every screen on the way."""
        while isinstance(screen := self.screen, ListeningScreen):
            yield screen
            self.pass_time(100)

    def write(self, text: str) -> None:
        """Type a text at the end of the present task, a code point at a time."""
        screen = self.screen
        assert isinstance(screen, WritingScreen), screen
        for sign in text:
            end = len(self.text_of(screen.task.id))
            self.do(intents.EditText(screen.task.id, end, "", sign, "type"))

    def text_of(self, task: str) -> str:
        """What is written in a task."""
        return next((text for each, text in self.attempt.texts.items() if each == task), "")

    def hand_in(self) -> DeliveredScreen:
        """Hand in a writing part and wait for the receipt."""
        self.do(intents.GoToHandIn(), intents.HandIn(1), intents.HandIn(2))
        assert self.attempt.phase is Phase.SUBMITTED
        return self.until(DeliveredScreen)


def first_answer(item: ItemContent) -> tuple[str, ...]:
    """The first possible answer to an item, whatever its type."""
    if item.type == "choice":
        return (item.options[0].id,)
    if item.type == "hottext":
        return (next(piece.id for piece in item.pieces if isinstance(piece, HotWord)),)
    if item.type == "inline_choice":
        return tuple(piece.options[0].id for piece in item.pieces if isinstance(piece, ChoiceGap))
    return tuple("ord" for _ in item.gaps)


def _breathe() -> None:
    """Give the room's threads the processor for a moment: they talk to a real store in another process."""
    time.sleep(0.01)


def ask(room: SampleRoom, name: str, **arguments: Any) -> dict[str, Any]:
    """A command of the store about the sample sitting."""
    return room.desk.ask(name, sitting=SITTING, **arguments)
