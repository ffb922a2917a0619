"""Calibration by marginal maximum likelihood: every model, mixed in one run, any pattern of missing items.

Ability is normal in each group; the items' responses are independent given ability. Items that a person was not
given, or did not reach, say nothing about that person. Under multistage routing this is right because everything that
routing looked at is in the likelihood.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import ceil, log, sqrt
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from psychometrics.arrays import least_squares, on_one_thread, run, solve
from psychometrics.ascent import Ascent, Point, climb
from psychometrics.blocks import Block, make_blocks
from psychometrics.data import ResponseMatrix
from psychometrics.errors import (
    AnchorMismatchError,
    MissingModelError,
    ModelFitsNotError,
    NoAnchorsError,
    NoMaximumError,
    NoSpreadOfAbilityError,
    RunawaySlopeError,
    SingularInformationError,
    named,
)
from psychometrics.expectation import Expectation, Expected
from psychometrics.items import (
    BINARY_MODELS,
    ItemParameters,
    Model,
    SlopeIntercept,
    as_model,
    difficulty_transform,
    to_difficulty,
    to_slope_intercept,
)
from psychometrics.layout import Layout, number_free, value_offsets
from psychometrics.recoding import Census, Recoding

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

StandardErrors = Literal["observed", "sandwich", "none"]

SDS_PER_SIDE = 6.0
NODE_STEP = 0.2
GRADIENT_TOLERANCE = 1e-6
MAX_SWEEPS = 2000
GUESS_START = 0.2
REFINED_WHEN = 1e-4
MOST_REFINEMENTS = 4
DRIFT_Z = 3.5
DRIFT_LOGITS = 0.3
STEEP_SLOPE = 8.0
RUNAWAY_SLOPE = 40.0
LARGEST_SLOPE = 50.0
SMALLEST_SD = 0.02
WEAK_SHARE = 0.3
COLLAPSED_SD = 0.1


@dataclass(frozen=True, slots=True)
class NormalPrior:
    """A normal prior on one kind of parameter."""

    mean: float
    sd: float


@dataclass(frozen=True, slots=True)
class Priors:
    """Priors on item parameters; None for none.

    Attributes:
        guess: on logit c of 3PL items. The default is N(-1.39, 0.5), c about 0.20 and mostly between 0.09 and 0.40,
            since without it c and b of easy items cannot be told apart.
        log_slope: on log a of items with one free slope.
        intercept: on each intercept d.
    """

    guess: NormalPrior | None = field(default_factory=lambda: NormalPrior(-1.39, 0.5))
    log_slope: NormalPrior | None = None
    intercept: NormalPrior | None = None


@dataclass(frozen=True, slots=True)
class Options:
    """How to calibrate.

    Attributes:
        anchors: items whose parameters are known and kept; all group means and sds are then estimated.
        codes: category codes of anchors, as their calibration took them (`Recoding.changed`); 0, 1, 2, … otherwise.
        priors: on item parameters.
        standard_errors: from the observed information, robust (sandwich), or none.
        tolerance: Euclidean length of the gradient of the log-likelihood at which the maximum is reached.
        max_sweeps: give up after so many passes through the data.
        start_noise: standard deviation of noise added to the start, with `seed`; to show that the maximum is the same.
        watch: told the number of the pass, the log-likelihood and the gradient's length.
        resume_from: free vector of an interrupted run.
    """

    anchors: tuple[ItemParameters, ...] = ()
    codes: Mapping[str, tuple[int, ...]] = field(default_factory=dict[str, tuple[int, ...]])
    priors: Priors = field(default_factory=Priors)
    standard_errors: StandardErrors = "observed"
    tolerance: float = GRADIENT_TOLERANCE
    max_sweeps: int = MAX_SWEEPS
    start_noise: float = 0.0
    seed: int = 0
    watch: Callable[[int, Point], None] | None = None
    resume_from: FloatArray | None = None


@dataclass(frozen=True, slots=True)
class Calibration:
    """The maximum and what is known about it.

    Attributes:
        items: parameters with standard errors, in the order of the columns; anchors as they were.
        slope_intercepts: the same in slope and intercept form with covariance.
        group_means, group_sds: ability in each group; their errors are NaN when fixed.
        coefficients: of the regression of ability on the covariates.
        log_likelihood: marginal; log_posterior adds the priors.
        gradient_norm: length of the gradient of the log-posterior in the free parameters.
        condition_number: of the observed information scaled to unit diagonal; NaN when errors were not asked for.
        quadrature_error: change of the log-likelihood when the nodes are made twice as dense.
        covariance: of the free parameters on the reported scale, order `covariance_names`.
        recoding: category codes of each item.
        warnings: sentences that someone should read.
    """

    items: tuple[ItemParameters, ...]
    slope_intercepts: tuple[SlopeIntercept, ...]
    group_names: tuple[str, ...]
    group_means: FloatArray
    group_sds: FloatArray
    se_group_means: FloatArray
    se_group_sds: FloatArray
    coefficients: FloatArray
    se_coefficients: FloatArray
    covariate_names: tuple[str, ...]
    log_likelihood: float
    log_posterior: float
    gradient_norm: float
    condition_number: float
    quadrature_error: float
    n_nodes: int
    n_free: int
    iterations: int
    newton_steps: int
    n_persons: int
    standard_errors: StandardErrors
    free_vector: FloatArray
    recoding: Recoding
    warnings: tuple[str, ...]

    @property
    def n_items(self) -> int:
        """Number of items."""
        return len(self.items)

    @property
    def aic(self) -> float:
        """Akaike's criterion."""
        return 2.0 * self.n_free - 2.0 * self.log_likelihood

    @property
    def bic(self) -> float:
        """Schwarz's criterion, on persons."""
        return log(self.n_persons) * self.n_free - 2.0 * self.log_likelihood

    def item(self, item_id: str) -> ItemParameters:
        """Parameters of one item."""
        return next(item for item in self.items if item.item_id == item_id)


