"""Differential item functioning: the published numbers of `verbal`, planted differences, and drift between periods."""

from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pytest

from psychometrics import dif
from psychometrics.data import ResponseMatrix
from psychometrics.errors import GroupsError
from psychometrics.items import ItemParameters
from psychometrics.linking import normal_theta_weights
from psychometrics.scoring import score
from tests.psychometrics.published import GOLDEN

# tests/golden/psychometrics/README.md: R difR on `verbal`, focal group male
MH_CHI2 = {
    "S1wantCurse": 1.7076, "S2WantShout": 9.6032, "S2DoCurse": 6.3029, "S2DoScold": 6.8395, "S3DoCurse": 5.7817,
    "S4WantShout": 4.1188, "S3DoScold": 3.8880,
}  # fmt: skip
LOGISTIC = {"S2WantShout": 11.4111, "S2DoScold": 10.2622, "S2DoCurse": 7.6935, "S3DoCurse": 7.2379}


def verbal() -> ResponseMatrix:
    with (GOLDEN / "verbal_difR_316x26.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    items = tuple(name for name in rows[0] if name not in {"Anger", "Gender"})
    scores = np.array([[int(row[item]) for item in items] for row in rows], dtype=np.int8)
    return ResponseMatrix(scores, items, groups=np.array([row["Gender"] for row in rows]))


def test_mantel_haenszel_is_the_published_one() -> None:
    found = {row.item_id: row for row in dif.screen_mantel_haenszel(verbal(), "1", purify="no")}
    for item, chi_square in MH_CHI2.items():
        assert found[item].chi_square == pytest.approx(chi_square, abs=5.1e-5)
    shout = found["S2WantShout"]
    assert shout.odds_ratio == pytest.approx(2.8804, abs=5e-5)
    assert shout.delta == pytest.approx(-2.4861, abs=5e-5)
    assert shout.effect == "C"
    assert {row.item_id for row in found.values() if row.is_flagged} == set(MH_CHI2) - {"S1wantCurse"}


def test_logistic_likelihood_ratio_is_the_published_one() -> None:
    found = {row.item_id: row for row in dif.screen_logistic(verbal(), "1", purify="no")}
    for item, statistic in LOGISTIC.items():
        assert found[item].both == pytest.approx(statistic, abs=5.1e-5)
        assert found[item].uniform + found[item].non_uniform == pytest.approx(statistic, abs=5.1e-5)
    assert {row.item_id for row in found.values() if row.is_flagged} == set(LOGISTIC)


def test_mantel_haenszel_of_one_table_by_hand() -> None:
    """Two strata; the common odds ratio and its variance written out (Robins, Breslow & Greenland 1986)."""
    tables = [(12, 8, 6, 10), (20, 4, 9, 7)]
    rows = [
        (right, focal, stratum)
        for stratum, (a, b, c, d) in enumerate(tables)
        for right, focal, n in ((1, 0, a), (0, 0, b), (1, 1, c), (0, 1, d))
        for _ in range(n)
    ]
    correct, focal, stratum = (np.array(column) for column in zip(*rows, strict=True))
    found = dif.mantel_haenszel(correct, focal.astype(bool), stratum)
    n = [sum(t) for t in tables]
    odds = sum(t[0] * t[3] / k for t, k in zip(tables, n, strict=True)) / sum(
        t[1] * t[2] / k for t, k in zip(tables, n, strict=True)
    )
    assert found.odds_ratio == pytest.approx(odds)
    weight = [t[2] + t[3] for t in tables]
    gaps = [t[2] / (t[2] + t[3]) - t[0] / (t[0] + t[1]) for t in tables]
    assert found.standardised == pytest.approx(sum(w * g for w, g in zip(weight, gaps, strict=True)) / sum(weight))
    assert found.breslow_day_df == 1


BANK = tuple(ItemParameters(f"i{k}", "2pl", 1.0 + 0.1 * (k % 5), (-1.4 + 0.2 * k,)) for k in range(15))
PLANTED = {"i4": 1.0, "i9": -1.0}


def planted(n: int, seed: int, *, impact: float = 0.5, routed: bool = False) -> ResponseMatrix:
    """Two groups that differ in ability; two items are harder or easier for the focal group by one logit."""
    rng = np.random.default_rng(seed)
    focal = rng.random(n) < 0.4
    theta = rng.standard_normal(n) - impact * focal
    shift = np.array([PLANTED.get(item.item_id, 0.0) for item in BANK])
    a, b = (np.array([getattr(i, k) if k == "a" else i.b[0] for i in BANK]) for k in ("a", "b"))
    p = 1 / (1 + np.exp(-a * (theta[:, None] - b - shift * focal[:, None])))
    scores = (rng.random(p.shape) < p).astype(np.int8)
    if routed:
        high = scores[:, :7].sum(axis=1) > 4
        scores[np.ix_(high, range(7, 11))] = -1
        scores[np.ix_(~high, range(11, 15))] = -1
    return ResponseMatrix(scores, tuple(i.item_id for i in BANK), groups=np.where(focal, "F", "R"))


@pytest.mark.rule("NP-4.8-3")
def test_planted_group_differences_are_flagged_and_only_they_are_large() -> None:
    data = planted(5000, 3)
    for screen in (dif.screen_mantel_haenszel, dif.screen_logistic):
        found = {row.item_id: row for row in screen(data, "F", purify="yes")}
        assert all(found[item].is_flagged for item in PLANTED)
    found = {row.item_id: row for row in dif.screen_mantel_haenszel(data, "F", purify="yes")}
    assert {item for item, row in found.items() if row.effect == "C"} == set(PLANTED)
    assert found["i4"].delta < -1.5 < 1.5 < found["i9"].delta


@pytest.mark.rule("NP-4.8-3")
def test_planted_differences_are_found_under_routing_by_matching_on_theta() -> None:
    data = planted(8000, 4, routed=True)
    theta = score(data, BANK, "wle").theta
    found = {row.item_id: row for row in dif.screen_mantel_haenszel(data, "F", theta)}
    assert {item for item, row in found.items() if row.effect == "C"} == set(PLANTED)


@pytest.mark.rule("NP-4.8-3")
def test_likelihood_ratio_finds_planted_differences_with_purification() -> None:
    data = planted(2500, 5).with_items([f"i{k}" for k in range(3, 11)])
    found = {row.item_id: row for row in dif.likelihood_ratio(data, "F", "2pl")}
    assert {item for item, row in found.items() if row.effect == "C"} == set(PLANTED)
    assert found["i4"].signed < -0.1 < 0.1 < found["i9"].signed
    assert all(row.df == 2 for row in found.values())


def test_a_difference_in_ability_alone_flags_no_item() -> None:
    rng = np.random.default_rng(8)
    n = 4000
    focal = rng.random(n) < 0.5
    theta = rng.standard_normal(n) - 0.8 * focal
    p = 1 / (1 + np.exp(-(theta[:, None] - np.linspace(-1.5, 1.5, 20))))
    data = ResponseMatrix(
        (rng.random(p.shape) < p).astype(np.int8), tuple(f"i{k}" for k in range(20)), groups=np.where(focal, "F", "R")
    )
    assert all(row.effect == "A" for row in dif.screen_mantel_haenszel(data, "F"))
    assert all(row.effect == "A" for row in dif.screen_logistic(data, "F"))


def test_purification_frees_good_items_from_the_bad_ones() -> None:
    """All planted items point one way, so unpurified sums make good items look bad in the other direction."""
    rng = np.random.default_rng(2)
    n = 6000
    focal = rng.random(n) < 0.5
    theta = rng.standard_normal(n)
    b = np.linspace(-1.2, 1.2, 12)
    shift = np.where(np.arange(12) < 4, 1.0, 0.0)
    p = 1 / (1 + np.exp(-1.2 * (theta[:, None] - b - shift * focal[:, None])))
    data = ResponseMatrix(
        (rng.random(p.shape) < p).astype(np.int8), tuple(f"i{k}" for k in range(12)), groups=np.where(focal, "F", "R")
    )
    raw = dif.screen_mantel_haenszel(data, "F", purify="no")
    pure = dif.screen_mantel_haenszel(data, "F", purify="yes")
    assert sum(row.is_flagged for row in raw[4:]) >= 6
    assert sum(row.is_flagged for row in pure[4:]) <= 2
    assert all(row.effect == "C" for row in pure[:4])


def test_items_that_drifted_between_periods_are_found_and_do_not_pull_the_link() -> None:
    old = BANK
    new = tuple(
        replace(i, a=i.a * 1.2, b=((i.b[0] + 0.9 * (i.item_id in {"i2", "i7"}) - 0.3) / 1.2,)) for i in old
    )  # fmt: skip
    line, rows = dif.drift(new, old, normal_theta_weights())
    assert {row.item_id for row in rows if row.effect != "A"} == {"i2", "i7"}
    assert line.slope == pytest.approx(1.2, abs=1e-6)
    assert line.intercept == pytest.approx(0.3, abs=1e-6)
    assert len(line.common) == len(old) - 2


def test_a_focal_group_that_is_not_there_is_named() -> None:
    with pytest.raises(GroupsError, match="has the groups 0, 1; focal group 'male'"):
        dif.screen_mantel_haenszel(verbal(), "male")
    with pytest.raises(GroupsError, match="has the groups none"):
        dif.focal_mask(replace(verbal(), groups=None), "1")
