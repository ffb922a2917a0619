"""Item parameters: two parameterisations with their standard errors, and the files they live in.

The slope and intercept form is what calibration works in: a·theta + d for two categories and for each boundary of a
graded item, k·a·theta + d_k with cumulative d_k for (generalised) partial credit. The difficulty form is what people
read: a·(theta - b), with one threshold b_k for each step or boundary. Everywhere D = 1.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast, get_args

import numpy as np
from numpy.typing import NDArray

from engine import irt
from psychometrics.errors import DoubleItemError, ParameterFileError, UnknownModelError, UnreadableFileError

FloatArray = NDArray[np.float64]
Model = Literal["rasch", "1pl", "2pl", "3pl", "pcm", "gpcm", "graded", "nominal"]
MODELS: tuple[Model, ...] = get_args(Model)
BINARY_MODELS: frozenset[Model] = frozenset(("rasch", "1pl", "2pl", "3pl"))


def as_model(name: str) -> Model:
    """The model of this name, upper or lower case; ``grm`` and ``nrm`` are taken too.

    Raises:
        UnknownModelError: no such model.
    """
    word = {"grm": "graded", "nrm": "nominal"}.get(name.strip().lower(), name.strip().lower())
    if word not in MODELS:
        raise UnknownModelError(name, MODELS)
    return word


@dataclass(frozen=True, slots=True)
class ItemParameters:
    """One item in difficulty form (nominal: slopes and intercepts of categories 1…m, category 0 at zero).

    Attributes:
        a: slope in 1/logit; 1 for Rasch and partial credit.
        b: thresholds in logits; one for two categories. Empty for nominal.
        c: lower asymptote, 0 but for 3PL.
        slopes, intercepts: nominal only.
        se_a, se_b, se_c, se_slopes, se_intercepts: standard errors; NaN for a fixed parameter, empty or
            None if not computed.
        provenance: where the numbers come from (file, hash, options, date given by the caller).
    """

    item_id: str
    model: Model
    a: float = 1.0
    b: tuple[float, ...] = ()
    c: float = 0.0
    slopes: tuple[float, ...] = ()
    intercepts: tuple[float, ...] = ()
    se_a: float | None = None
    se_b: tuple[float, ...] = ()
    se_c: float | None = None
    se_slopes: tuple[float, ...] = ()
    se_intercepts: tuple[float, ...] = ()
    provenance: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def max_score(self) -> int:
        """Highest category; 1 for right or wrong."""
        return len(self.slopes) if self.model == "nominal" else len(self.b)

    @property
    def d(self) -> tuple[float, ...]:
        """Intercepts: -a·b for two categories and graded, cumulated for partial credit, as they are for nominal."""
        if self.model == "nominal":
            return self.intercepts
        steps = [-self.a * b for b in self.b]
        return tuple(np.cumsum(steps).tolist()) if self.model in {"pcm", "gpcm"} else tuple(steps)

    def to_engine(self) -> irt.ItemParameters:
        """The same item in the scalar form that `engine` scores with."""
        match self.model:
            case "rasch":
                return irt.Rasch(self.b[0])
            case "1pl" | "2pl":
                return irt.TwoPL(self.a, self.b[0])
            case "3pl":
                return irt.ThreePL(self.a, self.b[0], self.c)
            case "pcm" | "gpcm":
                return irt.GPCM(self.a, self.b)
            case "graded":
                return irt.Graded(self.a, self.b)
            case "nominal":
                return irt.Nominal(self.slopes, self.intercepts)


def from_engine(item_id: str, item: irt.ItemParameters) -> ItemParameters:
    """An engine item as a bank item."""
    match item:
        case irt.Rasch(b):
            return ItemParameters(item_id, "rasch", 1.0, (b,))
        case irt.TwoPL(a, b):
            return ItemParameters(item_id, "2pl", a, (b,))
        case irt.ThreePL(a, b, c):
            return ItemParameters(item_id, "3pl", a, (b,), c)
        case irt.GPCM(a, thresholds):
            return ItemParameters(item_id, "gpcm", a, thresholds)
        case irt.Graded(a, thresholds):
            return ItemParameters(item_id, "graded", a, thresholds)
        case irt.Nominal(slopes, intercepts):
            return ItemParameters(item_id, "nominal", slopes=slopes, intercepts=intercepts)


@dataclass(frozen=True, slots=True)
class SlopeIntercept:
    """One item as calibration sees it: values = (a, d1…dm) and logit c for 3PL; nominal (a1…am, d1…dm).

    Attributes:
        values: float64, shape (n,).
        covariance: float64, shape (n, n), of the estimates; zero rows for fixed ones; None if not computed.
    """

    item_id: str
    model: Model
    values: FloatArray
    covariance: FloatArray | None = None


def difficulty_transform(model: Model, values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Difficulty form of one item, (a, b1…bm) and c for 3PL, and the Jacobian of the change.

    Args:
        values: slope and intercept form as in `SlopeIntercept`, shape (n,).

    Returns:
        The values, shape (n,), and the Jacobian d new / d old, shape (n, n).
    """
    new, jacobian = values.astype(np.float64).copy(), np.eye(len(values))
    if model == "nominal":
        return new, jacobian
    last = len(values) - (1 if model == "3pl" else 0)
    a, d = values[0], values[1:last]
    steps = np.diff(d, prepend=0.0) if model in {"pcm", "gpcm"} else d
    new[1:last] = -steps / a
    jacobian[1:last, 0] = steps / a**2
    jacobian[1:last, 1:last] = -np.eye(len(d)) / a
    if model in {"pcm", "gpcm"}:
        jacobian[1:last, 1:last] += np.eye(len(d), k=-1) / a
    if model == "3pl":
        c = 1.0 / (1.0 + math.exp(-values[last]))
        new[last] = c
        jacobian[last, last] = c * (1.0 - c)
    return new, jacobian


