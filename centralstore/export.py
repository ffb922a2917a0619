"""Responses for psychometrics, under pseudonyms that are drawn anew for every export.

One folder:

    responses-long.csv, .parquet   one row a response: who, where on the route, what was chosen, score, time, status
    persons.csv, .parquet          one row a person and part: written standard, route, number correct, level, theta
    <form>/responses.csv           one row a person, one column an item: score, empty = not presented, NR = not reached
    <form>/design.csv              the form's modules and routing, as ``calibrate --design`` reads them
    codebook.json, codebook.md     every column, every code, what was left out
    proofs/                        the store's signed statement over these files, the log's checkpoint, witnesses' words

Never in it: names, candidate numbers, attempts, devices, texts that candidates wrote, key timings.
"""

from __future__ import annotations

import argparse
import csv
import json
import secrets
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from importlib import import_module
from pathlib import Path
from typing import Final

from centralstore.counter import open_store
from centralstore.desk import Desk
from centralstore.errors import SetUpError, StoreError
from centralstore.evidence.bundle import write_statement
from centralstore.keyfiles import add_export_options, read_results_keys
from centralstore.opening import opened_packages
from centralstore.scoring import opener_for, replay_attempt
from engine.attempt import Attempt
from engine.errors import ResultError
from engine.events import Answered, Event, ItemShown, ModuleLeft, Started, StepEntered, Submitted
from engine.panel import Panel, RoutingBasis
from engine.result import Result, result
from engine.scoring import TextKey, score_key
from engine.state import ItemStatus, Phase
from itembank.errors import ItemBankError
from sync.errors import SyncError

NOT_REACHED: Final = "NR"


@dataclass(frozen=True, slots=True)
class ResponseRow:
    """One item for one person."""

    person: str
    part: str
    form: str
    release: str
    written_standard: str
    route: str
    module: str
    module_position: int
    position: int
    item: str
    is_scored: bool
    status: str
    chosen: str
    score: int | None
    max_score: int
    response_time_ms: int | None


@dataclass(frozen=True, slots=True)
class PersonRow:
    """One person's part."""

    person: str
    part: str
    form: str
    release: str
    programme: str
    written_standard: str
    route: str
    end: str
    number_correct: int | None
    level: str
    theta: float | None
    se: float | None
    testing_time_ms: int | None
    n_findings: int


COLUMNS: Final[Mapping[str, str]] = {
    "person": "Random id, drawn anew for this export; the same in all parts of it, in no other export.",
    "part": "Part of the test.",
    "form": "Panel, fixed form or task set.",
    "release": "Test package.",
    "programme": "Exam.",
    "written_standard": "nb Bokmål, nn Nynorsk.",
    "route": "Modules in the order taken, joined by '>'.",
    "module": "Module of the item.",
    "module_position": "The module's place on the route, from 1.",
    "position": "The item's place in its module, from 1.",
    "item": "Item.",
    "is_scored": "Whether the item counts; pilot items do not.",
    "status": "answered, omitted (seen or passed by without an answer), not_reached (time ran out before it).",
    "chosen": "Ids chosen, joined by ';'. Empty without an answer and for typed answers, which are not exported.",
    "score": "Points by the key; omitted 0; empty where not reached.",
    "max_score": "Most points.",
    "response_time_ms": "Time the item was on the screen until it was left for the last time, all visits together.",
    "end": "candidate, time, script, expelled, left.",
    "number_correct": "Items with full points over the route.",
    "level": "Result by the panel's level table, held until released.",
    "theta": "Ability (logits, D = 1), mean of the posterior given the sum score on the route.",
    "se": "Its standard deviation.",
    "testing_time_ms": "From start to end.",
    "n_findings": "Discrepancies found in replay; rows with any deserve a look.",
}


def main(argv: Sequence[str]) -> int:
    """``export DIR --out FOLDER --results-key FILE``; 0 when all is well, 1 when something is refused."""
    parser = argparse.ArgumentParser(
        prog="./run export", description="Write responses under pseudonyms, with a codebook."
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="the store's folder")
    add_export_options(parser)
    arguments = parser.parse_args(argv)
    try:
        return run(arguments)
    except (StoreError, SyncError, ItemBankError) as error:
        print(error, file=sys.stderr)
        return 1


def run(arguments: argparse.Namespace) -> int:
    """Write the export that the options ask for.

    Raises:
        SetUpError: the folder cannot be written or is not empty, a key is missing.
    """
    held = read_results_keys(arguments.results_key)
    collected = Collected()
    with open_store(arguments.folder) as store:
        for found in opened_packages(store, arguments, arguments.sitting):
            replayed = replay_attempt(
                found.attempt, found.envelopes, found.package, opener_for(found.package, held), found.known
            )
            if replayed.attempt is not None:
                collected.add(replayed.attempt, replayed.bundle.events, len(replayed.findings))
        out: Path = arguments.out
        notes = write_export(collected, out)
        signed = str(Desk(arguments.folder).ask("checkpoint")["checkpoint"]).encode()
        write_statement(store, signed, collected.counts, out)
    print(
        f"{out}: {len(collected.persons)} parts of {collected.n_persons} persons, {len(collected.responses)} responses"
    )
    for note in notes:
        print(note, file=sys.stderr)
    return 0


