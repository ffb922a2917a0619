"""Background variables as columns of numbers: numbers as they are, categories as one column for each but the first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def number_in(text: str) -> float | None:
    """The finite number that a text holds, or None."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if isfinite(value) else None


def categories_of(texts: Iterable[str]) -> tuple[str, ...]:
    """The categories of a column in sorted order; none if it holds numbers."""
    seen = {text.strip() for text in texts} - {""}
    return () if any(number_in(text) is not None for text in seen) else tuple(sorted(seen))


@dataclass(frozen=True, slots=True)
class Background:
    """How the texts of some columns become numbers.

    Attributes:
        categories: column → its categories in order; empty for a column of numbers. The first is the one that the
            others are compared with.
    """

    categories: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, columns: Mapping[str, Iterable[str]]) -> Background:
        """Look at all texts of each column."""
        return cls({name: categories_of(texts) for name, texts in columns.items()})

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns of numbers: the column's own, or column=category."""
        out: list[str] = []
        for name, categories in self.categories.items():
            out.extend([f"{name}={category}" for category in categories[1:]] if categories else [name])
        return tuple(out)

    def numbers(self, rows: Sequence[Sequence[str]]) -> FloatArray:
        """The texts of some rows as numbers, NaN where there is none; shape (n_rows, len(names))."""
        out = np.empty((len(rows), len(self.names)))
        place = 0
        for column, categories in enumerate(self.categories.values()):
            texts = [row[column].strip() for row in rows]
            if not categories:
                values = [number_in(text) for text in texts]
                out[:, place] = [np.nan if value is None else value for value in values]
                place += 1
                continue
            for category in categories[1:]:
                out[:, place] = [float(text == category) if text in categories else np.nan for text in texts]
                place += 1
        return out

    def faults(self, file: str, lines: Sequence[int], rows: Sequence[Sequence[str]], line: str) -> Iterable[str]:
        """One sentence for each text that is no value of its column."""
        for number, row in zip(lines, rows, strict=True):
            for text, (name, categories) in zip(row, self.categories.items(), strict=True):
                if categories and text.strip() not in categories:
                    yield f"{file}, {line} {number}, column '{name}': no category. Write one, or leave the person out."
                elif not categories and number_in(text) is None:
                    yield f"{file}, {line} {number}, column '{name}': '{text}' is not a number. Correct it."
