"""Responses as a matrix, multistage designs, and reading both from CSV and Parquet.

A cell of the score matrix is a score 0, 1, 2, … or one of two codes:

* ``NOT_PRESENTED`` (-1): the candidate never saw the item (another route, another form). It is never evidence.
* ``NOT_REACHED`` (-2): it was on the candidate's form, but time ran out before it. Scoring counts it as incorrect
  (the programme's rule); calibration treats it as missing, since how fast people work is not how hard an item is.
  ``ResponseMatrix.with_not_reached_as`` says it the other way where a programme wants that.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray

from psychometrics.background import Background, number_in
from psychometrics.errors import (
    CircularRoutingError,
    DoubleColumnError,
    EmptyDesignError,
    IntervalError,
    ItemInTwoModulesError,
    MalformedRowsError,
    NoResponsesError,
    ShapeError,
    UnknownColumnError,
    UnknownModuleError,
    UnreadableFileError,
)
from psychometrics.parquet import Column, open_parquet

NOT_PRESENTED = -1
NOT_REACHED = -2
HIGHEST_SCORE = 99
CHUNK_ROWS = 65_536

ScoreArray = NDArray[np.int8]
FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
TextArray = NDArray[np.str_]

PERSON_COLUMNS = ("", "id", "person", "person_id", "attempt", "attempt_id")
_MISSING_TOKENS = {"": NOT_PRESENTED, "NA": NOT_PRESENTED, "NR": NOT_REACHED}


@dataclass(frozen=True, slots=True)
class ResponseMatrix:
    """Who scored what on which item.

    Attributes:
        scores: int8, shape (n_persons, n_items); 0…99, or NOT_PRESENTED, or NOT_REACHED.
        item_ids: one for each column.
        person_ids: one for each row; None means that rows are known by their number only.
        groups: group label of each person, or None.
        weights: how many persons each row stands for (frequency or sampling weight), or None for one each.
        covariates: float64, shape (n_persons, n_covariates), background variables for latent regression, or None.
        covariate_names: one for each covariate column.
        source: where the data came from, for error sentences and provenance.
    """

    scores: ScoreArray
    item_ids: tuple[str, ...]
    person_ids: TextArray | None = None
    groups: TextArray | None = None
    weights: FloatArray | None = None
    covariates: FloatArray | None = None
    covariate_names: tuple[str, ...] = ()
    source: str = "responses"

    def __post_init__(self) -> None:
        if self.scores.shape[1:] != (len(self.item_ids),):
            raise ShapeError("shape", self.scores.shape, f"(n_persons, {len(self.item_ids)})")
        if self.scores.dtype != np.int8:
            raise ShapeError("dtype", self.scores.dtype, "int8")
        for name, values in (("person_ids", self.person_ids), ("groups", self.groups), ("weights", self.weights)):
            if values is not None and values.shape != (self.n_persons,):
                raise ShapeError(name, values.shape, (self.n_persons,))
        if self.covariates is not None and self.covariates.shape != (self.n_persons, len(self.covariate_names)):
            raise ShapeError("covariates", self.covariates.shape, (self.n_persons, len(self.covariate_names)))

    @property
    def n_persons(self) -> int:
        """Number of rows."""
        return int(self.scores.shape[0])

    @property
    def n_items(self) -> int:
        """Number of columns."""
        return len(self.item_ids)

    @property
    def answered(self) -> BoolArray:
        """True where there is a score; shape (n_persons, n_items)."""
        return self.scores >= 0

    @property
    def presented(self) -> BoolArray:
        """True where the item was on the candidate's form, reached or not; shape (n_persons, n_items)."""
        return self.scores != NOT_PRESENTED

    @property
    def row_weights(self) -> FloatArray:
        """Weights, ones when none were given; shape (n_persons,)."""
        return np.ones(self.n_persons) if self.weights is None else self.weights

    def column(self, item_id: str) -> ScoreArray:
        """Scores on one item; shape (n_persons,)."""
        return self.scores[:, self.item_ids.index(item_id)]

    def with_items(self, item_ids: Sequence[str]) -> ResponseMatrix:
        """The same persons on these items, in this order."""
        place = {item: k for k, item in enumerate(self.item_ids)}
        unknown = [item for item in item_ids if item not in place]
        if unknown:
            raise UnknownColumnError(self.source, unknown[0], self.item_ids)
        columns = [place[item] for item in item_ids]
        return replace(self, scores=self.scores[:, columns], item_ids=tuple(item_ids))

    def with_persons(self, rows: BoolArray | IntArray) -> ResponseMatrix:
        """The same items for these persons (a mask or row numbers)."""
        return replace(
            self,
            scores=self.scores[rows],
            person_ids=None if self.person_ids is None else self.person_ids[rows],
            groups=None if self.groups is None else self.groups[rows],
            weights=None if self.weights is None else self.weights[rows],
            covariates=None if self.covariates is None else self.covariates[rows],
        )

    def with_not_reached_as(self, treatment: Literal["missing", "incorrect"]) -> ResponseMatrix:
        """Not-reached cells become missing (calibration) or incorrect (scoring)."""
        code = NOT_PRESENTED if treatment == "missing" else 0
        if self.scores.min(initial=0) > NOT_REACHED:
            return self
        return replace(self, scores=np.where(self.scores == NOT_REACHED, np.int8(code), self.scores))


