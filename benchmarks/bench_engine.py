"""What the engine promises: one response, one route-and-score, one edit, and a whole writing attempt replayed.

Run from the repository root: ``python benchmarks/bench_engine.py``. Writes benchmarks/results/engine.json.
"""

from __future__ import annotations

import json
import statistics
import sys
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from time import perf_counter_ns

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from engine.attempt import replay  # noqa: E402
from engine.events import Answered, Edited, Event, ModuleLeft, StepEntered  # noqa: E402
from engine.result import result  # noqa: E402
from tests.strategies import REGULATION_GRAPH, running  # noqa: E402

RUNS = 2000
EDITS = 20_000
SIZES = {"RM1": 20, "RM2": 10, "RM3": 10, "FM-A1A2": 20, "FM-A2B1": 20, "FM-B1B2": 20}


def measured(name: str, goal_us: float, note: str, work: Callable[[], object], runs: int) -> dict[str, object]:
    """Median and interquartile range in microseconds of so many runs, each timed by itself."""
    times: list[float] = []
    for _ in range(runs):
        before = perf_counter_ns()
        work()
        times.append((perf_counter_ns() - before) / 1000)
    low, median, high = statistics.quantiles(times, n=4)
    return {
        "name": name,
        "unit": "us",
        "median": round(median, 2),
        "spread": round(high - low, 2),
        "n": runs,
        "peer": None,
        "goal": f"≤ {goal_us:,.0f} us",
        "note": note,
    }


def bench_responses(runs: int) -> list[dict[str, object]]:
    first = running("reading", sizes=SIZES, graph=REGULATION_GRAPH).answer_module(20)
    attempt, now_ms = first.attempt, first.now_ms
    answered = Answered(now_ms, attempt.items[7], ("B",))
    left = ModuleLeft(now_ms, attempt.module or "")
    done = running("reading", sizes=SIZES).take(lambda _: 9).attempt
    result(done)

    def route_and_score() -> object:
        return attempt.apply(answered).apply(left)

    heard = running("listening").tick(20_000).play()
    step = heard.attempt.step
    assert step is not None
    entered = StepEntered(step.ends_ms or 0, step.item, step.index + 1)
    return [
        measured("engine: response applied", 10, "20 items answered", lambda: attempt.apply(answered), runs),
        measured("engine: response applied, module of 20 scored and routed", 50, "choice keys", route_and_score, runs),
        measured("engine: listening step", 50, "gap to second play", lambda: heard.attempt.apply(entered), runs),
        measured("engine: what time makes true", 50, "listening", lambda: heard.attempt.due(step.ends_ms or 0), runs),
        measured(
            "engine: result of an attempt",
            2000,
            "route of 3, ability known from the score table",
            lambda: result(done),
            runs,
        ),
    ]


def edits_of(count: int) -> list[Event]:
    """A script typed with a correction now and then: 19 letters typed, the last one taken back."""
    run = running("writing")
    journal: list[Event] = list(run.journal)
    length = 0
    for number in range(count):
        at_ms = 1 + number * 200
        if number % 20 == 19:
            length -= 1
            journal.append(Edited(at_ms, "W-1", length, "å" if (number - 1) % 7 == 0 else "e", "", "backspace"))
        else:
            journal.append(Edited(at_ms, "W-1", length, "", "å" if number % 7 == 0 else "e", "type"))
            length += 1
    return journal


def bench_writing(runs: int) -> list[dict[str, object]]:
    run = running("writing")
    run.do(Edited, "W-1", 0, "", "abcde" * 1000, "paste")
    edited = Edited(run.now_ms, "W-1", 2500, "", "x", "type")
    journal = edits_of(EDITS)
    assert replay(run.given, journal).refused == ()
    replayed = measured(
        "engine: replay of a writing attempt",
        1_000_000,
        f"{EDITS} edits, 18 000 characters",
        lambda: replay(run.given, journal),
        5,
    )
    return [
        measured("engine: edit in 5000 characters", 30, "in the middle", lambda: run.attempt.apply(edited), runs),
        replayed,
    ]


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the runs")
    runs = RUNS // 10 if parser.parse_args().quick else RUNS
    rows = [*bench_responses(runs), *bench_writing(runs)]
    target = ROOT / "benchmarks" / "results" / "engine.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for row in rows:
        print(f"{row['name']:60} {row['median']:>12} ± {row['spread']} {row['unit']}  (goal {row['goal']})")


if __name__ == "__main__":
    main()
