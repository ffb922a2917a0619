"""Programmes: an exam's rules as data, so that a further exam is a file and not a fork."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from engine.errors import AccommodationError, ProgrammeError
from engine.ids import Level, ModuleId, PartId, ProgrammeId
from engine.plain import Reader


class Delivery(Enum):
    """How a part is put together."""

    ADAPTIVE = "adaptive"
    FIXED_FORM = "fixed_form"
    TASKS = "tasks"


class Navigation(Enum):
    """Who moves the candidate on."""

    SELF_MOVING = "self_moving"
    FREE_IN_MODULE = "free_in_module"
    FREE = "free"


class DayCodeScope(Enum):
    """What one day code is good for."""

    SITE_AND_DATE = "site_date"
    SITTING = "sitting"


class AidPolicy(Enum):
    """Which aids a candidate may use; with all allowed the PC is not locked down (craft exams)."""

    NONE = "none"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class PartRules:
    """The rules of one part. Times in milliseconds.

    Attributes:
        limit_ms: the time from the candidate's own start; None where the script decides (listening).
        duration_min_ms: shortest planned duration of a listening route, if bounded; ``duration_max_ms`` the longest.
        accommodation_cap_ms: most accommodation that can be granted; 0 for none.
        allows_extra_time: whether a test leader may give time back after a disturbance.
        warnings_ms: how much time is left when the candidate is told so, longest first.
        plays_by_level: how often a recording of a level is heard.
        shows_time: whether the remaining time is on the screen.
        clock_runs_while_down: whether time runs on while the PC is down.
        earliest_leave_ms: how long after the start in the room nobody may leave.
        may_leave: whether one may leave before the part is over at all.
        route_graph: module → where it may lead; final modules lead nowhere and need no row; empty: anything acyclic.
        first_module: where everybody starts; None: the panel says.
        tasks_by_level: number of tasks a candidate answers, by the level enrolled for.
        all_tasks_required: whether an empty task leaves the part without basis for assessment.
        logs: what is logged beside the answers: "edits", "keys".
    """

    part: PartId
    titles: Mapping[str, str]
    delivery: Delivery
    navigation: Navigation
    limit_ms: int | None
    duration_min_ms: int | None
    duration_max_ms: int | None
    accommodation_cap_ms: int
    allows_extra_time: bool
    warnings_ms: tuple[int, ...]
    plays_by_level: Mapping[Level, int]
    shows_time: bool
    clock_runs_while_down: bool
    earliest_leave_ms: int
    may_leave: bool
    route_graph: Mapping[ModuleId, tuple[ModuleId, ...]]
    first_module: ModuleId | None
    tasks_by_level: Mapping[str, int]
    all_tasks_required: bool
    needs_sound_check: bool
    logs: tuple[str, ...]

    @property
    def is_script_driven(self) -> bool:
        """Whether the part moves by itself, as listening does."""
        return self.navigation is Navigation.SELF_MOVING

    def limit_with(self, accommodation_ms: int) -> int | None:
        """The candidate's own time limit with an accommodation; None where the script decides.

        Raises:
            AccommodationError: it is negative or above the part's cap (reglement 3.5).
        """
        if not 0 <= accommodation_ms <= self.accommodation_cap_ms:
            raise AccommodationError(self.part, accommodation_ms, self.accommodation_cap_ms)
        return None if self.limit_ms is None else self.limit_ms + accommodation_ms


@dataclass(frozen=True, slots=True)
class Programme:
    """An exam: its parts and the few things they share.

    Attributes:
        levels: all results, lowest first.
        ban_test_periods: how many further test periods a final decision on cheating shuts out.
        complaint_days: days to complain about a decision before it is final (mandatory, no default in the sources).
        aid_policy: whether aids are allowed, and so whether the PC is locked down.
        is_demo: a sample programme: the results key may be 1 of 1, and screens say so.
    """

    id: ProgrammeId
    version: int
    titles: Mapping[str, str]
    is_demo: bool
    levels: tuple[Level, ...]
    parts: tuple[PartRules, ...]
    day_code_scope: DayCodeScope
    ban_test_periods: int
    complaint_days: int
    aid_policy: AidPolicy

    @property
    def locks_down(self) -> bool:
        """Whether the PC is locked down while a part runs: not where all aids are allowed."""
        return self.aid_policy is not AidPolicy.ALL

    def part(self, part: str) -> PartRules:
        """The rules of a part.

        Raises:
            ProgrammeError: the programme has no such part.
        """
        for rules in self.parts:
            if rules.part == part:
                return rules
        raise ProgrammeError(
            where=self.id,
            field="parts",
            fault=f"there is no part '{part}'",
            remedy=f"Use one of {', '.join(rules.part for rules in self.parts)}",
        )


LOGS = ("edits", "keys")
LANGUAGES = ("nb", "nn", "en")


def parse_programme(plain: object, where: str) -> Programme:
    """Read a programme from the plain data of its JSON file; ``where`` names the file in errors.

    Raises:
        ProgrammeError: a field is missing, unknown, of the wrong type, or at odds with another.
    """
    reader = Reader(plain, where=where, error=ProgrammeError)
    levels = tuple(Level(level) for level in reader.texts("levels"))
    if len(levels) < 2:  # noqa: PLR2004  one result would tell nothing
        raise reader.fault("levels", "fewer than two results are named", "Name all results, lowest first")
    parts = tuple(_part(part, levels) for part in reader.objects("parts"))
    if not parts:
        raise reader.fault("parts", "the programme has no parts", "Add at least one")
    if len({part.part for part in parts}) != len(parts):
        raise reader.fault("parts", "two parts have the same name", "Name each part once")
    programme = Programme(
        id=ProgrammeId(reader.text("id")),
        version=reader.integer("version", low=1),
        titles=_titles(reader),
        is_demo=reader.boolean("is_demo"),
        levels=levels,
        parts=parts,
        day_code_scope=DayCodeScope(reader.choice("day_code_scope", tuple(scope.value for scope in DayCodeScope))),
        ban_test_periods=reader.integer("ban_test_periods"),
        complaint_days=reader.integer("complaint_days", low=1),
        aid_policy=AidPolicy(reader.choice("aid_policy", tuple(policy.value for policy in AidPolicy))),
    )
    reader.finish()
    return programme


def _part(reader: Reader, levels: tuple[Level, ...]) -> PartRules:
    rules = PartRules(
        part=PartId(reader.text("part")),
        titles=_titles(reader),
        delivery=Delivery(reader.choice("delivery", tuple(kind.value for kind in Delivery))),
        navigation=Navigation(reader.choice("navigation", tuple(kind.value for kind in Navigation))),
        limit_ms=reader.optional_integer("limit_ms", low=1),
        duration_min_ms=reader.optional_integer("duration_min_ms"),
        duration_max_ms=reader.optional_integer("duration_max_ms", low=1),
        accommodation_cap_ms=reader.integer("accommodation_cap_ms"),
        allows_extra_time=reader.boolean("allows_extra_time"),
        warnings_ms=reader.integers("warnings_ms", low=1),
        plays_by_level={
            Level(level): plays
            for level, plays in reader.mapping("plays_by_level", lambda inner, key: inner.integer(key, low=1)).items()
        },
        shows_time=reader.boolean("shows_time"),
        clock_runs_while_down=reader.boolean("clock_runs_while_down"),
        earliest_leave_ms=reader.integer("earliest_leave_ms"),
        may_leave=reader.boolean("may_leave"),
        route_graph={
            ModuleId(module): tuple(ModuleId(target) for target in targets)
            for module, targets in reader.mapping("route_graph", lambda inner, key: inner.texts(key)).items()
        },
        first_module=None if (first := reader.optional_text("first_module")) is None else ModuleId(first),
        tasks_by_level=reader.mapping("tasks_by_level", lambda inner, key: inner.integer(key, low=1)),
        all_tasks_required=reader.boolean("all_tasks_required"),
        needs_sound_check=reader.boolean("needs_sound_check"),
        logs=reader.texts("logs"),
    )
    reader.finish()
    _check_part(rules, levels, reader)
    return rules


def _titles(reader: Reader) -> Mapping[str, str]:
    titles = reader.mapping("titles", lambda inner, key: inner.text(key))
    for language in titles:
        if language not in LANGUAGES:
            raise reader.fault(f"titles.{language}", "the language is unknown", f"Use {', '.join(LANGUAGES)}")
    for standard in ("nb", "nn"):
        if standard not in titles:
            raise reader.fault("titles", f"'{standard}' is missing", "Give the title in both written standards")
    return titles


def _check_part(rules: PartRules, levels: tuple[Level, ...], reader: Reader) -> None:
    """Refuse values that contradict one another."""
    is_tasks = rules.delivery is Delivery.TASKS
    contradictions: tuple[tuple[bool, str, str, str], ...] = (
        (
            rules.limit_ms is None and not rules.is_script_driven,
            "limit_ms",
            "a part that does not move by itself has no time limit",
            "Give the limit in milliseconds",
        ),
        (
            rules.limit_ms is not None and rules.is_script_driven,
            "limit_ms",
            "a part that moves by itself has a time limit too",
            "Write null: its script decides",
        ),
        (
            rules.is_script_driven and not rules.plays_by_level,
            "plays_by_level",
            "a part that moves by itself does not say how often recordings are heard",
            "Give the plays of every level",
        ),
        (
            rules.is_script_driven and (rules.accommodation_cap_ms > 0 or rules.allows_extra_time),
            "accommodation_cap_ms",
            "extra time is allowed where the script decides the time",
            "Write 0, and false for allows_extra_time",
        ),
        (
            any(warning >= (rules.limit_ms or 0) for warning in rules.warnings_ms),
            "warnings_ms",
            "a warning comes before the start",
            "Keep every warning below the limit",
        ),
        (
            tuple(sorted(set(rules.warnings_ms), reverse=True)) != rules.warnings_ms,
            "warnings_ms",
            "the warnings are not in order",
            "Write each once, the longest time left first",
        ),
        (
            rules.duration_min_ms is not None
            and rules.duration_max_ms is not None
            and rules.duration_min_ms > rules.duration_max_ms,
            "duration_min_ms",
            "the shortest duration is above the longest",
            "Exchange them",
        ),
        (
            is_tasks != bool(rules.tasks_by_level),
            "tasks_by_level",
            "numbers of tasks and the way of delivery do not belong together",
            "Give tasks_by_level in a part of tasks, and only there",
        ),
        (
            is_tasks and rules.navigation is not Navigation.FREE,
            "navigation",
            "a part of tasks is not free to move in",
            "Write free",
        ),
        (
            bool(rules.route_graph) and rules.delivery is not Delivery.ADAPTIVE,
            "route_graph",
            "a part that is not adaptive has a route graph",
            "Write {}",
        ),
        (
            any(level not in levels for level in rules.plays_by_level),
            "plays_by_level",
            "it names a level that the programme does not have",
            "Use the programme's levels",
        ),
        (
            any(log not in LOGS for log in rules.logs),
            "logs",
            "it names an unknown log",
            f"Use {', '.join(LOGS)}",
        ),
        (
            rules.first_module is not None and bool(rules.route_graph) and rules.first_module not in rules.route_graph,
            "first_module",
            "the route graph has no row for it",
            "Add the row or correct the name",
        ),
    )
    for is_wrong, field, fault, remedy in contradictions:
        if is_wrong:
            raise reader.fault(field, fault, remedy)