@dataclass(frozen=True, slots=True)
class RoutingRule:
    """After `module`, a number correct from `low` to `high` (both included) leads to `next_module`.

    `counts` says what is counted: the score on this module alone, or on all modules of the route so far.
    """

    module: str
    next_module: str
    low: int
    high: int
    counts: Literal["module", "total"] = "module"


@dataclass(frozen=True, slots=True)
class Route:
    """Modules in the order taken, and the rule used at each step (one fewer than modules)."""

    modules: tuple[str, ...]
    rules: tuple[RoutingRule, ...]

    @property
    def name(self) -> str:
        """The modules joined by hyphens."""
        return "-".join(self.modules)


@dataclass(frozen=True, slots=True)
class Design:
    """Which items form which module, and how number correct leads from module to module.

    Attributes:
        modules: items of each module, in order.
        rules: the routing table; empty for booklets that were handed out without looking at answers.
    """

    modules: Mapping[str, tuple[str, ...]]
    rules: tuple[RoutingRule, ...] = ()
    source: str = "design"

    def __post_init__(self) -> None:
        homes: dict[str, str] = {}
        for module, items in self.modules.items():
            for item in items:
                if item in homes:
                    raise ItemInTwoModulesError(self.source, item, homes[item], module)
                homes[item] = module
        for rule in self.rules:
            for module in (rule.module, rule.next_module):
                if module not in self.modules:
                    raise UnknownModuleError(self.source, module)
            if rule.low > rule.high:
                raise IntervalError(self.source, rule.module, rule.low, ())
        self._check_intervals()

    def _check_intervals(self) -> None:
        for module in self.modules:
            for first, second in pairwise(sorted(self.rules_from(module), key=lambda rule: rule.low)):
                if second.low <= first.high and first.next_module != second.next_module:
                    raise IntervalError(self.source, module, second.low, (first.next_module, second.next_module))

    def rules_from(self, module: str) -> tuple[RoutingRule, ...]:
        """The rules that leave this module; empty for a last one."""
        return tuple(rule for rule in self.rules if rule.module == module)

    @property
    def first_modules(self) -> tuple[str, ...]:
        """Modules that no rule leads to."""
        reached = {rule.next_module for rule in self.rules}
        return tuple(module for module in self.modules if module not in reached)

    def routes(self) -> tuple[Route, ...]:
        """Every route from a first module to a last one, in the order of the routing table.

        Raises:
            DesignError: the routing goes round in a circle.
        """
        found = [route for module in self.first_modules for route in self._continue(Route((module,), ()))]
        if self.rules and not found:
            raise CircularRoutingError(self.source, self.rules[0].module)
        return tuple(found)

    def _continue(self, route: Route) -> Iterator[Route]:
        rules = self.rules_from(route.modules[-1])
        if not rules:
            yield route
        for rule in rules:
            if rule.next_module in route.modules:
                raise CircularRoutingError(self.source, rule.next_module)
            yield from self._continue(Route((*route.modules, rule.next_module), (*route.rules, rule)))

    def items_of(self, route: Route) -> tuple[str, ...]:
        """Items of a route in the order of its modules."""
        return tuple(item for module in route.modules for item in self.modules[module])


