"""Results by background group: counts and shares, and no way back to a person."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from psychometrics.commands import dif
from psychometrics.errors import ShapeError
from psychometrics.groups import LEAST_IN_GROUP, group_figures

LEVELS = ("below_A1", "A1", "A2", "B1", "B2")
PERSON = st.tuples(st.sampled_from(["so", "ar", "uk", ""]), st.sampled_from(LEVELS))


@given(st.lists(PERSON, min_size=1, max_size=60))
def test_counts_and_shares_are_those_of_the_people_in_each_group(people: list[tuple[str, str]]) -> None:
    groups, levels = zip(*people, strict=True)
    found = group_figures(groups, levels, LEVELS)
    assert sum(row.n for row in found) == len(people)
    for row in found:
        mine = [level for group, level in people if group == row.group]
        if row.n < LEAST_IN_GROUP:
            assert row.shares is None
        else:
            assert row.shares == tuple(mine.count(level) / row.n for level in LEVELS)


def test_a_level_that_is_none_is_refused() -> None:
    with pytest.raises(ShapeError, match="C1"):
        group_figures(["a"], ["C1"], LEVELS)


@pytest.mark.rule("NP-4.8-4")
def test_results_with_background_data_are_reported_by_group_without_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(4)
    lines = ["person,language,level,i1,i2,i3,i4"]
    for k in range(64):
        language = "so" if k < 40 else ("uk" if k < 61 else "ti")
        scores = rng.integers(0, 2, 4)
        lines.append(f"Kari-{k:03d},{language},{LEVELS[int(scores.sum())]},{','.join(map(str, scores))}")
    (tmp_path / "r.csv").write_text("\n".join(lines))
    out, figures = tmp_path / "dif.csv", tmp_path / "groups.csv"
    arguments = ["--groups", "language", "--focal", "so", "--level", "level", "--group-figures", str(figures)]
    assert dif.main([str(tmp_path / "r.csv"), *arguments, "--out", str(out)]) == 0
    rows = [line.split(",") for line in figures.read_text().split()]
    assert rows[0] == ["group", "n", *LEVELS]
    told = {row[0]: row[1:] for row in rows[1:]}
    assert (told["so"][0], told["uk"][0], told["ti"][0]) == ("40", "21", "3")
    assert sum(float(share) for share in told["so"][1:]) == pytest.approx(1.0)
    assert told["ti"][1:] == [""] * 5
    for text in (figures.read_text(), out.read_text(), capsys.readouterr().out):
        assert "Kari" not in text
