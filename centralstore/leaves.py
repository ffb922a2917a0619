"""What becomes a leaf of the store's log, and the exact bytes that are hashed for it (`sync/PROTOCOL.md`, log).

Pure: a row is anything with the fields as attributes. Contents are canonical JSON; a float (ability, its error) is
spelled as text in Python's shortest form that reads back as the same number, for canonical JSON has integers only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, cast

from sync.canonical import canonical_bytes
from sync.keys import SigningKey, VerifyKey

RECEIPT: Final = "receipt"
CONFLICT: Final = "conflict"
ORDER: Final = "order"
RESULT: Final = "result"
AUDIT: Final = "audit"
CHECKPOINT: Final = "checkpoint"
ENROLMENT: Final = "enrolment"
SELF_SIGNED: Final = frozenset({RECEIPT, ORDER, CHECKPOINT})
"""Their contents carry a signature of the store; whoever writes the others into the database alone has none."""

_PURPOSE: Final = "leaf"
_CONFLICT: Final = (
    "at_ms", "attempt", "device", "first", "last", "offered_sha256", "segment", "sitting", "stored_sha256",
)  # fmt: skip
_RESULT: Final = (
    "attempt", "candidate", "data", "findings", "keys_sha256", "level", "part", "scored_ms", "scoring_number",
    "scoring_version", "sitting",
)  # fmt: skip
_ENROLMENT: Final = ("accommodation_ms", "candidate", "level", "part", "sitting")
_AUDIT: Final = (
    "act", "at_ms", "candidate", "detail", "id", "is_allowed", "role", "room", "site", "sitting", "user",
)  # fmt: skip


class Leaf(NamedTuple):
    """What becomes a leaf: ``content`` are the exact bytes that are hashed, ``sitting`` "" = of no sitting."""

    kind: str
    ref: str
    sitting: str
    content: bytes


def place_ref(attempt: str, segment: str, first: int, last: int) -> str:
    """The ref of a receipt's leaf, and the stem of its files in an exported sitting."""
    return f"{attempt}-{segment}-{first:08d}-{last:08d}"


def conflict_ref(row: Any) -> str:  # noqa: ANN401 - a row of any kind with these fields
    """The ref of a conflict's leaf: its place and the beginning of the hash of what was offered."""
    return f"{place_ref(row.attempt, row.segment, row.first, row.last)}-{row.offered_sha256[:16]}"


def receipt_leaf(row: Any) -> Leaf:  # noqa: ANN401
    """A kept envelope's leaf: the signed receipt's bytes, which name the envelope's hash and when it was stored."""
    return Leaf(RECEIPT, place_ref(row.attempt, row.segment, row.first, row.last), row.sitting, row.receipt)


def conflict_leaf(row: Any) -> Leaf:  # noqa: ANN401
    """A kept conflict's leaf: which hash lay in which place, and which was offered."""
    return Leaf(CONFLICT, conflict_ref(row), row.sitting, canonical_bytes(conflict_content(row)))


def order_leaf(row: Any) -> Leaf:  # noqa: ANN401
    """A given order's leaf: the order and its signature, as PCs get it."""
    return Leaf(ORDER, f"{row.sitting}/{row.number}", row.sitting, row.data)


def result_leaf(row: Any) -> Leaf:  # noqa: ANN401
    """A result's leaf: all of one scoring but its state, which changes when results are released."""
    return Leaf(RESULT, f"{row.attempt}/{row.scoring_number}", row.sitting, canonical_bytes(result_content(row)))


def audit_leaf(row: Any) -> Leaf:  # noqa: ANN401
    """An act's leaf: the whole row."""
    return Leaf(AUDIT, str(row.id), row.sitting, canonical_bytes(audit_content(row)))


def enrolment_leaf(row: Any) -> Leaf:  # noqa: ANN401
    """An enrolment's leaf: level and granted minutes, set once; not the signed hand-in, which comes later."""
    content = canonical_bytes(_fields(row, _ENROLMENT))
    return Leaf(ENROLMENT, f"{row.sitting}/{row.candidate}/{row.part}", row.sitting, content)


def checkpoint_leaf(row: Any) -> Leaf:  # noqa: ANN401
    """A checkpoint's own leaf, so that later ones speak of it and none is taken away unseen."""
    return Leaf(CHECKPOINT, str(row.size), "", row.data)


def sign_leaf(kind: str, ref: str, sitting: str, leaf: bytes, key: SigningKey) -> bytes:
    """The log key's signature that the store itself made this leaf; ``leaf`` is its hash."""
    return key.sign(_PURPOSE, _leaf_message(kind, ref, sitting, leaf))


def verify_leaf(kind: str, ref: str, sitting: str, leaf: bytes, signature: bytes, *, key: VerifyKey) -> None:
    """Check `sign_leaf`'s signature.

    Raises:
        WrongSignatureError: the store did not make this leaf.
    """
    message = _leaf_message(kind, ref, sitting, leaf)
    key.verify(_PURPOSE, message, signature, what=f"leaf of {kind} {ref}", signer="the store's log key")


def _leaf_message(kind: str, ref: str, sitting: str, leaf: bytes) -> bytes:
    return canonical_bytes({"kind": kind, "leaf": leaf.hex(), "ref": ref, "sitting": sitting})


def conflict_content(row: Any) -> dict[str, object]:  # noqa: ANN401
    """A conflict as plain data."""
    return _fields(row, _CONFLICT)


def result_content(row: Any) -> dict[str, object]:  # noqa: ANN401
    """A result as plain data."""
    return _fields(row, _RESULT)


def audit_content(row: Any) -> dict[str, object]:  # noqa: ANN401
    """An act as plain data."""
    return _fields(row, _AUDIT)


def _fields(row: object, names: Sequence[str]) -> dict[str, object]:
    return {name: spelled(getattr(row, name)) for name in names}


def spelled(value: object) -> object:
    """Plain data that has a canonical form, the same before and after it was kept as JSON in a database."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, str):
        return str(value).encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, Mapping):
        return {str(spelled(key)): spelled(entry) for key, entry in cast("Mapping[str, object]", value).items()}
    return [spelled(entry) for entry in cast("Sequence[object]", value)]