@on_one_thread
def calibrate(
    data: ResponseMatrix | Iterable[ResponseMatrix],
    model: str | Mapping[str, str],
    options: Options | None = None,
) -> Calibration:
    """Item parameters and ability distributions of greatest marginal likelihood.

    The scale: the first group (in sorted order) has mean 0, and standard deviation 1 unless some item is Rasch or PCM;
    with anchors the anchors set the scale. With covariates the intercept is 0 and the residual has that deviation.

    Args:
        data: responses, whole, or anything that gives chunks with the same items each time it is gone through (it is
            gone through twice, so a file need never be in memory whole). Not-reached counts as missing.
        model: one model for all items, or item id → model.
        options: how; the defaults are right for most data.

    Raises:
        DataError: the data cannot carry the model (its subclasses say why).
        NoMaximumError, SingularInformationError: there is no proper maximum.
    """
    return _Run(data, model, options or Options()).calibration()


def resolve_models(item_ids: Sequence[str], model: str | Mapping[str, str], n_steps: IntArray) -> tuple[Model, ...]:
    """The model of each item; Rasch with more than two categories is partial credit.

    Raises:
        MissingModelError: no model for an item.
        ModelFitsNotError: a two-category model for an item with more.
    """
    out: list[Model] = []
    for k, item in enumerate(item_ids):
        name = model if isinstance(model, str) else model.get(item)
        if name is None:
            raise MissingModelError(item)
        chosen = as_model(name)
        if chosen == "rasch" and n_steps[k] > 1:
            chosen = "pcm"
        if chosen in BINARY_MODELS and n_steps[k] > 1:
            raise ModelFitsNotError(item, chosen, int(n_steps[k]) + 1)
        out.append(chosen)
    return tuple(out)


def equally_spaced(means: FloatArray, sds: FloatArray, *, density: float = 1.0) -> FloatArray:
    """Nodes six standard deviations around every group, at most 0.2 / density of the smallest one apart."""
    low, high = float((means - SDS_PER_SIDE * sds).min()), float((means + SDS_PER_SIDE * sds).max())
    step = NODE_STEP * float(min(1.0, sds.min())) / density
    return np.linspace(low, high, ceil((high - low) / step - 1e-9) + 1)


