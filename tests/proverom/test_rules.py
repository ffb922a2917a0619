"""Which rules a test shows."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from proverom.rules import (
    CATALOGUES,
    ROOT,
    Mark,
    Rule,
    catalogue,
    main,
    marks_in,
    read_rules,
    report,
)

SOURCE = '''
import pytest

pytestmark = pytest.mark.rule("NP-1-1")

@pytest.mark.rule("NP-2-1", "NP-2-2")
def test_two():
    """Not this one: @pytest.mark.rule("NP-9-9")."""

class TestMany:
    @pytest.mark.parametrize("case", [pytest.param(1, marks=pytest.mark.rule("NP-2-3")), 2])
    async def test_cases(self, case): ...

@pytest.mark.other("NP-9-9")
def test_other(): ...
'''
RULES = [
    Rule("NP-1-1", "store", 2, "x" * 300),
    Rule("NP-2-1", "engine", 1, "One."),
    Rule("NP-2-9", "engine", 1, "Two."),
]


def test_marks_are_found_wherever_they_stand_and_nowhere_else() -> None:
    assert list(marks_in(SOURCE, "tests/test_a.py")) == [
        Mark("NP-1-1", "tests/test_a.py"),
        Mark("NP-2-1", "tests/test_a.py::test_two"),
        Mark("NP-2-2", "tests/test_a.py::test_two"),
        Mark("NP-2-3", "tests/test_a.py::TestMany::test_cases"),
    ]


def test_the_catalogue_that_we_carry_has_every_rule() -> None:
    rules = read_rules(CATALOGUES[-1])
    assert len(rules) == 357  # the number stated in the design
    assert {rule.priority for rule in rules.values()} == {1, 2, 3}


def test_a_newer_catalogue_beside_the_project_wins(tmp_path: Path) -> None:
    newer = tmp_path / "rules.csv"
    assert catalogue([newer, CATALOGUES[-1]]) == CATALOGUES[-1]
    newer.write_text("id,holder,priority,rule\n")
    assert catalogue([newer, CATALOGUES[-1]]) == newer
    with pytest.raises(FileNotFoundError):
        catalogue([tmp_path / "none.csv"])


def test_rules_are_told_by_priority_and_holder_with_their_tests() -> None:
    marks = [Mark("NP-2-1", "tests/test_a.py::test_two")]
    assert report(RULES, marks, shows=frozenset({True})) == [
        "priority 1 · engine: 1 of 2",
        "  ✓ NP-2-1      One.",
        "      tests/test_a.py::test_two",
        "priority 2 · store: 0 of 1",
    ]
    opened = report(RULES, marks, shows=frozenset({False}))
    assert opened[1] == "  ○ NP-2-9      Two."
    assert opened[3].endswith("…")
    assert len(opened) == 4


def test_the_command_tells_only_what_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--priority", "1", "--holder", "psychometrics", "--summary"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("priority 1 · psychometrics: ")
    assert " of 2 rules are shown by a test." in printed


def test_a_mark_with_an_unknown_rule_stops_the_run(tmp_path: Path) -> None:
    """The real conftest in a project of its own: the run ends before any test, naming test and rule."""
    (tmp_path / "tests" / "golden").mkdir(parents=True)
    (tmp_path / "tests" / "conftest.py").write_text((ROOT / "tests" / "conftest.py").read_text())
    (tmp_path / "tests" / "test_x.py").write_text(
        "import pytest\n@pytest.mark.rule('NP-0-0')\ndef test_claim(): pass\n",
    )
    done = _pytest(tmp_path)
    assert done.returncode != 0
    assert "test_claim names rule ['NP-0-0'], which is not in rules.csv" in done.stderr + done.stdout
    assert "passed" not in done.stdout


@pytest.mark.parametrize(
    "body",
    ["def test_x(): pytest.skip('no sound')", "pytest.skip('no sound', allow_module_level=True)"],
    ids=["test", "file"],
)
def test_a_skip_is_stated_by_pytest_and_fails_under_run_test(tmp_path: Path, body: str) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "conftest.py").write_text((ROOT / "tests" / "conftest.py").read_text())
    (tmp_path / "tests" / "test_x.py").write_text(f"import pytest\n{body}\ndef test_y(): pass\n")
    plain = _pytest(tmp_path)
    assert "1 skipped" in plain.stdout
    assert "failed" not in plain.stdout
    strict = _pytest(tmp_path, PROVEROM_NO_SKIPS="1")
    assert strict.returncode != 0
    assert "./run test does not allow" in strict.stdout


def _pytest(folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-rs",
        "-c",
        str(ROOT / "pyproject.toml"),
        "--rootdir",
        str(folder),
    ]
    # as from a fresh shell: this run may itself be under ./run test
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "LANG": "C.UTF-8", **settings}
    return subprocess.run(
        [*command, str(folder / "tests")], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
