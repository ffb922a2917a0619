"""The store's append-only log: is everything in it, is it one tree, was nothing dated back (docs/formats.md §10)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from verifier import canonical
from verifier.bundle import Bundle
from verifier.canonical import Fields
from verifier.crypto import claimed, is_signed, open_message
from verifier.errors import need, refuse
from verifier.report import Report
from verifier.tree import leaf_hash, root_by_path, roots_by_proof

TOLERANCE_MS: Final = 60_000
"""How far times may go back along the log: receipts are signed before they wait for the one writer."""

SIGNED_THEMSELVES: Final = frozenset({"receipt", "order"})
"""Kinds of leaf whose content is signed, so that the leaf need not be."""

_MOST_BYTES: Final = 256 * 2**20
_HASH: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Content:
    """Something that must be in the log: what was hashed, and when it says it was made (None: not to be judged)."""

    kind: str
    ref: str
    leaf: bytes
    at_utc_ms: int | None


@dataclass(frozen=True)
class Checkpoint:
    """The store's word that its log has this size and root."""

    size: int
    root: bytes
    at_utc_ms: int


def check_log(
    bundle: Bundle, contents: Sequence[Content], witnesses: Sequence[bytes], report: Report
) -> Mapping[str, int]:
    """Hold everything that must be in the log against it.

    Args:
        bundle: the bundle.
        contents: all receipts, orders, results, conflicts and audit rows.
        witnesses: what the auditor brought: witnesses' public keys, or checkpoints that they cosigned.
        report: gets what is wrong.

    Returns:
        "kind ref" → index in the log, of what is in it.
    """
    with report.checking("log checkpoint", "log/checkpoint.json"):
        checkpoint = _checkpoint(bundle.file("log/checkpoint.json"), bundle.keys["log_key"])
        leaves = _leaves(bundle, checkpoint, report)
        places = _contents(contents, leaves, report)
        _times(contents, places, checkpoint, report)
        _witnesses(bundle, contents, places, checkpoint, witnesses, report)
        return places
    report.unchecked.append("the log: without its checkpoint nothing else of it can be checked")
    return {}


def _checkpoint(data: bytes, log_key: str) -> Checkpoint:
    body = open_message(data, "checkpoint", log_key)
    body.is_value("format", 1)
    body.is_value("log", log_key)
    checkpoint = Checkpoint(body.count("size"), bytes.fromhex(body.hex("root", 32)), body.count("at_utc_ms"))
    body.end()
    return checkpoint


def _list(bundle: Bundle, name: str) -> list[object]:
    return canonical.entries(canonical.decode(bundle.file(name), "it", limit=_MOST_BYTES), "it")


def _hashes(proof: Fields) -> Sequence[bytes]:
    """The path of a proof."""
    steps = proof.texts("path")
    need(all(_HASH.fullmatch(step) for step in steps), "a proof is no list of hashes")
    return [bytes.fromhex(step) for step in steps]


def _leaves(bundle: Bundle, checkpoint: Checkpoint, report: Report) -> Mapping[tuple[str, str], tuple[int, bytes]]:
    """(kind, ref) → index and hash of every leaf of the sitting that is proven to be in the tree."""
    paths: dict[int, Sequence[bytes]] = {}
    for entry in _list(bundle, "log/proofs.json"):
        proof = Fields(entry, "a proof")
        paths[proof.count("index")] = _hashes(proof)
    leaves: dict[tuple[str, str], tuple[int, bytes]] = {}
    taken: set[int] = set()
    for entry in _list(bundle, "log/leaves.json"):
        fields = Fields(entry, "a leaf")
        index, kind, ref = fields.count("index"), fields.text("kind"), fields.text("ref")
        leaf = bytes.fromhex(fields.hex("leaf", 32))
        where = f"leaf {index} ({kind} {ref[:120]})"
        with report.checking("leaves made by the store", where):
            _check_leaf_signature(bundle, fields, kind, ref)
        fields.end()
        with report.checking("leaves in the tree", where):
            need(index in paths, "there is no proof that it is in the log")
            is_in = root_by_path(leaf, index, checkpoint.size, paths[index]) == checkpoint.root
            need(is_in, "its proof does not lead to the checkpoint's root: it is not in the log")
            need(index not in taken and (kind, ref) not in leaves, "it is listed twice")
            taken.add(index)
            leaves[kind, ref] = index, leaf
    return leaves


def _check_leaf_signature(bundle: Bundle, fields: Fields, kind: str, ref: str) -> None:
    """What bears no signature of its own is signed as a leaf: nobody adds it who has the database alone."""
    signature, sitting = bytes.fromhex(fields.hex("signature", None)), fields.text("sitting")
    is_of_it = sitting == bundle.sitting or (kind == "audit" and not sitting)
    need(is_of_it, f"it is of sitting '{sitting[:64]}'")
    if kind in SIGNED_THEMSELVES and not signature:
        return
    message = canonical.encode({"kind": kind, "leaf": fields.plain["leaf"], "ref": ref, "sitting": sitting})
    need(is_signed(bundle.keys["log_key"], "leaf", message, signature), "the store's log key did not sign it")


