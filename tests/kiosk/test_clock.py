"""The attempt's clock runs on over restarts, reboots and clock changes, and never back."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from kiosk.clock import AttemptClock, SystemClock


@dataclass
class FakeClock:
    """A clock that is told what to show."""

    boot: int = 1_000
    wall: int = 1_760_000_000_000
    id: str = "boot-a"

    def boot_ms(self) -> int:
        return self.boot

    def wall_ms(self) -> int:
        return self.wall

    def boot_id(self) -> str:
        return self.id

    def advance(self, ms: int) -> None:
        self.boot += ms
        self.wall += ms


def test_an_attempt_begins_at_zero_and_follows_the_boot_clock() -> None:
    clock = FakeClock()
    attempt = AttemptClock.begin(clock)
    assert attempt.now_ms() == 0
    clock.advance(83_212)
    assert attempt.now_ms() == 83_212


def test_setting_the_wall_clock_back_changes_nothing_within_a_boot() -> None:
    clock = FakeClock()
    attempt = AttemptClock.begin(clock)
    clock.advance(60_000)
    clock.wall -= 86_400_000
    assert attempt.now_ms() == 60_000
    clock.advance(1_000)
    resumed = AttemptClock.resume(clock, attempt.anchor, last_at_ms=60_500)
    assert resumed.now_ms() == 61_000


def test_a_reboot_is_bridged_by_the_wall_clock() -> None:
    clock = FakeClock()
    anchor = AttemptClock.begin(clock).anchor
    clock.advance(100_000)
    clock.boot, clock.id = 5_000, "boot-b"
    clock.wall += 20_000
    assert AttemptClock.resume(clock, anchor, last_at_ms=99_000).now_ms() == 120_000


def test_a_reboot_with_the_wall_clock_set_back_gives_no_time() -> None:
    clock = FakeClock()
    anchor = AttemptClock.begin(clock).anchor
    clock.boot, clock.id, clock.wall = 5_000, "boot-b", clock.wall - 3_600_000
    assert AttemptClock.resume(clock, anchor, last_at_ms=99_000).now_ms() == 99_000


@given(st.lists(st.tuples(st.sampled_from(["run", "wall", "reboot"]), st.integers(-100_000, 100_000)), max_size=30))
def test_time_never_runs_back(steps: list[tuple[str, int]]) -> None:
    clock = FakeClock()
    attempt = AttemptClock.begin(clock)
    latest = 0
    for kind, amount in steps:
        if kind == "run":
            clock.advance(abs(amount))
        elif kind == "wall":
            clock.wall += amount
        else:
            clock.boot, clock.id = abs(amount), clock.id + "'"
            attempt = AttemptClock.resume(clock, attempt.anchor, latest)
        assert attempt.now_ms() >= latest
        latest = attempt.now_ms()


def test_the_store_corrects_the_wall_clock_only() -> None:
    clock = SystemClock()
    before = clock.boot_ms()
    clock.correct_by_store(clock.wall_ms() + 3_600_000)
    assert clock.boot_ms() - before < 60_000
    assert clock.wall_ms() - SystemClock().wall_ms() > 3_500_000


class SetClock(SystemClock):
    """The system's clocks, told what they show."""

    def __init__(self, own: int) -> None:
        super().__init__()
        self.boot, self.own = 5_000, own

    def boot_ms(self) -> int:
        return self.boot

    def own_ms(self) -> int:
        return self.own


def test_from_the_stores_time_on_nobody_changes_the_time_of_day_by_setting_the_pcs_clock() -> None:
    store = 1_760_000_000_000
    clock = SetClock(own=store - 3_600_000)
    assert clock.wall_ms() == store - 3_600_000
    assert clock.correct_by_store(store) == 3_600_000
    assert clock.wall_ms() == store
    clock.own += 86_400_000
    clock.boot += 1_500
    assert clock.wall_ms() == store + 1_500
    assert clock.correct_by_store(store + 1_500) == 3_601_500 - 86_400_000
    assert clock.wall_ms() == store + 1_500
