"""What the commands share: options for reading responses, models from a file, provenance, progress, errors."""

from __future__ import annotations

import argparse
import csv
import hashlib
import platform
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import cast

import numpy as np

from engine.errors import EngineError
from psychometrics.data import ColumnRoles, ResponseMatrix, iterate_parquet, read_responses
from psychometrics.errors import PsychometricsError, UnreadableFileError
from psychometrics.items import read_sidecar, sidecar_path
from psychometrics.recoding import Recoding

BAD_INPUT = 2
HASH_BLOCK = 1 << 20


def guarded(work: Callable[[argparse.Namespace], int], parser: argparse.ArgumentParser, argv: Sequence[str]) -> int:
    """Run a command; what the user can mend is told in a sentence on stderr, with exit code 2."""
    arguments = parser.parse_args(argv)
    try:
        return work(arguments)
    except (PsychometricsError, EngineError) as error:
        print(error, file=sys.stderr)
    except OSError as error:
        print(UnreadableFileError(str(error.filename), error.strerror or str(error)), file=sys.stderr)
    return BAD_INPUT


def add_response_options(parser: argparse.ArgumentParser) -> None:
    """The response file and which of its columns are no items."""
    parser.add_argument("responses", type=Path, help="CSV or Parquet: a row a person, a column an item")
    parser.add_argument("--person", metavar="COLUMN", help="column with the person's id")
    parser.add_argument("--groups", metavar="COLUMN", help="column with the person's group")
    parser.add_argument("--weights", metavar="COLUMN", help="column that says how many persons a row stands for")
    parser.add_argument("--ignore", metavar="COLUMNS", default="", help="columns that are no items, joined by commas")


def roles_of(arguments: argparse.Namespace, covariates: str = "") -> ColumnRoles:
    """The column roles that the options name."""
    return ColumnRoles(
        person=arguments.person,
        groups=arguments.groups,
        weights=arguments.weights,
        covariates=names(covariates),
        ignore=names(arguments.ignore),
    )


def names(joined: str) -> tuple[str, ...]:
    """Names joined by commas."""
    return tuple(name.strip() for name in joined.split(",") if name.strip())


@dataclass(frozen=True, slots=True)
class ParquetChunks:
    """The chunks of a Parquet file, read anew each time they are gone through."""

    path: Path
    roles: ColumnRoles

    def __iter__(self) -> Iterator[ResponseMatrix]:
        return iterate_parquet(self.path, self.roles)


def responses_of(arguments: argparse.Namespace, roles: ColumnRoles) -> ResponseMatrix | ParquetChunks:
    """The responses: a matrix from CSV, chunks from Parquet."""
    path: Path = arguments.responses
    if path.suffix.lower() == ".parquet":
        return ParquetChunks(path, roles)
    return read_responses(path, roles)


def as_calibrated(data: ResponseMatrix, params: str | Path) -> ResponseMatrix:
    """The responses with category codes taken as the calibration took them, which its params.json tells.

    Raises:
        UnreadableFileError: params.json is there but cannot be read.
    """
    changed = codes_of(params)
    if not changed:
        return data
    highest = data.scores.max(axis=0, initial=0).tolist()
    codes = tuple(changed.get(item) or tuple(range(top + 1)) for item, top in zip(data.item_ids, highest, strict=True))
    return Recoding(data.item_ids, codes).apply(data)


def codes_of(params: str | Path) -> dict[str, tuple[int, ...]]:
    """Category codes of the items whose codes a calibration did not find to be 0, 1, 2, …; from its params.json.

    Raises:
        UnreadableFileError: params.json is there but cannot be read.
    """
    sidecar = sidecar_path(params)
    if not sidecar.exists():
        return {}
    changed = cast("dict[str, list[int]]", read_sidecar(sidecar).get("recoding", {}))
    return {item: tuple(codes) for item, codes in changed.items()}


def models_of(text: str) -> str | dict[str, str]:
    """One model for all items, or from a CSV file with columns item,model one for each.

    Raises:
        UnreadableFileError: a file without these columns.
    """
    if not text.lower().endswith(".csv"):
        return text
    try:
        with Path(text).open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.DictReader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UnreadableFileError(text, str(error)) from error
    if not rows or not {"item", "model"} <= set(rows[0]):
        raise UnreadableFileError(text, "it has no columns item and model")
    return {row["item"]: row["model"] for row in rows}


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    state = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(HASH_BLOCK):
            state.update(block)
    return state.hexdigest()


def provenance(command: str, arguments: argparse.Namespace) -> dict[str, object]:
    """What made a result: the data's hash, every option, versions."""
    options = {name: str(value) for name, value in sorted(vars(arguments).items()) if value not in (None, "", False)}
    try:
        version = metadata.version("proverom")
    except metadata.PackageNotFoundError:
        version = "unknown"
    return {
        "command": command,
        "options": options,
        "data_sha256": digest(arguments.responses),
        "versions": {"proverom": version, "numpy": np.__version__, "python": platform.python_version()},
    }


@dataclass(slots=True)
class Progress:
    """A line on stderr that says how far a long run has come; on a terminal it is written over."""

    every_seconds: float = 2.0
    is_quiet: bool = False
    _last: float = field(default_factory=time.monotonic)

    def tell(self, sentence: str) -> None:
        """Say it, if something was not said a moment ago."""
        now = time.monotonic()
        if self.is_quiet or now - self._last < (0.1 if sys.stderr.isatty() else self.every_seconds):
            return
        self._last = now
        print(f"\r\033[K{sentence}" if sys.stderr.isatty() else sentence, end="", file=sys.stderr, flush=True)
        if not sys.stderr.isatty():
            print(file=sys.stderr)

    def done(self, sentence: str) -> None:
        """The last line."""
        if not self.is_quiet:
            print(f"\r\033[K{sentence}" if sys.stderr.isatty() else sentence, file=sys.stderr)
