"""A crash writes no memory to a disk: no core file, no reading by others, and swap space is told of."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sync.memory import keep_memory_private, swaps

ROOT = Path(__file__).parents[2]
PROGRAM = """
import os, resource, sys
from sync.memory import keep_memory_private
resource.setrlimit(resource.RLIMIT_CORE, resource.getrlimit(resource.RLIMIT_CORE)[1:] * 2)
secret = os.urandom(16).hex() * 100
if sys.argv[1] == "private":
    assert keep_memory_private()
print(resource.getrlimit(resource.RLIMIT_CORE)[0], os.stat("/proc/self/mem").st_uid, flush=True)
os.abort()
"""


def crashed(folder: Path, how: str) -> tuple[str, int]:
    """What a program told before it crashed with a core limit as high as it may be, and its exit status."""
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, how],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return ended.stdout.split()[0], ended.returncode


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="prctl is Linux's")
def test_a_crash_leaves_no_core_file(tmp_path: Path) -> None:
    limit, status = crashed(tmp_path, "private")
    assert (limit, status) == ("0", -signal.SIGABRT)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="prctl is Linux's")
def test_control_without_it_the_limit_of_core_files_stays_as_it_was(tmp_path: Path) -> None:
    import resource

    if resource.getrlimit(resource.RLIMIT_CORE)[1] == 0:
        assert crashed(tmp_path, "open")[0] == "0"  # the system allows none at all
    else:
        assert crashed(tmp_path, "open")[0] != "0"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="prctl is Linux's")
def test_another_program_of_the_same_user_may_not_read_it() -> None:
    """A process that is not dumpable belongs to root in /proc, whoever runs it."""
    read = "import ctypes; from sync.memory import keep_memory_private; keep_memory_private(); "
    told = subprocess.run(
        [sys.executable, "-c", read + "print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert told.stdout.strip() == "0"  # PR_GET_DUMPABLE


def test_swap_space_on_a_disk_is_told_and_compressed_memory_is_not(tmp_path: Path) -> None:
    file = tmp_path / "swaps"
    file.write_text("Filename Type Size Used Priority\n/dev/zram0 partition 1 0 100\n/swapfile file 1 0 -2\n")
    assert swaps(file) == ("/swapfile",)
    assert swaps(tmp_path / "none") == ()
    assert callable(keep_memory_private)
