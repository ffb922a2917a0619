"""Wrong day codes are counted before they are looked at: no kill, restart or clock gives a try away."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest

from kiosk.folder import StateFolder
from kiosk.tries import DayCodeTries
from sync.daycode import LONGEST_DELAY_MS, DayCodeGate
from sync.errors import SyncUsageError
from sync.files import DiskFiles
from tests.proof import Trial

SITTING, CODE = "s1", "0417"
BOOT_MS = 20_000
"""A PC is not up again sooner than that."""


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder in memory where there is one: what is tried here is the order of things, not the disk."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        yield Path(name)


class KilledError(BaseException):
    """The program is gone: nothing of it runs on."""


class DyingFiles(DiskFiles):
    """The disk of a program that is killed before, in or after its next write to it."""

    def __init__(self) -> None:
        self.dies = ""

    def replace(self, path: Path, data: bytes) -> None:
        moment, self.dies = self.dies, ""
        if moment == "before":
            raise KilledError
        if moment == "halfway":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.with_name(path.name + ".new").write_bytes(data[: len(data) // 2])
            raise KilledError
        super().replace(path, data)
        if moment == "after":
            raise KilledError


@dataclass
class Thief:
    """Somebody at a PC in an open sitting who wants to start without being told the code, and may pull the plug.

    ``true_ms`` is the time of the world, with which the boot clock runs from each start of the PC. ``answers``: when a
    wrong code was told to be wrong.
    """

    folder: Path
    chance: Random
    true_ms: int = 1_000_000
    booted_ms: int = 0
    journalled: int = 0
    answers: list[int] = field(default_factory=list[int])
    kills: int = 0

    def __post_init__(self) -> None:
        self.start()

    @property
    def boot_clock(self) -> int:
        return self.true_ms - self.booted_ms

    def start(self) -> None:
        """The program starts: all it knows is on the disk."""
        self.files = DyingFiles()
        self.tries = DayCodeTries(StateFolder(self.folder, self.files))
        self.tries.enter(SITTING, "a" * 32, journalled=self.journalled, now_ms=self.boot_clock)

    def reboot(self) -> None:
        """The wall clock is set to anything meanwhile; nothing here reads it."""
        self.true_ms += BOOT_MS
        self.booted_ms = self.true_ms
        self.start()

    def attempt(self, code: str, dies: str, at: str) -> bool | None:
        """Type a code; True or False as it was answered, None when the program was killed before it was.

        ``at``: whether the kill comes while the try is counted, or journalled, which is before the answer too.
        """
        self.files.dies = dies if at == "count" else ""
        try:
            self.tries.begin(self.boot_clock)
            is_right = code == CODE
            if dies and at == "journal":
                self.journalled += dies == "after"
                raise KilledError  # noqa: TRY301 - the program's end
            self.journalled += 1
            if not is_right:
                self.answers.append(self.true_ms)
                return False
            self.files.dies = dies if at == "forget" else ""
            self.tries.accepted()
        except KilledError:
            self.kills += 1
            return None
        return True


def test_every_try_with_kills_and_clock_changes_is_counted_and_slowed(
    place: Path, proof: Callable[..., AbstractContextManager[Trial]]
) -> None:
    """A seed is one thief with twelve tries and a hand on the plug."""
    with proof("day-code tries with kills and clock changes", ci=200, full=10_000) as trial:
        for what in ("answers", "kills", "answers not counted", "answers too early"):
            trial.count(what, 0)
        for seed in trial.seeds():
            thief = Thief(place / str(seed), Random(seed))
            _try_codes(thief)
            trial.count("answers", len(thief.answers))
            trial.count("kills", thief.kills)
            wrong = _counted(thief.folder)
            trial.count("answers not counted", max(0, len(thief.answers) - wrong))
            for number, (before, after) in enumerate(zip(thief.answers, thief.answers[1:], strict=False), start=1):
                trial.count("answers too early", int(after - before < DayCodeGate(number, 0).delay_ms))
        assert min(trial.counts["answers"], trial.counts["kills"]) > 0
        assert (trial.counts["answers not counted"], trial.counts["answers too early"]) == (0, 0)


def _try_codes(thief: Thief) -> None:
    chance = thief.chance
    for _ in range(12):
        wait = thief.tries.wait_ms(thief.boot_clock)
        if wait > 1 and chance.random() < 0.3:
            # A moment too early: the gate says no, whatever is typed, and nothing is learnt.
            thief.true_ms += wait - 1
            with pytest.raises(SyncUsageError):
                thief.tries.begin(thief.boot_clock)
        thief.true_ms += thief.tries.wait_ms(thief.boot_clock)
        dies = chance.choice(("", "", "before", "halfway", "after"))
        if thief.attempt("9999", dies, chance.choice(("count", "journal"))) is None or chance.random() < 0.2:
            chance.choice((thief.reboot, thief.start))()


def _counted(folder: Path) -> int:
    return int(json.loads(StateFolder(folder).tries(SITTING).read_bytes())["wrong"])


class Forgetful(DayCodeTries):
    """A gate that counts in memory only."""

    def _write(self, wrong: int) -> None:
        pass


def test_control_a_count_kept_in_memory_gives_tries_away(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.kiosk.test_tries.DayCodeTries", Forgetful)
    thief = Thief(place / "forgetful", Random(1))
    for _ in range(5):
        assert thief.attempt("9999", "", "count") is False
        thief.journalled = 0
        thief.start()
        assert thief.tries.wait_ms(thief.boot_clock) == 0


def test_whoever_writes_to_the_disk_takes_the_count_back(place: Path) -> None:
    """The honest limit: without the file and the journal a PC knows of no tries. The code opens nothing by itself."""
    thief = Thief(place / "writer", Random(1))
    for _ in range(5):
        assert thief.attempt("9999", "", "count") is False
        StateFolder(thief.folder).tries(SITTING).unlink()
        thief.journalled = 0
        thief.reboot()
        assert thief.tries.wait_ms(thief.boot_clock) == 0


def test_taking_the_file_away_leaves_the_journals_count_and_the_other_way_round(place: Path) -> None:
    thief = Thief(place, Random(1))
    for _ in range(4):
        thief.true_ms += thief.tries.wait_ms(thief.boot_clock)
        thief.attempt("9999", "", "count")
    path = StateFolder(thief.folder).tries(SITTING)
    kept = path.read_bytes()
    for left in (b"", b"{", b"[]", b'{"wrong":"x"}', None):
        path.unlink(missing_ok=True) if left is None else path.write_bytes(left)
        thief.reboot()
        assert thief.tries.wait_ms(thief.boot_clock) == 8000
    path.write_bytes(kept)
    thief.journalled = 0
    thief.reboot()
    assert thief.tries.wait_ms(thief.boot_clock) == 8000


def test_the_next_candidate_does_not_begin_at_nothing(place: Path) -> None:
    """The count is the PC's: another candidate's log-in neither lifts nor lengthens the wait."""
    thief = Thief(place, Random(1))
    for _ in range(3):
        thief.true_ms += thief.tries.wait_ms(thief.boot_clock)
        thief.attempt("9999", "", "count")
    thief.true_ms += 1000
    thief.tries.enter(SITTING, "b" * 32, journalled=0, now_ms=thief.boot_clock)
    assert thief.tries.wait_ms(thief.boot_clock) == 3000


@pytest.mark.parametrize("lift", ["accepted", "overridden"])
def test_a_right_code_or_the_leaders_order_lifts_the_wait_also_after_a_restart(place: Path, lift: str) -> None:
    thief = Thief(place, Random(1))
    for _ in range(6):
        thief.true_ms += thief.tries.wait_ms(thief.boot_clock)
        thief.attempt("9999", "", "count")
    assert thief.tries.must_alarm
    getattr(thief.tries, lift)()
    assert thief.tries.wait_ms(thief.boot_clock) == 0
    thief.reboot()
    assert thief.tries.wait_ms(thief.boot_clock) == 0
    assert thief.attempt("9999", "", "count") is False
    thief.reboot()
    assert thief.tries.wait_ms(thief.boot_clock) == 1000


def test_what_was_forgiven_one_candidate_is_not_forgiven_the_next(place: Path) -> None:
    """The next one has as many wrong codes in the journal: from another PC, or because the count was lost."""
    thief = Thief(place, Random(1))
    for _ in range(5):
        thief.true_ms += thief.tries.wait_ms(thief.boot_clock)
        thief.attempt("9999", "", "count")
    thief.tries.overridden()
    thief.reboot()
    assert thief.tries.wait_ms(thief.boot_clock) == 0
    thief.tries.enter(SITTING, "b" * 32, journalled=5, now_ms=thief.boot_clock)
    assert thief.tries.wait_ms(thief.boot_clock) == 16_000


def test_killed_while_a_right_code_is_being_noted_the_next_start_waits_once_more(place: Path) -> None:
    thief = Thief(place, Random(1))
    assert thief.attempt(CODE, "before", "forget") is None
    thief.journalled = 0  # accepted: the journal no longer asks
    thief.reboot()
    assert thief.tries.wait_ms(thief.boot_clock) == 1000


def test_when_the_disk_refuses_no_code_is_looked_at(place: Path) -> None:
    class Full(DiskFiles):
        def replace(self, path: Path, data: bytes) -> None:
            raise OSError(28, "No space left on device", str(path))

    tries = DayCodeTries(StateFolder(place, Full()))
    tries.enter(SITTING, "a" * 32, journalled=0, now_ms=0)
    with pytest.raises(OSError, match="No space left"):
        tries.begin(0)
    assert tries.wait_ms(0) == 0


def test_all_ten_thousand_codes_take_a_month_at_one_pc(place: Path) -> None:
    """By the real gate on the real disk for the first forty, then by its own delay, which grows no more."""
    thief = Thief(place, Random(1))
    for _ in range(40):
        thief.true_ms += thief.tries.wait_ms(thief.boot_clock)
        assert thief.attempt("9999", "", "count") is False
    took_ms = thief.answers[-1] - thief.answers[0] + (10_000 - 40) * thief.tries.wait_ms(thief.boot_clock)
    assert thief.tries.wait_ms(thief.boot_clock) == LONGEST_DELAY_MS
    assert took_ms > 34 * 86_400_000