@dataclass(frozen=True, slots=True)
class ColumnRoles:
    """Which columns of a response file are not items.

    Attributes:
        person: column with the person's id; None takes the first column when its header is empty (as R writes it)
            or one of id, person, person_id, attempt, attempt_id.
        groups, weights: column names or None.
        covariates: background variables for latent regression: numbers, or categories, each but the first of which
            becomes a column of its own.
        ignore: columns to leave alone.
    """

    person: str | None = None
    groups: str | None = None
    weights: str | None = None
    covariates: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()

    def named(self) -> tuple[str, ...]:
        """All columns named by the caller."""
        optional = tuple(name for name in (self.person, self.groups, self.weights) if name is not None)
        return (*optional, *self.covariates, *self.ignore)

    def check(self, file: str, header: Sequence[str]) -> ColumnRoles:
        """The roles with the person column settled.

        Raises:
            UnknownColumnError: a named column is not there.
            DataError: a column name occurs twice.
        """
        for name in self.named():
            if name not in header:
                raise UnknownColumnError(file, name, header)
        twice = sorted({name for name in header if header.count(name) > 1})
        if twice:
            raise DoubleColumnError(file, twice[0])
        if self.person is None and header and header[0].strip().lower() in PERSON_COLUMNS:
            return replace(self, person=header[0])
        return self

    def items(self, header: Sequence[str]) -> tuple[str, ...]:
        """The columns that are items."""
        taken = set(self.named())
        return tuple(name for name in header if name not in taken)


class _ScoreReader(dict[str, int]):
    """Token → score code; remembers what it has parsed, and marks what is no score with None's stand-in."""

    WRONG = 127

    def __missing__(self, token: str) -> int:
        text = token.strip().strip('"')
        code = _MISSING_TOKENS.get(text.upper() if text.isalpha() else text, self.WRONG)
        if code == self.WRONG:
            number = text.removesuffix(".0")
            if number.isascii() and number.isdigit() and int(number) <= HIGHEST_SCORE:
                code = int(number)
        self[token] = code
        return code


@dataclass(slots=True)
class _Rows:
    """What has been read so far."""

    scores: list[ScoreArray] = field(default_factory=list[ScoreArray])
    persons: list[str] = field(default_factory=list[str])
    groups: list[str] = field(default_factory=list[str])
    weights: list[float] = field(default_factory=list[float])
    covariates: list[list[str]] = field(default_factory=list[list[str]])
    lines: list[int] = field(default_factory=list[int])
    faults: list[str] = field(default_factory=list[str])


def read_responses(path: str | Path, roles: ColumnRoles | None = None) -> ResponseMatrix:
    """Responses from a CSV or Parquet file: one row a person, one column an item.

    In CSV an empty cell (or ``NA``) is not presented and ``NR`` not reached. In Parquet null or -1 is not presented
    and -2 not reached; text columns follow the CSV rules.

    Args:
        path: file ending in .parquet, anything else is read as CSV (comma or semicolon, UTF-8).
        roles: which columns are no items.

    Raises:
        UnreadableFileError: the file cannot be opened.
        MalformedRowsError: one sentence for each fault: file, line, column, what to do.
        UnknownColumnError: a column named in `roles` is missing.
        DataError: no rows or no items.
    """
    file = Path(path)
    given = roles or ColumnRoles()
    chunks = list(
        iterate_parquet(file, given) if file.suffix.lower() == ".parquet" else iter((_read_csv(file, given),))
    )
    matrix = concatenate(chunks)
    if matrix.n_persons == 0 or matrix.n_items == 0:
        raise NoResponsesError(file.name, matrix.n_persons, matrix.n_items)
    return matrix


