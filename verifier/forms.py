"""Programme, panel and task set as the package holds them (docs/formats.md §3 to §5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from verifier.canonical import Fields
from verifier.errors import need
from verifier.keys import Key, read_key


@dataclass(frozen=True)
class Part:
    """The rules of a part, as far as they decide what is legal. Times in milliseconds."""

    part: str
    delivery: str
    navigation: str
    limit_ms: int | None
    accommodation_cap_ms: int
    allows_extra_time: bool
    warnings_ms: tuple[int, ...]
    plays: Mapping[str, int]
    runs_while_down: bool
    needs_sound_check: bool

    @property
    def has_script(self) -> bool:
        """Whether the part moves by itself."""
        return self.navigation == "self_moving"


@dataclass(frozen=True)
class Programme:
    """An exam."""

    id: str
    version: int
    parts: Mapping[str, Part]


@dataclass(frozen=True)
class Item:
    """An item: its key and, where it is heard, its script. ``frames`` and ``rate_hz`` by written standard."""

    id: str
    level: str
    key: Key
    max_score: int
    is_scored: bool
    is_heard: bool
    reading_ms: int
    gap_ms: int
    answering_ms: int
    frames: Mapping[str, int]
    rate_hz: Mapping[str, int]
    curve: tuple[float, float, float] | None
    """a, b, c of the item's response curve; None where it is not calibrated."""


@dataclass(frozen=True)
class Rule:
    """Numbers correct from ``low`` to ``high`` lead to ``target``."""

    low: int
    high: int
    target: str


@dataclass(frozen=True)
class Form:
    """A panel (``modules``) or a task set (``slots``)."""

    id: str
    part: str
    levels: tuple[str, ...] = ()
    modules: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    first: str = ""
    is_by_route: bool = False
    routing: Mapping[str, tuple[Rule, ...]] = field(default_factory=dict[str, tuple[Rule, ...]])
    level_table: Mapping[tuple[str, ...], tuple[str, ...]] = field(
        default_factory=dict[tuple[str, ...], tuple[str, ...]]
    )
    items: Mapping[str, Item] = field(default_factory=dict[str, Item])
    module_of: Mapping[str, str] = field(default_factory=dict[str, str])
    cuts: tuple[float, ...] | None = None
    prior: tuple[float, float] = (0.0, 1.0)
    slots: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])

    @property
    def is_panel(self) -> bool:
        """Whether it has items, and not tasks."""
        return bool(self.modules)


def read_programme(plain: object) -> Programme:
    """A programme from its file.

    Raises:
        WrongError: a field is missing or of another kind.
    """
    fields = Fields(plain, "programme.json")
    parts = [_part(each) for each in fields.objects("parts")]
    return Programme(fields.text("id"), fields.count("version"), {part.part: part for part in parts})


def _part(fields: Fields) -> Part:
    plays = fields.object("plays_by_level")
    return Part(
        part=fields.text("part"),
        delivery=fields.text("delivery"),
        navigation=fields.text("navigation"),
        limit_ms=fields.optional_count("limit_ms"),
        accommodation_cap_ms=fields.count("accommodation_cap_ms"),
        allows_extra_time=fields.flag("allows_extra_time"),
        warnings_ms=fields.counts("warnings_ms"),
        plays={level: plays.count(level, 1) for level in plays},
        runs_while_down=fields.flag("clock_runs_while_down"),
        needs_sound_check=fields.flag("needs_sound_check"),
    )


def read_form(plain: object, programme: Programme) -> Form:
    """A panel or a task set from its file, with a part that the programme has.

    Raises:
        WrongError: it is neither, or names what is not there.
    """
    fields = Fields(plain, "a form")
    name, part = fields.text("id"), fields.text("part")
    need(part in programme.parts, f"form '{name}' is for part '{part}', which the programme does not have")
    if "slots" in fields:
        slots = {slot.text("id"): slot.texts("tasks") for slot in fields.objects("slots")}
        need(all(slots.values()), f"form '{name}' has a slot without a task")
        return Form(name, part, slots=slots)
    modules = {module.text("id"): module.texts("items") for module in fields.objects("modules")}
    items = {item.id: item for item in map(_item, fields.objects("items"))}
    scale = fields.optional_object("scale")
    routing = fields.object("routing")
    form = Form(
        id=name,
        part=part,
        levels=fields.texts("levels"),
        modules=modules,
        first=fields.text("first"),
        is_by_route=fields.text("routing_basis") == "route",
        routing={module: tuple(map(_rule, routing.objects(module))) for module in routing},
        level_table={row.texts("route"): row.texts("levels") for row in fields.objects("level_table")},
        items=items,
        module_of={item: module for module, held in modules.items() for item in held},
        cuts=None if scale is None else _numbers(scale, "cuts"),
        prior=(0.0, 1.0) if scale is None else (scale.number("prior_mean"), scale.number("prior_sd")),
    )
    targets = {rule.target for rules in form.routing.values() for rule in rules} | {form.first}
    need(targets <= set(modules), f"form '{name}' leads to a module that there is none of")
    need(set(form.module_of) == set(items), f"form '{name}': its modules and its items do not belong together")
    need(all(modules.values()), f"form '{name}' has an empty module")
    return form


def _rule(fields: Fields) -> Rule:
    return Rule(fields.count("low"), fields.count("high"), fields.text("target"))


def _item(fields: Fields) -> Item:
    script = fields.optional_object("listening")
    clips = script.object("clips") if script is not None else None
    heard = {standard: clips.object(standard) for standard in ("nb", "nn")} if clips is not None else {}
    return Item(
        id=fields.text("id"),
        level=fields.text("level"),
        key=read_key(fields.object("key")),
        max_score=fields.count("max_score", 1),
        is_scored=fields.flag("is_scored"),
        is_heard=script is not None,
        reading_ms=script.count("reading_ms") if script is not None else 0,
        gap_ms=script.count("gap_ms") if script is not None else 0,
        answering_ms=script.count("answering_ms") if script is not None else 0,
        frames={standard: clip.count("frames", 1) for standard, clip in heard.items()},
        rate_hz={standard: clip.count("sample_rate_hz", 1) for standard, clip in heard.items()},
        curve=_curve(fields.optional_object("parameters")),
    )


def _curve(fields: Fields | None) -> tuple[float, float, float] | None:
    if fields is None:
        return None
    model = fields.text("model")
    a = fields.number("a") if model in {"2pl", "3pl"} else 1.0
    c = fields.number("c") if model == "3pl" else 0.0
    return a, fields.number("b"), c


def _numbers(fields: Fields, name: str) -> tuple[float, ...]:
    values = fields.list(name)
    return tuple(Fields({"number": each}, f"'{name}'").number("number") for each in values)
