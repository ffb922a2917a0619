"""What the commands have in common: files in and out, provenance, progress, and how faults are told."""

import hashlib
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import cast

import numpy as np

from engine.ability import Normal
from engine.errors import EngineError
from psychometrics.commands.inputs import BAD_INPUT, as_calibrated
from psychometrics.data import ColumnRoles, ResponseMatrix, read_responses
from psychometrics.errors import FrequencyError, NoCommonItemsError, PsychometricsError, UnreadableFileError
from psychometrics.items import ItemParameters, read_parameters, read_sidecar, require_unique, sidecar_path

PACKAGES = ("proverom", "numpy", "scipy")
BAR_WIDTH = 30
BAR_EVERY_S = 0.2


def told(work: Callable[[], None]) -> int:
    """Run a command's work; what it cannot do becomes one sentence on standard error and exit code 2."""
    try:
        work()
    except (PsychometricsError, EngineError) as error:
        print(error, file=sys.stderr)
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        print(UnreadableFileError(str(error.filename), error.strerror or str(error)), file=sys.stderr)
    else:
        return 0
    return BAD_INPUT


def one_row_a_person(matrix: ResponseMatrix) -> ResponseMatrix:
    """Rows repeated by their frequencies, for figures that count persons.

    Raises:
        FrequencyError: a weight is no whole number.
    """
    if matrix.weights is None:
        return matrix
    counts = matrix.weights.astype(np.int64)
    if bool((counts != matrix.weights).any()) or bool((counts < 0).any()):
        raise FrequencyError(matrix.source)
    return replace(matrix.with_persons(np.repeat(np.arange(matrix.n_persons), counts)), weights=None)


def responses_with_parameters(
    path: str | Path, params: str, roles: ColumnRoles
) -> tuple[ResponseMatrix, tuple[ItemParameters, ...]]:
    """Responses to the items that have parameters, and those parameters in the same order.

    Raises:
        NoCommonItemsError: no column of the responses has parameters.
    """
    known = require_unique(read_parameters(params))
    matrix = as_calibrated(read_responses(path, roles), params)
    shared = [item for item in matrix.item_ids if item in known]
    if not shared:
        raise NoCommonItemsError(str(path), params)
    return one_row_a_person(matrix.with_items(shared)), tuple(known[item] for item in shared)


def population_of(params: str) -> Normal:
    """The ability distribution that the parameters were estimated with; standard normal when no sidecar tells it."""
    sidecar = sidecar_path(params)
    if not sidecar.is_file():
        return Normal()
    content = read_sidecar(sidecar)
    return Normal(_first_number(content.get("group_means"), 0.0), _first_number(content.get("group_sds"), 1.0))


def sample_size(params: str) -> int | None:
    """How many persons the parameters were estimated from; None when no sidecar tells it."""
    sidecar = sidecar_path(params)
    found = read_sidecar(sidecar).get("n_persons") if sidecar.is_file() else None
    return found if isinstance(found, int) and found > 0 else None


def _first_number(values: object, otherwise: float) -> float:
    """The one number in a JSON list or object of one entry; anything else tells of several groups."""
    if isinstance(values, dict):
        return _first_number(list(cast("dict[str, object]", values).values()), otherwise)
    plain = cast("list[object]", values) if isinstance(values, list) else []
    return float(plain[0]) if len(plain) == 1 and isinstance(plain[0], int | float) else otherwise


def provenance(files: Mapping[str, str | Path], options: Mapping[str, object]) -> dict[str, str]:
    """Hash of each file, the options, and the versions of what computed: enough to compute the same again."""
    told_files = {f"{name} (sha256)": file_hash(Path(path)) for name, path in files.items()}
    told_options = {name: str(value) for name, value in options.items() if value is not None}
    return {**told_files, **told_options, "python": platform.python_version(), **_versions()}


def _versions() -> dict[str, str]:
    found: dict[str, str] = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "from source"
    return found


def file_hash(path: Path) -> str:
    """SHA-256 of a file, hexadecimal.

    Raises:
        UnreadableFileError: it cannot be read.
    """
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise UnreadableFileError(str(path), str(error)) from error


def write_json(path: str | Path, content: Mapping[str, object]) -> None:
    """Plain data as JSON."""
    Path(path).write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def show(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table on the terminal; the first column to the left, numbers to the right."""
    widths = [max(len(str(row[k])) for row in (header, *rows)) for k in range(len(header))]
    for row in (header, *rows):
        cells = (c.ljust(w) if k == 0 else c.rjust(w) for k, (c, w) in enumerate(zip(row, widths, strict=True)))
        print("  ".join(cells).rstrip())


class Progress:
    """A bar on standard error while a person looks on; silent when the output goes to a file."""

    def __init__(self, what: str, total: int) -> None:
        self.what, self.total, self.done = what, total, 0
        self.shown_at = 0.0

    def step(self) -> None:
        """One more is done."""
        self.done += 1
        now = time.monotonic()
        if not sys.stderr.isatty() or (now - self.shown_at < BAR_EVERY_S and self.done < self.total):
            return
        self.shown_at = now
        filled = BAR_WIDTH * self.done // max(self.total, 1)
        end = "\n" if self.done >= self.total else ""
        bar = "#" * filled + "." * (BAR_WIDTH - filled)
        print(f"\r{self.what} [{bar}] {self.done}/{self.total}", end=end, file=sys.stderr, flush=True)


def numbers(text: str) -> tuple[float, ...]:
    """Numbers written with commas between, as an argument."""
    return tuple(float(part) for part in text.split(","))
