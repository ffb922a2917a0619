"""What leaves the store for others to check: an exported sitting, and the log's proofs beside other exports.

An exported sitting is a folder that a second program, written by someone else, verifies from its files alone
(``docs/formats.md``): envelopes, receipts, orders, results, acts, and the proofs that all of it lies in one log.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from centralstore.errors import SetUpError
from centralstore.store import Store
from sync.canonical import canonical_bytes
from sync.checkpoint import Checkpoint, verify_checkpoint, verify_cosigned
from sync.keys import sha256_hex

CONTENTS = "bundle.json"


@dataclass
class OutFolder:
    """A new folder of files, each on disk before the next; ``files``: name, bytes and SHA-256 of each."""

    path: Path
    files: list[tuple[str, int, str]] = field(default_factory=list[tuple[str, int, str]])

    def __post_init__(self) -> None:
        """Make the folder.

        Raises:
            SetUpError: it holds something already, or cannot be made.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            is_empty = not any(self.path.iterdir())
        except OSError as error:
            raise SetUpError(str(self.path), f"cannot be made ({error.strerror})", "Name another folder.") from error
        if not is_empty:
            raise SetUpError(str(self.path), "the folder is not empty", "Name a new one; exports are never mixed.")

    def write(self, name: str, data: bytes) -> None:
        """A file in it; ``name`` may have a folder before a slash.

        Raises:
            SetUpError: the disk refused.
        """
        target = self.path / name
        try:
            target.parent.mkdir(exist_ok=True, mode=0o700)
            with target.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise SetUpError(
                str(target), f"cannot be written ({error.strerror})", "Free space or name another folder."
            ) from error
        self.files.append((name, len(data), sha256_hex(data)))


def export_bundle(store: Store, sitting: str, out: OutFolder, *, checkpoint: Callable[[], bytes]) -> Checkpoint:
    """Write a sitting's export; the checkpoint that it is proven by.

    Args:
        store: open, for reading.
        sitting: which.
        out: a new folder.
        checkpoint: makes a checkpoint now; called after the sitting was read, so that it covers all of it.

    Raises:
        NotFoundError: no such sitting.
        SetUpError: the disk refused.
        LogBrokenError: the log is not the one that was signed for.
    """
    exported = store.export_sitting(sitting, out.write)
    signed = checkpoint()
    size = write_log(store, signed, out).size
    found = store.inclusions(exported.leaves, size) if exported.leaves else ()
    proofs = [{"index": each.index, "path": _hex(each.path)} for each in found]
    out.write("log/proofs.json", canonical_bytes(proofs))
    files = [{"bytes": size, "name": name, "sha256": digest} for name, size, digest in sorted(out.files)]
    contents = {**exported.facts, "files": files}
    out.write(CONTENTS, store.signed_contents(contents))
    return verify_checkpoint(signed, store.log_key)


def write_statement(store: Store, signed: bytes, counts: Mapping[str, int], out: Path) -> None:
    """The folder ``proofs`` of an export under pseudonyms, over the files that are in ``out`` now.

    A checkpoint of the log, what witnesses signed, and the store's signed statement: so many persons and responses,
    these files, at this state of the log. No inclusion proofs: a leaf's number tells when an attempt was delivered, and
    its hash can be compared with a sitting's own export, so a proof beside a row would lead from the row to a person.
    Whoever may know the people checks the sittings' exports (`export_bundle`) at the same checkpoint or a later one.

    Raises:
        SetUpError: the disk refused.
    """
    paths = sorted(path for path in out.rglob("*") if path.is_file())
    files: list[dict[str, object]] = [
        {
            "bytes": path.stat().st_size,
            "name": path.relative_to(out).as_posix(),
            "sha256": sha256_hex(path.read_bytes()),
        }
        for path in paths
    ]
    proofs = OutFolder(out / "proofs")
    seen = write_log(store, signed, proofs)
    proofs.write("statement.json", store.signed_statement(seen, counts, files))


def write_log(store: Store, signed: bytes, out: OutFolder) -> Checkpoint:
    """The checkpoint, the cosigned ones that are here, and the proofs that it continues each of these."""
    checkpoint = verify_checkpoint(signed, store.log_key)
    out.write("log/checkpoint.json", signed)
    consistency: list[dict[str, object]] = []
    for data, witness in store.witnessed():
        _, seen = verify_cosigned(data, witness, store.log_key)
        out.write(f"witness/{seen.size:012d}-{witness.hex[:16]}.json", data)
        if 0 < seen.size < checkpoint.size:
            path = store.consistency(seen.size, checkpoint.size)
            consistency.append({"first": seen.size, "last": checkpoint.size, "path": _hex(path)})
    out.write("log/consistency.json", canonical_bytes(consistency))
    return checkpoint


def _hex(path: Sequence[bytes]) -> list[str]:
    return [step.hex() for step in path]
