"""One self-contained HTML page with the plots and tables of an analysis; no script, no file beside it, no network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from pathlib import Path

import numpy as np

from psychometrics.curves import category_curves
from psychometrics.data import FloatArray, ResponseMatrix, ScoreArray
from psychometrics.dif import DELTA_B, DELTA_C, MantelHaenszel
from psychometrics.exact import Route
from psychometrics.items import ItemParameters
from psychometrics.svg import MARGIN_BOTTOM, Frame, name_room, number, picture

THETA_RANGE = (-4.0, 4.0)
FINE_THETA = np.linspace(*THETA_RANGE, 161)
OBSERVED_GROUPS = 10
LEAST_IN_GROUP = 5
STYLE = """
:root{--page:#F5F2EC;--surface:#FFFFFF;--ink:#17212B;--ink2:#46525E;--line:#D3CDC1;--edge:#6B7580;--accent:#0A4D68;
--tint:#E2EFF4;--warn:#7A4300;--warnground:#FFF0D2;--bad:#9B1C31;--badground:#FBE9EA;--ok:#1E5B3A}
@media (prefers-color-scheme:dark){:root{--page:#12181E;--surface:#1B232B;--ink:#EEF0F2;--ink2:#B9C3CC;--line:#33404C;
--edge:#8794A1;--accent:#86CBE6;--tint:#15384A;--warn:#F6C26B;--warnground:#3A2B10;--bad:#FF9DA4;--badground:#43191F;
--ok:#93D6AA}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.45 Inter,"Helvetica Neue",Arial,sans-serif;
font-feature-settings:"cv05","cv08"}
main{max-width:1040px;margin:0 auto;padding:40px 24px 56px}
h1{font-size:30px;line-height:38px;font-weight:650;margin:0 0 8px}
h2{font-size:22px;line-height:28px;font-weight:650;margin:0 0 4px}
p{margin:0 0 12px;max-width:76ch;color:var(--ink2)}
section{background:var(--surface);border:1.5px solid var(--line);border-radius:16px;padding:24px;margin:24px 0;
break-inside:avoid}
svg{display:block;max-width:100%;height:auto;margin:12px 0 4px}
.grid-of-plots{display:grid;grid-template-columns:repeat(auto-fill,minmax(296px,1fr));gap:8px 16px}
.grid-of-plots h3{font-size:15px;margin:8px 0 0;font-weight:600}
table{border-collapse:collapse;font-size:15px;line-height:20px;font-feature-settings:"tnum";margin-top:8px}
.scroll{overflow-x:auto}
th,td{padding:6px 14px 6px 0;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}
th:first-child,td:first-child{text-align:left}th{font-weight:600;color:var(--ink2);vertical-align:bottom}
td.flag{color:var(--bad);font-weight:600}
dl{display:grid;grid-template-columns:max-content 1fr;gap:4px 24px;font-size:15px;margin:8px 0 0}
dt{color:var(--ink2)}dd{margin:0;overflow-wrap:anywhere}
svg text{font-family:inherit;fill:var(--ink)}
.small,.strong{paint-order:stroke;stroke:var(--surface);stroke-width:4px;stroke-linejoin:round}
.tick{font-size:14px;fill:var(--ink2)}.label{font-size:15px}.small{font-size:14px}.strong{font-size:15px;font-weight:600}
.grid{stroke:var(--line);stroke-width:1;fill:none}.axis{stroke:var(--edge);stroke-width:1.5;fill:none}
.cut{stroke:var(--edge);stroke-width:1.5;stroke-dasharray:4 3;fill:none}
.ref{stroke:var(--edge);stroke-width:1.5;fill:none}
.w{stroke:var(--edge);stroke-width:1.5;fill:none}.ribbon{fill:var(--accent);fill-opacity:.22}
.node{fill:var(--tint);stroke:var(--accent);stroke-width:1.5}.hist{fill:var(--tint);stroke:var(--accent);stroke-width:1}
.zone{fill:var(--tint)}.zone-b{fill:var(--warnground)}
.s0,.s1,.s2,.s3,.s4,.s5{fill:none;stroke-width:2.5;stroke-linejoin:round}
.s0,.p0{stroke:var(--accent)}.s1,.p1{stroke:var(--bad)}.s2,.p2{stroke:var(--ok)}.s3,.p3{stroke:var(--warn)}
.s4,.p4{stroke:var(--ink)}.s5,.p5{stroke:var(--edge)}
.p0,.p1,.p2,.p3,.p4,.p5{fill:var(--surface);stroke-width:2}
.a0{fill:var(--accent);fill-opacity:.85}.a1{fill:var(--accent);fill-opacity:.6}.a2{fill:var(--accent);fill-opacity:.4}
.a3{fill:var(--accent);fill-opacity:.22}.a4{fill:var(--accent);fill-opacity:.09}.a5{fill:var(--line)}
@media print{body{background:#fff}section{border:0;padding:0}}
"""


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, a sentence that says how to read what follows, and the body as HTML."""

    heading: str
    lead: str
    body: str


def page(title: str, lead: str, sections: Sequence[Section], provenance: Mapping[str, str]) -> str:
    """The whole page."""
    parts = [
        f"<section><h2>{escape(section.heading)}</h2><p>{escape(section.lead)}</p>{section.body}</section>"
        for section in sections
    ]
    rows = "".join(f"<dt>{escape(key)}</dt><dd>{escape(value)}</dd>" for key, value in provenance.items())
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n"
        f"<body><main><h1>{escape(title)}</h1><p>{escape(lead)}</p>"
        + "\n".join(parts)
        + f"<section><h2>Provenance</h2><p>What these figures were made from.</p><dl>{rows}</dl></section>"
        "</main></body></html>\n"
    )


def write_page(path: Path, title: str, lead: str, sections: Sequence[Section], provenance: Mapping[str, str]) -> None:
    """The page as a file."""
    path.write_text(page(title, lead, sections, provenance), encoding="utf-8")


def table(header: Sequence[str], rows: Sequence[Sequence[str]], flagged: frozenset[int] = frozenset()) -> str:
    """A table; rows whose number is flagged have their last cell in the colour for what needs a look, with its word."""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body: list[str] = []
    for number_of_row, row in enumerate(rows):
        last = len(row) - 1
        cells = (
            f'<td class="flag">{escape(cell)}</td>'
            if k == last and number_of_row in flagged
            else f"<td>{escape(cell)}</td>"
            for k, cell in enumerate(row)
        )
        body.append(f"<tr>{''.join(cells)}</tr>")
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{"".join(body)}</tbody></table></div>'


def item_curves(items: Sequence[ItemParameters], responses: ResponseMatrix, theta: FloatArray) -> str:
    """For each item the expected score by theta, and what equally able persons scored, with 95 % intervals."""
    plots = [
        f"<div><h3>{escape(item.item_id)}</h3>{_item_plot(item, responses.column(item.item_id), theta)}</div>"
        for item in items
    ]
    return f'<div class="grid-of-plots">{"".join(plots)}</div>'


def _item_plot(item: ItemParameters, scores: ScoreArray, theta: FloatArray) -> str:
    frame = Frame(THETA_RANGE, (0.0, float(item.max_score)), "theta", "mean score", width=312, height=214, left=50.0)
    p = category_curves(item, FINE_THETA)[0]
    seen = scores >= 0
    for x, mean, half, n in observed_proportions(scores[seen].astype(np.float64), theta[seen]):
        frame.whisker(x, mean - half, mean + half)
        frame.dots(np.array([x]), np.array([mean]), np.array([2.5 + min(n / 400.0, 2.5)]))
    frame.line(FINE_THETA, np.arange(len(p)) @ p, series=0)
    return frame.svg(f"Item {item.item_id}: expected and observed score by theta, {int(seen.sum())} persons")


def observed_proportions(scores: FloatArray, theta: FloatArray) -> list[tuple[float, float, float, int]]:
    """Mean theta, mean score, half width of its 95 % interval and size of equally full groups by theta."""
    if len(theta) < LEAST_IN_GROUP:
        return []
    order = np.argsort(theta, kind="stable")
    groups = [group for group in np.array_split(order, OBSERVED_GROUPS) if len(group) >= LEAST_IN_GROUP]
    return [
        (
            float(theta[group].mean()),
            float(scores[group].mean()),
            1.96 * float(scores[group].std() / np.sqrt(len(group))),
            len(group),
        )
        for group in groups
    ]


def information_plot(curves: Mapping[str, FloatArray], theta: FloatArray, cuts: Mapping[str, float]) -> str:
    """Information of modules or routes by theta."""
    return curves_plot(theta, curves, "information", cuts)


def curves_plot(
    theta: FloatArray, curves: Mapping[str, FloatArray], y_label: str, cuts: Mapping[str, float] | None = None
) -> str:
    """Curves over theta from zero up, each with its name; upright lines at cut scores."""
    top = 1.08 * max(float(curve.max()) for curve in curves.values())
    ends = (float(theta[0]), float(theta[-1]))
    frame = Frame(ends, (0.0, top), "theta", y_label, width=900, right=name_room(list(curves)))
    for name, cut in (cuts or {}).items():
        frame.cut(cut, name)
    for k, (name, curve) in enumerate(curves.items()):
        frame.line(theta, curve, series=k, name=name)
    return frame.svg(f"{y_label} by theta of " + ", ".join(curves))


def conditional_error_plot(
    theta: FloatArray, errors: Mapping[str, FloatArray], cuts: Mapping[str, float], *, top: float = 1.6
) -> str:
    """Conditional standard error by theta, with the cut scores where it matters."""
    highest = min(top, 1.15 * max(float(np.nanmax(error)) for error in errors.values()))
    frame = Frame(
        (float(theta[0]), float(theta[-1])),
        (0.0, highest),
        "theta",
        "conditional standard error",
        width=900,
        right=name_room(list(errors)),
    )
    for name, cut in cuts.items():
        frame.cut(cut, name)
    for k, (name, error) in enumerate(errors.items()):
        frame.line(theta, error, series=k, name=name)
    return frame.svg("Conditional standard error by theta of " + ", ".join(errors))


def level_probability_plot(
    theta: FloatArray, probability: FloatArray, levels: Sequence[str], cuts: Mapping[str, float]
) -> str:
    """Probability of each reported level by true theta, stacked."""
    frame = Frame((float(theta[0]), float(theta[-1])), (0.0, 1.0), "theta", "probability of level", width=900)
    below = np.zeros_like(theta)
    for k in range(len(levels)):
        above = below + probability[k]
        frame.area(theta, below, above, series=4 - k if len(levels) <= 5 else k)  # noqa: PLR2004 - five grounds
        below = above
    for name, cut in cuts.items():
        frame.cut(cut, name)
    for k, name in enumerate(levels):
        at = int(probability[k].argmax())
        middle = float(probability[:k, at].sum() + 0.5 * probability[k, at])
        css = "strong"
        x = min(max(frame.px(float(theta[at])), frame.px(float(theta[0])) + 40), frame.px(float(theta[-1])) - 40)
        frame.text(x, frame.py(middle) + 5, name, css=css, anchor="middle")
    return frame.svg("Probability of each level by theta: " + ", ".join(levels))


def wright_map(theta: FloatArray, items: Mapping[str, Sequence[tuple[str, float]]], cuts: Mapping[str, float]) -> str:
    """Persons at the left, items at the right of one upright scale; columns of items are levels or modules."""
    low, high = _span(theta, items)
    width, height, left = 900.0, 640.0, 58.0
    frame = Frame((0.0, 1.0), (low, high), "", "theta", width=width, height=height, left=left)
    counts, edges = np.histogram(np.clip(theta, low, high), bins=np.arange(low, high + 0.2, 0.2))
    reach, bottom = 230.0, height - MARGIN_BOTTOM
    body = frame.y_axis()
    for count, start, stop in zip(counts.tolist(), edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        wide = reach * count / max(int(counts.max()), 1)
        top = frame.py(min(stop, high))
        tall = frame.py(start) - top
        place = f'x="{number(left + reach - wide)}" y="{number(top)}"'
        body.append(f'<rect class="hist" {place} width="{number(wide)}" height="{number(tall)}"/>')
    spine = number(left + reach + 8)
    body.append(f'<path class="axis" d="M{spine},{number(frame.top)} V{number(bottom)}"/>')
    for name, cut in cuts.items():
        at = number(frame.py(cut))
        body.append(f'<path class="cut" d="M{number(left)},{at} H{number(width - 18)}"/>')
        body.append(f'<text class="small" x="{number(left + 4)}" y="{number(frame.py(cut) - 5)}">{escape(name)}</text>')
    body += _item_columns(frame, items, left + reach + 24, width - 18)
    middle = number(left + reach / 2)
    body.append(f'<text class="label" x="{middle}" y="{number(height - 12)}" text-anchor="middle">persons</text>')
    return picture(width, height, body, f"Persons and items on one scale: {len(theta)} persons")


def _span(theta: FloatArray, items: Mapping[str, Sequence[tuple[str, float]]]) -> tuple[float, float]:
    places = [b for column in items.values() for _, b in column]
    low = min(float(np.quantile(theta, 0.001)), *places) - 0.2
    high = max(float(np.quantile(theta, 0.999)), *places) + 0.2
    return max(np.floor(low * 2) / 2, -6.0), min(np.ceil(high * 2) / 2, 6.0)


def _item_columns(
    frame: Frame, items: Mapping[str, Sequence[tuple[str, float]]], start: float, stop: float
) -> list[str]:
    body: list[str] = []
    wide = (stop - start) / max(len(items), 1)
    row = 18.0 / (frame.py(0.0) - frame.py(1.0))  # logits of a line of text
    for k, (column, members) in enumerate(items.items()):
        left = start + k * wide
        body.append(f'<text class="strong" x="{number(left)}" y="{number(frame.height - 12)}">{escape(column)}</text>')
        rows: dict[float, list[str]] = {}
        for name, b in sorted(members, key=lambda member: member[1]):
            rows.setdefault(round(b / row) * row, []).append(name)
        for place, names in rows.items():
            shown = names if len(names) * 54.0 < wide else [f"{names[0]} + {len(names) - 1}"]
            at = frame.py(min(max(place, frame.y[0]), frame.y[1]))
            body.append(
                f'<text class="small" x="{number(left)}" y="{number(at + 5)}">{escape("  ".join(shown))}</text>'
            )
    return body


def route_flow(routes: Mapping[Route, float], module_shares: Mapping[str, float], *, order: Sequence[str] = ()) -> str:
    """How candidates go from module to module; a ribbon is as thick as the share that takes it."""
    stages = _stages(routes, order)
    width, height, top, tall, node = 900.0, 420.0, 26.0, 330.0, 20.0
    columns = len(stages)
    gap = 14.0
    step = (width - 150.0 - node) / max(columns - 1, 1)
    unit = (tall - gap * max(len(stage) for stage in stages)) / 1.0
    places: dict[str, tuple[float, float, float]] = {}
    for k, stage in enumerate(stages):
        total = sum(module_shares[module] * unit + gap for module in stage) - gap
        y = top + (tall - total) / 2
        for module in stage:
            thick = max(module_shares[module] * unit, 1.5)
            places[module] = (20.0 + k * step, y, thick)
            y += module_shares[module] * unit + gap
    body = _ribbons(routes, places, node, unit)
    for module, (x, y, thick) in places.items():
        size = f'width="{number(node)}" height="{number(thick)}"'
        body.append(f'<rect class="node" x="{number(x)}" y="{number(y)}" {size} rx="3"/>')
        at = number(y + thick / 2 + 5)
        body.append(f'<text class="strong" x="{number(x + node + 7)}" y="{at}">{escape(module)} ')
        body.append(f'<tspan class="small" font-weight="400">{module_shares[module]:.0%}</tspan></text>')
    return picture(width, height, body, "Shares of candidates from module to module")


def _stages(routes: Mapping[Route, float], order: Sequence[str]) -> list[list[str]]:
    """Modules in columns: as far right as their longest way; hard ones on top."""
    depth: dict[str, int] = {}
    for route in routes:
        for k, module in enumerate(route):
            depth[module] = max(depth.get(module, 0), k)
    deepest = max(depth.values())
    for route in routes:
        depth[route[-1]] = deepest
    rank = {module: k for k, module in enumerate(order)}
    columns = [[m for m in depth if depth[m] == k] for k in range(deepest + 1)]
    return [sorted(stage, key=lambda m: -rank.get(m, 0)) for stage in columns if stage]


def _ribbons(
    routes: Mapping[Route, float], places: Mapping[str, tuple[float, float, float]], node: float, unit: float
) -> list[str]:
    flows: dict[tuple[str, str], float] = {}
    for route, share in routes.items():
        for pair in pairwise(route):
            flows[pair] = flows.get(pair, 0.0) + share
    leaving = {module: place[1] for module, place in places.items()}
    coming = dict(leaving)
    top_down = sorted(flows.items(), key=lambda flow: (places[flow[0][0]][1], places[flow[0][1]][1]))
    body: list[str] = []
    for (source, target), share in top_down:
        thick = share * unit
        x0, x1 = places[source][0] + node, places[target][0]
        bend = (x0 + x1) / 2
        y0, y1 = leaving[source], coming[target]
        leaving[source] += thick
        coming[target] += thick
        upper = (
            f"M{number(x0)},{number(y0)} C{number(bend)},{number(y0)} {number(bend)},{number(y1)} "
            f"{number(x1)},{number(y1)}"
        )
        lower = (
            f"L{number(x1)},{number(y1 + thick)} C{number(bend)},{number(y1 + thick)} "
            f"{number(bend)},{number(y0 + thick)} {number(x0)},{number(y0 + thick)} Z"
        )
        body.append(
            f'<path class="ribbon" d="{upper} {lower}"><title>{escape(source)} to {escape(target)}</title></path>'
        )
    return body


def dif_forest(findings: Sequence[MantelHaenszel]) -> str:
    """Delta of each item with its 95 % interval; the ground shows the limits of the classes."""
    ordered = sorted(findings, key=lambda finding: finding.delta if np.isfinite(finding.delta) else 0.0)
    widest = max((abs(f.delta) + 1.96 * f.se_delta for f in ordered if np.isfinite(f.delta + f.se_delta)), default=2.0)
    reach = float(min(max(widest, 2.0), 6.0))
    row, left = 24.0, 200.0
    height = row * len(ordered) + 14.0 + MARGIN_BOTTOM
    frame = Frame(
        (-reach, reach),
        (0.0, float(len(ordered))),
        "delta: harder for the focal group  ←  0  →  easier for the focal group",
        "",
        width=900,
        height=height,
        left=left,
        right=70.0,
        y_ticks=(),
    )
    top, bottom = float(len(ordered)), 0.0
    frame.bar((-DELTA_C, bottom), (DELTA_C, top), css="zone-b")
    frame.bar((-DELTA_B, bottom), (DELTA_B, top), css="zone")
    frame.marks.append(f'<path class="ref" d="M{number(frame.px(0))},{number(frame.top)} V{number(frame.py(0))}"/>')
    for k, finding in enumerate(ordered):
        y = frame.py(k + 0.5)
        frame.text(left - 12, y + 5, finding.item_id, anchor="end")
        frame.text(frame.width - 58, y + 5, finding.effect, css="strong" if finding.effect != "A" else "small")
        if not np.isfinite(finding.delta + finding.se_delta):
            continue
        ends = [min(max(finding.delta + side * 1.96 * finding.se_delta, -reach), reach) for side in (-1, 1)]
        at = number(y)
        frame.marks.append(f'<path class="w" d="M{number(frame.px(ends[0]))},{at} H{number(frame.px(ends[1]))}"/>')
        series = {"A": 0, "B": 3, "C": 1}[finding.effect]
        place = f'cx="{number(frame.px(min(max(finding.delta, -reach), reach)))}" cy="{at}"'
        frame.marks.append(f'<circle class="p{series}" {place} r="5"/>')
    return frame.svg("Delta of each item with its 95 % interval")
