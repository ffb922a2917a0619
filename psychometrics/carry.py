"""Cut scores carried to the next period, so that a level is equally hard to reach there.

A panel of experts sets cut scores once, on the base scale. A later calibration has a scale of its own; linking gives
the line between them. The line has an error, and so has the standard itself: both make some candidates fall on the
wrong side of a cut score, and that is added here to what the test's own error does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from psychometrics.data import FloatArray
from psychometrics.errors import CutErrorsError
from psychometrics.exact import Classification, ExactEvaluation, LevelTables, classify
from psychometrics.linking import Linking

NODES = 5  # Gauss-Hermite nodes for each direction in which the cut scores are uncertain
LEAST_VARIANCE = 1e-16


@dataclass(frozen=True, slots=True)
class CarriedCuts:
    """Cut scores on the new scale.

    Attributes:
        base: as they were set, on the base scale.
        cuts: the same on the new scale, shape (n_cuts,).
        covariance: of `cuts`, from linking and standard setting together, shape (n_cuts, n_cuts).
        linking_error, standard_error: the two parts, as standard errors on the new scale, shape (n_cuts,).
    """

    base: FloatArray
    cuts: FloatArray
    covariance: FloatArray
    linking_error: FloatArray
    standard_error: FloatArray

    @property
    def errors(self) -> FloatArray:
        """Standard error of each carried cut score."""
        return np.sqrt(np.diag(self.covariance))


@dataclass(frozen=True, slots=True)
class CarriedClassification:
    """Classification figures with the cut scores taken as exact, and with their error.

    Attributes:
        exact: cut scores known.
        accuracy: expected share placed rightly when the true cut scores vary by their error.
        above, below: per cut score, the share placed above it or below it wrongly, with that error.
    """

    exact: Classification
    accuracy: float
    above: FloatArray
    below: FloatArray


def carry(base_cuts: Sequence[float], linking: Linking, standard_errors: Sequence[float] | None = None) -> CarriedCuts:
    """Cut scores of the base scale on the scale of the new calibration.

    Args:
        base_cuts: ascending.
        linking: from the new scale to the base scale; the larger of its two covariances is used, by trace.
        standard_errors: of the cut scores as the experts set them, on the base scale; none when not given.

    Raises:
        CutErrorsError: not one standard error for each cut score.
    """
    base = np.array(base_cuts, dtype=np.float64)
    experts = np.zeros(len(base)) if standard_errors is None else np.array(standard_errors, dtype=np.float64)
    if len(experts) != len(base) or bool((experts < 0).any()):
        raise CutErrorsError(len(experts), len(base))
    cuts = (base - linking.intercept) / linking.slope
    # cut = (base - intercept) / slope, so its slopes in (slope, intercept) are (-cut, -1) / slope
    jacobian = -np.column_stack([cuts, np.ones_like(cuts)]) / linking.slope
    from_linking = jacobian @ line_covariance(linking) @ jacobian.T
    from_experts = np.diag((experts / linking.slope) ** 2)
    return CarriedCuts(
        base=base,
        cuts=cuts,
        covariance=from_linking + from_experts,
        linking_error=np.sqrt(np.maximum(np.diag(from_linking), 0.0)),
        standard_error=experts / linking.slope,
    )


def line_covariance(linking: Linking) -> FloatArray:
    """Covariance of slope and intercept: the larger of sampling error and choice of common items."""
    if linking.covariance is None or np.trace(linking.jackknife_covariance) > np.trace(linking.covariance):
        return linking.jackknife_covariance
    return linking.covariance


def classify_carried(
    evaluation: ExactEvaluation, levels: LevelTables, carried: CarriedCuts, weights: FloatArray
) -> CarriedClassification:
    """Classification when the level table rests on carried cut scores that are themselves uncertain.

    The table stays as it is; where a level truly begins varies around the carried cut scores, and the figures are
    averaged over that by Gauss-Hermite quadrature along the directions of the error.

    Args:
        evaluation: of the panel on a grid of thetas, new scale.
        levels: per route, the level number of each number correct.
        carried: cut scores with their error.
        weights: population mass of each theta.
    """
    exact = classify(evaluation, levels, carried.cuts, weights)
    above, below = (np.zeros_like(side) for side in exact.cut_errors())
    accuracy = 0.0
    for mass, cuts in _likely_cuts(carried):
        shifted = classify(evaluation, levels, cuts, weights)
        accuracy += mass * shifted.accuracy
        too_high, too_low = shifted.cut_errors()
        above, below = above + mass * too_high, below + mass * too_low
    return CarriedClassification(exact, accuracy, above, below)


def _likely_cuts(carried: CarriedCuts) -> list[tuple[float, FloatArray]]:
    values, vectors = np.linalg.eigh(carried.covariance)
    directions = [vectors[:, k] * np.sqrt(values[k]) for k in range(len(values)) if values[k] > LEAST_VARIANCE]
    nodes, masses = np.polynomial.hermite_e.hermegauss(NODES)
    masses = masses / masses.sum()
    result: list[tuple[float, FloatArray]] = []
    for picks in product(range(NODES), repeat=len(directions)):
        shift = sum(
            (nodes[k] * direction for k, direction in zip(picks, directions, strict=True)), np.zeros(len(values))
        )
        mass = float(np.prod([masses[k] for k in picks]))
        result.append((mass, np.sort(carried.cuts + shift)))
    return result
