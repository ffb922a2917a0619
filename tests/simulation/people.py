"""The people of a simulated room: candidates who answer, change their minds and make slips, and the test leader."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Final

from engine.state import Phase
from kiosk import intents
from kiosk.screens import (
    DayCodeScreen,
    DeliveredScreen,
    EndScreen,
    HandInScreen,
    InformationScreen,
    LeaveModuleScreen,
    ListeningScreen,
    LockedScreen,
    LoginScreen,
    NameScreen,
    PersonalDataScreen,
    ReadingScreen,
    RefusedScreen,
    ResumedScreen,
    Screen,
    SoundCheckScreen,
    WaitScreen,
    WritingScreen,
    WrittenStandardScreen,
)
from tests.simulation import exam
from tests.simulation.place import PASSWORD, STAFF_PASSWORD, Planned

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulation.pc import Pc
    from tests.simulation.world import World

SIGNS: Final = "abcæøå \n🐈"
SLIPS: Final = (
    intents.BlockedKey("Alt+Tab"),
    intents.PasteRefused(),
    intents.PrintRefused("Ctrl+P"),
)
"""Each candidate makes slips of one kind, so that a slip told under another one's name is seen."""

SLIP_KINDS: Final = ("key_blocked", "paste_refused", "print_refused")


class Candidate:
    """A random walker over the real screens."""

    def __init__(self, world: World, planned: Planned, place: int, chance: Random) -> None:
        self.world = world
        self.planned = planned
        self.slip = place % len(SLIPS)
        self.pc: Pc | None = None
        self.is_gone = False
        self.has_come = False
        self.think_ms = chance.uniform(500, 2_500)
        self.slip_share = chance.choice((0.0, 0.03, 0.15))
        self.patience = chance.choice((0.2, 0.6, 1.0))
        """How likely a finished candidate hands in instead of sitting still until time is out."""
        self._chance = chance

    @property
    def name(self) -> str:
        """As the trace calls the candidate."""
        return self.planned.number

    def act(self, pc: Pc) -> None:
        """Do something sensible, or not, on whatever screen there is; in the main thread of that PC's program.

        Nothing, where the candidate has been moved since.
        """
        if pc is not self.pc or pc.run is None or self.is_gone:
            return
        screen = pc.run.conductor.screen()
        running = pc.run.conductor.running
        if running is not None and running.candidate.number != self.planned.number:
            return
        self.world.trace(f"{self.name} at {pc.name}: {type(screen).__name__}")
        if self._chance.random() < self.slip_share and running is not None:
            pc.do(SLIPS[self.slip])
        else:
            self._go_on(pc, screen)

    def _go_on(self, pc: Pc, screen: Screen) -> None:
        acts: dict[type[Screen], Callable[[Pc, Screen], None]] = {
            LoginScreen: self._log_in,
            RefusedScreen: self._refused,
            WaitScreen: self._waiting,
            NameScreen: self._name,
            WrittenStandardScreen: self._standard,
            SoundCheckScreen: self._sound_check,
            DayCodeScreen: self._day_code,
            InformationScreen: self._information,
            ReadingScreen: self._read,
            LeaveModuleScreen: self._leave_module,
            ListeningScreen: self._listen,
            WritingScreen: self._write,
            HandInScreen: self._hand_in,
            ResumedScreen: lambda pc, _: _do(pc, intents.Continue()),
            DeliveredScreen: lambda pc, _: _do(pc, intents.Continue()),
            PersonalDataScreen: self._form,
            EndScreen: self._end,
            LockedScreen: self._locked,
        }
        act = acts.get(type(screen))
        if act is not None:
            act(pc, screen)

    # --- before the start ---------------------------------------------------------------------------------------------

    def _log_in(self, pc: Pc, _screen: Screen) -> None:
        is_right = self._chance.random() < 0.85
        login = self.planned.login if self._chance.random() < 0.95 else "ingen"
        _do(pc, intents.LogIn(login, PASSWORD if is_right else "feil"))

    def _refused(self, pc: Pc, screen: Screen) -> None:
        assert isinstance(screen, RefusedScreen)
        if screen.kind in {"late", "already_left", "expelled", "already_delivered"} and self._chance.random() < 0.7:
            self.world.leave(self)
        _do(pc, intents.Back())

    def _waiting(self, pc: Pc, screen: Screen) -> None:
        assert isinstance(screen, WaitScreen)
        if screen.reason in {"name_wrong", "staff_here"}:
            _do(pc, intents.Back())

    def _name(self, pc: Pc, _screen: Screen) -> None:
        _do(pc, intents.ConfirmName(yes=self._chance.random() < 0.97))

    def _standard(self, pc: Pc, _screen: Screen) -> None:
        _do(pc, intents.ChooseStandard(self._chance.choice(("nb", "nn"))), intents.Continue())

    def _sound_check(self, pc: Pc, _screen: Screen) -> None:
        number = "47" if self._chance.random() < 0.8 else "17"
        _do(pc, intents.PlaySoundCheck(), intents.AnswerSoundCheck(number), intents.Continue())

    def _day_code(self, pc: Pc, _screen: Screen) -> None:
        code = self.world.day_code if self._chance.random() < 0.8 else f"{self._chance.randrange(10_000):04d}"
        _do(pc, intents.TypeDayCode(code))

    def _information(self, pc: Pc, screen: Screen) -> None:
        assert isinstance(screen, InformationScreen)
        _do(pc, intents.ShowPage(len(screen.pages) - 1), intents.Start())

    # --- answering ----------------------------------------------------------------------------------------------------

    def _read(self, pc: Pc, screen: Screen) -> None:
        assert isinstance(screen, ReadingScreen)
        drawn = self._chance.random()
        if drawn < 0.55:
            _do(pc, intents.Answer(screen.item.id, (self._chance.choice(exam.OPTIONS),)))
        elif drawn < 0.75:
            _do(pc, intents.GoTo(self._chance.choice(screen.strip).item))
        elif drawn < 0.75 + 0.25 * self.patience:
            _do(pc, intents.Next())

    def _leave_module(self, pc: Pc, screen: Screen) -> None:
        assert isinstance(screen, LeaveModuleScreen)
        _do(pc, intents.ConfirmLeave(screen.step) if self._chance.random() < 0.8 else intents.BackToTasks())

    def _listen(self, pc: Pc, screen: Screen) -> None:
        assert isinstance(screen, ListeningScreen)
        drawn = self._chance.random()
        if drawn < 0.6:
            _do(pc, intents.Answer(screen.item.id, (self._chance.choice(exam.OPTIONS),)))
        elif drawn < 0.8:
            _do(pc, intents.SetVolume(self._chance.randint(1, 10)))

    def _write(self, pc: Pc, screen: Screen) -> None:
        assert isinstance(screen, WritingScreen)
        drawn = self._chance.random()
        if screen.topics:
            _do(pc, intents.ChooseTopic(screen.slot, self._chance.choice(screen.topics).task))
        elif drawn < 0.75:
            for _ in range(self._chance.randint(1, 4)):
                self._edit(pc, screen.task.id)
        elif drawn < 0.9:
            _do(pc, intents.GoTo(self._chance.choice(screen.tabs).task))
        elif drawn < 0.9 + 0.1 * self.patience:
            _do(pc, intents.GoToHandIn())

    def _edit(self, pc: Pc, task: str) -> None:
        if pc.run is None or pc.run.conductor.running is None:
            return
        text = next((text for each, text in pc.run.conductor.running.attempt.texts.items() if each == task), "")
        position = self._chance.randint(0, len(text))
        taken = text[position : position + (self._chance.randint(0, 3) if self._chance.random() < 0.3 else 0)]
        put = "".join(self._chance.choice(SIGNS) for _ in range(self._chance.randint(0 if taken else 1, 3)))
        _do(pc, intents.EditText(task, position, taken, put, "type"))

    def _hand_in(self, pc: Pc, screen: Screen) -> None:
        assert isinstance(screen, HandInScreen)
        _do(pc, intents.HandIn(screen.step) if self._chance.random() < 0.8 else intents.BackToTasks())

    # --- after --------------------------------------------------------------------------------------------------------

    def _form(self, pc: Pc, _screen: Screen) -> None:
        fill = self._chance.random() < 0.5
        _do(pc, intents.SendPersonalData((("language", "arabisk"),)) if fill else intents.SkipPersonalData())

    def _end(self, pc: Pc, screen: Screen) -> None:
        assert isinstance(screen, EndScreen)
        if screen.kind == "closed":
            return
        _do(pc, intents.Continue())
        if screen.kind in {"may_leave", "expelled", "left_alone"}:
            self.world.leave(self)

    def _locked(self, pc: Pc, screen: Screen) -> None:
        assert isinstance(screen, LockedScreen)
        if screen.has_staff_login and self._chance.random() < 0.3:
            _do(pc, intents.UnlockAtPc("lars", STAFF_PASSWORD if self._chance.random() < 0.7 else "feil"))
        else:
            self.world.leader.ask_to_unlock(self)


def _do(pc: Pc, *wishes: intents.Intent) -> None:
    for wish in wishes:
        if pc.run is not None:
            pc.begin_act()
            pc.run.conductor.wish(wish)
            pc.look()


ONGOING: Final = frozenset({Phase.LOGGED_IN, Phase.READY, Phase.RUNNING})