class _Run:
    """One calibration, step by step."""

    def __init__(
        self, data: ResponseMatrix | Iterable[ResponseMatrix], model: str | Mapping[str, str], options: Options
    ) -> None:
        self.chunks: Iterable[ResponseMatrix] = (data,) if isinstance(data, ResponseMatrix) else data
        self.options = options
        census = Census.of(self.chunks)
        self.item_ids = census.item_ids
        self.covariate_names = census.covariate_names
        self.n_persons = census.n_persons
        self.group_names = census.group_names
        self.anchors = {item.item_id: item for item in options.anchors if item.item_id in self.item_ids}
        if options.anchors and not self.anchors:
            raise NoAnchorsError
        self.recoding = census.recoding(self._anchor_codes(census))
        census.check_variance(tuple(self.anchors))
        census.check_connection(tuple(self.anchors))
        self.warnings = [*self.recoding.sentences(), *census.warnings(tuple(self.anchors))]
        self.counts = census.counts
        models = {item: anchor.model for item, anchor in self.anchors.items()}
        wanted = dict.fromkeys(self.item_ids, model) if isinstance(model, str) else dict(model)
        self.models = resolve_models(self.item_ids, {**wanted, **models}, self.recoding.n_steps)
        self.layout = self._layout()
        self.blocks = self._blocks()

    def _anchor_codes(self, census: Census) -> dict[str, tuple[int, ...]]:
        """Category codes of the anchors: as their own calibration took them, otherwise 0, 1, 2, …."""
        codes: dict[str, tuple[int, ...]] = {}
        for k, item in enumerate(self.item_ids):
            if item in self.anchors:
                known = self.options.codes.get(item) or tuple(range(self.anchors[item].max_score + 1))
                highest = int(np.flatnonzero(census.counts[k]).max(initial=0))
                if highest > known[-1] or len(known) != self.anchors[item].max_score + 1:
                    raise AnchorMismatchError(item, known[-1], highest)
                codes[item] = known
        return codes

    def _blocks(self) -> list[Block]:
        recoded = (self.recoding.apply(chunk) for chunk in self.chunks)
        return make_blocks(recoded, self.group_names, self.recoding.n_steps + 1)

    # ------------------------------------------------------------------------------------------------ parameters

    def _layout(self) -> Layout:
        n_steps, n_groups, n_covariates = self.recoding.n_steps, len(self.group_names), len(self.covariate_names)
        offsets = value_offsets(self.models, n_steps)
        start = np.zeros(int(offsets[-1]) + 2 * n_groups + n_covariates)
        is_free = np.ones(len(start), dtype=np.bool_)
        unit_slopes: list[int] = []
        common_slopes: list[int] = []
        for k, (item, model) in enumerate(zip(self.item_ids, self.models, strict=True)):
            places = run(int(offsets[k]), int(offsets[k + 1]))
            if item in self.anchors:
                start[places] = to_slope_intercept(self.anchors[item]).values
                is_free[places] = False
                continue
            start[places] = self._start(k, model)
            if model in {"rasch", "pcm"}:
                unit_slopes.append(int(offsets[k]))
            elif model == "1pl":
                common_slopes.append(int(offsets[k]))
        means = int(offsets[-1])
        if self.anchors:
            is_free[unit_slopes] = False
        else:
            is_free[[means, means + n_groups]] = False
        ties = [np.array(places, dtype=np.int64) for places in (unit_slopes, common_slopes) if places]
        return Layout(self.models, n_steps, n_groups, n_covariates, number_free(is_free, ties), start)

    def _start(self, k: int, model: Model) -> FloatArray:
        """A start from category counts: slope 1, thresholds where a normal population would give these counts."""
        codes = self.recoding.codes[k]
        counts = self.counts[k][list(codes)] + 0.5
        if model in {"pcm", "gpcm", "nominal"} and len(codes) > 2:  # noqa: PLR2004 - two categories
            d = np.log(counts[1:] / counts[0])
            slopes = np.linspace(0.0, 1.0, len(codes))[1:] if model == "nominal" else np.ones(1)
            return np.concatenate((slopes, d))
        above = counts[::-1].cumsum()[::-1][1:] / counts.sum()
        if model == "3pl":
            above = np.clip((above - GUESS_START) / (1.0 - GUESS_START), 0.05, 0.95)
        d = 1.2 * np.log(above / (1.0 - above))
        guess = np.full(1, log(GUESS_START / (1.0 - GUESS_START))) if model == "3pl" else np.zeros(0)
        return np.concatenate((np.ones(1), d, guess))

    @property
    def unit(self) -> int | None:
        """Place of the common slope that is called 1 on the reported scale, if there is one that is free."""
        for k, model in enumerate(self.models):
            place = int(self.layout.offsets[k])
            if model in {"rasch", "pcm"} and self.layout.free[place] >= 0:
                return place
        return None

    # ------------------------------------------------------------------------------------------------ the climb

    def calibration(self) -> Calibration:
        """Climb, look whether the nodes were dense and wide enough, climb on if not, and report."""
        x = self._start_vector()
        sweeps = newton_steps = 0
        density, wanted_sds = 1.0, np.ones(len(self.group_names))
        expectation, ascent, error = None, None, 0.0
        for _ in range(MOST_REFINEMENTS):
            full = self.layout.full(x)
            means, sds = self._distribution(full)
            nodes = equally_spaced(means, np.maximum(sds, COLLAPSED_SD) if self._moves else wanted_sds, density=density)
            expectation = Expectation(self.layout, self.blocks, nodes)
            ascent = self._climb(expectation, x)
            sweeps, newton_steps = sweeps + ascent.sweeps, newton_steps + ascent.newton_steps
            x = ascent.top.x
            error = self._quadrature_error(expectation, x)
            if abs(error) <= REFINED_WHEN and self._covers(nodes, x):
                break
            density = density if abs(error) <= REFINED_WHEN else 2.0 * density
        if expectation is None or ascent is None:
            raise NoMaximumError(float("nan"), 0, ())
        self._check_top(ascent)
        return self._report(expectation, ascent, error, (sweeps, newton_steps))

    @property
    def _moves(self) -> bool:
        """Whether some group's distribution is estimated."""
        return bool((self.layout.free[self.layout.first_mean : self.layout.first_coefficient] >= 0).any())

    def _distribution(self, full: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Mean and sd of ability over each group, regression included; each shape (n_groups,)."""
        layout = self.layout
        means = full[layout.first_mean : layout.first_log_sd].copy()
        sds = np.exp(full[layout.first_log_sd : layout.first_coefficient])
        if not layout.n_covariates:
            return means, sds
        low, high = means.copy(), means.copy()
        for block in self.blocks:
            own = means[block.group] + block.covariates @ full[layout.first_coefficient :]
            low[block.group] = min(low[block.group], own.min())
            high[block.group] = max(high[block.group], own.max())
        return np.concatenate((low, high)), np.concatenate((sds, sds))

    def _covers(self, nodes: FloatArray, x: FloatArray) -> bool:
        means, sds = self._distribution(self.layout.full(x))
        reach = (SDS_PER_SIDE - 0.5) * sds
        step = nodes[1] - nodes[0]
        return bool(
            (means - reach >= nodes[0]).all()
            and (means + reach <= nodes[-1]).all()
            and (step <= 1.3 * NODE_STEP * np.minimum(1.0, sds)).all()
        )

    def _start_vector(self) -> FloatArray:
        if self.options.resume_from is not None and len(self.options.resume_from) == self.layout.n_free:
            return self.options.resume_from
        start = self.layout.start_free()
        if self.options.start_noise:
            noise = np.random.default_rng(self.options.seed).normal(0.0, self.options.start_noise, len(start))
            return start + np.clip(noise, -1.0, 1.0) * self._noisy()
        return start

    def _noisy(self) -> FloatArray:
        """Where noise may be added: not on intercepts that must stay in order."""
        out = np.ones(self.layout.n_full)
        for bank in self.layout.banks:
            if bank.family == "graded":
                out[bank.places[:, 1:]] = 0.0
        free = self.layout.free
        noisy = np.ones(self.layout.n_free)
        noisy[free[free >= 0]] = out[free >= 0]
        return noisy

    def _climb(self, expectation: Expectation, x: FloatArray) -> Ascent:
        general = any(bank.family != "power" for bank in self.layout.banks) or any(b.is_masked for b in self.blocks)
        return climb(
            _Posterior(expectation, self.options.priors),
            x,
            tolerance=self.options.tolerance,
            max_sweeps=self.options.max_sweeps,
            newton_below=0.0 if general else 0.02,
            watch=self.options.watch,
        )

    def _quadrature_error(self, expectation: Expectation, x: FloatArray) -> float:
        """Change of the log-likelihood on nodes half a step away: zero where the rule is exact."""
        nodes = expectation.nodes
        between = (nodes[1:] + nodes[:-1]) / 2.0
        full = self.layout.full(x)
        moved = expectation.with_nodes(between).sweep(full).log_likelihood
        here = expectation.sweep(full).log_likelihood  # remembered from the climb
        return (moved - here) / 2.0

    def _check_top(self, ascent: Ascent) -> None:
        if ascent.is_at_top:
            return
        sds = np.exp(self.layout.full(ascent.top.x)[self.layout.first_log_sd : self.layout.first_coefficient])
        if sds.min() < COLLAPSED_SD:
            raise NoSpreadOfAbilityError(self.group_names[int(np.argmin(sds))])
        runaway = self._steep(ascent.top.x, RUNAWAY_SLOPE)
        if runaway:
            raise RunawaySlopeError(runaway)
        gradient = np.abs(ascent.top.gradient)
        steep = [
            self.item_ids[k]
            for k in range(self.layout.n_items)
            if any(
                free >= 0 and gradient[free] > WEAK_SHARE * gradient.max()
                for free in self.layout.free[self.layout.offsets[k] : self.layout.offsets[k + 1]]
            )
        ]
        if ascent.top.norm > 1e-3 * sqrt(self.n_persons):
            raise NoMaximumError(ascent.top.norm, ascent.sweeps, steep)
        self.warnings.append(
            f"The gradient's length stayed at {ascent.top.norm:.2g}, above {self.options.tolerance:.2g}; "
            f"the steepest parameters belong to {named(steep)}."
        )

    # ------------------------------------------------------------------------------------------------ the report

    def _report(self, expectation: Expectation, ascent: Ascent, error: float, steps: tuple[int, int]) -> Calibration:
        layout, x = self.layout, ascent.top.x
        full = layout.full(x)
        hill = _Posterior(expectation, self.options.priors)
        values, jacobian = self._reported(full)
        covariance, condition = self._covariance(hill, x, jacobian)
        items, forms = self._items(values, covariance)
        first_mean, first_log_sd, first_coefficient = (
            layout.first_mean,
            layout.first_log_sd,
            layout.first_coefficient,
        )
        errors = np.full(layout.n_full, np.nan)
        if covariance is not None:
            diagonal = np.diag(covariance)
            errors = np.where(diagonal > 0.0, np.sqrt(np.maximum(diagonal, 0.0)), np.nan)
        steep = self._steep(x, STEEP_SLOPE)
        if steep:
            self.warnings.append(f"Slope above {STEEP_SLOPE:g} for {named(steep)}; look at the items, or give a prior.")
        if self.anchors:
            self.warnings.extend(self._drift(hill, x))
        prior = hill.log_prior(full)[0]
        return Calibration(
            items=items,
            slope_intercepts=forms,
            group_names=self.group_names,
            group_means=values[first_mean:first_log_sd],
            group_sds=values[first_log_sd:first_coefficient],
            se_group_means=errors[first_mean:first_log_sd],
            se_group_sds=errors[first_log_sd:first_coefficient],
            coefficients=values[first_coefficient:],
            se_coefficients=errors[first_coefficient:],
            covariate_names=self.covariate_names,
            log_likelihood=ascent.top.height - prior,
            log_posterior=ascent.top.height,
            gradient_norm=ascent.top.norm,
            condition_number=condition,
            quadrature_error=error,
            n_nodes=len(expectation.nodes),
            n_free=layout.n_free,
            iterations=steps[0],
            newton_steps=steps[1],
            n_persons=self.n_persons,
            standard_errors=self.options.standard_errors,
            free_vector=x,
            recoding=self.recoding,
            warnings=tuple(self.warnings),
        )

    def _reported(self, full: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Values on the reported scale (standard deviations, unit slope of Rasch), and d reported / d full."""
        layout = self.layout
        values, jacobian = full.copy(), np.eye(layout.n_full)
        sds = slice(layout.first_log_sd, layout.first_coefficient)
        values[sds] = np.exp(full[sds])
        jacobian[sds, sds] = np.diag(values[sds])
        unit = self.unit
        if unit is None:
            return values, jacobian
        scale = full[unit]
        stretch = np.concatenate(
            (np.arange(layout.first_mean, layout.first_log_sd), np.arange(sds.start, layout.n_full))
        )
        squeeze = layout.slope_places
        jacobian[stretch] *= scale
        jacobian[stretch, unit] += values[stretch]
        values[stretch] *= scale
        jacobian[squeeze] /= scale
        jacobian[squeeze, unit] -= values[squeeze] / scale**2
        values[squeeze] /= scale
        units = [int(layout.offsets[k]) for k, model in enumerate(self.models) if model in {"rasch", "pcm"}]
        jacobian[units] = 0.0
        return values, jacobian

    def _steep(self, x: FloatArray, limit: float) -> list[str]:
        """Items that are not anchors and have a slope beyond the limit."""
        full = self.layout.full(x)
        beyond = set(self.layout.slope_places[np.abs(full[self.layout.slope_places]) > limit].tolist())
        offsets = self.layout.offsets.tolist()
        return [
            item
            for item, (start, end) in zip(self.item_ids, pairwise(offsets), strict=True)
            if item not in self.anchors and beyond & set(range(start, end))
        ]

    def _covariance(self, hill: _Posterior, x: FloatArray, jacobian: FloatArray) -> tuple[FloatArray | None, float]:
        if self.options.standard_errors == "none":
            return None, float("nan")
        information = hill.information(x)
        scale = np.sqrt(np.abs(np.diag(information)))
        scaled = information / np.outer(scale, scale)
        eigenvalues, vectors = np.linalg.eigh(scaled)
        if eigenvalues[0] <= 1e-12 * eigenvalues[-1]:
            raise SingularInformationError(self._items_of(np.abs(vectors[:, 0]) > WEAK_SHARE))
        free = ((vectors / eigenvalues) @ vectors.T) / np.outer(scale, scale)
        if self.options.standard_errors == "sandwich":
            free = free @ self.layout.fold_matrix(hill.expectation.score_products(self.layout.full(x))) @ free
        spread = jacobian @ self.layout.spread_matrix
        return spread @ free @ spread.T, float(eigenvalues[-1] / eigenvalues[0])

    def _items_of(self, free: NDArray[np.bool_]) -> list[str]:
        """Items that have one of these free parameters."""
        layout = self.layout
        chosen = set(np.flatnonzero(free).tolist())
        return [
            item
            for k, item in enumerate(self.item_ids)
            if chosen & set(layout.free[layout.offsets[k] : layout.offsets[k + 1]].tolist())
        ]

    def _items(
        self, values: FloatArray, covariance: FloatArray | None
    ) -> tuple[tuple[ItemParameters, ...], tuple[SlopeIntercept, ...]]:
        items: list[ItemParameters] = []
        forms: list[SlopeIntercept] = []
        offsets = self.layout.offsets
        for k, (item, model) in enumerate(zip(self.item_ids, self.models, strict=True)):
            own = slice(int(offsets[k]), int(offsets[k + 1]))
            form = SlopeIntercept(item, model, values[own], None if covariance is None else covariance[own, own])
            forms.append(form)
            items.append(self.anchors.get(item) or to_difficulty(form))
        return tuple(items), tuple(forms)

    def _drift(self, hill: _Posterior, x: FloatArray) -> list[str]:
        """Anchors that the data would move: one Newton step of each anchor's own parameters."""
        full = self.layout.full(x)
        found = hill.expectation.sweep(full)
        moved: list[str] = []
        for bank, blocks in zip(self.layout.banks, hill.expectation.complete_blocks(found), strict=True):
            for row, item in enumerate(bank.items):
                name = self.item_ids[int(item)]
                if name not in self.anchors or bank.family == "nominal":
                    continue
                places, information = bank.places[row], blocks[row]
                step = least_squares(information, found.gradient[places], 1e-10)
                statistic = float(found.gradient[places] @ step)
                before, after = (
                    difficulty_transform(self.models[int(item)], v)[0] for v in (full[places], full[places] + step)
                )
                shift = float((after[1 : 1 + bank.n_steps] - before[1 : 1 + bank.n_steps]).mean())
                if statistic > DRIFT_Z**2 and abs(shift) > DRIFT_LOGITS:
                    moved.append(f"{name} (by about {shift:+.2f})")
        if not moved:
            return []
        return [f"Anchors whose difficulty seems to have drifted: {named(moved)}. Consider freeing them."]


class _Posterior:
    """The hill that is climbed: marginal log-likelihood plus log priors, in the free vector."""

    def __init__(self, expectation: Expectation, priors: Priors) -> None:
        self.expectation = expectation
        self.layout = expectation.layout
        self.priors = priors

    def look(self, x: FloatArray) -> Point:
        """Height, gradient and EM step."""
        full = self.layout.full(x)
        nowhere = Point(x, float("nan"), np.zeros_like(x), np.zeros_like(x))
        sds = full[self.layout.first_log_sd : self.layout.first_coefficient]
        if sds.min() < log(SMALLEST_SD) or np.abs(full[self.layout.slope_places]).max() > LARGEST_SLOPE:
            return nowhere
        with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
            found = self.expectation.sweep(full)
        height, gradient, bend = self.log_prior(full)
        height += found.log_likelihood
        if not np.isfinite(height):
            return nowhere
        folded = self.layout.fold_vector(found.gradient + gradient)
        return Point(x, height, folded, self._em_step(full, found, bend, folded))

    def _em_step(self, full: FloatArray, found: Expected, bend: FloatArray, gradient: FloatArray) -> FloatArray:
        layout = self.layout
        blocks = self.expectation.complete_blocks(found)
        groups = self.expectation.group_information(full)
        if layout.has_ties:
            whole = np.zeros((layout.n_full, layout.n_full))
            for bank, values in zip(layout.banks, blocks, strict=True):
                whole[bank.places[:, :, None], bank.places[:, None, :]] = values
            whole[layout.first_mean :, layout.first_mean :] = groups
            whole += np.diag(bend)
            return solve(layout.fold_matrix(whole), gradient)
        step = np.zeros(layout.n_free)
        parts = [(bank.places, values) for bank, values in zip(layout.banks, blocks, strict=True)]
        parts.append((np.arange(layout.first_mean, layout.n_full)[None, :], groups[None]))
        for places, values in parts:
            free = layout.free[places]
            is_free = free >= 0
            matrix = values + bend[places][:, :, None] * np.eye(places.shape[1])
            matrix = np.where(is_free[:, :, None] & is_free[:, None, :], matrix, 0.0)
            matrix += np.where(is_free, 0.0, 1.0)[:, :, None] * np.eye(places.shape[1])
            right = np.where(is_free, gradient[np.maximum(free, 0)], 0.0)
            solved = solve(matrix, right[:, :, None])[:, :, 0]
            step[free[is_free]] = solved[is_free]
        return step

    def information(self, x: FloatArray) -> FloatArray:
        """Minus the second derivative of the log-posterior in the free vector."""
        full = self.layout.full(x)
        _, _, bend = self.log_prior(full)
        return self.layout.fold_matrix(self.expectation.information(full) + np.diag(bend))

    def log_prior(self, full: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        """Log prior, its gradient, and minus its second derivative (a diagonal), in the full vector."""
        height, gradient, bend = 0.0, np.zeros(self.layout.n_full), np.zeros(self.layout.n_full)
        for prior, places, is_log in self._prior_places():
            values = np.log(np.abs(full[places])) if is_log else full[places]
            away = (values - prior.mean) / prior.sd
            height -= float(0.5 * (away**2).sum() + len(places) * log(prior.sd * sqrt(2.0 * np.pi)))
            inner = 1.0 / full[places] if is_log else np.ones(len(places))
            gradient[places] -= away / prior.sd * inner
            bend[places] += (inner / prior.sd) ** 2 - (away / prior.sd * inner**2 if is_log else 0.0)
        return height, gradient, bend

    def _prior_places(self) -> list[tuple[NormalPrior, IntArray, bool]]:
        """Priors with the free places they bear on, one for each tie."""
        layout, out = self.layout, list[tuple[NormalPrior, IntArray, bool]]()
        for bank in layout.banks:
            last = bank.places.shape[1] - (1 if bank.family == "3pl" else 0)
            kinds: list[tuple[NormalPrior | None, IntArray, bool]] = [
                (self.priors.guess if bank.family == "3pl" else None, bank.places[:, -1], False),
                (self.priors.log_slope if bank.family != "nominal" else None, bank.places[:, 0], True),
                (self.priors.intercept if bank.family != "nominal" else None, bank.places[:, 1:last].ravel(), False),
            ]
            for prior, places, is_log in kinds:
                if prior is not None:
                    free = places[layout.free[places] >= 0]
                    _, first = np.unique(layout.free[free], return_index=True)
                    out.append((prior, free[np.sort(first)], is_log))
        return out
