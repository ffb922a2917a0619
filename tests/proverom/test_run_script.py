"""`./run`: what it installs, what it says, and that it does either only once.

The script is the real one. It runs on a simulated machine: a PATH of its own, on which dpkg, apt and uv keep their
interface but only write down what they were asked for.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from proverom.cli import TABLE, read_commands

ROOT = TABLE.parent.parent
TOOLS = (
    *("cat", "cut", "date", "dirname", "env", "find", "flock", "grep", "head", "mkdir", "printf", "readlink"),
    *("rm", "sha256sum", "sh", "tail", "touch", "tr", "true"),
)
CARRIED = ("run", "pyproject.toml", "uv.lock", "proverom/commands.txt", "deploy/packages-debian.txt", "deploy/uv.txt")

DPKG_QUERY = """#!/bin/sh
shift 3
for package in "$@"; do grep -qx "$package" "$STATE/installed" && printf 'installed/%s ' "$package"; done
exit 1
"""
APT_CACHE = """#!/bin/sh
grep -qx "$3" "$STATE/known"
"""
APT_GET = r"""#!/bin/sh
printf '%s\n' "$*" >>"$STATE/apt-calls"
[ ! -e "$STATE/apt-fails" ] || { echo 'E: Unable to fetch some archives'; exit 100; }
echo pmstatus:x:50.0:Installing >&3
for word in "$@"; do case $word in -*|*=*|install|update) ;; *) echo "$word" >>"$STATE/installed" ;; esac; done
"""
PYTHON = """#!/bin/sh
echo "python $*"
"""
UV = r"""#!/bin/sh
printf '%s\n' "$*" >>"$STATE/uv-calls"
"""


class Machine:
    """A machine with a copy of the project, a PATH of its own, and a record of what was asked of it."""

    def __init__(self, folder: Path) -> None:
        self.project, self.bin, self.state = folder / "project", folder / "bin", folder / "state"
        for path in (self.bin, self.state):
            path.mkdir(parents=True)
        for name in CARRIED:
            (self.project / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, self.project / name)
        for tool in TOOLS:
            (self.bin / tool).symlink_to(_path_of(tool))
        programs = {"dpkg-query": DPKG_QUERY, "apt-cache": APT_CACHE, "apt-get": APT_GET, "id": "#!/bin/sh\necho 0\n"}
        for name, text in programs.items():
            self.program(self.bin / name, text)
        self.knows(entry.rstrip("?") for entry in entries())
        self.has()
        self.program(self.project / ".venv/bin/python", PYTHON)
        self.program(self.project / ".tools/uv/bin/uv", UV)
        self.stamp()

    def program(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)  # never through a link into the system
        path.write_text(text)
        path.chmod(0o755)

    def knows(self, packages: Iterable[str]) -> None:
        names = [name for package in packages for name in package.split("|")]
        (self.state / "known").write_text("".join(f"{name}\n" for name in names))

    def has(self, *packages: str) -> None:
        (self.state / "installed").write_text("".join(f"{name}\n" for name in packages))

    def stamp(self) -> None:
        """As if uv and the Python environment had been made from the files that are there."""
        lock, uv = _fingerprint(self.project, "uv.lock", "pyproject.toml"), _fingerprint(self.project, "deploy/uv.txt")
        (self.project / ".venv/made-from").write_text(f"{lock} {self.project}\n")
        (self.project / ".tools/uv/made-from").write_text(f"{uv}\n")

    def run(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": str(self.bin), "HOME": str(self.state), "STATE": str(self.state), **settings}
        command = ["/bin/sh", str(self.project / "run"), *arguments]
        return subprocess.run(
            command,
            env=environment,
            cwd=self.state,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def calls(self, program: str) -> list[str]:
        record = self.state / f"{program}-calls"
        return record.read_text().splitlines() if record.exists() else []

    def installs(self) -> list[set[str]]:
        """The packages of each call of `apt-get install`; reading the lists anew is another call."""
        calls = [call.split() for call in self.calls("apt") if " install " in call]
        return [{word for word in words[words.index("install") + 1 :] if word[0] != "-"} for words in calls]

    def becomes_user_without_rights(self) -> None:
        self.program(self.bin / "id", "#!/bin/sh\necho 1000\n")


def _fingerprint(folder: Path, *names: str) -> str:
    return hashlib.sha256(b"".join((folder / name).read_bytes() for name in names)).hexdigest()[:16]


def _path_of(tool: str) -> str:
    path = shutil.which(tool, path="/usr/bin:/bin")
    assert path, f"{tool} is part of every Debian"
    return path


def entries(*groups: str) -> list[str]:
    """The entries of the package list, of some groups or all."""
    rows = [row.split() for row in (ROOT / "deploy/packages-debian.txt").read_text().splitlines()]
    return [row[1] for row in rows if row and row[0] != "#" and (not groups or row[0] in groups)]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_first_call_installs_what_dpkg_lacks_and_no_more(machine: Machine) -> None:
    machine.has("python3", "xvfb", "libglib2.0-0t64")
    done = machine.run("demo", "--unattended")
    assert done.returncode == 0
    assert done.stdout == "python -P -m proverom demo --unattended\n"
    wanted = set(entries("base", "qt", "screen", "sound", "speech", "fonts"))
    assert machine.installs() == [
        {entry.rstrip("?") for entry in wanted} - {"python3", "xvfb", "libglib2.0-0|libglib2.0-0t64"}
    ]
    call = machine.calls("apt")[-1]
    assert "--no-remove" in call
    assert "DPkg::Lock::Timeout=400" in call


def test_a_second_call_asks_for_nothing_and_starts_within_two_seconds(machine: Machine) -> None:
    machine.run("test")
    asked = machine.calls("apt")
    took_s: list[float] = []
    while not took_s or (took_s[-1] >= 2 and len(took_s) < 10):  # the promise of the README, on a quiet machine
        begun = time.monotonic()
        done = machine.run("test", "-k", "a b")
        took_s.append(time.monotonic() - begun)
        assert done.stdout == "python -P -m proverom test -k a b\n"
        assert done.stderr == ""
    assert took_s[-1] < 2
    assert machine.calls("apt") == asked


def test_a_command_without_a_screen_needs_no_screen(machine: Machine) -> None:
    machine.run("rules")
    assert machine.installs() == [{"ca-certificates", "python3", "python3-venv"}]


def test_a_package_that_was_taken_away_is_installed_again(machine: Machine) -> None:
    machine.run("rules")
    machine.has("ca-certificates", "python3")
    machine.run("rules")
    assert machine.installs()[-1] == {"python3-venv"}


def test_a_package_that_apt_does_not_know_is_told_once(machine: Machine) -> None:
    machine.knows(entry for entry in entries() if not entry.endswith("?"))
    first = machine.run("test")
    assert first.returncode == 0
    assert "apt does not have chromium chromium-driver here" in first.stderr
    assert machine.run("test").stderr == ""
    assert len(machine.installs()) == 1


def test_without_apt_one_sentence_names_the_packages_and_the_command_goes_on(machine: Machine) -> None:
    for program in ("apt-get", "apt-cache", "dpkg-query"):
        (machine.bin / program).unlink()
    done = machine.run("rules")
    assert done.returncode == 0
    assert done.stderr == (
        "proverom: this machine has no apt: install by hand what these Debian packages hold: "
        "ca-certificates python3 python3-venv\n"
    )
    assert machine.run("rules").stderr == ""


def test_a_user_without_rights_is_told_what_to_ask_for(machine: Machine) -> None:
    machine.becomes_user_without_rights()
    done = machine.run("rules")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "apt-get install --no-install-recommends ca-certificates python3 python3-venv" in done.stderr
    assert machine.calls("apt") == []


def test_a_user_with_sudo_installs_through_it(machine: Machine) -> None:
    machine.becomes_user_without_rights()
    machine.program(
        machine.bin / "sudo",
        '#!/bin/sh\nprintf "%s\\n" "$*" >>"$STATE/sudo-calls"\n[ "$1" = -n ] && shift\nexec "$@"\n',
    )
    assert machine.run("rules").returncode == 0
    assert machine.installs() == [{"ca-certificates", "python3", "python3-venv"}]
    calls = machine.calls("sudo")
    assert calls[0] == "-n true"  # nobody is there to type a password
    assert [call[:7] for call in calls[1:]] == ["-n env "] * len(calls[1:])


def test_packages_can_be_left_alone(machine: Machine) -> None:
    done = machine.run("test", PROVEROM_PACKAGES="skip")
    assert done.returncode == 0
    assert machine.calls("apt") == []


def test_when_apt_fails_the_lists_are_read_again_and_then_it_is_told_why(machine: Machine) -> None:
    (machine.state / "apt-fails").touch()
    done = machine.run("rules")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "E: Unable to fetch some archives" in done.stderr
    assert "install them by hand and call again with PROVEROM_PACKAGES=skip: ca-certificates python3" in done.stderr
    assert machine.calls("apt")[-1].endswith(" update")


def test_a_changed_lock_file_is_installed_once_with_the_system_python(machine: Machine) -> None:
    machine.has(*entries("base"))
    with (machine.project / "uv.lock").open("a") as lock:
        lock.write("\n# changed\n")
    assert machine.run("rules").returncode == 0
    assert machine.run("rules").returncode == 0
    (call,) = machine.calls("uv")
    assert call.startswith("sync --frozen --all-extras --python /usr/")


def test_an_environment_that_was_moved_is_made_anew(machine: Machine) -> None:
    """Its programs name the place they were made in."""
    machine.has(*entries("base"))
    moved = machine.project.with_name("moved")
    machine.project.rename(moved)
    machine.project = moved
    machine.run("rules")
    assert len(machine.calls("uv")) == 1
    assert not (moved / ".venv/bin/python").exists()  # until uv, which only writes down here, has made it


def test_what_is_ready_runs_for_a_user_who_may_not_write(machine: Machine) -> None:
    machine.has(*entries("base"))
    assert machine.run("rules").returncode == 0
    assert not (machine.project / ".cache").exists()


def test_an_unknown_command_is_told_and_nothing_is_installed(machine: Machine) -> None:
    done = machine.run("dmeo")
    assert done.returncode == 2
    assert done.stderr == "proverom: there is no command 'dmeo'; ./run alone lists them.\n"
    assert machine.calls("apt") == []


def test_without_a_command_the_list_is_shown_and_nothing_is_installed(machine: Machine) -> None:
    (machine.project / "psychometrics/commands").mkdir(parents=True)
    (machine.project / "psychometrics/commands/score.py").touch()
    done = machine.run()
    assert [line.split()[0] for line in done.stdout.splitlines()[1:]] == ["score"]
    assert machine.calls("apt") == []


def test_every_command_needs_groups_that_the_package_list_has() -> None:
    for command in read_commands(TABLE.read_text()).values():
        assert "base" in command.groups
        for group in command.groups:
            assert entries(group), f"{command.name}: {group}"


def test_the_script_is_executable() -> None:
    assert os.access(ROOT / "run", os.X_OK)
    assert os.access(ROOT / ".ci/run", os.X_OK)
