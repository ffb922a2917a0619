"""Category curves of many items at many thetas at once; the bulk form of the formulas in `engine.irt`."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from psychometrics.data import FloatArray, IntArray
from psychometrics.items import BINARY_MODELS, ItemParameters


@dataclass(frozen=True, slots=True)
class LogisticCurves:
    """Right-or-wrong items on the logit metric (D = 1); c is 0 for Rasch and 2PL. Shapes (n_items,)."""

    a: FloatArray
    b: FloatArray
    c: FloatArray

    def correct(self, theta: FloatArray) -> FloatArray:
        """Probability of a correct answer, shape (n_items, n_thetas)."""
        rise = expit((theta[None, :] - self.b[:, None]) * self.a[:, None])
        rise *= (1.0 - self.c)[:, None]
        rise += self.c[:, None]
        return rise

    def subset(self, rows: IntArray) -> "LogisticCurves":
        """These items alone, in this order."""
        return LogisticCurves(self.a[rows], self.b[rows], self.c[rows])

    def information(self, theta: FloatArray) -> FloatArray:
        """Fisher information, shape (n_items, n_thetas): a²(q/p)((p-c)/(1-c))²."""
        core = expit((theta[None, :] - self.b[:, None]) * self.a[:, None])
        p = self.c[:, None] + (1.0 - self.c)[:, None] * core
        return self.a[:, None] ** 2 * core**2 * (1.0 - self.c[:, None]) * (1.0 - core) / p


@dataclass(frozen=True, slots=True)
class ItemCurves:
    """Items of any model."""

    items: tuple[ItemParameters, ...]

    def subset(self, rows: IntArray) -> "ItemCurves":
        """These items alone, in this order."""
        return ItemCurves(tuple(self.items[int(k)] for k in rows))

    def categories(self, theta: FloatArray) -> tuple[FloatArray, ...]:
        """Per item, the probability of each score, shape (n_categories, n_thetas)."""
        return tuple(category_curves(item, theta)[0] for item in self.items)

    def expected(self, theta: FloatArray) -> FloatArray:
        """Expected score of each item, shape (n_items, n_thetas)."""
        return np.array([np.arange(len(p)) @ p for p in self.categories(theta)])

    def correct(self, theta: FloatArray) -> FloatArray:
        """Probability of full marks, which is what number correct counts; shape (n_items, n_thetas)."""
        return np.array([p[-1] for p in self.categories(theta)])

    def information(self, theta: FloatArray) -> FloatArray:
        """Fisher information of the full score, shape (n_items, n_thetas)."""
        return np.array([_information(*category_curves(item, theta)) for item in self.items])


def curves_of(items: Sequence[ItemParameters]) -> LogisticCurves | ItemCurves:
    """Curves of these items, in the quicker form when all are right or wrong."""
    if any(item.model not in BINARY_MODELS for item in items):
        return ItemCurves(tuple(items))
    a, b, c = np.array([(item.a, item.b[0], item.c) for item in items]).reshape(-1, 3).T
    return LogisticCurves(a.copy(), b.copy(), c.copy())


def category_curves(item: ItemParameters, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Probability of each score and its slope in theta, each of shape (n_categories, n_thetas)."""
    match item.model:
        case "graded":
            return _graded(item, theta)
        case "pcm" | "gpcm":
            return _divide_by_total(item.a * np.arange(len(item.b) + 1.0), np.array([0.0, *item.d]), theta)
        case "nominal":
            return _divide_by_total(np.array([0.0, *item.slopes]), np.array([0.0, *item.intercepts]), theta)
        case _:
            core = expit(item.a * (theta - item.b[0]))
            right, slope = item.c + (1.0 - item.c) * core, (1.0 - item.c) * item.a * core * (1.0 - core)
            return np.array([1.0 - right, right]), np.array([-slope, slope])


def _graded(item: ItemParameters, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
    boundary = expit(item.a * (theta - np.array(item.b)[:, None]))
    rise = item.a * boundary * (1.0 - boundary)
    ones, zeros = np.ones_like(theta), np.zeros_like(theta)
    return -np.diff(np.vstack([ones, boundary, zeros]), axis=0), -np.diff(np.vstack([zeros, rise, zeros]), axis=0)


def _divide_by_total(slopes: FloatArray, intercepts: FloatArray, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
    height = slopes[:, None] * theta + intercepts[:, None]
    weight = np.exp(height - height.max(axis=0))
    p = weight / weight.sum(axis=0)
    return p, p * (slopes[:, None] - slopes @ p)


def _information(p: FloatArray, slope: FloatArray) -> FloatArray:
    return np.divide(slope**2, p, out=np.zeros_like(p), where=p > 0).sum(axis=0)
