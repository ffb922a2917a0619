"""A PostgreSQL server of the tests' own: Debian's programs, a folder in /tmp, a Unix socket, fsync on."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import psycopg

from proverom.virtual import mortal

VERSIONS = Path("/usr/lib/postgresql")
START_SECONDS = 30.0
ROOM_BYTES = 2**30
SETTINGS = {
    "listen_addresses": "",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "max_connections": "60",
    "shared_buffers": "64MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "1h",
    "recovery_init_sync_method": "syncfs",
    "dynamic_shared_memory_type": "mmap",
}


def programs() -> Path | None:
    """The folder of the newest installed server's programs; None where there is none."""
    found = sorted((path for path in VERSIONS.glob("*/bin") if (path / "postgres").exists()), key=_version)
    return found[-1] if found else None


def _version(path: Path) -> int:
    name = path.parent.name
    return int(name) if name.isdigit() else 0


class Postgres:
    """One server. Its programs refuse to run as root, so root runs them as the user "postgres" or "nobody"."""

    def __init__(self, folder: Path, bin_folder: Path) -> None:
        self._folder = folder
        self._bin = bin_folder
        self._process: subprocess.Popen[bytes] | None = None
        self._user = _other_user()
        if self._user:
            folder.chmod(0o755)
            shutil.chown(folder, self._user)
        made = ["--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C"]
        self._run("initdb", *made, "--pgdata", str(self.data))
        self._made = 0

    @property
    def data(self) -> Path:
        """Its data folder."""
        return self._folder / "data"

    def url(self, database: str) -> str:
        """What a store's setting names."""
        return f"postgresql+psycopg://postgres@/{database}?host={self._folder}"

    def start(self, **changes: str) -> None:
        """Start it, with ``changes`` to `SETTINGS`, and wait until it answers."""
        options = [word for name, value in {**SETTINGS, **changes}.items() for word in ("-c", f"{name}={value}")]
        words = [f"{self._bin / 'postgres'}", "-D", f"{self.data}", "-k", f"{self._folder}", *options]
        with (self._folder / "log").open("ab") as log:
            # It ends with the thread that starts it, so that none outlives a test run that was killed.
            started = subprocess.Popen(mortal(words), stdout=log, stderr=log, start_new_session=True, **self._as_user())
        process = cast("subprocess.Popen[bytes]", started)
        self._process = process
        end = time.monotonic() + START_SECONDS
        while not self._answers():
            if time.monotonic() > end or process.poll() is not None:
                raise RuntimeError((self._folder / "log").read_text(errors="replace")[-2000:])
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop it at once; what it held is of no use any more."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(timeout=30)
            self._process = None

    def kill(self) -> None:
        """SIGKILL to all its processes; a killed postmaster must be reaped, else its lock file counts as held."""
        assert self._process is not None
        family = [self._process.pid, *_children(self._process.pid)]
        for pid in family:
            with contextlib.suppress(ProcessLookupError):  # a backend that saw its postmaster die
                os.kill(pid, signal.SIGKILL)
        self._process.wait()
        self._process = None
        while any(_lives(pid) for pid in family):
            time.sleep(0.005)

    def create(self, template: str = "template1", *, name: str = "") -> str:
        """A new database, a copy of ``template``; its name, the next of this server's own where none is given."""
        if not name:
            self._made += 1
            name = f"d{self._made}"
        self.execute(f'CREATE DATABASE {name} TEMPLATE "{template}"')
        return name

    def drop(self, database: str) -> None:
        """Take a database away with whoever is connected."""
        self.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")

    def execute(self, statement: str) -> None:
        """Run one statement as its superuser."""
        with psycopg.connect(host=str(self._folder), user="postgres", dbname="postgres", autocommit=True) as connection:
            connection.execute(statement.encode())

    def _answers(self) -> bool:
        try:
            self.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def _run(self, program: str, *words: str) -> None:
        subprocess.run([self._bin / program, *words], check=True, capture_output=True, timeout=60, **self._as_user())

    def _as_user(self) -> dict[str, Any]:
        if not self._user:
            return {}
        entry = pwd.getpwnam(self._user)
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": [], "cwd": self._folder}


@contextmanager
def running_postgres(bin_folder: Path, *, place: str = "/tmp") -> Generator[Postgres]:
    """A fresh server, gone afterwards with all it held.

    Args:
        bin_folder: its programs.
        place: on what disk; `memory_place` where nothing is measured.
    """
    folder = Path(tempfile.mkdtemp(prefix="proverom-pg-", dir=place))
    try:
        server = Postgres(folder, bin_folder)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def memory_place() -> str:
    """A file system in memory where there is one with room: making and dropping a database there costs little.

    SIGKILL takes no file away, there or on a disk, so what is proven by killing is proven there too.
    """
    shared = Path("/dev/shm")
    has_room = shared.is_dir() and shutil.disk_usage(shared).free >= ROOM_BYTES
    return str(shared) if has_room else "/tmp"


def _other_user() -> str:
    """Who runs it when this is root; "" when this is nobody special."""
    if os.geteuid() != 0:
        return ""
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _children(parent: int) -> Sequence[int]:
    found: list[int] = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text(encoding="ascii", errors="replace").rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == parent:
            found.append(int(path.parent.name))
    return found


def _lives(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
