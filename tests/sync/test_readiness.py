"""A readiness report: one signer, strict fields, and ready only when nothing failed."""

from __future__ import annotations

import pytest

from sync.errors import DamagedError, WrongSignatureError
from sync.keys import SigningKey
from sync.readiness import Finding, Outcome, Readiness, sign_readiness, verify_readiness
from sync.signed import sign_message

PC, OTHER = SigningKey.create(), SigningKey.create()


def report(*outcomes: Outcome) -> Readiness:
    """A report with these outcomes."""
    findings = tuple(Finding(check=f"check_{number}", outcome=each, told="So.") for number, each in enumerate(outcomes))
    return Readiness(device="pc-1", sitting="s1", at_utc_ms=1_795_000_000_000, findings=findings)


def test_a_report_is_read_back_and_counts_from_its_device_only() -> None:
    told = report(*Outcome)
    data = sign_readiness(told, PC)
    assert verify_readiness(data, PC.public) == told
    with pytest.raises(WrongSignatureError, match="not signed by the device it names"):
        verify_readiness(data, OTHER.public)
    with pytest.raises(DamagedError, match="another kind"):
        verify_readiness(sign_message("progress", told, PC), PC.public)


@pytest.mark.parametrize("outcome", list(Outcome), ids=str)
def test_only_a_failed_check_makes_a_pc_not_ready(outcome: Outcome) -> None:
    assert report(Outcome.PASSED, outcome).is_ready is (outcome is not Outcome.FAILED)