def concatenate(chunks: Sequence[ResponseMatrix]) -> ResponseMatrix:
    """Chunks with the same items, one below the other."""
    if not chunks:
        raise NoResponsesError("responses", 0, 0)
    if len(chunks) == 1:
        return chunks[0]
    first = chunks[0]

    def stacked(name: str) -> NDArray[np.generic] | None:
        parts = [cast("NDArray[np.generic] | None", getattr(chunk, name)) for chunk in chunks]
        return None if parts[0] is None else np.concatenate([part for part in parts if part is not None])

    return ResponseMatrix(
        scores=np.concatenate([chunk.scores for chunk in chunks]),
        item_ids=first.item_ids,
        person_ids=cast("TextArray | None", stacked("person_ids")),
        groups=cast("TextArray | None", stacked("groups")),
        weights=cast("FloatArray | None", stacked("weights")),
        covariates=cast("FloatArray | None", stacked("covariates")),
        covariate_names=first.covariate_names,
        source=first.source,
    )


def _read_csv(path: Path, given: ColumnRoles) -> ResponseMatrix:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            head = stream.readline()
            stream.seek(0)
            separator = ";" if head.count(";") > head.count(",") else ","
            lines = csv.reader(stream, delimiter=separator)
            header = [name.strip() for name in next(lines, list[str]())]
            roles = given.check(path.name, header)
            rows = _parse_rows(path.name, header, roles, lines)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UnreadableFileError(str(path), str(error)) from error
    background = Background.of({name: [row[k] for row in rows.covariates] for k, name in enumerate(roles.covariates)})
    rows.faults.extend(background.faults(path.name, rows.lines, rows.covariates, "line"))
    if rows.faults:
        raise MalformedRowsError(rows.faults)
    return _assembled(path.name, roles, roles.items(header), rows, background)


def _assembled(
    source: str, roles: ColumnRoles, item_ids: tuple[str, ...], rows: _Rows, background: Background
) -> ResponseMatrix:
    return ResponseMatrix(
        scores=np.vstack(rows.scores) if rows.scores else np.zeros((0, len(item_ids)), np.int8),
        item_ids=item_ids,
        person_ids=np.array(rows.persons, dtype=np.str_) if roles.person is not None else None,
        groups=np.array(rows.groups, dtype=np.str_) if roles.groups is not None else None,
        weights=np.array(rows.weights, dtype=np.float64) if roles.weights is not None else None,
        covariates=background.numbers(rows.covariates) if roles.covariates else None,
        covariate_names=background.names,
        source=source,
    )


def _parse_rows(file: str, header: Sequence[str], roles: ColumnRoles, lines: Iterator[list[str]]) -> _Rows:
    reader = _ScoreReader()
    place = {name: k for k, name in enumerate(header)}
    items = roles.items(header)
    columns = [place[name] for name in items]
    all_items = columns == list(range(len(header)))
    rows = _Rows()
    block: list[list[int]] = []
    for number, cells in enumerate(lines, start=2):
        if not any(cell.strip() for cell in cells) and len(cells) <= 1 < len(header):
            continue
        if len(cells) != len(header):
            rows.faults.append(
                f"{file}, line {number}: {len(cells)} cells where the header has {len(header)} columns. "
                "Add or remove separators."
            )
            continue
        codes = [reader[cell] for cell in cells] if all_items else [reader[cells[k]] for k in columns]
        if _ScoreReader.WRONG in codes:
            rows.faults.extend(_score_faults(file, number, items, codes, [cells[k] for k in columns]))
            continue
        block.append(codes)
        if len(block) == CHUNK_ROWS:
            rows.scores.append(np.array(block, dtype=np.int8))
            block = []
        _parse_roles(file, number, roles, place, cells, rows)
    if block:
        rows.scores.append(np.array(block, dtype=np.int8))
    return rows


