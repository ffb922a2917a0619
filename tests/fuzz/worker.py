"""The process that fuzzes: loads everything once, then forks a child for each request.

Requests come on standard input and answers go to standard output, a JSON object a line each. Libfuzzer never returns
to its caller, so each run has a process of its own, and a parser that kills it harms nothing else. Where atheris is
not to be had (Python 3.14 and later), the same cases are made by `tests.fuzz.mutation` alone: not guided by coverage.
"""

from __future__ import annotations

import json
import mmap
import os
import random
import resource
import select
import signal
import struct
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Final

try:
    import atheris as guide
except ImportError:  # no wheel for this Python
    guide = None
atheris: Any = guide

OURS: Final = ("engine", "sync", "itembank", "centralstore", "administration", "kiosk", "verifier")
if atheris is not None and __name__ == "__main__":
    sys.stdout, told = sys.stderr, sys.stdout  # atheris tells each module it instruments
    with atheris.instrument_imports(include=list(OURS), enable_loader_override=False):
        import_module("tests.fuzz.targets")
    sys.stdout = told

from tests.fuzz.controls import controls  # noqa: E402 - after our modules are instrumented
from tests.fuzz.mutation import mutate_bytes, mutate_json, mutate_parts  # noqa: E402 - as above
from tests.fuzz.target import CASE_BYTES, DRESSED, Fault, Target  # noqa: E402 - as above
from tests.fuzz.targets import targets  # noqa: E402 - as above

MEMORY_MIB: Final = 400
"""How much a run may grow by; all parsers together hold about 100 MiB when loaded."""

GIVE_UP_S: Final = 10.0
"""Of the processor's time for one input: it hangs. (What comes back is judged by `tests.fuzz.target.SLOWEST_MS`.)"""

STUCK_S: Final = 90.0
"""Of wall-clock time without another input begun: it waits, or hangs where no signal's handler is called."""

ADDRESS_SPACE: Final = 3 * 2**30
"""How much more memory a run may ask for, in bytes, however briefly."""

MOST_KEPT: Final = 500
"""Cases that were read and are changed further, where nothing guides."""

_CHECK_EVERY: Final = 256


@dataclass(slots=True)
class Asked:
    """What is asked of the worker."""

    target: str
    runs: int
    seconds: float
    seed: int
    least: int = 1
    corpus: str = ""
    is_guided: bool = True


@dataclass(slots=True)
class Told:
    """What came of it. ``fault`` "" when all held; ``case`` is the input's bytes in hexadecimal digits."""

    executions: int = 0
    dressed: int = 0
    read: int = 0
    slowest_ms: float = 0.0
    memory_mib: int = 0
    seconds: float = 0.0
    processor_s: float = 0.0
    fault: str = ""
    case: str = ""
    by: str = "atheris"
    begun: float = field(default_factory=time.monotonic)