class Collected:
    """What an export will hold; candidate numbers stay inside and are never written."""

    def __init__(self, draw: Callable[[], str] = lambda: secrets.token_hex(8)) -> None:
        self._draw = draw
        self._persons: dict[str, str] = {}
        self.persons: list[PersonRow] = []
        self.responses: list[ResponseRow] = []
        self.panels: dict[str, Panel] = {}

    @property
    def n_persons(self) -> int:
        """How many people are in it."""
        return len(self._persons)

    @property
    def counts(self) -> dict[str, int]:
        """How much of what is in it."""
        return {"persons": self.n_persons, "parts": len(self.persons), "responses": len(self.responses)}

    def add(self, attempt: Attempt, events: Sequence[Event], n_findings: int) -> None:
        """Take in one replayed attempt, if it counts: begun, ended and not reset."""
        begun = attempt.begun
        if begun is None or attempt.phase is Phase.RESET:
            return
        try:
            scored = result(attempt)
        except ResultError:
            return
        person = self._persons.setdefault(begun.candidate, self._draw())
        self.persons.append(_person_row(person, attempt, scored, n_findings))
        if attempt.panel is not None:
            self.panels[attempt.panel.id] = attempt.panel
            self.responses += _response_rows(person, attempt, attempt.panel, scored, on_screen_ms(events))


def on_screen_ms(events: Iterable[Event]) -> Mapping[str, int]:
    """For each item, how long it was on the screen: from each time it was shown to the next thing shown, or the end.

    In reading several items of a module may be answered from one screen; then the time runs for the item last shown or
    answered.
    """
    spent: dict[str, int] = {}
    item, since = "", 0
    for event in events:
        following = _shown_by(event, item)
        if following != item:
            if item:
                spent[item] = spent.get(item, 0) + event.at_ms - since
            item, since = following, event.at_ms
    return spent


def _shown_by(event: Event, item: str) -> str:
    """The item on the screen after an event."""
    if isinstance(event, ItemShown | Answered | StepEntered):
        return event.item
    return "" if isinstance(event, Started | ModuleLeft | Submitted) else item


def _route(scored: Result) -> str:
    return ">".join(module for module in scored.modules if module not in scored.completed_modules)


def _person_row(person: str, attempt: Attempt, scored: Result, n_findings: int) -> PersonRow:
    begun, started, ended = attempt.begun, attempt.started_ms, attempt.ended_ms
    return PersonRow(
        person=person,
        part=attempt.rules.part,
        form=attempt.given.form.id,
        release=begun.release if begun else "",
        programme=attempt.given.programme.id,
        written_standard=attempt.written_standard or "",
        route=_route(scored),
        end=attempt.end_cause,
        number_correct=scored.total_correct if attempt.panel is not None else None,
        level=scored.level or "",
        theta=scored.theta,
        se=scored.se,
        testing_time_ms=None if started is None or ended is None else ended - started,
        n_findings=n_findings,
    )


def _response_rows(
    person: str, attempt: Attempt, panel: Panel, scored: Result, times: Mapping[str, int]
) -> Iterator[ResponseRow]:
    statuses = attempt.statuses()
    for module_position, module in enumerate(attempt.path, start=1):
        for position, name in enumerate(panel.modules[module].items, start=1):
            item, response, status = panel.items[name], attempt.responses.get(name, ()), statuses[name]
            is_reached = status is not ItemStatus.NOT_REACHED
            yield ResponseRow(
                person=person,
                part=panel.part,
                form=panel.id,
                release=attempt.begun.release if attempt.begun else "",
                written_standard=attempt.written_standard or "",
                route=_route(scored),
                module=module,
                module_position=module_position,
                position=position,
                item=name,
                is_scored=item.is_scored,
                status=status.value,
                chosen="" if isinstance(item.key, TextKey) else ";".join(response),
                score=score_key(item.key, item.max_score, response) if is_reached else None,
                max_score=item.max_score,
                response_time_ms=times.get(name),
            )


# --- writing ----------------------------------------------------------------------------------------------------------


