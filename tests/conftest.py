"""What every test gets: its own home, no screen or sound of the developer's, and rules that exist."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from proverom.rules import catalogue, read_rules

if TYPE_CHECKING:
    from tests.postgres import Postgres
    from tests.proof import Trial

NO_SKIPS = os.environ.get("PROVEROM_NO_SKIPS") == "1"
LONGEST_ID = 60
SYSTEM_PARTS = ("PySide6", "PortAudio", "libEGL", "libGL", "libxkbcommon", "libfontconfig", "libdbus", "libsndfile")


def _private_home() -> Path:
    """A home of this process's own, so that no test reads or leaves anything in the developer's."""
    home = Path(tempfile.mkdtemp(prefix="proverom-test-"))
    folders = {
        "HOME": ".",
        "XDG_CONFIG_HOME": "config",
        "XDG_DATA_HOME": "data",
        "XDG_CACHE_HOME": "cache",
        "XDG_STATE_HOME": "state",
        "XDG_RUNTIME_DIR": "run",
    }
    for variable, folder in folders.items():
        path = home / folder
        path.mkdir(mode=0o700, exist_ok=True)
        os.environ[variable] = str(path)
    return home


# All this before any test module is imported: Qt and PortAudio read it once.
HOME = _private_home()
os.environ["QT_QPA_PLATFORM"] = "offscreen"
os.environ["PYTEST_QT_API"] = "pyside6"
for variable in ("DISPLAY", "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS", "PULSE_SERVER", "QT_SCALE_FACTOR"):
    os.environ.pop(variable, None)

# The same examples on every machine, and no deadline: a slow moment of a shared machine is not a fault of the code.
settings.register_profile(
    "ci", derandomize=True, deadline=None, max_examples=60, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "prove", parent=settings.get_profile("ci"), derandomize=False, max_examples=5000, print_blob=True
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture
def proof() -> Callable[..., AbstractContextManager[Trial]]:
    """Try something many times: short here, long under `./run prove`; see `tests.proof`."""
    from tests.proof import run_proof

    return run_proof


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server of this process's own, started when the first test asks for it."""
    from tests.postgres import VERSIONS, memory_place, programs, running_postgres

    found = programs()
    if found is None:
        pytest.skip(f"PostgreSQL's programs are not installed under {VERSIONS} (Debian: postgresql)")
    with running_postgres(found, place=memory_place()) as server:
        yield server


def _why_qt_cannot_start() -> str | None:
    try:
        import_module("PySide6.QtGui")
    except ImportError as error:
        return str(error)
    return None


QT_MISSING = _why_qt_cannot_start()


def pytest_plugin_registered(plugin_name: str, manager: pytest.PytestPluginManager) -> None:
    """Without Qt's system libraries, leave pytest-qt out: it would end the whole run."""
    if QT_MISSING and plugin_name == str(Path(__file__)):
        manager.set_blocked("pytest-qt")


def pytest_unconfigure() -> None:
    """Take the private home away again."""
    shutil.rmtree(HOME, ignore_errors=True)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Long parameters are numbered, not spelt out: a key made for the test would give each process other names."""
    return argname if isinstance(val, str | bytes) and len(val) > LONGEST_ID else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Stop at a rule that does not exist; skip what needs Qt where Qt cannot start."""
    known = read_rules(catalogue())
    for item in items:
        for mark in item.iter_markers("rule"):
            unknown = [rule for rule in mark.args if rule not in known]
            if unknown or not mark.args:
                raise pytest.UsageError(
                    f"{item.nodeid} names rule {unknown or 'none'}, which is not in {catalogue().name}: correct the id."
                )
        if QT_MISSING and "qtbot" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.skip(reason=f"Qt cannot start: {QT_MISSING}"))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """A test file whose system library is missing is a stated skip; under ./run test every skip is a failure."""
    report = yield
    text = str(report.longrepr)
    if report.failed and not NO_SKIPS and isinstance(collector, pytest.Module) and _names_missing_library(text):
        report.outcome = "skipped"
        report.longrepr = (
            str(collector.path),
            1,
            f"Skipped: a system library is missing: {text.strip().splitlines()[-1]}",
        )
    if report.skipped and NO_SKIPS:
        report.outcome = "failed"
        report.longrepr = f"{collector.nodeid} skipped itself, which ./run test does not allow: {report.longrepr}"
    return report


def _names_missing_library(text: str) -> bool:
    last = text.strip().splitlines()[-1] if text.strip() else ""
    is_library = "cannot open shared object file" in last or "library not found" in last
    return is_library and any(part in text for part in SYSTEM_PARTS)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Under ./run test a skip is a failure, for there everything that a test needs is installed."""
    report = yield
    if NO_SKIPS and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"this test skipped itself, which ./run test does not allow: {report.longrepr}"
    return report
