"""NumPy calls whose types the stubs leave open, with their types said once; and one thread for many small products."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, wraps
from importlib import import_module
from typing import Any, ParamSpec, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.float64]
IntArray: TypeAlias = NDArray[np.int64]


Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


@cache
def _pools() -> Any:  # noqa: ANN401 - an untyped library's own object
    return import_module("threadpoolctl").ThreadpoolController()


def on_one_thread(work: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """The same function with the linear algebra library kept to one thread.

    Its products are many and small: waking and awaiting threads for each costs several times the work, on a busy
    machine ten times. What runs beside it keeps its threads once the function has ended.
    """

    @wraps(work)
    def limited(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        with _pools().limit(limits=1, user_api="blas"):
            return work(*args, **kwargs)

    return limited


def run(start: int, end: int) -> IntArray:
    """Whole numbers from start to before end, shape (end - start,)."""
    return np.arange(int(start), int(end), dtype=np.int64)


def floats(values: object) -> FloatArray:
    """The same numbers as float64, without a copy where they are."""
    return np.asarray(values, dtype=np.float64)


def solve(matrix: FloatArray, right: FloatArray) -> FloatArray:
    """The solution of matrix · x = right.

    Raises:
        numpy.linalg.LinAlgError: the matrix is singular.
    """
    return np.asarray(np.linalg.solve(matrix, right), dtype=np.float64)


def inverse(matrix: FloatArray) -> FloatArray:
    """The inverse of a square matrix.

    Raises:
        numpy.linalg.LinAlgError: the matrix is singular.
    """
    return np.asarray(np.linalg.inv(matrix), dtype=np.float64)


def least_squares(matrix: FloatArray, right: FloatArray, smallest: float) -> FloatArray:
    """The shortest x that brings matrix · x closest to right; directions weaker than `smallest` are left out."""
    return np.asarray(np.linalg.lstsq(matrix, right, rcond=smallest)[0], dtype=np.float64)


def count_into(places: IntArray, weights: FloatArray, length: int) -> FloatArray:
    """Sum of the weights at each place, shape (length,)."""
    return np.bincount(places, weights=weights, minlength=length).astype(np.float64)


def joined(parts: Sequence[IntArray]) -> IntArray:
    """All whole numbers one after the other; none when there are no parts."""
    return np.concatenate([np.zeros(0, dtype=np.int64), *parts])
