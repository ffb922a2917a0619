"""Verifiers: what is kept of a password or day code, so that it can be checked and not read back.

Argon2id (RFC 9106) in the usual text form ``$argon2id$v=19$m=65536,t=3,p=4$<salt>$<hash>``; the cost stands in the
verifier, and one that is cheaper than the accepted minimum, or dearer than a PC can bear, is refused when parsed.
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from dataclasses import dataclass
from typing import Final, Self

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from sync.errors import DamagedError

_FORM: Final = re.compile(
    r"\$argon2id\$v=19\$m=([1-9][0-9]{0,7}),t=([1-9][0-9]?),p=([1-9][0-9]?)\$([A-Za-z0-9+/]{22})\$([A-Za-z0-9+/]{43})"
)
_SALT_BYTES: Final = 16
_HASH_BYTES: Final = 32
_MAX_MEMORY_KIB: Final = 2**20
_MAX_WORK_KIB: Final = 2**22


@dataclass(frozen=True, slots=True)
class Cost:
    """What one guess costs: memory in KiB, passes over it, lanes."""

    memory_kib: int
    passes: int
    lanes: int

    def reaches(self, minimum: Cost) -> bool:
        """True when this is at least as dear as ``minimum`` in memory and in memory times passes."""
        return (
            self.memory_kib >= minimum.memory_kib
            and self.memory_kib * self.passes >= minimum.memory_kib * minimum.passes
        )


PRODUCTION_COST: Final = Cost(65_536, 3, 4)
"""RFC 9106 §4, second recommended option; 0.16 s a guess on the machine it was measured on."""

PRODUCTION_MINIMUM: Final = Cost(19_456, 2, 1)
"""OWASP Password Storage Cheat Sheet: m = 19 MiB, t = 2, p = 1. Cheaper verifiers are refused."""

TEST_COST: Final = Cost(64, 1, 1)
"""For tests and the demo only, and only where the caller passes it as the minimum too."""


@dataclass(frozen=True, slots=True)
class PasswordVerifier:
    """A password's verifier; its text goes into tickets and accounts."""

    text: str

    @classmethod
    def make(cls, secret: str, cost: Cost = PRODUCTION_COST, *, salt: bytes | None = None) -> Self:
        """A verifier of ``secret`` (normalised to NFC) with a fresh salt of 16 bytes."""
        salt = secrets.token_bytes(_SALT_BYTES) if salt is None else salt
        argon = Argon2id(
            salt=salt, length=_HASH_BYTES, iterations=cost.passes, lanes=cost.lanes, memory_cost=cost.memory_kib
        )
        return cls(argon.derive_phc_encoded(_normal(secret)))

    @classmethod
    def parse(cls, text: str, minimum: Cost = PRODUCTION_MINIMUM) -> Self:
        """A verifier that came from outside.

        Raises:
            DamagedError: another form, cheaper than ``minimum``, or too dear (1 GiB, or 4 GiB over all passes).
        """
        found = _FORM.fullmatch(text)
        if found is None:
            raise DamagedError(what="password verifier", fault="it is not an Argon2id verifier with 16 bytes of salt")
        cost = Cost(int(found[1]), int(found[2]), int(found[3]))
        if not cost.reaches(minimum):
            raise DamagedError(
                what="password verifier", fault=f"its cost m={cost.memory_kib} KiB, t={cost.passes} is too low"
            )
        if cost.memory_kib > _MAX_MEMORY_KIB or cost.memory_kib * cost.passes > _MAX_WORK_KIB:
            raise DamagedError(
                what="password verifier", fault=f"its cost m={cost.memory_kib} KiB, t={cost.passes} is too high"
            )
        if cost.memory_kib < 8 * cost.lanes:
            raise DamagedError(
                what="password verifier", fault="it has less than 8 KiB of memory for each lane (RFC 9106 §3.1)"
            )
        return cls(text)

    def accepts(self, secret: str) -> bool:
        """True when ``secret`` is the one that this was made of."""
        try:
            Argon2id.verify_phc_encoded(_normal(secret), self.text)
        except InvalidKey:
            return False
        return True


class DayCodeVerifier(PasswordVerifier):
    """A day code's verifier. It keeps the code from being read off a screen or list; four digits keep nothing more."""

    __slots__ = ()


def new_day_code() -> str:
    """Four random digits (reglement 4.1: "en 4-sifret dagens kode")."""
    return f"{secrets.randbelow(10_000):04d}"


def _normal(secret: str) -> bytes:
    return unicodedata.normalize("NFC", secret).encode("utf-8")