def to_difficulty(item: SlopeIntercept, provenance: Mapping[str, str] | None = None) -> ItemParameters:
    """The difficulty form with standard errors by the delta method."""
    new, jacobian = difficulty_transform(item.model, item.values)
    se: list[float] = []
    if item.covariance is not None:
        variances = np.diag(jacobian @ item.covariance @ jacobian.T)
        se = [math.sqrt(v) if v > 0 else math.nan for v in variances.tolist()]
    numbers = new.tolist()
    note = dict(provenance or {})
    if item.model == "nominal":
        m = len(numbers) // 2
        return ItemParameters(
            item.item_id,
            item.model,
            slopes=tuple(numbers[:m]),
            intercepts=tuple(numbers[m:]),
            se_slopes=tuple(se[:m]),
            se_intercepts=tuple(se[m:]),
            provenance=note,
        )
    last = len(numbers) - (1 if item.model == "3pl" else 0)
    return ItemParameters(
        item.item_id,
        item.model,
        a=numbers[0],
        b=tuple(numbers[1:last]),
        c=numbers[last] if item.model == "3pl" else 0.0,
        se_a=se[0] if se else None,
        se_b=tuple(se[1:last]),
        se_c=se[last] if se and item.model == "3pl" else None,
        provenance=note,
    )


def to_slope_intercept(item: ItemParameters) -> SlopeIntercept:
    """The slope and intercept form; standard errors by the delta method, taking those given as uncorrelated."""
    if item.model == "nominal":
        values = np.array([*item.slopes, *item.intercepts])
        se = np.array([*item.se_slopes, *item.se_intercepts])
        return SlopeIntercept(item.item_id, item.model, values, np.diag(se**2) if len(se) else None)
    guess = () if item.model != "3pl" else (math.log(item.c / (1.0 - item.c)) if item.c > 0 else -math.inf,)
    values = np.array([item.a, *item.d, *guess])
    if item.se_a is None:
        return SlopeIntercept(item.item_id, item.model, values)
    _, jacobian = difficulty_transform(item.model, values)
    se = np.nan_to_num(np.array([item.se_a, *item.se_b, *(() if item.se_c is None else (item.se_c,))]))
    inverse = np.linalg.inv(jacobian)
    return SlopeIntercept(item.item_id, item.model, values, inverse @ np.diag(se**2) @ inverse.T)


def parameter_columns(items: Sequence[ItemParameters]) -> tuple[str, ...]:
    """Columns of params.csv for these items: item, model, a, b1…, c, their errors; nominal adds a1…, c1…."""
    thresholds = max((len(item.b) for item in items), default=1)
    categories = max((len(item.slopes) for item in items), default=0)
    b = [f"b{k}" for k in range(1, max(thresholds, 1) + 1)]
    nominal = [f"{letter}{k}" for letter in "ac" for k in range(1, categories + 1)]
    return (
        "item",
        "model",
        "a",
        *b,
        "c",
        "se_a",
        *(f"se_{n}" for n in b),
        "se_c",
        *nominal,
        *(f"se_{n}" for n in nominal),
    )


def _cells(item: ItemParameters) -> dict[str, float | str | None]:
    row: dict[str, float | str | None] = {"item": item.item_id, "model": item.model}
    if item.model == "nominal":
        for letter, values, errors in (("a", item.slopes, item.se_slopes), ("c", item.intercepts, item.se_intercepts)):
            row.update({f"{letter}{k}": v for k, v in enumerate(values, start=1)})
            row.update({f"se_{letter}{k}": v for k, v in enumerate(errors, start=1)})
        return row
    row.update({"a": item.a, "se_a": item.se_a})
    row.update({f"b{k}": v for k, v in enumerate(item.b, start=1)})
    row.update({f"se_b{k}": v for k, v in enumerate(item.se_b, start=1)})
    if item.model == "3pl":
        row.update({"c": item.c, "se_c": item.se_c})
    return row


def write_parameters(path: str | Path, items: Sequence[ItemParameters]) -> None:
    """params.csv; a cell is empty where an item has no such parameter, or it was fixed and so has no error."""
    columns = parameter_columns(items)
    with Path(path).open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        for item in items:
            cells = _cells(item)
            writer.writerow([_text(cells.get(column)) for column in columns])