def write_export(collected: Collected, out: Path) -> list[str]:
    """Write all files into a new or empty folder; what could not be written beside, as sentences.

    Raises:
        SetUpError: the folder is not empty, or the disk refused.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        if any(out.iterdir()):
            raise SetUpError(str(out), "the folder is not empty", "Name a new one; exports are never mixed.")
        _write_rows(out / "responses-long.csv", ResponseRow, collected.responses)
        _write_rows(out / "persons.csv", PersonRow, collected.persons)
        for panel in collected.panels.values():
            folder = out / panel.id
            folder.mkdir()
            rows = [row for row in collected.responses if row.form == panel.id]
            _write_table(folder / "responses.csv", wide_table(panel, rows))
            _write_table(folder / "design.csv", design_table(panel))
        _write_codebook(out, collected)
        return _write_parquet(out, collected)
    except OSError as error:
        raise SetUpError(
            str(out), f"cannot be written ({error.strerror})", "Free space or name another folder."
        ) from error


def wide_table(panel: Panel, rows: Iterable[ResponseRow]) -> list[list[str]]:
    """Header and one row a person: score, "" = not presented, NR = not reached."""
    items = [item for module in panel.modules.values() for item in module.items]
    cells: dict[str, dict[str, str]] = {}
    for row in rows:
        cells.setdefault(row.person, {})[row.item] = NOT_REACHED if row.score is None else str(row.score)
    return [["person", *items], *([person, *(own.get(item, "") for item in items)] for person, own in cells.items())]


def design_table(panel: Panel) -> list[list[str]]:
    """Two tables with an empty line between: item,module of the items that count; module,next,low,high,counts."""
    counts = "total" if panel.routing_basis is RoutingBasis.ROUTE else "module"
    items: list[list[str]] = [[item.id, module] for module, scored in panel.scored_items.items() for item in scored]
    rules: list[list[str]] = [
        [module, rule.target, str(rule.low), str(rule.high), counts]
        for module, found in panel.routing.items()
        for rule in found
    ]
    tail = [[], ["module", "next", "low", "high", "counts"], *rules] if rules else []
    return [["item", "module"], *items, *tail]


def _write_rows(path: Path, kind: type[ResponseRow | PersonRow], rows: Iterable[ResponseRow | PersonRow]) -> None:
    names = [field.name for field in fields(kind)]
    table = [names, *([_cell(getattr(row, name)) for name in names] for row in rows)]
    _write_table(path, table)


def _cell(value: object) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _write_table(path: Path, rows: Iterable[Sequence[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


def _write_parquet(out: Path, collected: Collected) -> list[str]:
    """The two long tables as Parquet, where pyarrow is installed."""
    try:
        # pyarrow is in the psychometrics extra, not in the store's, and comes without types
        table: Callable[..., object] = import_module("pyarrow").table
        write_table: Callable[..., None] = import_module("pyarrow.parquet").write_table
    except ImportError:
        return ["Parquet files were left out: pyarrow is not installed. Install the 'psychometrics' extra."]
    for name, kind, rows in (
        ("responses-long", ResponseRow, collected.responses),
        ("persons", PersonRow, collected.persons),
    ):
        columns = {field.name: [getattr(row, field.name) for row in rows] for field in fields(kind)}
        write_table(table(columns), out / f"{name}.parquet")
    return []


def _write_codebook(out: Path, collected: Collected) -> None:
    files: dict[str, list[str]] = {
        "responses-long.csv": [field.name for field in fields(ResponseRow)],
        "persons.csv": [field.name for field in fields(PersonRow)],
    }
    book = {
        "files": files,
        "columns": dict(COLUMNS),
        "wide": {
            "<form>/responses.csv": "One row a person, one column an item; empty = not presented, NR = not reached.",
            "<form>/design.csv": "Items that count by module, then the routing by number correct.",
        },
        "forms": {panel.id: _form_facts(panel) for panel in collected.panels.values()},
        "left_out": [
            "names, candidate numbers, devices, times of day",
            "texts that candidates wrote and typed answers",
            "key timings and the personal-data form",
            "attempts that were reset or did not come to an end",
        ],
    }
    (out / "codebook.json").write_text(json.dumps(book, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    (out / "codebook.md").write_text(_codebook_text(files, collected), encoding="utf-8")


def _form_facts(panel: Panel) -> dict[str, object]:
    return {
        "part": panel.part,
        "levels": list(panel.levels),
        "modules": {module.id: list(module.items) for module in panel.modules.values()},
        "pilot_items": [item.id for item in panel.items.values() if not item.is_scored],
        "max_score": {item.id: item.max_score for item in panel.items.values()},
    }


def _codebook_text(files: Mapping[str, Sequence[str]], collected: Collected) -> str:
    lines = ["# Codebook", "", f"{len(collected.persons)} parts of {collected.n_persons} persons.", ""]
    for name, columns in files.items():
        lines += [f"## {name}", "", "| column | meaning |", "|---|---|"]
        lines += [f"| {column} | {COLUMNS[column]} |" for column in columns]
        lines.append("")
    for panel in collected.panels.values():
        lines += [
            f"## {panel.id}/responses.csv and design.csv",
            "",
            "One row a person, one column an item: score, empty = not presented, NR = not reached.",
            "Estimate its parameters with `./run calibrate responses.csv --design design.csv`.",
            "",
        ]
    lines += [
        "## Left out",
        "",
        "Names, candidate numbers, devices, times of day; texts and typed answers; key timings",
    ]
    lines += ["and the personal-data form; attempts that were reset or did not come to an end.", ""]
    return "\n".join(lines)
