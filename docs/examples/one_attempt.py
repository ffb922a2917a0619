# ruff: noqa: INP001  a script to read and run, not a module
"""A two-stage reading test: build a panel, let somebody answer, print the level and how it came about."""

from functools import reduce

from engine.attempt import Attempt, Given
from engine.events import (
    Answered,
    AttemptBegun,
    DayCodeTried,
    InformationRead,
    ModuleLeft,
    NameConfirmed,
    Started,
    Submitted,
    WrittenStandardChosen,
)
from engine.panel import parse_panel
from engine.programme import parse_programme
from engine.result import result

PART = {
    "part": "reading", "titles": {"nb": "Leseforståelse", "nn": "Leseforståing"}, "delivery": "adaptive",
    "navigation": "free_in_module", "limit_ms": 4_500_000, "duration_min_ms": None, "duration_max_ms": None,
    "accommodation_cap_ms": 900_000, "allows_extra_time": True, "warnings_ms": [900_000, 300_000], "plays_by_level": {},
    "shows_time": True, "clock_runs_while_down": True, "earliest_leave_ms": 900_000, "may_leave": True,
    "route_graph": {}, "first_module": None, "tasks_by_level": {}, "all_tasks_required": False,
    "needs_sound_check": False, "logs": [],
}  # fmt: skip
PROGRAMME = {
    "id": "example", "version": 1, "titles": {"nb": "Eksempel", "nn": "Døme"}, "is_demo": True,
    "levels": ["A1", "A2", "B1"], "parts": [PART], "day_code_scope": "site_date", "ban_test_periods": 1,
    "complaint_days": 21, "aid_policy": "none",
}  # fmt: skip
B = {"first": -1.0, "easy": -0.5, "hard": 1.0}
PANEL = {
    "id": "two-stage", "part": "reading", "levels": ["A1", "A2", "B1"], "first": "first", "routing_basis": "module",
    "modules": [
        {"id": name, "kind": "routing" if name == "first" else "final", "items": [f"{name}-{n}" for n in range(4)]}
        for name in B
    ],
    "routing": {"first": [{"low": 0, "high": 1, "target": "easy"}, {"low": 2, "high": 4, "target": "hard"}]},
    "level_table": [
        {"route": ["first", "easy"], "levels": ["A1"] * 4 + ["A2"] * 5},
        {"route": ["first", "hard"], "levels": ["A1"] * 3 + ["A2"] * 2 + ["B1"] * 4},
    ],
    "items": [
        {"id": f"{name}-{n}", "level": "B1" if name == "hard" else "A2", "key": {"kind": "choice", "correct": ["A"]},
         "max_score": 1, "is_scored": True, "parameters": {"model": "rasch", "b": b}, "listening": None}
        for name, b in B.items() for n in range(4)
    ],
    "scale": {"cuts": [-0.5, 0.5], "prior_mean": 0.0, "prior_sd": 1.0},
}  # fmt: skip


def main() -> None:
    """Answer three of four right in each module, one second an item."""
    given = Given.of(parse_programme(PROGRAMME, "example"), parse_panel(PANEL, "example"))
    begun = AttemptBegun(0, "a1", "s1", "100234", "example", 1, "r1", "reading", "two-stage", 0, "", "pc-1")
    ready = (NameConfirmed(1), WrittenStandardChosen(2, "nb"), InformationRead(3), DayCodeTried(4, accepted=True))
    attempt = reduce(Attempt.apply, (begun, *ready, Started(5)), Attempt.waiting(given))
    for end in (ModuleLeft(9_000, "first"), Submitted(18_000, "candidate")):
        for number, item in enumerate(attempt.items):
            attempt = attempt.apply(Answered(end.at_ms - 4_000 + 1_000 * number, item, ("A",) if number else ("B",)))
        attempt = attempt.apply(end)
    outcome = result(attempt)
    print(f"{outcome.level}: {outcome.total_correct} correct on {' → '.join(outcome.modules)}")  # noqa: T201  its purpose


if __name__ == "__main__":
    main()