class Trace:
    """What a run tries at present, in memory shared with the process that forked it."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 16 + 8 * CASE_BYTES)

    def begin(self, data: bytes) -> None:
        """Another input."""
        kept = data[: 8 * CASE_BYTES]
        self._memory[:16] = struct.pack(">dQ", time.monotonic(), len(kept))
        self._memory[16 : 16 + len(kept)] = kept

    @property
    def begun(self) -> float:
        """When the present input was begun (`time.monotonic`), 0 before the first."""
        return float(struct.unpack_from(">d", self._memory)[0])

    @property
    def data(self) -> bytes:
        """The present input."""
        return self._memory[16 : 16 + struct.unpack_from(">Q", self._memory, 8)[0]]


class Run:
    """One run of one target: counts, and stops at the first fault or when enough was tried."""

    def __init__(self, target: Target, asked: Asked, told: Told, trace: Trace, finish: Callable[[Told], None]) -> None:
        self._target = target
        self._asked = asked
        self._told = told
        self._trace = trace
        self._finish = finish
        self._at_first = _memory_mib()
        self._processor_at_first = time.process_time()

    def try_case(self, case: bytes) -> None:
        """Try one case; atheris takes no answer."""
        self.reads(case)

    def reads(self, case: bytes) -> bool:
        """Try one case; whether it was read and not refused."""
        told = self._told
        data = self._target.data_of(case)
        self._trace.begin(data)
        signal.setitimer(signal.ITIMER_PROF, GIVE_UP_S)
        told.case = data.hex() if len(data) < CASE_BYTES * 4 else ""
        is_read = False
        try:
            spent_ms, is_read = self._target.try_bytes(data)
            told.slowest_ms = max(told.slowest_ms, spent_ms)
        except Fault as fault:
            told.fault = str(fault)
        except MemoryError:
            told.fault = f"{self._target.name}: memory"
        signal.setitimer(signal.ITIMER_PROF, 0)
        told.executions += 1
        told.dressed += bool(case) and case[0] >= DRESSED
        if told.executions % _CHECK_EVERY == 0:
            told.memory_mib = _memory_mib() - self._at_first
            if told.memory_mib > MEMORY_MIB:
                told.fault = told.fault or f"{self._target.name}: grew by {told.memory_mib} MiB"
        seconds = time.monotonic() - told.begun
        is_time_up = seconds > self._asked.seconds and told.executions >= self._asked.least
        if told.fault or told.executions >= self._asked.runs or is_time_up:
            told.seconds, told.processor_s = seconds, time.process_time() - self._processor_at_first
            self._finish(told)
        told.read += is_read
        return is_read

    def hung(self, *_: object) -> None:
        """One input took too long."""
        self._told.fault = f"{self._target.name}: more than {GIVE_UP_S:.0f} s for one input"
        self._told.executions += 1
        self._finish(self._told)


def change(case: bytes, chance: random.Random) -> bytes:
    """Another case: its parts changed where it has parts, its JSON where it is JSON, else its bytes."""
    if case and case[0] >= DRESSED:
        return mutate_parts(case, chance)
    if chance.random() < 0.5:
        return case[:1] + mutate_json(case[1:], chance)
    return case[:1] + mutate_bytes(case[1:], chance)


def guided(run: Run, asked: Asked, target: Target) -> None:
    """Let atheris look for new ways through our code; never returns."""
    assert atheris is not None

    examples = list(target.examples())

    def mutate(case: bytes, most: int, seed: int) -> bytes:
        chance = random.Random(seed)
        drawn = chance.random()
        if drawn < 0.3 and case:
            return atheris.Mutate(case, most)
        begin = case if case and drawn < 0.65 else chance.choice(examples)
        return change(begin, chance)[:most]

    with tempfile.TemporaryDirectory() as folder:
        for number, example in enumerate(examples):
            Path(folder, str(number)).write_bytes(example)
        corpora = [asked.corpus, folder] if asked.corpus else [folder]
        options = [
            *(f"-seed={asked.seed + 1}", f"-max_len={CASE_BYTES}", "-verbosity=0", "-print_final_stats=0"),
            *("-timeout=86400", "-rss_limit_mb=4096", "-len_control=0", f"-artifact_prefix={folder}/"),
        ]
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 2)
        atheris.Setup(["fuzz", *options, *corpora], run.try_case, custom_mutator=mutate, internal_libfuzzer=True)
        atheris.Fuzz()


def unguided(run: Run, asked: Asked, target: Target) -> None:
    """Change examples at random, and what came of that again; never returns."""
    chance = random.Random(asked.seed)
    pool = list(target.examples())
    examples = tuple(pool)
    for each in examples:
        run.try_case(each)
    while True:
        case = chance.choice(pool)
        for _ in range(chance.choice((1, 1, 2, 5))):
            case = change(case, chance)[:CASE_BYTES]
        if run.reads(case) and len(pool) < MOST_KEPT:
            pool.append(case)


def serve() -> None:
    """Answer requests until there are no more."""
    for line in sys.stdin:
        asked = Asked(**json.loads(line))
        sys.stdout.write(json.dumps(forked(asked)) + "\n")
        sys.stdout.flush()


def forked(asked: Asked) -> dict[str, Any]:
    """Run in a child, which tells what came of it through a pipe; a child that dies or says nothing is a fault."""
    trace = Trace()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            fuzz(asked, trace, writing)
        finally:
            os._exit(3)
    os.close(writing)
    text, is_stuck = hear(reading, trace)
    if is_stuck:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if not text:
        code = os.waitstatus_to_exitcode(status)
        fault = f"no end after {STUCK_S:.0f} s" if is_stuck else f"its process ended by itself ({code})"
        return asdict(Told(fault=f"{asked.target}: {fault}", case=trace.data.hex()))
    found: dict[str, Any] = json.loads(text)
    return found


def fuzz(asked: Asked, trace: Trace, writing: int) -> None:
    """The child's work; never returns."""

    def finish(told: Told) -> None:
        with os.fdopen(writing, "w") as pipe:
            plain = asdict(told)
            if not told.fault:
                plain["case"] = ""
            pipe.write(json.dumps(plain))
        os._exit(0)

    taken = _address_space()
    resource.setrlimit(resource.RLIMIT_AS, (taken + ADDRESS_SPACE, taken + ADDRESS_SPACE))
    target = {**targets(), **controls()}[asked.target]
    is_guided = asked.is_guided and atheris is not None
    run = Run(target, asked, Told(by="atheris" if is_guided else "our own mutations"), trace, finish)
    signal.signal(signal.SIGPROF, run.hung)
    (guided if is_guided else unguided)(run, asked, target)


def hear(reading: int, trace: Trace) -> tuple[str, bool]:
    """What the child tells, and whether it is stuck: it tells nothing and has begun no input for long."""
    heard = b""
    with os.fdopen(reading, "rb", buffering=0) as pipe:
        while True:
            if select.select([pipe], [], [], 1.0)[0]:
                piece = pipe.read(2**20)
                if not piece:
                    return heard.decode(), False
                heard += piece
            elif trace.begun and time.monotonic() - trace.begun > STUCK_S:
                return "", True


def _address_space() -> int:
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    return pages * resource.getpagesize()


def _memory_mib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    serve()
