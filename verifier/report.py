"""What was checked, what was found, what could not be checked: collected, and told to people and to programs."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Final

from verifier.errors import WrongError

RIGHT, FINDINGS, UNREADABLE = 0, 1, 2
"""Exit status: everything checked and right; something to look at; nothing can be said."""

_MOST_TOLD: Final = 200
_CANNOT_BE: Final = (RecursionError, ArithmeticError, LookupError, TypeError, ValueError)
"""What data gives rise to that no field's check foresaw: a finding, too, and never a crash."""


@dataclass(frozen=True)
class Finding:
    """Something that is not as it must be; ``check`` is the check that found it."""

    check: str
    where: str
    sentence: str


@dataclass
class Tally:
    """How often a check was made, and how often it held."""

    tried: int = 0
    right: int = 0


@dataclass
class Check:
    """One check while it is made."""

    report: Report
    check: str
    where: str
    found: int = 0

    def __enter__(self) -> None:
        """Begin."""
        self.report.tallies.setdefault(self.check, Tally()).tried += 1
        self.found = len(self.report.findings)

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        """End: what was wrong is written down, and the next check can be made."""
        if isinstance(error, WrongError):
            self.report.find(self.check, self.where, str(error))
        elif isinstance(error, _CANNOT_BE):
            self.report.find(self.check, self.where, f"it holds what the formats do not allow ({type(error).__name__})")
        self.report.tallies[self.check].right += len(self.report.findings) == self.found and error is None
        return isinstance(error, (WrongError, *_CANNOT_BE))


@dataclass
class Report:
    """The report of one bundle.

    Attributes:
        trust: where the keys came from that everything hangs on.
        notes: what is allowed and yet worth a reader's eye.
        unchecked: what could not be checked, and for want of what.
    """

    trust: list[str] = field(default_factory=list[str])
    tallies: dict[str, Tally] = field(default_factory=dict[str, Tally])
    findings: list[Finding] = field(default_factory=list[Finding])
    notes: list[str] = field(default_factory=list[str])
    unchecked: list[str] = field(default_factory=list[str])

    def checking(self, check: str, where: str) -> Check:
        """A ``with`` around one check; a `WrongError` inside is a finding and ends only this check."""
        return Check(self, check, where)

    def find(self, check: str, where: str, sentence: str) -> None:
        """Write a finding down."""
        self.findings.append(Finding(check, where, sentence))

    @property
    def status(self) -> int:
        """The exit status."""
        return FINDINGS if self.findings else RIGHT

    def lines(self) -> list[str]:
        """The report for people, one thing a line."""
        width = max((len(check) for check in self.tallies), default=0)
        told = [f"trust  {each}" for each in self.trust]
        told += [
            f"{'ok   ' if each.right == each.tried else 'WRONG'}  {check:<{width}}  {each.right} of {each.tried}"
            for check, each in self.tallies.items()
        ]
        told += [f"note   {each}" for each in self.notes]
        told += [f"NOT CHECKED  {each}" for each in self.unchecked]
        told += [f"FOUND  {each.where}: {each.sentence} ({each.check})" for each in self.findings[:_MOST_TOLD]]
        if len(self.findings) > _MOST_TOLD:
            told.append(f"FOUND  … and {len(self.findings) - _MOST_TOLD} more; --json tells them all")
        return [_printable(line) for line in told]

    def json(self) -> str:
        """The report for programs."""
        plain = {
            "format": 1,
            "status": self.status,
            "trust": self.trust,
            "checks": {check: {"tried": each.tried, "right": each.right} for check, each in self.tallies.items()},
            "findings": [
                {"check": each.check, "where": each.where, "sentence": each.sentence} for each in self.findings
            ],
            "notes": self.notes,
            "not_checked": self.unchecked,
        }
        return json.dumps(plain, ensure_ascii=True, indent=1) + "\n"


def _printable(line: str) -> str:
    """A line without anything that could move a terminal's cursor: names in a bundle are not to be trusted."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in line)
