"""The one place that touches pyarrow, which has no types and takes long to import."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from psychometrics.errors import UnreadableFileError

IntArray: TypeAlias = NDArray[np.int64]
Column: TypeAlias = IntArray | list[str]
"""Whole numbers with nulls as -1, or texts with nulls as the empty text."""


@dataclass(frozen=True, slots=True)
class ParquetFile:
    """A Parquet file to be read in chunks of rows."""

    path: Path
    header: tuple[str, ...]

    def batches(self, chunk_rows: int, texts: frozenset[str] = frozenset()) -> Iterator[dict[str, Column]]:
        """Column name → values, for at most `chunk_rows` rows at a time; the columns in `texts` always as texts."""
        pq: Any = import_module("pyarrow.parquet")
        with pq.ParquetFile(self.path) as parquet:
            for batch in parquet.iter_batches(batch_size=chunk_rows):
                yield {name: _values(batch.column(name), is_text=name in texts) for name in self.header}

    def texts(self, name: str) -> list[str]:
        """The whole of one column as texts."""
        pq: Any = import_module("pyarrow.parquet")
        return _texts(pq.read_table(self.path, columns=[name]).column(0))


def open_parquet(path: Path) -> ParquetFile:
    """Look into a Parquet file.

    Raises:
        UnreadableFileError: not there, or no Parquet.
    """
    pa: Any = import_module("pyarrow")
    pq: Any = import_module("pyarrow.parquet")
    try:
        names = pq.read_schema(path).names
    except (OSError, pa.ArrowException) as error:
        raise UnreadableFileError(str(path), str(error)) from error
    return ParquetFile(path, tuple(str(name) for name in names))


def _texts(column: Any) -> list[str]:  # noqa: ANN401 - an untyped library's own array
    return ["" if value is None else str(value) for value in cast("list[object]", column.to_pylist())]


def _values(column: Any, *, is_text: bool) -> Column:  # noqa: ANN401 - an untyped library's own array
    pa: Any = import_module("pyarrow")
    compute: Any = import_module("pyarrow.compute")
    if is_text:
        return _texts(column)
    if pa.types.is_integer(column.type) or pa.types.is_boolean(column.type):
        filled = compute.fill_null(column.cast(pa.int64()), -1)
        return np.asarray(filled.to_numpy(zero_copy_only=False), dtype=np.int64)
    return _texts(column)


def write_parquet(path: str | Path, columns: Mapping[str, NDArray[np.generic] | Sequence[object]]) -> None:
    """A table with these columns, all of the same length."""
    pa: Any = import_module("pyarrow")
    pq: Any = import_module("pyarrow.parquet")
    pq.write_table(pa.table(dict(columns)), path)