def _score_faults(
    file: str, number: int, items: Sequence[str], codes: Sequence[int], cells: Sequence[str]
) -> Iterator[str]:
    for item, code, cell in zip(items, codes, cells, strict=True):
        if code == _ScoreReader.WRONG:
            yield (
                f"{file}, line {number}, column '{item}': '{cell}' is no score. Write a whole number from 0 to "
                f"{HIGHEST_SCORE}, leave it empty (not presented), write NR (not reached), or say what the column is "
                "if it is no item (--weights, --groups, --regression, --ignore)."
            )


def _parse_roles(
    file: str, number: int, roles: ColumnRoles, place: Mapping[str, int], cells: Sequence[str], rows: _Rows
) -> None:
    if roles.person is not None:
        rows.persons.append(cells[place[roles.person]].strip())
    if roles.groups is not None:
        group = cells[place[roles.groups]].strip()
        if not group:
            rows.faults.append(f"{file}, line {number}, column '{roles.groups}': no group. Write the person's group.")
        rows.groups.append(group)
    if roles.weights is not None:
        rows.weights.append(_number(file, number, roles.weights, cells[place[roles.weights]], rows.faults, lowest=0.0))
    if roles.covariates:
        rows.covariates.append([cells[place[name]] for name in roles.covariates])
        rows.lines.append(number)


def _number(file: str, line: int, column: str, cell: str, faults: list[str], *, lowest: float) -> float:
    value = number_in(cell)
    if value is None or value < lowest:
        faults.append(
            f"{file}, line {line}, column '{column}': '{cell}' is not a number of at least {lowest:g}. Correct it."
        )
        return 0.0
    return value


def iterate_parquet(
    path: str | Path, roles: ColumnRoles | None = None, *, chunk_rows: int = CHUNK_ROWS
) -> Iterator[ResponseMatrix]:
    """The responses of a Parquet file in chunks of rows, so that memory does not grow with the file.

    Raises:
        UnreadableFileError, MalformedRowsError, UnknownColumnError: as `read_responses`.
    """
    file = Path(path)
    parquet = open_parquet(file)
    settled = (roles or ColumnRoles()).check(file.name, parquet.header)
    background = Background.of({name: parquet.texts(name) for name in settled.covariates})
    start = 1
    for columns in parquet.batches(chunk_rows, frozenset(settled.named())):
        chunk = _from_columns(file.name, start, settled, settled.items(parquet.header), columns, background)
        start += chunk.n_persons
        yield chunk


def _from_columns(
    file: str,
    start: int,
    roles: ColumnRoles,
    items: tuple[str, ...],
    columns: Mapping[str, Column],
    background: Background,
) -> ResponseMatrix:
    rows = _Rows()
    scores = [_codes(file, start, item, columns[item], rows.faults) for item in items]
    n_rows = len(next(iter(columns.values())))
    if roles.person is not None:
        rows.persons = [str(value) for value in columns[roles.person]]
    if roles.groups is not None:
        rows.groups = [str(value) for value in columns[roles.groups]]
        rows.faults.extend(
            f"{file}, row {start + r}, column '{roles.groups}': no group. Write the person's group."
            for r, group in enumerate(rows.groups)
            if not group.strip()
        )
    for r in range(n_rows if roles.weights is not None else 0):
        cell = str(columns[str(roles.weights)][r])
        rows.weights.append(_number(file, start + r, str(roles.weights), cell, rows.faults, lowest=0.0))
    rows.covariates = [[str(columns[name][r]) for name in roles.covariates] for r in range(n_rows)]
    rows.faults.extend(background.faults(file, range(start, start + n_rows), rows.covariates, "row"))
    if rows.faults:
        raise MalformedRowsError(rows.faults)
    rows.scores.append(np.stack(scores, axis=1) if scores else np.zeros((n_rows, 0), np.int8))
    return _assembled(file, roles, items, rows, background)