def _contents(
    contents: Sequence[Content], leaves: Mapping[tuple[str, str], tuple[int, bytes]], report: Report
) -> dict[str, int]:
    """Rebuild every leaf from what it is of; both ways: nothing outside the log, nothing in it without its content."""
    places: dict[str, int] = {}
    for content in contents:
        name = f"{content.kind} {content.ref}"
        with report.checking(f"{content.kind}s in the log", name[:200]):
            need((content.kind, content.ref) in leaves, "it is not in the log: it was added without it")
            index, leaf = leaves[content.kind, content.ref]
            need(
                leaf_hash(content.leaf) == leaf, f"it is not what was logged as leaf {index}: it was changed afterwards"
            )
            need(name not in places, "it is there twice")
            places[name] = index
    there = {(content.kind, content.ref) for content in contents}
    with report.checking("logged and still there", "log/leaves.json"):
        for kind, ref in leaves:
            if (kind, ref) not in there:
                index = leaves[kind, ref][0]
                report.find("logged and still there", f"leaf {index}", f"the {kind} {ref[:120]} was logged and is gone")
    return places


def _times(contents: Sequence[Content], places: Mapping[str, int], checkpoint: Checkpoint, report: Report) -> None:
    """Times go up along the log: what is dated back stands behind later things."""
    newest, before = 0, ""
    for index, at_utc_ms, name in _dated(contents, places):
        with report.checking("times along the log", name[:200]):
            if at_utc_ms < newest - TOLERANCE_MS:
                late_s = (newest - at_utc_ms) // 1000
                report.find(
                    "times along the log",
                    name[:200],
                    f"leaf {index} is dated {late_s} s before {before[:200]}, which is before it in the log",
                )
            elif at_utc_ms > checkpoint.at_utc_ms + TOLERANCE_MS:
                report.find(
                    "times along the log", name[:200], f"leaf {index} is dated after the checkpoint that holds it"
                )
            if at_utc_ms > newest:
                newest, before = at_utc_ms, name


def _dated(contents: Sequence[Content], places: Mapping[str, int]) -> list[tuple[int, int, str]]:
    """(index, time, name) of what has a time to be judged, along the log."""
    named = [(f"{each.kind} {each.ref}", each.at_utc_ms) for each in contents]
    return sorted((places[name], at, name) for name, at in named if at is not None and name in places)


# --- witnesses --------------------------------------------------------------------------------------------------------


def _witnesses(
    bundle: Bundle,
    contents: Sequence[Content],
    places: Mapping[str, int],
    checkpoint: Checkpoint,
    brought: Sequence[bytes],
    report: Report,
) -> None:
    """Hold the log against what other organisations saw of it earlier."""
    pinned = {key for data in brought if (key := _public_key(data))}
    seen = [(name, data) for name, data in bundle.under("witness", ".json")]
    seen += [(f"witness file {number}", data) for number, data in enumerate(brought, 1) if not _public_key(data)]
    if not seen:
        report.unchecked.append("the log against a witness: none is here, so a log rewritten as a whole would not show")
    elif not pinned and not any(name.startswith("witness file") for name, _ in seen):
        report.trust.append(
            "UNPINNED: the witnesses' checkpoints came with the bundle; --witness names one of your own"
        )
    dated = _dated(contents, places)
    for name, data in seen:
        with report.checking("witnessed checkpoints", name):
            older, seen_utc_ms = _cosigned(data, bundle.keys["log_key"], pinned)
            _continues(bundle, older, checkpoint, name, report)
            for index, at_utc_ms, what in dated:
                if index >= older.size and at_utc_ms < older.at_utc_ms - TOLERANCE_MS:
                    report.find(
                        "witnessed checkpoints",
                        name,
                        f"{what[:200]} is dated before this checkpoint, which does not hold it: it was dated back",
                    )
                if index < older.size and at_utc_ms > seen_utc_ms + TOLERANCE_MS:
                    report.find(
                        "witnessed checkpoints", name, f"{what[:200]} is dated after the witness saw it in the log"
                    )


def _public_key(data: bytes) -> str:
    """The witness's public key in a file that holds nothing else; "" for another file."""
    text = data.decode("ascii", "replace").strip()
    return text if _HASH.fullmatch(text) else ""


def _cosigned(data: bytes, log_key: str, pinned: set[str]) -> tuple[Checkpoint, int]:
    """A checkpoint that a witness cosigned, and when the witness saw it."""
    body, signed, signature = claimed(data.strip(), "cosigned-checkpoint", limit=65_536)
    body.is_value("format", 1)
    key, witness = body.hex("key", 32), body.text("witness")
    need(is_signed(key, "signed/cosigned-checkpoint", signed, bytes.fromhex(signature)), "the witness did not sign it")
    need(not pinned or key in pinned, f"'{witness[:60]}' is not a witness whose key was given")
    checkpoint = _checkpoint(body.text("checkpoint").encode(), log_key)
    seen_utc_ms = body.count("seen_utc_ms")
    body.end()
    return checkpoint, seen_utc_ms


def _continues(bundle: Bundle, older: Checkpoint, newer: Checkpoint, name: str, report: Report) -> None:
    """Whether the export's log is the witnessed one, gone on."""
    if older.size > newer.size:
        is_older = older.at_utc_ms <= max(newer.at_utc_ms, bundle.made_utc_ms)
        need(not is_older, f"the log had {older.size} leaves then and has {newer.size} now: its end was cut off")
        report.unchecked.append(
            f"{name}: it is newer than the export's checkpoint; export the sitting again to check it"
        )
        return
    if older.size in {0, newer.size}:
        need(older.size == 0 or older.root == newer.root, "the log was another one when the witness saw it")
        return
    for entry in _list(bundle, "log/consistency.json"):
        proof = Fields(entry, "a consistency proof")
        if (proof.count("first"), proof.count("last")) == (older.size, newer.size):
            roots = roots_by_proof(older.size, newer.size, older.root, _hashes(proof))
            need(roots == (older.root, newer.root), "the log was another one when the witness saw it")
            return
    refuse(f"it cannot be held against the log: there is no consistency proof from {older.size} leaves")
