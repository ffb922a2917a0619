"""Play simulated rooms: ``.venv/bin/python -m tests.simulation SEED [--trace] [--full] [--calm PCS] [--count N]``."""

from __future__ import annotations

import argparse
import sys
import time

from tests.simulation.books import BrokenPromiseError
from tests.simulation.place import forget_template
from tests.simulation.world import Knobs, World


def main() -> int:
    """Play it and say what came of it; 1 when an invariant broke."""
    parser = argparse.ArgumentParser(prog="tests.simulation", description=__doc__)
    parser.add_argument("seed", type=int)
    parser.add_argument("--trace", action="store_true", help="print every event with its simulated milliseconds")
    parser.add_argument("--calm", type=int, metavar="PCS", help="a room of so many PCs where nothing goes wrong")
    parser.add_argument("--count", type=int, default=1, help="play so many seeds from this one on")
    parser.add_argument("--full", action="store_true", help="a room of 30 PCs")
    given = parser.parse_args()
    failed: list[int] = []
    for seed in range(given.seed, given.seed + given.count):
        knobs = Knobs.calm(given.calm) if given.calm else Knobs.full(seed) if given.full else None
        world = World(seed, knobs=knobs, tell=_say if given.trace else None)
        begun = time.process_time()
        try:
            world.run()
        except (Exception, BrokenPromiseError) as error:  # noqa: BLE001 - told, and the next seed is played
            failed.append(seed)
            _say(f"seed {seed} at {world.scheduler.now_ms} ms: {type(error).__name__}: {error}")
        seconds = time.process_time() - begun
        counts = dict(sorted(world.count.items()))
        _say(f"seed {seed}: {world.knobs.pcs} PCs, {seconds:.2f} s, trace {world.digest[:16]}, {counts}")
    if given.count > 1:
        _say(f"{given.count} seeds, failed: {failed}")
    forget_template()
    return 1 if failed else 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main())