def _codes(file: str, start: int, item: str, column: Column, faults: list[str]) -> ScoreArray:
    if isinstance(column, list):
        reader = _ScoreReader()
        codes = np.array([reader[text] for text in column], dtype=np.int64)
        wrong = codes == _ScoreReader.WRONG
    else:
        codes = column
        wrong = (codes < NOT_REACHED) | (codes > HIGHEST_SCORE)
    faults.extend(
        f"{file}, row {start + r}, column '{item}': '{column[r]}' is no score. Write a whole number from 0 to "
        f"{HIGHEST_SCORE}, null (not presented) or -2 (not reached), or say what the column is if it is no item "
        "(--weights, --groups, --regression, --ignore)."
        for r in np.flatnonzero(wrong).tolist()
    )
    return codes.astype(np.int8)


def read_design(path: str | Path) -> Design:
    """A multistage design from one CSV file with two tables.

    The first table has columns ``item,module``. The second, after an empty line, has ``module,next,low,high`` and
    may have ``counts`` (``module``, the default, or ``total``): a number correct from low to high leads to next.
    Without the second table the modules are booklets handed out without looking at answers.

    Raises:
        UnreadableFileError, MalformedRowsError, DesignError.
    """
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableFileError(str(file), str(error)) from error
    faults: list[str] = []
    modules: dict[str, list[str]] = {}
    rules: list[RoutingRule] = []
    header: list[str] = []
    for number, cells in enumerate(csv.reader(text.splitlines()), start=1):
        words = [cell.strip() for cell in cells]
        if not any(words):
            header = []
        elif not header:
            header = [word.lower() for word in words]
            faults.extend(_header_faults(file.name, number, header))
        elif "item" in header:
            row = _row(file.name, number, header, words, ("item", "module"), faults)
            if row is not None:
                modules.setdefault(row["module"], []).append(row["item"])
        else:
            row = _row(file.name, number, header, words, ("module", "next", "low", "high"), faults)
            rules.extend(_rule(file.name, number, row, faults) if row is not None else ())
    if faults:
        raise MalformedRowsError(faults)
    if not modules:
        raise EmptyDesignError(file.name)
    return Design({module: tuple(items) for module, items in modules.items()}, tuple(rules), file.name)


def _header_faults(file: str, number: int, header: Sequence[str]) -> Iterable[str]:
    if not ({"item", "module"} <= set(header) or {"module", "next", "low", "high"} <= set(header)):
        yield (
            f"{file}, line {number}: '{','.join(header)}' is neither item,module nor module,next,low,high. "
            "Begin each table with its header."
        )


def _row(
    file: str, number: int, header: Sequence[str], words: Sequence[str], needed: Sequence[str], faults: list[str]
) -> dict[str, str] | None:
    row = dict(zip(header, words, strict=False))
    for column in needed:
        if not row.get(column):
            faults.append(f"{file}, line {number}, column '{column}': empty. Fill it in.")
            return None
    return row


def _rule(file: str, number: int, row: Mapping[str, str], faults: list[str]) -> Iterable[RoutingRule]:
    for column in ("low", "high"):
        if not row[column].isdigit():
            faults.append(
                f"{file}, line {number}, column '{column}': '{row[column]}' is no number correct. Correct it."
            )
            return
    counts = row.get("counts") or "module"
    if counts not in ("module", "total"):
        faults.append(f"{file}, line {number}, column 'counts': '{counts}' is neither module nor total. Correct it.")
        return
    yield RoutingRule(row["module"], row["next"], int(row["low"]), int(row["high"]), counts)