def _text(value: float | str | None) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return value if isinstance(value, str) else repr(float(value))


def read_parameters(path: str | Path) -> tuple[ItemParameters, ...]:
    """Items from params.csv.

    Raises:
        UnreadableFileError: the file cannot be opened.
        ParameterFileError: a row makes no item: file, line, column, what to do.
        UnknownModelError: the model is not known.
    """
    file = Path(path)
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            rows = list(reader)
            header = list(reader.fieldnames or ())
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UnreadableFileError(str(file), str(error)) from error
    for needed in ("item", "model"):
        if needed not in header:
            raise ParameterFileError(file.name, 1, needed, "is missing", "Begin the file with item,model,a,b1,…")
    items = tuple(_item(file.name, number, row) for number, row in enumerate(rows, start=2))
    seen: set[str] = set()
    for number, item in enumerate(items, start=2):
        if item.item_id in seen:
            raise ParameterFileError(
                file.name, number, "item", f"'{item.item_id}' occurs twice", "Keep one row per item"
            )
        seen.add(item.item_id)
    return items


@dataclass(frozen=True, slots=True)
class _Row:
    """One line of a parameter file."""

    file: str
    line: int
    cells: Mapping[str, str]

    def fault(self, column: str, problem: str, remedy: str) -> ParameterFileError:
        """What is wrong with a cell."""
        return ParameterFileError(self.file, self.line, column, problem, remedy)

    def number(self, column: str) -> float | None:
        """The number in a cell, None when it is empty."""
        text = (self.cells.get(column) or "").strip()
        if not text:
            return None
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise self.fault(column, f"'{text}' is no number", "Write it with a decimal point")
        return value

    def run(self, letter: str) -> tuple[float, ...]:
        """The numbers of columns letter1, letter2, … up to the first empty one."""
        values: list[float] = []
        while (value := self.number(f"{letter}{len(values) + 1}")) is not None:
            values.append(value)
        return tuple(values)


def _item(file: str, line: int, cells: Mapping[str, str]) -> ItemParameters:
    row = _Row(file, line, cells)
    model = as_model(cells["model"])
    item = _nominal_item(row) if model == "nominal" else _usual_item(row, model)
    try:
        item.to_engine()
    except irt.IrtError as error:
        raise row.fault("b1", str(error).removesuffix("."), "Correct the row") from error
    return item


def _nominal_item(row: _Row) -> ItemParameters:
    slopes, intercepts = row.run("a"), row.run("c")
    if not slopes or len(slopes) != len(intercepts):
        raise row.fault("a1", "slopes and intercepts differ in number", "Fill in a1… and c1…")
    return ItemParameters(
        row.cells["item"],
        "nominal",
        slopes=slopes,
        intercepts=intercepts,
        se_slopes=row.run("se_a"),
        se_intercepts=row.run("se_c"),
    )


def _usual_item(row: _Row, model: Model) -> ItemParameters:
    b, c = row.run("b"), row.number("c")
    if not b:
        raise row.fault("b1", "is empty", "Write the item's difficulty")
    if model in BINARY_MODELS and len(b) > 1:
        raise row.fault("b2", f"a {model} item has one difficulty", "Leave it empty")
    if c is not None and not 0.0 <= c < 1.0:
        raise row.fault("c", f"{c:g} is no chance of guessing", "Write a number from 0 to below 1")
    return ItemParameters(
        row.cells["item"],
        model,
        a=_slope(row, model),
        b=b,
        c=(c or 0.0) if model == "3pl" else 0.0,
        se_a=row.number("se_a"),
        se_b=row.run("se_b"),
        se_c=row.number("se_c"),
    )


def _slope(row: _Row, model: Model) -> float:
    a = row.number("a")
    if model in {"rasch", "pcm"}:
        if a not in {None, 1.0}:
            raise row.fault("a", f"a {model} item has slope 1", "Write 1, or another model")
        return 1.0
    if a is None:
        raise row.fault("a", "is empty", "Write the item's slope")
    return a


def sidecar_path(path: str | Path) -> Path:
    """params.json beside params.csv."""
    return Path(path).with_suffix(".json")


def write_sidecar(path: str | Path, content: Mapping[str, object]) -> None:
    """params.json: log_likelihood, gradient_norm, n_persons, n_items, group_means, group_sds, provenance and more."""
    Path(path).write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_sidecar(path: str | Path) -> Mapping[str, object]:
    """The content of params.json.

    Raises:
        UnreadableFileError: not there, or no JSON object.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UnreadableFileError(str(path), str(error)) from error
    if not isinstance(content, dict):
        raise UnreadableFileError(str(path), "it holds no JSON object")
    return cast("dict[str, object]", content)


def require_unique(items: Sequence[ItemParameters]) -> dict[str, ItemParameters]:
    """Items by id.

    Raises:
        DoubleItemError: an id occurs twice.
    """
    found: dict[str, ItemParameters] = {}
    for item in items:
        if item.item_id in found:
            raise DoubleItemError(item.item_id)
        found[item.item_id] = item
    return found
