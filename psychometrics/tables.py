"""Small tables in and out: CSV, or Parquet by the name of the file."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from psychometrics.errors import UnknownColumnError, UnreadableFileError
from psychometrics.parquet import write_parquet

Cell = str | int | float | None


def write_table(path: str | Path, header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
    """A table as CSV, or as Parquet when the name ends so. NaN and None become empty."""
    file = Path(path)
    cleaned = [[None if isinstance(c, float) and np.isnan(c) else c for c in row] for row in rows]
    if file.suffix.lower() == ".parquet":
        write_parquet(file, {name: [row[k] for row in cleaned] for k, name in enumerate(header)})
        return
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header)
        writer.writerows([["" if c is None else _text(c) for c in row] for row in cleaned])


def _text(cell: str | float) -> str:
    return cell if isinstance(cell, str) else (str(cell) if isinstance(cell, int) else f"{cell:.10g}")


def read_columns(path: str | Path, key: str, value: str) -> dict[str, str]:
    """Two columns of a CSV file, as key → value; rows without a value are left out.

    Raises:
        UnreadableFileError: the file cannot be read.
        UnknownColumnError: a column is missing.
    """
    rows = read_rows(path, (key, value))
    return {row[key]: row[value] for row in rows if row[value]}


def read_rows(path: str | Path, needed: Sequence[str]) -> list[dict[str, str]]:
    """Rows of a CSV file with a header.

    Raises:
        UnreadableFileError: the file cannot be read.
        UnknownColumnError: a needed column is missing.
    """
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            header = list(reader.fieldnames or ())
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UnreadableFileError(str(path), str(error)) from error
    for name in needed:
        if name not in header:
            raise UnknownColumnError(str(path), name, header)
    return [{name: cell or "" for name, cell in row.items()} for row in rows]
