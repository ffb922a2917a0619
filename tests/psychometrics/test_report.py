"""Reports: one file that needs nothing else, readable by machines and people, with every plot inside its frame."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from psychometrics import report
from psychometrics.data import ResponseMatrix
from psychometrics.dif import mantel_haenszel
from psychometrics.items import ItemParameters
from psychometrics.svg import Frame, nice_ticks

THETA = np.linspace(-4.0, 4.0, 81)
CUTS = {"A1": -1.5, "B1": 0.4}
VOID = {"meta", "link", "br", "img"}


class Balanced(HTMLParser):
    """Fails when a tag is closed that is not open."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.outside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        self.outside += [value for name, value in attrs if name in {"src", "href"} and value]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del tag, attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def plots() -> dict[str, str]:
    rng = np.random.default_rng(2)
    theta = rng.standard_normal(600)
    items = tuple(ItemParameters(f"R-{k}", "2pl", 1.2, (0.4 * k - 1.0,)) for k in range(4))
    p = 1 / (1 + np.exp(-1.2 * (theta[:, None] - np.array([i.b[0] for i in items]))))
    responses = ResponseMatrix((rng.random(p.shape) < p).astype(np.int8), tuple(i.item_id for i in items))
    focal = rng.random(600) < 0.5
    stratum = np.arange(600) % 5
    scores = responses.scores.astype(np.int64)
    findings = [mantel_haenszel(scores[:, k], focal, stratum, item_id=f"R-{k}") for k in range(4)]
    levels = np.array([np.exp(-((THETA - c) ** 2)) for c in (-2.0, 0.0, 2.0)])
    return {
        "curves": report.item_curves(items, responses, theta),
        "information": report.information_plot({"RM1": 1 + np.cos(THETA / 3), "RM2": np.exp(-(THETA**2))}, THETA, CUTS),
        "error": report.conditional_error_plot(THETA, {"EAP": 0.3 + 0.02 * THETA**2}, CUTS),
        "levels": report.level_probability_plot(THETA, levels / levels.sum(axis=0), ("low", "middle", "high"), CUTS),
        "map": report.wright_map(theta, {"RM1": [("R-1", -0.6), ("R-2", 0.1)]}, CUTS),
        "flow": report.route_flow({("R", "E"): 0.3, ("R", "M", "E"): 0.2, ("R", "M", "H"): 0.5},
                                  {"R": 1.0, "M": 0.7, "E": 0.5, "H": 0.5}, order=("R", "E", "M", "H")),
        "forest": report.dif_forest(findings),
    }  # fmt: skip


@pytest.fixture(scope="module")
def drawn() -> dict[str, str]:
    return plots()


def svgs(html: str) -> list[ET.Element]:
    texts = re.findall(r"<svg.*?</svg>", html, flags=re.DOTALL)
    return [ET.fromstring(text) for text in texts]  # noqa: S314 - our own text


def test_a_report_is_one_file_that_needs_nothing_else(drawn: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    sections = [report.Section(name, "How to read it.", body) for name, body in drawn.items()]
    report.write_page(path, "A <panel> & more", "Lead", sections, {"seed": "3"})
    text = path.read_text(encoding="utf-8")
    reader = Balanced()
    reader.feed(text)
    assert reader.open == []
    assert reader.outside == []
    assert "url(" not in text
    assert "<script" not in text
    assert "<h1>A &lt;panel&gt; &amp; more</h1>" in text
    assert "<dt>seed</dt><dd>3</dd>" in text


def test_every_plot_is_valid_xml_with_words_for_those_who_cannot_see_it(drawn: dict[str, str]) -> None:
    for name, html in drawn.items():
        found = svgs(html)
        assert found, name
        for svg in found:
            assert svg.get("role") == "img"
            assert svg.get("aria-label")


def test_no_mark_leaves_its_frame_and_none_is_without_a_place(drawn: dict[str, str]) -> None:
    for html in drawn.values():
        assert "nan" not in html.replace("nance", "")
        for svg in svgs(html):
            _, _, width, height = (float(part) for part in str(svg.get("viewBox")).split())
            for mark in svg.iter("circle"):
                assert 0 <= float(str(mark.get("cx"))) <= width
                assert 0 <= float(str(mark.get("cy"))) <= height
            for path in svg.iter("path"):
                for x, y in re.findall(r"(-?[\d.]+),(-?[\d.]+)", str(path.get("d"))):
                    assert -1 <= float(x) <= width + 1
                    assert -1 <= float(y) <= height + 1


def test_a_curve_is_broken_where_it_leaves_the_frame() -> None:
    frame = Frame((0.0, 4.0), (0.0, 1.0), "x", "y")
    frame.line(np.array([0.0, 1.0, 2.0, 3.0, 4.0]), np.array([0.5, 0.6, 7.0, 0.6, 0.5]))
    assert frame.marks[0].count("M") == 2


def test_lines_differ_by_dash_as_well_as_by_colour() -> None:
    frame = Frame((0.0, 1.0), (0.0, 1.0), "x", "y")
    for series in range(6):
        frame.line(np.array([0.0, 1.0]), np.array([0.0, 1.0]), series=series)
    dashes = [re.search(r'stroke-dasharray="([^"]+)"', mark) for mark in frame.marks]
    assert len({dash.group(1) if dash else "" for dash in dashes}) == 6


def test_ribbons_are_as_thick_as_the_shares_that_take_them() -> None:
    html = report.route_flow(
        {("R", "E"): 0.25, ("R", "H"): 0.75}, {"R": 1.0, "E": 0.25, "H": 0.75}, order=("R", "E", "H")
    )
    (svg,) = svgs(html)
    thick = []
    for path in svg.iter("path"):
        ys = [float(y) for _, y in re.findall(r"([\d.]+),([\d.]+)", str(path.get("d")))]
        thick.append(ys[-1] - ys[0])
    assert max(thick) / min(thick) == pytest.approx(3.0, rel=0.01)


def test_observed_groups_are_means_of_equally_able_people() -> None:
    theta = np.arange(100.0)
    groups = report.observed_proportions((theta >= 50).astype(float), theta)
    assert [group[3] for group in groups] == [10] * 10
    assert [group[1] for group in groups] == [0.0] * 5 + [1.0] * 5
    assert groups[0][0] == pytest.approx(4.5)


def test_ticks_are_round_and_inside() -> None:
    assert nice_ticks(0.0, 1.0) == (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
    assert nice_ticks(-4.0, 4.0, 9) == (-4.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0)
    for low, high in ((0.013, 0.47), (-7.3, 12.9), (100.0, 1000.0)):
        ticks = nice_ticks(low, high)
        assert 3 <= len(ticks) <= 9
        assert low <= ticks[0] < ticks[-1] <= high
