"""Differential item functioning: does an item treat equally able candidates of two groups alike?

Candidates are matched on a score (complete data) or on theta cut into strata (routed data, where sums over different
items cannot be compared). Each method gives an effect size and a class: A negligible, B moderate, C large.

References:
    Holland & Thayer (1988), Mantel-Haenszel; Zieky (1993), classes. Robins, Breslow & Greenland (1986), Biometrics 42,
    311-323 (variance of the common odds ratio). Dorans & Kulick (1986), JEM 23, 355-368 (standardisation). Breslow &
    Day (1980). Swaminathan & Rogers (1990), JEM 27, 361-370; Jodoin & Gierl (2001), AME 14, 329-349 (logistic).
    Thissen, Steinberg & Wainer (1993), likelihood ratio.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

import numpy as np
from scipy.special import expit
from scipy.stats import chi2, norm

from psychometrics.curves import category_curves
from psychometrics.data import NOT_PRESENTED, BoolArray, FloatArray, IntArray, ResponseMatrix, ScoreArray
from psychometrics.errors import GroupsError
from psychometrics.items import ItemParameters
from psychometrics.linking import Linking, ThetaWeights, displacements, link, normal_theta_weights, rescale
from psychometrics.mml import Calibration, Options, calibrate

EffectClass = Literal["A", "B", "C"]
DELTA = -2.35  # ETS delta scale: delta = -2.35 log odds ratio
DELTA_B, DELTA_C = 1.0, 1.5  # Zieky (1993)
R2_B, R2_C = 0.035, 0.07  # Jodoin & Gierl (2001)
SIGNIFICANCE = 0.05
PURIFICATION_ROUNDS = 10
THETA_STRATA = 20
IRLS_STEPS = 40
IRLS_PRECISION = 1e-10
DRIFT_Z = 2.7  # Huynh & Meyer (2010)
RMSD_B, RMSD_C = 0.05, 0.10  # of expected scores as proportions; Dorans & Kulick (1986)
FOCAL_MARK = "@focal"


@dataclass(frozen=True, slots=True)
class MantelHaenszel:
    """One item by Mantel and Haenszel, with standardisation and Breslow-Day's test of one odds ratio in all strata.

    Attributes:
        chi_square, p: with continuity correction, one degree of freedom.
        odds_ratio: above 1, the item favours the reference group.
        delta, se_delta: -2.35 log odds ratio; negative, the item is harder for the focal group.
        standardised: difference of proportions correct, focal minus reference, weighted by the focal group.
    """

    item_id: str
    chi_square: float
    p: float
    odds_ratio: float
    delta: float
    se_delta: float
    standardised: float
    breslow_day: float
    breslow_day_df: int
    effect: EffectClass

    @property
    def is_flagged(self) -> bool:
        """Significant at 5 %."""
        return self.p < SIGNIFICANCE

    @property
    def evidence(self) -> float:
        """Larger means more against the item."""
        return self.chi_square


@dataclass(frozen=True, slots=True)
class LogisticDif:
    """One item by logistic regression: both kinds together (2 df), uniform and non-uniform alone (1 df each)."""

    item_id: str
    both: float
    p_both: float
    uniform: float
    p_uniform: float
    non_uniform: float
    p_non_uniform: float
    delta_r2: float
    effect: EffectClass

    @property
    def is_flagged(self) -> bool:
        """Significant at 5 %."""
        return self.p_both < SIGNIFICANCE

    @property
    def evidence(self) -> float:
        """Larger means more against the item."""
        return self.both


@dataclass(frozen=True, slots=True)
class Drift:
    """One common item in two periods, after linking over the items that kept their place.

    Attributes:
        displacement: new minus old difficulty in logits of the old scale; robust_z: the same in robust spreads.
        effect: B or C needs a robust z beyond 2.7, and where standard errors are known a displacement beyond them.
        rmsd: root mean squared difference of the item's expected score, as a proportion, over the population.
    """

    item_id: str
    displacement: float
    standard_error: float | None
    robust_z: float
    rmsd: float
    effect: EffectClass


Finding = TypeVar("Finding", MantelHaenszel, LogisticDif)


def focal_mask(responses: ResponseMatrix, focal: str) -> BoolArray:
    """Who belongs to the focal group, shape (n_persons,).

    Raises:
        GroupsError: no groups, or the focal group is none or all of them.
    """
    if responses.groups is None:
        raise GroupsError(responses.source, (), focal)
    names = sorted({str(name) for name in responses.groups})
    mask = responses.groups == focal
    if not mask.any() or mask.all():
        raise GroupsError(responses.source, names, focal)
    return mask


def theta_strata(theta: FloatArray, strata: int = THETA_STRATA) -> IntArray:
    """Equally full strata of theta, for matching candidates who took different routes; shape (n_persons,)."""
    edges = np.quantile(theta, np.linspace(0.0, 1.0, strata + 1)[1:-1])
    return np.searchsorted(edges, theta, side="right").astype(np.int64)


def sum_strata(scores: IntArray, columns: Sequence[int]) -> IntArray:
    """Number of points over these columns; missing counts nothing. Shape (n_persons,)."""
    return np.maximum(scores[:, list(columns)], 0).sum(axis=1).astype(np.int64)


def mantel_haenszel(correct: IntArray, focal: BoolArray, stratum: IntArray, *, item_id: str = "") -> MantelHaenszel:
    """One item from persons matched by stratum.

    Args:
        correct: 1 or 0, shape (n_persons,).
        focal: who is in the focal group.
        stratum: whom to compare with whom; strata with one group only say nothing and drop out.
    """
    table = _stratified(correct, focal, stratum)
    a, b, c, d = (table[:, cell].astype(np.float64) for cell in range(4))
    total, right = a + b + c + d, a + c
    expected = (a + b) * right / total
    variance = (a + b) * (c + d) * right * (b + d) / (total**2 * np.maximum(total - 1.0, 1.0))
    spread = float(variance.sum())
    statistic = max(abs(float((a - expected).sum())) - 0.5, 0.0) ** 2 / spread if spread > 0 else 0.0
    numerator, denominator = float((a * d / total).sum()), float((b * c / total).sum())
    odds = numerator / denominator if denominator > 0 else np.inf
    delta = DELTA * float(np.log(odds)) if 0 < odds < np.inf else np.nan
    se = -DELTA * _log_odds_error(a, b, c, d)
    day, df = _breslow_day(a, b, c, d, odds)
    p = float(chi2.sf(statistic, 1))
    return MantelHaenszel(
        item_id=item_id,
        chi_square=statistic,
        p=p,
        odds_ratio=odds,
        delta=delta,
        se_delta=se,
        standardised=float(((c + d) * (c / (c + d) - a / (a + b))).sum() / (c + d).sum()) if len(a) else np.nan,
        breslow_day=day,
        breslow_day_df=df,
        effect=_ets_class(delta, se, p),
    )


def _stratified(correct: IntArray, focal: BoolArray, stratum: IntArray) -> IntArray:
    """Rows (reference right, reference wrong, focal right, focal wrong) of the strata that hold both groups."""
    cell = 2 * focal.astype(np.int64) + (1 - correct)
    _, place = np.unique(stratum, return_inverse=True)
    table = np.bincount(place * 4 + cell, minlength=4 * (int(place.max(initial=-1)) + 1)).reshape(-1, 4)
    return table[(table[:, 0] + table[:, 1] > 0) & (table[:, 2] + table[:, 3] > 0)]


def _log_odds_error(a: FloatArray, b: FloatArray, c: FloatArray, d: FloatArray) -> float:
    total = a + b + c + d
    p, q, r, s = (a + d) / total, (b + c) / total, a * d / total, b * c / total
    if r.sum() == 0 or s.sum() == 0:
        return np.nan
    first = (p * r).sum() / (2 * r.sum() ** 2)
    mixed = (p * s + q * r).sum() / (2 * r.sum() * s.sum())
    return float(np.sqrt(first + mixed + (q * s).sum() / (2 * s.sum() ** 2)))


def _breslow_day(a: FloatArray, b: FloatArray, c: FloatArray, d: FloatArray, odds: float) -> tuple[float, int]:
    """Strata where one margin is empty cannot differ, and drop out."""
    able = (a + c > 0) & (b + d > 0)
    if not able.any() or not 0 < odds < np.inf:
        return np.nan, 0
    a, b, c, d = a[able], b[able], c[able], d[able]
    reference, focal, right = a + b, c + d, a + c
    # expected `a` solves a(focal - right + a) = odds (reference - a)(right - a)
    square, linear, constant = 1.0 - odds, focal - right + odds * (reference + right), -odds * reference * right
    if abs(square) < IRLS_PRECISION:
        fitted = -constant / linear
    else:
        fitted = (-linear + np.sqrt(linear**2 - 4.0 * square * constant)) / (2.0 * square)
    cells = np.array([fitted, reference - fitted, right - fitted, focal - right + fitted])
    variance = 1.0 / (1.0 / np.maximum(cells, 1e-12)).sum(axis=0)
    return float(((a - fitted) ** 2 / variance).sum()), int(able.sum()) - 1


def _ets_class(delta: float, se: float, p: float) -> EffectClass:
    size = abs(delta)
    if not np.isfinite(size) or size < DELTA_B or p >= SIGNIFICANCE:
        return "A"
    beyond_one = (size - DELTA_B) / se > norm.ppf(1.0 - SIGNIFICANCE)
    return "C" if size >= DELTA_C and beyond_one else "B"


def logistic_dif(correct: IntArray, focal: BoolArray, matching: FloatArray, *, item_id: str = "") -> LogisticDif:
    """One item: does the group, or the group with the matching score, add to the prediction by the matching score?

    Args:
        correct: 1 or 0, shape (n_persons,).
        focal: who is in the focal group.
        matching: score or theta of each person.
    """
    group = focal.astype(np.float64)
    one = np.ones_like(matching)
    y = correct.astype(np.float64)
    none, uniform, both = (
        _deviance(np.column_stack(columns), y)
        for columns in (
            (one, matching),
            (one, matching, group),
            (one, matching, group, matching * group),
        )
    )
    null = _deviance(one[:, None], y)
    r2 = _nagelkerke(both, null, len(y)) - _nagelkerke(none, null, len(y))
    p_both = float(chi2.sf(none - both, 2))
    return LogisticDif(
        item_id=item_id,
        both=none - both,
        p_both=p_both,
        uniform=none - uniform,
        p_uniform=float(chi2.sf(none - uniform, 1)),
        non_uniform=uniform - both,
        p_non_uniform=float(chi2.sf(uniform - both, 1)),
        delta_r2=r2,
        effect="A" if p_both >= SIGNIFICANCE or r2 < R2_B else ("B" if r2 < R2_C else "C"),
    )


def _deviance(design: FloatArray, y: FloatArray) -> float:
    """Twice the negative log-likelihood of a logistic regression, by Newton steps on standardised columns."""
    spread = design.std(axis=0)
    scaled = np.where(spread > 0, (design - design.mean(axis=0)) / np.where(spread > 0, spread, 1.0), 1.0)
    beta = np.zeros(scaled.shape[1])
    previous = np.inf
    for _ in range(IRLS_STEPS):
        eta = scaled @ beta
        p = expit(eta)
        deviance = -2.0 * float(y @ _log_expit(eta) + (1.0 - y) @ _log_expit(-eta))
        if abs(previous - deviance) < IRLS_PRECISION:
            break
        previous = deviance
        hessian = (scaled * (p * (1.0 - p))[:, None]).T @ scaled
        beta = beta + np.linalg.lstsq(hessian, scaled.T @ (y - p), rcond=None)[0]
    return previous


def _log_expit(x: FloatArray) -> FloatArray:
    return -np.logaddexp(0.0, -x)


def _nagelkerke(deviance: float, null: float, n: int) -> float:
    largest = 1.0 - np.exp(-null / n)
    return float((1.0 - np.exp((deviance - null) / n)) / largest) if largest > 0 else 0.0


def screen_mantel_haenszel(
    responses: ResponseMatrix, focal: str, theta: FloatArray | None = None, *, purify: Literal["no", "yes"] = "yes"
) -> tuple[MantelHaenszel, ...]:
    """All items by Mantel-Haenszel.

    Args:
        responses: right-or-wrong scores with groups.
        focal: the group that is compared with all others.
        theta: match on strata of it instead of the sum score; needed when responses are missing by design.
        purify: with a sum score, leave flagged items out of it and look again, until the flags stay.
    """
    mask = focal_mask(responses, focal)

    def examine(kept: frozenset[int], column: int) -> MantelHaenszel:
        seen = responses.scores[:, column] >= 0
        scores = responses.scores.astype(np.int64)
        stratum = sum_strata(scores, sorted(kept | {column})) if theta is None else theta_strata(theta)
        return mantel_haenszel(scores[seen, column], mask[seen], stratum[seen], item_id=responses.item_ids[column])

    return _purified(responses.n_items, examine, "no" if theta is not None else purify)


def screen_logistic(
    responses: ResponseMatrix, focal: str, theta: FloatArray | None = None, *, purify: Literal["no", "yes"] = "yes"
) -> tuple[LogisticDif, ...]:
    """All items by logistic regression; arguments as for `screen_mantel_haenszel`."""
    mask = focal_mask(responses, focal)

    def examine(kept: frozenset[int], column: int) -> LogisticDif:
        seen = responses.scores[:, column] >= 0
        scores = responses.scores.astype(np.int64)
        matching = sum_strata(scores, sorted(kept | {column})).astype(np.float64) if theta is None else theta
        return logistic_dif(scores[seen, column], mask[seen], matching[seen], item_id=responses.item_ids[column])

    return _purified(responses.n_items, examine, "no" if theta is not None else purify)


def _purified(
    n_items: int, examine: Callable[[frozenset[int], int], Finding], purify: Literal["no", "yes"]
) -> tuple[Finding, ...]:
    everything = frozenset(range(n_items))
    kept = everything
    findings = tuple(examine(kept, column) for column in range(n_items))
    for _ in range(PURIFICATION_ROUNDS if purify == "yes" else 0):
        clean = _clean(findings)
        if clean == kept:
            break
        kept = clean
        findings = tuple(examine(kept, column) for column in range(n_items))
    return findings


def _clean(findings: Sequence[Finding]) -> frozenset[int]:
    """Items without a flag; when all have one, the half that speaks least against itself, to have a place to begin."""
    clean = frozenset(column for column, finding in enumerate(findings) if not finding.is_flagged)
    if clean:
        return clean
    order = sorted(range(len(findings)), key=lambda column: findings[column].evidence)
    return frozenset(order[: max(len(order) // 2, 1)])


def drift(
    new: Sequence[ItemParameters], old: Sequence[ItemParameters], population: ThetaWeights
) -> tuple[Linking, tuple[Drift, ...]]:
    """Items that two periods share: which of them moved?

    The link is found again without the items that moved, until the set stays; so drifting items do not pull the scale.

    Returns:
        The last linking, and one row for each common item.
    """
    line = link(new, old, method="stocking-lord", weights=population)
    rows = _drift_rows(new, old, line, population)
    moved: frozenset[str] = frozenset()
    for _ in range(PURIFICATION_ROUNDS):
        found = frozenset(row.item_id for row in rows if row.effect != "A")
        if found == moved:
            break
        moved = found
        stable = [item for item in new if item.item_id not in moved]
        line = link(stable, old, method="stocking-lord", weights=population)
        rows = _drift_rows(new, old, line, population)
    return line, rows


def _drift_rows(
    new: Sequence[ItemParameters], old: Sequence[ItemParameters], line: Linking, population: ThetaWeights
) -> tuple[Drift, ...]:
    after = {item.item_id: item for item in rescale(new, line)}
    before = {item.item_id: item for item in old}
    rows: list[Drift] = []
    for place in displacements(new, old, line):
        difference = _proportion(after[place.item_id], population) - _proportion(before[place.item_id], population)
        rmsd = float(np.sqrt(difference**2 @ population.weights))
        sure = (
            place.standard_error is None
            or abs(place.displacement) > norm.ppf(1 - SIGNIFICANCE / 2) * place.standard_error
        )
        is_moved = sure and abs(place.robust_z) > DRIFT_Z and rmsd >= RMSD_B
        effect: EffectClass = ("C" if rmsd >= RMSD_C else "B") if is_moved else "A"
        rows.append(Drift(place.item_id, place.displacement, place.standard_error, place.robust_z, rmsd, effect))
    return tuple(rows)


def _proportion(item: ItemParameters, population: ThetaWeights) -> FloatArray:
    p = category_curves(item, population.theta)[0]
    return np.arange(len(p)) @ p / (len(p) - 1)


@dataclass(frozen=True, slots=True)
class LikelihoodRatioDif:
    """One item by likelihood ratio: with parameters of its own in the focal group, how much better is the model?

    Attributes:
        statistic, df, p: twice the gain in log-likelihood.
        rmsd: root mean squared difference of the two expected scores, as a proportion, over the focal group.
        signed: mean difference, focal minus reference; negative, the item is harder for the focal group.
    """

    item_id: str
    statistic: float
    df: int
    p: float
    rmsd: float
    signed: float
    effect: EffectClass

    @property
    def is_flagged(self) -> bool:
        """Significant at 5 %."""
        return self.p < SIGNIFICANCE


def likelihood_ratio(
    responses: ResponseMatrix,
    focal: str,
    model: str,
    *,
    purify: Literal["no", "yes"] = "yes",
    watch: Callable[[], None] | None = None,
) -> tuple[LikelihoodRatioDif, ...]:
    """All items by likelihood ratio, with the ability distribution of each group estimated.

    The other items hold the scale. With purification, items that were flagged get parameters of their own in each
    group while the others are tested, until the flags stay.

    Args:
        responses: with groups; everyone not in the focal group is the reference. Missing by design is no trouble.
        focal: the group that is compared with all others.
        model: as for calibration.
        purify: look again without the flagged items in the scale.
        watch: called after each item.
    """
    mask = focal_mask(responses, focal)
    matrix = replace(responses, groups=np.where(mask, "focal", "a-reference"))
    freed: frozenset[str] = frozenset()
    findings = _ratio_round(matrix, mask, model, freed, watch)
    for _ in range(PURIFICATION_ROUNDS if purify == "yes" else 0):
        flagged = frozenset(finding.item_id for finding in findings if finding.is_flagged)
        if flagged == freed or len(flagged) == len(findings):
            break
        freed = flagged
        findings = _ratio_round(matrix, mask, model, freed, watch)
    return findings


def _ratio_round(
    matrix: ResponseMatrix, focal: BoolArray, model: str, freed: frozenset[str], watch: Callable[[], None] | None
) -> tuple[LikelihoodRatioDif, ...]:
    """Every item split against joined, with the freed items split in both."""
    base = _split_fit(matrix, focal, freed, model)
    findings: list[LikelihoodRatioDif] = []
    for item in matrix.item_ids:
        if item in freed:
            pair = base, _split_fit(matrix, focal, freed - {item}, model)
        else:
            pair = _split_fit(matrix, focal, freed | {item}, model), base
        findings.append(_ratio_finding(item, *pair))
        if watch is not None:
            watch()
    return tuple(findings)


def _split_fit(matrix: ResponseMatrix, focal: BoolArray, split: frozenset[str], model: str) -> Calibration:
    """Each split item becomes two columns, of which each group was presented one."""
    scores = matrix.scores.copy()
    added: list[ScoreArray] = []
    names = list(matrix.item_ids)
    for item in sorted(split):
        column = matrix.column(item)
        added.append(np.where(focal, column, np.int8(NOT_PRESENTED)))
        scores[focal, matrix.item_ids.index(item)] = NOT_PRESENTED
        names.append(f"{item}{FOCAL_MARK}")
    wide = replace(matrix, scores=np.column_stack([scores, *added]), item_ids=tuple(names))
    return calibrate(wide, model, Options(standard_errors="none"))


def _ratio_finding(item: str, split: Calibration, joined: Calibration) -> LikelihoodRatioDif:
    statistic = max(2.0 * (split.log_likelihood - joined.log_likelihood), 0.0)
    df = split.n_free - joined.n_free
    p = float(chi2.sf(statistic, df))
    mean, sd = float(split.group_means[-1]), float(split.group_sds[-1])
    population = normal_theta_weights(mean, sd)
    difference = _proportion(split.item(f"{item}{FOCAL_MARK}"), population) - _proportion(split.item(item), population)
    rmsd = float(np.sqrt(difference**2 @ population.weights))
    effect: EffectClass = "A" if p >= SIGNIFICANCE or rmsd < RMSD_B else ("B" if rmsd < RMSD_C else "C")
    return LikelihoodRatioDif(item, statistic, df, p, rmsd, float(difference @ population.weights), effect)
